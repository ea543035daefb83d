/* query.h - a neutral question about contacts, and how it ended.
 *
 * A front end translates its protocol's filter into this tree; the core plans it over the
 * indexes, checks every candidate against the whole tree, merges, ranks and hands back
 * hits. Logic is three-valued (RFC 4511 section 4.5.1.7): a term that cannot be evaluated
 * is Undefined, NOT of Undefined is Undefined, and only True is a hit.
 *
 * since 1.0 */
#ifndef CONTACTOR_QUERY_H
#define CONTACTOR_QUERY_H

#include "contact.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a node of a filter is. */
enum {
    CTR_OP_FALSE = 0,     /* matches nothing */
    CTR_OP_TRUE = 1,      /* matches everything */
    CTR_OP_UNDEFINED = 2, /* a term that cannot be evaluated */
    CTR_OP_AND = 3,       /* of `children`; none: True  (RFC 4526) */
    CTR_OP_OR = 4,        /* of `children`; none: False (RFC 4526) */
    CTR_OP_NOT = 5,       /* of the one child */
    CTR_OP_EQUAL = 6,     /* value[0] equals */
    CTR_OP_SUBSTR = 7, /* value[0] initial (or absent), value[1..n-2] in order, value[n-1]
                        * final (or absent); n_values >= 2 */
    CTR_OP_PRESENT = 8, /* any value */
    CTR_OP_GE = 9,      /* value[0] <= some value, folded byte order */
    CTR_OP_LE = 10,     /* value[0] >= some value */
    CTR_OP_APPROX = 11, /* sounds like value[0]: words in any order, prefix, phonetic */
    CTR_OP_WORDS = 12   /* every word of value[0] begins some word of the kinds together:
                         * type-ahead and ambiguous name resolution */
};

/* Limits of a filter the host enforces for every front end. */
enum {
    CTR_FILTER_DEPTH_MAX = 64,    /* nodes from the root to a leaf */
    CTR_FILTER_LEAVES_MAX = 1000, /* leaves of the tree */
    CTR_FILTER_PIECES_MAX = 64    /* values of a leaf */
};

/* A node of the filter. A leaf asks about any field whose kind is in `kinds`. Over phone
 * kinds an assertion is a number in any notation, read with the client's dial plan; over
 * ID it is compared byte for byte; over all other kinds it is text, compared folded.
 * Never grows.
 * owner   the caller, unchanged until the query's done
 * since   1.0 */
struct ctr_filter {
    uint32_t op;         /* CTR_OP_* */
    uint32_t n_values;   /* leaves: how many, at most CTR_FILTER_PIECES_MAX */
    uint64_t kinds;      /* leaves: CTR_KIND() set */
    struct ctr_str name; /* leaves with CTR_KIND(CTR_FIELD_CUSTOM): which custom field,
                          * lower case; absent: any */
    const struct ctr_str *values; /* leaves: what is asked for, as CTR_OP_* says */
    const struct ctr_filter *const *children; /* AND, OR, NOT */
    uint32_t n_children;                      /* how many */
    uint32_t reserved;                        /* 0 */
};

/* One sort key: the smallest folded value of the kinds; contacts without one come last.
 * Never grows.
 * owner   as the query
 * since   1.0 */
struct ctr_sort_key {
    uint64_t kinds;    /* CTR_KIND() set */
    uint32_t reverse;  /* 0 or 1: the greatest first; contacts without one stay last */
    uint32_t reserved; /* 0 */
};

/* Flags of a query. */
enum {
    CTR_QUERY_CALLER = 1u << 0, /* who is calling: the host may apply the ambiguity rule
                                 * and answer an unknown extension with its company */
    CTR_QUERY_COUNT = 1u << 1   /* fill ctr_outcome.total (sorted windows do so anyway) */
};

/* A question.
 * owner   the caller; with all it points to unchanged until done
 * since   1.0 */
struct ctr_query {
    uint32_t size;                   /* sizeof(struct ctr_query) */
    uint32_t flags;                  /* CTR_QUERY_* */
    const struct ctr_filter *filter; /* the root; every contact is tried against it */
    const struct ctr_principal *principal; /* NULL: anonymous */
    uint64_t want;  /* CTR_KIND() set the front end will read; others may be absent */
    uint32_t limit; /* hits; 0: the front end's configured limit, which also caps it */
    uint32_t time_limit; /* ms; 0: the front end's configured limit, which also caps it */
    struct ctr_str source; /* only this source; absent: all the principal may see */
    struct ctr_str id;     /* only this contact (with source) */
    struct ctr_str client; /* address of the asking peer, for the trace */
    struct ctr_str asked; /* the protocol's own spelling of the question, for the trace */

    /* --- sorted answers --- */

    const struct ctr_sort_key *sort; /* n_sort keys, the first the most important */
    uint32_t n_sort;                 /* 0: by how well they match */
    uint32_t window;                 /* 1: deliver only this part of the sorted list */
    uint32_t window_before;          /* hits before the target */
    uint32_t window_after;           /* hits after the target */
    uint32_t window_offset;      /* target, 1-based, used when window_value is absent */
    uint32_t window_count;       /* the client's idea of the list length; 0: none */
    struct ctr_str window_value; /* target: first entry whose first sort key >= this */

    /* --- paging --- */

    struct ctr_str resume; /* cursor of an earlier outcome of the same query, or absent */
    uint32_t page; /* 1: stop after `limit` hits with a cursor instead of -CTR_ESIZE */
    uint32_t reserved; /* 0 */
};

/* The longest ctr_outcome.cursor, bytes. */
enum { CTR_CURSOR_MAX = 1024 };

/* How a query ended. Passed to on_done.
 * status  0 all delivered | -CTR_ESIZE | -CTR_ETIMEDOUT | -CTR_EWORK | -CTR_ECANCELED |
 *         -CTR_ENOENT (source or id named does not exist, or may not be seen) |
 *         -CTR_EINVAL (resume is not a cursor of this query) | -CTR_EUNAVAIL
 * owner   the host; borrowed for that call
 * since   1.0 */
struct ctr_outcome {
    uint32_t size;         /* of the host's struct ctr_outcome */
    int32_t status;        /* see above */
    uint32_t hits;         /* delivered */
    uint32_t total;        /* sorted or counted: length of the whole list */
    uint32_t position;     /* window: 1-based place of the target */
    uint32_t reserved;     /* 0 */
    struct ctr_str cursor; /* page: continue here; absent: nothing is left */
    int64_t oldest;        /* ms since 1970: as_of of the stalest source asked; 0: none */
};

/* What a front end gives with a query.
 * thread  the loop; possibly before query_start returns (a cached answer needs no wait),
 *         never after on_done
 * owner   the plugin: static, or unchanged until on_done
 * since   1.0 */
struct ctr_query_ops {
    uint32_t size;     /* sizeof(struct ctr_query_ops) */
    uint32_t reserved; /* 0 */

    /* A batch of hits.
     * user    as given to query_start
     * hits    n pointers, the host's; valid for this call
     * n       1..256
     * returns 0 | -CTR_EPAUSE (taken; no more until query_resume) | -CTR_ECANCELED (end
     *         the query, as query_cancel does) */
    int32_t (*on_hits)(void *user, const struct ctr_contact *const *hits, uint32_t n);

    /* The end: exactly once per started query, also after a cancel.
     * user    as given to query_start
     * outcome how it ended */
    void (*on_done)(void *user, const struct ctr_outcome *outcome);
};

/* Something under way: a query, an authentication.
 * owner   the host; dead after on_done, or when the callback of authenticate has run
 * since   1.0 */
struct ctr_request;

/* Who asks: a user of the configuration. NULL where a principal may be: anonymous.
 * owner   the host; reference-counted by principal_ref and principal_unref
 * since   1.0 */
struct ctr_principal;

#ifdef __cplusplus
}
#endif

#endif
