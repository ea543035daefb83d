/* eval.h - a filter made ready once, and its truth on one record after another.
 *
 * eval_compile checks a filter against its limits, folds its texts and reads its
 * numbers. eval_load takes one record apart as a view shows it; eval_truth then says
 * whether the filter holds. The indexes only ever propose candidates: what is a hit is
 * decided here. */
#ifndef FLOW_EVAL_H
#define FLOW_EVAL_H

#include "base/arena.h"
#include "cache/record.h"
#include "contactor/query.h"
#include "flow/access.h"
#include "number/number.h"
#include "text/text.h"

/* AND is the least, OR the greatest, NOT the mirror. */
enum eval_truth { EVAL_FALSE, EVAL_UNDEFINED, EVAL_TRUE };

/* Bytes of text compared on one record before its evaluation is given up. */
enum { EVAL_WORK_MAX = 32 * 1024 * 1024, EVAL_TEXTS_MAX = 8 };

/* How a leaf asks about numbers. */
enum eval_shape {
    EVAL_NEVER,  /* cannot be part of a number */
    EVAL_EXACT,  /* equals a reading; without any, the text as it stands */
    EVAL_PREFIX, /* begins with a reading, then pieces in order */
    EVAL_TAIL,   /* E.164 ends with the piece; or equals a reading of it */
    EVAL_INSIDE, /* pieces in order anywhere, in any notation */
    EVAL_ANY     /* pieces without digits: any number */
};

struct eval_piece {
    char digits[NUMBER_DIGITS_MAX + 1];
    uint8_t len;
};

struct eval_number {
    uint8_t shape; /* enum eval_shape */
    bool short_tail;
    bool has_final;
    uint8_t n_readings;
    uint32_t n_pieces;
    uint32_t text_no; /* which of the query's distinct numbers; EVAL_TEXTS_MAX: more */
    uint64_t kinds;   /* of all leaves that ask it */
    struct ctr_str text;
    struct number readings[NUMBER_READINGS_MAX];
    struct eval_piece *pieces; /* after the initial; the last is the final if there is */
};

struct eval_words {
    uint32_t n;
    struct ctr_str *word;
    struct ctr_str *sound; /* APPROX */
};

struct eval_leaf {
    uint32_t op; /* CTR_OP_* */
    uint32_t n_values;
    uint64_t kinds;
    struct ctr_str name;
    const struct ctr_str *values;
    struct text_folds *folds;   /* text kinds: of each value */
    struct eval_words *words;   /* WORDS, APPROX over text kinds */
    struct eval_number *number; /* phone kinds, but for PRESENT */
};

struct eval_node {
    uint32_t op;
    uint32_t n_children;
    struct eval_node *children;
    struct eval_leaf *leaf;
};

/* A compiled filter; its memory is the arena's, texts of the query stay borrowed. */
struct eval_filter {
    struct eval_node root;
    unsigned n_leaves;
    uint64_t kinds;    /* that it asks for */
    bool numbers_only; /* AND and OR of number equality: who is calling */
    struct eval_number *texts[EVAL_TEXTS_MAX];
    unsigned n_texts;
};

/* returns 0 | -CTR_EINVAL (malformed, over a limit) | -CTR_ENOMEM (arena cap) */
int eval_compile(struct eval_filter *filter, const struct ctr_filter *asked,
                 const struct dialplan *plan, struct arena *arena);

struct eval_field {
    struct record_field f;
    struct text_folds folds;
    bool folded;
};

/* One record under the eye of one view. Large: one a flow. */
struct eval {
    struct arena scratch;
    const struct view_source *view;
    const struct dialplan *plan; /* the client's: for national notation */
    struct record record;
    struct ctr_str id, owner;
    uint64_t kinds;  /* that occur and may be seen */
    uint64_t loaded; /* ... that were taken apart */
    uint64_t work;
    bool exhausted; /* work passed EVAL_WORK_MAX: the truth is not known */
    uint32_t n;
    struct eval_field fields[CTR_FIELDS_MAX + 4];
};

void eval_init(struct eval *ev);
void eval_finish(struct eval *ev);
/* kinds: only these are taken apart; the others are not looked at. */
void eval_load(struct eval *ev, const struct view_source *view,
               const struct dialplan *plan, const struct record *record, uint64_t kinds);
enum eval_truth eval_truth(struct eval *ev, const struct eval_node *node);

/* The number text of the filter that this field answers, best reading first; NULL: none.
 * reading: which. */
const struct eval_number *eval_answers(const struct eval_filter *filter,
                                       const struct record_field *field,
                                       unsigned *reading);

/* eval_number.c */
int eval_number_compile(struct eval_filter *filter, struct eval_leaf *leaf,
                        const struct dialplan *plan, struct arena *arena);
bool eval_number_match(const struct eval *ev, const struct eval_leaf *leaf,
                       const struct record_field *field);
/* eval_text.c */
int eval_text_compile(struct eval_leaf *leaf, struct arena *arena);
bool eval_text_match(struct eval *ev, const struct eval_leaf *leaf,
                     struct eval_field *field);
/* WORDS and APPROX look at all fields together. */
bool eval_words_match(struct eval *ev, const struct eval_leaf *leaf, uint64_t kinds);
/* Folds once. returns false when it cannot be had (too much). */
bool eval_fold(struct eval *ev, struct eval_field *field);
bool eval_leaf_asks(const struct eval_leaf *leaf, const struct record_field *field);

#endif
