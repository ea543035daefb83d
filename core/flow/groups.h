/* groups.h - who is in which group, as a source tells with its sync: kept beside its
 * contacts, and asked when a view is made. */
#ifndef FLOW_GROUPS_H
#define FLOW_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    GROUPS_MAX = 256,
    GROUP_NAME_MAX = 256,
    GROUP_BYTES_MAX = 64 * 1024 /* of names of members */
};

/* Serialised: of each group its name, then its members.
 *   u32 length, name | u32 members, sorted | each: u32 length, name */

/* Adds one group. returns 0 | -CTR_EINVAL (no name, a name too long, told twice) |
 * -CTR_EFULL */
int groups_add(struct strbuf *groups, struct ctr_str name, const struct ctr_str *members,
               uint32_t n);
/* The old ones that `now` does not name, then those of `now` that have members. */
void groups_merge(struct ctr_str old, struct ctr_str now, struct strbuf *out);

struct membership {
    struct ctr_str name;
    struct ctr_str *members; /* sorted, ASCII case ignored */
    uint32_t n;
};

/* Ready to be asked. Zero-initialise. */
struct groups {
    struct strbuf bytes;
    struct membership *at;
    uint32_t n;
};

/* Takes the content of bytes, which is not trusted: what is not whole is left out. */
void groups_set(struct groups *groups, struct strbuf *bytes);
void groups_finish(struct groups *groups);
bool groups_have(const struct groups *groups, const char *group, struct ctr_str member);

#endif
