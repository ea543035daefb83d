/* run.h - one sync under way: what its parts share. */
#ifndef LDAP_SOURCE_RUN_H
#define LDAP_SOURCE_RUN_H

#include "conn.h"
#include "contacts.h"
#include "cursor.h"

/* What the parts of a delta return beside 0 and a negative code: nothing was put yet, and
 * everything must be read. */
enum { RUN_READ_ALL = 1 };

struct run {
    const struct options *options;
    const struct ctr_host *host;
    struct ctr_sync *sync;
    struct conn *conn;
    struct plan plan;
    struct contacts *contacts;
    const char *base[BASES_MAX];
    uint32_t n_bases;
    uint8_t at_base;
    struct index *index; /* where entries are noted; NULL: nowhere */
    bool whole;          /* it holds all that the cache holds */
    struct cursor old, next;
    uint64_t deleted, references;
    bool strange; /* entries are there of which no change was told: read all next time */
    uint64_t group[GROUPS_MAX]; /* hashes of the names of those that were told */
    uint32_t n_groups;
    struct fault fault;
};

/* Takes an entry that is to be a contact. returns 0 | negative */
int32_t run_entry(struct run *r, LDAPMessage *m, const uint8_t *uuid);
/* An entry under the present base is gone. returns 0 | RUN_READ_ALL | negative */
int32_t run_gone(struct run *r, const uint8_t key[16], bool guid);
/* An entry is still there. returns 0 | negative */
int32_t run_seen(struct run *r, const uint8_t key[16]);
/* Deletes what is in the index, under the present base or any, and was not marked; so
 * much of it that the daemon must judge: RUN_READ_ALL. */
int32_t run_sweep(struct run *r, bool any_base);
/* Takes what is gone out of the index, when the sync has gone well. */
void run_settle(struct run *r);
/* Everything must be read again: now when nothing was put, else at the next sync. */
int32_t run_again(struct run *r, const char *why);

/* One search under the present base, every entry to run_entry. */
int32_t run_search(struct run *r, const char *filter);
/* "(&FILTER(MORE))", of malloc, or NULL after a fault. */
char *run_filter(struct run *r, const char *more);

#endif
