/* secret.c - NAME_file and NAME_credential: the content, checked and kept apart. */
#include "conf/secret.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "conf/file.h"

const char *path_read(const struct conf_node *node, struct ctr_config *config,
                      struct diag *diag)
{
    const char *path = node->string.ptr;

    if (node->type != CONF_STRING)
        diag_error(diag, node->at,
                   "'" STR_FMT "' must be a path such as \"/srv/file\", not %s",
                   STR_ARG(node->key), conf_type_text(node->type));
    else if (node->string.len == 0 || node->string.len >= PATH_MAX ||
             strlen(path) != node->string.len)
        diag_error(diag, node->at, "'" STR_FMT "' is %s", STR_ARG(node->key),
                   node->string.len == 0          ? "empty"
                   : node->string.len >= PATH_MAX ? "too long for a path"
                                                  : "no path: it holds a NUL");
    else if (path[0] == '/')
        return arena_z(&config->arena, path);
    else
        return arena_fmt(&config->arena, "%s/%s", node->at.file->folder,
                         strncmp(path, "./", 2) == 0 ? path + 2 : path);
    return NULL;
}

/* A file that root gave to the daemon's group is as it should be. */
static void warn_if_open(const struct conf_node *node, const char *path,
                         const struct stat *st, struct diag *diag)
{
    bool group = (st->st_mode & S_IRGRP) && st->st_uid != 0;
    bool world = st->st_mode & S_IROTH;

    if (group || world)
        diag_warning(diag, node->at, "%s can be read by %s; chmod %s %s", path,
                     world ? "everyone" : "its group", group ? "600" : "o-rwx", path);
}

/* Takes one line end off. returns what is wrong, or NULL */
static const char *trim(char *text, size_t *len)
{
    if (*len > 0 && text[*len - 1] == '\n')
        text[--*len] = '\0';
    if (*len > 0 && text[*len - 1] == '\r')
        text[--*len] = '\0';
    if (*len == 0)
        return "it is empty";
    return strlen(text) == *len ? NULL : "it holds a NUL";
}

static void read_content(const struct conf_node *node, const char *path, bool credential,
                         struct conf_value *value, struct diag *diag)
{
    struct stat st;
    char *text;
    size_t len, size;
    const char *wrong = file_read(path, SCHEMA_SECRET_MAX, &text, &len, &st);

    size = len + 1;
    if (!wrong)
        wrong = trim(text, &len);
    if (wrong) {
        diag_error(diag, node->at, "'" STR_FMT "': %s cannot be used: %s",
                   STR_ARG(node->key), path, wrong);
        wipe(text, text ? size : 0);
        free(text);
        return;
    }
    if (!credential) /* systemd looks after its own */
        warn_if_open(node, path, &st, diag);
    value->secret_text = text;
    value->secret_size = size;
    value->string = text;
}

static void read_credential(const struct conf_node *node, struct ctr_config *config,
                            struct conf_value *value, struct diag *diag)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    const char *name = node->type == CONF_STRING ? node->string.ptr : "";

    if (node->type != CONF_STRING || strlen(name) != node->string.len || !*name ||
        node->string.len > NAME_MAX || strchr(name, '/') || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        diag_error(diag, node->at,
                   "'" STR_FMT "' must be the name of a systemd credential such as "
                   "\"crm-password\"",
                   STR_ARG(node->key));
    else if (!folder || folder[0] != '/')
        diag_error(diag, node->at,
                   "'" STR_FMT "': systemd has passed no credentials "
                   "($CREDENTIALS_DIRECTORY is not set); see LoadCredential= in "
                   "systemd.exec(5)",
                   STR_ARG(node->key));
    else
        read_content(node, arena_fmt(&config->arena, "%s/%s", folder, name), true, value,
                     diag);
}

bool secret_read(const struct conf_node *table, const char *section,
                 struct ctr_config *config, struct conf_value *value, struct diag *diag)
{
    const struct conf_node *plain = conf_get(table, value->name);
    const struct conf_node *file =
        conf_get(table, arena_fmt(&config->arena, "%s_file", value->name));
    const struct conf_node *credential =
        conf_get(table, arena_fmt(&config->arena, "%s_credential", value->name));
    const struct conf_node *used = file ? file : credential;
    const char *path;

    if (plain)
        diag_error(diag, plain->key_at,
                   "'%s' in [%s] is secret and must not stand here; put it into a file "
                   "and write %s_file = \"PATH\"",
                   value->name, section, value->name);
    if (!used)
        return plain != NULL;
    value->set = true;
    value->at = values_keep_place(config, used->at);
    if (file && credential)
        diag_error(diag, credential->key_at,
                   "'%s_file' and '%s_credential' in [%s]: only one can be used",
                   value->name, value->name, section);
    else if (credential)
        read_credential(credential, config, value, diag);
    else if ((path = path_read(file, config, diag)))
        read_content(file, path, false, value, diag);
    return true;
}
