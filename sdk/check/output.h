/* output.h - the report, for people and for programs. */
#ifndef CHECK_OUTPUT_H
#define CHECK_OUTPUT_H

#include "run.h"

struct output {
    bool json;
    uint32_t n;        /* results so far */
    uint32_t count[4]; /* by RESULT_* */
};

void output_begin(struct output *o, const struct subject *s, const char *about);
void output_result(struct output *o, const struct check *c, const struct result *r);
void output_end(struct output *o);
void output_list(void);

#endif
