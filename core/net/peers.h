/* peers.h - how many sessions there are, in all and from each source address.
 *
 * IPv6 hosts choose their lower 64 bits as they like, so a /64 counts as one source. */
#ifndef NET_PEERS_H
#define NET_PEERS_H

#include <stdint.h>
#include <sys/socket.h>

enum { PEERS_BUCKETS = 256 };

struct peers_entry;

struct peers {
    unsigned total;
    unsigned max;          /* 0: no limit */
    unsigned max_per_peer; /* 0: no limit */
    uint64_t seed;         /* so that nobody outside can choose the bucket */
    struct peers_entry *buckets[PEERS_BUCKETS];
};

/* What counts as one source. */
struct peers_key {
    uint64_t address;
    int family;
};

enum peers_verdict { PEERS_OK, PEERS_TOO_MANY, PEERS_TOO_MANY_OF_PEER };

void peers_init(struct peers *p, unsigned max, unsigned max_per_peer);
void peers_finish(struct peers *p); /* all must have left */

struct peers_key peers_key_of(const struct sockaddr *address);
enum peers_verdict peers_enter(struct peers *p, struct peers_key key);
void peers_leave(struct peers *p, struct peers_key key);

#endif
