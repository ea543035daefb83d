/* presets.h - which attribute gives which field in the usual schemas. */
#ifndef LDAP_SOURCE_PRESETS_H
#define LDAP_SOURCE_PRESETS_H

#include <stdint.h>

enum preset { PRESET_AUTO, PRESET_NONE, PRESET_AD, PRESET_INETORGPERSON };

struct preset_attribute {
    uint32_t kind;
    const char *attribute;
};

struct preset_schema {
    const char *filter;
    const char *principal;                     /* what a user is called: groups, owner */
    const struct preset_attribute *attributes; /* ends with a NULL attribute */
};

/* Not for PRESET_AUTO. */
const struct preset_schema *preset_schema(enum preset preset);

#endif
