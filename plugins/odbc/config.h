/* config.h - the options of an instance, checked and taken apart once. */
#ifndef ODBC_CONFIG_H
#define ODBC_CONFIG_H

#include "contactor/plugin.h"
#include "sqltext.h"

enum { KEYS_MAX = 8, MAP_MAX = 128 };

/* The placeholders of a lookup. */
enum { ASK_NUMBER, ASK_DIGITS, ASK_NATIONAL, ASK_ASKED, ASK_TAIL, ASK_NUMBERS };
enum { ASK_TEXT, ASK_WORD, ASK_PREFIX, ASK_CONTAINS, ASK_TEXTS };

/* In the order of the option's choices. */
enum deletions { DELETIONS_FULL, DELETIONS_COMPARE };

/* One entry of the map: a field and one of its columns. */
struct map_entry {
    uint32_t kind;
    const char *key;    /* as written */
    const char *column; /* likewise */
    char *name;         /* of a custom field, lower case; owned */
};

/* Strings without a note are the host's, for the life of the instance. */
struct config {
    char *connection; /* with DSN=; owned */
    const char *file, *user, *password;
    struct sqltext query, changes, keys_query, lookup, lookup_text; /* sql NULL: none */
    struct map_entry map[MAP_MAX];
    uint32_t n_map;
    const char *keys[KEYS_MAX]; /* none: map.id, or a column called id */
    uint32_t n_keys;
    const char *watermark, *deleted_column; /* or NULL */
    enum deletions deletions;
    int64_t overlap, overlap_count, full_every;
    int64_t connect_timeout, query_timeout, lookup_timeout, max_rows;
    uint32_t tail_digits;
    uint64_t hash; /* of all that shapes what the cache holds */
};

int32_t config_check(const struct ctr_host *host, const struct ctr_config *config);
/* After a check. returns 0 | -CTR_ENOMEM | -CTR_ECONF */
int32_t config_read(struct config *c, const struct ctr_host *host,
                    const struct ctr_config *config);
void config_finish(struct config *c);

/* Kind of a field name of the map; 0: none. */
uint32_t config_kind(const char *key);

#endif
