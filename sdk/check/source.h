/* source.h - what the checks of sources share. */
#ifndef CHECK_SOURCE_H
#define CHECK_SOURCE_H

#include "check.h"
#include "probe.h"

/* The ids of a sync, sorted. */
struct ids {
    struct ctr_str *at;
    uint64_t n;
    char *bytes;
};

void ids_take(struct ids *ids, const struct testhost *t);
void ids_finish(struct ids *ids);
/* returns one that only one of them has, or NULL where they are the same */
const struct ctr_str *ids_differ(const struct ids *a, const struct ids *b);

/* Started, with the probe between; does not return where it cannot be. */
struct testhost *source_start(struct subject *s);
/* Waits and advances, so that what the plugin does too late is seen. */
void source_settle(struct testhost *t);
/* The first sync, with nothing refused. Skips the check where it fails: that is told by
 * the check "sync". returns how many calls it made */
uint32_t source_first_sync(const struct subject *s, struct testhost *t);
const char *code_name(int32_t code); /* "-CTR_EFULL" */
/* What a live search asks in the checks. returns false past the last */
bool source_question(uint32_t i, struct ctr_query *query);

#endif
