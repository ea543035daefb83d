/* cursor.c - how far a sync has read, as text:
 *
 *     2 SHAPE SERIAL FULL-AT GROUPS syncrepl COOKIE,COOKIE   (in hexadecimal, one a base)
 *     2 SHAPE SERIAL FULL-AT GROUPS usn NUMBER INVOCATION-ID
 *     2 SHAPE SERIAL FULL-AT GROUPS modify_timestamp SECONDS */
#include "cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 65000 };

int32_t cursor_cookie(struct cursor *c, uint32_t base, const char *bytes, size_t len)
{
    char *copy;

    if (base >= BASES_MAX || len > COOKIE_MAX)
        return -CTR_ESIZE;
    copy = malloc(len + 1);
    if (!copy)
        return -CTR_ENOMEM;
    memcpy(copy, bytes, len);
    copy[len] = 0;
    free(c->cookie[base].bytes);
    c->cookie[base].bytes = copy;
    c->cookie[base].len = len;
    if (c->n_cookies <= base)
        c->n_cookies = base + 1;
    return 0;
}

void cursor_finish(struct cursor *c)
{
    for (uint32_t i = 0; i < BASES_MAX; i++)
        free(c->cookie[i].bytes);
    *c = (struct cursor){0};
}

/* --- writing --------------------------------------------------------------------------
 */

static void put_cookies(const struct cursor *c, char *out, size_t cap)
{
    size_t n = strlen(out);

    for (uint32_t i = 0; i < c->n_cookies; i++) {
        if (i > 0 && n + 1 < cap)
            out[n++] = ',';
        for (size_t k = 0; k < c->cookie[i].len && n + 3 < cap; k++)
            n += (size_t)snprintf(out + n, 3, "%02x", (uint8_t)c->cookie[i].bytes[k]);
    }
    out[n] = 0;
}

static size_t room(const struct cursor *c)
{
    size_t n = 256;

    for (uint32_t i = 0; i < c->n_cookies; i++)
        n += 2 * c->cookie[i].len + 1;
    return n;
}

char *cursor_text(const struct cursor *c, uint64_t shape)
{
    size_t cap = room(c);
    char *out = malloc(cap);
    int n;

    if (!out)
        return NULL;
    n = snprintf(out, cap, "2 %016" PRIx64 " %" PRIu64 " %" PRId64 " %016" PRIx64 " ",
                 shape, c->serial, c->full_at, c->groups);
    if (c->mode == DELTA_SYNCREPL) {
        snprintf(out + n, cap - (size_t)n, "syncrepl ");
        put_cookies(c, out, cap);
    } else if (c->mode == DELTA_USN) {
        snprintf(out + n, cap - (size_t)n, "usn %" PRIu64 " %s", c->usn, c->dc);
    } else {
        snprintf(out + n, cap - (size_t)n, "modify_timestamp %" PRId64, c->modified);
    }
    return out;
}

/* --- reading --------------------------------------------------------------------------
 */

static int32_t get_cookie(struct cursor *c, uint32_t base, const char *hex, size_t n)
{
    char *bytes = malloc(n / 2 + 1);
    int32_t rc = n % 2 || !bytes ? -CTR_ENOENT : 0;

    for (size_t i = 0; rc == 0 && i < n; i += 2) {
        char two[3] = {hex[i], hex[i + 1], 0}, *end;

        bytes[i / 2] = (char)strtoul(two, &end, 16);
        if (*end || two[0] == '-' || two[0] == '+' || two[0] == ' ')
            rc = -CTR_ENOENT;
    }
    if (rc == 0 && cursor_cookie(c, base, bytes, n / 2) != 0)
        rc = -CTR_ENOENT;
    free(bytes);
    return rc;
}

static int32_t get_cookies(struct cursor *c, const char *text)
{
    int32_t rc = 0;

    for (uint32_t base = 0; rc == 0; base++) {
        size_t n = strcspn(text, ",");

        rc = base < BASES_MAX ? get_cookie(c, base, text, n) : -CTR_ENOENT;
        if (!text[n])
            break;
        text += n + 1;
    }
    return rc;
}

static int32_t parse(struct cursor *c, const char *text, uint64_t shape)
{
    uint64_t theirs;
    int at = 0;

    if (sscanf(text, "2 %16" SCNx64 " %" SCNu64 " %" SCNd64 " %16" SCNx64 " %n", &theirs,
               &c->serial, &c->full_at, &c->groups, &at) != 4 ||
        at == 0 || theirs != shape || c->serial == 0)
        return -CTR_ENOENT;
    text += at;
    if (strncmp(text, "syncrepl ", 9) == 0) {
        c->mode = DELTA_SYNCREPL;
        return get_cookies(c, text + 9);
    }
    if (sscanf(text, "usn %" SCNu64 " %79s", &c->usn, c->dc) == 2) {
        c->mode = DELTA_USN;
        return 0;
    }
    if (sscanf(text, "modify_timestamp %" SCNd64, &c->modified) == 1) {
        c->mode = DELTA_MODIFY_TIMESTAMP;
        return 0;
    }
    return -CTR_ENOENT;
}

int32_t cursor_parse(struct cursor *c, struct ctr_str text, uint64_t shape)
{
    char *z;
    int32_t rc;

    *c = (struct cursor){0};
    if (text.len == 0 || text.len > TEXT_MAX || memchr(text.ptr, 0, text.len))
        return -CTR_ENOENT;
    z = strndup(text.ptr, text.len);
    if (!z)
        return -CTR_ENOMEM;
    rc = parse(c, z, shape);
    free(z);
    if (rc != 0)
        cursor_finish(c);
    return rc;
}
