/* kind.h - the kinds of a contact's fields by the names they have in a configuration and
 * in what the daemon shows. */
#ifndef BASE_KIND_H
#define BASE_KIND_H

#include <stdint.h>

/* "": a custom field, which has a name of its own, or a kind of a later version */
const char *kind_name(uint32_t kind);
/* CTR_FIELD_CUSTOM for x_NAME; 0: there is none of this name */
uint32_t kind_named(const char *name);

#endif
