/* settings.h - what the administrator's files say, checked and typed: everything the
 * daemon is built from.
 *
 * A section that a plugin has a part in is described by two tables: the host's options,
 * which every source (or front end) has, and the plugin's own. An option both declare is
 * one option, with the plugin's default and words; its type and choices must agree. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/schema.h"
#include "flow/flow.h"
#include "isolate/isolate.h"
#include "net/net.h"
#include "plugin/instance.h"
#include "plugin/loader.h"

/* [contactor] */
struct settings_daemon {
    struct ctr_config *values;
    const char *state_dir, *plugin_dir, *user, *group, *control_socket;
    enum log_level log_level;
    unsigned max_sessions, max_sessions_per_peer;
    uint64_t cache_map_size, cache_map_max;
    bool confine, allow_jit;
};

/* [source.NAME], [frontend.NAME] */
struct settings_instance {
    enum instance_role role;
    const char *name;       /* "source.crm" */
    const char *short_name; /* "crm" */
    const char *plugin_name;
    struct plugin *plugin; /* NULL: could not be loaded */
    const char *problem;   /* then: why */
    /* Given to the instance when it is made (settings_take_values), else ours. */
    struct ctr_config *values;
    /* The part of it that a running instance cannot take on: equal, it runs on. */
    struct ctr_config *identity;
    /* Sources: `isolated`, and within which bounds. */
    bool isolated;
    struct isolate_options isolate;
    /* Front ends. */
    struct net_service_options net;
    struct net_address *addresses;
    unsigned n_addresses;
    /* Which of settings.flow.sources or .clients. */
    unsigned index;
};

struct settings {
    struct arena arena;
    struct settings_daemon daemon;
    struct settings_instance *instances;
    unsigned n_instances;
    struct flow_config flow;
    char **folders; /* read by the daemon: what confinement leaves; NULL-terminated */
    const char **folders_of; /* the instance that names each; NULL: another section */
    unsigned n_folders;
    char **programs; /* folders from which plugins start programs; NULL-terminated; NULL:
                      * none does */
    unsigned n_programs;
    struct ctr_config **users; /* their values: secrets are wiped with them */
    unsigned n_users;
};

enum {
    SETTINGS_NAME_MAX = 32,
    SETTINGS_STRICT = 1u << 0 /* a plugin that cannot be loaded is an error */
};

/* The client contactorctl's questions are asked as. */
#define SETTINGS_CONTROL "control"

/* Reads and checks everything; all problems go to diag. The plugins it names are loaded
 * into the registry. returns 0 and *out | -CTR_ECONF after at least one error */
int settings_load(const char *path, unsigned flags, struct registry *registry,
                  struct diag *diag, struct settings **out);
/* Wipes the users' passwords, once flow has what it keeps of them. */
void settings_forget_passwords(struct settings *settings);
/* NULL-safe. */
void settings_destroy(struct settings *settings);

/* Prints the reference of all options that are not a plugin's. */
void settings_describe(FILE *out);

struct settings_instance *settings_find(const struct settings *settings,
                                        const char *name);
struct ctr_config *settings_take_values(struct settings_instance *instance);
/* Whether every folder lies in one of `allowed`; if not, which one does not, and which
 * instance names it (NULL: none). */
bool settings_within(const struct settings *settings, char *const *allowed,
                     const char **outside, const char **of);
/* The same of the folders from which programs are started. */
bool settings_programs_within(const struct settings *settings, char *const *allowed,
                              const char **outside);

#endif
