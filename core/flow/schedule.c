/* schedule.c - when a source is read, and what follows from how that ended.
 *
 * One sync of a source at a time. A failure is tried again after 5 seconds, then ever
 * later up to 5 minutes; the last good data stay. One that would have deleted too much is
 * a matter for somebody, and reads all of the source each time: up to an hour. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/sync.h"
#include "flow/times.h"

enum {
    BACK_OFF_FIRST = 5000,
    BACK_OFF_MOST = 5 * 60 * 1000,
    BACK_OFF_REFUSED = 60 * 60 * 1000,
    STUCK_MS = 3000,       /* how long one that was told to end may take for it */
    JITTER_MS = 60 * 1000, /* of a time of day */
    LOOK_MS = 60 * 1000,   /* how often at the wall clock */
    DAY_AND_MORE_MS = 26 * 3600 * 1000, /* no time of day is further away */
    PROGRESS_MS = 200
};

static void schedule_time_of_day(struct source *s);
static void wait_for_due(struct source *s, int64_t left);

/* ---- state ----------------------------------------------------------------- */

void sync_notify(struct source *s, bool done, int status)
{
    list_for_each_safe(it, &s->watchers)
    {
        struct watcher *w = list_entry(it, struct watcher, link);

        if (!done)
            w->fn(w->arg, false, 0);
    }
    while (done && !list_empty(&s->watchers)) {
        struct watcher w = *list_entry(s->watchers.next, struct watcher, link);
        struct watcher *old = list_entry(s->watchers.next, struct watcher, link);

        list_remove(&old->link);
        free(old);
        w.fn(w.arg, true, status);
    }
}

void sync_set_state(struct source *s, enum source_state state)
{
    s->state = state;
}

void sync_set_error(struct source *s, const char *reason)
{
    if (reason == s->error)
        return; /* what the source itself told is the reason */
    snprintf(s->error, sizeof(s->error), "%s", reason ? reason : "");
    flow_utf8(s->error);
}

/* ---- the end, on the loop -------------------------------------------------- */

static const char *why_refused(const struct source *s, const struct ctr_sync *sync,
                               char *out, size_t cap)
{
    snprintf(out, cap,
             "the sync would delete %" PRIu64 " contacts, more than the %u %% allowed; "
             "if that is right, run: contactorctl sync %s --allow-delete",
             sync->stats.deleted, sync->max_delete_percent, s->name);
    return out;
}

/* By the guard over deletions, not by the source itself. */
static bool is_refused(const struct ctr_sync *sync)
{
    return sync->status == -CTR_EREFUSED && !sync->reason[0];
}

static const char *why_failed(const struct source *s, const struct ctr_sync *sync,
                              char *out, size_t cap)
{
    if (is_refused(sync))
        return why_refused(s, sync, out, cap);
    if (sync->overdue)
        return "it took longer than its time limit and was ended";
    if (sync->reason[0])
        return sync->reason;
    if (s->error_is_new && s->error[0])
        return s->error;
    if (sync->status == -CTR_EFULL)
        return "no space left for the cache: its disk is full, or cache_map_max is "
               "reached; lookups go on with what there was";
    return error_text(sync->status);
}

uint32_t flow_back_off(uint32_t first, uint32_t most, unsigned failures)
{
    uint32_t wait = first;

    while (failures-- > 1 && wait < most)
        wait = wait < most / 2 ? wait * 2 : most;
    return wait - randombytes_uniform(wait / 10 + 1);
}

/* +-10 %, so that many sources, and many daemons, do not fall into step. */
static int64_t jittered(uint32_t interval)
{
    uint32_t span = interval / 5 + 1;

    return (int64_t)interval - interval / 10 + randombytes_uniform(span);
}

static void note_success(struct source *s, const struct ctr_sync *sync)
{
    const struct cache_load_stats *n = &sync->stats;

    s->failures = s->refused_at = 0;
    s->syncs_ok++;
    s->last_success = clock_wall_ms();
    s->error[0] = 0;
    sync_set_state(s, SOURCE_OK);
    log_info(s->who,
             "sync_ok source=%s seen=%" PRIu64 " added=%" PRIu64 " changed=%" PRIu64
             " deleted=%" PRIu64 " rejected=%" PRIu64 " duplicates=%" PRIu64
             " ms=%" PRIu32,
             s->name, n->seen, n->added, n->changed, n->deleted,
             n->rejected + sync->rejects.total, n->duplicates, s->last_ms);
}

static void note_failure(struct source *s, const struct ctr_sync *sync)
{
    char text[SOURCE_REASON];

    sync_set_error(s, why_failed(s, sync, text, sizeof(text)));
    s->failures++;
    s->syncs_failed++;
    s->refused_at = is_refused(sync) ? 1 + sync->max_delete_percent : 0;
    s->retry_in = flow_back_off(
        BACK_OFF_FIRST, is_refused(sync) ? BACK_OFF_REFUSED : BACK_OFF_MOST, s->failures);
    sync_set_state(s, SOURCE_FAILED);
    log_warn(s->who, "sync_failed source=%s reason=%s retry_in=%" PRIu32 "s", s->name,
             log_quoted(s->error), s->retry_in / 1000);
}

/* Asked live, and synced by nobody but who says so: its cache may stay empty. */
static bool is_on_demand(const struct source *s)
{
    const struct setup_source *conf = s->conf;

    return conf && conf->sync_interval == 0 && conf->sync_times.n == 0 && conf->live &&
           s->driver.can_search;
}

static void plan_next(struct source *s)
{
    int64_t now = clock_ms();

    if (s->wanted)
        schedule_at(s, now + SCHEDULE_SOON);
    else if (s->failures > 0 && !is_on_demand(s))
        schedule_at(s, now + s->retry_in);
    else if (s->conf && s->conf->sync_times.n > 0)
        schedule_time_of_day(s);
    else if (s->conf && s->conf->sync_interval > 0)
        schedule_at(s, now + jittered(s->conf->sync_interval));
    else
        schedule_at(s, 0);
}

static void tell_stopped(struct source *s)
{
    void (*stopped)(void *) = s->stopped;

    s->stopped = NULL;
    if (stopped)
        stopped(s->stopped_arg);
}

/* The last sync's rejected rows replace those of the one before. */
static void take_rejects(struct source *s, struct ctr_sync *sync)
{
    free(s->rejects.items);
    s->rejects = sync->rejects;
    memset(&sync->rejects, 0, sizeof(sync->rejects));
}

static void on_preview_over(struct source *s, struct ctr_sync *sync)
{
    preview_over(sync);
    sync_free(sync);
    if (!s->started)
        sync_set_state(s, SOURCE_DISABLED);
    schedule_resume(s);
    tell_stopped(s);
}

/* It looked only: the source stands as it stood. */
static void on_dry_run_over(struct source *s, struct ctr_sync *sync)
{
    int status = sync->status;
    char text[SOURCE_REASON];

    cJSON_Delete(s->dry_run);
    s->dry_run =
        look_dry_run(sync, status < 0 ? why_failed(s, sync, text, sizeof(text)) : NULL);
    log_info(s->who, "sync_dry_run source=%s status=%s seen=%" PRIu64, s->name,
             error_name(status), sync->stats.seen);
    sync_set_state(s, s->started ? s->resume_state : SOURCE_DISABLED);
    sync_free(sync);
    schedule_resume(s);
    sync_notify(s, true, status);
    tell_stopped(s);
}

void schedule_sync_over(void *arg)
{
    struct ctr_sync *sync = arg;
    struct source *s = sync->source;
    int status = sync->status;

    s->sync = NULL;
    uv_timer_stop(s->timer);
    uv_timer_stop(s->progress);
    if (sync->preview) {
        on_preview_over(s, sync);
        return;
    }
    if (sync->dry_run) {
        on_dry_run_over(s, sync);
        return;
    }
    s->last_ms = (uint32_t)(clock_ms() - sync->began);
    s->last = sync->stats;
    s->last_status = status;
    source_info_changed(s);
    if (status == 0 && sync->groups_changed)
        source_groups_changed(s, &sync->all_groups);
    if (status == 0)
        note_success(s, sync);
    else if (status == -CTR_ECANCELED && !sync->overdue)
        sync_set_state(s, s->last_success > 0 ? SOURCE_OK : SOURCE_WAITING);
    else
        note_failure(s, sync);
    take_rejects(s, sync);
    sync_free(sync);
    if (s->started)
        plan_next(s);
    else
        sync_set_state(s, SOURCE_DISABLED);
    sync_notify(s, true, status);
    tell_stopped(s);
}

/* ---- begin ----------------------------------------------------------------- */

static void on_limit(uv_timer_t *timer)
{
    struct source *s = timer->data;

    if (!s->sync)
        return;
    s->sync->overdue = clock_ms();
    if (s->sync->dry_run) {
        sync_cancel(s);
        return;
    }
    if (s->sync->preview) {
        preview_overdue(s->sync);
        sync_cancel(s);
        return;
    }
    sync_set_error(s, "it takes longer than its time limit and was told to end");
    sync_set_state(s, SOURCE_FAILED);
    log_warn(s->who, "sync_overdue source=%s ms=%" PRId64, s->name,
             clock_ms() - s->sync->began);
    sync_cancel(s);
}

static void on_progress(uv_timer_t *timer)
{
    sync_notify(timer->data, false, 0);
}

static void start_timers(struct source *s)
{
    uv_update_time(s->timer->loop);
    uv_timer_start(s->timer, on_limit, s->conf->sync_limit, 0);
    if (!list_empty(&s->watchers))
        uv_timer_start(s->progress, on_progress, PROGRESS_MS, PROGRESS_MS);
}

void schedule_sync(struct source *s, bool allow_delete)
{
    s->wanted = false;
    s->next_run = s->due_wall = 0;
    s->error_is_new = false;
    s->last_run = clock_wall_ms();
    s->syncs++;
    sync_set_state(s, SOURCE_SYNCING);
    start_timers(s);
    sync_notify(s, false, 0);
    sync_start(s, &(struct sync_options){.allow_delete = allow_delete});
}

void schedule_dry_run(struct source *s, bool allow_delete)
{
    s->resume_state = s->state;
    s->error_is_new = false;
    schedule_put_off(s);
    start_timers(s);
    sync_notify(s, false, 0);
    sync_start(s, &(struct sync_options){.allow_delete = allow_delete, .dry_run = true});
}

/* The wall clock may have been set since the time of day was planned: it is looked at
 * again each minute. returns whether it has come */
static bool time_has_come(struct source *s)
{
    int64_t left = s->due_wall - clock_wall_ms();

    if (left <= 0) {
        s->done_place = s->place;
        s->due_wall = 0;
        return true;
    }
    if (left > DAY_AND_MORE_MS) { /* set back: what was done is not done yet */
        s->done_place = 0;
        schedule_time_of_day(s);
    } else {
        wait_for_due(s, left);
    }
    return false;
}

static void on_due(uv_timer_t *timer)
{
    struct source *s = timer->data;

    if (s->due_wall > 0 && !time_has_come(s))
        return;
    s->next_run = 0;
    if (s->refreshing)
        s->wanted = true; /* a moment later: schedule_refreshed */
    else if (s->started && s->conf && !source_busy(s))
        schedule_sync(s, false);
}

void schedule_refreshed(struct source *s)
{
    if (s->started && s->wanted && !source_busy(s))
        schedule_at(s, clock_ms() + SCHEDULE_SOON);
}

bool source_stuck(const struct source *s)
{
    if (s->test)
        return test_is_overdue(s);
    return s->sync && s->sync->overdue > 0 && clock_ms() - s->sync->overdue > STUCK_MS;
}

bool source_busy(const struct source *s)
{
    return s->sync || s->test;
}

static void wait_for_due(struct source *s, int64_t left)
{
    s->next_run = clock_ms() + left;
    if (source_busy(s))
        return;
    uv_update_time(s->timer->loop);
    uv_timer_start(s->timer, on_due, (uint64_t)(left < LOOK_MS ? left : LOOK_MS), 0);
}

static void schedule_time_of_day(struct source *s)
{
    int64_t wall = clock_wall_ms();
    struct times_moment next;

    schedule_at(s, 0);
    if (!times_next(&s->conf->sync_times, wall, s->done_place, &next))
        return;
    s->place = next.place;
    s->due_wall = next.wall + randombytes_uniform(JITTER_MS);
    wait_for_due(s, s->due_wall - wall);
}

/* at: clock_ms; 0: none planned */
void schedule_at(struct source *s, int64_t at)
{
    int64_t now = clock_ms();

    s->next_run = at;
    s->due_wall = 0;
    if (source_busy(s))
        return; /* the timer is the limit's; plan_next or schedule_resume follows */
    if (at == 0) {
        uv_timer_stop(s->timer);
        return;
    }
    uv_update_time(s->timer->loop);
    uv_timer_start(s->timer, on_due, at > now ? (uint64_t)(at - now) : 0, 0);
}

/* ---- in between ------------------------------------------------------------ */

void schedule_put_off(struct source *s)
{
    s->resume_at = s->due_wall > 0 ? 0 : s->next_run;
    s->next_run = 0;
    uv_timer_stop(s->timer);
}

void schedule_resume(struct source *s)
{
    if (!s->started || !s->conf)
        return;
    if (s->wanted)
        plan_next(s);
    else if (s->due_wall > 0) /* overdue meanwhile: at once */
        on_due(s->timer);
    else if (s->next_run == 0) /* else planned anew meanwhile */
        schedule_at(s, s->resume_at);
    else
        schedule_at(s, s->next_run);
}

void schedule_preview(struct source *s, struct preview *preview, uint32_t limit)
{
    schedule_put_off(s);
    s->error_is_new = false;
    uv_update_time(s->timer->loop);
    uv_timer_start(s->timer, on_limit, limit, 0);
    sync_start(s, &(struct sync_options){.preview = preview});
}

/* ---- the first one --------------------------------------------------------- */

/* Was a time of day missed while nobody was there? */
static bool missed_one(const struct source *s, int64_t as_of)
{
    struct times_moment last;

    return times_last(&s->conf->sync_times, clock_wall_ms(), &last) && as_of < last.wall;
}

/* The first sync: at once without data, else when the interval has passed. */
void schedule_first(struct source *s)
{
    const struct setup_source *conf = s->conf;
    int64_t age, as_of, now = clock_ms();

    source_info_changed(s);
    as_of = source_info(s)->as_of;
    age = clock_wall_ms() - as_of;
    if (is_on_demand(s))
        schedule_at(s, 0);
    else if (as_of == 0 || age < 0)
        schedule_at(s, now + SCHEDULE_SOON);
    else if (conf->sync_times.n > 0 && !missed_one(s, as_of))
        schedule_time_of_day(s);
    else if (age >= (int64_t)conf->sync_interval)
        schedule_at(
            s, now + SCHEDULE_SOON); /* without an interval: what changed meanwhile? */
    else
        schedule_at(s, now + conf->sync_interval - age);
}
