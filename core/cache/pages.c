/* pages.c - see pages.h. */
#include "cache/pages.h"

#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cache/stage.h"

enum {
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
    PAGE_HEAD = 16,
    NODE_HEAD = 8,
    META_MAGIC_AT = PAGE_HEAD,
    META_TREES_AT = PAGE_HEAD + 24,
    META_LAST_AT = META_TREES_AT + 2 * TREE_SIZE,
    META_TXN_AT = META_LAST_AT + 8,
    META_END = META_TXN_AT + 8,
    SLACK_PAGES = 1 << 20 /* allocated at the end, freed again, never written */
};

#define MAGIC   0xBEEFC0DEu
#define NO_PAGE UINT64_MAX

struct visit {
    const struct tree *tree;
    size_t number_size;
    struct tree seen; /* the counts */
    pages_row_fn row;
    void *arg;
};

bool pages_bad(struct pages *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return false;
}

void tree_read(const uint8_t *p, struct tree *t)
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

/* ---- pages and trees ---- */

bool pages_mark(struct pages *p, uint64_t pgno)
{
    uint8_t bit = (uint8_t)(1u << (pgno & 7));

    if (pgno < 2 || pgno > p->last_page)
        return pages_bad(p, "a page number is out of range");
    if (p->used[pgno >> 3] & bit)
        return pages_bad(p, "a page is used twice");
    p->used[pgno >> 3] |= bit;
    return true;
}

static bool page_read(struct pages *p, uint64_t pgno, uint8_t *out, size_t n)
{
    if (pgno >= p->file_pages || n > (p->file_pages - pgno) * p->page_size)
        return pages_bad(p, "the file is too short");
    if (temp_read(p->fd, out, n, pgno * p->page_size) != 0)
        return pages_bad(p, "the file cannot be read");
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

static bool key_good(struct pages *p, const struct visit *v, struct bytes key)
{
    size_t want = v->tree->flags & MDB_INTEGERKEY ? v->number_size : 0;

    if (key.len == 0 || key.len > 511 || (want && key.len != want))
        return pages_bad(p, "a key has no possible length");
    return true;
}

/* The value of a leaf's node, read from its overflow pages if it lies there. */
static bool node_value(struct pages *p, struct visit *v, const uint8_t *node,
                       struct bytes *value)
{
    uint64_t pgno;
    size_t pages;

    value->len = (size_t)get16(node) | (size_t)get16(node + 2) << 16;
    value->ptr = node + NODE_HEAD + get16(node + 6);
    if (!(get16(node + 4) & NODE_BIG))
        return true;
    pgno = get64(value->ptr);
    pages = (PAGE_HEAD + value->len + p->page_size - 1) / p->page_size;
    for (size_t i = 0; i < pages; i++)
        if (!pages_mark(p, pgno + i))
            return false;
    if (pages * p->page_size > p->big_cap) {
        if (pgno >= p->file_pages || pages > p->file_pages - pgno)
            return pages_bad(p, "the file is too short");
        free(p->big);
        p->big_cap = 0;
        p->big = malloc(pages * p->page_size);
        if (!p->big)
            return pages_bad(p, "a value is too large");
        p->big_cap = pages * p->page_size;
    }
    /* The last page may end before its end does in the file. */
    if (!page_read(p, pgno, p->big, PAGE_HEAD + value->len))
        return false;
    if (get64(p->big) != pgno || get16(p->big + 10) != PAGE_OVERFLOW ||
        get32(p->big + 12) != pages)
        return pages_bad(p, "an overflow page's header is wrong");
    v->seen.overflows += pages;
    value->ptr = p->big + PAGE_HEAD;
    return true;
}

/* Bytes of a node, or 0 when it does not fit its page. */
static size_t node_size(struct pages *p, const uint8_t *page, unsigned i, bool leaf)
{
    unsigned at = get16(page + PAGE_HEAD + 2 * i);
    const uint8_t *node = page + at;
    size_t size = NODE_HEAD;

    if (at < get16(page + 14) || (at & 1) || at + NODE_HEAD > p->page_size)
        return 0;
    size += get16(node + 6);
    if (leaf && (get16(node + 4) & NODE_BIG))
        size += 8;
    else if (leaf)
        size += (size_t)get16(node) | (size_t)get16(node + 2) << 16;
    return at + size > p->page_size ? 0 : (size + 1) & ~(size_t)1;
}

static bool page_good(struct pages *p, const uint8_t *page, uint64_t pgno, bool leaf)
{
    unsigned lower = get16(page + 12), upper = get16(page + 14);
    unsigned n = lower < PAGE_HEAD ? 0 : (lower - PAGE_HEAD) / 2;
    size_t sum = 0;

    if (get64(page) != pgno || get16(page + 10) != (leaf ? PAGE_LEAF : PAGE_BRANCH))
        return pages_bad(p, "a page's header is wrong");
    if (n == 0 || (lower & 1) || lower > upper || upper > p->page_size)
        return pages_bad(p, "a page's bounds are wrong");
    for (unsigned i = 0; i < n; i++) {
        size_t size = node_size(p, page, i, leaf);

        if (size == 0)
            return pages_bad(p, "an entry does not fit its page");
        sum += size;
    }
    return sum == p->page_size - upper || pages_bad(p, "a page's entries do not fill it");
}

static struct bytes node_key(const uint8_t *page, unsigned i)
{
    const uint8_t *node = page + get16(page + PAGE_HEAD + 2 * i);

    return (struct bytes){node + NODE_HEAD, get16(node + 6)};
}

static bool visit_page(struct pages *p, struct visit *v, uint64_t pgno, unsigned level,
                       struct bytes lo, struct bytes hi);

static bool visit_leaf(struct pages *p, struct visit *v, const uint8_t *page,
                       struct bytes lo, struct bytes hi)
{
    unsigned n = (get16(page + 12) - PAGE_HEAD) / 2u;
    struct bytes last = {NULL, 0};

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *node = page + get16(page + PAGE_HEAD + 2 * i);
        struct bytes key = node_key(page, i), value;

        if (!key_good(p, v, key))
            return false;
        if ((last.ptr && key_order(v->tree, last, key) >= 0) ||
            (i == 0 && lo.ptr && key_order(v->tree, lo, key) > 0) ||
            (hi.ptr && key_order(v->tree, key, hi) >= 0))
            return pages_bad(p, "keys are out of order");
        last = key;
        if (!node_value(p, v, node, &value) ||
            !v->row(v->arg, get16(node + 4), key, value))
            return pages_bad(p, "a row is wrong");
    }
    v->seen.leaves++;
    v->seen.entries += n;
    return true;
}

static bool visit_branch(struct pages *p, struct visit *v, const uint8_t *page,
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
        if ((i > 0 && !key_good(p, v, from)) || (i + 1 < n && !key_good(p, v, to)))
            return false;
        if (from.ptr && to.ptr && key_order(v->tree, from, to) >= 0)
            return pages_bad(p, "separators are out of order");
        if (!visit_page(p, v, child, level + 1, from, to))
            return false;
    }
    return true;
}

static bool visit_page(struct pages *p, struct visit *v, uint64_t pgno, unsigned level,
                       struct bytes lo, struct bytes hi)
{
    bool leaf = level + 1 == v->tree->depth;
    uint8_t *page;

    if (!p->page[level])
        p->page[level] = xmalloc(p->page_size);
    page = p->page[level];
    if (!pages_mark(p, pgno) || !page_read(p, pgno, page, p->page_size) ||
        !page_good(p, page, pgno, leaf))
        return false;
    return leaf ? visit_leaf(p, v, page, lo, hi)
                : visit_branch(p, v, page, level, lo, hi);
}

bool pages_visit(struct pages *p, const struct tree *t, size_t number_size,
                 pages_row_fn row, void *arg)
{
    struct visit v = {.tree = t, .number_size = number_size, .row = row, .arg = arg};

    if (t->root == NO_PAGE || t->depth == 0) {
        if (t->root != NO_PAGE || t->depth || t->entries || t->branches || t->leaves ||
            t->overflows)
            return pages_bad(p, "an empty database is not empty");
        return true;
    }
    if (t->depth > PAGES_DEPTH_MAX)
        return pages_bad(p, "a database is too deep");
    if (!visit_page(p, &v, t->root, 0, (struct bytes){0}, (struct bytes){0}))
        return false;
    if (v.seen.branches != t->branches || v.seen.leaves != t->leaves ||
        v.seen.overflows != t->overflows || v.seen.entries != t->entries)
        return pages_bad(p, "a database's counts are wrong");
    return true;
}

/* ---- roots ---- */

static bool read_root(struct pages *p, const uint8_t *page, uint64_t pgno)
{
    if (get64(page) != pgno || get16(page + 10) != PAGE_META ||
        get32(page + META_MAGIC_AT) != MAGIC)
        return pages_bad(p, "a root page is wrong");
    if (get32(page + META_MAGIC_AT + 4) != 1) {
        p->foreign = true;
        return pages_bad(p, "another version of LMDB wrote it");
    }
    return true;
}

static bool size_good(uint32_t n)
{
    return n >= 512 && n <= 65536 && (n & (n - 1)) == 0;
}

/* The newer of the two roots, as LMDB picks it. */
bool pages_roots(struct pages *p, struct tree *free_tree, struct tree *main_tree)
{
    uint8_t a[META_END], b[META_END];
    const uint8_t *root;
    struct stat st;

    if (fstat(p->fd, &st) != 0 || temp_read(p->fd, a, sizeof(a), 0) != 0 ||
        !read_root(p, a, 0))
        return pages_bad(p, "the file is too short");
    p->page_size = get32(a + META_TREES_AT);
    if (!size_good(p->page_size) || temp_read(p->fd, b, sizeof(b), p->page_size) != 0 ||
        !read_root(p, b, 1) || get32(b + META_TREES_AT) != p->page_size)
        return pages_bad(p, "a root page is wrong");
    root = get64(a + META_TXN_AT) < get64(b + META_TXN_AT) ? b : a;
    tree_read(root + META_TREES_AT, free_tree);
    tree_read(root + META_TREES_AT + TREE_SIZE, main_tree);
    p->last_page = get64(root + META_LAST_AT);
    p->txn = get64(root + META_TXN_AT);
    p->file_pages = (uint64_t)st.st_size / p->page_size;
    /* The free list's flags are also the environment's. */
    if (free_tree->flags != (MDB_INTEGERKEY | MDB_NOSUBDIR) || main_tree->flags != 0 ||
        main_tree->pad)
        return pages_bad(p, "a root's flags are wrong");
    if (p->last_page > p->file_pages + SLACK_PAGES)
        return pages_bad(p, "the file is too short");
    p->used = calloc(p->last_page / 8 + 1, 1);
    return p->used || pages_bad(p, "it is too large");
}

void pages_finish(struct pages *p)
{
    if (p->fd >= 0)
        close(p->fd);
    for (unsigned i = 0; i < PAGES_DEPTH_MAX; i++)
        free(p->page[i]);
    free(p->big);
    free(p->used);
}
