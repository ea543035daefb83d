/* sync.c - checks of a source's sync. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "source.h"

static const char end_it[] =
    "Return the code that sync_put gave, at once and without a further call that puts.";

static void unique(const struct ids *ids)
{
    for (uint64_t i = 1; i < ids->n; i++)
        if (ids->at[i].len == ids->at[i - 1].len &&
            memcmp(ids->at[i].ptr, ids->at[i - 1].ptr, (size_t)ids->at[i].len) == 0)
            check_fail("Make the id from what is unique in the source; reject a second "
                       "row that has it with sync_reject.",
                       "a sync put the id \"%.*s\" twice", (int)ids->at[i].len,
                       ids->at[i].ptr);
}

static void sync_run(struct subject *s)
{
    struct ids first, second;
    const struct ctr_str *other;
    struct testhost *t;
    int32_t rc;

    probe_plugin(s);
    t = source_start(s);
    check_step("a full sync");
    rc = testhost_sync(t, NULL);
    if (rc != 0 && s->options->n == 0)
        check_skip("without a configuration no sync succeeds: give --config FILE");
    if (rc != 0)
        check_fail("Correct the configuration, or what it names; then check again.",
                   "with the configuration given a full sync ends with %s: %s",
                   code_name(rc), t->failure);
    ids_take(&first, t);
    unique(&first);
    source_settle(t);
    check_step("a second full sync");
    rc = testhost_sync(t, NULL);
    if (rc != 0)
        check_fail("Begin each sync anew: what the last one left must not count.",
                   "the first full sync succeeds, the second ends with %s: %s",
                   code_name(rc), t->failure);
    ids_take(&second, t);
    other = ids_differ(&first, &second);
    if (other)
        check_fail("Make the id from what stays the same in the source, never from a "
                   "position, a time or chance.",
                   "two full syncs put different ids, one of them \"%.*s\"",
                   (int)other->len, other->ptr);
    check_note("%llu contacts, twice the same ids; %u rows rejected",
               (unsigned long long)first.n, t->rejects.n);
    ids_finish(&first);
    ids_finish(&second);
    source_settle(t);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_sync = {
    .name = "sync",
    .rule = "A full sync puts every contact once, well formed, under an id that is the "
            "same in the next one, and leaves the handle alone when it has ended.",
    .where = "source.h, contact.h",
    .needs = NEEDS_SOURCE | NEEDS_START,
    .seconds = 300,
    .run = sync_run,
};

/* --- refused at every call ------------------------------------------------------------
 */

/* One sync where the n-th call is refused. returns false when it was not reached */
static bool refused_at(struct testhost *t, uint32_t n, int32_t code)
{
    int64_t began = usage_ms();
    int32_t rc;

    atomic_store(&probe.calls, 0);
    atomic_store(&probe.puts_after, 0);
    atomic_store(&probe.refused, false);
    probe.refuse_from = n;
    probe.refuse_code = code;
    check_step("%s at call %u of a sync", code_name(code), n);
    rc = testhost_sync(t, NULL);
    probe.refuse_from = 0;
    if (!atomic_load(&probe.refused))
        return false;
    if (rc == 0)
        check_fail(end_it, "%s said %s, and the sync ended with 0 as if all was well",
                   probe.refused_call, code_name(code));
    if (rc != code)
        check_fail(end_it, "%s said %s, and the sync ended with %s", probe.refused_call,
                   code_name(code), code_name(rc));
    if (atomic_load(&probe.puts_after))
        check_fail(end_it, "after %s had said %s it put %u times more",
                   probe.refused_call, code_name(code), atomic_load(&probe.puts_after));
    if (usage_ms() - began > 5000 && code == -CTR_ECANCELED)
        check_fail(
            "Look at the answer of sync_put, and at sync_canceled during long work.",
            "a sync took %lld ms to end after it was canceled",
            (long long)(usage_ms() - began));
    return true;
}

/* At most so many places, evenly spread over all. */
static uint32_t refuse_everywhere(struct testhost *t, uint32_t calls, uint32_t places,
                                  int32_t code)
{
    int64_t until = usage_ms() + 250 * (int64_t)places;
    uint32_t step = calls / places + 1, done = 0;

    for (uint32_t n = 1; n <= calls && usage_ms() < until; n += step)
        done += refused_at(t, n, code);
    source_settle(t);
    return done;
}

static void after_all(struct testhost *t)
{
    check_step("a full sync after those that were refused");
    if (testhost_sync(t, NULL) != 0)
        check_fail("Free and forget what a sync left when it ends, however it ends.",
                   "after syncs that were refused a full sync fails: %s", t->failure);
    testhost_destroy(t);
    probe_reset();
}

static void sync_cancel_run(struct subject *s)
{
    struct testhost *t;
    uint32_t calls;

    probe_plugin(s);
    t = source_start(s);
    calls = source_first_sync(s, t);
    check_note("canceled at %u of %u calls",
               refuse_everywhere(t, calls, 64, -CTR_ECANCELED), calls);
    after_all(t);
}

const struct check check_sync_cancel = {
    .name = "sync-cancel",
    .rule = "When the host says -CTR_ECANCELED the sync ends with that code, soon, and "
            "puts nothing more.",
    .where = "host.h (sync_put, sync_canceled)",
    .needs = NEEDS_SOURCE | NEEDS_START,
    .seconds = 90,
    .run = sync_cancel_run,
};

static void sync_error_run(struct subject *s)
{
    static const int32_t codes[] = {-CTR_EFULL, -CTR_ENOMEM, -CTR_EIO, -CTR_EINVAL,
                                    -CTR_EINTERNAL};
    struct testhost *t;
    uint32_t calls, done = 0;

    probe_plugin(s);
    t = source_start(s);
    calls = source_first_sync(s, t);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        done += refuse_everywhere(t, calls, 4, codes[i]);
    check_note("%u calls refused with five codes", done);
    after_all(t);
}

const struct check check_sync_error = {
    .name = "sync-error",
    .rule = "When sync_put answers -CTR_EFULL or another error, the sync ends with this "
            "code.",
    .where = "host.h (sync_put)",
    .needs = NEEDS_SOURCE | NEEDS_START,
    .seconds = 300,
    .run = sync_error_run,
};

/* --- back-pressure --------------------------------------------------------------------
 */

static void sync_pause_run(struct subject *s)
{
    struct ids plain, paused;
    struct testhost *t;

    probe_plugin(s);
    t = source_start(s);
    source_first_sync(s, t);
    ids_take(&plain, t);
    t->pause_every = 1;
    check_step("a sync where every sync_put says -CTR_EPAUSE");
    if (testhost_sync(t, NULL) != 0)
        check_fail("-CTR_EPAUSE means taken: go on from a timer.",
                   "when sync_put says -CTR_EPAUSE the sync ends with %s: %s",
                   code_name(t->sync_status), t->failure);
    ids_take(&paused, t);
    if (ids_differ(&plain, &paused))
        check_fail("-CTR_EPAUSE means taken: do not put the same contacts again, and "
                   "leave none out.",
                   "with -CTR_EPAUSE a sync puts %llu contacts, without %llu",
                   (unsigned long long)paused.n, (unsigned long long)plain.n);
    check_note("%llu contacts with and without a pause after each sync_put",
               (unsigned long long)paused.n);
    ids_finish(&plain);
    ids_finish(&paused);
    source_settle(t);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_sync_pause = {
    .name = "sync-pause",
    .rule = "After -CTR_EPAUSE a source ON_LOOP puts no more until a timer has run; what "
            "it gave is taken.",
    .where = "host.h (sync_put)",
    .needs = NEEDS_SOURCE | NEEDS_LOOP | NEEDS_START,
    .seconds = 90,
    .run = sync_pause_run,
};

/* --- cursors --------------------------------------------------------------------------
 */

static void cursor_try(struct testhost *t, const char *what, const char *bytes,
                       uint64_t n, bool clearly)
{
    int32_t rc;

    free((char *)(uintptr_t)probe.cursor.ptr);
    probe.cursor.ptr = malloc((size_t)n + 1);
    if (!probe.cursor.ptr)
        abort();
    memcpy((char *)(uintptr_t)probe.cursor.ptr, bytes, (size_t)n);
    probe.cursor.len = n;
    probe.replace_cursor = true;
    check_step("a delta with %s", what);
    rc = testhost_sync(t, "");
    probe.replace_cursor = false;
    if (rc == 0 && clearly && !t->became_full)
        check_fail("Give the cursor a form that can be checked (a mark, a version, a "
                   "length), and call sync_full when it is not yours.",
                   "it took %s for a cursor: changes would be lost", what);
}

static void cursors_bad(struct testhost *t, struct ctr_str own)
{
    enum { LONG = 65536 };
    char *text = malloc(LONG + (size_t)own.len + 1);
    uint64_t step = own.len / 16 + 1;
    int64_t until = usage_ms() + 30000;

    if (!text)
        abort();
    cursor_try(t, "one that is empty", "", 0, false);
    cursor_try(t, "bytes that are no text", "\xff\xfe\0\x01\x80", 5, true);
    cursor_try(t, "\"garbage %s%n\"", "garbage %s%n", 12, true);
    memset(text, 'x', LONG);
    cursor_try(t, "64 KiB of x", text, LONG, true);
    for (uint64_t i = 0; i < own.len && usage_ms() < until; i += step) {
        memcpy(text, own.ptr, (size_t)own.len);
        text[i] = (char)(text[i] ^ 0x80);
        cursor_try(t, "a damaged cursor", text, own.len, false);
        cursor_try(t, "a shortened cursor", own.ptr, i, false);
    }
    free(text);
}

static void cursor_run(struct subject *s)
{
    struct ctr_str own;
    struct testhost *t;
    int32_t rc;

    probe_plugin(s);
    t = source_start(s);
    source_first_sync(s, t);
    if (!probe.cursor.ptr)
        check_fail("Call sync_cursor in each sync that succeeds, or do not declare "
                   "CTR_SOURCE_DELTA.",
                   "it declares CTR_SOURCE_DELTA, and a full sync gave no cursor");
    own = probe.cursor;
    probe.cursor = (struct ctr_str){NULL, 0};
    cursor_try(t, "its own cursor", own.ptr, own.len, false);
    rc = t->sync_status;
    if (rc != 0)
        check_fail("A cursor it gave must be good for the next sync, or call sync_full.",
                   "a delta with the cursor it just gave ends with %s: %s", code_name(rc),
                   t->failure);
    check_note("a delta with its own cursor%s; bad ones are not taken",
               t->became_full ? " (answered in full)" : "");
    cursors_bad(t, own);
    free((char *)(uintptr_t)own.ptr);
    source_settle(t);
    testhost_destroy(t);
    probe_reset();
}

const struct check check_cursor = {
    .name = "cursor",
    .rule = "A delta works with the cursor the source gave; a cursor it cannot use leads "
            "to sync_full or to an error.",
    .where = "source.h (struct ctr_sync_request), host.h (sync_full)",
    .needs = NEEDS_SOURCE | NEEDS_DELTA | NEEDS_START,
    .seconds = 300,
    .run = cursor_run,
};
