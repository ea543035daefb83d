/* loader.c - opens a plugin, and lets in only what keeps the ABI. */
#include "plugin/loader.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "plugin/object.h"

/* The sizes of the first release: no struct is smaller. */
enum {
    PLUGIN_SIZE_1_0 = 120,
    PLUGIN_SIZE_MAX = 65536,
    OPTION_SIZE_1_0 = 56,
    SOURCE_SIZE_1_0 = 48,
    FRONTEND_SIZE_1_0 = 24,
    SCHEME_SIZE_1_0 = 16,
    STREAM_SIZE_1_0 = 56,
    SCHEMES_MAX = 16
};

/* What is being loaded, and where the reason of a failure goes. */
struct loading {
    struct plugin *plugin;
    const char *path;
    char *error;
    size_t cap;
};

static int load_fail(struct loading *l, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int open_file(struct loading *l, const struct ctr_plugin **theirs, size_t *room);
static int copy_descriptor(struct loading *l, const struct ctr_plugin *theirs,
                           size_t room);
static int check_descriptor(struct loading *l);
static int copy_options(struct loading *l);
static int copy_source(struct loading *l);
static int copy_frontend(struct loading *l);

void plugin_free(struct plugin *plugin)
{
    if (!plugin)
        return;
    free(plugin->name);
    free(plugin->path);
    free(plugin->options);
    free(plugin->schemes);
    free(plugin);
}

/* NAME of "/usr/lib/contactor/plugins/NAME.so" */
static char *name_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t n = strlen(base);

    if (n > 3 && strcmp(base + n - 3, ".so") == 0)
        n -= 3;
    return xstrndup(base, n);
}

/* A bare name would be looked for in the system's library folders. */
static char *path_here(const char *name)
{
    char *path = xmalloc(strlen(name) + 3);

    sprintf(path, "./%s", name);
    return path;
}

int plugin_load_file(struct registry *registry, const char *path, struct plugin **out,
                     char *error, size_t cap)
{
    struct loading l = {.error = error, .cap = cap};
    const struct ctr_plugin *theirs = NULL;
    size_t room = 0;
    int err;

    *out = NULL;
    l.plugin = xcalloc(1, sizeof(*l.plugin));
    l.plugin->path = strchr(path, '/') ? xstrdup(path) : path_here(path);
    l.path = l.plugin->path;
    l.plugin->name = name_of_path(path);
    err = open_file(&l, &theirs, &room);
    if (err == 0)
        err = copy_descriptor(&l, theirs, room);
    if (err == 0)
        err = check_descriptor(&l);
    if (err == 0)
        err = copy_options(&l);
    if (err == 0)
        err = copy_source(&l);
    if (err == 0)
        err = copy_frontend(&l);
    if (err != 0)
        goto fail;
    list_append(&registry->plugins, &l.plugin->link);
    *out = l.plugin;
    return 0;
fail:
    plugin_free(l.plugin);
    return err;
}

static int load_fail(struct loading *l, int err, const char *fmt, ...)
{
    char why[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    snprintf(l->error, l->cap, "cannot load %s: %s", l->path, why);
    return err;
}

/* room: how many bytes the object behind the symbol has, as its own symbol table says. */
static int open_file(struct loading *l, const struct ctr_plugin **theirs, size_t *room)
{
    char why[512];
    void *handle, *symbol;
    const ElfW(Sym) *entry = NULL;
    Dl_info info;
    int err = object_check(l->path, why, sizeof(why));

    if (err != 0)
        return load_fail(l, err, "%s", why);
    handle = dlopen(l->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) {
        const char *reason = dlerror();
        size_t n = strlen(l->path);

        /* Often it names the file itself; load_fail does, too. */
        if (strncmp(reason, l->path, n) == 0 && strncmp(reason + n, ": ", 2) == 0)
            reason += n + 2;
        return load_fail(l, -CTR_EFORMAT, "%s", reason);
    }
    symbol = dlsym(handle, CTR_PLUGIN_SYMBOL);
    if (!symbol)
        return load_fail(l, -CTR_EFORMAT,
                         "it exports no symbol '" CTR_PLUGIN_SYMBOL
                         "', so it is not a contactor plugin");
    /* dlsym also finds the symbol of a library the plugin needs. */
    if (dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) == 0 || !entry ||
        ELF64_ST_TYPE(entry->st_info) != STT_OBJECT)
        return load_fail(l, -CTR_EFORMAT,
                         "its symbol '" CTR_PLUGIN_SYMBOL "' is not a descriptor");
    *theirs = symbol;
    *room = entry->st_size;
    return 0;
}

static int copy_descriptor(struct loading *l, const struct ctr_plugin *theirs,
                           size_t room)
{
    uint32_t major;

    /* The first two members are the same in every major version. */
    if (room < offsetof(struct ctr_plugin, abi_needs))
        return load_fail(l, -CTR_EFORMAT, "its descriptor has only %zu bytes", room);
    major = CTR_ABI_MAJOR(theirs->abi_built);
    if (major != CTR_ABI_MAJOR(CTR_ABI_CURRENT))
        return load_fail(l, -CTR_EVERSION,
                         "it was built for plugin ABI %u.%u; this contactord speaks ABI "
                         "%u.x (rebuild the plugin, or use a contactord of major %u)",
                         major, CTR_ABI_MINOR(theirs->abi_built),
                         CTR_ABI_MAJOR(CTR_ABI_CURRENT), major);
    if (theirs->size < PLUGIN_SIZE_1_0 || theirs->size > PLUGIN_SIZE_MAX ||
        theirs->size > room)
        return load_fail(l, -CTR_EFORMAT,
                         "its descriptor says it has %u bytes; %zu are there and ABI 1.0 "
                         "has %u",
                         theirs->size, room, PLUGIN_SIZE_1_0);
    memcpy(&l->plugin->desc, theirs,
           theirs->size < sizeof(*theirs) ? theirs->size : sizeof(*theirs));
    return 0;
}

static int check_descriptor(struct loading *l)
{
    const struct ctr_plugin *d = &l->plugin->desc;

    if (CTR_ABI_MAJOR(d->abi_needs) != CTR_ABI_MAJOR(CTR_ABI_CURRENT) ||
        d->abi_needs > CTR_ABI_CURRENT)
        return load_fail(l, -CTR_EVERSION,
                         "it needs plugin ABI %u.%u; this contactord has %u.%u (update "
                         "contactor)",
                         CTR_ABI_MAJOR(d->abi_needs), CTR_ABI_MINOR(d->abi_needs),
                         CTR_ABI_MAJOR(CTR_ABI_CURRENT), CTR_ABI_MINOR(CTR_ABI_CURRENT));
    if (!d->name || !d->version || !d->summary)
        return load_fail(l, -CTR_EFORMAT,
                         "its descriptor lacks name, version or summary");
    if (!plugin_name_ok(d->name))
        return load_fail(l, -CTR_EFORMAT,
                         "its name is malformed (a-z, 0-9, _ and -, at most 32)");
    if (strcmp(d->name, l->plugin->name) != 0)
        return load_fail(l, -CTR_EFORMAT,
                         "it calls itself '%s', so its file must be named %s.so", d->name,
                         d->name);
    if (!d->create || !d->destroy)
        return load_fail(l, -CTR_EFORMAT, "its descriptor lacks create or destroy");
    if (!d->source && !d->frontend)
        return load_fail(l, -CTR_EFORMAT, "it is neither a source nor a front end");
    return 0;
}

/* min(theirs, ours) bytes into a zeroed struct. */
static int copy_struct(struct loading *l, const char *what, void *out, size_t ours,
                       const void *in, size_t least)
{
    uint32_t theirs = *(const uint32_t *)in;

    if (theirs < least || theirs > PLUGIN_SIZE_MAX)
        return load_fail(l, -CTR_EFORMAT, "its %s says it has %u bytes; ABI 1.0 has %zu",
                         what, theirs, least);
    memset(out, 0, ours);
    memcpy(out, in, theirs < ours ? theirs : ours);
    return 0;
}

static int copy_options(struct loading *l)
{
    struct ctr_plugin *d = &l->plugin->desc;
    size_t stride = d->option_size;
    struct schema_table table;
    char why[512];

    if (d->n_options == 0) {
        d->options = NULL;
        return 0;
    }
    if (!d->options || stride < OPTION_SIZE_1_0 || stride > PLUGIN_SIZE_MAX ||
        stride % _Alignof(struct ctr_option) != 0 || d->n_options > SCHEMA_OPTIONS_MAX)
        return load_fail(l, -CTR_EFORMAT,
                         "its option table is malformed (%u options of %u bytes)",
                         d->n_options, d->option_size);
    l->plugin->options = xcalloc(d->n_options, sizeof(*l->plugin->options));
    for (uint32_t i = 0; i < d->n_options; i++)
        memcpy(&l->plugin->options[i], (const char *)d->options + i * stride,
               stride < sizeof(struct ctr_option) ? stride : sizeof(struct ctr_option));
    table = plugin_options(l->plugin);
    if (schema_verify(&table, 1, why, sizeof(why)) != 0)
        return load_fail(l, -CTR_EFORMAT, "its option table is wrong: %s", why);
    return 0;
}

static int copy_source(struct loading *l)
{
    struct ctr_source *s = &l->plugin->source;
    int err;

    if (!l->plugin->desc.source)
        return 0;
    err = copy_struct(l, "source role", s, sizeof(*s), l->plugin->desc.source,
                      SOURCE_SIZE_1_0);
    if (err != 0)
        return err;
    if (s->threading != CTR_ON_LANE && s->threading != CTR_ON_LOOP)
        return load_fail(l, -CTR_EFORMAT, "its source role has unknown threading %u",
                         s->threading);
    if (!s->sync)
        return load_fail(l, -CTR_EFORMAT, "its source role lacks sync");
    if ((s->flags & CTR_SOURCE_SEARCH) && (!s->search || !s->search_cancel))
        return load_fail(l, -CTR_EFORMAT,
                         "its source role says it can search but lacks search or "
                         "search_cancel");
    l->plugin->has_source = true;
    return 0;
}

static void ignore_conn(void *conn)
{
    (void)conn;
}

static void ignore_status(void *conn, int32_t status)
{
    (void)conn;
    (void)status;
}

static void ignore_reason(void *conn, uint32_t reason)
{
    (void)conn;
    (void)reason;
}

static int copy_stream(struct loading *l)
{
    struct ctr_stream_ops *ops = &l->plugin->stream;
    int err = copy_struct(l, "stream table", ops, sizeof(*ops),
                          l->plugin->frontend.stream, STREAM_SIZE_1_0);

    if (err != 0)
        return err;
    if (!ops->on_open || !ops->on_data || !ops->on_close)
        return load_fail(l, -CTR_EFORMAT,
                         "its stream table lacks on_open, on_data or on_close");
    if (!ops->on_drain)
        ops->on_drain = ignore_conn;
    if (!ops->on_tls)
        ops->on_tls = ignore_status;
    if (!ops->on_goodbye)
        ops->on_goodbye = ignore_reason;
    ops->size = sizeof(*ops);
    l->plugin->has_stream = true;
    return 0;
}

static int copy_schemes(struct loading *l)
{
    struct ctr_frontend *f = &l->plugin->frontend;
    size_t stride = f->scheme_size ? f->scheme_size : SCHEME_SIZE_1_0;

    if (f->n_schemes > SCHEMES_MAX || (f->n_schemes > 0 && !f->schemes) ||
        stride < SCHEME_SIZE_1_0 || stride > PLUGIN_SIZE_MAX ||
        stride % _Alignof(struct ctr_scheme) != 0)
        return load_fail(
            l, -CTR_EFORMAT,
            "its table of URL schemes is malformed (%u schemes of %zu bytes)",
            f->n_schemes, stride);
    l->plugin->schemes = xcalloc(f->n_schemes + 1, sizeof(*l->plugin->schemes));
    for (uint32_t i = 0; i < f->n_schemes; i++) {
        struct ctr_scheme *scheme = &l->plugin->schemes[i];

        memcpy(scheme, (const char *)f->schemes + i * stride,
               stride < sizeof(*scheme) ? stride : sizeof(*scheme));
        if (!scheme->name || !plugin_name_ok(scheme->name))
            return load_fail(l, -CTR_EFORMAT, "a URL scheme's name is malformed");
    }
    f->schemes = l->plugin->schemes;
    f->scheme_size = sizeof(struct ctr_scheme);
    return 0;
}

static int copy_frontend(struct loading *l)
{
    struct ctr_frontend *f = &l->plugin->frontend;
    int err;

    if (!l->plugin->desc.frontend)
        return 0;
    err = copy_struct(l, "front-end role", f, sizeof(*f), l->plugin->desc.frontend,
                      FRONTEND_SIZE_1_0);
    if (err == 0)
        err = copy_schemes(l);
    if (err != 0)
        return err;
    l->plugin->has_frontend = true;
    return f->stream ? copy_stream(l) : 0;
}

struct schema_table plugin_options(const struct plugin *plugin)
{
    return (struct schema_table){plugin->options, plugin->desc.n_options,
                                 sizeof(struct ctr_option)};
}
