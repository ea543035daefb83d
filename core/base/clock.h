/* clock.h - the two clocks. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_ms(void);      /* monotonic */
int64_t clock_us(void);      /* monotonic */
int64_t clock_wall_ms(void); /* UTC since 1970 */
/* The same as of the last tick, some milliseconds ago, for an eighth of the cost. */
int64_t clock_wall_about_ms(void);
/* "2026-11-21T20:58:22Z" into out (>= 21 bytes); "never" for 0. */
const char *clock_format(int64_t wall_ms, char *out, size_t cap);

#endif
