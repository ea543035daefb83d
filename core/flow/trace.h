/* trace.h - the ring of what was asked and what became of it.
 *
 * Every query leaves a record of fixed size; nothing is formatted until somebody looks.
 */
#ifndef FLOW_TRACE_H
#define FLOW_TRACE_H

#include "base/str.h"
#include "number/number.h"

struct cJSON;

enum {
    TRACE_RING = 2048,
    TRACE_ASKED = 160,
    TRACE_NAME = 32,
    TRACE_PEER = 48,
    TRACE_ID = 40,
    TRACE_SOURCES = 8,
    TRACE_READINGS = NUMBER_READINGS_MAX
};

/* What happened in one source. */
struct trace_source {
    char name[TRACE_NAME];
    uint32_t candidates, hits;
    uint32_t private_of_others, hidden, unmatched, weaker, damaged;
    uint8_t live; /* 0 not asked, else enum trace_live */
};

enum trace_live {
    TRACE_LIVE_NONE,
    TRACE_LIVE_ASKED,
    TRACE_LIVE_DONE,
    TRACE_LIVE_LATE,
    TRACE_LIVE_FAILED,
    TRACE_LIVE_BUSY,
    TRACE_LIVE_DOWN
};

struct trace_record {
    uint64_t serial;
    int64_t at; /* wall ms */
    uint8_t n_readings;
    uint8_t n_sources, more_sources;
    uint8_t first_index; /* of the plan's first walk */
    uint8_t scan, caller, company, ambiguous;
    uint32_t walks, unseen; /* sources that this user may not see */
    int32_t status;
    uint32_t hits, total;
    uint32_t us_plan, us_walk, us_deliver, us_live, us_total;
    char asked[TRACE_ASKED];
    char client[TRACE_NAME], principal[TRACE_NAME], peer[TRACE_PEER];
    char hit_source[TRACE_NAME], hit_id[TRACE_ID]; /* with hits only */
    struct number readings[TRACE_READINGS];        /* n_readings */
    struct trace_source sources[TRACE_SOURCES];    /* n_sources */
};

struct trace;

struct trace *trace_create(void);
void trace_destroy(struct trace *trace);
/* An empty record. What counts say is not there is not cleared. */
void trace_begin(struct trace_record *record);
/* The same for the sources it is to have; more than it has room for are left out. */
void trace_set_sources(struct trace_record *record, uint32_t n);
/* Copies `record` in as the newest. */
void trace_add(struct trace *trace, struct trace_record *record);
/* Cuts at cap - 1; control characters stay for the JSON to escape. */
void trace_copy(char *out, size_t cap, struct ctr_str text);

struct cJSON *trace_json(const struct trace *trace, unsigned limit, struct ctr_str match);
struct cJSON *trace_last(const struct trace *trace, const char *client);

#endif
