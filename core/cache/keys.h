/* keys.h - the databases of a generation, and the index keys of a record.
 *
 * An index key is prefix-free: digits are packed two to a byte, each plus one, behind a
 * nibble 0xE for LOCAL numbers, and closed by a zero nibble; words close with a zero
 * byte. So keys sort as their text does, a shorter one first. */
#ifndef CACHE_KEYS_H
#define CACHE_KEYS_H

#include "base/arena.h"
#include "cache/cache.h"

enum db {
    DB_REC, /* recno (native u32) -> record */
    DB_ID,  /* contact id -> recno (native u32) */
    DB_NUM, /* the rest: index key -> postings, see posting.h */
    DB_RNUM,
    DB_WORD,
    DB_SOUND,
    DB_TRUNK,
    DB_PART, /* words of names, turned: see part.h */
    DB_COUNT
};

enum {
    KEY_MAX = 72,                        /* a word of TEXT_WORD_MAX and its end */
    KEY_PHONES_MAX = CTR_FIELDS_MAX * 3, /* number, reversed, trunk */
    KEY_WORDS_MAX = 128,                 /* 64 words in two forms */
    KEY_WORDS_MARK = 1,                  /* CACHE_MORE_WORDS */
    KEY_SOUNDS_MAX = 64,
    KEY_TRUNK_MIN = 5,  /* digits; shorter ones would be whole area codes */
    KEY_TRUNK_MAIN = 0, /* kinds of a trunk posting */
    KEY_TRUNK_BUSINESS = 1
};

struct key {
    uint8_t db;
    uint8_t kind; /* of the number; KEY_TRUNK_*; 0 for words */
    bool name;    /* a word of CACHE_NAME_KINDS; compares no different */
    uint8_t len;
    uint8_t bytes[KEY_MAX];
};

/* The keys of one record. Reused from record to record. */
struct keys {
    struct arena arena; /* folding */
    unsigned n;
    struct key key[KEY_PHONES_MAX + KEY_WORDS_MAX + KEY_WORDS_MARK + KEY_SOUNDS_MAX];
};

#define KEYS_OF(db)  (1u << (db))
#define KEYS_NUMBERS (KEYS_OF(DB_NUM) | KEYS_OF(DB_RNUM) | KEYS_OF(DB_TRUNK))
#define KEYS_ALL     (KEYS_NUMBERS | KEYS_OF(DB_WORD) | KEYS_OF(DB_SOUND))

void keys_init(struct keys *keys);
void keys_finish(struct keys *keys);
/* dbs: which indexes, KEYS_OF() set. Unsorted; a number may be there twice. */
void keys_derive(struct keys *keys, const struct record *r, unsigned dbs);
/* Each once, in key_cmp order. */
void keys_sort(struct keys *keys);
int key_cmp(const struct key *a, const struct key *b);

/* Bytes of an index key at the start of a row's key; 0: malformed. */
size_t key_measure(enum db db, const uint8_t *bytes, size_t len);
/* Whole key of digits or a word, closed. returns bytes, 0: cannot be a key */
size_t key_pack(enum db db, enum number_class class, struct ctr_str text,
                uint8_t out[KEY_MAX]);
/* Back to text. returns bytes */
size_t key_unpack(enum db db, const uint8_t *bytes, size_t len, char out[CACHE_KEY_MAX]);
/* Does an index key begin with what `text` packs to? */
bool key_begins(enum db db, enum number_class class, const uint8_t *bytes, size_t len,
                const uint8_t *prefix, size_t prefix_len);
/* A word as it is kept: cut at a character when too long. */
struct ctr_str key_cut_word(struct ctr_str word);
/* The key CACHE_MORE_WORDS, by its first byte? */
static inline bool key_is_more_words(const uint8_t *key)
{
    return *key == (uint8_t)CACHE_MORE_WORDS.ptr[0];
}
/* The text of a word's key. */
static inline struct ctr_str key_word(const struct key *key)
{
    return str_make((const char *)key->bytes, key->len - 1u);
}
/* Could the whole text have been longer than this key of a word? */
bool key_may_be_cut(size_t text_len);

#endif
