/* entry.c - one entry as libldap received it: its values by slot, and who it is. */
#include "entry.h"

#include <string.h>

#include "text.h"

/* --- values ---------------------------------------------------------------------------
 */

int32_t entry_open(struct entry *e, const struct plan *p, LDAP *ld, LDAPMessage *m)
{
    BerElement *ber = NULL;
    int rc;

    memset(e->values, 0, p->n_slots * sizeof(e->values[0]));
    e->dn = (struct berval){0, NULL};
    rc = ldap_get_dn_ber(ld, m, &ber, &e->dn);
    while (rc == LDAP_SUCCESS) {
        struct berval name = {0, NULL};
        BerVarray values = NULL;
        int32_t slot;

        rc = ldap_get_attribute_ber(ld, m, ber, &name, &values);
        if (rc != LDAP_SUCCESS || !name.bv_val)
            break;
        slot = plan_slot(p, name.bv_val, name.bv_len);
        /* Of "cn" and "cn;lang-de" the first one counts. */
        if (slot < 0 || e->values[slot])
            ber_memfree(values);
        else
            e->values[slot] = values;
    }
    ber_free(ber, 0);
    return rc == LDAP_SUCCESS ? 0 : -CTR_EFORMAT;
}

void entry_close(struct entry *e, const struct plan *p)
{
    for (uint32_t i = 0; i < p->n_slots; i++)
        ber_memfree(e->values[i]);
}

struct ctr_str entry_value(const struct entry *e, uint32_t slot)
{
    const struct berval *v = slot < PLAN_SLOTS ? e->values[slot] : NULL;

    if (!v || !v->bv_val)
        return (struct ctr_str){NULL, 0};
    return (struct ctr_str){v->bv_val, v->bv_len};
}

/* --- who it is ------------------------------------------------------------------------
 */

static bool take_key(const struct entry *e, const uint8_t *uuid, struct identity *out)
{
    struct ctr_str guid = entry_value(e, SLOT_OBJECT_GUID);
    struct ctr_str text = entry_value(e, SLOT_ENTRY_UUID);

    out->guid = !uuid && guid.len == 16;
    if (uuid)
        memcpy(out->key, uuid, 16);
    else if (out->guid)
        memcpy(out->key, guid.ptr, 16);
    else if (!text.ptr || !text_uuid_parse(text.ptr, text.len, out->key))
        return false;
    return true;
}

/* What the map names, joined by a slash. */
static const char *mapped_id(const struct entry *e, const struct plan *p,
                             struct identity *out)
{
    size_t n = 0;

    for (uint32_t i = 0; i < p->n_ids; i++) {
        struct ctr_str v = text_trim(entry_value(e, p->id[i]));

        if (v.len == 0)
            return "an attribute of map.id has no value";
        if (n + v.len + 1 > CTR_ID_MAX)
            return "its id is longer than 400 bytes";
        if (!text_utf8(v.ptr, v.len))
            return "its id is not UTF-8 text";
        if (i > 0)
            out->text[n++] = '/';
        memcpy(out->text + n, v.ptr, v.len);
        n += v.len;
    }
    out->text[n] = 0;
    out->id = (struct ctr_str){out->text, n};
    return NULL;
}

static const char *fallback_id(const struct entry *e, struct identity *out)
{
    struct ctr_str unique = entry_value(e, SLOT_NS_UNIQUE_ID);

    out->unique = unique.len > 0;
    if (!out->unique)
        unique = (struct ctr_str){e->dn.bv_val, e->dn.bv_len};
    if (unique.len == 0)
        return "it has neither an id nor a name";
    if (unique.len > CTR_ID_MAX)
        return "its name (DN) is longer than 400 bytes and it has no other id: set "
               "map.id";
    if (!text_utf8(unique.ptr, unique.len))
        return "its name (DN) is not UTF-8 text";
    out->id = unique;
    return NULL;
}

const char *entry_identify(const struct entry *e, const struct plan *p,
                           const uint8_t *uuid, struct identity *out)
{
    const char *wrong = NULL;

    out->unique = take_key(e, uuid, out);
    out->named = p->n_ids > 0 || !out->unique;
    if (p->n_ids > 0) {
        wrong = mapped_id(e, p, out);
    } else if (out->unique) {
        (out->guid ? text_guid : text_uuid)(out->key, out->text);
        out->id = (struct ctr_str){out->text, TEXT_UUID - 1};
        return NULL;
    } else {
        wrong = fallback_id(e, out);
        if (!wrong)
            index_key_of(out->id, out->key);
        return wrong;
    }
    if (!wrong && !out->unique)
        index_key_of(out->id, out->key);
    return wrong;
}
