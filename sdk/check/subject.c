/* subject.c - the plugin that is checked: loaded, copied, started with the options the
 * administrator gave. */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "options.h"

/* min(theirs, ours) bytes into a zeroed struct that says our size. */
static void copy_struct(void *ours, uint32_t size, const void *theirs, uint32_t least)
{
    uint32_t n;

    memcpy(&n, theirs, sizeof(n));
    n = n < least ? least : n; /* that it is wrong is told by the check "descriptor" */
    memset(ours, 0, size);
    memcpy(ours, theirs, n < size ? n : size);
    memcpy(ours, &size, sizeof(size));
}

/* What a wrong size would leave out is read all the same: one check tells of it, the
 * others look at the rest. */
static void copy_plugin(struct subject *s)
{
    size_t n = s->room < sizeof(s->plugin) ? (size_t)s->room : sizeof(s->plugin);

    memset(&s->plugin, 0, sizeof(s->plugin));
    memcpy(&s->plugin, s->theirs, n);
    s->plugin.size = sizeof(s->plugin);
}

static void copy_roles(struct subject *s)
{
    struct ctr_plugin *p = &s->plugin;

    if (p->source) {
        copy_struct(&s->source, sizeof(s->source), p->source,
                    offsetof(struct ctr_source, test));
        p->source = &s->source;
    }
    if (p->frontend) {
        copy_struct(&s->frontend, sizeof(s->frontend), p->frontend, sizeof(s->frontend));
        p->frontend = &s->frontend;
        if (s->frontend.stream) {
            copy_struct(&s->stream, sizeof(s->stream), s->frontend.stream,
                        sizeof(s->stream));
            s->frontend.stream = &s->stream;
        }
    }
}

const char *subject_load(struct subject *s)
{
    void *handle = dlopen(s->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    const ElfW(Sym) *entry = NULL;
    Dl_info info;

    if (!handle)
        return dlerror();
    s->theirs = dlsym(handle, CTR_PLUGIN_SYMBOL);
    if (!s->theirs)
        return "it exports no symbol contactor_plugin: define CTR_PLUGIN "
               "(contactor/plugin.h)";
    if (dladdr1(s->theirs, &info, (void **)&entry, RTLD_DL_SYMENT) == 0 || !entry ||
        ELF64_ST_TYPE(entry->st_info) != STT_OBJECT)
        return "its symbol contactor_plugin is no data object: define CTR_PLUGIN "
               "(contactor/plugin.h)";
    s->room = entry->st_size;
    if (s->room < offsetof(struct ctr_plugin, n_options))
        return "its descriptor is too short to be one";
    if (CTR_ABI_MAJOR(s->theirs->abi_built) != CTR_ABI_MAJOR(CTR_ABI_CURRENT))
        return "it was built for another major version of the ABI than this program";
    copy_plugin(s);
    copy_roles(s);
    return NULL;
}

const struct ctr_option *subject_option(const struct subject *s, uint32_t i)
{
    return (const void *)((const char *)s->plugin.options +
                          (size_t)i * s->plugin.option_size);
}

/* --- the administrator's options ------------------------------------------------------
 */

static const struct ctr_option *option_named(const struct subject *s, const char *name,
                                             size_t n)
{
    for (uint32_t i = 0; i < s->plugin.n_options; i++) {
        const struct ctr_option *o = subject_option(s, i);

        if (o->name && strlen(o->name) == n && strncmp(o->name, name, n) == 0)
            return o;
    }
    return NULL;
}

/* The secret that NAME_file stands for. */
static const struct ctr_option *secret_of(const struct subject *s, const char *name)
{
    size_t n = strlen(name);
    const struct ctr_option *o =
        n > 5 && strcmp(name + n - 5, "_file") == 0 ? option_named(s, name, n - 5) : NULL;

    return o && (o->flags & CTR_OPT_SECRET) ? o : NULL;
}

static void full_path(const struct option_value *v, char *out, size_t cap)
{
    snprintf(out, cap, "%s%s%s", *v->value == '/' ? "" : v->folder,
             *v->value == '/' ? "" : "/", v->value);
}

static void set_secret(struct testhost *t, const char *name, const char *path)
{
    char text[65536];
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (!file)
        check_fail("Give the file as the daemon could read it.", "cannot open %s", path);
    fclose(file);
    text[n] = 0;
    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = 0;
    testhost_set(t, name, text);
}

static void set_one(const struct subject *s, struct testhost *t,
                    const struct option_value *v)
{
    const struct ctr_option *o = option_named(s, v->name, strcspn(v->name, "."));
    const struct ctr_option *secret = secret_of(s, v->name);
    char path[8192];

    full_path(v, path, sizeof(path));
    if (secret)
        set_secret(t, secret->name, path);
    else if (o)
        testhost_set(t, v->name, o->type == CTR_OPT_PATH ? path : v->value);
    /* else: the daemon's own, such as dialplan, or told when the plugin was loaded */
}

bool subject_knows(const struct subject *s, uint32_t i)
{
    const char *name = s->options->at[i].name;

    return option_named(s, name, strcspn(name, ".")) || secret_of(s, name);
}

struct testhost *subject_host(const struct subject *s)
{
    char name[128];
    struct testhost *t;

    snprintf(name, sizeof(name), "%s.check", s->plugin.source ? "source" : "frontend");
    t = testhost_create(&s->plugin, name);
    for (uint32_t i = 0; i < s->options->n; i++)
        set_one(s, t, &s->options->at[i]);
    return t;
}

const char *subject_missing(const struct subject *s)
{
    for (uint32_t i = 0; i < s->plugin.n_options; i++) {
        const struct ctr_option *o = subject_option(s, i);
        char file[256];

        snprintf(file, sizeof(file), "%s_file", o->name);
        if ((o->flags & CTR_OPT_REQUIRED) && !options_has(s->options, o->name) &&
            !((o->flags & CTR_OPT_SECRET) && options_has(s->options, file)))
            return o->name;
    }
    return NULL;
}

void subject_hint(const struct subject *s, char *out, size_t cap)
{
    const char *missing = subject_missing(s);

    if (missing)
        snprintf(out, cap,
                 "it needs a configuration that works: give --config FILE, or %s=...",
                 missing);
    else
        snprintf(out, cap, "it needs a configuration that works: give --config FILE");
}

struct testhost *subject_start(const struct subject *s)
{
    char hint[512];
    struct testhost *t;

    subject_hint(s, hint, sizeof(hint));
    if (subject_missing(s))
        check_skip("%s", hint);
    t = subject_host(s);
    if (testhost_start(t) == 0)
        return t;
    testhost_destroy(t);
    if (s->options->n > 0)
        check_skip("the configuration given does not start it: see \"start\"");
    check_skip("%s", hint);
}
