/* private.h - what the files of the test host share. */
#ifndef TESTHOST_PRIVATE_H
#define TESTHOST_PRIVATE_H

#include "testhost.h"

struct ctr_config {
    struct testhost *t;
};

/* Says what the plugin did wrong and aborts. */
_Noreturn void testhost_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define require(cond, ...) ((cond) ? (void)0 : testhost_die(__VA_ARGS__))

struct testhost *testhost_of(const struct ctr_host *host);
/* Zeroed memory that lives as long as t. */
void *testhost_alloc(struct testhost *t, size_t n);
char *testhost_copy(struct testhost *t, const char *s, uint64_t n);
char *testhost_copy_z(struct testhost *t, const char *z);
void testhost_pair_add(struct testhost *t, struct testhost_pairs *p, const char *a,
                       const char *b);
void testhost_post(struct testhost *t, ctr_task_fn fn, void *user);
/* Held by what any thread may call; the same thread may take it again. */
void testhost_lock(struct testhost *t);
void testhost_unlock(struct testhost *t);
/* How long the plugin's threads and descriptors may be silent, ms of real time. */
enum { SILENCE_MAX = 20000 };
/* Advances to the next timer. returns false when there is none */
bool testhost_step(struct testhost *t);
void testhost_contact_check(const struct ctr_contact *c);
struct ctr_contact *testhost_contact_copy(struct testhost *t,
                                          const struct ctr_contact *c);
bool testhost_contains(const struct testhost_pairs *p, const char *text);

/* The parts of a sync and of a search that a lane's thread has in common with a call. */
struct ctr_sync *testhost_sync_open(struct testhost *t, bool full);
/* As the daemon does it: the host knows first, then the plugin is told. */
void testhost_sync_cancel(struct testhost *t, struct ctr_sync *sync);
void testhost_search_cancel(struct testhost *t, struct ctr_search *search);
void testhost_sync_end(struct testhost *t, struct ctr_sync *sync, int32_t status);
struct ctr_search *testhost_search_open(struct testhost *t);
void testhost_search_failed(struct testhost *t, struct ctr_search *search, int32_t err);

/* Each file fills in its functions of the host table. */
void testhost_config_init(struct testhost *t);
void testhost_sync_init(struct testhost *t);
void testhost_test_init(struct testhost *t);
void testhost_query_init(struct testhost *t);
const void *testhost_net(void);
const void *testhost_polls(void);

/* Waits at most so long (ms, -1: for long) for the plugin's descriptors and tells what
 * happened to them; the clock goes on by the time it took. returns false at once where
 * there are none, and where nothing happened */
bool testhost_poll(struct testhost *t, int64_t timeout);
void testhost_polls_end(struct testhost *t);

void testhost_net_close_all(struct testhost *t);
void testhost_net_free(struct testhost *t);

#endif
