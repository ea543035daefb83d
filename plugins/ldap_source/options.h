/* options.h - what the administrator wrote, typed and checked. */
#ifndef LDAP_SOURCE_OPTIONS_H
#define LDAP_SOURCE_OPTIONS_H

#include "contactor/plugin.h"
#include "presets.h"
#include "where.h"

enum scope { SCOPE_SUB, SCOPE_ONE, SCOPE_BASE };
enum delta { DELTA_AUTO, DELTA_SYNCREPL, DELTA_USN, DELTA_MODIFY_TIMESTAMP, DELTA_OFF };

enum {
    URLS_MAX = 16,
    BASES_MAX = 32,
    GROUPS_MAX = 256,
    ATTRIBUTE_MAX = 128 /* bytes of an attribute's name */
};

/* An entry of `map`. */
struct mapping {
    uint32_t kind;
    char *attribute;
    char *custom; /* CTR_FIELD_CUSTOM: its name; else NULL */
};

/* An entry of `groups`: a DN or a filter; name NULL: each group's own cn. */
struct group {
    char *name;
    char *dn;
    char *filter;
};

struct options {
    struct where url[URLS_MAX];
    uint32_t n_urls;
    bool start_tls, tls_verify, sasl_external;
    const char *ca_file, *cert_file, *key_file;
    const char *bind_dn, *password;
    char *base[BASES_MAX];
    uint32_t n_bases; /* 0: the server's own */
    enum scope scope;
    char *filter; /* all of `filter` in one; NULL: the preset's */
    enum preset preset;
    struct mapping *map;
    uint32_t n_map;
    int32_t page_size;
    int64_t connect_timeout, timeout, max_entries;
    enum delta delta;
    int64_t overlap, full_every; /* seconds */
    bool listen, allow_empty, live_wildcards;
    struct group group[GROUPS_MAX];
    uint32_t n_groups;
    const char *group_principal; /* NULL: the preset's */
    uint64_t shape;              /* of what decides who is in the answer and how */
};

/* All mistakes at once, through host->option_error. returns 0 | -CTR_ECONF */
int32_t options_check(const struct ctr_host *host, const struct ctr_config *config);
/* Strings of the configuration are borrowed, others the options' own.
 * returns 0 | -CTR_ENOMEM after host->fail */
int32_t options_read(const struct ctr_host *host, const struct ctr_config *config,
                     struct options *out);
void options_finish(struct options *o);

#endif
