/* pages.h - LMDB's data file, read page by page without LMDB, which trusts what it finds:
 * a hit in a page may make it crash, hang, or answer wrongly.
 *
 * Checked are: both roots; every page of every tree, its header, node bounds, key order
 * and the separators above it; that no page is used twice; the counts of each tree. What
 * a row means is for those who visit.
 *
 * The layout is that of LMDB's data version 1 (0.9.x) with 64-bit words. */
#ifndef CACHE_PAGES_H
#define CACHE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    PAGES_DEPTH_MAX = 32,
    NODE_BIG = 0x01, /* of a row: its value lies in pages of its own */
    NODE_SUB = 0x02, /* its value is a tree */
    TREE_SIZE = 48
};

struct bytes {
    const uint8_t *ptr;
    size_t len;
};

/* What a root, or the record of a named database, says. */
struct tree {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
};

/* A file under way. Zero-initialise, set fd. */
struct pages {
    int fd;
    uint64_t file_pages, last_page, txn;
    uint32_t page_size;
    const char *why;                /* the first thing that is wrong */
    bool foreign;                   /* it is not damaged, but not ours either */
    uint8_t *used;                  /* a bit a page */
    uint8_t *page[PAGES_DEPTH_MAX]; /* one buffer a level */
    uint8_t *big;                   /* an overflow value */
    size_t big_cap;
};

typedef bool (*pages_row_fn)(void *arg, unsigned flags, struct bytes key,
                             struct bytes value);

/* All: false: something is wrong, pages->why says what. */

/* The newer of the two roots, as LMDB picks it. */
bool pages_roots(struct pages *p, struct tree *free_tree, struct tree *main_tree);
/* Each row in the order of keys; number_size: bytes of a key that is a number. */
bool pages_visit(struct pages *p, const struct tree *t, size_t number_size,
                 pages_row_fn row, void *arg);
/* The page is used here, and nowhere else. */
bool pages_mark(struct pages *p, uint64_t pgno);
/* Always false. */
bool pages_bad(struct pages *p, const char *why);
void pages_finish(struct pages *p); /* closes fd, too; -1: there is none */

void tree_read(const uint8_t *p, struct tree *t);

static inline uint16_t get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

#endif
