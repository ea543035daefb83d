/* sync.c - a sync from its start to its end, and what all its steps need. */
#include <stdarg.h>
#include <stdlib.h>

#include "kit/kit.h"
#include "run.h"

/* --- its end --------------------------------------------------------------------------
 */

static void run_free(struct run *run)
{
    struct source *s = run->s;

    dav_cancel(run->ask);
    http_cancel(run->get);
    if (run->timer)
        s->host->timer_stop(s->host, run->timer);
    discover_release(run);
    fetch_release(run);
    books_finish(&run->books);
    free(run->since);
    free(run->cursor);
    free(run);
    s->run = NULL;
}

static void run_end(struct run *run, int32_t status)
{
    const struct ctr_host *host = run->s->host;
    struct ctr_sync *sync = run->sync;

    if (status < 0)
        source_forget(run->s);
    run_free(run);
    host->sync_done(host, sync, status);
}

void run_fail(struct run *run, int32_t code, const char *fmt, ...)
{
    char text[KIT_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    kit_fail(run->s->host, code, "%s", text);
    run_end(run, code);
}

int32_t run_note(struct run *run, int32_t code, const char *fmt, ...)
{
    va_list ap;

    if (run->error != 0)
        return run->error;
    run->error = code;
    va_start(ap, fmt);
    vsnprintf(run->reason, sizeof(run->reason), fmt, ap);
    va_end(ap);
    return code;
}

void run_finish(struct run *run)
{
    const struct source *s = run->s;
    struct ctr_str cursor = {NULL, 0};
    char *text = malloc(CURSOR_MAX);
    int32_t rc;

    if (!text) {
        run_fail(run, -CTR_ENOMEM, "out of memory");
        return;
    }
    cursor.ptr = text;
    cursor.len = cursor_write(&run->books, s->mark, text, CURSOR_MAX);
    rc = s->host->sync_cursor(s->host, run->sync, cursor);
    free(text);
    if (rc < 0) {
        run_fail(run, rc, "the daemon did not take the cursor");
        return;
    }
    s->host->metric_add(s->host, s->metric_cards, (int64_t)run->n_put);
    kit_log(
        s->host, run->full || run->n_put || run->n_gone ? CTR_LOG_INFO : CTR_LOG_DEBUG,
        "carddav read kind=%s books=%u put=%llu gone=%llu", run->full ? "full" : "delta",
        run->books.n, (unsigned long long)run->n_put, (unsigned long long)run->n_gone);
    run_end(run, 0);
}

/* --- waiting for the host -------------------------------------------------------------
 */

static void on_timer(void *user)
{
    struct run *run = user;
    void (*next)(struct run *) = run->next;

    run->s->host->timer_stop(run->s->host, run->timer);
    run->timer = NULL;
    run->next = NULL;
    if (run->ask)
        dav_resume(run->ask);
    else if (next)
        next(run);
}

static bool start_timer(struct run *run)
{
    const struct ctr_host *host = run->s->host;

    run->wait = false;
    if (!run->timer)
        run->timer = host->timer_start(host, PAUSE_MS, 0, on_timer, run);
    return run->timer != NULL;
}

void run_continue(struct run *run, void (*next)(struct run *run))
{
    if (!run->wait) {
        next(run);
        return;
    }
    run->next = next;
    if (!start_timer(run))
        run_fail(run, -CTR_ENOMEM, "out of memory");
}

int32_t run_put_result(struct run *run, int32_t rc)
{
    if (rc == -CTR_EPAUSE) {
        run->wait = true;
        return 0;
    }
    if (rc == -CTR_ECANCELED)
        return run_note(run, rc, "the sync was canceled");
    if (rc < 0)
        return run_note(run, rc, "the daemon could not take more contacts");
    return 0;
}

/* --- asking ---------------------------------------------------------------------------
 */

static int32_t on_response(void *user, const struct dav_response *r);
static void on_answer(void *user, const struct dav_answer *answer);

void run_ask(struct run *run, const struct dav_call *call)
{
    struct dav_call mine = *call;
    struct source *s = run->s;

    run->on_response = call->on_response;
    run->on_answer = call->on_done;
    mine.on_response = on_response;
    mine.on_done = on_answer;
    mine.user = run;
    mine.max_bytes = s->max_answer;
    if (mine.data_max == 0)
        mine.data_max = MULTISTATUS_TEXT_MAX;
    s->host->metric_add(s->host, s->metric_requests, 1);
    run->ask = call->url && call->body ? dav_start(s->http, &mine) : NULL;
    if (!run->ask)
        run_fail(run, -CTR_ENOMEM, "out of memory");
}

/* The host's wish to wait stops the answer where it is. */
static int32_t on_response(void *user, const struct dav_response *r)
{
    struct run *run = user;
    int32_t rc = run->on_response(run, r);

    if (rc != 0 || !run->wait)
        return rc;
    return start_timer(run) ? -CTR_EPAUSE : run_note(run, -CTR_ENOMEM, "out of memory");
}

static void on_answer(void *user, const struct dav_answer *answer)
{
    struct run *run = user;

    run->ask = NULL;
    run->on_answer(run, answer);
}

void run_heed(struct run *run, const struct http_result *result)
{
    struct source *s = run->s;

    if (result->retry_after > 0 && (result->status == 429 || result->status == 503))
        s->not_before = s->host->now(s->host) + result->retry_after * 1000;
}

bool run_answered(struct run *run, const struct dav_answer *answer, const char *what)
{
    char text[HTTP_REASON_MAX];
    int32_t code;

    if (run->error != 0) {
        run_fail(run, run->error, "%s", run->reason);
        return false;
    }
    if (answer->multistatus)
        return true;
    run_heed(run, &answer->http);
    code = http_explain(&answer->http, what, text);
    run_fail(run, code, "%s", text);
    return false;
}

/* --- its start ------------------------------------------------------------------------
 */

int32_t source_sync(void *instance, struct ctr_sync *sync,
                    const struct ctr_sync_request *request)
{
    struct source *s = instance;
    int64_t wait = s->not_before - s->host->now(s->host);
    struct run *run;

    if (wait > 0)
        return kit_fail(s->host, -CTR_EUNAVAIL,
                        "the server asked to be left alone for a while; it is asked "
                        "again in %lld s",
                        (long long)(wait + 999) / 1000);
    run = calloc(1, sizeof(*run));
    if (!run)
        return kit_fail(s->host, -CTR_ENOMEM, "out of memory");
    run->s = s;
    run->sync = sync;
    run->full = request->cursor.len == 0;
    if (!run->full) {
        run->cursor = malloc((size_t)request->cursor.len);
        if (!run->cursor) {
            free(run);
            return kit_fail(s->host, -CTR_ENOMEM, "out of memory");
        }
        memcpy(run->cursor, request->cursor.ptr, (size_t)request->cursor.len);
        run->cursor_len = (size_t)request->cursor.len;
    }
    s->run = run;
    run_continue(run, discover_begin);
    return 0;
}

void source_sync_cancel(void *instance, struct ctr_sync *sync)
{
    struct source *s = instance;

    if (s->run && s->run->sync == sync)
        run_fail(s->run, -CTR_ECANCELED, "the sync was canceled");
}
