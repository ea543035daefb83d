/* json.h - one line as a JSON object, looked over before a parser allocates for it. */
#ifndef EXEC_JSON_H
#define EXEC_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "contactor/types.h"

enum {
    JSON_DEPTH_MAX = 8,     /* of objects and arrays within each other */
    JSON_VALUES_MAX = 16384 /* of one line */
};

/* line must be followed by a NUL, which is not part of it.
 * returns the object, to be deleted | NULL and *why, a sentence without its text */
cJSON *json_parse(struct ctr_str line, const char **why);
bool json_utf8(struct ctr_str s);
/* The exact decimal digits of a whole number; false: it is none, or too large. */
bool json_whole(const cJSON *item, char *out, size_t cap);
/* Bytes as one line of text: what is not printable as \xNN, cut at cap. returns out */
char *json_show(struct ctr_str s, char *out, size_t cap);

#endif
