/* contacts.c - see contacts.h. */
#include "contacts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contactor/error.h"
#include "kit/kit.h"
#include "plain/plain.h"

/* --- values ---------------------------------------------------------------------------
 */

static struct ctr_str value_of(const struct page *p, uint32_t row, uint32_t column)
{
    struct cell cell = page_cell(p, row, column);

    if (cell.len <= 0)
        return (struct ctr_str){"", 0};
    return plain_trim(p->text + cell.offset, (uint64_t)cell.len);
}

static void reject(struct contacts *c, const char *reason)
{
    char where[32];

    snprintf(where, sizeof(where), "row %llu", (unsigned long long)c->rows);
    c->sink->reject(c->sink->user, where, reason);
}

static void leave_out(struct contacts *c, uint32_t kind, const char *why)
{
    char reason[160];

    snprintf(reason, sizeof(reason), "%s %s and was left out",
             kind == CTR_FIELD_CUSTOM ? "a custom field" : kit_kind_name(kind), why);
    reject(c, reason);
}

/* --- the draft ------------------------------------------------------------------------
 */

static bool has_value(const struct contacts *c, const struct ctr_field *f)
{
    for (uint32_t i = 0; i < c->n_draft; i++)
        if (c->draft[i].kind == f->kind && c->draft[i].value.len == f->value.len &&
            memcmp(c->draft[i].value.ptr, f->value.ptr, f->value.len) == 0 &&
            (!f->name.ptr || strcmp(c->draft[i].name.ptr, f->name.ptr) == 0))
            return true;
    return false;
}

static const char *keep(struct contacts *c, struct ctr_str s)
{
    char *to = c->draft_text + c->n_draft_text;

    memcpy(to, s.ptr, s.len);
    c->n_draft_text += s.len;
    return to;
}

static void add_field(struct contacts *c, struct ctr_field f)
{
    uint64_t max = f.kind == CTR_FIELD_PHOTO ? CTR_PHOTO_MAX : CTR_VALUE_MAX;

    if (f.value.len == 0 || has_value(c, &f))
        return;
    if (f.value.len > max) {
        leave_out(c, f.kind, "is too long");
    } else if (c->n_draft == CTR_FIELDS_MAX ||
               c->n_draft_text + f.value.len > DRAFT_TEXT) {
        leave_out(c, f.kind, "is more than one contact can hold");
    } else {
        f.value.ptr = keep(c, f.value);
        c->draft[c->n_draft++] = f;
    }
}

/* Whether a second number begins behind value.ptr[i]: on a new line, or after a mark that
 * also stands within numbers but there is never followed by a plus. */
static bool parts_numbers(struct ctr_str value, uint64_t i)
{
    if (value.ptr[i] == '\n' || value.ptr[i] == '\r')
        return true;
    if (!strchr("/|,;", value.ptr[i]))
        return false;
    for (i++; i < value.len && value.ptr[i] == ' ';)
        i++;
    return i < value.len && value.ptr[i] == '+';
}

static void add_numbers(struct contacts *c, struct ctr_field f)
{
    struct ctr_str rest = f.value;
    uint64_t n;

    while (rest.len) {
        for (n = 0; n < rest.len && !(rest.ptr[n] && parts_numbers(rest, n));)
            n++;
        f.value = plain_trim(rest.ptr, n);
        add_field(c, f);
        n += n < rest.len;
        rest.ptr += n;
        rest.len -= n;
    }
}

static void add_value(struct contacts *c, const struct page *p, uint32_t row,
                      const struct use *u)
{
    struct ctr_field f = {.kind = u->kind};
    struct cell cell = page_cell(p, row, u->column);

    if (cell.len == CELL_TOO_LONG)
        leave_out(c, u->kind, "is too long");
    else if (cell.len == CELL_NOT_TEXT)
        leave_out(c, u->kind, "holds bytes that are not text");
    if (cell.len <= 0)
        return;
    if (u->name)
        f.name = (struct ctr_str){u->name, strlen(u->name)};
    if (u->kind == CTR_FIELD_PHOTO)
        f.value = (struct ctr_str){p->text + cell.offset, (uint64_t)cell.len};
    else
        f.value = value_of(p, row, u->column);
    if (CTR_KINDS_PHONE & CTR_KIND(u->kind))
        add_numbers(c, f);
    else
        add_field(c, f);
}

/* All columns of a kind, a blank between. returns the length, more than max: too long */
static size_t join(const struct plan *plan, const struct page *p, uint32_t row,
                   uint32_t kind, char *out, size_t max)
{
    size_t n = 0;

    for (uint32_t i = 0; i < plan->n_uses; i++) {
        struct ctr_str v;

        if (plan->uses[i].kind != kind)
            continue;
        v = value_of(p, row, plan->uses[i].column);
        if (v.len == 0)
            continue;
        if (page_cell(p, row, plan->uses[i].column).len < 0 || n + 1 + v.len > max)
            return max + 1;
        if (n)
            out[n++] = ' ';
        memcpy(out + n, v.ptr, v.len);
        n += v.len;
    }
    return n;
}

static void add_display_name(struct contacts *c, const struct page *p, uint32_t row)
{
    char whole[2048];
    size_t n;

    if (c->plan->n_of[CTR_FIELD_DISPLAY_NAME] == 0)
        return;
    n = join(c->plan, p, row, CTR_FIELD_DISPLAY_NAME, whole, sizeof(whole));
    if (n > sizeof(whole))
        leave_out(c, CTR_FIELD_DISPLAY_NAME, "is too long");
    else
        add_field(
            c, (struct ctr_field){.kind = CTR_FIELD_DISPLAY_NAME, .value = {whole, n}});
}

static void add_row(struct contacts *c, const struct page *p, uint32_t row)
{
    add_display_name(c, p, row);
    for (uint32_t i = 0; i < c->plan->n_uses; i++) {
        const struct use *u = &c->plan->uses[i];

        if (u->kind != CTR_FIELD_DISPLAY_NAME && u->kind != CTR_FIELD_OWNER)
            add_value(c, p, row, u);
    }
}

/* --- ids ------------------------------------------------------------------------------
 */

/* Parts of a key are joined by "/"; a "/" or "%" within one is escaped, so that two keys
 * never become one id. */
static bool add_part(char *out, size_t *n, struct ctr_str part, bool composite)
{
    for (uint64_t i = 0; i < part.len; i++) {
        char ch = part.ptr[i];

        if (*n + 3 > CTR_ID_MAX + 3)
            return false;
        if (composite && (ch == '/' || ch == '%'))
            *n += (size_t)sprintf(out + *n, "%%%02X", (unsigned)(uint8_t)ch);
        else
            out[(*n)++] = ch;
    }
    return *n <= CTR_ID_MAX;
}

size_t contacts_id(const struct plan *plan, const struct page *p, uint32_t row, char *out,
                   const char **why)
{
    size_t n = 0;

    for (uint32_t i = 0; i < plan->n_keys; i++) {
        struct cell cell = page_cell(p, row, plan->keys[i]);
        struct ctr_str part = value_of(p, row, plan->keys[i]);

        *why = cell.len == CELL_NOT_TEXT ? "the key holds bytes that are not text"
                                         : "the key is empty";
        if (cell.len == CELL_NOT_TEXT || (part.len == 0 && cell.len != CELL_TOO_LONG))
            return 0;
        *why = "the key is longer than 400 bytes";
        if (i > 0)
            out[n++] = '/';
        if (cell.len == CELL_TOO_LONG || !add_part(out, &n, part, plan->n_keys > 1))
            return 0;
    }
    return n;
}

_Static_assert(CTR_ID_MAX == 400, "the message above names it");

/* --- batches --------------------------------------------------------------------------
 */

static int32_t flush(struct contacts *c)
{
    int32_t rc = c->n ? c->sink->put(c->sink->user, c->batch, c->n) : 0;

    c->put += c->n;
    c->n = c->n_fields = 0;
    c->n_text = 0;
    return rc;
}

static const char *move(struct contacts *c, const char *from, size_t n)
{
    char *to = c->text + c->n_text;

    memcpy(to, from, n);
    c->n_text += n;
    return to;
}

/* What there is of the contact cannot be taken; what there was is no longer true. */
static int32_t drop(struct contacts *c)
{
    struct ctr_str id = {c->id, c->id_len};

    c->open = false;
    c->rejected++;
    return c->sink->gone ? c->sink->gone(c->sink->user, &id, 1) : 0;
}

/* The draft becomes a contact of the batch. */
static int32_t commit(struct contacts *c)
{
    struct ctr_contact *contact;
    struct ctr_field *fields;
    int32_t rc = 0;

    c->open = false;
    if (c->n_draft == 0) {
        reject(c, "none of the mapped columns has a value");
        return drop(c);
    }
    if (c->n == CONTACTS_BATCH || c->n_fields + c->n_draft > CONTACTS_FIELDS ||
        c->n_text + c->n_draft_text + 2 * CTR_ID_MAX > CONTACTS_TEXT)
        rc = flush(c);
    contact = &c->batch[c->n++];
    fields = c->fields + c->n_fields;
    *contact = (struct ctr_contact){.size = sizeof(*contact),
                                    .fields = fields,
                                    .n_fields = c->n_draft,
                                    .field_size = sizeof(*fields)};
    contact->id = (struct ctr_str){move(c, c->id, c->id_len), c->id_len};
    if (c->owner_len)
        contact->owner = (struct ctr_str){move(c, c->owner, c->owner_len), c->owner_len};
    for (uint32_t i = 0; i < c->n_draft; i++) {
        fields[i] = c->draft[i];
        fields[i].value.ptr = move(c, fields[i].value.ptr, fields[i].value.len);
    }
    c->n_fields += c->n_draft;
    return rc;
}

/* --- rows -----------------------------------------------------------------------------
 */

static bool is_marked(const struct contacts *c, const struct page *p, uint32_t row)
{
    static const char *const living[] = {"0", "0.0", "false", "f", "n", "no"};
    struct ctr_str v;

    if (c->plan->deleted == PLAN_NO_COLUMN)
        return false;
    if (page_cell(p, row, c->plan->deleted).len == CELL_TOO_LONG)
        return true;
    v = value_of(p, row, c->plan->deleted);
    for (size_t i = 0; i < sizeof(living) / sizeof(living[0]); i++)
        if (v.len == strlen(living[i]) && strncasecmp(v.ptr, living[i], v.len) == 0)
            return false;
    return v.len > 0 && strspn(v.ptr, "0-: .") < v.len; /* 0000-00-00: no date at all */
}

static int32_t begin_contact(struct contacts *c, const char *id, size_t n)
{
    int32_t rc = c->seen ? keyset_add(c->seen, id, n) : 0;

    if (rc == -CTR_EEXIST) {
        c->rejected++;
        reject(c, "the key was used before; rows of one contact must follow each other "
                  "(ORDER BY the key)");
        return 0;
    }
    if (rc != 0)
        return rc;
    c->open = true;
    memcpy(c->id, id, n);
    c->id[n] = 0;
    c->id_len = n;
    c->owner_len = 0;
    c->n_draft = 0;
    c->n_draft_text = 0;
    return 0;
}

/* An owner is never cut or left out: that would show a private contact to everybody. */
static bool take_owner(struct contacts *c, const struct page *p, uint32_t row)
{
    char owner[CTR_ID_MAX + 8];
    size_t n;

    if (c->plan->n_of[CTR_FIELD_OWNER] == 0)
        return true;
    for (uint32_t i = 0; i < c->plan->n_uses; i++)
        if (c->plan->uses[i].kind == CTR_FIELD_OWNER &&
            page_cell(p, row, c->plan->uses[i].column).len < CELL_NULL) {
            reject(c, "the owner is too long or not text");
            return false;
        }
    n = join(c->plan, p, row, CTR_FIELD_OWNER, owner, CTR_ID_MAX);
    if (n > CTR_ID_MAX) {
        reject(c, "the owner is longer than 400 bytes");
        return false;
    }
    if (c->n_draft && (n != c->owner_len || memcmp(owner, c->owner, n) != 0)) {
        reject(c, "the rows of one contact have different owners");
        return false;
    }
    memcpy(c->owner, owner, n);
    c->owner_len = n;
    return true;
}

static int32_t mark_gone(struct contacts *c, const char *id, size_t n)
{
    struct ctr_str s = {id, n};

    c->gone++;
    return c->sink->gone ? c->sink->gone(c->sink->user, &s, 1) : 0;
}

static int32_t take_row(struct contacts *c, const struct page *p, uint32_t row)
{
    char id[CTR_ID_MAX + 8];
    const char *why = NULL;
    size_t n = contacts_id(c->plan, p, row, id, &why);
    bool same = c->open && n == c->id_len && memcmp(id, c->id, n) == 0;
    uint32_t before;
    int32_t rc = 0;

    if (c->open && !same)
        rc = commit(c);
    c->rows++; /* what commit rejects is the row before */
    if (rc != 0)
        return rc;
    if (n == 0) {
        c->rejected++;
        reject(c, why);
        return 0;
    }
    if (is_marked(c, p, row)) {
        if (same)
            c->open = false;
        return mark_gone(c, id, n);
    }
    if (!same)
        rc = begin_contact(c, id, n);
    if (rc != 0 || !c->open)
        return rc;
    if (!take_owner(c, p, row))
        return drop(c);
    before = c->n_draft;
    add_row(c, p, row);
    c->several = c->several || (same && c->n_draft > before);
    return 0;
}

int32_t contacts_page(struct contacts *c, const struct page *p)
{
    int32_t rc = 0;

    for (uint32_t row = 0; rc == 0 && row < p->n_rows; row++)
        rc = take_row(c, p, row);
    for (uint64_t i = 0; i < p->unreadable; i++) {
        c->rows++;
        c->rejected++;
        reject(c, "the driver could not read the row");
    }
    return rc;
}

int32_t contacts_end(struct contacts *c)
{
    int32_t rc = c->open ? commit(c) : 0;

    return rc == 0 ? flush(c) : rc;
}

void contacts_begin(struct contacts *c, const struct plan *plan)
{
    c->plan = plan;
    c->open = false;
}

int32_t contacts_init(struct contacts *c, const struct sink *sink, struct keyset *seen)
{
    *c = (struct contacts){.sink = sink, .seen = seen};
    c->fields = malloc(CONTACTS_FIELDS * sizeof(*c->fields));
    c->text = malloc(CONTACTS_TEXT);
    c->draft_text = malloc(DRAFT_TEXT);
    return c->fields && c->text && c->draft_text ? 0 : -CTR_ENOMEM;
}

void contacts_finish(struct contacts *c)
{
    free(c->fields);
    free(c->text);
    free(c->draft_text);
    c->fields = NULL;
    c->text = c->draft_text = NULL;
}
