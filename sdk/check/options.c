/* options.c - reads the part of TOML that contactor.toml is written in: tables, strings,
 * numbers, booleans, lists of them, tables in braces. The daemon's reader is the judge of
 * a configuration; this one takes what that one takes, of one section. */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_MAX_BYTES = 256,
    VALUE_MAX_BYTES = 65536,
    FILE_MAX_BYTES = 1 << 20,
    DEPTH_MAX = 16
};

struct reader {
    const char *path, *at, *plugin;
    unsigned line;
    char section[NAME_MAX_BYTES]; /* "source.crm" */
    char prefix[NAME_MAX_BYTES];  /* "map." below it */
    unsigned depth;               /* of lists and braces */
    struct options all;           /* of all sections: "source.crm\nmap.surname" */
    bool sections;
};

static void *must(void *p)
{
    if (!p) {
        fputs("contactor-plugin-check: out of memory\n", stderr);
        exit(3);
    }
    return p;
}

void options_add(struct options *o, const char *folder, bool typed, const char *name,
                 const char *value)
{
    if ((o->n & (o->n - 1)) == 0)
        o->at = must(realloc(o->at, (o->n ? (size_t)o->n * 2 : 1) * sizeof(*o->at)));
    o->at[o->n].folder = folder;
    o->at[o->n].typed = typed;
    o->at[o->n].name = must(strdup(name));
    o->at[o->n++].value = must(strdup(value));
}

void options_finish(struct options *o)
{
    for (uint32_t i = 0; i < o->n; i++) {
        free(o->at[i].name);
        free(o->at[i].value);
    }
    free(o->at);
    *o = (struct options){NULL, 0};
}

bool options_daemon(const char *name, bool source)
{
    static const char *const both[] = {"plugin", "dialplan", "fields", NULL};
    static const char *const sources[] = {"priority",
                                          "sync",
                                          "allow",
                                          "stale_after",
                                          "max_delete_percent",
                                          "live",
                                          "isolated",
                                          "isolated_memory",
                                          "isolated_patience",
                                          "live_timeout",
                                          "sync_limit",
                                          "share_groups",
                                          NULL};
    static const char *const frontends[] = {"listen",
                                            "tls_certificate",
                                            "tls_key",
                                            "output_format",
                                            "size_limit",
                                            "time_limit",
                                            "ambiguity",
                                            "company_match",
                                            "anonymous",
                                            "sources",
                                            "idle_time",
                                            "receive_time",
                                            "send_time",
                                            "handshake_time",
                                            "max_queue",
                                            "max_sessions",
                                            "max_sessions_per_peer",
                                            NULL};
    const char *const *lists[] = {both, source ? sources : frontends};

    for (int i = 0; i < 2; i++)
        for (const char *const *n = lists[i]; *n; n++)
            if (strlen(*n) == strcspn(name, ".") && strncmp(*n, name, strlen(*n)) == 0)
                return true;
    return false;
}

bool options_has(const struct options *o, const char *name)
{
    size_t n = strlen(name);

    for (uint32_t i = 0; i < o->n; i++)
        if (strncmp(o->at[i].name, name, n) == 0 && strchr(".", o->at[i].name[n]))
            return true;
    return false;
}

static bool bad(const struct reader *r, const char *why)
{
    fprintf(stderr, "%s:%u: %s\n", r->path, r->line, why);
    return false;
}

/* --- words ----------------------------------------------------------------------------
 */

static void skip_blank(struct reader *r, bool lines)
{
    for (;; r->at++) {
        if (*r->at == '#')
            r->at += strcspn(r->at, "\n");
        if (*r->at == '\n' && lines)
            r->line++;
        else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r')
            return;
    }
}

static unsigned put_utf8(char *out, unsigned long c)
{
    if (c < 0x80)
        return out[0] = (char)c, 1;
    if (c < 0x800)
        return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3f)), 2;
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

static unsigned escape(struct reader *r, char *out)
{
    static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\033\"\\";
    const char *known = strchr(from, *r->at);
    char hex[5] = "";

    if (*r->at == 'u') {
        snprintf(hex, sizeof(hex), "%s", r->at + 1);
        r->at += 1 + strnlen(hex, 4);
        return put_utf8(out, strtoul(hex, NULL, 16));
    }
    *out = known && *known ? to[known - from] : *r->at;
    r->at += *r->at != 0;
    return 1;
}

static bool read_string(struct reader *r, char *out)
{
    char quote = *r->at++;
    unsigned n = 0;

    while (*r->at != quote) {
        if (*r->at == 0 || *r->at == '\n')
            return bad(r, "a string does not end on its line");
        if (n + 8 > VALUE_MAX_BYTES)
            return bad(r, "a string is too long");
        if (quote == '"' && *r->at == '\\') {
            r->at++;
            n += escape(r, out + n);
        } else {
            out[n++] = *r->at++;
        }
    }
    out[n] = 0;
    r->at++;
    return true;
}

/* A key, with dots: a.b."c d". */
static bool read_key(struct reader *r, char *out, size_t cap)
{
    char *part = must(malloc(VALUE_MAX_BYTES));
    size_t n = 0;
    bool fine = true;

    do {
        skip_blank(r, false);
        if (n > 0)
            out[n++] = '.';
        if (*r->at == '"' || *r->at == '\'') {
            fine = read_string(r, part);
        } else {
            size_t len = strspn(r->at, "abcdefghijklmnopqrstuvwxyz0123456789_-"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
            snprintf(part, VALUE_MAX_BYTES, "%.*s", (int)len, r->at);
            r->at += len;
        }
        if (fine && (!*part || n + strlen(part) + 2 > cap))
            fine = bad(r, "here should be a key");
        if (fine)
            n += (size_t)sprintf(out + n, "%s", part);
        skip_blank(r, false);
    } while (fine && *r->at == '.' && r->at++);
    free(part);
    return fine;
}

/* --- values ---------------------------------------------------------------------------
 */

static bool read_value(struct reader *r, const char *name);

static void keep(struct reader *r, const char *name, const char *value)
{
    char *full = must(malloc(strlen(r->section) + strlen(name) + 2));

    sprintf(full, "%s\n%s", r->section, name);
    options_add(&r->all, NULL, false, full, value);
    free(full);
}

static bool read_list(struct reader *r, const char *name)
{
    r->at++;
    for (skip_blank(r, true); *r->at != ']'; skip_blank(r, true)) {
        if (!read_value(r, name))
            return false;
        skip_blank(r, true);
        if (*r->at == ',')
            r->at++;
        else if (*r->at != ']')
            return bad(r, "a list lacks a comma or its ]");
    }
    r->at++;
    return true;
}

static bool read_pair(struct reader *r, const char *prefix)
{
    char key[NAME_MAX_BYTES], name[2 * NAME_MAX_BYTES + 2];

    if (!read_key(r, key, sizeof(key)))
        return false;
    if (*r->at != '=')
        return bad(r, "a key lacks its =");
    r->at++;
    skip_blank(r, false);
    snprintf(name, sizeof(name), "%s%s", prefix, key);
    return read_value(r, name);
}

static bool read_braces(struct reader *r, const char *name)
{
    char prefix[2 * NAME_MAX_BYTES + 4];

    snprintf(prefix, sizeof(prefix), "%s.", name);
    if (strlen(prefix) >= NAME_MAX_BYTES)
        return bad(r, "a key is too long");
    r->at++;
    for (skip_blank(r, false); *r->at != '}'; skip_blank(r, false)) {
        if (!read_pair(r, prefix))
            return false;
        skip_blank(r, false);
        if (*r->at == ',')
            r->at++;
        else if (*r->at != '}')
            return bad(r, "a table in braces lacks a comma or its }");
    }
    r->at++;
    return true;
}

static bool read_value(struct reader *r, const char *name)
{
    char *text;
    size_t n;
    bool fine = true;

    if (*r->at == '[' || *r->at == '{') {
        if (++r->depth > DEPTH_MAX)
            return bad(r, "lists and tables are nested too deep");
        fine = *r->at == '[' ? read_list(r, name) : read_braces(r, name);
        r->depth--;
        return fine;
    }
    if (strncmp(r->at, "\"\"\"", 3) == 0 || strncmp(r->at, "'''", 3) == 0)
        return bad(r, "strings of several lines are not understood here");
    text = must(malloc(VALUE_MAX_BYTES));
    if (*r->at == '"' || *r->at == '\'') {
        fine = read_string(r, text);
    } else {
        n = strcspn(r->at, " \t\r\n,]}#");
        if (n == 0)
            fine = bad(r, "here should be a value");
        snprintf(text, VALUE_MAX_BYTES, "%.*s", (int)n, r->at);
        r->at += n;
    }
    if (fine)
        keep(r, name, text);
    free(text);
    return fine;
}

/* --- the file -------------------------------------------------------------------------
 */

/* [source.crm] and [source.crm.map] */
static bool read_header(struct reader *r)
{
    char key[NAME_MAX_BYTES];
    char *dot;

    r->at++;
    if (*r->at == '[')
        return bad(r, "lists of tables are not understood here");
    if (!read_key(r, key, sizeof(key)))
        return false;
    if (*r->at != ']')
        return bad(r, "a table lacks its ]");
    r->at++;
    r->sections = true;
    dot = strchr(key, '.');
    dot = dot ? strchr(dot + 1, '.') : NULL;
    snprintf(r->prefix, sizeof(r->prefix), "%s%s", dot ? dot + 1 : "", dot ? "." : "");
    if (dot)
        *dot = 0;
    snprintf(r->section, sizeof(r->section), "%s", key);
    return true;
}

static bool read_all(struct reader *r)
{
    for (;;) {
        skip_blank(r, true);
        if (!*r->at)
            return true;
        if (*r->at == '[' ? !read_header(r) : !read_pair(r, r->prefix))
            return false;
        skip_blank(r, false);
        if (*r->at && *r->at != '\n')
            return bad(r, "there is more on this line than belongs to it");
    }
}

/* The section whose `plugin` is ours. */
static const char *section_of(const struct reader *r)
{
    for (uint32_t i = 0; i < r->all.n; i++) {
        const char *end = strchr(r->all.at[i].name, '\n');

        if (strcmp(end + 1, "plugin") == 0 && strcmp(r->all.at[i].value, r->plugin) == 0)
            return r->all.at[i].name;
    }
    return r->sections ? NULL : "\n";
}

static char *file_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = must(calloc(1, FILE_MAX_BYTES + 1));

    if (!file || fread(text, 1, FILE_MAX_BYTES, file) == FILE_MAX_BYTES || ferror(file)) {
        fprintf(stderr, "%s: %s\n", path,
                file && !ferror(file) ? "more than 1 MiB" : strerror(errno));
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

bool options_read(struct options *o, const char *path, const char *folder,
                  const char *plugin)
{
    struct reader r = {.path = path, .plugin = plugin, .line = 1};
    char *text = file_text(path);
    const char *mine;
    bool fine;

    r.at = text;
    fine = text && read_all(&r);
    mine = fine ? section_of(&r) : NULL;
    if (fine && !mine) {
        fprintf(stderr, "%s: no section has plugin = \"%s\"\n", path, plugin);
        fine = false;
    }
    for (uint32_t i = 0; fine && i < r.all.n; i++) {
        size_t n = strcspn(mine, "\n") + 1;

        if (strncmp(r.all.at[i].name, mine, n) == 0)
            options_add(o, folder, false, r.all.at[i].name + n, r.all.at[i].value);
    }
    options_finish(&r.all);
    free(text);
    return fine;
}
