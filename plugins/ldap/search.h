/* search.h - one search: what was asked (search.c), and how far it is (search_run.c). */
#ifndef LDAP_SEARCH_H
#define LDAP_SEARCH_H

#include "controls.h"
#include "entry.h"
#include "filter.h"
#include "target.h"

enum { SCOPE_BASE = 0, SCOPE_ONE = 1, SCOPE_SUB = 2, SCOPE_CHILDREN = 3 };

/* Our own entries come first, or last where contacts are sorted. */
enum { PHASE_LOCALS, PHASE_CONTACTS };

struct search {
    /* as asked */
    struct ctr_str base;
    int64_t scope;
    uint32_t size_limit, time_limit; /* entries, seconds; 0: none */
    struct ber filter_bytes;
    struct selection selection;
    struct controls controls;
    uint64_t question; /* hash of it all, for a cookie */

    /* the plan */
    struct target target;
    struct filter filter;
    struct ctr_query query;
    struct local_entry *locals;
    uint32_t n_locals;
    bool contacts;           /* there are contacts to look through */
    bool only_exists;        /* ask whether the base is there, show nothing */
    struct ctr_str *sources; /* one query each, where the filter depends on it */
    uint32_t n_sources;
    bool sorted, window;

    /* the state */
    int phase;
    uint32_t local_at, source_at;
    uint64_t local_work;
    struct ctr_str cursor; /* where the host goes on */
    uint32_t sent_before;  /* on earlier pages */
    uint32_t sent;
    bool limited; /* by `left` */
    uint32_t left;
    bool paged;             /* what cuts is the page, not the limit */
    bool probe, over_limit; /* is there one more? */
    uint32_t position, total;
    int vlv_result;
};

/* The plan stands: answer. The op ends, now or later. */
void search_run(struct op *op);
/* Answers and frees. */
void search_end(struct op *op, int code, const char *text);

#endif
