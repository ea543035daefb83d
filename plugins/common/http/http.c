/* http.c - libcurl's multi handle on the host's loop: its sockets, its one timer, and
 * the transfers that have ended.
 *
 * libcurl says by callback which sockets to watch and when to call it again; it may not
 * be called from within those callbacks, so they only take note. */
#include "http.h"

#include <stdlib.h>
#include <time.h>

#include "kit/kit.h"
#include "private.h"

static void on_host_timer(void *user);
static void on_ready(void *user, int32_t fd, uint32_t events);

/* --- what has ended -------------------------------------------------------------------
 */

/* Those there are now: their callbacks may start others. */
static void fail_all(struct http *h)
{
    struct http_request *r;

    h->broken = false;
    for (r = h->requests; r; r = r->next)
        r->doomed = true;
    while ((r = h->requests) != NULL) {
        while (r && !r->doomed)
            r = r->next;
        if (!r)
            return;
        request_fail(r, -CTR_EUNAVAIL,
                     "the daemon cannot watch one more socket; raise its limit of open "
                     "files (LimitNOFILE)");
    }
}

/* A callback may start and cancel others. */
static void reap(struct http *h)
{
    struct http_request *r;
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        r = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&r);
        request_over(r, code);
    }
    if (h->broken)
        fail_all(h);
}

/* --- time -----------------------------------------------------------------------------
 */

static void timer_set(struct http *h)
{
    int64_t now = h->host->now(h->host);

    if (h->timer && (h->due < 0 || h->timer_at <= h->due))
        return; /* fires early enough and looks again */
    if (h->timer)
        h->host->timer_stop(h->host, h->timer);
    h->timer = NULL;
    if (h->due < 0)
        return;
    h->timer_at = h->due;
    h->timer = h->host->timer_start(
        h->host, h->due > now ? (uint32_t)(h->due - now) : TICK_MS, 0, on_host_timer, h);
}

static void on_host_timer(void *user)
{
    struct http *h = user;
    int64_t now = h->host->now(h->host);
    int running;

    h->host->timer_stop(h->host, h->timer);
    h->timer = NULL;
    if (h->due < 0 || h->due > now) {
        timer_set(h);
        return;
    }
    h->due = -1;
    http_turn(h);
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(h);
}

/* From libcurl: never to be answered by calling it. */
static int on_timer_wanted(CURLM *multi, long ms, void *user)
{
    struct http *h = user;

    (void)multi;
    h->due = ms < 0 ? -1 : h->host->now(h->host) + ms;
    timer_set(h);
    return 0;
}

/* --- turns ----------------------------------------------------------------------------
 *
 * libcurl reads a fast server's answer as long as there is something to read, megabytes
 * in one call. Others live on this loop, too: after a while it is told to hold back what
 * it has, and gets on with it in the next turn. */

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void http_turn(struct http *h)
{
    h->turn_began = now_us();
}

bool http_turn_over(const struct http *h)
{
    return now_us() - h->turn_began > TURN_US;
}

static void on_next_turn(void *user)
{
    struct http *h = user;
    struct http_request *r;

    h->host->timer_stop(h->host, h->next);
    h->next = NULL;
    http_turn(h);
    for (r = h->requests; r; r = r->next)
        r->due = r->rests;
    while ((r = h->requests) != NULL) { /* going on may end it, and start others */
        while (r && !r->due)
            r = r->next;
        if (!r)
            break;
        r->due = r->rests = false;
        request_go_on(r);
    }
}

bool http_rest(struct http *h)
{
    if (!h->next)
        h->next = h->host->timer_start(h->host, TICK_MS, 0, on_next_turn, h);
    return h->next != NULL;
}

/* --- sockets --------------------------------------------------------------------------
 */

/* From libcurl. socketp: the ctr_poll of this socket, once there is one. */
static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *user,
                            void *socketp)
{
    struct http *h = user;
    uint32_t events = (what & CURL_POLL_IN ? CTR_POLL_READ : 0u) |
                      (what & CURL_POLL_OUT ? CTR_POLL_WRITE : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        h->polls->stop(socketp);
        curl_multi_assign(h->multi, fd, NULL);
        return 0;
    }
    if (socketp) {
        h->polls->change(socketp, events);
        return 0;
    }
    socketp = h->polls->start(h->host, fd, events, on_ready, h);
    if (!socketp)
        h->broken = true;
    else
        curl_multi_assign(h->multi, fd, socketp);
    return 0;
}

static void on_ready(void *user, int32_t fd, uint32_t events)
{
    struct http *h = user;
    int what = (events & CTR_POLL_READ ? CURL_CSELECT_IN : 0) |
               (events & CTR_POLL_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    http_turn(h);
    curl_multi_socket_action(h->multi, fd, what, &running);
    reap(h);
}

/* --- easy handles ---------------------------------------------------------------------
 */

CURL *http_easy(struct http *h)
{
    return h->n_idle > 0 ? h->idle[--h->n_idle] : curl_easy_init();
}

/* It keeps its options, and they point into a request that is about to be freed. */
static bool detach(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_XFERINFODATA, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL) == CURLE_OK;
}

void http_easy_back(struct http *h, CURL *easy, bool good)
{
    if (detach(easy) && good && h->n_idle < IDLE_MAX)
        h->idle[h->n_idle++] = easy;
    else
        curl_easy_cleanup(easy);
}

/* --- life -----------------------------------------------------------------------------
 */

static long auth_of(enum http_auth auth)
{
    static const long bits[] = {
        [HTTP_NO_AUTH] = 0,
        [HTTP_AUTO] = (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST),
        [HTTP_BASIC] = (long)CURLAUTH_BASIC,
        [HTTP_DIGEST] = (long)CURLAUTH_DIGEST,
        [HTTP_BEARER] = (long)CURLAUTH_BEARER,
    };

    return bits[auth];
}

static int32_t multi_init(struct http *h)
{
    h->multi = curl_multi_init();
    if (!h->multi)
        return kit_fail(h->host, -CTR_ENOMEM, "out of memory");
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 4L);
    return 0;
}

int32_t http_create(const struct http_options *options, struct http **out)
{
    const struct ctr_host *host = options->host;
    struct http *h = calloc(1, sizeof(*h));
    int32_t rc;

    *out = NULL;
    if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(h);
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    }
    h->host = host;
    h->options = *options;
    h->auth = auth_of(options->auth);
    h->due = -1;
    h->polls = host->extension(host, CTR_POLL_ID);
    rc = h->polls ? multi_init(h)
                  : kit_fail(host, -CTR_EVERSION,
                             "this daemon cannot watch sockets for plugins "
                             "(contactor.poll/1); a newer one is needed");
    if (rc != 0) {
        http_destroy(h);
        return rc;
    }
    *out = h;
    return 0;
}

void http_destroy(struct http *h)
{
    if (!h)
        return;
    while (h->requests)
        http_cancel(h->requests);
    while (h->n_idle > 0)
        curl_easy_cleanup(h->idle[--h->n_idle]);
    curl_multi_cleanup(h->multi);
    if (h->timer)
        h->host->timer_stop(h->host, h->timer);
    if (h->next)
        h->host->timer_stop(h->host, h->next);
    free(h);
    curl_global_cleanup();
}
