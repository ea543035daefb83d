/* test_isolate.c - isolation: what goes over the sockets, and a daemon's end that
 * believes nothing. This program is also the process: started with the hidden argument it
 * plays the part that its name says. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "conf/pack.h"
#include "isolate/private.h"
#include "tap.h"

/* ---- bytes ---------------------------------------------------------------------- */

static void numbers(void)
{
    static const int64_t values[] = {0, 1, -1, 63, -64, 64, 300, INT64_MAX, INT64_MIN};
    struct strbuf out = {0};
    struct wire w;
    bool good = true;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        wire_put_i(&out, values[i]);
        wire_put_u(&out, (uint64_t)values[i]);
    }
    wire_put_z(&out, NULL);
    wire_put_z(&out, "");
    wire_put_z(&out, "text");
    w = wire_of(out.ptr, out.len);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        good = good && wire_i(&w) == values[i] && wire_u(&w) == (uint64_t)values[i];
    ok(good, "numbers come back");
    ok(!wire_str(&w).ptr, "what is absent is absent");
    ok(str_eq_z(wire_str(&w), ""), "what is empty is empty");
    ok(str_eq_z(wire_str(&w), "text"), "a text comes back");
    ok(wire_done(&w), "and that is all");
    ok(wire_u(&w) == 0 && w.bad, "past the end is bad");
    w = wire_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10);
    ok(wire_u(&w) == 0 && w.bad, "a number too large is none");
    w = wire_of("\x05x", 2);
    ok(!wire_str(&w).ptr && w.bad, "a text longer than there is is none");
    w = wire_of("\xac\x02", 2);
    ok(wire_u32(&w, 299) == 0 && w.bad, "a number over its bound is bad");
    strbuf_finish(&out);
}

static struct ctr_contact make_contact(struct ctr_field fields[3], char *large)
{
    struct ctr_contact c = {.size = sizeof(c),
                            .id = STR_LIT("id-1"),
                            .fields = fields,
                            .n_fields = 3,
                            .field_size = sizeof(fields[0])};

    memset(large, 'x', CTR_VALUE_MAX + 1);
    memset(fields, 0, 3 * sizeof(fields[0]));
    fields[0].kind = CTR_FIELD_SURNAME;
    fields[0].value = STR_LIT("  Müller ");
    fields[1].kind = CTR_FIELD_CUSTOM;
    fields[1].name = STR_LIT("shoe_size");
    fields[1].value = STR_LIT("");
    fields[2].kind = CTR_FIELD_NOTE;
    fields[2].value = str_make(large, CTR_VALUE_MAX + 1);
    return c;
}

static void contacts(void)
{
    static char large[CTR_VALUE_MAX + 1], id[CTR_ID_MAX + 100];
    struct ctr_field fields[3];
    struct ctr_contact c = make_contact(fields, large);
    struct strbuf out = {0};
    struct contacts got = {0};
    struct wire w;
    bool good = true;

    contact_put(&out, &c);
    memset(id, 'i', sizeof(id));
    c.id = str_make(id, sizeof(id));
    c.owner = STR_LIT("anna");
    c.n_fields = 0;
    contact_put(&out, &c);
    w = wire_of(out.ptr, out.len);
    is_int(contacts_read(&w, &got), 0, "contacts come back");
    is_int(got.n, 2, "all of them");
    ok(str_eq_z(got.items[0].id, "id-1") && !got.items[0].owner.ptr, "with their id");
    ok(str_eq_z(got.items[0].fields[0].value, "Müller"), "with their fields");
    ok(str_eq_z(got.items[0].fields[1].name, "shoe_size"), "and their names");
    is_int(got.items[0].fields[2].kind, 0, "a value too long is left out there, counted");
    is_int((long long)got.items[1].id.len, CTR_ID_MAX + 1,
           "an id too long stays too long");
    ok(str_eq_z(got.items[1].owner, "anna"), "an owner comes back");
    for (size_t n = 0; n < out.len; n++) {
        w = wire_of(out.ptr, n);
        if (contacts_read(&w, &got) == 0)
            good = good && got.n == 1;
    }
    ok(good, "cut anywhere they are refused, or whole");
    strbuf_reset(&out);
    for (int i = 0; i < 1025; i++)
        contact_put(&out, &c);
    w = wire_of(out.ptr, out.len);
    is_int(contacts_read(&w, &got), -CTR_EFORMAT, "too many are refused");
    contacts_finish(&got);
    strbuf_finish(&out);
}

static void questions(void)
{
    struct ctr_str values[2] = {STR_LIT("+4989"), {NULL, 0}};
    struct ctr_filter leaf = {
        .op = CTR_OP_SUBSTR, .kinds = CTR_KINDS_PHONE, .n_values = 2, .values = values};
    const struct ctr_filter *children[1] = {&leaf};
    struct ctr_filter deep[80];
    const struct ctr_filter *below[80];
    struct ctr_query query = {.size = sizeof(query), .limit = 7, .want = 42}, back;
    struct strbuf out = {0};
    struct arena arena = {0};
    struct wire w;

    deep[0] =
        (struct ctr_filter){.op = CTR_OP_NOT, .n_children = 1, .children = children};
    query.filter = &deep[0];
    query_put(&out, &query);
    w = wire_of(out.ptr, out.len);
    is_int(query_read(&w, &arena, &back), 0, "a question comes back");
    ok(back.limit == 7 && back.want == 42 && back.filter->op == CTR_OP_NOT &&
           str_eq_z(back.filter->children[0]->values[0], "+4989") &&
           !back.filter->children[0]->values[1].ptr,
       "as it was");
    for (int i = 1; i < 80; i++) {
        below[i] = &deep[i - 1];
        deep[i] =
            (struct ctr_filter){.op = CTR_OP_NOT, .n_children = 1, .children = &below[i]};
    }
    query.filter = &deep[79];
    strbuf_reset(&out);
    query_put(&out, &query);
    w = wire_of(out.ptr, out.len);
    is_int(query_read(&w, &arena, &back), -CTR_EFORMAT, "one too deep is refused");
    arena_finish(&arena);
    strbuf_finish(&out);
}

static const struct ctr_option option_table[] = {
    {.name = "word", .type = CTR_OPT_STRING, .default_value = "hello"},
    {.name = "count", .type = CTR_OPT_INT, .max = 100, .default_value = "12"},
    {.name = "many", .type = CTR_OPT_LIST},
    {.name = "key", .type = CTR_OPT_STRING, .flags = CTR_OPT_SECRET},
};

static struct ctr_config *make_values(void)
{
    static const struct schema_table table = {option_table, 4, sizeof(option_table[0])};
    struct ctr_config *values = NULL;
    struct diag diag = {0};

    if (schema_read(NULL, "source.test", &table, 1, 0, &diag, &values) == 0)
        conf_values_report_to(values, NULL);
    diag_finish(&diag);
    ensure(values);
    return values;
}

static void options(void)
{
    struct ctr_config *values = make_values(), *back;
    struct strbuf out = {0};
    bool good = true;

    conf_values_pack(values, &out);
    ok(out.len < conf_values_pack_size(values), "the size is reckoned");
    is_int(conf_values_unpack(str_make(out.ptr, out.len), &back), 0, "options come back");
    is_str(conf_str(back, "word"), "hello", "a word");
    is_int(conf_int(back, "count"), 12, "a number");
    is_int(conf_list_len(back, "many"), 0, "a list");
    ok(!conf_str(back, "key"), "a secret that is not set");
    ok(conf_values_equal(values, back), "all are the same");
    conf_values_destroy(back);
    for (size_t n = 0; n < out.len && good; n++)
        good = conf_values_unpack(str_make(out.ptr, n), &back) == -CTR_EFORMAT;
    ok(good, "cut anywhere they are refused");
    conf_values_destroy(values);
    strbuf_finish(&out);
}

static void frames(void)
{
    struct strbuf out = {0};
    struct ctr_str payload;
    uint32_t type;
    size_t at;

    frame_begin(&out, FRAME_LOG, &at);
    wire_put_z(&out, "hello");
    frame_end(&out, at);
    is_int((long long)frame_take((uint8_t *)out.ptr, out.len - 1, 100, &type, &payload),
           0, "half a frame is not there yet");
    is_int((long long)frame_take((uint8_t *)out.ptr, out.len, 100, &type, &payload),
           (long long)out.len, "a frame");
    ok(type == FRAME_LOG && payload.len == 6, "with its type and content");
    ok(frame_take((uint8_t *)out.ptr, out.len, 5, &type, &payload) == SIZE_MAX,
       "one that is too large is seen by its head");
    strbuf_finish(&out);
}

/* ---- the process: a part to play ------------------------------------------------- */

static void tell(int fd, const struct strbuf *out)
{
    if (send(fd, out->ptr, out->len, MSG_NOSIGNAL) < 0)
        _exit(9);
}

static void tell_u(int fd, uint32_t type, uint64_t n, bool twice)
{
    struct strbuf out = {0};
    size_t at;

    for (int i = 0; i < (twice ? 2 : 1); i++) {
        frame_begin(&out, type, &at);
        wire_put_u(&out, n);
        frame_end(&out, at);
    }
    tell(fd, &out);
    strbuf_finish(&out);
}

static void put_contact(struct strbuf *out, uint64_t id)
{
    static char large[CTR_VALUE_MAX + 1];
    struct ctr_field fields[3];
    struct ctr_contact c = make_contact(fields, large);
    size_t at;

    frame_begin(out, FRAME_PUT, &at);
    wire_put_u(out, id);
    contact_put(out, &c);
    contact_put(out, &c);
    frame_end(out, at);
}

static void put_end(struct strbuf *out, uint64_t id)
{
    size_t at;

    frame_begin(out, FRAME_END, &at);
    wire_put_u(out, id);
    wire_put_i(out, -CTR_EIO);
    wire_put_z(out, "the reason");
    frame_end(out, at);
}

static void play_sync(const char *part, uint64_t id)
{
    struct strbuf out = {0};

    if (strcmp(part, "wrong_sync") == 0) {
        put_contact(&out, id + 1);
    } else if (strcmp(part, "half") == 0) {
        put_contact(&out, id);
        put_contact(&out, id);
        out.len -= 10;
        tell(4, &out);
        _exit(3);
    } else if (strcmp(part, "no_contact") == 0) {
        size_t at;

        frame_begin(&out, FRAME_PUT, &at);
        wire_put_u(&out, id);
        strbuf_z(&out, "\x7f\x7f\x7f");
        frame_end(&out, at);
    } else if (strcmp(part, "large_data") == 0) {
        uint32_t head[2] = {1u << 30, FRAME_PUT};

        strbuf_add(&out, head, sizeof(head));
    } else {
        put_contact(&out, id);
        put_end(&out, id);
        if (strcmp(part, "after_end") == 0)
            put_contact(&out, id);
    }
    tell(4, &out);
    strbuf_finish(&out);
}

static void play_start(const char *part)
{
    if (strcmp(part, "quits") == 0)
        _exit(3);
    if (strcmp(part, "crashes") == 0)
        raise(SIGILL);
    if (strcmp(part, "fails") == 0) {
        struct strbuf out = {0};
        size_t at;

        frame_begin(&out, FRAME_FAILED, &at);
        wire_put_z(&out, "no such server");
        frame_end(&out, at);
        tell(3, &out);
        strbuf_finish(&out);
        return;
    }
    if (strcmp(part, "hangs_up") == 0)
        close(3);
    if (strcmp(part, "silent") == 0 || strcmp(part, "hangs_up") == 0)
        for (;;)
            pause();
    if (strcmp(part, "large") == 0) {
        uint32_t head[2] = {1u << 30, FRAME_LOG};
        struct strbuf out = {0};

        strbuf_add(&out, head, sizeof(head));
        tell(3, &out);
        strbuf_finish(&out);
    }
    tell_u(3, FRAME_STARTED, 0, strcmp(part, "starts_twice") == 0);
    if (strcmp(part, "hits") == 0)
        tell_u(3, FRAME_HITS, 77, false);
    if (strcmp(part, "pong") == 0)
        tell_u(3, FRAME_PONG, 77, false);
    if (strcmp(part, "metrics") == 0)
        tell_u(3, FRAME_METRICS, 5, false);
    if (strcmp(part, "unknown") == 0)
        tell_u(3, 999, 5, false);
}

/* Frames one by one, until the daemon is gone. */
static int play(const char *part)
{
    for (;;) {
        struct frame_head head;
        char *payload;
        struct wire w;

        if (recv(3, &head, sizeof(head), MSG_WAITALL) != sizeof(head))
            return 1;
        payload = xmalloc(head.size + 1);
        if (head.size > 0 &&
            recv(3, payload, head.size, MSG_WAITALL) != (ssize_t)head.size)
            return 1;
        w = wire_of(payload, head.size);
        if (head.type == FRAME_HELLO)
            play_start(part);
        else if (head.type == FRAME_SYNC)
            play_sync(part, wire_u(&w));
        else if (head.type == FRAME_STOP)
            return 0;
        free(payload);
    }
}

/* ---- the daemon's end ------------------------------------------------------------- */

static struct {
    struct loop *loop;
    bool started;
    char error[FAIL_TEXT_MAX];
    int contacts, ends, status;
    char reason[FAIL_TEXT_MAX];
    const struct flow_driver *driver;
    int token; /* its address stands for a sync */
} seen;

static void on_source_start(const struct instance_env *env, const char *name,
                            const struct flow_driver *driver)
{
    struct ctr_sync_request request = {.size = sizeof(request)};

    (void)env;
    (void)name;
    seen.started = true;
    seen.driver = driver;
    driver->sync(driver->ctx, (struct ctr_sync *)(void *)&seen.token, &request);
}

static void on_source_stop(const struct instance_env *env, const char *name,
                           void (*done)(void *arg), void *arg)
{
    (void)env;
    (void)name;
    done(arg);
}

static void on_source_error(const struct instance_env *env, const char *name,
                            const char *reason)
{
    (void)env;
    (void)name;
    snprintf(seen.error, sizeof(seen.error), "%s", reason);
    loop_stop(seen.loop);
}

static void on_request(const struct instance_env *env, const char *name)
{
    (void)env;
    (void)name;
}

static int on_put(struct ctr_sync *sync, const struct ctr_contact *contacts_, uint32_t n)
{
    (void)sync;
    (void)contacts_;
    seen.contacts += (int)n;
    return 0;
}

static void on_end(struct ctr_sync *sync, int status, const char *reason)
{
    (void)sync;
    seen.ends++;
    seen.status = status;
    snprintf(seen.reason, sizeof(seen.reason), "%s", reason ? reason : "");
}

static const struct peer fake_peer = {.source_start = on_source_start,
                                      .source_stop = on_source_stop,
                                      .source_error = on_source_error,
                                      .request_sync = on_request,
                                      .sync_put = on_put,
                                      .sync_end = on_end};

static struct plugin plugin = {
    .name = (char *)"played",
    .path = (char *)"/nonexistent/played.so",
    .has_source = true,
    .desc = {.size = sizeof(struct ctr_plugin), .name = "played"},
    .source = {.size = sizeof(struct ctr_source), .threading = CTR_ON_LANE},
};

static void on_stopped(void *arg)
{
    loop_stop(arg);
}

static void on_limit(uv_timer_t *timer)
{
    loop_stop(timer->data);
}

static void run_for(uint64_t ms)
{
    uv_timer_t limit;

    uv_timer_init(loop_uv(seen.loop), &limit);
    limit.data = seen.loop;
    uv_timer_start(&limit, on_limit, ms, 0);
    loop_run(seen.loop);
    uv_close((uv_handle_t *)&limit, NULL);
    uv_run(loop_uv(seen.loop), UV_RUN_NOWAIT);
}

/* words: of its end; NULL: it goes well. */
static void played(const char *part, const char *words)
{
    struct instance_env env = {.peer = &fake_peer};
    struct isolate_options bounds = {.memory = UINT64_C(1) << 40, .patience = 300};
    struct isolate_info info;
    struct instance *in;
    char name[64];

    memset(&seen, 0, sizeof(seen));
    seen.loop = env.loop = loop_create();
    snprintf(name, sizeof(name), "source.%s", part);
    in = isolate_create(&env, &plugin, name, make_values(), &bounds);
    is_int(instance_start(in, NULL, 0), 0, "%s: start", part);
    run_for(words ? 5000 : 250);
    ok(isolate_info(in, &info), "%s: it is isolated", part);
    if (words) {
        ok(strstr(info.last_end, words), "%s: how it ended: %s", part, info.last_end);
        ok(strstr(seen.error, words) && strstr(seen.error, "; next start in 1 s"),
           "%s: the source is told: %s", part, seen.error);
        is_str(info.state, "waiting", "what follows");
    } else {
        is_int(seen.contacts, 2, "contacts arrived");
        is_int(seen.status, -CTR_EIO, "and the end with its status");
        is_str(seen.reason, "the reason", "and its reason");
        is_str(info.state, "running", "it runs");
    }
    instance_stop(in, 0, on_stopped, seen.loop);
    loop_run(seen.loop);
    is_int(seen.ends, seen.started ? 1 : 0, "%s: each sync ended once", part);
    if (words && seen.started && seen.status == -CTR_EUNAVAIL)
        ok(strstr(seen.reason, words), "%s: a lost one for this reason", part);
    instance_destroy(in);
    loop_destroy(seen.loop);
}

static void parts(void)
{
    static const char protocol[] = "broke the protocol";

    played("good", NULL);
    played("wrong_sync", protocol);
    played("no_contact", protocol);
    played("large_data", protocol);
    played("after_end", protocol);
    played("large", protocol);
    played("starts_twice", protocol);
    played("hits", protocol);
    played("pong", protocol);
    played("metrics", protocol);
    played("unknown", protocol);
    played("half", "ended by itself with exit code 3");
    played("quits", "ended by itself with exit code 3");
    played("crashes", "crashed: signal 4 (SIGILL)");
    played("hangs_up", "closed its connection");
    played("silent", "hung");
    played("fails", "cannot start: no such server");
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], ISOLATE_ARGUMENT) == 0)
        return play(argv[3] + strlen("source."));
    log_set_level((enum log_level)0);
    numbers();
    contacts();
    questions();
    options();
    frames();
    parts();
    return tap_done();
}
