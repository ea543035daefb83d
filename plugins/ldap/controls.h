/* controls.h - request controls we know: paged results (RFC 2696), server-side sort
 * (RFC 2891), virtual list view (draft-ietf-ldapext-ldapv3-vlv-09), ManageDsaIT. */
#ifndef LDAP_CONTROLS_H
#define LDAP_CONTROLS_H

#include "conn.h"

/* What a request may carry. */
enum {
    CONTROL_PAGED = 1u << 0,
    CONTROL_SORT = 1u << 1,
    CONTROL_VLV = 1u << 2,
    CONTROL_MANAGE_DSA = 1u << 3
};

enum { SORT_KEYS_MAX = 8 };

struct controls {
    uint32_t have, critical; /* CONTROL_* */

    uint32_t page_size;
    struct ctr_str cookie;

    struct ctr_str sort_value; /* as sent: part of what a cookie belongs to */
    struct ctr_sort_key keys[SORT_KEYS_MAX];
    uint32_t n_keys;
    int sort_result; /* 0, or why it cannot be sorted */

    uint32_t before, after, offset, count;
    struct ctr_str target; /* absent: by offset */
    int vlv_result;
};

/* returns 0 | -CTR_EREFUSED (why) | -CTR_EFORMAT | -CTR_ENOMEM */
int controls_parse(const struct conn *c, struct pool *pool, struct ber list,
                   uint32_t allowed, struct controls *out, struct refusal *why);
/* For operations that know no control: answers and returns true when one is critical. */
bool controls_refuse(struct conn *c, const struct message *m);

/* Content of the [0] of a response. */
struct answer_controls {
    uint8_t data[256];
    size_t len;
};
void controls_put_paged(struct answer_controls *to, struct ctr_str cookie);
void controls_put_sorted(struct answer_controls *to, int result);
void controls_put_vlv(struct answer_controls *to, uint32_t position, uint32_t total,
                      int result);

#endif
