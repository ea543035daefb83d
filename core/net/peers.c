/* peers.c - counting sessions by source address, see peers.h. */
#include "net/peers.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

struct peers_entry {
    struct peers_entry *next;
    struct peers_key key;
    unsigned count;
};

void peers_init(struct peers *p, unsigned max, unsigned max_per_peer)
{
    *p = (struct peers){.max = max, .max_per_peer = max_per_peer};
    if (getrandom(&p->seed, sizeof(p->seed), GRND_NONBLOCK) != sizeof(p->seed))
        p->seed = (uint64_t)clock_us() * 0x9e3779b97f4a7c15u;
}

void peers_finish(struct peers *p)
{
    ensure(p->total == 0);
}

struct peers_key peers_key_of(const struct sockaddr *address)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct peers_key key = {0, AF_UNIX};

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        key.family = AF_INET;
        key.address = in->sin_addr.s_addr;
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in =
            (const struct sockaddr_in6 *)(const void *)address;
        uint32_t v4;

        if (memcmp(&in->sin6_addr, mapped, sizeof(mapped)) == 0) {
            memcpy(&v4, in->sin6_addr.s6_addr + sizeof(mapped), sizeof(v4));
            key.family = AF_INET;
            key.address = v4;
        } else {
            key.family = AF_INET6;
            memcpy(&key.address, &in->sin6_addr, sizeof(key.address));
        }
    }
    return key;
}

static struct peers_entry **find(struct peers *p, struct peers_key key)
{
    uint64_t h = (key.address ^ p->seed) * 0x9e3779b97f4a7c15u;
    struct peers_entry **at;

    h = (h ^ (h >> 32) ^ (uint64_t)key.family) * 0xd6e8feb86659fd93u;
    at = &p->buckets[(h >> 32) % PEERS_BUCKETS];
    while (*at && ((*at)->key.address != key.address || (*at)->key.family != key.family))
        at = &(*at)->next;
    return at;
}

enum peers_verdict peers_enter(struct peers *p, struct peers_key key)
{
    struct peers_entry **at = find(p, key);

    if (p->max > 0 && p->total >= p->max)
        return PEERS_TOO_MANY;
    if (*at && p->max_per_peer > 0 && (*at)->count >= p->max_per_peer)
        return PEERS_TOO_MANY_OF_PEER;
    if (!*at) {
        *at = xcalloc(1, sizeof(**at));
        (*at)->key = key;
    }
    (*at)->count++;
    p->total++;
    return PEERS_OK;
}

void peers_leave(struct peers *p, struct peers_key key)
{
    struct peers_entry **at = find(p, key);
    struct peers_entry *entry = *at;

    ensure(entry && p->total > 0);
    p->total--;
    if (--entry->count == 0) {
        *at = entry->next;
        free(entry);
    }
}
