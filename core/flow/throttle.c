/* throttle.c - a bounded table of addresses, the longest unused goes first. */
#include "flow/throttle.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/error.h"

enum { BUCKETS = 1024 };

struct throttle {
    struct list buckets[BUCKETS];
    struct list used; /* the longest unused first */
    unsigned n;
};

struct throttle *throttle_create(void)
{
    struct throttle *t = xcalloc(1, sizeof(*t));

    list_init(&t->used);
    for (unsigned i = 0; i < BUCKETS; i++)
        list_init(&t->buckets[i]);
    return t;
}

void throttle_destroy(struct throttle *t)
{
    if (!t)
        return;
    while (!list_empty(&t->used)) {
        struct throttle_address *a =
            list_entry(t->used.next, struct throttle_address, link);

        list_remove(&a->link);
        free(a);
    }
    free(t);
}

/* "192.0.2.1:4711", "[2001:db8::1]:389" -> the address; of IPv6 the network (/64). */
static void make_key(struct ctr_str address, char key[THROTTLE_KEY])
{
    char text[THROTTLE_KEY];
    size_t n = address.len < sizeof(text) ? address.len : sizeof(text) - 1;
    struct in6_addr v6;
    char *colon, *begin = text, *end;

    if (n > 0)
        memcpy(text, address.ptr, n);
    text[n] = 0;
    if (text[0] == '[' && (end = strchr(text, ']')) != NULL) {
        begin = text + 1;
        *end = 0;
    } else if ((colon = strchr(text, ':')) != NULL && !strchr(colon + 1, ':')) {
        *colon = 0;
    }
    if (inet_pton(AF_INET6, begin, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6))
        memset(&v6.s6_addr[8], 0, 8);
    else
        n = 0;
    memset(key, 0, THROTTLE_KEY);
    if (n == 0 || !inet_ntop(AF_INET6, &v6, key, THROTTLE_KEY))
        memcpy(key, begin, strlen(begin));
}

static struct throttle_address *find(const struct throttle *t, const char *key,
                                     unsigned bucket)
{
    list_for_each(it, &t->buckets[bucket])
    {
        struct throttle_address *a = list_entry(it, struct throttle_address, bucket);

        if (memcmp(a->key, key, THROTTLE_KEY) == 0)
            return a;
    }
    return NULL;
}

static void drop_oldest(struct throttle *t)
{
    list_for_each(it, &t->used)
    {
        struct throttle_address *a = list_entry(it, struct throttle_address, link);

        if (a->running > 0)
            continue;
        list_remove(&a->link);
        list_remove(&a->bucket);
        free(a);
        t->n--;
        return;
    }
}

static struct throttle_address *get(struct throttle *t, struct ctr_str address,
                                    int64_t now)
{
    char key[THROTTLE_KEY];
    struct throttle_address *a;
    unsigned bucket;

    make_key(address, key);
    bucket = (unsigned)(XXH3_64bits(key, sizeof(key)) % BUCKETS);
    a = find(t, key, bucket);
    if (a) {
        list_remove(&a->link);
    } else {
        if (t->n >= THROTTLE_ADDRESSES)
            drop_oldest(t);
        a = xcalloc(1, sizeof(*a));
        memcpy(a->key, key, sizeof(key));
        a->forgot_at = now;
        list_append(&t->buckets[bucket], &a->bucket);
        t->n++;
    }
    list_append(&t->used, &a->link);
    return a;
}

static void forget(struct throttle_address *a, int64_t now)
{
    int64_t n = (now - a->forgot_at) / THROTTLE_FORGET_MS;

    if (n <= 0)
        return;
    a->forgot_at += n * THROTTLE_FORGET_MS;
    a->failures = n >= a->failures ? 0 : a->failures - (unsigned)n;
    if (a->failures == 0)
        a->hot = false;
}

struct throttle_address *throttle_begin(struct throttle *t, struct ctr_str address,
                                        int64_t now, int64_t *at)
{
    struct throttle_address *a = get(t, address, now);

    forget(a, now);
    *at = now;
    if (a->hot || a->failures + a->running >= THROTTLE_FAILURES_MAX) {
        *at = a->next_slot > now ? a->next_slot : now;
        if (*at - now > THROTTLE_WAIT_MAX_MS)
            return NULL;
        a->next_slot = *at + THROTTLE_GAP_MS;
    }
    a->running++;
    return a;
}

bool throttle_end(struct throttle_address *a, bool failed, int64_t now)
{
    bool was_hot = a->hot;

    ensure(a->running > 0);
    a->running--;
    forget(a, now);
    if (!failed)
        return false;
    if (a->failures < THROTTLE_FAILURES_MAX)
        a->failures++;
    if (a->failures == 1)
        a->forgot_at = now;
    a->hot = a->hot || a->failures >= THROTTLE_FAILURES_MAX;
    return a->hot && !was_hot;
}
