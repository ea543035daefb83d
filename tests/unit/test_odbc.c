/* test_odbc.c - the parts of the ODBC source that need no database: SQL texts, connection
 * strings, watermarks, cursors, ids, and what a filter asks. */
#include "ask.h"
#include "connstr.h"
#include "cursor.h"
#include "driver.h"
#include "keyset.h"
#include "mark.h"
#include "plain/plain.h"
#include "tap.h"
#include "text.h"
#include "worker.h"

#include <pthread.h>
#include <sql.h>
#include <sqlext.h>
#include <unistd.h>

#include "contactor/error.h"

static const char *const names[] = {"number", "digits", "since", NULL};
static const char *const none[] = {NULL};

/* --- SQL texts ------------------------------------------------------------------------
 */

static void good(const char *in, const char *want, uint32_t params)
{
    struct sqltext t;
    char why[300] = "";
    int32_t rc = sqltext_make(&t, in, names, why, sizeof(why));

    if (!ok(rc == 0, "takes: %s", in)) {
        printf("# %s\n", why);
        return;
    }
    is_str(t.sql, want, "as it is sent");
    is_int(t.n_params, params, "with its parameters");
    sqltext_finish(&t);
}

static void bad(const char *in, const char *reason)
{
    struct sqltext t;
    char why[300] = "";
    int32_t rc = sqltext_make(&t, in, names, why, sizeof(why));

    ok(rc == -CTR_EINVAL && strstr(why, reason), "refuses: %s", in);
    if (!strstr(why, reason))
        printf("# rc %d, %s\n", rc, why);
    if (rc == 0)
        sqltext_finish(&t);
}

static void sql_texts(void)
{
    struct sqltext t, w;
    char why[300], quoted[64];

    good("SELECT a FROM b", "SELECT a FROM b", 0);
    good("  select a from b where c=:number and d=:digits or e=:number ; ",
         "  select a from b where c=? and d=? or e=?", 3);
    good("SELECT ':number', \":digits\", `:since` FROM t WHERE n = :number",
         "SELECT ':number', \":digits\", `:since` FROM t WHERE n = ?", 1);
    good("SELECT 'it''s :number' FROM t", "SELECT 'it''s :number' FROM t", 0);
    good("SELECT E'a\\':number' FROM t WHERE x=:number",
         "SELECT E'a\\':number' FROM t WHERE x=?", 1);
    good("SELECT 'a\\' FROM t WHERE x=:number", "SELECT 'a\\' FROM t WHERE x=?", 1);
    good("SELECT a::text, b::varchar(10) FROM t WHERE n=:digits::bigint",
         "SELECT a::text, b::varchar(10) FROM t WHERE n=?::bigint", 1);
    good("SELECT a[1:2], x[:1] FROM t", "SELECT a[1:2], x[:1] FROM t", 0);
    good("SELECT [odd :number] FROM [t :x] WHERE y=:number",
         "SELECT [odd :number] FROM [t :x] WHERE y=?", 1);
    good("SELECT $$ :number ' $$, $tag$ :x $$ $tag$ FROM t",
         "SELECT $$ :number ' $$, $tag$ :x $$ $tag$ FROM t", 0);
    good("SELECT a -- :nothing ' here\nFROM t /* :x /* nested ' */ */ WHERE n=:number",
         "SELECT a -- :nothing ' here\nFROM t /* :x /* nested ' */ */ WHERE n=?", 1);
    good("-- a comment\n SELECT 1 -- and one at the end", "-- a comment\n SELECT 1", 0);
    good("(SELECT 1) UNION (SELECT 2);;", "(SELECT 1) UNION (SELECT 2)", 0);
    good("WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT 1) SELECT * FROM x",
         0);
    good("{call find(:number)}", "{call find(?)}", 1);
    good("EXEC find @n = :number", "EXEC find @n = ?", 1);
    bad("", "empty");
    bad("-- only a comment", "empty");
    bad("DELETE FROM t", "only reads");
    bad("UPDATE t SET a=1", "only reads");
    bad("drop table t", "only reads");
    bad("/* x */ INSERT INTO t VALUES (1)", "only reads");
    bad("SELECT 1; DELETE FROM t", "more than one");
    bad("SELECT 1;SELECT 2", "more than one");
    bad("SELECT 'open", "never closed");
    bad("SELECT \"open", "never closed");
    bad("SELECT $x$ open", "never closed");
    bad("SELECT /* open", "never closed");
    bad("SELECT (1", "never closed");
    bad("SELECT 1)", "without its (");
    bad("SELECT a FROM t WHERE b = ?", "bare ?");
    bad("SELECT a FROM t WHERE b = :nummer", "no placeholder :nummer");
    bad("SELECT a FROM t\nWHERE\nb = :nummer", "line 3");
    bad("'x'", "must begin");

    is_int(sqltext_make(&t, "SELECT a -- x", none, why, sizeof(why)), 0, "an inner text");
    is_int(sqltext_wrap(&w, &t, "*", "WHERE contactor_q.b >= ?", 1), 0, "is wrapped");
    is_str(w.sql, "SELECT * FROM (SELECT a\n) contactor_q WHERE contactor_q.b >= ?",
           "with its end on a line of its own");
    sqltext_finish(&t);
    sqltext_finish(&w);
    sqltext_identifier(quoted, sizeof(quoted), "a\"b; DROP", '"');
    is_str(quoted, "\"a\"\"b; DROP\"", "an identifier cannot leave its quotes");
}

/* --- connection strings ---------------------------------------------------------------
 */

static void added(const char *value, const char *want)
{
    char out[200] = "Driver=X";

    ok(connstr_add(out, sizeof(out), "PWD", value), "adds a value");
    is_str(out, want, "as drivers take it");
}

static void connection_strings(void)
{
    struct connstr c;
    char list[500], tight[20] = "Driver=X";

    ok(!connstr_parse(&c, " Driver={PostgreSQL Unicode} ; Server = db ;PWD={a;b}}c};X="),
       "a connection string");
    is_str(connstr_get(&c, "driver"), "PostgreSQL Unicode", "braces");
    is_str(connstr_get(&c, "SERVER"), "db", "blanks and case");
    is_str(connstr_get(&c, "pwd"), "a;b}c", "a doubled brace");
    is_str(connstr_get(&c, "X"), "", "an empty value");
    ok(!connstr_get(&c, "Y"), "no such key");
    connstr_finish(&c);
    ok(connstr_parse(&c, "Driver") != NULL, "not KEY=value");
    connstr_finish(&c);
    ok(connstr_parse(&c, "Driver={open") != NULL, "an open brace");
    connstr_finish(&c);
    ok(connstr_parse(&c, "Driver={a}b;") != NULL, "text behind a brace");
    connstr_finish(&c);
    added("simple", "Driver=X;PWD=simple");
    added("a;b}c", "Driver=X;PWD={a;b}}c}");
    added("{x", "Driver=X;PWD={{x}");
    added(" x", "Driver=X;PWD={ x}");
    ok(!connstr_add(tight, sizeof(tight), "PWD", "too long for it"), "no room");
    is_str(tight, "Driver=X", "leaves it as it was");

    is_str(driver_find("psqlodbcw.so")->title, "PostgreSQL", "a driver by its file");
    is_str(driver_find("MariaDB Unicode")->title, "MariaDB", "by its name");
    is_str(driver_find("/usr/lib/x/libmyodbc8w.so")->title, "MySQL", "MySQL's own");
    is_str(driver_find("SQLite3")->title, "SQLite", "SQLite");
    is_str(driver_find("ODBC Driver 18 for SQL Server")->title, "SQL Server",
           "Microsoft");
    is_str(driver_find("unheard of")->title, "ODBC", "one that nobody knows");
    driver_list(false, list, sizeof(list));
    ok(strstr(list, "\"SQLite3\"") && strstr(list, "\"PostgreSQL Unicode\""),
       "installed drivers are listed: %s", list);
}

/* --- text -----------------------------------------------------------------------------
 */

static void texts(void)
{
    static const uint16_t wide[] = {'J', 0xfc, 0xd83d, 0xde00, 0x20ac};
    static const uint16_t lone[] = {'a', 0xd83d, 'b'};
    static const char *const near[] = {"vorname", "nachname", "telefon"};
    char out[32] = "", cut[8] = "";
    size_t n;
    uint16_t *back;

    is_int(text_from_utf16(wide, 5, out), 10, "umlaut, emoji and euro from UTF-16");
    out[10] = 0;
    is_str(out, "J\xc3\xbc\xf0\x9f\x98\x80\xe2\x82\xac", "as UTF-8");
    back = text_to_utf16(out, 10, &n);
    ok(back && n == 5 && memcmp(back, wide, sizeof(wide)) == 0, "and back");
    free(back);
    is_int(text_from_utf16(lone, 3, out), -1, "a lone surrogate is no text");
    ok(!text_to_utf16("\xff", 1, &n), "bytes that are not UTF-8");
    ok(text_is_utf8("M\xc3\xbcller", 7) && !text_is_utf8("M\xfcller", 6),
       "UTF-8 is known");
    ok(!text_is_utf8("a\0b", 3) && !text_is_utf8("\xed\xa0\x80", 3),
       "NUL and surrogates");
    ok(!text_is_utf8("\xc0\xaf", 2) && !text_is_utf8("\xf5\x80\x80\x80", 4), "overlong");
    is_str(plain_nearest("Nachnahme", near, 3), "nachname", "the nearest name");
    ok(!plain_nearest("strasse", near, 3), "none that is near");
    ok(text_same_name(" Vorname ", "VORNAME") && !text_same_name("a", "ab"), "names");
    text_add(cut, sizeof(cut), "abcdef\xc3\xbcx");
    is_str(cut, "abcdef", "no half characters");
    strcpy(out, "x secret y secret");
    text_hide(out, "secret");
    is_str(out, "x *** y ***", "secrets are hidden");
}

/* --- watermarks -----------------------------------------------------------------------
 */

static struct mark mark_of(enum form form, int16_t type, const char *text, bool loose)
{
    struct column c = {.form = form, .type = type, .digits = 6};
    struct mark m = {.type = '?'};

    if (!mark_read(&m, &c, text, (int32_t)strlen(text), loose))
        m.type = '!';
    return m;
}

static void lowered(enum form form, int16_t type, const char *text, const char *want)
{
    struct mark m = mark_of(form, type, text, false);

    mark_lower(&m, 5 * 60 * 1000, 1000);
    is_str(m.text, want, "%s goes back", text);
}

static void raised(enum form form, int16_t type, const char *a, const char *b, bool later)
{
    struct mark m = mark_of(form, type, a, false), o = mark_of(form, type, b, false);

    mark_raise(&m, &o);
    is_str(m.text, later ? b : a, "the greater of %s and %s", a, b);
}

static void watermarks(void)
{
    struct mark m;
    struct mark_time t;
    struct column c = {.form = FORM_TEXT, .type = SQL_VARCHAR};

    is_int(mark_of(FORM_TEXT, SQL_BIGINT, "42", false).type, MARK_INTEGER, "a number");
    is_int(mark_of(FORM_TEXT, SQL_DOUBLE, "4.5", false).type, MARK_FLOAT, "a fraction");
    is_int(mark_of(FORM_STAMP, SQL_TYPE_TIMESTAMP, "2024-05-06 07:08:09", false).type,
           MARK_STAMP, "a timestamp");
    is_int(mark_of(FORM_BYTES, SQL_BINARY, "00000000000007d1", false).type, MARK_BYTES,
           "a rowversion");
    is_int(mark_of(FORM_TEXT, SQL_VARCHAR, "42", false).type, MARK_TEXT, "text");
    is_int(mark_of(FORM_TEXT, SQL_VARCHAR, "42", true).type, MARK_INTEGER,
           "a number in a column of any type");
    ok(!mark_read(&m, &c, "a\tb", 3, false), "no control characters");
    ok(!mark_read(&m, &c, "", CELL_NULL, false), "no NULL");

    lowered(FORM_STAMP, 0, "2024-03-01 00:02:00.5", "2024-02-29 23:57:00.5");
    lowered(FORM_STAMP, 0, "2000-01-01 00:00:00", "1999-12-31 23:55:00");
    lowered(FORM_DATE, 0, "2024-03-01", "2024-02-29");
    lowered(FORM_TEXT, SQL_VARCHAR, "2024-01-01T00:01:00.250Z",
            "2023-12-31T23:56:00.250Z");
    lowered(FORM_TEXT, SQL_VARCHAR, "2024-01-01 00:10:00.1234567 +02:00",
            "2024-01-01 00:05:00.1234567 +02:00");
    lowered(FORM_TEXT, SQL_VARCHAR, "version 7", "version 7");
    lowered(FORM_TEXT, SQL_BIGINT, "5000", "4000");
    lowered(FORM_TEXT, SQL_BIGINT, "-9223372036854775808", "-9223372036854775808");
    lowered(FORM_BYTES, SQL_BINARY, "00000000000007d1", "00000000000003e9");
    lowered(FORM_BYTES, SQL_BINARY, "0001", "0000");
    raised(FORM_TEXT, SQL_BIGINT, "9", "10", true);
    raised(FORM_TEXT, SQL_BIGINT, "10", "9", false);
    raised(FORM_STAMP, 0, "2024-05-06 07:08:09", "2024-05-06 07:08:09.1", true);
    raised(FORM_STAMP, 0, "2024-05-06 07:08:09.5", "2024-05-06 07:08:09.25", false);
    raised(FORM_BYTES, SQL_BINARY, "00ff", "0100", true);
    raised(FORM_TEXT, SQL_VARCHAR, "2024-01-01 02:00:00 +02:00", "2024-01-01 00:30:00Z",
           true);

    m = mark_of(FORM_STAMP, 0, "9999-12-31 23:59:59", false);
    ok(mark_is_after(&m, INT64_C(1704067200000)), "a time from the far future");
    m = mark_of(FORM_TEXT, SQL_VARCHAR, "2024-01-01 01:30:00 +02:00", false);
    ok(!mark_is_after(&m, INT64_C(1704067200000)), "its time zone counts");
    m = mark_of(FORM_TEXT, SQL_BIGINT, "9999", false);
    ok(!mark_is_after(&m, 0), "a number is no time");
    m = mark_of(FORM_STAMP, 0, "2024-01-01 00:00:00", false);
    ok(!mark_is_after(&m, INT64_C(1704067200000)), "now");
    ok(mark_time(&m, &t) && t.year == 2024 && t.month == 1 && t.hour == 0, "parts");
}

static void cursors(void)
{
    static const char *const broken[] = {
        "",
        "odbc2",
        "odbc1\t0123456789abcdef\t1\t1\t0\ti\t0\t5\tid",
        "odbc2\t0123456789abcdef\t1\t1\t2\ti\t0\t5\tid",
        "odbc2\tshort\t1\t1\t0\ti\t0\t5\tid",
        "odbc2\t0123456789abcdef\tx\t1\t0\ti\t0\t5\tid",
        "odbc2\t0123456789abcdef\t1\t1\t0\ti\t0\tfive\tid",
        "odbc2\t0123456789abcdef\t1\t1\t0\tt\t0\tnot a time\tid",
        "odbc2\t0123456789abcdef\t1\t1\t0\tb\t0\tabc\tid",
        "odbc2\t0123456789abcdef\t1\t1\t0\tii\t0\t5\tid",
        "odbc2\t0123456789abcdef\t-1\t1\t0\ti\t0\t5\tid",
        "odbc2\t0123456789abcdef\t1\t1\t0\ti\t0\t5\ta\tb\tc\td\te\tf\tg\th\ti\tj"};
    struct cursor c = {.hash = 0x0123456789abcdef,
                       .full_at = 7,
                       .at = 8,
                       .several = true,
                       .n_names = 2},
                  back;
    char text[CURSOR_TEXT];

    c.mark = mark_of(FORM_STAMP, 0, "2024-05-06 07:08:09.25", false);
    strcpy(c.names[0], "modified");
    strcpy(c.names[1], "odd \"name\"; --");
    ok(cursor_write(&c, text, sizeof(text)), "a cursor is written");
    ok(cursor_read(&back, text, strlen(text)), "and read");
    ok(back.hash == c.hash && back.full_at == 7 && back.at == 8 && back.several &&
           back.n_names == 2 && strcmp(back.mark.text, c.mark.text) == 0 &&
           back.mark.digits == 6 && strcmp(back.names[1], c.names[1]) == 0,
       "the same comes back");
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ok(!cursor_read(&back, broken[i], strlen(broken[i])), "broken cursor %zu", i);
    ok(!cursor_read(&back, "odbc2\0x", 7), "a NUL in a cursor");
}

/* --- ids ------------------------------------------------------------------------------
 */

static void id_sets(void)
{
    struct keyset s;
    char id[32];
    int n = 0, wrong = 0;
    size_t at = 0;

    keyset_init(&s, true);
    for (int i = 0; i < 5000; i++)
        wrong += keyset_add(&s, id, (size_t)sprintf(id, "id-%d", i)) != 0;
    is_int(wrong, 0, "5000 ids are new");
    is_int(keyset_add(&s, "id-77", 5), -CTR_EEXIST, "one of them again is not");
    for (int i = 0; i < 5000; i += 2)
        keyset_remove(&s, id, (size_t)sprintf(id, "id-%d", i));
    ok(!keyset_has(&s, "id-76", 5) && keyset_has(&s, "id-77", 5), "half of them is gone");
    while (keyset_next(&s, &at))
        n++;
    is_int(n, 2500, "the others are listed");
    for (int i = 0; i < 5000; i++)
        n += keyset_add(&s, id, (size_t)sprintf(id, "new-%d", i)) == 0;
    is_int(n, 7500, "and there is room for more");
    keyset_finish(&s);
}

/* --- what a filter asks ---------------------------------------------------------------
 */

static struct ctr_str str(const char *z)
{
    return (struct ctr_str){z, strlen(z)};
}

static struct ctr_filter leaf(uint32_t op, uint64_t kinds, const struct ctr_str *values,
                              uint32_t n)
{
    return (struct ctr_filter){.op = op, .kinds = kinds, .values = values, .n_values = n};
}

static void asks(void)
{
    struct config c = {.tail_digits = 7};
    struct ask a[ASKS_MAX];
    char why[200];
    struct ctr_str number[] = {str("+4989840798192"), str("089840798192"),
                               str("089/840798-192")};
    struct ctr_str name[] = {str("Anna 100%_M\xc3\xbcller!")}, one[] = {str("x")};
    struct ctr_str pieces[] = {str("mei"), {NULL, 0}};
    uint64_t text = CTR_KIND(CTR_FIELD_SURNAME) | CTR_KIND(CTR_FIELD_DISPLAY_NAME);
    struct ctr_filter phone = leaf(CTR_OP_EQUAL, CTR_KINDS_PHONE, number, 3),
                      mobile =
                          leaf(CTR_OP_EQUAL, CTR_KIND(CTR_FIELD_PHONE_MOBILE), number, 3),
                      words = leaf(CTR_OP_WORDS, text, name, 1),
                      initial = leaf(CTR_OP_SUBSTR, text, pieces, 2),
                      brief = leaf(CTR_OP_EQUAL, text, one, 1),
                      by_id = leaf(CTR_OP_EQUAL, CTR_KIND(CTR_FIELD_ID), name, 1),
                      all = {.op = CTR_OP_TRUE};
    const struct ctr_filter *both[] = {&phone, &mobile},
                            *mixed[] = {&all, &words, &phone}, *negated[] = {&phone};
    struct ctr_filter either = {.op = CTR_OP_OR, .children = both, .n_children = 2},
                      every = {.op = CTR_OP_AND, .children = mixed, .n_children = 3},
                      no = {.op = CTR_OP_NOT, .children = negated, .n_children = 1};
    static const char *const numbers[] = {"number", "digits", "national",
                                          "asked",  "tail",   NULL};
    static const char *const words_of[] = {"text", "word", "prefix", "contains", NULL};

    sqltext_make(&c.lookup, "SELECT 1 WHERE :number = :tail", numbers, why, sizeof(why));
    is_int(ask_make(a, &c, &phone), 1, "a number is asked");
    is_str(a[0].values[ASK_NUMBER], "+4989840798192", ":number");
    is_str(a[0].values[ASK_DIGITS], "4989840798192", ":digits");
    is_str(a[0].values[ASK_NATIONAL], "089840798192", ":national");
    is_str(a[0].values[ASK_ASKED], "089/840798-192", ":asked");
    is_str(a[0].values[ASK_TAIL], "0798192", ":tail");
    is_int(ask_make(a, &c, &either), 1, "the same number in two fields is one lookup");
    is_int(ask_make(a, &c, &every), 1, "of an AND the number is enough");
    is_int(ask_make(a, &c, &words), 0, "no statement for names, no lookup");
    sqltext_make(&c.lookup_text, "SELECT 1 WHERE a LIKE :prefix", words_of, why,
                 sizeof(why));
    is_int(ask_make(a, &c, &words), 1, "a name is asked");
    is_str(a[0].values[ASK_TEXT], "Anna 100%_M\xc3\xbcller!", ":text");
    is_str(a[0].values[ASK_WORD], "M\xc3\xbcller", ":word is the longest");
    is_str(a[0].values[ASK_PREFIX], "M\xc3\xbcller%", ":prefix");
    is_str(a[0].values[ASK_CONTAINS], "%M\xc3\xbcller%", ":contains");
    is_int(ask_make(a, &c, &initial), 1, "type-ahead");
    is_int(ask_make(a, &c, &every), 1, "an AND asks for the number only");
    ok(a[0].sql == &c.lookup, "by the statement for numbers");
    is_int(ask_make(a, &c, &brief), 0, "one letter is too little");
    is_int(ask_make(a, &c, &by_id), 0, "an id is not asked");
    is_int(ask_make(a, &c, &no), 0, "neither is what somebody is not");
    is_int(ask_make(a, &c, &all), 0, "nor everybody");
    ask_text(&a[0], &c, "ab");
    is_str(a[0].values[ASK_PREFIX], "ab%", "a text to try with");
    sqltext_finish(&c.lookup);
    sqltext_finish(&c.lookup_text);
}

/* --- workers --------------------------------------------------------------------------
 */

struct job {
    int pipe[2];
    int ran, finished, interrupted; /* under the pipe's order */
};

static void job_quick(void *arg)
{
    ((struct job *)arg)->ran++;
}

static void job_stuck(void *arg)
{
    struct job *j = arg;
    char c;

    j->ran += (int)read(j->pipe[0], &c, 1);
}

static void job_interrupt(void *arg)
{
    struct job *j = arg;

    j->interrupted += (int)write(j->pipe[1], "x", 1);
}

static void job_finish(void *arg)
{
    __atomic_store_n(&((struct job *)arg)->finished, 1, __ATOMIC_SEQ_CST);
}

static bool never(void *user)
{
    (void)user;
    return false;
}

static bool at_once(void *user)
{
    (void)user;
    return true;
}

static bool wait_empty(struct crew *crew)
{
    for (int i = 0; i < 500 && crew_size(crew) > 0; i++)
        usleep(10000);
    return crew_size(crew) == 0;
}

static void workers(void)
{
    struct crew *crew = crew_create();
    struct job j = {0}, stuck[6];
    struct worker *w = NULL, *ws[6];
    struct patience p = {.limit = 2000, .canceled = never}, brief = {.limit = 50};
    struct patience canceled = {.limit = 60000, .canceled = at_once};
    int busy = 0;

    ok(pipe(j.pipe) == 0, "a pipe");
    is_int(worker_create(crew, job_finish, &j, &w), 0, "a worker");
    worker_begin(w, job_quick);
    is_int(worker_wait(w, &p), 0, "does what it is told");
    is_int(j.ran, 1, "once");
    worker_begin(w, job_stuck);
    is_int(worker_wait(w, &brief), -CTR_ETIMEDOUT, "is not waited for for ever");
    is_int(worker_wait(w, &canceled), -CTR_ECANCELED, "nor after a cancel");
    worker_interrupt(w, job_interrupt);
    is_int(worker_wait(w, &p), 0, "comes back when interrupted");
    is_int(j.interrupted, 1, "by the function for that");
    worker_leave(w);
    ok(wait_empty(crew) && j.finished, "and finishes when it is left");

    for (int i = 0; i < 6; i++) {
        memset(&stuck[i], 0, sizeof(stuck[i]));
        if (pipe(stuck[i].pipe) != 0)
            abort();
        if (worker_create(crew, job_finish, &stuck[i], &ws[i]) == -CTR_EBUSY) {
            busy++;
            ws[i] = NULL;
            continue;
        }
        worker_begin(ws[i], job_stuck);
        worker_wait(ws[i], &brief);
        worker_leave(ws[i]);
    }
    is_int(busy, 2, "no more than four may be stuck");
    is_int(crew_stuck(crew), 4, "they are counted");
    for (int i = 0; i < 6; i++)
        if (write(stuck[i].pipe[1], "x", 1) != 1)
            abort();
    ok(wait_empty(crew), "what comes back at last cleans up");
    is_int(crew_stuck(crew), 0, "and makes room");
    crew_unref(crew);
}

int main(void)
{
    sql_texts();
    connection_strings();
    texts();
    watermarks();
    cursors();
    id_sets();
    asks();
    workers();
    return tap_done();
}
