/* groups.c - the groups of a source: put together by its sync, read back, looked into. */
#include "flow/groups.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- reading the serialised form ------------------------------------------- */

struct reader {
    const char *at, *end;
};

static bool read_u32(struct reader *r, uint32_t *out)
{
    if (r->end - r->at < (ptrdiff_t)sizeof(*out))
        return false;
    memcpy(out, r->at, sizeof(*out));
    r->at += sizeof(*out);
    return true;
}

static bool read_str(struct reader *r, struct ctr_str *out)
{
    uint32_t len;

    if (!read_u32(r, &len) || len > (uint64_t)(r->end - r->at))
        return false;
    *out = str_make(r->at, len);
    r->at += len;
    return true;
}

/* One group; members may be NULL: passed over. */
static bool read_group(struct reader *r, struct ctr_str *name, uint32_t *n,
                       struct ctr_str **members)
{
    struct ctr_str *list = NULL, member;

    if (!read_str(r, name) || !read_u32(r, n) || *n > GROUP_BYTES_MAX)
        return false;
    if (members)
        list = xcalloc((size_t)*n + 1, sizeof(*list));
    for (uint32_t i = 0; i < *n; i++) {
        if (!read_str(r, &member)) {
            free(list);
            return false;
        }
        if (list)
            list[i] = member;
    }
    if (members)
        *members = list;
    return true;
}

static struct reader reader_of(struct ctr_str groups)
{
    return (struct reader){groups.ptr, groups.ptr + groups.len};
}

/* ---- the order of members -------------------------------------------------- */

static int lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static int cmp_nocase(struct ctr_str a, struct ctr_str b)
{
    for (uint64_t i = 0; i < a.len && i < b.len; i++) {
        int d = lower((unsigned char)a.ptr[i]) - lower((unsigned char)b.ptr[i]);

        if (d != 0)
            return d;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    return cmp_nocase(*(const struct ctr_str *)a, *(const struct ctr_str *)b);
}

/* ---- putting together ------------------------------------------------------ */

static bool has_group(struct ctr_str groups, struct ctr_str wanted, uint32_t *count)
{
    struct reader r = reader_of(groups);
    struct ctr_str name;
    uint32_t n;

    *count = 0;
    while (read_group(&r, &name, &n, NULL)) {
        if (str_eq(name, wanted))
            return true;
        ++*count;
    }
    return false;
}

static void put_u32(struct strbuf *out, uint32_t n)
{
    strbuf_add(out, &n, sizeof(n));
}

static void put_str(struct strbuf *out, struct ctr_str s)
{
    put_u32(out, (uint32_t)s.len);
    strbuf_str(out, s);
}

/* Here, on the sync's thread, so that the loop need not sort. */
static void put_sorted(struct strbuf *out, const struct ctr_str *members, uint32_t n)
{
    struct ctr_str *list = xcalloc((size_t)n + 1, sizeof(*list));

    for (uint32_t i = 0; i < n; i++)
        list[i] = members[i];
    qsort(list, n, sizeof(*list), by_name);
    for (uint32_t i = 0; i < n; i++)
        put_str(out, list[i]);
    free(list);
}

int groups_add(struct strbuf *groups, struct ctr_str name, const struct ctr_str *members,
               uint32_t n)
{
    uint64_t bytes = 0;
    uint32_t count;

    if (name.len == 0 || name.len > GROUP_NAME_MAX || (n > 0 && !members) ||
        has_group(str_make(groups->ptr, groups->len), name, &count))
        return -CTR_EINVAL;
    for (uint32_t i = 0; i < n && bytes <= GROUP_BYTES_MAX; i++) {
        if (members[i].len == 0 || !members[i].ptr)
            return -CTR_EINVAL;
        bytes += members[i].len > GROUP_BYTES_MAX ? GROUP_BYTES_MAX + 1 : members[i].len;
    }
    if (count == GROUPS_MAX || bytes > GROUP_BYTES_MAX)
        return -CTR_EFULL;
    put_str(groups, name);
    put_u32(groups, n);
    put_sorted(groups, members, n);
    return 0;
}

void groups_merge(struct ctr_str old, struct ctr_str now, struct strbuf *out)
{
    struct reader r = reader_of(old);
    struct ctr_str name;
    uint32_t n, count = 0, ignored;
    const char *from = r.at;

    for (; read_group(&r, &name, &n, NULL); from = r.at) {
        if (n == 0 || count == GROUPS_MAX || has_group(now, name, &ignored))
            continue;
        strbuf_add(out, from, (size_t)(r.at - from));
        count++;
    }
    r = reader_of(now);
    for (from = r.at; read_group(&r, &name, &n, NULL); from = r.at) {
        if (n == 0 || count == GROUPS_MAX)
            continue;
        strbuf_add(out, from, (size_t)(r.at - from));
        count++;
    }
}

/* ---- looking in ------------------------------------------------------------ */

static bool is_sorted(const struct membership *g)
{
    for (uint32_t i = 1; i < g->n; i++)
        if (by_name(&g->members[i - 1], &g->members[i]) > 0)
            return false;
    return true;
}

void groups_set(struct groups *groups, struct strbuf *bytes)
{
    struct membership g;
    struct reader r;

    groups_finish(groups);
    groups->bytes = *bytes;
    *bytes = (struct strbuf){0};
    r = reader_of(str_make(groups->bytes.ptr, groups->bytes.len));
    while (groups->n < GROUPS_MAX && read_group(&r, &g.name, &g.n, &g.members)) {
        if (!is_sorted(&g)) /* by an older version */
            qsort(g.members, g.n, sizeof(*g.members), by_name);
        groups->at = xrealloc(groups->at, (groups->n + 1u) * sizeof(*groups->at));
        groups->at[groups->n++] = g;
    }
}

void groups_finish(struct groups *groups)
{
    for (uint32_t i = 0; i < groups->n; i++)
        free(groups->at[i].members);
    free(groups->at);
    strbuf_finish(&groups->bytes);
    *groups = (struct groups){0};
}

bool groups_have(const struct groups *groups, const char *group, struct ctr_str member)
{
    for (uint32_t i = 0; i < groups->n; i++)
        if (str_eq_z(groups->at[i].name, group))
            return bsearch(&member, groups->at[i].members, groups->at[i].n,
                           sizeof(member), by_name) != NULL;
    return false;
}
