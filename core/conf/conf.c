/* conf.c - the main file, its drop-ins, and looking things up in the tree they make. */
#include "conf/conf.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "conf/file.h"
#include "conf/tree.h"

static struct conf *conf_new(void)
{
    struct conf *conf = xcalloc(1, sizeof(*conf));

    conf->root.type = CONF_TABLE;
    return conf;
}

static struct conf_file *add_file(struct conf *conf, const char *name, const char *folder,
                                  unsigned order)
{
    struct conf_file *file = arena_alloc(&conf->arena, sizeof(*file));

    file->name = arena_z(&conf->arena, name);
    file->folder = arena_z(&conf->arena, folder);
    file->order = order;
    if (order == 0)
        conf->main = file;
    return file;
}

static int add_text_of(struct conf *conf, const struct conf_file *file, struct diag *diag)
{
    struct stat st;
    char *text;
    size_t len;
    const char *wrong = file_read(file->name, CONF_FILE_MAX, &text, &len, &st);
    int err;

    if (wrong) {
        diag_error(diag, (struct conf_place){.file = file}, "cannot be read: %s", wrong);
        return -CTR_ECONF;
    }
    err = tree_add(conf, str_make(text, len), file, diag);
    wipe(text, len); /* somebody may have put a password in after all */
    free(text);
    return err;
}

/* The folder a path lies in, as it was written: "." for a bare name. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static char *absolute(const char *folder, struct diag *diag)
{
    struct strbuf out = {0};
    char *here;

    if (folder[0] == '/')
        return xstrdup(folder);
    here = getcwd(NULL, 0);
    if (!here) {
        diag_error(diag, (struct conf_place){0}, "cannot tell the current folder: %s",
                   strerror(errno));
        return NULL;
    }
    strbuf_z(&out, here);
    if (strcmp(folder, ".") != 0)
        strbuf_fmt(&out, "/%s", folder);
    free(here);
    return strbuf_take(&out);
}

static int is_dropin(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && entry->d_name[0] != '.' &&
           strcmp(entry->d_name + len - 5, ".toml") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_dropins(struct conf *conf, const char *shown, const char *folder,
                       struct diag *diag)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, is_dropin, by_name);
    int err = 0;

    if (n < 0 && errno == ENOENT)
        return 0;
    if (n < 0 || n >= CONF_FILES_MAX) {
        diag_error(diag, conf_place_of(conf), "the folder %s cannot be read: %s", shown,
                   n < 0 ? strerror(errno) : "too many files");
        err = -CTR_ECONF;
    }
    for (int i = 0; i < n; i++) {
        char *name = arena_fmt(&conf->arena, "%s/%s", shown, entries[i]->d_name);

        if (n < CONF_FILES_MAX &&
            add_text_of(conf, add_file(conf, name, folder, (unsigned)i + 1), diag) != 0)
            err = -CTR_ECONF;
        free(entries[i]);
    }
    free(entries);
    return err;
}

/* Without "./" in front, unless the administrator wrote it. */
static char *dropin_folder(struct conf *conf, const char *path, const char *written)
{
    if (!strchr(path, '/'))
        return arena_z(&conf->arena, "conf.d");
    return arena_fmt(&conf->arena, "%s/conf.d", strcmp(written, "/") ? written : "");
}

int conf_load(const char *path, struct diag *diag, struct conf **out)
{
    struct conf *conf = conf_new();
    char *written = folder_of(path);
    char *folder = absolute(written, diag);
    char *dropins;
    int err = -CTR_ECONF;

    *out = NULL;
    if (!folder)
        goto fail;
    err = add_text_of(conf, add_file(conf, path, folder, 0), diag);
    dropins = arena_fmt(&conf->arena, "%s/conf.d", strcmp(folder, "/") ? folder : "");
    if (add_dropins(conf, dropin_folder(conf, path, written), dropins, diag) != 0)
        err = -CTR_ECONF;
    if (err)
        goto fail;
    *out = conf;
    conf = NULL;
fail:
    conf_destroy(conf);
    free(folder);
    free(written);
    return err;
}

int conf_parse(struct ctr_str text, const char *name, const char *folder,
               struct diag *diag, struct conf **out)
{
    struct conf *conf = conf_new();
    struct conf_file *file = add_file(conf, name, folder, 0);
    int err = 0;

    *out = NULL;
    if (text.len > CONF_FILE_MAX) {
        diag_error(diag, (struct conf_place){.file = file}, "it is too large");
        err = -CTR_ECONF;
    }
    if (!err)
        err = tree_add(conf, text, file, diag);
    if (err)
        conf_destroy(conf);
    else
        *out = conf;
    return err;
}

void conf_destroy(struct conf *conf)
{
    if (!conf)
        return;
    arena_finish(&conf->arena);
    free(conf);
}

const struct conf_node *conf_root(const struct conf *conf)
{
    return &conf->root;
}

struct conf_place conf_place_of(const struct conf *conf)
{
    return (struct conf_place){.file = conf->main};
}

const struct conf_node *conf_get(const struct conf_node *table, const char *key)
{
    if (!table || table->type != CONF_TABLE)
        return NULL;
    conf_for_each(it, table) if (str_eq_z(it->key, key)) return it;
    return NULL;
}

const char *conf_get_z(const struct conf_node *table, const char *key)
{
    const struct conf_node *node = conf_get(table, key);

    if (!node || node->type != CONF_STRING ||
        strlen(node->string.ptr) != node->string.len)
        return NULL;
    return node->string.ptr;
}

const char *conf_type_text(enum conf_type type)
{
    static const char *const texts[] = {
        [CONF_TABLE] = "a table",       [CONF_ARRAY] = "a list",
        [CONF_STRING] = "a string",     [CONF_INT] = "a number",
        [CONF_FLOAT] = "a fraction",    [CONF_BOOL] = "true or false",
        [CONF_TIME] = "a date or time",
    };

    return texts[type];
}

/* NULL, or what is wrong with NAME in [kind.NAME]: it becomes part of file names, log
 * lines and answers. */
static const char *wrong_name(struct ctr_str name)
{
    if (name.len == 0)
        return "is empty";
    if (name.len > CONF_NAME_MAX)
        return "is too long";
    if (str_eq_z(name, ".") || str_eq_z(name, ".."))
        return "is not a name";
    for (uint64_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f ||
            name.ptr[i] == '/')
            return "holds a slash or a control character";
    return NULL;
}

static bool is_section(const char *kind, const struct conf_node *node, struct diag *diag)
{
    const char *wrong = wrong_name(node->key);

    if (wrong)
        diag_error(diag, node->key_at, "the name '" STR_FMT "' in [%s.NAME] %s",
                   STR_ARG(node->key), kind, wrong);
    else if (node->type != CONF_TABLE)
        diag_error(diag, node->key_at, "'" STR_FMT "' must be a section [%s.%s], not %s",
                   STR_ARG(node->key), kind, node->key.ptr, conf_type_text(node->type));
    else
        return true;
    return false;
}

const struct conf_node *conf_section_next(const struct conf *conf, const char *kind,
                                          const struct conf_node *after,
                                          struct diag *diag)
{
    const struct conf_node *table = conf_get(&conf->root, kind);
    const struct conf_node *it;

    if (!table || table->type != CONF_TABLE)
        return NULL; /* not a table: conf_check_sections says so */
    for (it = after ? after->next : table->first; it; it = it->next)
        if (is_section(kind, it, diag))
            return it;
    return NULL;
}

void conf_check_sections(const struct conf *conf, const char *const *known,
                         struct diag *diag)
{
    char hint[128];
    unsigned n = 0;

    while (known[n])
        n++;
    conf_for_each(it, &conf->root)
    {
        unsigned i = 0;

        while (i < n && !str_eq_z(it->key, known[i]))
            i++;
        if (i == n)
            diag_error(diag, it->key_at, "unknown %s '" STR_FMT "'%s",
                       it->type == CONF_TABLE ? "section" : "key", STR_ARG(it->key),
                       conf_suggest(it->key.ptr, known, n, hint, sizeof(hint)));
        else if (it->type != CONF_TABLE)
            diag_error(diag, it->key_at, "'%s' must be a section, not %s", known[i],
                       conf_type_text(it->type));
    }
}

const char *conf_suggest(const char *word, const char *const *candidates, unsigned n,
                         char *out, size_t cap)
{
    const char *nearest = NULL;
    unsigned least = 3;

    for (unsigned i = 0; i < n; i++) {
        unsigned distance = str_distance(word, candidates[i], 2);

        /* Two changes make any short word of any other. */
        if (distance < least && distance < strlen(candidates[i])) {
            nearest = candidates[i];
            least = distance;
        }
    }
    out[0] = '\0';
    if (nearest)
        snprintf(out, cap, "; did you mean '%s'?", nearest);
    return out;
}
