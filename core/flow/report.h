/* report.h - number hygiene: what could not be read, what is doubtful, what is double. */
#ifndef FLOW_REPORT_H
#define FLOW_REPORT_H

struct flow;

/* They are not told: who asked is gone, too. */
void report_cancel_all(struct flow *flow);

#endif
