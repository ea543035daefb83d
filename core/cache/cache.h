/* cache.h - the local copy of all contacts: one LMDB environment, one writer lane,
 * readers on the loop. Lookups never wait for a load.
 *
 * Threads: reading on the loop. A load (begin, put, delete, commit, abort) on any one
 * thread at a time; it encodes there and hands finished batches to the cache's lane. */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "cache/record.h"
#include "contactor/contact.h"
#include "loop/loop.h"
#include "number/number.h"

struct cache;
struct cache_source; /* one source's part; lives as long as the cache */

struct cache_options {
    const char *dir; /* created 0700 if missing; files 0600 */
    uint64_t
        map_size; /* bytes of address space; grown when full up to map_max; 0: defaults */
    uint64_t map_max;
    /* The file was damaged while it was in use and an empty one has taken its place: the
     * sources must fill it again. On the loop; may be NULL. */
    void (*on_rebuilt)(void *arg);
    void *arg;
};

/* Opens, or creates. A file of another format or a damaged one is set aside (renamed
 * "...damaged-DATE", one kept) with a warning and an empty cache begins: the sources fill
 * it again. returns 0 | -CTR_E* with a sentence in error */
int cache_open(struct loop *loop, const struct cache_options *options, struct cache **out,
               char *error, size_t cap);
/* No load may be under way. NULL-safe. */
void cache_close(struct cache *cache);

/* The part of a source, by its configured name; empty until the first load. Loop thread.
 */
struct cache_source *cache_source(struct cache *cache, const char *name);
/* Forget all contacts of a source / of every source not named. On the lane, later. */
void cache_wipe(struct cache_source *source);
void cache_retain(struct cache *cache, const char *const *names, size_t n);

struct cache_info {
    uint64_t contacts, numbers, e164, local, not_numbers;
    int64_t as_of;      /* wall ms of the last committed load, also one without changes */
    int64_t changed_at; /* wall ms of the last load that changed something */
    uint64_t generation; /* grows with every commit that changed something */
    bool has_cursor;
};
void cache_source_info(struct cache_source *source, struct cache_info *out); /* loop */
/* All record numbers are less. Loop. */
uint32_t cache_source_recnos(const struct cache_source *source);
/* Changes when record numbers no longer mean the contacts they meant: a source written
 * anew numbers them from 0, mostly in the same order. Loop, in a read. */
uint64_t cache_source_numbering(const struct cache_source *source);
/* The cursor committed with the last load. returns 0 | -CTR_ENOENT. Loop. */
int cache_cursor(struct cache_source *source, struct strbuf *out);
/* What cache_load_groups put beside the contacts. returns 0 | -CTR_ENOENT. Loop. */
int cache_groups(struct cache_source *source, struct strbuf *out);

/* Bytes of the map in use and its limit; whether the last write failed (disk full, I/O).
 */
struct cache_health {
    uint64_t used, map_size;
    int write_error; /* -CTR_E* of the last failed write, until a load is committed */
    uint64_t commits, reopened;
};
void cache_health(struct cache *cache, struct cache_health *out);

/* ---- loading ---- */

struct cache_load;

/* The first contacts a load adds, changes and deletes, for people to look at. */
enum { CACHE_SAMPLE_MAX = 10, CACHE_SAMPLE_TEXT = 96 };
enum cache_change { CACHE_ADDED, CACHE_CHANGED, CACHE_DELETED, CACHE_CHANGES };
struct cache_sample {
    unsigned n[CACHE_CHANGES];
    struct {
        char id[CACHE_SAMPLE_TEXT], name[CACHE_SAMPLE_TEXT]; /* cut to fit */
    } item[CACHE_CHANGES][CACHE_SAMPLE_MAX];
};

struct cache_load_options {
    bool full;                   /* what is not put is deleted */
    const struct dialplan *plan; /* copied */
    /* A hash of everything besides the contacts that shapes a record (dial plan, format
     * version): when it changed since the last load, unchanged contacts are rewritten. */
    uint64_t shape;
    /* A full load that would delete more of what there is is refused, and one that brings
     * nothing where there was something; up to five contacts any number but all may go.
     * 100: never refused; nor is the first load, before which there are only contacts
     * that were put aside */
    unsigned max_delete_percent;
    bool allow_delete; /* this once */
    bool may_wait;     /* put may block while the lane catches up (source lanes) */
    bool dry_run;      /* count only, commit nothing */
    /* dry_run: filled by the time the commit is done. The caller's; may be NULL. */
    struct cache_sample *sample;
    /* Contacts that somebody asked for, not what the source has: how old its data are
     * stays as it is. A delta. -CTR_EVERSION at commit: what there is has another shape
     */
    bool aside;
};

struct cache_load_stats {
    uint64_t seen, added, changed, unchanged, deleted;
    uint64_t duplicates; /* an id put twice: in a full load the first counts, in a delta
                          * the last, as in a feed of changes */
    uint64_t rejected;   /* record_encode refused */
    uint64_t warnings;   /* values cut or dropped */
};

/* returns 0 | -CTR_EBUSY: the source has a load under way */
int cache_load_begin(struct cache_source *source,
                     const struct cache_load_options *options, struct cache_load **out);
/* returns 0 | -CTR_EPAUSE (not may_wait: taken, slow down) | the error of the lane so far
 */
int cache_load_put(struct cache_load *load, const struct ctr_contact *contacts, size_t n);
/* One that is encoded already. */
int cache_load_put_record(struct cache_load *load, struct ctr_str record);
/* A delta only: -CTR_EINVAL in a full load, which deletes what it does not put. */
int cache_load_delete(struct cache_load *load, const struct ctr_str *ids, size_t n);
/* Bytes of the caller's, committed with the load in place of those there are; without
 * this call these stay. Before the commit. */
void cache_load_groups(struct cache_load *load, struct ctr_str groups);
/* All or nothing, cursor and contacts in one transaction; waits for the lane. Frees load.
 * cursor: at most 64 KiB; absent: a full load leaves none, a delta the one there is.
 * returns 0 | -CTR_EREFUSED (too many deletions; stats tell) | -CTR_EFULL | -CTR_EIO |
 * -CTR_ECANCELED (the source was wiped, or its data lost, meanwhile: begin again) ... */
int cache_load_commit(struct cache_load *load, struct ctr_str cursor,
                      struct cache_load_stats *stats);
/* The same without waiting, for loads driven from the loop: done runs on the loop. */
void cache_load_commit_async(struct cache_load *load, struct ctr_str cursor,
                             void (*done)(void *arg, int status,
                                          const struct cache_load_stats *stats),
                             void *arg);
void cache_load_abort(struct cache_load *load);
void cache_load_progress(const struct cache_load *load, struct cache_load_stats *stats);

/* ---- reading: the loop ---- */

/* One read at a time, for one slice of work and never across loop turns: what it gave is
 * valid until its end.
 * returns 0 | -CTR_EIO (the environment is being reopened: answer "unavailable") */
int cache_read_begin(struct cache *cache);
void cache_read_end(struct cache *cache);

/* Between begin and end; r points into the map. returns 0 | -CTR_ENOENT | -CTR_EIO */
int cache_get(struct cache_source *source, uint32_t recno, struct record *r);
int cache_find(struct cache_source *source, struct ctr_str id, uint32_t *recno);

enum cache_index {
    CACHE_ALL,             /* every record, by recno; no key */
    CACHE_NUMBER,          /* digits of E164 and LOCAL numbers, apart from each other */
    CACHE_NUMBER_REVERSED, /* E164 digits, last one first; so is the walk's key */
    CACHE_WORD, /* folded words (both forms) of names, organisation, department,
                 * title, mail, city and the other short text kinds (not note) */
    CACHE_SOUND /* phonetic codes of the words of names and organisation */
};

/* Kinds whose words CACHE_WORD has: every word of the folded text; of a mail address the
 * words before the @, and the whole address as one key behind CACHE_ADDRESS, with which
 * no word begins. A contact has at most 128 keys there; words are cut at TEXT_WORD_MAX,
 * here and in a walk's key. One that has more words has the key CACHE_MORE_WORDS besides,
 * which no text folds to and which sorts first. */
#define CACHE_WORD_KINDS                                                                 \
    (CTR_KIND(CTR_FIELD_DISPLAY_NAME) | CTR_KIND(CTR_FIELD_GIVEN_NAME) |                 \
     CTR_KIND(CTR_FIELD_SURNAME) | CTR_KIND(CTR_FIELD_NICKNAME) |                        \
     CTR_KIND(CTR_FIELD_ORGANISATION) | CTR_KIND(CTR_FIELD_DEPARTMENT) |                 \
     CTR_KIND(CTR_FIELD_TITLE) | CTR_KIND(CTR_FIELD_MAIL) | CTR_KIND(CTR_FIELD_STREET) | \
     CTR_KIND(CTR_FIELD_CITY) | CTR_KIND(CTR_FIELD_STATE) |                              \
     CTR_KIND(CTR_FIELD_POSTAL_CODE) | CTR_KIND(CTR_FIELD_COUNTRY) |                     \
     CTR_KIND(CTR_FIELD_CUSTOM))
#define CACHE_MORE_WORDS STR_LIT("\1")
#define CACHE_ADDRESS    '@'

enum { CACHE_KEY_MAX = 80 };

/* A walk over an index: every posting whose key equals (exact) or begins with the key, in
 * key order, then recno. A record may come several times (two numbers, two words). It may
 * be kept across read_end/read_begin: it seeks to where it was. Plain data: save and
 * restore by copy. */
struct cache_walk {
    struct cache_source *source;
    uint32_t index; /* enum cache_index */
    uint8_t exact;
    uint8_t within;       /* enum cache_within */
    uint8_t number_class; /* CACHE_NUMBER: which class the key is of */
    uint8_t key_len, prefix_len;
    uint8_t at_len; /* 0: before the first */
    uint64_t epoch; /* stamp of `cursor` when it stood there */
    void *cursor;
    void *turns; /* another, within names */
    uint64_t turns_stamp;
    uint32_t recno; /* of the posting it stands on */
    uint8_t kind;   /* number indexes: the field's kind; else the walk's own */
    char key[CACHE_KEY_MAX];
    char at[CACHE_KEY_MAX];        /* the key it stands on */
    uint8_t prefix[CACHE_KEY_MAX]; /* the key as the index has it */
};

void cache_walk_init(struct cache_walk *walk, struct cache_source *source,
                     enum cache_index index, struct ctr_str key, bool exact,
                     enum number_class number_class);
/* Over keys of CACHE_WORD: every posting whose key has this text anywhere within it. Keys
 * that may have been cut match as well, and so do contacts with more words than the index
 * keeps: none is missed. Words and addresses are gone through one by one, all of them.
 * Words of names, which are those of CACHE_NAME_KINDS, have an index of their own, by
 * what follows the text in the word: the walk goes in this order, but through long words
 * first. It needs a text of CACHE_NAME_PIECE_MIN bytes, else all words are gone through;
 * and where a name's word is also another's, such as a mail address', it finds both. */
enum cache_within {
    CACHE_NOT_WITHIN,
    CACHE_WITHIN_WORDS,
    CACHE_WITHIN_ADDRESSES,
    CACHE_WITHIN_NAMES
};
#define CACHE_NAME_KINDS \
    (CACHE_WORD_KINDS & ~(CTR_KIND(CTR_FIELD_MAIL) | CTR_KIND(CTR_FIELD_CUSTOM)))
enum { CACHE_NAME_PIECE_MIN = 2 };
void cache_walk_init_within(struct cache_walk *walk, struct cache_source *source,
                            struct ctr_str text, enum cache_within within);
/* returns 0: walk->recno, walk->kind | -CTR_EPAUSE: came past many keys and found none,
 * look at the clock (walks within only) | -CTR_ENOENT: end | -CTR_EIO */
int cache_walk_next(struct cache_walk *walk);
/* A bit for each record number below n. */
struct cache_bits {
    uint64_t *bits;
    uint32_t n;
};
/* Set, or beyond the last. */
static inline bool cache_bit(const struct cache_bits *b, uint32_t i)
{
    return i >= b->n || b->bits[i / 64] >> i % 64 & 1;
}
/* The same, of those only whose number has none, or whose bit is set; many are gone by at
 * little cost. work: about how many, then -CTR_EPAUSE. */
int cache_walk_next_among(struct cache_walk *walk, const struct cache_bits *among,
                          unsigned work);
/* Sets the bits of all records ahead, or of those among them; set: counts new ones.
 * returns -CTR_EPAUSE: there is more, after so much work | -CTR_ENOENT: all | -CTR_EIO */
struct cache_fill {
    struct cache_bits bits;
    const uint64_t *among; /* NULL: all */
    uint32_t set;
};
int cache_walk_fill(struct cache_walk *walk, struct cache_fill *to, unsigned work);
/* About how many postings are ahead; no more than `limit`, which it also says when they
 * are of so many words that to count them would take long. */
unsigned cache_walk_estimate(struct cache_walk *walk, unsigned limit);

/* Does this record have the posting the walk would find it by; and is `at` the first such
 * key of the record? For leaving out what another walk, or an earlier posting, has given.
 */
bool cache_record_in_walk(const struct cache_walk *walk, const struct record *r);
bool cache_walk_is_first(const struct cache_walk *walk, const struct record *r);

/* The company whose trunk number begins these E.164 digits: longest trunk wins; only when
 * all contacts that show this trunk agree on the organisation. recno: one of them, the
 * main number's own if there is one. returns 0 | -CTR_ENOENT | -CTR_EIO */
struct cache_company {
    uint32_t recno;
    uint8_t trunk_len;
    unsigned contacts;
};
int cache_company(struct cache_source *source, struct ctr_str digits,
                  struct cache_company *out);

#endif
