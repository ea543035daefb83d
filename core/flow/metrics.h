/* metrics.h - counting how queries end and how long they take. */
#ifndef FLOW_METRICS_H
#define FLOW_METRICS_H

#include "flow/state.h"
#include "flow/trace.h"

void metrics_query(struct flow_client *client, const struct trace_record *trace);

#endif
