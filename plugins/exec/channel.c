/* channel.c - one program at a time to talk to. */
#include "channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kit/kit.h"
#include "request.h"

enum { EXIT_MS = 500 /* between the end of its output and its exit */ };

int32_t channel_init(struct channel *ch, const struct channel_config *config)
{
    *ch = (struct channel){.config = config};
    ch->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ch->wake < 0)
        return kit_fail(config->host, -CTR_EIO,
                        "no descriptor is left; raise the limit of open files");
    pthread_mutex_init(&ch->lock, NULL);
    return 0;
}

void channel_finish(struct channel *ch)
{
    if (ch->wake < 0)
        return;
    close(ch->wake);
    pthread_mutex_destroy(&ch->lock);
}

void channel_wake(struct channel *ch)
{
    eventfd_write(ch->wake, 1);
}

void channel_calm(struct channel *ch)
{
    eventfd_t value;

    eventfd_read(ch->wake, &value);
}

/* --- begin ----------------------------------------------------------------------------
 */

static void end_program(struct channel *ch, bool leave)
{
    process_end(ch->p, leave);
    ch->p = NULL;
}

static int32_t start(struct channel *ch, struct spawn_problem *problem)
{
    const struct channel_config *c = ch->config;
    int32_t rc;

    rc = process_start(c->host, &c->command, c->secret, c->max_line,
                       spawn_now() + c->start_timeout, &ch->p, problem);
    if (rc != 0)
        return rc;
    c->host->metric_add(c->host, c->metric_starts, 1);
    ch->heard = ch->greeted = ch->reused = false;
    ch->can = 0;
    rc = channel_send(ch, request_hello(c->source, c->secret, c->keep));
    if (rc != 0) {
        *problem = (struct spawn_problem){"out of memory", ""};
        channel_drop(ch);
    }
    return rc;
}

/* Until it has answered hello, a program may speak at any time. */
static bool is_good(struct channel *ch)
{
    return ch->p->ending == PROCESS_RUNS && process_idle(ch->p, ch->heard);
}

int32_t channel_open(struct channel *ch, struct spawn_problem *problem)
{
    if (ch->p && !is_good(ch))
        end_program(ch, false);
    if (!ch->p)
        return start(ch, problem);
    ch->p->lines.number = 0;
    ch->reused = ch->heard;
    return 0;
}

int32_t channel_send(struct channel *ch, char *line)
{
    int32_t rc = line ? process_send(ch->p, line, strlen(line)) : -CTR_ENOMEM;

    if (line)
        explicit_bzero(line, strlen(line));
    free(line);
    return rc;
}

/* --- listen ---------------------------------------------------------------------------
 */

static int32_t take_hello(struct channel *ch, const struct message *m)
{
    const cJSON *can = cJSON_GetObjectItemCaseSensitive(m->root, "can"), *item;

    if (message_number(m, "contactor") != REQUEST_PROTOCOL)
        return -CTR_EVERSION;
    ch->greeted = true;
    cJSON_ArrayForEach(item, can)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, "search") == 0)
            ch->can |= CAN_SEARCH;
        else if (cJSON_IsString(item) && strcmp(item->valuestring, "test") == 0)
            ch->can |= CAN_TEST;
    }
    return 0;
}

static int32_t take_line(struct channel *ch, struct ctr_str line, struct message *m,
                         const char **why)
{
    bool first = !ch->heard;
    int32_t rc = message_read(line, m, why);

    ch->heard = true;
    if (rc != 0)
        return rc;
    if (m->kind != MESSAGE_HELLO)
        return 0;
    rc = first ? take_hello(ch, m) : -CTR_EFORMAT;
    if (rc == -CTR_EFORMAT)
        *why = "an answer to hello belongs into the first line";
    if (rc != 0)
        message_finish(m);
    return rc;
}

int32_t channel_next(struct channel *ch, int64_t deadline, struct message *m,
                     const char **why)
{
    struct ctr_str line;
    int64_t start = ch->p->started + ch->config->start_timeout;

    if (!ch->heard && start < deadline)
        deadline = start;
    for (;;) {
        switch (process_wait(ch->p, ch->wake, deadline, &line)) {
        case PROCESS_LINE:
            if (line.len == 0)
                continue;
            return take_line(ch, line, m, why);
        case PROCESS_LONG:
            return -CTR_ESIZE;
        case PROCESS_END:
            process_wait_exit(ch->p, EXIT_MS);
            return -CTR_EIO;
        case PROCESS_WOKEN:
            return -CTR_ECANCELED;
        case PROCESS_TIMEOUT:
            return -CTR_ETIMEDOUT;
        }
    }
}

bool channel_was_leaving(struct channel *ch, int32_t code)
{
    if (code != -CTR_EIO || !ch->reused || ch->p->lines.number > 0)
        return false;
    channel_drop(ch);
    return true;
}

static const char *last_words(const struct channel *ch, char *out, size_t cap)
{
    const char *last = ch->p->log.last;

    snprintf(out, cap, "%s%s%s", last[0] ? "; its last line on stderr: \"" : "", last,
             last[0] ? "\"" : "");
    return out;
}

const char *channel_reason(struct channel *ch, int32_t code, char *out, size_t cap)
{
    const struct channel_config *c = ch->config;
    char fate[128], last[ERRLOG_LAST_MAX + 64];

    switch (code) {
    case -CTR_EIO:
        process_fate(ch->p, fate, sizeof(fate));
        snprintf(out, cap, "%s %s before it said {\"done\":true}%s", c->name, fate,
                 last_words(ch, last, sizeof(last)));
        break;
    case -CTR_ETIMEDOUT:
        snprintf(out, cap, "%s said nothing for %lld s; see %s%s", c->name,
                 (long long)((ch->heard ? c->silence_timeout : c->start_timeout) / 1000),
                 ch->heard ? "silence_timeout" : "start_timeout",
                 last_words(ch, last, sizeof(last)));
        break;
    case -CTR_ESIZE:
        snprintf(out, cap, "line %llu of %s is longer than max_line, %llu bytes",
                 (unsigned long long)ch->p->lines.number + 1, c->name,
                 (unsigned long long)c->max_line);
        break;
    case -CTR_EVERSION:
        snprintf(out, cap,
                 "%s speaks another version of the protocol than this contactor, which "
                 "speaks 1",
                 c->name);
        break;
    default:
        snprintf(out, cap, "%s was given up", c->name);
    }
    return out;
}

/* --- end ------------------------------------------------------------------------------
 */

void channel_drop(struct channel *ch)
{
    if (ch->p)
        end_program(ch, false);
}

int32_t channel_close(struct channel *ch, char *reason, size_t cap)
{
    struct process *p = ch->p;
    char fate[128], last[ERRLOG_LAST_MAX + 64];
    bool by_itself;

    reason[0] = '\0';
    if (ch->config->keep)
        return 0;
    process_end_begin(p, true);
    while (!process_end_step(p, 50))
        ;
    by_itself = p->exited && p->ending == PROCESS_LEAVING;
    if (by_itself && p->status != 0)
        snprintf(reason, cap, "%s said {\"done\":true}, but then %s%s", ch->config->name,
                 process_fate(p, fate, sizeof(fate)), last_words(ch, last, sizeof(last)));
    ch->p = NULL;
    process_free(p);
    return by_itself && reason[0] ? -CTR_EIO : 0;
}

/* --- the loop -------------------------------------------------------------------------
 */

static void put_away(struct channel *ch)
{
    const struct channel_config *c = ch->config;
    struct process *p = ch->p;
    bool quiet = p->exited && p->status == 0;
    char fate[128];

    if (p->ending == PROCESS_RUNS) {
        kit_log(c->host, quiet ? CTR_LOG_DEBUG : CTR_LOG_WARN,
                "exec program will be started anew with the next request program=%s "
                "reason=\"it %s between requests\"",
                kit_quoted(c->name),
                p->exited || p->eof ? process_fate(p, fate, sizeof(fate))
                                    : "wrote something");
        process_end_begin(p, false);
    }
    if (process_end_step(p, 0)) {
        ch->p = NULL;
        process_free(p);
    }
}

void channel_tick(struct channel *ch)
{
    if (pthread_mutex_trylock(&ch->lock) != 0)
        return;
    if (ch->p && !is_good(ch))
        put_away(ch);
    pthread_mutex_unlock(&ch->lock);
}

bool channel_stop_step(struct channel *ch)
{
    bool gone;

    if (pthread_mutex_trylock(&ch->lock) != 0)
        return false;
    if (ch->p) {
        process_end_begin(ch->p, true);
        if (process_end_step(ch->p, 1)) {
            process_free(ch->p);
            ch->p = NULL;
        }
    }
    gone = ch->p == NULL;
    pthread_mutex_unlock(&ch->lock);
    return gone;
}
