/* presets.c - Active Directory's schema, inetOrgPerson (RFC 2798), and none.
 *
 * Left out on purpose: an assistant's number (somebody else's), home addresses (they
 * would mix with the business address), Active Directory's description (an
 * administrator's remark on the account; the note users see is info). */
#include "presets.h"

#include <stddef.h>

#include "contactor/contact.h"

static const struct preset_attribute ad[] = {
    {CTR_FIELD_DISPLAY_NAME, "displayName"},
    {CTR_FIELD_DISPLAY_NAME, "cn"},
    {CTR_FIELD_GIVEN_NAME, "givenName"},
    {CTR_FIELD_SURNAME, "sn"},
    {CTR_FIELD_ORGANISATION, "company"},
    {CTR_FIELD_DEPARTMENT, "department"},
    {CTR_FIELD_TITLE, "title"},
    {CTR_FIELD_MAIL, "mail"},
    {CTR_FIELD_STREET, "streetAddress"},
    {CTR_FIELD_CITY, "l"},
    {CTR_FIELD_STATE, "st"},
    {CTR_FIELD_POSTAL_CODE, "postalCode"},
    {CTR_FIELD_COUNTRY, "co"},
    {CTR_FIELD_URL, "wWWHomePage"},
    {CTR_FIELD_NOTE, "info"},
    {CTR_FIELD_PHOTO, "thumbnailPhoto"},
    {CTR_FIELD_PHOTO, "jpegPhoto"},
    {CTR_FIELD_PHONE_BUSINESS, "telephoneNumber"},
    {CTR_FIELD_PHONE_BUSINESS, "otherTelephone"},
    {CTR_FIELD_PHONE_MOBILE, "mobile"},
    {CTR_FIELD_PHONE_MOBILE, "otherMobile"},
    {CTR_FIELD_PHONE_HOME, "homePhone"},
    {CTR_FIELD_PHONE_HOME, "otherHomePhone"},
    {CTR_FIELD_PHONE_IP, "ipPhone"},
    {CTR_FIELD_PHONE_IP, "otherIpPhone"},
    {CTR_FIELD_PHONE_PAGER, "pager"},
    {CTR_FIELD_PHONE_PAGER, "otherPager"},
    {CTR_FIELD_PHONE_FAX, "facsimileTelephoneNumber"},
    {CTR_FIELD_PHONE_FAX, "otherFacsimileTelephoneNumber"},
    {0, NULL},
};

static const struct preset_attribute inetorgperson[] = {
    {CTR_FIELD_DISPLAY_NAME, "displayName"},
    {CTR_FIELD_DISPLAY_NAME, "cn"},
    {CTR_FIELD_GIVEN_NAME, "givenName"},
    {CTR_FIELD_SURNAME, "sn"},
    {CTR_FIELD_ORGANISATION, "o"},
    {CTR_FIELD_DEPARTMENT, "ou"},
    {CTR_FIELD_TITLE, "title"},
    {CTR_FIELD_MAIL, "mail"},
    {CTR_FIELD_STREET, "street"},
    {CTR_FIELD_CITY, "l"},
    {CTR_FIELD_STATE, "st"},
    {CTR_FIELD_POSTAL_CODE, "postalCode"},
    {CTR_FIELD_COUNTRY, "co"},
    {CTR_FIELD_URL, "labeledURI"},
    {CTR_FIELD_NOTE, "description"},
    {CTR_FIELD_PHOTO, "jpegPhoto"},
    {CTR_FIELD_PHONE_BUSINESS, "telephoneNumber"},
    {CTR_FIELD_PHONE_MOBILE, "mobile"},
    {CTR_FIELD_PHONE_HOME, "homePhone"},
    {CTR_FIELD_PHONE_PAGER, "pager"},
    {CTR_FIELD_PHONE_FAX, "facsimileTelephoneNumber"},
    {0, NULL},
};

static const struct preset_attribute nothing[] = {{0, NULL}};

/* Contacts, and users whose account is not disabled (bit 2 of userAccountControl). */
#define AD_FILTER                                      \
    "(&(objectCategory=person)(|(objectClass=contact)" \
    "(&(objectClass=user)"                             \
    "(!(userAccountControl:1.2.840.113556.1.4.803:=2)))))"

static const struct preset_schema schemas[] = {
    [PRESET_NONE] = {"(objectClass=*)", "uid", nothing},
    [PRESET_AD] = {AD_FILTER, "sAMAccountName", ad},
    [PRESET_INETORGPERSON] = {"(objectClass=inetOrgPerson)", "uid", inetorgperson},
};

const struct preset_schema *preset_schema(enum preset preset)
{
    return &schemas[preset == PRESET_AUTO ? PRESET_NONE : preset];
}
