/* match.h - brute-force evaluation of a filter. */
#ifndef TESTHOST_MATCH_H
#define TESTHOST_MATCH_H

#include "private.h"

/* CTR_OP_TRUE, CTR_OP_FALSE or CTR_OP_UNDEFINED. */
int match(const struct ctr_filter *f, const struct ctr_contact *c);
/* ASCII case ignored: <0, 0, >0. */
int match_text(struct ctr_str a, struct ctr_str b);
/* The smallest value of the kinds, or NULL. */
const struct ctr_str *match_sort_value(const struct ctr_contact *c, uint64_t kinds);
/* Digits of a number as E.164 without the plus, read as German; out: in.len + 1 bytes. */
size_t match_number(struct ctr_str in, char *out);

#endif
