/* daemon_rights.c - whom the daemon becomes, and what is left to it after the start. */
#include "daemon_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "os/confine.h"
#include "os/limits.h"
#include "os/sanitized.h"
#include "state.h"

#define DEFAULT_USER "contactor"

enum { ERROR_MAX = 1024, DATA_FACTOR = 2 };

/* Who to become: what the file says, else "contactor", else whose state_dir it is. */
int rights_find_user(struct daemon *d, struct privileges_user *user, bool *found)
{
    const struct settings_daemon *s = &d->settings->daemon;
    char error[ERROR_MAX], owner[32];

    *found = false;
    if (!privileges_is_root())
        return 0;
    if (s->user) {
        if (privileges_find(s->user, s->group, user, error, sizeof(error)) != 0)
            return daemon_complain(error);
        *found = true;
        return 0;
    }
    *found = privileges_find(DEFAULT_USER, s->group, user, error, sizeof(error)) == 0;
    if (*found || state_owner(s->state_dir) == 0)
        return 0;
    snprintf(owner, sizeof(owner), "%u", (unsigned)state_owner(s->state_dir));
    *found = privileges_find(owner, s->group, user, error, sizeof(error)) == 0;
    return 0;
}

int rights_drop(const struct privileges_user *user)
{
    char error[ERROR_MAX];

    if (privileges_drop(user, error, sizeof(error)) != 0)
        return daemon_complain(error);
    if (user)
        log_info("contactord", "privileges dropped user=%s uid=%u", user->name,
                 (unsigned)user->uid);
    return 0;
}

static bool any_isolated(const struct settings *s)
{
    for (unsigned i = 0; i < s->n_instances; i++)
        if (s->instances[i].isolated)
            return true;
    return false;
}

bool rights_may_isolate(const struct daemon *d, const struct settings *settings)
{
    return !d->confined || d->may_isolate || !any_isolated(settings);
}

/* This program, for isolated sources. NULL: it is not needed. */
static char *own_program(struct daemon *d)
{
    char path[4096];
    ssize_t n;

    if (!any_isolated(d->settings))
        return NULL;
    n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n <= 0)
        return NULL;
    d->may_isolate = true;
    return xstrndup(path, (size_t)n);
}

/* Programs call others: with one, those of the system can be started, too. */
static const char *const system_programs[] = {"/usr", "/bin",   "/sbin",
                                              "/lib", "/lib64", NULL};

/* Copies from where programs can still be started: nowhere, when none is named. */
static void remember_programs(struct daemon *d)
{
    const struct settings *s = d->settings;
    char *own = own_program(d);
    unsigned at = 0;

    d->startable =
        xcalloc(s->n_programs + sizeof(system_programs) / sizeof(system_programs[0]) + 1,
                sizeof(char *));
    if (own)
        d->startable[at++] = own;
    for (unsigned i = 0; i < s->n_programs; i++)
        d->startable[at++] = xstrdup(s->programs[i]);
    for (unsigned i = 0; s->n_programs > 0 && system_programs[i]; i++)
        d->startable[at++] = xstrdup(system_programs[i]);
}

/* Copies what can still be opened: a reload must not name anything else. */
static void remember_folders(struct daemon *d)
{
    const struct settings *s = d->settings;
    char *plugins[3];
    unsigned n = registry_folders(&d->registry, plugins), at = 0;
    static const char *const always[] = {"/etc", "/usr",  "/lib",
                                         "/opt", "/proc", "/run/credentials"};
    const unsigned n_always = sizeof(always) / sizeof(always[0]);

    d->confined = xcalloc(s->n_folders + n + n_always + 2, sizeof(*d->confined));
    for (unsigned i = 0; i < s->n_folders; i++)
        d->confined[at++] = xstrdup(s->folders[i]);
    for (unsigned i = 0; i < n; i++)
        d->confined[at++] = plugins[i];
    for (unsigned i = 0; i < n_always; i++)
        d->confined[at++] = xstrdup(always[i]);
    d->confined[at] = xstrdup(s->daemon.state_dir);
}

static void forget(char ***list)
{
    for (char **item = *list; item && *item; item++)
        free(*item);
    free(*list);
    *list = NULL;
}

void rights_forget(struct daemon *d)
{
    forget(&d->confined);
    forget(&d->startable);
}

int rights_confine(struct daemon *d)
{
    const struct settings_daemon *s = &d->settings->daemon;
    char *folder = xstrdup(s->control_socket);
    const char *writable[] = {s->state_dir, folder, NULL};
    struct confine_paths paths = {.read_write = writable};
    char error[ERROR_MAX];
    bool active = false;
    int err = 0;

    *strrchr(folder, '/') = '\0';
    if (s->confine) {
        remember_folders(d);
        remember_programs(d);
        paths.read_only = (const char *const *)d->confined;
        paths.execute = (const char *const *)d->startable;
        err = confine_files(&paths, &active, error, sizeof(error));
        if (err != 0)
            daemon_complain(error);
        if (!active)
            rights_forget(d);
    }
    free(folder);
    return err;
}

/* What is reserved is not used yet: a wall behind the daemon's own watch. A sanitizer
 * reserves more than there is. */
static void limit_memory(uint64_t memory)
{
    struct rlimit limit = {memory * DATA_FACTOR, memory * DATA_FACTOR};

    if (!OS_SANITIZED && setrlimit(RLIMIT_DATA, &limit) != 0)
        log_warn("contactord", "memory is watched but not limited errno=%d", errno);
}

int rights_confine_isolated(const struct isolate_options *o, char *error, size_t cap)
{
    struct confine_syscalls_options options = {.allow_jit = o->allow_jit};
    int err = limits_no_core(error, cap);

    limit_memory(o->memory);
    if (err != 0 || !o->confine)
        return err;
    err = confine_outside(error, cap);
    if (err == 0)
        err = confine_syscalls(&options, error, cap);
    return err == -CTR_ENOTSUP ? 0 : err;
}

int rights_confine_calls(struct daemon *d)
{
    const struct settings_daemon *s = &d->settings->daemon;
    struct confine_syscalls_options options = {.allow_jit = s->allow_jit};
    char error[ERROR_MAX];
    int err;

    if (!s->confine)
        return 0;
    err = confine_syscalls(&options, error, sizeof(error));
    if (err == -CTR_ENOTSUP) {
        log_warn("contactord", "system calls are not confined reason=%s",
                 log_quoted(error));
        return 0;
    }
    return err != 0 ? daemon_complain(error) : 0;
}
