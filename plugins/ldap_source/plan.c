/* plan.c - which attribute gives which field: the map, and the preset where the map says
 * nothing about a field. */
#include "plan.h"

#include <string.h>
#include <strings.h>

static const char *const fixed[SLOTS_FIXED] = {"entryUUID", "objectGUID", "nsUniqueId",
                                               "modifyTimestamp"};

int32_t plan_slot(const struct plan *p, const char *name, size_t len)
{
    const char *semicolon = memchr(name, ';', len);

    if (semicolon)
        len = (size_t)(semicolon - name);
    for (uint32_t i = 0; i < p->n_slots; i++)
        if (p->len[i] == len && strncasecmp(p->name[i], name, len) == 0)
            return (int32_t)i;
    return -1;
}

static int32_t slot_for(struct plan *p, const char *name)
{
    size_t len = strcspn(name, ";");
    int32_t at = plan_slot(p, name, len);

    if (at >= 0)
        return at;
    if (p->n_slots == PLAN_SLOTS)
        return -CTR_ECONF;
    p->name[p->n_slots] = name;
    p->len[p->n_slots] = (uint32_t)len;
    return (int32_t)p->n_slots++;
}

static int32_t add(struct plan *p, uint32_t kind, const char *attribute,
                   const char *custom)
{
    int32_t slot = slot_for(p, attribute);

    if (slot < 0)
        return slot;
    if (kind == CTR_FIELD_ID) {
        if (p->n_ids == PLAN_IDS)
            return -CTR_ECONF;
        p->id[p->n_ids++] = (uint32_t)slot;
    } else if (kind == CTR_FIELD_OWNER) {
        p->owner = (uint32_t)slot;
    } else {
        if (p->n_uses == PLAN_USES)
            return -CTR_ECONF;
        p->use[p->n_uses++] = (struct use){kind, (uint32_t)slot, custom};
    }
    return 0;
}

int32_t plan_make(struct plan *p, const struct options *o, enum preset preset)
{
    const struct preset_schema *schema = preset_schema(preset);
    uint64_t mapped = 0;
    int32_t rc = 0;

    memset(p, 0, sizeof(*p));
    p->owner = UINT32_MAX;
    p->filter = o->filter ? o->filter : schema->filter;
    p->principal = o->group_principal ? o->group_principal : schema->principal;
    for (uint32_t i = 0; i < SLOTS_FIXED; i++)
        slot_for(p, fixed[i]);
    for (uint32_t i = 0; rc == 0 && i < o->n_map; i++) {
        const struct mapping *m = &o->map[i];

        rc = add(p, m->kind, m->attribute, m->custom);
        mapped |= CTR_KIND(m->kind);
    }
    for (const struct preset_attribute *a = schema->attributes; rc == 0 && a->attribute;
         a++)
        if (!(mapped & CTR_KIND(a->kind)))
            rc = add(p, a->kind, a->attribute, NULL);
    return rc;
}
