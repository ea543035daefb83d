/* kind.c - see kind.h. */
#include "base/kind.h"

#include <string.h>

#include "contactor/contact.h"

static const char *const names[CTR_FIELD_CUSTOM + 1] = {
#define CTR_X(number, name, text) [number] = text,
    CTR_FIELD_MAP(CTR_X)
#undef CTR_X
};

const char *kind_name(uint32_t kind)
{
    return kind <= CTR_FIELD_CUSTOM && names[kind] ? names[kind] : "";
}

uint32_t kind_named(const char *name)
{
    for (uint32_t kind = 0; kind <= CTR_FIELD_CUSTOM; kind++)
        if (names[kind] && strcmp(names[kind], name) == 0)
            return kind;
    return strncmp(name, "x_", 2) == 0 ? CTR_FIELD_CUSTOM : 0;
}
