/* loader.h - finds and opens plugins, and is the gate of the ABI.
 *
 * A plugin once loaded stays loaded: it is never dlclosed. What the core reads of its
 * descriptor is a copy: min(theirs, ours) bytes of each struct into a zeroed one, so a
 * tail that an older plugin does not have reads as zero. */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "conf/schema.h"
#include "contactor/ext/net.h"
#include "contactor/plugin.h"

struct plugin {
    struct list link;
    char *name; /* the file is NAME.so */
    char *path;
    struct ctr_plugin desc; /* a copy, and so are the next */
    struct ctr_source source;
    struct ctr_frontend frontend;
    struct ctr_stream_ops stream;
    bool has_source, has_frontend, has_stream;
    struct ctr_option *options; /* n of desc.n_options, our stride */
    struct ctr_scheme *schemes;
};

/* All loaded plugins of a process. Zero-initialise through registry_init. */
struct registry {
    struct list plugins;
    char *dir; /* [contactor] plugin_dir; NULL: not set */
};

void registry_init(struct registry *registry);
/* Looked into before the build tree and the installed place. May be NULL. */
void registry_set_dir(struct registry *registry, const char *dir);
/* Names of the plugins there are files of, for suggestions; at most cap, into out. */
enum { REGISTRY_NAMES_MAX = 64 };
unsigned registry_names(const struct registry *registry, struct arena *arena,
                        const char **out, unsigned cap);
/* The folders plugins are looked for in; at most 3, into out. The caller frees each. */
unsigned registry_folders(const struct registry *registry, char *out[3]);
void registry_finish(struct registry *registry);

/* The plugin NAME, loaded when it is not yet.
 * returns 0 | -CTR_ENOENT | -CTR_EFORMAT | -CTR_EVERSION ... with a sentence that names
 * file and cause in error */
int plugin_load(struct registry *registry, const char *name, struct plugin **out,
                char *error, size_t cap);
/* The same for a file. */
int plugin_load_file(struct registry *registry, const char *path, struct plugin **out,
                     char *error, size_t cap);

/* a-z, 0-9, _ and -, 1 to 32. */
bool plugin_name_ok(const char *name);
/* One that is in no registry. NULL-safe. */
void plugin_free(struct plugin *plugin);

struct schema_table plugin_options(const struct plugin *plugin);

#endif
