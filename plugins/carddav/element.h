/* element.h - the elements of a WebDAV answer that say something, and where they do. */
#ifndef CARDDAV_ELEMENT_H
#define CARDDAV_ELEMENT_H

#include <stdbool.h>

#define ELEMENT_SEPARATOR '\n' /* in no name: expat gives "namespace\nname" */

enum element {
    OTHER,
    MULTISTATUS,
    RESPONSE,
    HREF,
    STATUS,
    PROPSTAT,
    PROP,
    ERROR,
    SYNC_TOKEN,
    VALID_SYNC_TOKEN,
    GETETAG,
    GETCTAG,
    DISPLAYNAME,
    RESOURCETYPE,
    COLLECTION,
    ADDRESSBOOK,
    PRINCIPAL,
    HOME_SET,
    REPORT,
    SYNC_COLLECTION,
    ADDRESS_DATA
};

/* The element of this name that begins in parent, at this depth.
 * returns OTHER: not one, or not here */
enum element element_begins(const char *name, enum element parent, unsigned depth);
/* Its content is a value. */
bool element_has_text(enum element element);

#endif
