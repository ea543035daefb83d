/* check.c - is the data file whole? Read page by page without LMDB, which trusts what it
 * finds: a hit in a page may make it crash, hang, or answer wrongly.
 *
 * Checked are: both roots; every page of every tree, its header, node bounds, key order
 * and the separators above it; that no page is used twice or used and free; the counts of
 * each tree; the rows of "meta" with their checksums; and the rows of each source against
 * the sum kept there. What is not checked cannot be seen: free pages, slack, and the root
 * before the last.
 *
 * The layout is that of LMDB's data version 1 (0.9.x) with 64-bit words. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cache/impl.h"
#include "cache/stage.h"

enum {
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
    NODE_BIG = 0x01,
    NODE_SUB = 0x02,
    PAGE_HEAD = 16,
    NODE_HEAD = 8,
    META_MAGIC_AT = PAGE_HEAD,
    TREE_SIZE = 48,
    META_TREES_AT = PAGE_HEAD + 24,
    META_LAST_AT = META_TREES_AT + 2 * TREE_SIZE,
    META_TXN_AT = META_LAST_AT + 8,
    META_END = META_TXN_AT + 8,
    DEPTH_MAX = 32,
    NAMED_MAX = 1 + CACHE_SLOTS_MAX * DB_COUNT,
    SLACK_PAGES = 1 << 20 /* allocated at the end, freed again, never written */
};

#define MAGIC   0xBEEFC0DEu
#define NO_PAGE UINT64_MAX

/* What a root, or the record of a named database, says. */
struct tree {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
};

struct named {
    struct tree tree;
    uint32_t slot; /* UINT32_MAX: "meta" */
    enum db db;
};

struct checker {
    int fd;
    uint64_t file_pages, last_page, txn;
    uint32_t page_size;
    const char *why;
    bool foreign;
    uint8_t *used;            /* a bit a page */
    uint8_t *page[DEPTH_MAX]; /* one buffer a level */
    uint8_t *big;             /* an overflow value */
    size_t big_cap;

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

struct bytes {
    const uint8_t *ptr;
    size_t len;
};

typedef bool (*row_fn)(struct checker *ck, unsigned flags, struct bytes key,
                       struct bytes value);

struct visit {
    const struct tree *tree;
    struct tree seen; /* the counts */
    row_fn row;
};

static bool bad(struct checker *ck, const char *why)
{
    if (!ck->why)
        ck->why = why;
    return false;
}

static uint16_t get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static void get_tree(const uint8_t *p, struct tree *t)
{
    t->pad = get32(p);
    t->flags = get16(p + 4);
    t->depth = get16(p + 6);
    t->branches = get64(p + 8);
    t->leaves = get64(p + 16);
    t->overflows = get64(p + 24);
    t->entries = get64(p + 32);
    t->root = get64(p + 40);
}

/* ---- pages ---- */

static bool page_mark(struct checker *ck, uint64_t pgno)
{
    uint8_t bit = (uint8_t)(1u << (pgno & 7));

    if (pgno < 2 || pgno > ck->last_page)
        return bad(ck, "a page number is out of range");
    if (ck->used[pgno >> 3] & bit)
        return bad(ck, "a page is used twice");
    ck->used[pgno >> 3] |= bit;
    return true;
}

static bool page_read(struct checker *ck, uint64_t pgno, uint8_t *out, size_t n)
{
    if (pgno >= ck->file_pages || n > (ck->file_pages - pgno) * ck->page_size)
        return bad(ck, "the file is too short");
    if (temp_read(ck->fd, out, n, pgno * ck->page_size) != 0)
        return bad(ck, "the file cannot be read");
    return true;
}

static int key_order(const struct tree *t, struct bytes a, struct bytes b)
{
    int c;

    if (t->flags & MDB_INTEGERKEY) {
        uint64_t x = a.len == 8 ? get64(a.ptr) : get32(a.ptr);
        uint64_t y = b.len == 8 ? get64(b.ptr) : get32(b.ptr);

        return x < y ? -1 : x > y;
    }
    c = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

static bool key_good(struct checker *ck, const struct visit *v, struct bytes key)
{
    size_t want = v->tree == NULL                      ? 0
                  : !(v->tree->flags & MDB_INTEGERKEY) ? 0
                  : ck->slot == UINT32_MAX             ? 8
                                                       : 4;

    if (key.len == 0 || key.len > 511 || (want && key.len != want))
        return bad(ck, "a key has no possible length");
    return true;
}

/* The value of a leaf's node, read from its overflow pages if it lies there. */
static bool node_value(struct checker *ck, struct visit *v, const uint8_t *node,
                       struct bytes *value)
{
    uint64_t pgno;
    size_t pages;

    value->len = (size_t)get16(node) | (size_t)get16(node + 2) << 16;
    value->ptr = node + NODE_HEAD + get16(node + 6);
    if (!(get16(node + 4) & NODE_BIG))
        return true;
    pgno = get64(value->ptr);
    pages = (PAGE_HEAD + value->len + ck->page_size - 1) / ck->page_size;
    for (size_t i = 0; i < pages; i++)
        if (!page_mark(ck, pgno + i))
            return false;
    if (pages * ck->page_size > ck->big_cap) {
        if (pgno >= ck->file_pages || pages > ck->file_pages - pgno)
            return bad(ck, "the file is too short");
        free(ck->big);
        ck->big_cap = 0;
        ck->big = malloc(pages * ck->page_size);
        if (!ck->big)
            return bad(ck, "a value is too large");
        ck->big_cap = pages * ck->page_size;
    }
    /* The last page may end before its end does in the file. */
    if (!page_read(ck, pgno, ck->big, PAGE_HEAD + value->len))
        return false;
    if (get64(ck->big) != pgno || get16(ck->big + 10) != PAGE_OVERFLOW ||
        get32(ck->big + 12) != pages)
        return bad(ck, "an overflow page's header is wrong");
    v->seen.overflows += pages;
    value->ptr = ck->big + PAGE_HEAD;
    return true;
}

/* Bytes of a node, or 0 when it does not fit its page. */
static size_t node_size(struct checker *ck, const uint8_t *page, unsigned i, bool leaf)
{
    unsigned at = get16(page + PAGE_HEAD + 2 * i);
    const uint8_t *node = page + at;
    size_t size = NODE_HEAD;

    if (at < get16(page + 14) || (at & 1) || at + NODE_HEAD > ck->page_size)
        return 0;
    size += get16(node + 6);
    if (leaf && (get16(node + 4) & NODE_BIG))
        size += 8;
    else if (leaf)
        size += (size_t)get16(node) | (size_t)get16(node + 2) << 16;
    return at + size > ck->page_size ? 0 : (size + 1) & ~(size_t)1;
}

static bool page_good(struct checker *ck, const uint8_t *page, uint64_t pgno, bool leaf)
{
    unsigned lower = get16(page + 12), upper = get16(page + 14);
    unsigned n = lower < PAGE_HEAD ? 0 : (lower - PAGE_HEAD) / 2;
    size_t sum = 0;

    if (get64(page) != pgno || get16(page + 10) != (leaf ? PAGE_LEAF : PAGE_BRANCH))
        return bad(ck, "a page's header is wrong");
    if (n == 0 || (lower & 1) || lower > upper || upper > ck->page_size)
        return bad(ck, "a page's bounds are wrong");
    for (unsigned i = 0; i < n; i++) {
        size_t size = node_size(ck, page, i, leaf);

        if (size == 0)
            return bad(ck, "an entry does not fit its page");
        sum += size;
    }
    return sum == ck->page_size - upper || bad(ck, "a page's entries do not fill it");
}

static struct bytes node_key(const uint8_t *page, unsigned i)
{
    const uint8_t *node = page + get16(page + PAGE_HEAD + 2 * i);

    return (struct bytes){node + NODE_HEAD, get16(node + 6)};
}

static bool visit_page(struct checker *ck, struct visit *v, uint64_t pgno, unsigned level,
                       struct bytes lo, struct bytes hi);

static bool visit_leaf(struct checker *ck, struct visit *v, const uint8_t *page,
                       struct bytes lo, struct bytes hi)
{
    unsigned n = (get16(page + 12) - PAGE_HEAD) / 2u;
    struct bytes last = {NULL, 0};

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *node = page + get16(page + PAGE_HEAD + 2 * i);
        struct bytes key = node_key(page, i), value;

        if (!key_good(ck, v, key))
            return false;
        if ((last.ptr && key_order(v->tree, last, key) >= 0) ||
            (i == 0 && lo.ptr && key_order(v->tree, lo, key) > 0) ||
            (hi.ptr && key_order(v->tree, key, hi) >= 0))
            return bad(ck, "keys are out of order");
        last = key;
        if (!node_value(ck, v, node, &value) || !v->row(ck, get16(node + 4), key, value))
            return bad(ck, "a row is wrong");
    }
    v->seen.leaves++;
    v->seen.entries += n;
    return true;
}

static bool visit_branch(struct checker *ck, struct visit *v, const uint8_t *page,
                         unsigned level, struct bytes lo, struct bytes hi)
{
    unsigned n = (get16(page + 12) - PAGE_HEAD) / 2u;

    v->seen.branches++;
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *node = page + get16(page + PAGE_HEAD + 2 * i);
        uint64_t child = (uint64_t)get16(node) | (uint64_t)get16(node + 2) << 16 |
                         (uint64_t)get16(node + 4) << 32;
        struct bytes from = lo, to = hi;

        if (i > 0)
            from = node_key(page, i); /* the first one's key has no meaning */
        if (i + 1 < n)
            to = node_key(page, i + 1);
        if ((i > 0 && !key_good(ck, v, from)) || (i + 1 < n && !key_good(ck, v, to)))
            return false;
        if (from.ptr && to.ptr && key_order(v->tree, from, to) >= 0)
            return bad(ck, "separators are out of order");
        if (!visit_page(ck, v, child, level + 1, from, to))
            return false;
    }
    return true;
}

static bool visit_page(struct checker *ck, struct visit *v, uint64_t pgno, unsigned level,
                       struct bytes lo, struct bytes hi)
{
    bool leaf = level + 1 == v->tree->depth;
    uint8_t *page;

    if (!ck->page[level])
        ck->page[level] = xmalloc(ck->page_size);
    page = ck->page[level];
    if (!page_mark(ck, pgno) || !page_read(ck, pgno, page, ck->page_size) ||
        !page_good(ck, page, pgno, leaf))
        return false;
    return leaf ? visit_leaf(ck, v, page, lo, hi)
                : visit_branch(ck, v, page, level, lo, hi);
}

static bool visit_tree(struct checker *ck, const struct tree *t, row_fn row)
{
    struct visit v = {.tree = t, .row = row};

    if (t->root == NO_PAGE || t->depth == 0) {
        if (t->root != NO_PAGE || t->depth || t->entries || t->branches || t->leaves ||
            t->overflows)
            return bad(ck, "an empty database is not empty");
        return true;
    }
    if (t->depth > DEPTH_MAX)
        return bad(ck, "a database is too deep");
    if (!visit_page(ck, &v, t->root, 0, (struct bytes){0}, (struct bytes){0}))
        return false;
    if (v.seen.branches != t->branches || v.seen.leaves != t->leaves ||
        v.seen.overflows != t->overflows || v.seen.entries != t->entries)
        return bad(ck, "a database's counts are wrong");
    return true;
}

/* ---- rows ---- */

/* Pages free since a transaction: their number, then they, falling. */
static bool free_row(struct checker *ck, unsigned flags, struct bytes key,
                     struct bytes value)
{
    uint64_t n = value.len < 8 ? UINT64_MAX : get64(value.ptr), last = UINT64_MAX;

    if ((flags & ~(unsigned)NODE_BIG) || get64(key.ptr) > ck->txn || n >= value.len / 8)
        return bad(ck, "the list of free pages is wrong");
    for (uint64_t i = 1; i <= n; i++) {
        uint64_t pgno = get64(value.ptr + 8 * i);

        if (pgno >= last || !page_mark(ck, pgno))
            return bad(ck, "the list of free pages is wrong");
        last = pgno;
    }
    return true;
}

static bool main_row(struct checker *ck, unsigned flags, struct bytes key,
                     struct bytes value)
{
    struct named *d = &ck->named[ck->n_named];
    struct ctr_str name = str_make((const char *)key.ptr, key.len);
    unsigned slot = UINT32_MAX;
    bool meta = str_eq_z(name, "meta");

    if (flags != NODE_SUB || value.len != TREE_SIZE || ck->n_named == NAMED_MAX ||
        (!meta && !slot_db_parse(name, &slot, &d->db))) {
        ck->foreign = true;
        return bad(ck, "it holds something else");
    }
    get_tree(value.ptr, &d->tree);
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

static bool meta_row(struct checker *ck, unsigned flags, struct bytes key,
                     struct bytes value)
{
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
        ck->foreign = true;
        return bad(ck, "another version wrote it");
    case META_TXN:
        ck->has_txn = true;
        return txn == ck->txn || bad(ck, "it is not the last state");
    case META_SOURCE:
        return claim(ck, slot, sum, contacts);
    case META_GROUPS:
        return true;
    case META_BAD:
        break;
    }
    return bad(ck, "a row of \"meta\" is wrong");
}

static bool slot_row(struct checker *ck, unsigned flags, struct bytes key,
                     struct bytes value)
{
    if (flags & ~(unsigned)NODE_BIG)
        return bad(ck, "a row's flags are wrong");
    ck->sum[ck->slot] += row_hash(ck->db, key.ptr, key.len, value.ptr, value.len);
    ck->records[ck->slot] += ck->db == DB_REC;
    return true;
}

/* ---- the file ---- */

static bool read_root(struct checker *ck, const uint8_t *page, uint64_t pgno)
{
    if (get64(page) != pgno || get16(page + 10) != PAGE_META ||
        get32(page + META_MAGIC_AT) != MAGIC)
        return bad(ck, "a root page is wrong");
    if (get32(page + META_MAGIC_AT + 4) != 1) {
        ck->foreign = true;
        return bad(ck, "another version of LMDB wrote it");
    }
    return true;
}

static bool size_good(uint32_t n)
{
    return n >= 512 && n <= 65536 && (n & (n - 1)) == 0;
}

/* The newer of the two roots, as LMDB picks it. */
static bool read_roots(struct checker *ck, struct tree *free_tree, struct tree *main_tree)
{
    uint8_t a[META_END], b[META_END];
    const uint8_t *root;
    struct stat st;

    if (fstat(ck->fd, &st) != 0 || temp_read(ck->fd, a, sizeof(a), 0) != 0 ||
        !read_root(ck, a, 0))
        return bad(ck, "the file is too short");
    ck->page_size = get32(a + META_TREES_AT);
    if (!size_good(ck->page_size) ||
        temp_read(ck->fd, b, sizeof(b), ck->page_size) != 0 || !read_root(ck, b, 1) ||
        get32(b + META_TREES_AT) != ck->page_size)
        return bad(ck, "a root page is wrong");
    root = get64(a + META_TXN_AT) < get64(b + META_TXN_AT) ? b : a;
    get_tree(root + META_TREES_AT, free_tree);
    get_tree(root + META_TREES_AT + TREE_SIZE, main_tree);
    ck->last_page = get64(root + META_LAST_AT);
    ck->txn = get64(root + META_TXN_AT);
    ck->file_pages = (uint64_t)st.st_size / ck->page_size;
    /* The free list's flags are also the environment's. */
    if (free_tree->flags != (MDB_INTEGERKEY | MDB_NOSUBDIR) || main_tree->flags != 0 ||
        main_tree->pad)
        return bad(ck, "a root's flags are wrong");
    if (ck->last_page > ck->file_pages + SLACK_PAGES)
        return bad(ck, "the file is too short");
    return true;
}

static bool check_named(struct checker *ck, bool meta)
{
    for (unsigned i = 0; i < ck->n_named; i++) {
        struct named *d = &ck->named[i];

        if ((d->slot == UINT32_MAX) != meta)
            continue;
        ck->slot = d->slot;
        ck->db = d->db;
        if (!visit_tree(ck, &d->tree, meta ? meta_row : slot_row))
            return false;
    }
    return true;
}

static bool check_all(struct checker *ck)
{
    struct tree free_tree, main_tree;

    if (!read_roots(ck, &free_tree, &main_tree))
        return false;
    ck->used = calloc(ck->last_page / 8 + 1, 1);
    if (!ck->used)
        return bad(ck, "it is too large");
    ck->slot = UINT32_MAX;
    if (!visit_tree(ck, &main_tree, main_row) || !visit_tree(ck, &free_tree, free_row) ||
        !check_named(ck, true))
        return false;
    if (ck->n_named == 0)
        return true; /* ended before its first transaction did */
    if (!ck->has_format || !ck->has_txn) {
        ck->foreign = true;
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

    ck->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (ck->fd < 0) {
        if (errno != ENOENT)
            result = bad(ck, "the file cannot be opened") ? CHECK_GOOD : CHECK_DAMAGED;
    } else if (!check_all(ck)) {
        result = ck->foreign ? CHECK_FOREIGN : CHECK_DAMAGED;
    }
    *why = ck->why;
    if (ck->fd >= 0)
        close(ck->fd);
    for (unsigned i = 0; i < DEPTH_MAX; i++)
        free(ck->page[i]);
    free(ck->big);
    free(ck->used);
    free(ck);
    return result;
}
