/* errlog.c - what a program writes to stderr, as lines of the log. */
#include "errlog.h"

#include "json.h"
#include "kit/kit.h"

void errlog_init(struct errlog *e, const struct ctr_host *host, const char *secret,
                 int64_t now)
{
    *e = (struct errlog){.host = host,
                         .secret = secret && *secret ? secret : NULL,
                         .tokens = ERRLOG_BURST,
                         .refilled = now};
}

static void tell_left_out(struct errlog *e)
{
    if (e->left_out)
        kit_log(e->host, CTR_LOG_WARN,
                "exec stderr lines_left_out=%llu reason=\"more than %d a second\"",
                (unsigned long long)e->left_out, ERRLOG_RATE);
    e->left_out = 0;
}

static bool may_log(struct errlog *e, int64_t now)
{
    int64_t due = (now - e->refilled) * ERRLOG_RATE / 1000;

    if (due > 0) {
        e->tokens =
            due + e->tokens > ERRLOG_BURST ? ERRLOG_BURST : e->tokens + (uint32_t)due;
        e->refilled = now;
    }
    if (e->tokens == 0) {
        e->left_out++;
        return false;
    }
    tell_left_out(e);
    e->tokens--;
    return true;
}

/* Of a line that was cut, the end may be the beginning of the secret. */
static void hide_begun(struct errlog *e, size_t len)
{
    size_t n = len < e->n ? len : e->n;

    if (!e->cut)
        return;
    while (n > 0 && memcmp(e->line + e->n - n, e->secret, n) != 0)
        n--;
    if (n == 0)
        return;
    e->n -= n;
    e->line[e->n++] = '*';
}

/* Its secret is the one thing a program must not tell us. */
static void hide_secret(struct errlog *e)
{
    size_t len = e->secret ? strlen(e->secret) : 0;
    char *at;

    while (len && e->n >= len && (at = memmem(e->line, e->n, e->secret, len))) {
        size_t behind = e->n - (size_t)(at - e->line) - len;

        *at = '*';
        memmove(at + 1, at + len, behind);
        e->n -= len - 1;
        if (len == 1)
            break;
    }
    hide_begun(e, len);
}

static void end_line(struct errlog *e, int64_t now)
{
    char shown[ERRLOG_LINE_MAX * 2];

    hide_secret(e);
    while (e->n > 0 && (e->line[e->n - 1] == '\r' || e->line[e->n - 1] == ' '))
        e->n--;
    if (e->n > 0) {
        json_show((struct ctr_str){e->line, e->n}, e->last, sizeof(e->last));
        if (may_log(e, now))
            kit_log(e->host, CTR_LOG_INFO, "exec stderr=%s",
                    kit_quoted(json_show((struct ctr_str){e->line, e->n}, shown,
                                         sizeof(shown))));
    }
    e->n = 0;
    e->cut = false;
}

void errlog_add(struct errlog *e, const char *bytes, size_t n, int64_t now)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            end_line(e, now);
        else if (e->n < sizeof(e->line))
            e->line[e->n++] = bytes[i];
        else
            e->cut = true;
    }
}

void errlog_finish(struct errlog *e, int64_t now)
{
    end_line(e, now);
    tell_left_out(e);
}
