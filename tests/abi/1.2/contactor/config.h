/* config.h - options a plugin declares, and reading their checked values.
 *
 * A plugin declares its options as a table. The host parses the administrator's file,
 * checks every value against the table, reports all mistakes at once with file, line and
 * column, redacts secrets, and prints reference documentation (`contactord --describe
 * FILE.so`) from the same table. When plugin code runs, each value is present or
 * defaulted and in range.
 *
 * since 1.0 */
#ifndef CONTACTOR_CONFIG_H
#define CONTACTOR_CONFIG_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Types of an option, and how its value is read (functions of struct ctr_host). */
enum {
    CTR_OPT_STRING = 1,   /* option_str */
    CTR_OPT_BOOL = 2,     /* option_int: 0 or 1 */
    CTR_OPT_INT = 3,      /* option_int */
    CTR_OPT_DURATION = 4, /* "250ms", "30s", "5m", "1h"; option_int: milliseconds */
    CTR_OPT_SIZE = 5,     /* "64K", "1M"; option_int: bytes */
    CTR_OPT_CHOICE = 6,   /* one of `choices`; option_int: its index */
    CTR_OPT_PATH = 7, /* option_str: absolute (a relative path is taken from the folder
                       * of the configuration file that holds it) */
    CTR_OPT_LIST = 8, /* a string or list of strings; option_list_len, option_list_at */
    CTR_OPT_MAP = 9   /* a table of field kinds, each to one or several strings;
                       * option_map_at. Keys: the names in CTR_FIELD_MAP and x_NAME */
};

/* Flags of an option. */
enum {
    CTR_OPT_REQUIRED = 1u << 0, /* the administrator must set it */
    CTR_OPT_SECRET = 1u << 1,   /* the administrator writes NAME_file = "path" (or
                                 * NAME_credential = "systemd credential");
                                 * option_str(NAME) gives the content, last line end
                                 * removed. Never in the file itself, never shown, never
                                 * logged. */
    CTR_OPT_PROGRAM = 1u << 2   /* PATH or LIST (its first string): a program the plugin
                                 * starts; the daemon's confinement leaves it executable.
                                 * Since 1.1 */
};

/* One option. An array of these travels with its stride, so the struct may grow.
 * owner   the plugin: static, as is all it points to
 * since   1.0 */
struct ctr_option {
    const char *name;           /* lower_case, unique within the plugin */
    uint32_t type;              /* CTR_OPT_* type */
    uint32_t flags;             /* CTR_OPT_* flags */
    int64_t min;                /* INT, DURATION (ms), SIZE (bytes): the least value */
    int64_t max;                /* and the greatest; both 0: no range */
    const char *default_value;  /* as the administrator would write it; NULL: none */
    const char *const *choices; /* CHOICE: NULL-terminated; else NULL */
    const char *doc;            /* one sentence: what it does and what the unit is */
};

/* The checked values of one instance: opaque, read through struct ctr_host.
 * owner   the host: valid in check for the call, from create until destroy has returned
 * since   1.0 */
struct ctr_config;

#ifdef __cplusplus
}
#endif

#endif
