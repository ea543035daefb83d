/* auth.c - passwords: hashed and verified on two lanes, successes remembered.
 *
 * An attempt waits for its slot (throttle.h), then joins the job that checks the same
 * password of the same user, or becomes one. Who is unknown is checked against somebody
 * else's secret and refused: it takes the same time. Phones bind before every search, so
 * a success is remembered for some minutes as a keyed hash; the remembered answer waits
 * for its slot, too, else guesses at a remembered password were free. */
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "flow/auth_impl.h"
#include "flow/throttle.h"

enum {
    ATTEMPTS_MAX = 1024, /* waiting or under way */
    JOBS_MAX = 256,
    REMEMBER_MS = 5 * 60 * 1000,
    PASSWORD_MAX = 1024, /* a longer one is wrong */
    LOG_WINDOW_MS = 60 * 1000,
    LOG_LINES = 10, /* of failed logins a window: a flood must not fill the disk */
    PEER_MAX = 64,
    NAME_MAX_LEN = 256
};

/* One verification, and all who wait for it. */
struct job {
    struct lane_job lane_job;
    struct list link; /* auth->jobs */
    struct auth *auth;
    struct auth_user *who;
    bool unknown; /* `who` is somebody else: never right */
    bool right;
    unsigned char mac[AUTH_MAC_SIZE];
    struct list attempts;
    size_t len;
    char password[PASSWORD_MAX];
};

struct attempt {
    struct ctr_request request; /* first: the host's handle */
    struct list link;           /* auth->delayed (by time) | job->attempts | itself */
    struct auth *auth;
    struct anchor *anchor;
    ctr_auth_fn done;
    void *user;
    struct auth_user *who;
    bool unknown, ended, posted;
    int status;
    struct throttle_address *address; /* NULL: is no guess of its own */
    int64_t at;                       /* its slot */
    unsigned char mac[AUTH_MAC_SIZE];
    char peer[PEER_MAX];
    size_t len;
    char password[PASSWORD_MAX];
};

/* Somebody to check an unknown name against, always the same for the same name. */
static struct auth_user *decoy_for(const struct auth *auth, struct ctr_str name)
{
    const struct setup *setup = auth->flow->setup;
    uint32_t n = setup->n_users, at;

    if (n == 0)
        return auth->decoy;
    at = (uint32_t)(XXH3_64bits_withSeed(name.ptr ? name.ptr : "", name.len,
                                         auth->key[0]) %
                    n);
    for (uint32_t i = 0; i < n; i++)
        if (setup->users[(at + i) % n].auth)
            return setup->users[(at + i) % n].auth;
    return auth->decoy;
}

/* ---- the end of an attempt ------------------------------------------------- */

static void attempt_free(struct attempt *a)
{
    list_remove(&a->link);
    wipe(a->password, sizeof(a->password));
    auth_user_unref(a->who);
    anchor_unref(a->anchor);
    a->request.type = REQUEST_DEAD;
    free(a);
}

/* Still the user's secret? The configuration may have changed meanwhile. */
static bool is_current(const struct auth *auth, const struct auth_user *who)
{
    const struct setup_user *user = setup_find_user(auth->flow->setup, str_of(who->name));

    return user && user->auth == who;
}

/* An administrator whose phones show nothing looks here. A name that is nobody's is not
 * written: it may be a password in the wrong field. */
static void log_failed(const struct attempt *a)
{
    struct auth *auth = a->auth;
    int64_t now = clock_ms();

    if (auth->log_lines == 0 || now - auth->log_window >= LOG_WINDOW_MS) {
        auth->log_window = now;
        auth->log_lines = 0;
    }
    if (auth->log_lines >= LOG_LINES) {
        auth->log_suppressed++;
        return;
    }
    auth->log_lines++;
    log_warn("auth", "login_failed peer=%s user=%s reason=\"%s\" suppressed=%u", a->peer,
             a->unknown ? "?" : a->who->name,
             a->unknown ? "no [user.NAME] has this name" : "wrong password",
             auth->log_suppressed);
    auth->log_suppressed = 0;
}

static void count_end(struct attempt *a, int status)
{
    struct auth *auth = a->auth;

    if (a->address && throttle_end(a->address, status == -CTR_EACCES, clock_ms()))
        log_warn("auth",
                 "throttled peer=%s: %d failed logins within a minute; further ones wait",
                 a->address->key, THROTTLE_FAILURES_MAX);
    auth->n_attempts--;
    if (status == 0) {
        auth->stats.ok++;
    } else if (status == -CTR_EACCES) {
        auth->stats.wrong++;
        log_failed(a);
    } else if (status == -CTR_EBUSY) {
        auth->stats.busy++;
    }
}

/* Calls done, once. The memory stays. */
static void attempt_end(struct attempt *a, int status)
{
    struct ctr_principal *principal = NULL;

    if (a->ended)
        return;
    a->ended = true;
    if (status == 0 && !is_current(a->auth, a->who))
        status = -CTR_EACCES;
    count_end(a, status);
    if (status == 0)
        principal = principal_ref(a->who->principal);
    a->done(a->user, status, principal);
}

static void on_posted(void *arg)
{
    struct attempt *a = arg;

    if (a->anchor->flow)
        attempt_end(a, a->status);
    attempt_free(a);
}

/* Ends it from the loop, soon: never before flow_authenticate returned. */
static void attempt_post(struct attempt *a, int status)
{
    a->status = status;
    a->posted = true;
    list_remove(&a->link);
    list_append(&a->auth->posted, &a->link);
    loop_post(a->auth->flow->loop, on_posted, a);
}

/* ---- verify ---------------------------------------------------------------- */

static void on_verify(struct lane_job *lane_job)
{
    struct job *job = (struct job *)(void *)lane_job;
    struct auth_user *who = job->who;

    auth_user_hash(who);
    job->right = crypto_pwhash_str_verify(who->phc, job->password, job->len) == 0;
    wipe(job->password, sizeof(job->password));
}

static void on_verify_done(struct lane_job *lane_job)
{
    struct job *job = (struct job *)(void *)lane_job;
    struct auth *auth = job->auth;
    bool right = job->right && !job->unknown;

    if (right) {
        memcpy(job->who->mac, job->mac, AUTH_MAC_SIZE);
        job->who->remember_until = clock_ms() + REMEMBER_MS;
    }
    list_remove(&job->link);
    auth->n_jobs--;
    while (!list_empty(&job->attempts)) {
        struct attempt *a = list_entry(job->attempts.next, struct attempt, link);

        list_remove(&a->link);
        attempt_end(a, right ? 0 : -CTR_EACCES);
        attempt_free(a);
    }
    wipe(job->password, sizeof(job->password));
    auth_user_unref(job->who);
    free(job);
}

static struct job *job_find(const struct auth *auth, const struct attempt *a)
{
    list_for_each(it, &auth->jobs)
    {
        struct job *job = list_entry(it, struct job, link);

        if (job->who == a->who && sodium_memcmp(job->mac, a->mac, AUTH_MAC_SIZE) == 0)
            return job;
    }
    return NULL;
}

static struct job *job_create(struct auth *auth, struct attempt *a)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->auth = auth;
    job->who = a->who;
    job->who->refs++;
    job->unknown = a->unknown;
    memcpy(job->mac, a->mac, AUTH_MAC_SIZE);
    memcpy(job->password, a->password, a->len);
    job->len = a->len;
    list_init(&job->attempts);
    list_append(&auth->jobs, &job->link);
    auth->n_jobs++;
    job->lane_job.work = on_verify;
    job->lane_job.done = on_verify_done;
    lane_submit(auth->lanes[job->who->lane], &job->lane_job);
    return job;
}

static void job_join(struct job *job, struct attempt *a)
{
    wipe(a->password, sizeof(a->password));
    list_remove(&a->link);
    list_append(&job->attempts, &a->link);
}

/* Its slot has come. */
static void attempt_begin(struct attempt *a)
{
    struct auth *auth = a->auth;
    struct job *job;

    if (!a->unknown && clock_ms() < a->who->remember_until &&
        sodium_memcmp(a->mac, a->who->mac, AUTH_MAC_SIZE) == 0) {
        auth->stats.cached++;
        wipe(a->password, a->len);
        throttle_end(a->address, false, clock_ms());
        a->address = NULL;
        attempt_post(a, 0);
        return;
    }
    job = job_find(auth, a);
    if (!job && auth->n_jobs >= JOBS_MAX) {
        attempt_post(a, -CTR_EBUSY);
        return;
    }
    job_join(job ? job : job_create(auth, a), a);
}

/* ---- slots ----------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void set_timer(struct auth *auth)
{
    struct attempt *first;
    int64_t wait;

    if (list_empty(&auth->delayed))
        return;
    first = list_entry(auth->delayed.next, struct attempt, link);
    wait = first->at - clock_ms();
    uv_update_time(auth->timer->loop);
    uv_timer_start(auth->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct flow *flow = timer->data;
    struct auth *auth = flow->auth;
    int64_t now = clock_ms();

    while (!list_empty(&auth->delayed)) {
        struct attempt *a = list_entry(auth->delayed.next, struct attempt, link);

        if (a->at > now)
            break;
        list_remove(&a->link);
        attempt_begin(a);
    }
    set_timer(auth);
}

static void attempt_delay(struct attempt *a)
{
    struct list *at = a->auth->delayed.prev;

    while (at != &a->auth->delayed && list_entry(at, struct attempt, link)->at > a->at)
        at = at->prev;
    list_append(at->next, &a->link);
    a->auth->stats.delayed++;
    set_timer(a->auth);
}

/* ---- start ----------------------------------------------------------------- */

/* By the whole name, for "max@example.com" may be somebody's; else by what stands before
 * the last @. */
static struct setup_user *find_user(const struct setup *setup, struct ctr_str name)
{
    struct setup_user *user = setup_find_user(setup, name);
    const char *sign = name.len > 0 ? memrchr(name.ptr, '@', name.len) : NULL;

    if (!user && sign)
        user = setup_find_user(setup, str_make(name.ptr, (size_t)(sign - name.ptr)));
    return user;
}

static struct attempt *attempt_create(struct auth *auth,
                                      const struct ctr_credentials *credentials)
{
    struct attempt *a = xcalloc(1, sizeof(*a));
    struct setup_user *user = find_user(auth->flow->setup, credentials->name);
    struct ctr_str password = credentials->password;

    a->request.type = REQUEST_AUTH;
    a->auth = auth;
    a->anchor = anchor_ref(auth->flow->anchor);
    list_init(&a->link);
    a->unknown = !user || !user->auth || password.len > PASSWORD_MAX;
    a->who = user && user->auth ? user->auth : decoy_for(auth, credentials->name);
    a->who->refs++;
    a->len = password.len < PASSWORD_MAX ? (size_t)password.len : PASSWORD_MAX;
    memcpy(a->password, password.ptr, a->len);
    snprintf(a->peer, sizeof(a->peer), STR_FMT, STR_ARG(credentials->client));
    auth_mac(auth, a->unknown ? credentials->name : str_of(a->who->name), password,
             a->mac);
    return a;
}

int flow_authenticate(struct flow *flow, const struct ctr_credentials *credentials,
                      ctr_auth_fn done, void *user, struct ctr_request **out)
{
    struct auth *auth = flow->auth;
    int64_t now = clock_ms();
    struct attempt *a;
    struct job *job;

    *out = NULL;
    if (credentials->password.len == 0 || !credentials->password.ptr ||
        credentials->name.len > NAME_MAX_LEN)
        return -CTR_EINVAL;
    if (auth->n_attempts >= ATTEMPTS_MAX) {
        auth->stats.busy++;
        return -CTR_EBUSY;
    }
    a = attempt_create(auth, credentials);
    a->done = done;
    a->user = user;
    auth->n_attempts++;
    *out = &a->request;
    /* The same password once more is no guess: a hundred phones may share one. */
    job = job_find(auth, a);
    if (job) {
        job_join(job, a);
        return 0;
    }
    a->address = throttle_begin(auth->throttle, credentials->client, now, &a->at);
    if (!a->address)
        attempt_post(a, -CTR_EBUSY);
    else if (a->at > now)
        attempt_delay(a);
    else
        attempt_begin(a);
    return 0;
}

void flow_authenticate_cancel(struct ctr_request *request)
{
    struct attempt *a = (struct attempt *)(void *)request;

    if (!request || request->type != REQUEST_AUTH || a->ended)
        return;
    attempt_end(a, -CTR_ECANCELED);
    if (!a->posted)
        attempt_free(a);
}

/* ---- life ------------------------------------------------------------------ */

struct auth *auth_create(struct flow *flow)
{
    struct auth *auth = xcalloc(1, sizeof(*auth));
    unsigned char noise[AUTH_MAC_SIZE];
    char secret[2 * AUTH_MAC_SIZE + 1];

    auth->flow = flow;
    randombytes_buf(auth->key, sizeof(auth->key));
    auth->lanes[0] = lane_create(flow->loop, "auth-0");
    auth->lanes[1] = lane_create(flow->loop, "auth-1");
    for (unsigned i = 0; i < AUTH_LANES; i++)
        list_init(&auth->to_hash[i]);
    list_init(&auth->delayed);
    list_init(&auth->jobs);
    list_init(&auth->posted);
    auth->throttle = throttle_create();
    auth->timer = flow_timer_create(flow, flow);
    randombytes_buf(noise, sizeof(noise));
    sodium_bin2hex(secret, sizeof(secret), noise, sizeof(noise));
    auth->decoy = auth_user_new(auth, "", str_of(secret));
    return auth;
}

static void cancel_list(struct list *list)
{
    while (!list_empty(list)) {
        struct attempt *a = list_entry(list->next, struct attempt, link);

        list_remove(&a->link);
        attempt_end(a, -CTR_ECANCELED);
        if (!a->posted)
            attempt_free(a);
    }
}

void auth_destroy(struct auth *auth)
{
    if (!auth)
        return;
    auth->ending = true;
    cancel_list(&auth->delayed);
    cancel_list(&auth->posted);
    list_for_each_safe(it, &auth->jobs)
    {
        struct job *job = list_entry(it, struct job, link);

        cancel_list(&job->attempts);
        lane_cancel(auth->lanes[job->who->lane], &job->lane_job);
    }
    for (unsigned i = 0; i < AUTH_LANES; i++)
        lane_destroy(auth->lanes[i]); /* their last done frees the jobs */
    for (unsigned i = 0; i < AUTH_LANES; i++)
        while (!list_empty(&auth->to_hash[i])) /* the users may live on in a setup */
            list_remove(auth->to_hash[i].next);
    auth_user_unref(auth->decoy);
    throttle_destroy(auth->throttle);
    flow_timer_close(auth->timer);
    wipe(auth->key, sizeof(auth->key));
    free(auth);
}

void auth_stats(const struct auth *auth, struct auth_stats *out)
{
    *out = auth->stats;
}
