/* canceled_host.c - cancels the source of plugins/canceled.c in the test host, and prints
 * what it logged. */
#include <stdio.h>

#include "testhost.h"

static void print_logs(const struct testhost *t)
{
    for (uint32_t i = 0; i < t->logs.n; i++)
        puts(t->logs.at[i].b);
}

static struct testhost *start(const char *wait)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "wait", wait);
    return testhost_start(t) == 0 ? t : NULL;
}

static void cancel(struct testhost_lane *lane)
{
    testhost_lane_wait(lane, 20);
    testhost_lane_cancel(lane);
    testhost_lane_end(lane);
}

int main(void)
{
    const struct ctr_filter all = {.op = CTR_OP_TRUE};
    const struct ctr_query query = {.size = sizeof(query), .filter = &all};
    struct testhost *full = start("full"), *delta = start("delta");

    if (!full || !delta || testhost_sync(delta, NULL) != 0)
        return 1;
    cancel(testhost_lane_sync(full, NULL));
    cancel(testhost_lane_sync(delta, delta->cursor));
    cancel(testhost_lane_search(full, &query));
    print_logs(full);
    print_logs(delta);
    testhost_destroy(full);
    testhost_destroy(delta);
    return 0;
}
