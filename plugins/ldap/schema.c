/* schema.c - the subschema entry (RFC 4512 section 4.2), written from our own tables. */
#include <stdarg.h>
#include <stdio.h>

#include "filter.h"
#include "rootdse.h"

enum { LINE_MAX_SIZE = 4096, VALUES_MAX = ATTR_MAX + 32 };

/* A description being written. */
struct line {
    char text[LINE_MAX_SIZE];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *fmt,
                                                      ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(l->text + l->n, sizeof(l->text) - l->n, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->n +=
            (size_t)n < sizeof(l->text) - l->n ? (size_t)n : sizeof(l->text) - l->n - 1;
}

static const struct {
    const char *oid, *name; /* of the syntax */
    const char *rules;      /* matching of attributes with it */
} syntaxes[] = {
    [SYNTAX_TEXT] = {"1.3.6.1.4.1.1466.115.121.1.15", "Directory String",
                     "EQUALITY caseIgnoreMatch ORDERING caseIgnoreOrderingMatch "
                     "SUBSTR caseIgnoreSubstringsMatch "},
    [SYNTAX_PHONE] = {"1.3.6.1.4.1.1466.115.121.1.50", "Telephone Number",
                      "EQUALITY telephoneNumberMatch "
                      "SUBSTR telephoneNumberSubstringsMatch "},
    [SYNTAX_OID] = {"1.3.6.1.4.1.1466.115.121.1.38", "OID",
                    "EQUALITY objectIdentifierMatch "},
    [SYNTAX_DN] = {"1.3.6.1.4.1.1466.115.121.1.12", "DN",
                   "EQUALITY distinguishedNameMatch "},
    [SYNTAX_TIME] = {"1.3.6.1.4.1.1466.115.121.1.24", "Generalized Time", ""},
    [SYNTAX_INTEGER] = {"1.3.6.1.4.1.1466.115.121.1.27", "INTEGER", ""},
    [SYNTAX_BOOLEAN] = {"1.3.6.1.4.1.1466.115.121.1.7", "Boolean",
                        "EQUALITY booleanMatch "},
    [SYNTAX_OCTETS] = {"1.3.6.1.4.1.1466.115.121.1.28", "JPEG", ""},
    [SYNTAX_UUID] = {"1.3.6.1.1.16.1", "UUID", ""},
};

/* An id is what its source says: "a1" and "A1" may be two contacts. So uid has other
 * rules here than in RFC 4519, and clients that go by the schema keep its case. */
static const char id_rules[] = "EQUALITY caseExactMatch ORDERING caseExactOrderingMatch "
                               "SUBSTR caseExactSubstringsMatch ";

/* NAME 'x' or NAME ( 'x' 'y' ) */
static void add_names(struct line *l, const struct attr *a)
{
    const char *p = a->aliases;

    if (!p) {
        add(l, "NAME '%s' ", a->name);
        return;
    }
    add(l, "NAME ( '%s' ", a->name);
    while (*p) {
        int n = (int)strcspn(p, " ");

        add(l, "'%.*s' ", n, p);
        p += n;
        p += strspn(p, " ");
    }
    add(l, ") ");
}

static void write_attribute(struct line *l, const struct attr *a)
{
    l->n = 0;
    if (a->oid == a->name)
        add(l, "( %s-oid ", a->name); /* the administrator's: has no OID */
    else
        add(l, "( %s ", a->oid);
    add_names(l, a);
    add(l, "%sSYNTAX %s %s", a->type == ATTR_ID ? id_rules : syntaxes[a->syntax].rules,
        syntaxes[a->syntax].oid, a->flags & ATTR_SINGLE ? "SINGLE-VALUE " : "");
    if (a->flags & ATTR_OPERATIONAL)
        add(l, "NO-USER-MODIFICATION USAGE %s ",
            a->type == ATTR_LOCAL ? "dSAOperation" : "directoryOperation");
    add(l, ")");
}

/* --- object classes
 * --------------------------------------------------------------------- */

static bool in_organizational_person(const struct attr *a)
{
    static const char *const names[] = {
        "objectClass", "cn",    "sn",     "telephoneNumber",
        "description", "title", "street", "postalCode",
        "ou",          "st",    "l",      "facsimileTelephoneNumber"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(a->name, names[i]) == 0)
            return true;
    return false;
}

/* The rest of the attributes a contact may have, by whether inetOrgPerson has them. */
static void add_may(struct line *l, const struct server *s, bool inetorg)
{
    const char *sign = " MAY ( ";

    for (uint32_t i = 0; i < s->attributes.n; i++) {
        const struct attr *a = &s->attributes.list[i];

        if (a->type == ATTR_LOCAL || (a->flags & ATTR_OPERATIONAL) ||
            a == s->attributes.any_custom || in_organizational_person(a) ||
            ((a->flags & ATTR_INETORG) != 0) != inetorg)
            continue;
        add(l, "%s%s", sign, a->name);
        sign = " $ ";
    }
    add(l, " ) )");
}

static const char *const fixed_classes[] = {
    "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
    "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY ( telephoneNumber $ "
    "description ) )",
    "( 2.5.6.7 NAME 'organizationalPerson' SUP person STRUCTURAL MAY ( title $ "
    "facsimileTelephoneNumber $ street $ postalCode $ ou $ st $ l ) )",
    "( 2.5.6.2 NAME 'country' SUP top STRUCTURAL MUST co )",
    "( 2.5.6.3 NAME 'locality' SUP top STRUCTURAL MAY l )",
    "( 2.5.6.4 NAME 'organization' SUP top STRUCTURAL MUST o )",
    "( 2.5.6.5 NAME 'organizationalUnit' SUP top STRUCTURAL MUST ou )",
    "( 2.5.6.8 NAME 'organizationalRole' SUP top STRUCTURAL MUST cn )",
    "( 1.3.6.1.4.1.1466.344 NAME 'dcObject' SUP top AUXILIARY MUST dc )",
    "( 2.5.17.0 NAME 'subentry' SUP top STRUCTURAL MUST cn )",
    "( 2.5.20.1 NAME 'subschema' AUXILIARY MAY ( objectClasses $ attributeTypes $ "
    "matchingRules $ ldapSyntaxes ) )",
};
enum { N_FIXED = sizeof(fixed_classes) / sizeof(fixed_classes[0]) };

/* --- the entry
 * -------------------------------------------------------------------------- */

/* Values being collected. */
struct values {
    struct server *s;
    struct ctr_str *at;
    uint32_t n;
    bool failed;
};

static void values_init(struct values *v, struct server *s)
{
    *v = (struct values){.s = s};
    v->at = pool_array(&s->pool, VALUES_MAX, sizeof(*v->at));
    v->failed = !v->at;
}

static void values_add(struct values *v, const struct line *l)
{
    struct ctr_str copy = pool_str(&v->s->pool, (struct ctr_str){l->text, l->n});

    v->failed |= !copy.ptr || v->n == VALUES_MAX;
    if (!v->failed)
        v->at[v->n++] = copy;
}

static void collect_attributes(struct values *v, struct line *l)
{
    for (uint32_t i = 0; i < v->s->attributes.n; i++) {
        if (&v->s->attributes.list[i] == v->s->attributes.any_custom)
            continue;
        write_attribute(l, &v->s->attributes.list[i]);
        values_add(v, l);
    }
}

static void collect_classes(struct values *v, struct line *l)
{
    for (uint32_t i = 0; i < N_FIXED; i++) {
        l->n = 0;
        add(l, "%s", fixed_classes[i]);
        values_add(v, l);
    }
    l->n = 0;
    add(l, "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP organizationalPerson "
           "STRUCTURAL");
    add_may(l, v->s, true);
    values_add(v, l);
    l->n = 0;
    add(l, "( " ATTR_OID_ARC ".2.1 NAME 'contactorPerson' SUP top AUXILIARY");
    add_may(l, v->s, false);
    values_add(v, l);
    for (uint32_t i = SERVER_CLASSES; i < v->s->n_classes; i++) { /* the options' */
        l->n = 0;
        add(l, "( %s-oid NAME '%s' SUP top AUXILIARY )", v->s->classes[i].ptr,
            v->s->classes[i].ptr);
        values_add(v, l);
    }
}

/* Rules of attributes that are no extensible filters. */
static const char *const fixed_rules[] = {
    "( 2.5.13.3 NAME 'caseIgnoreOrderingMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
    "( 2.5.13.4 NAME 'caseIgnoreSubstringsMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.58 )",
    ("( 2.5.13.21 NAME 'telephoneNumberSubstringsMatch' "
     "SYNTAX 1.3.6.1.4.1.1466.115.121.1.58 )"),
    "( 2.5.13.5 NAME 'caseExactMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
    "( 2.5.13.6 NAME 'caseExactOrderingMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
    "( 2.5.13.7 NAME 'caseExactSubstringsMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.58 )",
};

static void collect_rules(struct values *v, struct line *l)
{
    for (size_t i = 0; i < sizeof(fixed_rules) / sizeof(fixed_rules[0]); i++) {
        l->n = 0;
        add(l, "%s", fixed_rules[i]);
        values_add(v, l);
    }
    for (uint32_t i = 0; i < filter_n_rules; i++) {
        l->n = 0;
        add(l, "( %s NAME '%s' SYNTAX %s )", filter_rules[i].oid, filter_rules[i].name,
            syntaxes[filter_rules[i].syntax].oid);
        values_add(v, l);
    }
}

static void collect_syntaxes(struct values *v, struct line *l)
{
    for (size_t i = 0; i < sizeof(syntaxes) / sizeof(syntaxes[0]); i++) {
        l->n = 0;
        add(l, "( %s DESC '%s' )", syntaxes[i].oid, syntaxes[i].name);
        values_add(v, l);
    }
    l->n = 0;
    add(l, "( 1.3.6.1.4.1.1466.115.121.1.58 DESC 'Substring Assertion' )");
    values_add(v, l);
}

static void add_collected(struct entry_maker *k, const char *attr,
                          void (*collect)(struct values *v, struct line *l))
{
    struct values v;
    struct line line;

    values_init(&v, k->s);
    if (!v.failed)
        collect(&v, &line);
    k->failed |= v.failed;
    maker_add_values(k, attr, v.at, v.n);
}

int schema_init(struct server *s)
{
    static const char *const classes[] = {"top", "subentry", "subschema", NULL};
    struct entry_maker k;

    s->subschema.dn = STR("cn=Subschema");
    maker_init(&k, s, 16);
    maker_add(&k, "objectClass", classes);
    maker_add_one(&k, "cn", STR("Subschema"));
    add_collected(&k, "objectClasses", collect_classes);
    add_collected(&k, "attributeTypes", collect_attributes);
    add_collected(&k, "matchingRules", collect_rules);
    add_collected(&k, "ldapSyntaxes", collect_syntaxes);
    maker_add_one(&k, "structuralObjectClass", STR("subentry"));
    maker_add_one(&k, "subschemaSubentry", s->subschema.dn);
    maker_add_one(&k, "entryDN", s->subschema.dn);
    return maker_finish(&k, STR("cn=Subschema"), &s->subschema);
}
