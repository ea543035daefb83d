/* plan.c - matching the header against map and preset. */
#include "plan.h"

#include <ctype.h>
#include <stdlib.h>

#include "kit/kit.h"
#include "plain/plain.h"
#include "presets.h"

enum { NAME_SHOWN = 40, LIST_SHOWN = 600 };

/* --- names ----------------------------------------------------------------------------
 */

/* A no-break space, which spreadsheets like to leave in headers. */
static bool is_nbsp(const char *s, size_t n)
{
    return n >= 2 && (uint8_t)s[0] == 0xc2 && (uint8_t)s[1] == 0xa0;
}

/* The form in which names are compared: lower case (ASCII and the letters of ISO-8859-1),
 * runs of white space as one blank, none at the ends. */
static char *clean(const char *s, size_t n)
{
    char *out = malloc(n + 1);
    size_t len = 0;
    bool gap = false;

    for (size_t i = 0; out && i < n; i++) {
        uint8_t c = (uint8_t)s[i];
        bool nbsp = is_nbsp(s + i, n - i);

        if (c <= ' ' || nbsp) {
            gap = len > 0;
            i += nbsp;
            continue;
        }
        if (gap)
            out[len++] = ' ';
        gap = false;
        if (len && (uint8_t)out[len - 1] == 0xc3 && c >= 0x80 && c <= 0x9e && c != 0x97)
            c = (uint8_t)(c + 0x20);
        out[len++] = (char)(c < 0x80 ? tolower(c) : c);
    }
    if (out)
        out[len] = 0;
    return out;
}

/* --- messages -------------------------------------------------------------------------
 */

/* Appends at most NAME_SHOWN bytes of a name, whole characters, nothing that could break
 * a line of a log. */
static void add_name(char *out, size_t cap, const char *name)
{
    size_t len = strlen(out), n = strlen(name);

    if (n > NAME_SHOWN)
        for (n = NAME_SHOWN; n > 0 && ((uint8_t)name[n] & 0xc0) == 0x80;)
            n--;
    if (len + n + 1 > cap)
        return;
    for (size_t i = 0; i < n; i++)
        out[len++] = (uint8_t)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i];
    out[len] = 0;
}

static void list_columns(const struct plan *p, char *out, size_t cap)
{
    size_t len;

    out[0] = 0;
    for (uint32_t i = 0; i < p->n_columns; i++) {
        len = strlen(out);
        if (len + NAME_SHOWN + 32 > cap) {
            snprintf(out + len, cap - len, ", ... (%u in all)", p->n_columns);
            return;
        }
        snprintf(out + len, cap - len, "%s\"", i ? ", " : "");
        add_name(out, cap, p->columns[i]);
        strcat(out, "\"");
    }
}

static int32_t fail_missing(const struct plan *p, const struct ctr_host *host,
                            const char *path, const struct map_entry *e, const char *name)
{
    const char *near = plain_nearest(name, (const char *const *)p->columns, p->n_columns);
    char found[LIST_SHOWN], hint[NAME_SHOWN + 1] = "";

    list_columns(p, found, sizeof(found));
    if (near)
        add_name(hint, sizeof(hint), near);
    return kit_fail(host, -CTR_EFORMAT,
                    "%s has no column \"%.60s\" (map.%.40s)%s%s%s; the last good data "
                    "stay; columns found: %s",
                    path, e->column, e->key, near ? "; did you mean \"" : "", hint,
                    near ? "\"?" : "", found);
}

/* --- uses -----------------------------------------------------------------------------
 */

static struct use *add_use(struct plan *p, uint32_t column, uint32_t kind)
{
    struct use *u;

    if (p->n_uses == PLAN_USES_MAX)
        return NULL;
    u = &p->uses[p->n_uses++];
    *u = (struct use){.column = column, .kind = kind, .type_column = PLAN_NO_COLUMN};
    p->n_of[kind]++;
    return u;
}

/* All columns of that name: a header may have the same name twice, and a contact may have
 * two numbers of a kind. An id is made of one. */
static int32_t map_column(struct plan *p, const struct ctr_host *host, const char *path,
                          const struct map_entry *e)
{
    char *name = clean(e->column, strlen(e->column));
    uint32_t before = p->n_uses;
    int32_t rc = 0;

    if (!name) {
        kit_fail(host, -CTR_ENOMEM, "out of memory");
        return -CTR_ENOMEM;
    }
    for (uint32_t i = 0; rc == 0 && i < p->n_columns; i++) {
        struct use *u;

        if (strcmp(p->columns[i], name) != 0)
            continue;
        if (e->kind == CTR_FIELD_ID && p->n_uses > before)
            break;
        u = add_use(p, i, e->kind);
        if (u && e->name)
            u->name = strdup(e->name);
        if (!u || (e->name && !u->name))
            rc = kit_fail(host, -CTR_ECONF, "the map uses more than %u columns",
                          PLAN_USES_MAX);
    }
    if (rc == 0 && p->n_uses == before)
        rc = fail_missing(p, host, path, e, name);
    free(name);
    return rc;
}

static bool mapped(const struct config *c, uint32_t kind)
{
    for (uint32_t i = 0; i < c->n_map; i++)
        if (c->map[i].kind == kind)
            return true;
    return false;
}

/* --- presets --------------------------------------------------------------------------
 */

static uint32_t lookup(const struct preset_column *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table->kind;
    return 0;
}

/* "phone 2 - value" as word and part. returns 2; 0: not of this form */
static unsigned numbered(const char *name, const char *word, const char *part)
{
    size_t n = strlen(word);
    char *end;
    unsigned long number;

    if (strncmp(name, word, n) != 0 || name[n] != ' ' || !isdigit((uint8_t)name[n + 1]))
        return 0;
    number = strtoul(name + n + 1, &end, 10);
    if (strncmp(end, " - ", 3) != 0 || strcmp(end + 3, part) != 0 || number > 1000)
        return 0;
    return (unsigned)number;
}

static uint32_t type_column(const struct plan *p, const char *word, unsigned number)
{
    for (uint32_t i = 0; i < p->n_columns; i++)
        if (numbered(p->columns[i], word, "type") == number ||
            numbered(p->columns[i], word, "label") == number)
            return i;
    return PLAN_NO_COLUMN;
}

/* Of addresses and organisations the first counts: the parts of two would mix. */
static uint32_t google_numbered(const char *name, unsigned *number)
{
    const struct preset_numbered *t = preset_google_numbered;

    for (; t->word; t++) {
        bool several = t->part[0] == 'v';

        *number = numbered(name, t->word, t->part);
        if (*number && (several || *number == 1))
            return t->kind;
    }
    return 0;
}

static uint32_t preset_kind(enum preset preset, const char *name)
{
    unsigned number;
    uint32_t kind;

    switch (preset) {
    case PRESET_OUTLOOK:
        return lookup(preset_outlook, name);
    case PRESET_GOOGLE:
        kind = lookup(preset_google, name);
        return kind ? kind : google_numbered(name, &number);
    default:
        return kit_kind(name);
    }
}

static int32_t preset_use(struct plan *p, const struct ctr_host *host,
                          const struct config *c, uint32_t column)
{
    static const uint64_t single = CTR_KIND(CTR_FIELD_ID) | CTR_KIND(CTR_FIELD_OWNER) |
                                   CTR_KIND(CTR_FIELD_DISPLAY_NAME);
    const char *name = p->columns[column];
    uint32_t kind = preset_kind(p->preset, name);
    struct use *u;
    unsigned number = 0;

    if (kind == 0 || kind == CTR_FIELD_PHOTO || mapped(c, kind))
        return 0;
    if (p->n_of[kind] && (CTR_KIND(kind) & single))
        return 0;
    u = add_use(p, column, kind);
    if (!u)
        return kit_fail(host, -CTR_EFORMAT, "the header has more than %u known columns",
                        PLAN_USES_MAX);
    if (kind == CTR_FIELD_CUSTOM && !(u->name = strdup(name + 2)))
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    u->split = p->preset == PRESET_GOOGLE && google_numbered(name, &number) &&
               kind != CTR_FIELD_STREET;
    if (kind == CTR_FIELD_PHONE_OTHER && u->split)
        u->type_column = type_column(p, "phone", number);
    return 0;
}

/* How many columns it knows; 0 unless a name is among them and something to reach it. */
static uint32_t preset_score(const struct plan *p, enum preset preset)
{
    uint64_t seen = 0,
             names = CTR_KIND(CTR_FIELD_DISPLAY_NAME) | CTR_KIND(CTR_FIELD_GIVEN_NAME) |
                     CTR_KIND(CTR_FIELD_SURNAME) | CTR_KIND(CTR_FIELD_ORGANISATION);
    uint32_t score = 0;

    for (uint32_t i = 0; i < p->n_columns; i++) {
        uint32_t kind = preset_kind(preset, p->columns[i]);

        score += kind != 0;
        seen |= kind ? CTR_KIND(kind) : 0;
    }
    return (seen & names) && (seen & (CTR_KINDS_PHONE | CTR_KIND(CTR_FIELD_MAIL))) ? score
                                                                                   : 0;
}

static enum preset recognise(const struct plan *p)
{
    enum preset best = PRESET_NONE;
    uint32_t most = 0, score;

    for (int i = PRESET_OUTLOOK; i <= PRESET_CONTACTOR; i++) {
        score = preset_score(p, (enum preset)i);
        if (score > most) {
            most = score;
            best = (enum preset)i;
        }
    }
    return best;
}

static int32_t fail_preset(const struct plan *p, const struct ctr_host *host,
                           const struct config *c, const char *path)
{
    char found[LIST_SHOWN];

    list_columns(p, found, sizeof(found));
    return kit_fail(host, -CTR_EFORMAT,
                    "%s %s; the last good data stay; name the columns in a map; columns "
                    "found: %s",
                    path,
                    c->preset == PRESET_AUTO ? "has no map and a header that is not known"
                                             : "does not have the header of its preset",
                    found);
}

static int32_t apply_preset(struct plan *p, const struct ctr_host *host,
                            const struct config *c, const char *path)
{
    int32_t rc = 0;

    p->preset = c->preset;
    if (c->preset == PRESET_AUTO)
        p->preset = c->n_map ? PRESET_NONE : recognise(p);
    if (p->preset == PRESET_NONE)
        return c->n_map ? 0 : fail_preset(p, host, c, path);
    if (preset_score(p, p->preset) == 0 && c->n_map == 0)
        return fail_preset(p, host, c, path);
    for (uint32_t i = 0; rc == 0 && i < p->n_columns; i++)
        rc = preset_use(p, host, c, i);
    return rc;
}

/* --- the plan -------------------------------------------------------------------------
 */

static int32_t name_columns(struct plan *p, const struct ctr_host *host, bool header,
                            const struct rows *r)
{
    char number[16];

    p->n_columns = 0;
    p->columns = calloc(r->n_cells, sizeof(*p->columns));
    for (uint32_t i = 0; p->columns && i < r->n_cells; i++) {
        snprintf(number, sizeof(number), "%u", i + 1);
        p->columns[i] = header ? clean(r->cells[i].ptr, r->cells[i].len) : strdup(number);
        if (!p->columns[i])
            break;
        p->n_columns++;
    }
    if (p->n_columns == r->n_cells)
        return 0;
    kit_fail(host, -CTR_ENOMEM, "out of memory while reading a header");
    return -CTR_ENOMEM;
}

int32_t plan_make(struct plan *p, const struct ctr_host *host, const struct config *c,
                  const char *path, const struct rows *r)
{
    int32_t rc = name_columns(p, host, c->header, r);

    for (uint32_t i = 0; rc == 0 && i < c->n_map; i++)
        rc = map_column(p, host, path, &c->map[i]);
    return rc == 0 ? apply_preset(p, host, c, path) : rc;
}

void plan_finish(struct plan *p)
{
    for (uint32_t i = 0; i < p->n_columns; i++)
        free(p->columns[i]);
    for (uint32_t i = 0; i < p->n_uses; i++)
        free(p->uses[i].name);
    free(p->columns);
    p->columns = NULL;
    p->n_columns = p->n_uses = 0;
}

static bool label_has(const char *label, size_t n, const char *const *words)
{
    for (; *words; words++)
        for (size_t i = 0, len = strlen(*words); i + len <= n; i++)
            if (strncasecmp(label + i, *words, len) == 0)
                return true;
    return false;
}

uint32_t plan_phone_kind(const char *label, size_t n)
{
    static const struct {
        uint32_t kind;
        const char *words[8];
    } table[] = {
        {CTR_FIELD_PHONE_FAX, {"fax"}},
        {CTR_FIELD_PHONE_PAGER, {"pager"}},
        {CTR_FIELD_PHONE_MOBILE, {"mobil", "cell", "handy", "iphone"}},
        {CTR_FIELD_PHONE_MAIN, {"main", "haupt", "zentrale"}},
        {CTR_FIELD_PHONE_HOME, {"home", "privat"}},
        {CTR_FIELD_PHONE_BUSINESS,
         {"work", "business", "office", "arbeit", "geschäft", "dienst", "büro"}},
    };

    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (label_has(label, n, table[i].words))
            return table[i].kind;
    return CTR_FIELD_PHONE_OTHER;
}
