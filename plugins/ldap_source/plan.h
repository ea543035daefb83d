/* plan.h - which attribute gives which field, once the preset is known. */
#ifndef LDAP_SOURCE_PLAN_H
#define LDAP_SOURCE_PLAN_H

#include <stdbool.h>

#include "options.h"

enum { PLAN_SLOTS = 256, PLAN_USES = 320, PLAN_IDS = 8 };

/* The first slots are those every plan asks for. */
enum { SLOT_ENTRY_UUID, SLOT_OBJECT_GUID, SLOT_NS_UNIQUE_ID, SLOT_MODIFIED, SLOTS_FIXED };

/* One use of an attribute: its values become fields of a kind. */
struct use {
    uint32_t kind;
    uint32_t slot;
    const char *custom; /* CTR_FIELD_CUSTOM; owner: the options */
};

/* Strings belong to the options and presets. */
struct plan {
    const char *name[PLAN_SLOTS + 1]; /* what is asked of the server; ends with NULL */
    uint32_t len[PLAN_SLOTS];         /* of the name without options */
    uint32_t n_slots;
    struct use use[PLAN_USES];
    uint32_t n_uses;
    uint32_t id[PLAN_IDS]; /* slots; none: the server's own unique id, else the DN */
    uint32_t n_ids;
    uint32_t owner; /* a slot; n_slots and above: none */
    const char *filter;
    const char *principal;
};

/* returns 0 | -CTR_ECONF: the map names too many attributes */
int32_t plan_make(struct plan *p, const struct options *o, enum preset preset);
/* The slot of an attribute as a server writes it ("member;range=0-1499"), or -1. */
int32_t plan_slot(const struct plan *p, const char *name, size_t len);

#endif
