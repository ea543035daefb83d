/* contacts.c - the values of a row as a contact: id, fields, what is left out and why. */
#include "contacts.h"

#include <stdlib.h>

#include "kit/kit.h"
#include "plain/plain.h"

enum { ROW_TEXT = CTR_VALUE_MAX + 4 * CTR_ID_MAX }; /* what one row may put together */

/* --- values ---------------------------------------------------------------------------
 */

static struct ctr_str value_of(const struct rows *r, uint32_t column)
{
    if (column >= r->n_cells)
        return (struct ctr_str){"", 0};
    return plain_trim(r->cells[column].ptr, r->cells[column].len);
}

/* --- rejects --------------------------------------------------------------------------
 */

static void say(struct contacts *c, uint64_t line, const char *reason)
{
    char where[32];

    snprintf(where, sizeof(where), "line %llu", (unsigned long long)line);
    c->host->sync_reject(c->host, c->sync, where, reason);
    if (!c->first_reject[0])
        snprintf(c->first_reject, sizeof(c->first_reject), "%s: %s", where, reason);
}

void contacts_reject(struct contacts *c, uint64_t line, const char *reason)
{
    c->rejected++;
    say(c, line, reason);
}

/* --- fields ---------------------------------------------------------------------------
 */

static void add_field(struct contacts *c, const struct rows *r, struct ctr_field f)
{
    struct ctr_contact *contact = &c->batch[c->n];
    char note[128];

    if (f.value.len > CTR_VALUE_MAX) {
        snprintf(note, sizeof(note), "%s is longer than %d bytes and was left out",
                 kit_kind_name(f.kind), CTR_VALUE_MAX);
        say(c, r->line, note);
    } else if (f.value.len == 0) {
        return;
    } else if (contact->n_fields == CTR_FIELDS_MAX) {
        snprintf(note, sizeof(note),
                 "%s is beyond the %d values of a contact and was left "
                 "out",
                 kit_kind_name(f.kind), CTR_FIELDS_MAX);
        say(c, r->line, note);
    } else {
        c->fields[c->n_fields + contact->n_fields++] = f;
    }
}

static uint32_t kind_of(const struct use *u, const struct rows *r)
{
    struct ctr_str label;

    if (u->type_column == PLAN_NO_COLUMN)
        return u->kind;
    label = value_of(r, u->type_column);
    return plan_phone_kind(label.ptr, label.len);
}

/* Whether a second number begins behind value.ptr[i]: on a new line, or after a mark that
 * also stands within numbers (089/840798, a pause) but there is never followed by a plus.
 */
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

/* The length of the first of the values in a cell, and of the mark behind it. */
static uint64_t first_value(const struct use *u, uint32_t kind, struct ctr_str value,
                            uint64_t *mark)
{
    const char *colons = u->split ? memmem(value.ptr, value.len, ":::", 3) : NULL;

    *mark = 1;
    if (!colons && CTR_KINDS_PHONE & CTR_KIND(kind))
        for (uint64_t i = 0; i < value.len; i++)
            if (value.ptr[i] && parts_numbers(value, i))
                return i;
    *mark = colons ? 3 : 0;
    return colons ? (uint64_t)(colons - value.ptr) : value.len;
}

static void add_values(struct contacts *c, const struct rows *r, const struct use *u,
                       struct ctr_str value)
{
    struct ctr_field f = {.kind = kind_of(u, r)};
    uint64_t n, mark;

    if (u->name)
        f.name = kit_str(u->name);
    while (value.len) {
        n = first_value(u, f.kind, value, &mark);
        f.value = plain_trim(value.ptr, n);
        if (f.value.len)
            add_field(c, r, f);
        value.ptr += n + mark;
        value.len -= n + mark;
    }
}

/* Several columns for what is one value: the parts with a separator between. returns
 * false if it would be longer than max */
static bool join(struct contacts *c, struct ctr_str *whole, struct ctr_str part,
                 char with, size_t max)
{
    char *to;

    if (whole->len + 1 + part.len > max)
        return false;
    to = c->text + c->n_text; /* `whole` begins n_text - whole->len back, or is new */
    if (whole->len)
        *to++ = with;
    else
        whole->ptr = to;
    memcpy(to, part.ptr, part.len);
    whole->len = (uint64_t)(to - whole->ptr) + part.len;
    c->n_text = (size_t)(whole->ptr - c->text) + (size_t)whole->len;
    return true;
}

/* All columns of one kind as one value. Longer than max: a value of which only the
 * length, max + 1, is good. */
static struct ctr_str joined(struct contacts *c, const struct rows *r, uint32_t kind,
                             char with, size_t max)
{
    struct ctr_str whole = {NULL, 0}, part;

    for (uint32_t i = 0; i < c->plan->n_uses; i++) {
        if (c->plan->uses[i].kind != kind)
            continue;
        part = value_of(r, c->plan->uses[i].column);
        if (part.len && c->plan->n_of[kind] == 1)
            return part;
        if (part.len && !join(c, &whole, part, with, max))
            return (struct ctr_str){c->text, max + 1};
    }
    return whole;
}

static void add_fields(struct contacts *c, const struct rows *r)
{
    for (uint32_t i = 0; i < c->plan->n_uses; i++) {
        const struct use *u = &c->plan->uses[i];
        struct ctr_str value;

        if (u->kind == CTR_FIELD_ID || u->kind == CTR_FIELD_OWNER ||
            u->kind == CTR_FIELD_DISPLAY_NAME)
            continue;
        value = value_of(r, u->column);
        if (value.len)
            add_values(c, r, u, value);
    }
}

static void add_display_name(struct contacts *c, const struct rows *r)
{
    struct ctr_field f = {.kind = CTR_FIELD_DISPLAY_NAME};

    if (c->plan->n_of[CTR_FIELD_DISPLAY_NAME] == 0)
        return;
    f.value = joined(c, r, CTR_FIELD_DISPLAY_NAME, ' ', CTR_VALUE_MAX);
    if (f.value.len)
        add_field(c, r, f);
}

/* --- ids ------------------------------------------------------------------------------
 */

/* For a file without an id column. */
static struct ctr_str derived_id(struct contacts *c)
{
    char *out = c->text + c->n_text;

    if (!ids_derive(&c->batch[c->n], out))
        return (struct ctr_str){NULL, 0};
    c->n_text += 33;
    return (struct ctr_str){out, 32};
}

/* What is wrong with a contact whatever the other rows hold; NULL: nothing. An owner is
 * never cut or left out: that would show a private contact to everybody. */
static const char *check_contact(const struct ctr_contact *contact, bool derived)
{
    if (contact->n_fields == 0)
        return "none of the mapped columns has a value";
    if (contact->id.len == 0)
        return derived ? "has no name, organisation, mail or number to make an id of"
                       : "the id is empty";
    if (contact->id.len > CTR_ID_MAX)
        return "the id is longer than 400 bytes";
    if (contact->owner.len > CTR_ID_MAX)
        return "the owner is longer than 400 bytes";
    return NULL;
}

_Static_assert(CTR_ID_MAX == 400, "the messages above name it");

/* The id must be new. why: what to say if not, else "". */
static int32_t check_id(struct contacts *c, struct ctr_str id, uint64_t line,
                        bool derived, char *why, size_t cap)
{
    int64_t first;

    why[0] = 0;
    first = ids_add(&c->ids, id.ptr, (size_t)id.len, line);
    if (first < 0)
        return kit_fail(c->host, -CTR_ENOMEM, "out of memory after %llu rows",
                        (unsigned long long)line);
    if (first > 0 && derived)
        snprintf(why, cap,
                 "has the name, organisation, mail and number of line %lld, and there is "
                 "no id column",
                 (long long)first);
    else if (first > 0)
        snprintf(why, cap, "id already used in line %lld", (long long)first);
    return 0;
}

/* --- rows -----------------------------------------------------------------------------
 */

static bool row_is_blank(const struct rows *r)
{
    for (uint32_t i = 0; i < r->n_cells; i++)
        if (value_of(r, i).len)
            return false;
    return true;
}

static bool batch_is_full(const struct contacts *c)
{
    return c->n == CONTACTS_BATCH || c->n_fields + CTR_FIELDS_MAX > CONTACTS_FIELDS ||
           c->n_text + ROW_TEXT > CONTACTS_TEXT;
}

int32_t contacts_row(struct contacts *c, const struct rows *r)
{
    struct ctr_contact *contact = &c->batch[c->n];
    bool derived = c->plan->n_of[CTR_FIELD_ID] == 0;
    const char *wrong;
    char why[160];
    int32_t rc;

    if (row_is_blank(r)) {
        c->blank++;
        return 0;
    }
    *contact = (struct ctr_contact){.size = sizeof(*contact),
                                    .fields = c->fields + c->n_fields,
                                    .field_size = sizeof(struct ctr_field)};
    add_display_name(c, r);
    add_fields(c, r);
    if (!derived)
        contact->id = joined(c, r, CTR_FIELD_ID, '/', CTR_ID_MAX);
    else
        contact->id = derived_id(c);
    contact->owner = joined(c, r, CTR_FIELD_OWNER, ' ', CTR_ID_MAX);
    wrong = check_contact(contact, derived);
    if (wrong) {
        contacts_reject(c, r->line, wrong);
        return 0;
    }
    rc = check_id(c, contact->id, r->line, derived, why, sizeof(why));
    if (rc != 0)
        return rc;
    if (why[0]) {
        contacts_reject(c, r->line, why);
        return 0;
    }
    c->n_fields += contact->n_fields;
    c->n++;
    return batch_is_full(c) ? contacts_flush(c) : 0;
}

int32_t contacts_flush(struct contacts *c)
{
    int32_t rc = c->n ? c->host->sync_put(c->host, c->sync, c->batch, c->n) : 0;

    c->put += c->n;
    c->n = c->n_fields = 0;
    c->n_text = 0;
    return rc;
}

void contacts_finish(struct contacts *c)
{
    ids_finish(&c->ids);
    free(c->fields);
    free(c->text);
}

int32_t contacts_init(struct contacts *c, const struct ctr_host *host,
                      struct ctr_sync *sync, const struct plan *plan)
{
    *c = (struct contacts){.host = host, .sync = sync, .plan = plan};
    ids_init(&c->ids);
    c->fields = malloc(CONTACTS_FIELDS * sizeof(*c->fields));
    c->text = malloc(CONTACTS_TEXT);
    if (c->fields && c->text)
        return 0;
    contacts_finish(c);
    return kit_fail(host, -CTR_ENOMEM, "out of memory before the first row");
}
