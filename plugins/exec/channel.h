/* channel.h - one program at a time to talk to: started when it is needed, greeted,
 * asked, listened to, kept or ended. The source has one for syncs and one for searches.
 *
 * A lane holds the lock through a request; the loop only ever tries it. */
#ifndef EXEC_CHANNEL_H
#define EXEC_CHANNEL_H

#include <pthread.h>

#include "message.h"
#include "process.h"

/* What is the same for all of an instance; it outlives the channels. */
struct channel_config {
    const struct ctr_host *host;
    struct spawn_command command;
    const char *name;   /* of the program, for messages: its last component */
    const char *source; /* "crm" */
    const char *secret; /* NULL: none */
    int64_t start_timeout, silence_timeout;
    size_t max_line;
    bool keep;
    int32_t metric_starts;
};

enum { CAN_SEARCH = 1u << 0, CAN_TEST = 1u << 1 };

struct channel {
    const struct channel_config *config;
    pthread_mutex_t lock; /* what follows, but wake */
    struct process *p;
    int wake;         /* an eventfd: written by the loop */
    uint64_t request; /* the number of the last one */
    bool heard;       /* its first line has come */
    bool greeted;     /* and was the answer to hello */
    bool reused;      /* it has answered another request before */
    unsigned can;
    unsigned failures;  /* in a row */
    int64_t not_before; /* of the next start, after failures */
};

/* returns 0 | -CTR_EIO after host->fail */
int32_t channel_init(struct channel *ch, const struct channel_config *config);
/* No program may be left. */
void channel_finish(struct channel *ch);

/* Wakes whoever waits in channel_next. thread: any */
void channel_wake(struct channel *ch);
/* Takes back what woke it. */
void channel_calm(struct channel *ch);

/* Makes sure that a program runs and was greeted.
 * returns 0 | negative and *problem */
int32_t channel_open(struct channel *ch, struct spawn_problem *problem);
/* Sends a line of request.h and frees it. returns 0 | -CTR_ENOMEM */
int32_t channel_send(struct channel *ch, char *line);
/* The next message, to be finished by the caller; the answer to hello is one, too.
 * deadline: no later, monotonic ms; what it still has of start_timeout counts as well.
 * returns 0 | -CTR_ECANCELED (woken) | -CTR_ETIMEDOUT | -CTR_EFORMAT (a line that is no
 * message: *why; it may go on) | -CTR_EIO (it ended) | -CTR_ESIZE (a line over max_line)
 * | -CTR_EVERSION (another protocol) */
int32_t channel_next(struct channel *ch, int64_t deadline, struct message *m,
                     const char **why);
/* Whether a program that ended had only not been gone yet when it was asked: one that was
 * kept, and has not said a word since. Then it is put away, and another may be asked. */
bool channel_was_leaving(struct channel *ch, int32_t code);
/* Why channel_next said so, one sentence, into out. returns out */
const char *channel_reason(struct channel *ch, int32_t code, char *out, size_t cap);
/* The request was answered: the program is kept, or ended.
 * returns 0 | -CTR_EIO and a reason, when it exited with a code that says otherwise */
int32_t channel_close(struct channel *ch, char *reason, size_t cap);
/* The request failed or was given up: the program is ended. */
void channel_drop(struct channel *ch);

/* Between requests, on the loop: a program that died is put away, its stderr logged. */
void channel_tick(struct channel *ch);
/* On the loop, when no request will come: ends the program in steps. returns true once
 * there is none; never blocks longer than 1 ms */
bool channel_stop_step(struct channel *ch);

#endif
