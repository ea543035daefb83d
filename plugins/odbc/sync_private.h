/* sync_private.h - a sync under way, as sync.c, parts.c and gone.c share it. */
#ifndef ODBC_SYNC_PRIVATE_H
#define ODBC_SYNC_PRIVATE_H

#include "contacts.h"
#include "source_private.h"

enum { SYNC_PAGE_ROWS = 512 }; /* of one fetch */

struct run {
    struct source *s;
    const struct ctr_host *host;
    struct ctr_sync *sync;
    struct patience patience;
    struct conn *conn;
    struct trouble trouble;
    struct plan plan;
    struct sink sink;
    struct contacts contacts;
    struct keyset seen;
    struct cursor old, next;
    int64_t now; /* when it began; ms since 1970 */
    bool delta;
    char last_id[CTR_ID_MAX + 8]; /* of the last row read */
};

/* All that return int32_t: 0 | a negative code, then r->trouble says why. */

/* --- sync.c */
/* Runs a statement and fits map, key and watermark to its columns. */
int32_t sync_begin_result(struct run *r, const struct sqltext *sql,
                          const struct param *params);
/* The names the next sync asks by, as the server writes them. */
void sync_note_names(struct run *r);
/* The key columns behind an alias, commas between. out: room for KEYS_MAX names */
void sync_key_list(const struct run *r, const char *alias, char *out, size_t cap);
int32_t sync_read_pages(struct run *r);
/* Hands on what is left. */
int32_t sync_end_result(struct run *r);

/* --- parts.c: everything, in parts, for a driver that keeps whole results in memory */
/* returns -CTR_ENOTSUP, with nothing read: not to be had in parts | others */
int32_t parts_read(struct run *r);

/* --- gone.c: deletions by comparing keys */
/* returns 0, deletions told | -CTR_ENOTSUP: so many are gone that everything is better
 * read and judged by the host | others */
int32_t gone_compare(struct run *r);

#endif
