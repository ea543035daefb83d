/* posting.h - the rows of the indexes.
 *
 * A posting is one run of bytes: an index key (closed, so that none begins another), the
 * recno (4 bytes, big endian) and, for numbers, the kind. Postings are kept sorted, some
 * fifty words or fifteen numbers to a row; in a row each gives only what differs from the
 * one before. The row's own key is the posting it began with when it was made: none in
 * the row is less, all in the rows before are.
 *
 * How long rows are is the writer's choice, a reader takes them as they come. Words are
 * mostly walked over, and long rows are fewer steps. A number is mostly looked up alone,
 * and all that stands before it in its row has to be passed. */
#ifndef CACHE_POSTING_H
#define CACHE_POSTING_H

#include <lmdb.h>
#include <stdbool.h>

#include "cache/keys.h"

enum {
    POSTING_MAX = KEY_MAX + 5,
    POSTING_ROW_MAX = 800 /* bytes, of any index */
};

struct posting {
    uint8_t len;
    uint8_t bytes[POSTING_MAX];
};

void posting_make(struct posting *p, const struct key *key, uint32_t recno);
int posting_cmp(const struct posting *p, const uint8_t *bytes, size_t len);
/* Its parts. returns the length of the index key, 0: malformed */
size_t posting_parts(enum db db, const struct posting *p, uint32_t *recno, uint8_t *kind);
/* The same of one that is to have this index key. returns 0 | MDB_NOTFOUND: it has not |
 * MDB_CORRUPTED */
int posting_parts_of(enum db db, const struct posting *p, const uint8_t *key,
                     size_t key_len, uint32_t *recno, uint8_t *kind);

/* ---- reading ---- */

struct posting_iter {
    struct posting posting; /* where it stands */
    MDB_cursor *cursor;
    const uint8_t *at, *end; /* the rest of the row */
};

/* Stands on the first posting not less than the bytes. returns 0 | MDB_NOTFOUND | an
 * error of LMDB's */
int posting_seek(struct posting_iter *it, MDB_cursor *cursor, const uint8_t *bytes,
                 size_t len);
/* Stands on the last posting less than the bytes; not for going on. */
int posting_seek_before(struct posting_iter *it, MDB_cursor *cursor, const uint8_t *bytes,
                        size_t len);
int posting_next(struct posting_iter *it);
/* Of the next postings those that are of the same row and index key, of key_len bytes;
 * for indexes without kinds. returns how many; the iterator stands on the last of them */
unsigned posting_run(struct posting_iter *it, size_t key_len, uint32_t *out,
                     unsigned max);
/* The same, up to the first that is among these. returns whether there was one; recno:
 * that it stands on; passed: grows by those gone by */
bool posting_run_to(struct posting_iter *it, size_t key_len,
                    const struct cache_bits *among, uint32_t *recno, unsigned *passed);
/* From one index key, of key_len bytes, to the next. *shared: with how many bytes of the
 * last key the new one begins, at least. */
int posting_next_key(struct posting_iter *it, size_t key_len, size_t *shared);

/* ---- writing a row ---- */

struct posting_row {
    struct posting first, last;
    size_t len; /* 0: empty */
    uint8_t bytes[POSTING_ROW_MAX + 2 * (POSTING_MAX + 3)];
};

/* Bytes of a row when it is first written, and before it is cut in two. */
size_t posting_row_fill(enum db db);
size_t posting_row_max(enum db db);
/* Postings must rise; one that is there is not put again. */
void posting_row_add(struct posting_row *row, const struct posting *p);

#endif
