/* contacts.c - from entries to contacts: fields in the map's order, what is left out and
 * why. */
#include "contacts.h"

#include <lber.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "text.h"

struct contacts *contacts_create(const struct plan *plan, LDAP *ld)
{
    struct contacts *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->plan = plan;
    c->ld = ld;
    c->latest = INT64_MAX;
    c->fields = malloc(CONTACTS_FIELDS * sizeof(*c->fields));
    if (!c->fields) {
        free(c);
        return NULL;
    }
    return c;
}

static void drop_messages(struct contacts *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        ldap_msgfree(c->message[i]);
    c->n = c->n_fields = 0;
    c->bytes = 0;
}

void contacts_destroy(struct contacts *c)
{
    if (!c)
        return;
    drop_messages(c);
    free(c->fields);
    free(c);
}

/* --- what is left out -----------------------------------------------------------------
 */

/* No contact data: an entry is called by its server's id or by its place. */
static void say(struct contacts *c, const struct identity *who, const char *reason)
{
    char where[64];

    if (who->unique && !who->named)
        snprintf(where, sizeof(where), "entry %.*s", (int)who->id.len, who->id.ptr);
    else
        snprintf(where, sizeof(where), "entry %llu", (unsigned long long)c->entries);
    if (c->reject)
        c->reject(c->user, where, reason);
    if (!c->first_reject[0])
        snprintf(c->first_reject, sizeof(c->first_reject), "%s: %s", where, reason);
}

__attribute__((format(printf, 3, 4))) static void
note(struct contacts *c, const struct identity *who, const char *fmt, ...)
{
    char text[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    say(c, who, text);
}

/* --- fields ---------------------------------------------------------------------------
 */

static bool has_field(const struct ctr_contact *contact, const struct ctr_field *f)
{
    for (uint32_t i = 0; i < contact->n_fields; i++) {
        const struct ctr_field *have = &contact->fields[i];

        if (have->kind == f->kind && have->value.len == f->value.len &&
            memcmp(have->value.ptr, f->value.ptr, f->value.len) == 0 &&
            have->name.len == f->name.len &&
            (f->name.len == 0 || memcmp(have->name.ptr, f->name.ptr, f->name.len) == 0))
            return true;
    }
    return false;
}

/* The value as a field holds it; empty: nothing of it. */
static struct ctr_str clean(struct contacts *c, const struct identity *who,
                            const struct use *u, const struct berval *v)
{
    static const struct ctr_str nothing = {"", 0};
    struct ctr_str s = {v->bv_val, v->bv_len};
    const char *blank;

    if (u->kind == CTR_FIELD_PHOTO) {
        if (s.len <= CTR_PHOTO_MAX)
            return s;
        note(c, who, "photo has more than %d bytes and was left out", CTR_PHOTO_MAX);
        return nothing;
    }
    s = text_trim(s);
    if (s.len > CTR_VALUE_MAX) {
        note(c, who, "%s is longer than %d bytes and was left out",
             kit_kind_name(u->kind), CTR_VALUE_MAX);
        return nothing;
    }
    if (!text_utf8(s.ptr, s.len)) {
        note(c, who, "%s is not UTF-8 text and was left out", kit_kind_name(u->kind));
        return nothing;
    }
    blank = u->kind == CTR_FIELD_URL ? memchr(s.ptr, ' ', s.len) : NULL;
    if (blank) /* labeledURI: the label follows */
        s.len = (uint64_t)(blank - s.ptr);
    return s;
}

/* returns false: the contact is full */
static bool add_field(struct contacts *c, struct ctr_contact *contact,
                      const struct identity *who, struct ctr_field f)
{
    if (f.value.len == 0 || has_field(contact, &f))
        return true;
    if (contact->n_fields == CTR_FIELDS_MAX) {
        note(c, who, "%s and what follows is beyond the %d values of a contact",
             kit_kind_name(f.kind), CTR_FIELDS_MAX);
        return false;
    }
    c->fields[c->n_fields + contact->n_fields++] = f;
    c->seen |= CTR_KIND(f.kind);
    return true;
}

static bool add_use(struct contacts *c, struct ctr_contact *contact,
                    const struct identity *who, const struct entry *e,
                    const struct use *u)
{
    const struct berval *values = e->values[u->slot];

    for (uint32_t i = 0; values && values[i].bv_val; i++) {
        struct ctr_field f = {.kind = u->kind, .value = clean(c, who, u, &values[i])};

        if (u->custom)
            f.name = (struct ctr_str){u->custom, strlen(u->custom)};
        if (!add_field(c, contact, who, f))
            return false;
        if (u->kind == CTR_FIELD_DISPLAY_NAME && f.value.len > 0)
            break; /* one is shown */
    }
    return true;
}

static void add_fields(struct contacts *c, struct ctr_contact *contact,
                       const struct identity *who, const struct entry *e)
{
    bool named = false;

    for (uint32_t i = 0; i < c->plan->n_uses; i++) {
        const struct use *u = &c->plan->use[i];

        if (u->kind == CTR_FIELD_DISPLAY_NAME && named)
            continue; /* of its attributes the first with a value counts */
        if (!add_use(c, contact, who, e, u))
            return;
        named = named ||
                (u->kind == CTR_FIELD_DISPLAY_NAME && contact->n_fields > 0 &&
                 contact->fields[contact->n_fields - 1].kind == CTR_FIELD_DISPLAY_NAME);
    }
}

/* --- entries --------------------------------------------------------------------------
 */

static const char *check_owner(const struct contacts *c, const struct entry *e,
                               struct ctr_contact *contact)
{
    struct ctr_str owner;

    if (c->plan->owner >= c->plan->n_slots)
        return NULL;
    owner = text_trim(entry_value(e, c->plan->owner));
    if (owner.len > CTR_ID_MAX || (owner.len && !text_utf8(owner.ptr, owner.len)))
        return "its owner is too long or not UTF-8 text";
    if (owner.len)
        contact->owner = owner;
    return NULL;
}

static void note_time(struct contacts *c, const struct entry *e)
{
    struct ctr_str v = entry_value(e, SLOT_MODIFIED);
    int64_t seconds;

    if (v.ptr && text_time_parse(v.ptr, v.len, &seconds) && seconds > c->newest &&
        seconds <= c->latest)
        c->newest = seconds;
}

/* returns NULL | why it is rejected */
static const char *convert(struct contacts *c, const struct entry *e, const uint8_t *uuid,
                           struct identity *who, struct ctr_contact *contact)
{
    const char *wrong = entry_identify(e, c->plan, uuid, who);

    if (!wrong)
        wrong = check_owner(c, e, contact);
    if (wrong)
        return wrong;
    memcpy(c->id[c->n], who->id.ptr, who->id.len);
    contact->id = (struct ctr_str){c->id[c->n], who->id.len};
    add_fields(c, contact, who, e);
    return contact->n_fields ? NULL : "none of its mapped attributes has a value";
}

static size_t size_of(LDAP *ld, LDAPMessage *m)
{
    BerElement *ber = NULL;
    struct berval dn;
    ber_len_t left = 0;

    if (ldap_get_dn_ber(ld, m, &ber, &dn) == LDAP_SUCCESS)
        ber_get_option(ber, LBER_OPT_BER_REMAINING_BYTES, &left);
    ber_free(ber, 0);
    return (size_t)left;
}

int32_t contacts_entry(struct contacts *c, LDAPMessage *m, const uint8_t *uuid,
                       struct identity *who)
{
    struct ctr_contact *contact = &c->batch[c->n];
    struct entry e;
    const char *wrong;

    memset(who, 0, offsetof(struct identity, text));
    *contact = (struct ctr_contact){.size = sizeof(*contact),
                                    .fields = c->fields + c->n_fields,
                                    .field_size = sizeof(struct ctr_field)};
    c->entries++;
    wrong = entry_open(&e, c->plan, c->ld, m) == 0 ? convert(c, &e, uuid, who, contact)
                                                   : "it cannot be decoded";
    note_time(c, &e);
    entry_close(&e, c->plan);
    if (wrong) {
        c->rejected++;
        say(c, who, wrong);
        who->id = (struct ctr_str){NULL, 0};
        ldap_msgfree(m);
        return 0;
    }
    who->id = contact->id; /* lives as long as the batch; copied by the index */
    c->bytes += size_of(c->ld, m);
    c->message[c->n++] = m;
    c->n_fields += contact->n_fields;
    return c->n == CONTACTS_BATCH || c->bytes > CONTACTS_BYTES ||
                   c->n_fields + CTR_FIELDS_MAX > CONTACTS_FIELDS
               ? contacts_flush(c)
               : 0;
}

int32_t contacts_flush(struct contacts *c)
{
    int32_t rc = c->n ? c->deliver(c->user, c->batch, c->n) : 0;

    c->put += c->n;
    drop_messages(c);
    return rc;
}

void contacts_restart(struct contacts *c)
{
    drop_messages(c);
    c->entries = c->put = c->rejected = 0;
    c->newest = 0;
    c->first_reject[0] = 0;
}
