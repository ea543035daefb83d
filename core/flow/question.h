/* question.h - a filter as a live source is asked it: a copy that outlives the query,
 * with the spellings of numbers that the source may have stored. */
#ifndef FLOW_QUESTION_H
#define FLOW_QUESTION_H

#include "base/arena.h"
#include "contactor/query.h"
#include "number/number.h"

/* client: how the numbers were asked. source: how it writes them; NULL: they are passed
 * on as asked. returns NULL when the arena's cap is passed */
struct ctr_filter *question_copy(struct arena *arena, const struct ctr_filter *asked,
                                 const struct dialplan *client,
                                 const struct dialplan *source);

#endif
