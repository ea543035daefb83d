/* times.h - times of day at which a source is read, on the local clock. Pure. */
#ifndef FLOW_TIMES_H
#define FLOW_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/flow.h"

/* One planned moment. place: its day and minute on the local clock, so that one that
 * comes twice, when the clock is set back for the winter, counts once. */
struct times_moment {
    int64_t wall; /* ms since 1970 */
    int64_t place;
};

/* The first after `wall` whose place is later than `done` (0: any). returns false when
 * there are no times */
bool times_next(const struct flow_times *times, int64_t wall, int64_t done,
                struct times_moment *out);
/* The last not after `wall`. */
bool times_last(const struct flow_times *times, int64_t wall, struct times_moment *out);

#endif
