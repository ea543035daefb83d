/* control.h - the UNIX socket that contactorctl talks to.
 *
 * JSON, one object a line. Request: {"id": 1, "command": "lookup", ...}. Answers, with
 * the same id: any number of {"id": 1, "event": {...}}, then one {"id": 1, "result": ...}
 * or {"id": 1, "error": "what is wrong and what to do", "code": "ENOENT"}.
 *
 * Of sources:
 *   sync         source, dry_run, allow_delete, no_wait
 *     event      {"source": as in sources}, each 200 ms; "progress" in it has done,
 * total, seen, rate (contacts a second) and left_ms (null: unknown) result     the
 * source; of a dry run with "last" (what a sync would do), "sample" {added, changed,
 * deleted: [{id, name}...]} and "refused" (why, or null) source test  source, timeout
 * (seconds, 30) event      {"step": {step, ok, status, detail, remedy, ms}}, or
 * {"waiting": name} while a sync is under way result     {name, ok, steps: [...], ms}
 *   preview      source, limit (1 to 100, 10), timeout
 *     result     {name, contacts: [{id, owner, fields: [{kind, value; of a number also
 *                number (e164, short, none), e164 or short, why}...]}...], seen, refused,
 *                complete, rejects, rejected: [{where, reason}...], ms} */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/str.h"
#include "flow/flow.h"
#include "loop/loop.h"

struct cJSON;
struct control;

enum {
    CONTROL_LINE_MAX = 64 * 1024,       /* bytes of a request */
    CONTROL_CLIENTS_MAX = 64,           /* at once */
    CONTROL_QUEUE_MAX = 8 * 1024 * 1024 /* bytes a client may leave unread */
};

/* What the daemon tells and does. ctx is given to control_open. */
struct control_ops {
    struct cJSON *(*status)(void *ctx);
    /* An array, one object for each configured source; name: only this one, NULL: all. */
    struct cJSON *(*sources)(void *ctx, const char *name);
    void (*metrics)(void *ctx, struct strbuf *out);
    /* done runs once, perhaps at once. text: a line each problem. */
    void (*reload)(void *ctx, void (*done)(void *arg, int status, const char *text),
                   void *arg);
    int (*check)(void *ctx, struct strbuf *text);
    int (*log_level)(void *ctx, const char *name);
    /* Names for "did you mean": sources, front ends, users. */
    unsigned (*names)(void *ctx, const char *kind, const char **out, unsigned cap);
    struct flow *(*flow)(void *ctx); /* NULL: not there yet */
};

/* Binds the socket (0600); nothing is accepted before control_start. A socket file that
 * nobody listens to any more is replaced. uid: its owner, -1: as it is.
 * returns 0 | -CTR_EBUSY (a daemon answers there) | -CTR_E* with a sentence in error */
int control_open(struct loop *loop, const char *path, uid_t uid, gid_t gid,
                 const struct control_ops *ops, void *ctx, struct control **out,
                 char *error, size_t cap);
/* returns 0 | -CTR_EIO, logged */
int control_start(struct control *control);
/* No further clients; those that wait for an answer get an error. Removes the socket. */
void control_stop(struct control *control);
/* Stopped, and the loop has run since. NULL-safe. */
void control_destroy(struct control *control);

#endif
