/* daemon_private.h - the daemon's own state, for the files that make it.
 *
 *     daemon.c         up, run, down
 *     daemon_rights.c  privileges and confinement
 *     daemon_slots.c   instances: made, started, replaced, stopped
 *     daemon_reload.c  from the running configuration to another one
 *     daemon_report.c  what contactorctl is told */
#ifndef DAEMON_PRIVATE_H
#define DAEMON_PRIVATE_H

#include "cache/cache.h"
#include "control/control.h"
#include "daemon.h"
#include "loop/loop.h"
#include "os/notify.h"
#include "os/privileges.h"
#include "settings.h"

enum {
    STOP_MS = 4500, /* all of the end together; the promise is 5 s */
    GRACE_MS = 2000 /* what sessions get of it */
};

/* One configured [source.NAME] or [frontend.NAME], and what became of it. */
struct slot {
    struct list link;
    struct daemon *daemon;
    char *name; /* "source.crm" */
    char *plugin_name;
    enum instance_role role;
    struct instance *in;         /* NULL: it could not be made; problem says why */
    struct ctr_config *identity; /* what it was made from */
    char *problem;
    struct net_address *addresses;
    unsigned n_addresses;
    struct instance *next; /* a source's successor, started when `in` has ended */
    bool removed;          /* goes when `in` has ended */
};

struct daemon {
    char *config_path;
    struct loop *loop;
    struct registry registry;
    struct settings *settings;
    struct net *net;
    struct cache *cache;
    struct flow *flow;
    struct control *control;
    struct notify *notify;
    struct instance_env env;
    struct list slots;
    char **confined;  /* folders that can still be opened; NULL: all */
    bool may_isolate; /* this program can still be executed */
    char **startable; /* while confined: folders whose programs can still be started */
    int lock_fd;
    int64_t started; /* wall ms */
    uint64_t descriptors;

    uv_signal_t signals[3];
    uv_timer_t watchdog, deadline, tidy;
    bool handles_open;

    unsigned ending; /* instances that stop */
    bool running;    /* ready was told */
    bool stopping, dirty;
    bool stopped;

    struct list reloads; /* struct reload_request: wait until `ending` is 0 */
    uv_timer_t patience; /* of those */
    uint64_t n_reloads, n_refused;
    int64_t reloaded; /* wall ms of the last one */
};

/* ---- daemon.c ---- */
/* An instance has ended: the stop, or a waiting reload, may go on. */
void daemon_ended_one(struct daemon *d);
/* Names of everything that has a part of the cache: the rest is forgotten. */
void daemon_retain_cache(struct daemon *d);

/* Why it cannot start, into the log. returns -CTR_EIO */
int daemon_complain(const char *error);

/* ---- daemon_rights.c ---- */
/* Who to become; found false: it stays who it is. */
int rights_find_user(struct daemon *d, struct privileges_user *user, bool *found);
int rights_drop(const struct privileges_user *user);
/* Files, before there are threads. */
int rights_confine(struct daemon *d);
/* System calls, after the last step of the start. */
int rights_confine_calls(struct daemon *d);
void rights_forget(struct daemon *d);
/* The process of an isolated source, which has the daemon's rights so far. */
int rights_confine_isolated(const struct isolate_options *o, char *error, size_t cap);
/* Whether the processes of isolated sources can be started: they need a right that is
 * kept only where the first configuration had one. */
bool rights_may_isolate(const struct daemon *d, const struct settings *settings);

/* ---- daemon_slots.c ---- */
struct slot *slot_find(struct daemon *d, const char *name);
/* A slot for a section; its instance is not made yet. */
struct slot *slot_add(struct daemon *d, const struct settings_instance *si);
void slot_free(struct slot *slot);
void slot_set_problem(struct slot *slot, const char *problem);
/* create, listen and bind. returns 0 and *out | -CTR_E* with a sentence in error */
int slot_make(struct daemon *d, struct settings_instance *si, struct instance **out,
              char *error, size_t cap);
/* The slot is of this section from here on: its identity and addresses. */
void slot_adopt(struct slot *slot, struct settings_instance *si);
void slot_start(struct slot *slot);
/* Stops and destroys `in`; then starts `next`, or frees a removed slot. */
void slot_end(struct slot *slot);
/* One that was made and never started. */
void slot_drop_instance(struct daemon *d, struct instance *in);

/* ---- daemon_reload.c ---- */
typedef void (*reload_fn)(void *arg, int status, const char *text);
/* done: with what is wrong or changed, a line each; may be NULL. */
void daemon_reload(struct daemon *d, reload_fn done, void *arg);
/* Look at the files as a reload would, change nothing. returns 0 | -CTR_ECONF */
int daemon_check_files(struct daemon *d, struct strbuf *text);
void daemon_reload_step(struct daemon *d);

/* ---- daemon_report.c ---- */
extern const struct control_ops daemon_control_ops;

#endif
