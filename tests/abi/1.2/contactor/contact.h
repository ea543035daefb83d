/* contact.h - a contact as sources hand it in and front ends receive it.
 *
 * A contact is a source, an id that is stable within that source, an optional owner (a
 * private contact, shown to that principal only) and a list of fields. Kinds are a
 * numbered vocabulary with the names of inetOrgPerson (RFC 2798) and vCard (RFC 6350);
 * the names below are also the keys of a `[source.NAME.map]` table in the configuration.
 * New kinds are new numbers below 63 and never break the ABI: a reader skips what it does
 * not know.
 *
 * since 1.0 */
#ifndef CONTACTOR_CONTACT_H
#define CONTACTOR_CONTACT_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(number, NAME, "config name"). ID and OWNER are members of struct ctr_contact, never
 * entries of its field list; they have numbers so that a filter or a map can name them.
 */
#define CTR_FIELD_MAP(X)                    \
    X(1, ID, "id")                          \
    X(2, DISPLAY_NAME, "display_name")      \
    X(3, GIVEN_NAME, "given_name")          \
    X(4, SURNAME, "surname")                \
    X(5, NICKNAME, "nickname")              \
    X(6, ORGANISATION, "organisation")      \
    X(7, DEPARTMENT, "department")          \
    X(8, TITLE, "title")                    \
    X(9, MAIL, "mail")                      \
    X(10, STREET, "street")                 \
    X(11, CITY, "city")                     \
    X(12, STATE, "state")                   \
    X(13, POSTAL_CODE, "postal_code")       \
    X(14, COUNTRY, "country")               \
    X(15, URL, "url")                       \
    X(16, NOTE, "note")                     \
    X(17, PHOTO, "photo")                   \
    X(18, OWNER, "owner")                   \
    X(32, PHONE_BUSINESS, "phone_business") \
    X(33, PHONE_MOBILE, "phone_mobile")     \
    X(34, PHONE_HOME, "phone_home")         \
    X(35, PHONE_MAIN, "phone_main")         \
    X(36, PHONE_IP, "phone_ip")             \
    X(37, PHONE_OTHER, "phone_other")       \
    X(38, PHONE_PAGER, "phone_pager")       \
    X(39, PHONE_FAX, "phone_fax")

/* The kinds of a field: CTR_FIELD_DISPLAY_NAME and so on. */
enum {
#define CTR_X(number, name, text) CTR_FIELD_##name = number,
    CTR_FIELD_MAP(CTR_X)
#undef CTR_X
        CTR_FIELD_CUSTOM = 63 /* the field's `name` says which: x_NAME in a map, NAME
                               * here */
};

/* The set of one kind: bit k stands for kind k. Join sets with |. */
#define CTR_KIND(kind) (UINT64_C(1) << (kind))
/* The set of all phone kinds, those to come included. */
#define CTR_KINDS_PHONE (UINT64_C(0xff) << 32)
/* The set of all kinds. */
#define CTR_KINDS_ALL (~UINT64_C(0))

/* Limits of one contact. A longer value or a further field is dropped and counted as a
 * warning of its row; an id over the limit rejects the contact. Units: bytes, fields. */
enum {
    CTR_ID_MAX = 400,       /* bytes of an id */
    CTR_VALUE_MAX = 16384,  /* bytes of a value */
    CTR_PHOTO_MAX = 131072, /* bytes of a PHOTO */
    CTR_FIELDS_MAX = 128    /* fields of a contact */
};

/* One value. A kind may occur several times (two mobile numbers are two fields). An array
 * of these travels with its stride, so the struct may grow.
 * owner   as the contact
 * since   1.0 */
struct ctr_field {
    uint32_t kind;        /* CTR_FIELD_* */
    uint32_t flags;       /* 0 in ABI 1.0 */
    struct ctr_str value; /* UTF-8 text, a number as it is stored, a JPEG for PHOTO */
    struct ctr_str name;  /* CTR_FIELD_CUSTOM: lower-case NAME of x_NAME; else absent */
    struct ctr_str e164;  /* to a front end: "+4989840798192", absent where the number is
                           * not one (short and emergency numbers, garbage); from a
                           * source: ignored */
};

/* Why a contact stands in an answer, and how far to trust it; set by the host. */
enum {
    CTR_CONTACT_COMPANY = 1u << 0,   /* unknown extension under this company's trunk
                                      * number */
    CTR_CONTACT_AMBIGUOUS = 1u << 1, /* stands for several contacts of one organisation */
    CTR_CONTACT_STALE = 1u << 2,     /* its source is older than its freshness limit */
    CTR_CONTACT_LIVE = 1u << 3       /* came from a live search, not from the cache */
};

/* A contact.
 * owner   borrowed for the call it is passed in, with everything it points to; the
 *         receiver copies what it keeps
 * since   1.0 */
struct ctr_contact {
    uint32_t size;         /* sizeof(struct ctr_contact) */
    uint32_t flags;        /* CTR_CONTACT_*; sources set 0 */
    struct ctr_str id;     /* 1..CTR_ID_MAX bytes, stable within the source */
    struct ctr_str owner;  /* principal name; absent: everybody who may see the source */
    struct ctr_str source; /* source instance name; set by the host */
    const struct ctr_field *fields; /* n_fields, field_size bytes apart */
    uint32_t n_fields;              /* how many; NULL fields: 0 */
    uint32_t field_size;            /* sizeof(struct ctr_field): the stride of `fields` */
    int64_t as_of;       /* ms since 1970 UTC: the source was last known to hold this; set
                          * by the host */
    uint32_t group_size; /* CTR_CONTACT_AMBIGUOUS: how many contacts it stands for */
    uint32_t reserved;   /* 0 */
};

#ifdef __cplusplus
}
#endif

#endif
