/* registry.c - where plugins are found, and those that are loaded. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "plugin/loader.h"

#ifndef PLUGIN_INSTALL_DIR
#define PLUGIN_INSTALL_DIR "/usr/lib/contactor/plugins"
#endif

void registry_init(struct registry *registry)
{
    list_init(&registry->plugins);
    registry->dir = NULL;
}

void registry_set_dir(struct registry *registry, const char *dir)
{
    free(registry->dir);
    registry->dir = dir ? xstrdup(dir) : NULL;
}

void registry_finish(struct registry *registry)
{
    list_for_each_safe(it, &registry->plugins)
    {
        list_remove(it);
        plugin_free(list_entry(it, struct plugin, link));
    }
    free(registry->dir);
    registry->dir = NULL;
}

/* The folder plugins/ of the build tree this program lies in, or "". */
static void build_tree_dir(char *out, size_t cap)
{
    static const char core[] = "/core/contactord";
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    size_t tail = sizeof(core) - 1;

    out[0] = '\0';
    if (n <= (ssize_t)tail || (size_t)n >= sizeof(exe) - 1)
        return;
    exe[n] = '\0';
    if (strcmp(exe + n - tail, core) == 0)
        snprintf(out, cap, "%.*s/plugins", (int)((size_t)n - tail), exe);
}

static bool try_path(char *path, size_t cap, const char *dir, const char *name,
                     bool own_folder)
{
    int n = own_folder ? snprintf(path, cap, "%s/%s/%s.so", dir, name, name)
                       : snprintf(path, cap, "%s/%s.so", dir, name);

    return n > 0 && (size_t)n < cap && access(path, F_OK) == 0;
}

static int find_file(const struct registry *registry, const char *name, char *path,
                     size_t cap, char *error, size_t error_cap)
{
    char tree[4096];

    build_tree_dir(tree, sizeof(tree));
    if (registry->dir && try_path(path, cap, registry->dir, name, false))
        return 0;
    if (tree[0] && try_path(path, cap, tree, name, true))
        return 0;
    if (try_path(path, cap, PLUGIN_INSTALL_DIR, name, false))
        return 0;
    snprintf(error, error_cap, "plugin '%s' was not found: no file %s.so in %s%s%s%s%s",
             name, name, registry->dir ? registry->dir : "", registry->dir ? ", " : "",
             tree[0] ? tree : "", tree[0] ? ", " : "", PLUGIN_INSTALL_DIR);
    return -CTR_ENOENT;
}

/* NAME of NAME.so in dir, or of NAME/NAME.so in the build tree. */
static unsigned add_names(const char *dir, bool own_folder, struct arena *arena,
                          const char **out, unsigned n, unsigned cap)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;
    char path[4096];

    while (folder && n < cap && (entry = readdir(folder))) {
        size_t len = strlen(entry->d_name);
        size_t end = len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0 ? 3 : 0;
        char *name = arena_fmt(arena, "%.*s", (int)(len - end), entry->d_name);

        if (name && name[0] != '.' && own_folder == (end == 0) &&
            try_path(path, sizeof(path), dir, name, own_folder))
            out[n++] = name;
    }
    if (folder)
        closedir(folder);
    return n;
}

unsigned registry_names(const struct registry *registry, struct arena *arena,
                        const char **out, unsigned cap)
{
    char tree[4096];
    unsigned n = 0;

    build_tree_dir(tree, sizeof(tree));
    if (registry->dir)
        n = add_names(registry->dir, false, arena, out, n, cap);
    if (tree[0])
        n = add_names(tree, true, arena, out, n, cap);
    return add_names(PLUGIN_INSTALL_DIR, false, arena, out, n, cap);
}

unsigned registry_folders(const struct registry *registry, char *out[3])
{
    char tree[4096];
    unsigned n = 0;

    build_tree_dir(tree, sizeof(tree));
    if (registry->dir)
        out[n++] = xstrdup(registry->dir);
    if (tree[0])
        out[n++] = xstrdup(tree);
    out[n++] = xstrdup(PLUGIN_INSTALL_DIR);
    return n;
}

bool plugin_name_ok(const char *name)
{
    size_t n = strlen(name);

    return n >= 1 && n <= 32 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

int plugin_load(struct registry *registry, const char *name, struct plugin **out,
                char *error, size_t cap)
{
    char path[4096];
    int err;

    *out = NULL;
    list_for_each(it, &registry->plugins)
    {
        struct plugin *plugin = list_entry(it, struct plugin, link);

        if (strcmp(plugin->name, name) == 0) {
            *out = plugin;
            return 0;
        }
    }
    if (!plugin_name_ok(name)) {
        snprintf(error, cap, "'%s' is not a plugin's name (a-z, 0-9, _ and -)", name);
        return -CTR_EINVAL;
    }
    err = find_file(registry, name, path, sizeof(path), error, cap);
    if (err == 0)
        err = plugin_load_file(registry, path, out, error, cap);
    return err;
}
