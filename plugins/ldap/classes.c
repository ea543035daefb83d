/* classes.c - see classes.h: the names of object classes, and their OIDs. */
#include "classes.h"

#include "local.h"

/* The classes of the standards and of Active Directory; of any other name we know nothing
 * (RFC 4517 4.2.26). */
static const struct {
    const char *name, *oid;
} known_classes[] = {
    {"top", "2.5.6.0"},
    {"person", "2.5.6.6"},
    {"organizationalPerson", "2.5.6.7"},
    {"inetOrgPerson", "2.16.840.1.113730.3.2.2"},
    {"contactorPerson", ATTR_OID_ARC ".2.1"},
    {"account", "0.9.2342.19200300.100.4.5"},
    {"alias", "2.5.6.1"},
    {"applicationProcess", "2.5.6.11"},
    {"computer", "1.2.840.113556.1.3.30"},
    {"contact", "1.2.840.113556.1.5.15"},
    {"container", "1.2.840.113556.1.3.23"},
    {"country", "2.5.6.2"},
    {"dcObject", "1.3.6.1.4.1.1466.344"},
    {"device", "2.5.6.14"},
    {"dNSDomain", "0.9.2342.19200300.100.4.15"},
    {"document", "0.9.2342.19200300.100.4.6"},
    {"documentSeries", "0.9.2342.19200300.100.4.9"},
    {"domain", "0.9.2342.19200300.100.4.13"},
    {"domainRelatedObject", "0.9.2342.19200300.100.4.17"},
    {"extensibleObject", "1.3.6.1.4.1.1466.101.120.111"},
    {"friendlyCountry", "0.9.2342.19200300.100.4.18"},
    {"group", "1.2.840.113556.1.5.8"},
    {"groupOfNames", "2.5.6.9"},
    {"groupOfUniqueNames", "2.5.6.17"},
    {"labeledURIObject", "1.3.6.1.4.1.250.3.15"},
    {"locality", "2.5.6.3"},
    {"organization", "2.5.6.4"},
    {"organizationalRole", "2.5.6.8"},
    {"organizationalUnit", "2.5.6.5"},
    {"pilotPerson", "0.9.2342.19200300.100.4.4"},
    {"posixAccount", "1.3.6.1.1.1.2.0"},
    {"posixGroup", "1.3.6.1.1.1.2.2"},
    {"printQueue", "1.2.840.113556.1.5.23"},
    {"referral", "2.16.840.1.113730.3.2.6"},
    {"residentialPerson", "2.5.6.10"},
    {"rFC822LocalPart", "0.9.2342.19200300.100.4.14"},
    {"room", "0.9.2342.19200300.100.4.7"},
    {"simpleSecurityObject", "0.9.2342.19200300.100.4.19"},
    {"subentry", "2.5.17.0"},
    {"subschema", "2.5.20.1"},
    {"uidObject", "1.3.6.1.1.3.1"},
    {"user", "1.2.840.113556.1.5.9"},
};

struct ctr_str class_find(struct ctr_str value)
{
    value = text_trim(value);
    for (size_t i = 0; i < sizeof(known_classes) / sizeof(known_classes[0]); i++)
        if (text_same_nocase(value, str_of(known_classes[i].name)) ||
            str_same(value, str_of(known_classes[i].oid)))
            return str_of(known_classes[i].name);
    return (struct ctr_str){NULL, 0};
}

int class_of_contact(const struct server *s, struct ctr_str value)
{
    struct ctr_str name = class_find(value);
    struct ctr_str asked = name.ptr ? name : text_trim(value);

    for (uint32_t i = 0; i < s->n_classes; i++)
        if (text_same_nocase(asked, s->classes[i]))
            return LOCAL_TRUE;
    return name.ptr ? LOCAL_FALSE : LOCAL_UNDEFINED;
}
