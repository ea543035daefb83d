/* schema.h - typed values out of a section of the tree, by option tables.
 *
 * The values of a section are a struct ctr_config: what a plugin reads through its host
 * table, and the core through the getters below. It stands on its own: the conf, the diag
 * and the option tables may go while it stays. */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include <stdio.h>

#include "conf/conf.h"
#include "contactor/config.h"

/* One table of options with its stride (ctr_plugin.option_size). A section may be
 * described by several: those of the host that every source has, and the plugin's. */
struct schema_table {
    const struct ctr_option *options;
    uint32_t n;
    uint32_t stride;
};

#define SCHEMA_TABLE(array)                                             \
    ((struct schema_table){(array), sizeof(array) / sizeof((array)[0]), \
                           sizeof((array)[0])})

enum {
    SCHEMA_OPTIONS_MAX = 512,      /* of all tables of a section */
    SCHEMA_SECRET_MAX = 64 * 1024, /* bytes */
    SCHEMA_OPEN = 1u << 0,         /* unknown keys are not reported (plugin unknown) */
    SCHEMA_STRICT = 1u << 1        /* a program that is not there is an error, else a
                                    * warning: it may come back */
};

/* Whether the tables make sense together: names, types, no name twice, defaults that fit
 * their own range. To be asked once, before a plugin's table is used for anything else.
 * returns 0 | -CTR_EINVAL and why, one sentence */
int schema_verify(const struct schema_table *tables, unsigned n_tables, char *why,
                  size_t cap);

/* Check `table` (NULL: the section is absent, everything is defaulted) and make its
 * values. section: "source.crm", for messages and option_error. Every mistake goes to
 * diag. returns 0 and *out | -CTR_ECONF after at least one error, *out NULL */
int schema_read(const struct conf_node *table, const char *section,
                const struct schema_table *tables, unsigned n_tables, unsigned flags,
                struct diag *diag, struct ctr_config **out);

/* Print the reference of the options: name, type, default, range, meaning. */
void schema_describe(FILE *out, const struct schema_table *tables, unsigned n_tables);
/* The same as a JSON array of objects {name, type, flags..., default, min, max, choices,
 * doc}, to be freed by free(). */
char *schema_describe_json(const struct schema_table *tables, unsigned n_tables);

/* --- values ------------------------------------------------------------------------ */

/* Wipes secrets. NULL-safe. */
void conf_values_destroy(struct ctr_config *config);
/* Whether a reload changed anything: the content of secrets counts, places do not. */
bool conf_values_equal(const struct ctr_config *a, const struct ctr_config *b);
/* "source.crm" */
const char *conf_values_section(const struct ctr_config *config);
/* Replaces each secret of the section in text, and at its end the beginning of one, by a
 * star; shorter ones would take words out of any sentence. NULL-safe. */
enum { CONF_MASKED_MIN = 4 };
void conf_values_mask(const struct ctr_config *config, char *text);
/* Where conf_option_error reports to; schema_read leaves its own diag here, to be taken
 * away (NULL: errors go to the log) before that one is finished. */
void conf_values_report_to(struct ctr_config *config, struct diag *diag);

/* For struct ctr_host, with the same meaning; any thread. An option that is not declared,
 * or is of another type, reads as absent, and the log says so. */
const char *conf_str(const struct ctr_config *config, const char *name);
int64_t conf_int(const struct ctr_config *config, const char *name);
uint32_t conf_set(const struct ctr_config *config, const char *name);
uint32_t conf_list_len(const struct ctr_config *config, const char *name);
const char *conf_list_at(const struct ctr_config *config, const char *name, uint32_t i);
int32_t conf_map_at(const struct ctr_config *config, const char *name, uint32_t i,
                    const char **key, const char **value);
/* An error at the place of the option's value, or of its section where it is not set. */
void conf_option_error(const struct ctr_config *config, const char *name,
                       const char *text);
/* The place itself; valid as long as config. */
struct conf_place conf_option_place(const struct ctr_config *config, const char *name);

#endif
