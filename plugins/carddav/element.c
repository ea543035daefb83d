/* element.c - see element.h. */
#include "element.h"

#include <stddef.h>
#include <string.h>

#define DAV    "DAV:\n"
#define CARD   "urn:ietf:params:xml:ns:carddav\n"
#define SERVER "http://calendarserver.org/ns/\n"

static const struct {
    const char *name;
    enum element element;
    bool text;
} elements[] = {
    {DAV "multistatus", MULTISTATUS, false},
    {DAV "response", RESPONSE, false},
    {DAV "href", HREF, true},
    {DAV "status", STATUS, true},
    {DAV "propstat", PROPSTAT, false},
    {DAV "prop", PROP, false},
    {DAV "error", ERROR, false},
    {DAV "sync-token", SYNC_TOKEN, true},
    {DAV "valid-sync-token", VALID_SYNC_TOKEN, false},
    {DAV "getetag", GETETAG, true},
    {SERVER "getctag", GETCTAG, true},
    {DAV "displayname", DISPLAYNAME, true},
    {DAV "resourcetype", RESOURCETYPE, false},
    {DAV "collection", COLLECTION, false},
    {CARD "addressbook", ADDRESSBOOK, false},
    {DAV "current-user-principal", PRINCIPAL, false},
    {CARD "addressbook-home-set", HOME_SET, false},
    {DAV "report", REPORT, false},
    {DAV "sync-collection", SYNC_COLLECTION, false},
    {CARD "address-data", ADDRESS_DATA, true},
};

/* A response within a response, or outside of all, is none. */
static enum element known(enum element element, enum element parent, unsigned depth)
{
    switch (element) {
    case MULTISTATUS:
        return depth == 0 ? element : OTHER;
    case RESPONSE:
        return depth == 1 && parent == MULTISTATUS ? element : OTHER;
    case PROPSTAT:
        return parent == RESPONSE ? element : OTHER;
    case PROP:
        return parent == PROPSTAT ? element : OTHER;
    case GETETAG:
    case GETCTAG:
    case DISPLAYNAME:
    case RESOURCETYPE:
    case PRINCIPAL:
    case HOME_SET:
    case ADDRESS_DATA:
        return parent == PROP ? element : OTHER;
    default:
        return element;
    }
}

enum element element_begins(const char *name, enum element parent, unsigned depth)
{
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
        if (strcmp(elements[i].name, name) == 0)
            return known(elements[i].element, parent, depth);
    return OTHER;
}

bool element_has_text(enum element element)
{
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
        if (elements[i].element == element)
            return elements[i].text;
    return false;
}
