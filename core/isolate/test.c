/* test.c - trying an isolated source: its steps come over the control socket. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "isolate/private.h"

enum { TEST_LIMIT_MS = 5 * 60 * 1000, TEXT_MAX = 2048 };

void isolate_test(void *ctx, struct ctr_test *test)
{
    struct isolate *iso = ctx;

    ensure(!iso->test);
    if (iso->state != ISOLATE_RUNNING) {
        iso->peer->test_end(test, -CTR_EUNAVAIL, iso->down);
        return;
    }
    iso->test = test;
    iso->test_id = ++iso->next_id;
    iso->test_began = clock_ms();
    link_send_u(iso, FRAME_TEST, iso->test_id);
}

void isolate_test_cancel(void *ctx, struct ctr_test *test)
{
    struct isolate *iso = ctx;

    if (iso->test == test)
        link_send_u(iso, FRAME_TEST_CANCEL, iso->test_id);
}

bool isolate_test_is_overdue(const struct isolate *iso)
{
    return iso->test && clock_ms() - iso->test_began > TEST_LIMIT_MS;
}

/* NULL: absent */
static const char *text_of(struct wire *w, char out[TEXT_MAX])
{
    struct ctr_str s = wire_str(w);

    snprintf(out, TEXT_MAX, STR_FMT, STR_ARG(s));
    return s.ptr ? out : NULL;
}

int isolate_test_step(struct isolate *iso, struct wire *w)
{
    char step[TEXT_MAX], detail[TEXT_MAX], remedy[TEXT_MAX];
    const char *step_z, *detail_z, *remedy_z;
    uint32_t id = wire_u32(w, UINT32_MAX);
    int32_t status;

    step_z = text_of(w, step);
    status = wire_i32(w);
    detail_z = text_of(w, detail);
    remedy_z = text_of(w, remedy);
    if (!wire_done(w) || !iso->test || id != iso->test_id || status > 0)
        return -CTR_EPROTO;
    iso->peer->test_step(iso->test, step_z, status, detail_z, remedy_z);
    return 0;
}

static void test_end(struct isolate *iso, int status, const char *reason)
{
    struct ctr_test *test = iso->test;

    iso->test = NULL;
    iso->peer->test_end(test, status, reason);
}

int isolate_test_end(struct isolate *iso, struct wire *w)
{
    uint32_t id = wire_u32(w, UINT32_MAX);
    int32_t status = wire_i32(w);
    char reason[TEXT_MAX];
    const char *reason_z = text_of(w, reason);

    if (!wire_done(w) || !iso->test || id != iso->test_id || status > 0)
        return -CTR_EPROTO;
    test_end(iso, status, reason_z);
    return 0;
}

void isolate_test_lost(struct isolate *iso, const char *reason)
{
    if (iso->test)
        test_end(iso, -CTR_EUNAVAIL, reason);
}
