/* settings.c - from the files to settings: sections in an order in which each finds what
 * it refers to, and every mistake reported before any is acted upon. */
#include "settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "os/privileges.h"
#include "settings_private.h"

static const char *const sections[] = {"contactor", "dialplan", "source",
                                       "frontend",  "user",     NULL};

/* ---- helpers -------------------------------------------------------------------- */

static bool name_ok(const char *kind, struct ctr_str name)
{
    bool user = strcmp(kind, "user") == 0;
    const char *allowed = user ? "abcdefghijklmnopqrstuvwxyz0123456789_-.@"
                               : "abcdefghijklmnopqrstuvwxyz0123456789_-";

    return name.len <= (user ? CONF_NAME_MAX : SETTINGS_NAME_MAX) &&
           strspn(name.ptr, allowed) == name.len;
}

const struct conf_node *settings_section(struct settings_build *b, const char *kind,
                                         const struct conf_node *after)
{
    const struct conf_node *section = after;

    while ((section = conf_section_next(b->conf, kind, section, b->diag))) {
        if (name_ok(kind, section->key))
            return section;
        diag_error(b->diag, section->key_at,
                   "'" STR_FMT
                   "' cannot be the name of a %s: use a to z, 0 to 9, _ and -, "
                   "at most %d characters",
                   STR_ARG(section->key), kind, SETTINGS_NAME_MAX);
    }
    return NULL;
}

unsigned settings_count(struct settings_build *b, const char *kind)
{
    const struct conf_node *table = conf_get(conf_root(b->conf), kind);

    return table ? table->n : 0;
}

bool settings_known(const char *word, const char *const *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(names[i], word) == 0)
            return true;
    return false;
}

const char *settings_hint(const char *word, const char *const *names, unsigned n,
                          char *out, size_t cap)
{
    size_t len;

    conf_suggest(word, names, n, out, cap);
    if (out[0] || n == 0 || n > 8)
        return out;
    len = (size_t)snprintf(out, cap, "; there is");
    for (unsigned i = 0; i < n && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s '%s'", i ? "," : "", names[i]);
    return out;
}

const char *const *settings_list(struct settings_build *b,
                                 const struct ctr_config *values, const char *name,
                                 size_t *n)
{
    uint32_t count = conf_list_len(values, name);
    const char **list = arena_array(&b->s->arena, count + 1, sizeof(*list));

    *n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *text = conf_list_at(values, name, i);

        if (text)
            list[(*n)++] = arena_z(&b->s->arena, text);
    }
    return list;
}

/* ---- [contactor] ---------------------------------------------------------------- */

/* Only root becomes another user; elsewhere the name need not be known yet. */
static void check_user(struct settings_build *b, const struct settings_daemon *s)
{
    struct privileges_user user;
    char error[256];

    if (!s->user || privileges_find(s->user, s->group, &user, error, sizeof(error)) == 0)
        return;
    if (privileges_is_root())
        diag_error(b->diag, conf_option_place(s->values, "user"), "%s", error);
    else
        diag_warning(b->diag, conf_option_place(s->values, "user"), "%s", error);
}

static int read_daemon(struct settings_build *b, struct settings_daemon *out)
{
    const struct conf_node *table = conf_get(conf_root(b->conf), "contactor");
    struct ctr_config *values;

    if (schema_read(table, "contactor", &settings_daemon_table, 1, 0, b->diag, &values) !=
        0)
        return -CTR_ECONF;
    out->values = values;
    out->state_dir = conf_str(values, "state_dir");
    out->plugin_dir = conf_str(values, "plugin_dir");
    out->user = conf_str(values, "user");
    out->group = conf_str(values, "group");
    out->control_socket = conf_str(values, "control_socket");
    if (!out->control_socket)
        out->control_socket = arena_fmt(&b->s->arena, "%s/control.sock", out->state_dir);
    out->max_sessions = (unsigned)conf_int(values, "max_sessions");
    out->max_sessions_per_peer = (unsigned)conf_int(values, "max_sessions_per_peer");
    out->cache_map_size = (uint64_t)conf_int(values, "cache_map_size");
    out->cache_map_max = (uint64_t)conf_int(values, "cache_map_max");
    out->confine = conf_int(values, "confine") != 0;
    out->allow_jit = conf_int(values, "confine_allow_jit") != 0;
    out->log_level =
        (const enum log_level[]){LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
                                 LOG_LEVEL_DEBUG}[conf_int(values, "log_level")];
    check_user(b, out);
    return 0;
}

/* The files that hold secrets of a section: NAME_file = "path". */
void settings_add_secrets(struct settings_build *b, const struct conf_node *section)
{
    conf_for_each(it, section)
    {
        struct ctr_str key = it->key;
        const char *path;

        if (it->type != CONF_STRING || key.len < 5 ||
            memcmp(key.ptr + key.len - 5, "_file", 5) != 0)
            continue;
        path =
            it->string.ptr[0] == '/' || !it->at.file
                ? it->string.ptr
                : arena_fmt(&b->s->arena, "%s/%s", it->at.file->folder, it->string.ptr);
        settings_add_file(b, path);
    }
}

/* ---- [user.NAME] ---------------------------------------------------------------- */

static void read_user(struct settings_build *b, const struct conf_node *section,
                      struct flow_user_config *user)
{
    struct ctr_config *values;
    char name[CONF_NAME_MAX + 8];

    snprintf(name, sizeof(name), "user." STR_FMT, STR_ARG(section->key));
    settings_add_secrets(b, section);
    if (schema_read(section, name, &settings_user_table, 1, 0, b->diag, &values) != 0)
        return;
    b->s->users[b->s->n_users++] = values;
    user->groups = settings_list(b, values, "groups", &user->n_groups);
    user->secret = str_of(conf_str(values, "password"));
    if (user->secret.len == 0)
        diag_error(b->diag, conf_option_place(values, "password"),
                   "the password of user '%s' is empty", user->name);
    for (size_t i = 0; i < user->n_groups; i++)
        if (!settings_known(user->groups[i], b->groups, b->n_groups))
            b->groups[b->n_groups++] = user->groups[i];
}

/* An upper bound on how many groups there are: each string under [user.*]. */
static unsigned count_groups(struct settings_build *b)
{
    const struct conf_node *users = conf_get(conf_root(b->conf), "user");
    unsigned n = 0;

    if (!users || users->type != CONF_TABLE)
        return 0;
    conf_for_each(user, users)
    {
        const struct conf_node *groups = conf_get(user, "groups");

        n += !groups ? 0 : groups->type == CONF_ARRAY ? groups->n : 1;
    }
    return n;
}

static void read_users(struct settings_build *b)
{
    const struct conf_node *section = NULL;
    unsigned n = settings_count(b, "user");
    struct flow_user_config *users =
        arena_array(&b->s->arena, n + 1, sizeof(struct flow_user_config));

    b->s->users = arena_array(&b->s->arena, n + 1, sizeof(*b->s->users));
    b->users = arena_array(&b->s->arena, n + 1, sizeof(*b->users));
    b->groups = arena_array(&b->s->arena, count_groups(b) + 1, sizeof(*b->groups));
    while ((section = settings_section(b, "user", section))) {
        struct flow_user_config *user = &users[b->s->flow.n_users++];

        user->name = arena_str(&b->s->arena, section->key).ptr;
        b->users[b->n_users++] = user->name;
        if (strcmp(user->name, "anonymous") == 0)
            diag_error(b->diag, section->key_at,
                       "'anonymous' stands for clients that do not authenticate and "
                       "cannot be a user");
        read_user(b, section, user);
    }
    b->s->flow.users = users;
}

/* ---- all ------------------------------------------------------------------------ */

/* The folder of the configuration itself, and what the administrator adds. */
static void read_folders(struct settings_build *b)
{
    const struct ctr_config *values = b->s->daemon.values;

    settings_add_folder(b, conf_place_of(b->conf).file->folder);
    settings_add_folder(b, b->s->daemon.plugin_dir);
    settings_add_folder(b, getenv("CREDENTIALS_DIRECTORY"));
    for (uint32_t i = 0; i < conf_list_len(values, "confine_read"); i++) {
        const char *text = conf_list_at(values, "confine_read", i);

        if (text && text[0] != '/')
            diag_error(b->diag, conf_option_place(values, "confine_read"),
                       "'%s' in confine_read is not an absolute path", text);
        settings_add_folder(b, text);
    }
}

static void read_all(struct settings_build *b)
{
    conf_check_sections(b->conf, sections, b->diag);
    if (read_daemon(b, &b->s->daemon) == 0) {
        registry_set_dir(b->registry, b->s->daemon.plugin_dir);
        read_folders(b);
    } else {
        /* As good as can be told, or every plugin would seem to be missing. */
        registry_set_dir(
            b->registry,
            conf_get_z(conf_get(conf_root(b->conf), "contactor"), "plugin_dir"));
    }
    settings_read_plans(b);
    read_users(b);
    settings_read_instances(b);
}

/* Values must not refer to the diag, which goes before them. */
static void settings_detach(struct settings *s)
{
    for (unsigned i = 0; i < s->n_instances; i++) {
        if (s->instances[i].values)
            conf_values_report_to(s->instances[i].values, NULL);
        if (s->instances[i].identity)
            conf_values_report_to(s->instances[i].identity, NULL);
    }
    for (unsigned i = 0; i < s->n_users; i++)
        conf_values_report_to(s->users[i], NULL);
    if (s->daemon.values)
        conf_values_report_to(s->daemon.values, NULL);
}

int settings_load(const char *path, unsigned flags, struct registry *registry,
                  struct diag *diag, struct settings **out)
{
    struct settings_build b = {.registry = registry, .diag = diag, .flags = flags};
    int err = conf_load(path, diag, &b.conf);

    *out = NULL;
    if (err != 0)
        return err;
    b.s = xcalloc(1, sizeof(*b.s));
    read_all(&b);
    settings_detach(b.s);
    conf_destroy(b.conf);
    if (diag->errors > 0) {
        settings_destroy(b.s);
        return -CTR_ECONF;
    }
    *out = b.s;
    return 0;
}

void settings_forget_passwords(struct settings *settings)
{
    for (unsigned i = 0; i < settings->n_users; i++)
        conf_values_destroy(settings->users[i]);
    settings->n_users = 0;
}

void settings_destroy(struct settings *settings)
{
    if (!settings)
        return;
    for (unsigned i = 0; i < settings->n_instances; i++) {
        conf_values_destroy(settings->instances[i].values);
        conf_values_destroy(settings->instances[i].identity);
    }
    settings_forget_passwords(settings);
    conf_values_destroy(settings->daemon.values);
    free(settings->folders);
    free(settings->folders_of);
    free(settings->programs);
    arena_finish(&settings->arena);
    free(settings);
}

/* ---- folders that are read ------------------------------------------------------ */

void settings_add_folder(struct settings_build *b, const char *path)
{
    struct settings *s = b->s;
    char *real;

    if (!path)
        return;
    /* A link is allowed as the place it leads to. */
    real = realpath(path, NULL);
    s->folders = xrealloc(s->folders, (s->n_folders + 2) * sizeof(*s->folders));
    s->folders_of = xrealloc(s->folders_of, (s->n_folders + 1) * sizeof(*s->folders_of));
    s->folders_of[s->n_folders] = b->folder_of;
    s->folders[s->n_folders++] = arena_z(&s->arena, real ? real : path);
    s->folders[s->n_folders] = NULL;
    free(real);
}

void settings_add_file(struct settings_build *b, const char *path)
{
    struct stat st;
    char *real, *slash, *folder;

    if (!path || path[0] != '/')
        return;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        settings_add_folder(b, path);
        return;
    }
    /* Files are replaced by new ones: it is the folder that is allowed. */
    folder = xstrdup(path);
    slash = strrchr(folder, '/');
    slash[slash == folder] = '\0';
    settings_add_folder(b, folder);
    free(folder);
    real = realpath(path, NULL);
    if (real) {
        slash = strrchr(real, '/');
        slash[slash == real] = '\0';
        settings_add_folder(b, real);
    }
    free(real);
}

bool settings_path_within(const char *path, char *const *allowed)
{
    for (; *allowed; allowed++) {
        size_t n = strlen(*allowed);

        if (strcmp(*allowed, "/") == 0 ||
            (strncmp(path, *allowed, n) == 0 && (path[n] == '\0' || path[n] == '/')))
            return true;
    }
    return false;
}

bool settings_within(const struct settings *settings, char *const *allowed,
                     const char **outside, const char **of)
{
    for (unsigned i = 0; i < settings->n_folders; i++) {
        if (!settings_path_within(settings->folders[i], allowed)) {
            *outside = settings->folders[i];
            *of = settings->folders_of[i];
            return false;
        }
    }
    return true;
}

struct settings_instance *settings_find(const struct settings *settings, const char *name)
{
    for (unsigned i = 0; i < settings->n_instances; i++)
        if (strcmp(settings->instances[i].name, name) == 0)
            return &settings->instances[i];
    return NULL;
}

struct ctr_config *settings_take_values(struct settings_instance *instance)
{
    struct ctr_config *values = instance->values;

    instance->values = NULL;
    return values;
}
