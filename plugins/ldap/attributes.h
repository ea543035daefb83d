/* attributes.h - the LDAP attribute names we know, and what of a contact each one means.
 *
 * Names, aliases and OIDs are found without case through one hash table, made once for an
 * instance because the administrator may add names. */
#ifndef LDAP_ATTRIBUTES_H
#define LDAP_ATTRIBUTES_H

#include "contactor/plugin.h"
#include "pool.h"
#include "text.h"

/* Where the values of an attribute come from. */
enum {
    ATTR_FIELD = 1, /* the fields whose kind is in `kinds` */
    ATTR_CN,        /* the display name; a contact without one shows its id */
    ATTR_SN,        /* the surname; a contact without one shows its display name */
    ATTR_TEL_URI,   /* the fields in `kinds`, written tel:+49... */
    ATTR_SECOND,    /* the fields in `kinds` without the first */
    ATTR_CUSTOM,    /* the custom field `custom`, or the one behind x- in the name */
    ATTR_ID,
    ATTR_WORDS, /* in filters only: every word begins some word of `kinds` */
    ATTR_CLASS,
    ATTR_CATEGORY,
    ATTR_ENTRY_DN,
    ATTR_TIME,
    ATTR_UUID,
    ATTR_HAS_SUB,
    ATTR_STRUCTURAL,
    ATTR_SUBSCHEMA,
    ATTR_SOURCE,
    ATTR_AGE,
    ATTR_MATCH,
    ATTR_LOCAL, /* of our own entries, never of a contact */
    ATTR_ABSENT /* of the standard's person; no contact has it, yet it is defined */
};

/* How the values are written, and so which matching rules fit. */
enum {
    SYNTAX_TEXT = 0,
    SYNTAX_PHONE,
    SYNTAX_OID,
    SYNTAX_DN,
    SYNTAX_TIME,
    SYNTAX_INTEGER,
    SYNTAX_BOOLEAN,
    SYNTAX_OCTETS,
    SYNTAX_UUID
};

enum {
    ATTR_OPERATIONAL = 1u << 0, /* with "+" or by name */
    ATTR_BY_NAME = 1u << 1,     /* not even with "*": repeats another attribute */
    ATTR_SINGLE = 1u << 2,
    ATTR_INETORG = 1u << 3,   /* inetOrgPerson or a class above it has it */
    ATTR_CONFIGURED = 1u << 4 /* named by the administrator */
};

struct attr {
    const char *name;
    const char *aliases; /* separated by blanks, or NULL */
    const char *oid;
    uint64_t kinds;
    uint8_t type;   /* ATTR_FIELD ... */
    uint8_t syntax; /* SYNTAX_* */
    uint8_t flags;  /* ATTR_OPERATIONAL ... */
    struct ctr_str custom;
};

enum { ATTR_MAX = 256 };

/* The arc of our own OIDs: a UUID below 2.25 (X.667), which needs no registration. */
#define ATTR_OID_ARC "2.25.186254063527737327459841835308704046947"

struct attr_slot {
    struct ctr_str name;
    const struct attr *attr;
};

struct attributes {
    struct attr *list;
    uint32_t n;
    uint32_t mask; /* slots - 1 */
    struct attr_slot *slots;
    /* Those the code asks for while it serves. */
    const struct attr *object_class, *uid, *ou, *any_custom, *entry_dn, *has_subordinates,
        *structural_class, *subschema;
};

/* An attribute as a client named it. */
struct attr_ref {
    const struct attr *attr; /* NULL: we do not know it */
    struct ctr_str name;     /* as written, without options */
    struct ctr_str custom;   /* ATTR_CUSTOM: which; lower case */
};

/* returns 0 | -CTR_ENOMEM | -CTR_ENOTSUP (a configured name cannot be served; *bad says
 * which) */
int attributes_init(struct attributes *t, struct pool *pool, const struct ctr_host *host,
                    const struct ctr_config *config, const char **bad);
/* Options (";binary") are ignored. returns 0 | -CTR_ENOMEM */
int attributes_find(const struct attributes *t, struct pool *pool,
                    struct ctr_str description, struct attr_ref *out);
/* By a name of ours; never NULL for a name in the table. */
const struct attr *attributes_get(const struct attributes *t, const char *name);

static inline uint32_t attr_index(const struct attributes *t, const struct attr *a)
{
    return (uint32_t)(a - t->list);
}

/* Which sorts of assertion the syntax has a matching rule for; the others are Undefined.
 */
static inline bool attr_has_equality(const struct attr *a)
{
    return a->syntax != SYNTAX_OCTETS && a->syntax != SYNTAX_TIME &&
           a->syntax != SYNTAX_UUID;
}

static inline bool attr_has_substrings(const struct attr *a)
{
    return a->syntax == SYNTAX_TEXT || a->syntax == SYNTAX_PHONE;
}

static inline bool attr_has_order(const struct attr *a)
{
    return a->syntax == SYNTAX_TEXT;
}

/* The kinds a front end must be given to show this attribute. */
uint64_t attr_wants(const struct attr *a);

#endif
