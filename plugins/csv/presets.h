/* presets.h - the column names of well-known exports. */
#ifndef CSV_PRESETS_H
#define CSV_PRESETS_H

#include <stdint.h>

struct preset_column {
    const char *name; /* as plan.c cleans names: lower case, single blanks */
    uint32_t kind;
};

/* Ends with a NULL name. */
extern const struct preset_column preset_outlook[];
extern const struct preset_column preset_google[];

/* A column of Google's "Phone 2 - Value" form: word, number and part. `type` columns have
 * the parts "type" (until 2023) or "label". */
struct preset_numbered {
    const char *word, *part;
    uint32_t kind;
};
extern const struct preset_numbered preset_google_numbered[];

#endif
