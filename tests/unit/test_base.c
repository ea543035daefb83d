/* test_base.c - strings, buffers, arenas, clocks, error names and the log's lines. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "tap.h"

static void test_views(void)
{
    struct ctr_str none = {NULL, 0};
    struct ctr_str trimmed = str_trim(STR_LIT(" \t\r\n a b \v"));

    ok(str_eq(none, STR_LIT("")), "an absent and an empty view have the same bytes");
    ok(str_eq_nocase(STR_LIT("AbZ"), STR_LIT("aBz")), "case of ASCII is ignored");
    ok(!str_eq_nocase(STR_LIT("\xc3\x84"), STR_LIT("\xc3\xa4")), "only of ASCII");
    ok(!str_eq_nocase(STR_LIT("ab"), STR_LIT("abc")), "lengths count");
    ok(!str_eq_nocase(STR_LIT("["), STR_LIT("{")), "only letters fold");
    ok(str_starts(STR_LIT("abc"), STR_LIT("ab")), "prefix");
    ok(!str_starts(STR_LIT("a"), STR_LIT("ab")), "longer than the text");
    ok(str_starts(none, none), "nothing starts nothing");
    ok(str_cmp(STR_LIT("ab"), STR_LIT("abc")) < 0, "the shorter first");
    ok(str_cmp(STR_LIT("\xff"), STR_LIT("a")) > 0, "bytes are unsigned");
    is_int(str_cmp(none, none), 0, "nothing equals nothing");
    ok(str_eq_z(trimmed, "a b"), "trimmed at both ends");
    is_int(str_trim(STR_LIT("  ")).len, 0, "all white space");
    is_int(str_trim(none).len, 0, "trimming nothing");
}

static void test_utf8(void)
{
    static const char *const bad[] = {
        "\x80",
        "\xc0\xaf",
        "\xc1\xbf",
        "\xc3",
        "\xe0\x80\x80",
        "\xe2\x82",
        "\xed\xa0\x80",
        "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "a\xe2\x28\xa1",
    };
    int refused = 0;

    ok(str_is_utf8(STR_LIT("M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x93\x9e \xed\x9f\xbf")),
       "two, three and four bytes");
    ok(str_is_utf8(STR_LIT("\xf4\x8f\xbf\xbf")), "the last code point");
    ok(str_is_utf8((struct ctr_str){NULL, 0}), "nothing is valid");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused += !str_is_utf8(str_of(bad[i]));
    is_int(refused, sizeof(bad) / sizeof(bad[0]), "every malformed form is refused");
}

static void test_distance(void)
{
    char longer[200];

    memset(longer, 'a', sizeof(longer));
    longer[199] = '\0';
    is_int(str_distance("dsn", "dsn", 2), 0, "equal");
    is_int(str_distance("dns", "dsn", 2), 1, "two letters swapped");
    is_int(str_distance("plugn", "plugin", 2), 1, "one missing");
    is_int(str_distance("listten", "listen", 2), 1, "one too many");
    is_int(str_distance("kitten", "sitting", 5), 3, "the classic");
    is_int(str_distance("kitten", "sitting", 2), 3, "over the limit: limit + 1");
    is_int(str_distance("", "ab", 2), 2, "from nothing");
    is_int(str_distance("a", "abcdef", 2), 3, "far too long");
    is_int(str_distance(longer, longer, 2), 0, "long and equal");
    is_int(str_distance(longer, longer + 1, 2), 3, "long and unequal");
}

static void test_strbuf(void)
{
    struct strbuf b = {.max = 10};
    char *taken;

    is_int(strbuf_z(&b, "12345"), 0, "within the limit");
    is_int(strbuf_fmt(&b, "%d", 678), 0, "formatted");
    is_int(strbuf_add(&b, "abc", 3), -CTR_ENOMEM, "over the limit");
    is_int(strbuf_char(&b, 'x'), -CTR_ENOMEM, "the refusal sticks");
    is_str(b.ptr, "12345678", "what was there stays");
    strbuf_reset(&b);
    is_int(strbuf_str(&b, STR_LIT("0123456789")), 0, "exactly the limit fits");
    taken = strbuf_take(&b);
    is_str(taken, "0123456789", "taken");
    ok(!b.ptr && b.max == 10, "the buffer is empty again");
    free(taken);
    taken = strbuf_take(&b);
    is_str(taken, "", "taking from an empty buffer");
    free(taken);
    b.max = 0;
    for (int i = 0; i < 100000; i++)
        strbuf_char(&b, 'y');
    is_int(b.len, 100000, "grows");
    ok(b.ptr[b.len] == '\0', "with a NUL behind");
    is_int(strbuf_add(&b, "", SIZE_MAX), -CTR_ENOMEM, "a length that lies is refused");
    strbuf_finish(&b);
}

static void test_arena(void)
{
    struct arena a = {0};
    char *p, *q;
    bool zeroed = true, aligned = true;

    for (size_t i = 1; i < 3000; i += 7) {
        p = arena_alloc(&a, i);
        for (size_t k = 0; k < i; k++)
            zeroed = zeroed && p[k] == 0;
        aligned = aligned && (uintptr_t)p % 16 == 0;
        memset(p, 0xaa, i);
    }
    ok(zeroed, "memory is zeroed");
    ok(aligned, "and aligned");
    q = arena_alloc(&a, 1000000);
    ok(q != NULL, "larger than a block");
    arena_reset(&a);
    is_int(a.used, 0, "nothing is used after a reset");
    p = arena_alloc(&a, 64);
    ok(p[0] == 0 && p[63] == 0, "reused memory is zeroed again");
    ok(!arena_array(&a, SIZE_MAX / 2, 3), "a product that overflows");
    ok(!arena_alloc(&a, SIZE_MAX), "a size near the end of the range");
    is_str(arena_fmt(&a, "%s-%d", "x", 7), "x-7", "formatted");
    is_str(arena_str(&a, STR_LIT("copy")).ptr, "copy", "copied");
    is_str(arena_z(&a, ""), "", "an empty copy is not absent");
    ok(arena_str(&a, (struct ctr_str){NULL, 0}).ptr != NULL, "nor is one of nothing");
    arena_finish(&a);
    arena_init(&a, 100);
    ok(arena_alloc(&a, 96) != NULL, "below the cap");
    ok(!arena_alloc(&a, 16), "above it");
    ok(!arena_str(&a, STR_LIT("12345")).ptr, "strings too");
    arena_finish(&a);
    arena_finish(&a);
}

static void test_clock(void)
{
    char out[32], tiny[5];
    int64_t before = clock_us();

    is_str(clock_format(1795294702000, out, sizeof(out)), "2026-11-21T20:58:22Z",
           "a time");
    is_str(clock_format(0, out, sizeof(out)), "never", "no time");
    is_str(clock_format(-1, out, sizeof(out)), "1969-12-31T23:59:59Z", "before 1970");
    is_str(clock_format(INT64_MAX, out, sizeof(out)), "invalid time", "no such year");
    is_str(clock_format(1795294702000, tiny, sizeof(tiny)), "", "too little room");
    usleep(2000);
    ok(clock_us() - before >= 2000 && clock_ms() <= clock_us() / 1000 + 1,
       "the clock runs");
    ok(clock_wall_ms() > 1600000000000, "the wall clock is of this century");
}

static void test_errors(void)
{
    is_str(error_name(-CTR_ENOENT), "ENOENT", "a negative code");
    is_str(error_name(CTR_ENOENT), "ENOENT", "a positive one");
    is_str(error_text(-CTR_ECONF), "configuration error", "its text");
    is_str(error_name(0), "OK", "no error");
    is_str(error_text(-12345), "unknown error", "an unknown one");
    is_str(error_name(INT_MIN), "EUNKNOWN", "one without a positive twin");
}

struct entry {
    int id;
    struct list link;
};

static void test_list(void)
{
    struct list head;
    struct entry entries[3] = {{.id = 1}, {.id = 2}, {.id = 3}};
    int sum = 0;

    list_init(&head);
    ok(list_empty(&head), "an empty list");
    for (int i = 0; i < 3; i++)
        list_append(&head, &entries[i].link);
    list_remove(&entries[1].link);
    list_remove(&entries[1].link);
    list_for_each(it, &head) sum = sum * 10 + list_entry(it, struct entry, link)->id;
    is_int(sum, 13, "in order, without the removed one");
    list_for_each_safe(it, &head) list_remove(it);
    ok(list_empty(&head), "emptied while walking");
}

/* --- the log -------------------------------------------------------------------------
 */

static int saved_stderr, capture[2];

static void capture_begin(void)
{
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    if (pipe(capture) != 0 || dup2(capture[1], STDERR_FILENO) < 0)
        abort();
}

static const char *capture_end(void)
{
    static char text[65536];
    ssize_t n;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(capture[1]);
    n = read(capture[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(capture[0]);
    return text;
}

static void test_log(void)
{
    const char *text;
    char *big = malloc(10000);

    setenv("JOURNAL_STREAM", "8:1", 1);
    capture_begin();
    errno = EPIPE;
    log_warn("source.crm", "sync failed reason=%s rows=%d", "a\nb\r\x1b[31m\x7f\t", 7);
    text = capture_end();
    is_int(errno, EPIPE, "errno is kept");
    is_str(text, "<4>source.crm: sync failed reason=a\\nb\\r\\x1b[31m\\x7f\\t rows=7\n",
           "a line for the journal, control characters escaped");

    capture_begin();
    log_error("net", "M\xc3\xbcller \xc2\x9b");
    is_str(capture_end(), "<3>net: M\xc3\xbcller \xc2\\x9b\n",
           "UTF-8 stays, C1 controls do not");

    capture_begin();
    log_debug("net", "hidden");
    is_str(capture_end(), "", "debug is off by default");
    log_set_level(LOG_LEVEL_DEBUG);
    capture_begin();
    log_debug("net", "shown");
    is_str(capture_end(), "<7>net: shown\n", "and can be switched on");
    log_set_level(LOG_LEVEL_INFO);
    is_int(log_get_level(), LOG_LEVEL_INFO, "and off");

    memset(big, '\n', 9999);
    big[9999] = '\0';
    capture_begin();
    log_info("net", "%s", big);
    text = capture_end();
    ok(strlen(text) < 8500 && strstr(text, "...\n"), "a long message is cut");
    ok(strchr(text, '\n') == text + strlen(text) - 1, "and still one line");
    free(big);

    unsetenv("JOURNAL_STREAM");
    capture_begin();
    log_info("net", "listening");
    text = capture_end();
    ok(strlen(text) == 20 + strlen(" info net: listening\n") && text[10] == 'T' &&
           strstr(text, "Z info net: listening\n"),
       "a line for a terminal has time and level");
}

/* What a logfmt reader makes of the value that begins at z; NULL: it cannot be read. */
static const char *unquote(const char *z, const char **end)
{
    static char out[4096];
    size_t n = 0;
    unsigned code;

    if (*z++ != '"')
        return NULL;
    while (*z && *z != '"') {
        if ((unsigned char)*z < 0x20)
            return NULL;
        if (*z != '\\') {
            out[n++] = *z++;
        } else if (z[1] == 'u' && sscanf(z + 2, "%4x", &code) == 1) {
            if (code >= 0x80)
                out[n++] = (char)0xc2;
            out[n++] = (char)code;
            z += 6;
        } else if (z[1] && strchr("nrt\"\\", z[1])) {
            out[n++] = z[1] == 'n'   ? '\n'
                       : z[1] == 'r' ? '\r'
                       : z[1] == 't' ? '\t'
                                     : z[1];
            z += 2;
        } else {
            return NULL;
        }
    }
    out[n] = '\0';
    *end = *z == '"' ? z + 1 : "";
    return *z == '"' ? out : NULL;
}

static void test_log_quoted(void)
{
    const char *hostile = "no \"such\" C:\\dir\n\r\t\x1b[31m\x7f \xc2\x9b M\xc3\xbcller",
               *end;
    char big[5000];
    const char *line, *value;

    setenv("JOURNAL_STREAM", "8:1", 1);
    capture_begin();
    log_warn("source.crm", "sync_failed reason=%s rows=%d", log_quoted(hostile), 7);
    line = capture_end();
    is_str(line,
           "<4>source.crm: sync_failed reason=\"no \\\"such\\\" "
           "C:\\\\dir\\n\\r\\t\\u001b[31m"
           "\\u007f \\u009b M\xc3\xbcller\" rows=7\n",
           "a value in quotes is escaped as logfmt wants it");
    value = unquote(strchr(line, '"'), &end);
    is_str(value, hostile, "and reads back as it was");
    is_str(end, " rows=7\n", "and ends where it should");
    is_str(log_quoted(NULL), "\"\"", "no value is an empty one");

    memset(big, '"', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    value = unquote(log_quoted(big), &end);
    ok(value && strlen(value) > 500 && strcmp(value + strlen(value) - 4, "\"...") == 0 &&
           !*end,
       "a long one is cut and still ends");
    for (size_t i = 0; i + 1 < sizeof(big); i += 2)
        memcpy(big + i, "\xc3\xbc", 2);
    for (size_t shift = 0; shift < 3; shift++) {
        char text[5000];

        snprintf(text, sizeof(text), "%.*s%.4000s", (int)shift, "abc", big);
        value = unquote(log_quoted(text), &end);
        ok(value && str_is_utf8(str_of(value)), "not in the middle of a character");
    }
    capture_begin();
    log_warn("net", "%s a=%s b=%s", "x", log_quoted(big), log_quoted(big));
    line = capture_end();
    value = unquote(strstr(line, " b=") + 3, &end);
    ok(value && strcmp(end, "\n") == 0, "the value in which a line is cut ends, too");
    unsetenv("JOURNAL_STREAM");
}

static void test_log_levels(void)
{
    enum log_level level = LOG_LEVEL_ERROR;

    is_int(log_level_parse("warn", &level), 0, "a level by name");
    is_int(level, LOG_LEVEL_WARN, "the right one");
    is_int(log_level_parse("loud", &level), -CTR_EINVAL, "an unknown one");
    is_int(log_level_parse(NULL, &level), -CTR_EINVAL, "none");
    is_str(log_level_name(LOG_LEVEL_DEBUG), "debug", "back to its name");
    is_str(log_level_name((enum log_level)5), "unknown", "no such level");
}

static void *log_thread(void *arg)
{
    for (int i = 0; i < 200; i++)
        log_info("net", "thread=%d %s", *(int *)arg, "0123456789012345678901234567890");
    return NULL;
}

static void test_log_threads(void)
{
    pthread_t threads[2];
    int ids[2] = {1, 2};
    const char *text;
    int lines = 0;
    bool whole = true;

    setenv("JOURNAL_STREAM", "8:1", 1);
    capture_begin();
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, log_thread, &ids[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    text = capture_end();
    for (const char *p = text; *p; lines++) {
        const char *end = strchr(p, '\n');

        whole = whole && end && end - p == 48 && strncmp(p, "<6>net: thread=", 15) == 0;
        if (!end)
            break;
        p = end + 1;
    }
    ok(whole, "lines of two threads never mix");
    is_int(lines, 400, "and none is lost");
}

static void test_alloc(void)
{
    char *copy = xstrndup("abc\0def", 7);
    char secret[8] = "secret";

    is_str(copy, "abc", "a copy ends at the NUL");
    free(copy);
    wipe(secret, sizeof(secret));
    ok(secret[0] == 0 && secret[5] == 0, "wiped");
    wipe(NULL, 0);
    free(xmalloc(0));
}

int main(void)
{
    test_views();
    test_utf8();
    test_distance();
    test_strbuf();
    test_arena();
    test_clock();
    test_errors();
    test_list();
    test_log();
    test_log_quoted();
    test_log_levels();
    test_log_threads();
    test_alloc();
    return tap_done();
}
