/* check.c - is the data file whole?
 *
 * What its pages and trees say is read and checked without LMDB (pages.h). Checked here
 * are: that no page is used and free; the rows of "meta" with their checksums; and the
 * rows of each source against the sum kept there. What is not checked cannot be seen:
 * free pages, slack, and the root before the last. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cache/impl.h"
#include "cache/pages.h"

enum {
    NAMED_MAX = 1 + CACHE_SLOTS_MAX * DB_COUNT,
    RECNO_SIZE = 4, /* of keys that are numbers */
    TXN_SIZE = 8
};

struct named {
    struct tree tree;
    uint32_t slot; /* UINT32_MAX: "meta" */
    enum db db;
};

struct checker {
    struct pages pages;
    struct named named[NAMED_MAX];
    unsigned n_named;
    enum db db; /* of the tree under way */
    uint32_t slot;

    uint64_t sum[CACHE_SLOTS_MAX], records[CACHE_SLOTS_MAX];
    struct {
        bool claimed;
        uint64_t sum, contacts;
    } want[CACHE_SLOTS_MAX];
    bool has_format, has_txn;
};

static bool bad(struct checker *ck, const char *why)
{
    return pages_bad(&ck->pages, why);
}

/* ---- rows ---- */

/* Pages free since a transaction: their number, then they, falling. */
static bool free_row(void *arg, unsigned flags, struct bytes key, struct bytes value)
{
    struct checker *ck = arg;
    uint64_t n = value.len < 8 ? UINT64_MAX : get64(value.ptr), last = UINT64_MAX;

    if ((flags & ~(unsigned)NODE_BIG) || get64(key.ptr) > ck->pages.txn ||
        n >= value.len / 8)
        return bad(ck, "the list of free pages is wrong");
    for (uint64_t i = 1; i <= n; i++) {
        uint64_t pgno = get64(value.ptr + 8 * i);

        if (pgno >= last || !pages_mark(&ck->pages, pgno))
            return bad(ck, "the list of free pages is wrong");
        last = pgno;
    }
    return true;
}

static bool main_row(void *arg, unsigned flags, struct bytes key, struct bytes value)
{
    struct checker *ck = arg;
    struct named *d = &ck->named[ck->n_named];
    struct ctr_str name = str_make((const char *)key.ptr, key.len);
    unsigned slot = UINT32_MAX;
    bool meta = str_eq_z(name, "meta");

    if (flags != NODE_SUB || value.len != TREE_SIZE || ck->n_named == NAMED_MAX ||
        (!meta && !slot_db_parse(name, &slot, &d->db))) {
        ck->pages.foreign = true;
        return bad(ck, "it holds something else");
    }
    tree_read(value.ptr, &d->tree);
    d->slot = slot;
    if (d->tree.pad || d->tree.flags != (meta ? 0 : slot_db_flags(d->db)))
        return bad(ck, "a database's flags are wrong");
    ck->n_named++;
    return true;
}

static bool claim(struct checker *ck, uint32_t slot, uint64_t sum, uint64_t contacts)
{
    if (slot == UINT32_MAX)
        return contacts == 0 || bad(ck, "a source's row is wrong");
    if (ck->want[slot].claimed)
        return bad(ck, "two sources claim the same contacts");
    ck->want[slot].claimed = true;
    ck->want[slot].sum = sum;
    ck->want[slot].contacts = contacts;
    return true;
}

static bool meta_row(void *arg, unsigned flags, struct bytes key, struct bytes value)
{
    struct checker *ck = arg;
    uint64_t txn = 0, sum = 0, contacts = 0;
    uint32_t slot = 0;

    if (flags & ~(unsigned)NODE_BIG)
        return bad(ck, "a row of \"meta\" is wrong");
    switch (meta_read_row(str_make((const char *)key.ptr, key.len),
                          str_make((const char *)value.ptr, value.len), &txn, &slot, &sum,
                          &contacts)) {
    case META_FORMAT_GOOD:
        ck->has_format = true;
        return true;
    case META_FORMAT_FOREIGN:
        ck->pages.foreign = true;
        return bad(ck, "another version wrote it");
    case META_TXN:
        ck->has_txn = true;
        return txn == ck->pages.txn || bad(ck, "it is not the last state");
    case META_SOURCE:
        return claim(ck, slot, sum, contacts);
    case META_GROUPS:
        return true;
    case META_BAD:
        break;
    }
    return bad(ck, "a row of \"meta\" is wrong");
}

static bool slot_row(void *arg, unsigned flags, struct bytes key, struct bytes value)
{
    struct checker *ck = arg;

    if (flags & ~(unsigned)NODE_BIG)
        return bad(ck, "a row's flags are wrong");
    ck->sum[ck->slot] += row_hash(ck->db, key.ptr, key.len, value.ptr, value.len);
    ck->records[ck->slot] += ck->db == DB_REC;
    return true;
}

/* ---- the file ---- */

static bool check_named(struct checker *ck, bool meta)
{
    for (unsigned i = 0; i < ck->n_named; i++) {
        struct named *d = &ck->named[i];

        if ((d->slot == UINT32_MAX) != meta)
            continue;
        ck->slot = d->slot;
        ck->db = d->db;
        if (!pages_visit(&ck->pages, &d->tree, RECNO_SIZE, meta ? meta_row : slot_row,
                         ck))
            return false;
    }
    return true;
}

static bool check_all(struct checker *ck)
{
    struct tree free_tree, main_tree;

    if (!pages_roots(&ck->pages, &free_tree, &main_tree) ||
        !pages_visit(&ck->pages, &main_tree, 0, main_row, ck) ||
        !pages_visit(&ck->pages, &free_tree, TXN_SIZE, free_row, ck) ||
        !check_named(ck, true))
        return false;
    if (ck->n_named == 0)
        return true; /* ended before its first transaction did */
    if (!ck->has_format || !ck->has_txn) {
        ck->pages.foreign = true;
        return bad(ck, "it holds something else");
    }
    if (!check_named(ck, false))
        return false;
    for (unsigned n = 0; n < CACHE_SLOTS_MAX; n++)
        if (ck->want[n].claimed &&
            (ck->want[n].sum != ck->sum[n] || ck->want[n].contacts != ck->records[n]))
            return bad(ck, "a source's contacts are not those that were stored");
    return true;
}

enum check_result check_file(const char *path, const char **why)
{
    struct checker *ck = xcalloc(1, sizeof(*ck));
    enum check_result result = CHECK_GOOD;

    ck->pages.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (ck->pages.fd < 0) {
        if (errno != ENOENT) {
            bad(ck, "the file cannot be opened");
            result = CHECK_DAMAGED;
        }
    } else if (!check_all(ck)) {
        result = ck->pages.foreign ? CHECK_FOREIGN : CHECK_DAMAGED;
    }
    *why = ck->pages.why;
    pages_finish(&ck->pages);
    free(ck);
    return result;
}
