/* attributes.c - see attributes.h: the table itself, and finding a name in it. */
#include "attributes.h"

#include <strings.h>

#include "kit/kit.h"

#define KIND(name) CTR_KIND(CTR_FIELD_##name)
#define NAMES                                                                 \
    (KIND(DISPLAY_NAME) | KIND(GIVEN_NAME) | KIND(SURNAME) | KIND(NICKNAME) | \
     KIND(ORGANISATION))
#define OFFICE (KIND(PHONE_BUSINESS) | KIND(PHONE_MAIN) | KIND(PHONE_OTHER))
#define OUR(n) ATTR_OID_ARC ".1." #n

#define OPER   ATTR_OPERATIONAL
#define PERS   ATTR_INETORG
#define ABSENT ATTR_ABSENT

static const struct attr builtin[] = {
    {"objectClass", NULL, "2.5.4.0", 0, ATTR_CLASS, SYNTAX_OID, PERS},
    {"uid", "userid", "0.9.2342.19200300.100.1.1", 0, ATTR_ID, SYNTAX_TEXT, PERS},
    {"cn", "commonName", "2.5.4.3", KIND(DISPLAY_NAME), ATTR_CN, SYNTAX_TEXT, PERS},
    {"sn", "surname lastName", "2.5.4.4", KIND(SURNAME), ATTR_SN, SYNTAX_TEXT, PERS},
    {"givenName", "gn firstName", "2.5.4.42", KIND(GIVEN_NAME), ATTR_FIELD, SYNTAX_TEXT,
     PERS},
    {"displayName", NULL, "2.16.840.1.113730.3.1.241", KIND(DISPLAY_NAME), ATTR_CN,
     SYNTAX_TEXT, PERS},
    {"name", NULL, "2.5.4.41", KIND(DISPLAY_NAME), ATTR_CN, SYNTAX_TEXT, ATTR_BY_NAME},
    {"mozillaNickname", "nickname xmozillanickname", OUR(1), KIND(NICKNAME), ATTR_FIELD,
     SYNTAX_TEXT, 0},
    {"o", "organizationName company", "2.5.4.10", KIND(ORGANISATION), ATTR_FIELD,
     SYNTAX_TEXT, PERS},
    {"ou", "organizationalUnitName department departmentNumber orgUnit", "2.5.4.11",
     KIND(DEPARTMENT), ATTR_FIELD, SYNTAX_TEXT, PERS},
    {"title", NULL, "2.5.4.12", KIND(TITLE), ATTR_FIELD, SYNTAX_TEXT, PERS},
    {"mail", "rfc822Mailbox email", "0.9.2342.19200300.100.1.3", KIND(MAIL), ATTR_FIELD,
     SYNTAX_TEXT, PERS},
    {"mozillaSecondEmail", "xmozillasecondemail", OUR(2), KIND(MAIL), ATTR_SECOND,
     SYNTAX_TEXT, ATTR_BY_NAME},
    {"telephoneNumber", "workPhone", "2.5.4.20", OFFICE, ATTR_FIELD, SYNTAX_PHONE, PERS},
    {"mobile", "mobileTelephoneNumber cellPhone carPhone", "0.9.2342.19200300.100.1.41",
     KIND(PHONE_MOBILE), ATTR_FIELD, SYNTAX_PHONE, PERS},
    {"homePhone", "homeTelephoneNumber", "0.9.2342.19200300.100.1.20", KIND(PHONE_HOME),
     ATTR_FIELD, SYNTAX_PHONE, PERS},
    {"ipPhone", NULL, "1.2.840.113556.1.4.721", KIND(PHONE_IP), ATTR_FIELD, SYNTAX_PHONE,
     0},
    {"pager", "pagerTelephoneNumber pagerPhone", "0.9.2342.19200300.100.1.42",
     KIND(PHONE_PAGER), ATTR_FIELD, SYNTAX_PHONE, PERS},
    {"facsimileTelephoneNumber", "fax", "2.5.4.23", KIND(PHONE_FAX), ATTR_FIELD,
     SYNTAX_PHONE, PERS},
    {"otherTelephone", NULL, "1.2.840.113556.1.2.18", KIND(PHONE_OTHER), ATTR_FIELD,
     SYNTAX_PHONE, ATTR_BY_NAME},
    {"msRTCSIP-Line", NULL, OUR(3), OFFICE | KIND(PHONE_IP), ATTR_TEL_URI, SYNTAX_PHONE,
     ATTR_BY_NAME},
    {"phone", NULL, OUR(4), CTR_KINDS_PHONE, ATTR_FIELD, SYNTAX_PHONE, ATTR_BY_NAME},
    {"street", "streetAddress", "2.5.4.9", KIND(STREET), ATTR_FIELD, SYNTAX_TEXT, PERS},
    {"l", "localityName locality city", "2.5.4.7", KIND(CITY), ATTR_FIELD, SYNTAX_TEXT,
     PERS},
    {"st", "stateOrProvinceName region", "2.5.4.8", KIND(STATE), ATTR_FIELD, SYNTAX_TEXT,
     PERS},
    {"postalCode", "zip", "2.5.4.17", KIND(POSTAL_CODE), ATTR_FIELD, SYNTAX_TEXT, PERS},
    {"co", "friendlyCountryName c countryName", "0.9.2342.19200300.100.1.43",
     KIND(COUNTRY), ATTR_FIELD, SYNTAX_TEXT, 0},
    {"labeledURI", "url wWWHomePage workUrl", "1.3.6.1.4.1.250.1.57", KIND(URL),
     ATTR_FIELD, SYNTAX_TEXT, PERS},
    {"description", "notes info comment", "2.5.4.13", KIND(NOTE), ATTR_FIELD, SYNTAX_TEXT,
     PERS},
    {"jpegPhoto", "photo thumbnailPhoto", "0.9.2342.19200300.100.1.60", KIND(PHOTO),
     ATTR_FIELD, SYNTAX_OCTETS, PERS | ATTR_BY_NAME},
    {"x-", NULL, OUR(5), KIND(CUSTOM), ATTR_CUSTOM, SYNTAX_TEXT, ATTR_BY_NAME},
    {"anr", NULL, "1.2.840.113556.1.4.1208", NAMES | KIND(MAIL), ATTR_WORDS, SYNTAX_TEXT,
     ATTR_BY_NAME},
    {"metaName", NULL, OUR(6), NAMES, ATTR_WORDS, SYNTAX_TEXT, ATTR_BY_NAME},
    {"objectCategory", NULL, "1.2.840.113556.1.4.782", 0, ATTR_CATEGORY, SYNTAX_TEXT,
     ATTR_BY_NAME | ATTR_SINGLE},

    {"audio", NULL, "0.9.2342.19200300.100.1.55", 0, ABSENT, SYNTAX_OCTETS, PERS},
    {"businessCategory", NULL, "2.5.4.15", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"carLicense", NULL, "2.16.840.1.113730.3.1.1", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"destinationIndicator", NULL, "2.5.4.27", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"employeeNumber", NULL, "2.16.840.1.113730.3.1.3", 0, ABSENT, SYNTAX_TEXT,
     PERS | ATTR_SINGLE},
    {"employeeType", NULL, "2.16.840.1.113730.3.1.4", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"homePostalAddress", NULL, "0.9.2342.19200300.100.1.39", 0, ABSENT, SYNTAX_TEXT,
     PERS},
    {"initials", NULL, "2.5.4.43", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"internationalISDNNumber", NULL, "2.5.4.25", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"manager", NULL, "0.9.2342.19200300.100.1.10", 0, ABSENT, SYNTAX_DN, PERS},
    {"physicalDeliveryOfficeName", NULL, "2.5.4.19", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"postalAddress", NULL, "2.5.4.16", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"postOfficeBox", NULL, "2.5.4.18", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"preferredDeliveryMethod", NULL, "2.5.4.28", 0, ABSENT, SYNTAX_TEXT,
     PERS | ATTR_SINGLE},
    {"preferredLanguage", NULL, "2.16.840.1.113730.3.1.39", 0, ABSENT, SYNTAX_TEXT,
     PERS | ATTR_SINGLE},
    {"registeredAddress", NULL, "2.5.4.26", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"roomNumber", NULL, "0.9.2342.19200300.100.1.6", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"secretary", NULL, "0.9.2342.19200300.100.1.21", 0, ABSENT, SYNTAX_DN, PERS},
    {"seeAlso", NULL, "2.5.4.34", 0, ABSENT, SYNTAX_DN, PERS},
    {"teletexTerminalIdentifier", NULL, "2.5.4.22", 0, ABSENT, SYNTAX_OCTETS, PERS},
    {"telexNumber", NULL, "2.5.4.21", 0, ABSENT, SYNTAX_OCTETS, PERS},
    {"userCertificate", NULL, "2.5.4.36", 0, ABSENT, SYNTAX_OCTETS, PERS},
    {"userPassword", NULL, "2.5.4.35", 0, ABSENT, SYNTAX_OCTETS, PERS},
    {"userPKCS12", NULL, "2.16.840.1.113730.3.1.216", 0, ABSENT, SYNTAX_OCTETS, PERS},
    {"userSMIMECertificate", NULL, "2.16.840.1.113730.3.1.40", 0, ABSENT, SYNTAX_OCTETS,
     PERS},
    {"x121Address", NULL, "2.5.4.24", 0, ABSENT, SYNTAX_TEXT, PERS},
    {"x500UniqueIdentifier", NULL, "2.5.4.45", 0, ABSENT, SYNTAX_OCTETS, PERS},

    /* Active Directory's, from whose filters phones leave people out: "(!(...))". */
    {"employeeID", NULL, "1.2.840.113556.1.4.35", 0, ABSENT, SYNTAX_TEXT, ATTR_BY_NAME},
    {"memberOf", NULL, "1.2.840.113556.1.2.102", 0, ABSENT, SYNTAX_DN, ATTR_BY_NAME},
    {"msExchHideFromAddressLists", NULL, "1.2.840.113556.1.2.73", 0, ABSENT,
     SYNTAX_BOOLEAN, ATTR_BY_NAME},
    {"sAMAccountName", NULL, "1.2.840.113556.1.4.221", 0, ABSENT, SYNTAX_TEXT,
     ATTR_BY_NAME},
    {"userAccountControl", NULL, "1.2.840.113556.1.4.8", 0, ABSENT, SYNTAX_INTEGER,
     ATTR_BY_NAME},
    {"userPrincipalName", NULL, "1.2.840.113556.1.4.656", 0, ABSENT, SYNTAX_TEXT,
     ATTR_BY_NAME},

    {"entryDN", NULL, "1.3.6.1.1.20", 0, ATTR_ENTRY_DN, SYNTAX_DN, OPER | ATTR_SINGLE},
    {"createTimestamp", NULL, "2.5.18.1", 0, ATTR_TIME, SYNTAX_TIME, OPER | ATTR_SINGLE},
    {"modifyTimestamp", NULL, "2.5.18.2", 0, ATTR_TIME, SYNTAX_TIME, OPER | ATTR_SINGLE},
    {"entryUUID", NULL, "1.3.6.1.1.16.4", 0, ATTR_UUID, SYNTAX_UUID, OPER | ATTR_SINGLE},
    {"hasSubordinates", NULL, "2.5.18.9", 0, ATTR_HAS_SUB, SYNTAX_BOOLEAN,
     OPER | ATTR_SINGLE},
    {"structuralObjectClass", NULL, "2.5.21.9", 0, ATTR_STRUCTURAL, SYNTAX_OID,
     OPER | ATTR_SINGLE},
    {"subschemaSubentry", NULL, "2.5.18.10", 0, ATTR_SUBSCHEMA, SYNTAX_DN,
     OPER | ATTR_SINGLE},
    {"contactorSource", NULL, OUR(7), 0, ATTR_SOURCE, SYNTAX_TEXT, OPER | ATTR_SINGLE},
    {"contactorAge", NULL, OUR(8), 0, ATTR_AGE, SYNTAX_INTEGER, OPER | ATTR_SINGLE},
    {"contactorMatch", NULL, OUR(9), 0, ATTR_MATCH, SYNTAX_TEXT, OPER | ATTR_SINGLE},

    {"dc", "domainComponent", "0.9.2342.19200300.100.1.25", 0, ATTR_LOCAL, SYNTAX_TEXT,
     ATTR_SINGLE},
    {"namingContexts", NULL, "1.3.6.1.4.1.1466.101.120.5", 0, ATTR_LOCAL, SYNTAX_DN,
     OPER},
    {"supportedLDAPVersion", NULL, "1.3.6.1.4.1.1466.101.120.15", 0, ATTR_LOCAL,
     SYNTAX_INTEGER, OPER},
    {"supportedControl", NULL, "1.3.6.1.4.1.1466.101.120.13", 0, ATTR_LOCAL, SYNTAX_OID,
     OPER},
    {"supportedExtension", NULL, "1.3.6.1.4.1.1466.101.120.7", 0, ATTR_LOCAL, SYNTAX_OID,
     OPER},
    {"supportedFeatures", NULL, "1.3.6.1.4.1.4203.1.3.5", 0, ATTR_LOCAL, SYNTAX_OID,
     OPER},
    {"vendorName", NULL, "1.3.6.1.1.4", 0, ATTR_LOCAL, SYNTAX_TEXT, OPER | ATTR_SINGLE},
    {"vendorVersion", NULL, "1.3.6.1.1.5", 0, ATTR_LOCAL, SYNTAX_TEXT,
     OPER | ATTR_SINGLE},
    {"objectClasses", NULL, "2.5.21.6", 0, ATTR_LOCAL, SYNTAX_TEXT, OPER},
    {"attributeTypes", NULL, "2.5.21.5", 0, ATTR_LOCAL, SYNTAX_TEXT, OPER},
    {"matchingRules", NULL, "2.5.21.4", 0, ATTR_LOCAL, SYNTAX_TEXT, OPER},
    {"ldapSyntaxes", NULL, "1.3.6.1.4.1.1466.101.120.16", 0, ATTR_LOCAL, SYNTAX_TEXT,
     OPER},
};

enum { N_BUILTIN = sizeof(builtin) / sizeof(builtin[0]), SLOTS = 1024 };

/* Eight bytes at a time, the last ones twice. The bit that makes capitals small is set in
 * all bytes: what is more alike for it meets in one slot, and find_slot compares. */
static uint32_t hash_name(struct ctr_str name)
{
    const uint64_t small = UINT64_C(0x2020202020202020);
    uint64_t h = name.len, word = 0;
    size_t i;

    for (i = 0; i + 8 <= name.len; i += 8) {
        memcpy(&word, name.ptr + i, 8);
        h = (h ^ (word | small)) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    if (name.len >= 8)
        memcpy(&word, name.ptr + name.len - 8, 8);
    else
        for (; i < name.len; i++)
            word = word << 8 | (unsigned char)name.ptr[i];
    h = (h ^ (word | small)) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}

static struct attr_slot *find_slot(const struct attributes *t, struct ctr_str name)
{
    uint32_t i = hash_name(name) & t->mask;

    while (t->slots[i].attr && !text_same_nocase(t->slots[i].name, name))
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

static void put_name(struct attributes *t, struct ctr_str name, const struct attr *a)
{
    struct attr_slot *slot = find_slot(t, name);

    slot->name = name;
    slot->attr = a;
}

static void put_names(struct attributes *t, const struct attr *a)
{
    const char *p = a->aliases ? a->aliases : "";

    put_name(t, str_of(a->name), a);
    put_name(t, str_of(a->oid), a);
    while (*p) {
        size_t n = strcspn(p, " ");

        put_name(t, (struct ctr_str){p, n}, a);
        p += n;
        p += strspn(p, " ");
    }
}

static bool is_name(const char *z)
{
    size_t n = strspn(z, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789-_");

    return n > 0 && n <= 64 && z[n] == '\0' && strchr("0123456789-_", z[0]) == NULL;
}

/* What a name that is already taken may be given anew for. */
static bool may_rename(const struct attr *a)
{
    return a->type == ATTR_FIELD || a->type == ATTR_TEL_URI || a->type == ATTR_SECOND ||
           a->type == ATTR_ABSENT;
}

/* The attribute a configured name stands for from now on, without kinds yet. */
static struct attr *take_name(struct attributes *t, const char *name)
{
    struct attr *old = (struct attr *)find_slot(t, str_of(name))->attr;
    struct attr *a = old;

    if (old && (old->flags & ATTR_CONFIGURED))
        return old;
    if (old && !may_rename(old))
        return NULL;
    if (!old || strcasecmp(old->name, name) != 0) {
        if (t->n == ATTR_MAX)
            return NULL;
        a = &t->list[t->n++];
        *a = (struct attr){.name = name, .oid = name, .flags = ATTR_BY_NAME};
        put_name(t, str_of(name), a);
    }
    a->flags = (uint8_t)(a->flags | ATTR_CONFIGURED);
    a->kinds = 0;
    a->type = ATTR_FIELD;
    return a;
}

static bool add_configured(struct attributes *t, const char *key, const char *name)
{
    uint32_t kind = kit_kind(key);
    struct attr *a;

    if (!is_name(name) || kind == 0 || kind == CTR_FIELD_ID || kind == CTR_FIELD_OWNER)
        return false;
    a = take_name(t, name);
    if (!a || (a->kinds && (kind == CTR_FIELD_CUSTOM || a->type == ATTR_CUSTOM)))
        return false;
    a->kinds |= CTR_KIND(kind);
    a->syntax = (uint8_t)(a->kinds & CTR_KINDS_PHONE ? SYNTAX_PHONE
                          : kind == CTR_FIELD_PHOTO  ? SYNTAX_OCTETS
                                                     : SYNTAX_TEXT);
    if (kind == CTR_FIELD_CUSTOM) {
        a->type = ATTR_CUSTOM;
        a->custom = str_of(key + 2);
        a->flags = ATTR_CONFIGURED;
    }
    /* numbers and text are compared differently: one attribute is one or the other */
    return !(a->kinds & CTR_KINDS_PHONE) || !(a->kinds & ~CTR_KINDS_PHONE);
}

int attributes_init(struct attributes *t, struct pool *pool, const struct ctr_host *host,
                    const struct ctr_config *config, const char **bad)
{
    const char *key, *name;

    t->list = pool_array(pool, ATTR_MAX, sizeof(*t->list));
    t->slots = pool_zalloc(pool, SLOTS * sizeof(*t->slots));
    if (!t->list || !t->slots)
        return -CTR_ENOMEM;
    t->mask = SLOTS - 1;
    t->n = N_BUILTIN;
    memcpy(t->list, builtin, sizeof(builtin));
    for (uint32_t i = 0; i < t->n; i++)
        put_names(t, &t->list[i]);
    for (uint32_t i = 0; host->option_map_at(config, "attributes", i, &key, &name) == 0;
         i++) {
        *bad = name;
        if (!add_configured(t, key, name))
            return -CTR_ENOTSUP;
    }
    t->object_class = attributes_get(t, "objectClass");
    t->uid = attributes_get(t, "uid");
    t->ou = attributes_get(t, "ou");
    t->any_custom = attributes_get(t, "x-");
    t->entry_dn = attributes_get(t, "entryDN");
    t->has_subordinates = attributes_get(t, "hasSubordinates");
    t->structural_class = attributes_get(t, "structuralObjectClass");
    t->subschema = attributes_get(t, "subschemaSubentry");
    return 0;
}

const struct attr *attributes_get(const struct attributes *t, const char *name)
{
    return find_slot(t, str_of(name))->attr;
}

/* A copy in lower case, or the text itself where it is. */
static struct ctr_str lower(struct pool *pool, struct ctr_str s)
{
    char *to = pool_alloc(pool, s.len);

    if (!to)
        return (struct ctr_str){NULL, 0};
    for (size_t i = 0; i < s.len; i++)
        to[i] = text_lower(s.ptr[i]);
    return (struct ctr_str){to, s.len};
}

int attributes_find(const struct attributes *t, struct pool *pool,
                    struct ctr_str description, struct attr_ref *out)
{
    const char *option =
        description.len ? memchr(description.ptr, ';', description.len) : NULL;
    struct ctr_str name = description;

    if (option)
        name.len = (uint64_t)(option - description.ptr);
    out->name = name;
    out->attr = find_slot(t, name)->attr;
    out->custom = out->attr ? out->attr->custom : (struct ctr_str){NULL, 0};
    if (out->attr == t->any_custom)
        out->attr = NULL; /* "x-" alone names nothing */
    else if (!out->attr && name.len > 2 && text_lower(name.ptr[0]) == 'x' &&
             (name.ptr[1] == '-' || name.ptr[1] == '_')) {
        out->attr = t->any_custom;
        out->custom = lower(pool, (struct ctr_str){name.ptr + 2, name.len - 2});
        if (!out->custom.ptr)
            return -CTR_ENOMEM;
    }
    return 0;
}

uint64_t attr_wants(const struct attr *a)
{
    return a->type == ATTR_SN ? a->kinds | KIND(DISPLAY_NAME) : a->kinds;
}
