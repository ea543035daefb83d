/* keys.c - packing index keys, and deriving those of a record. */
#include "cache/keys.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/text.h"

/* Kinds whose words are indexed, and those that are also indexed by sound. */
#define SOUND_KINDS                                                      \
    (CTR_KIND(CTR_FIELD_DISPLAY_NAME) | CTR_KIND(CTR_FIELD_GIVEN_NAME) | \
     CTR_KIND(CTR_FIELD_SURNAME) | CTR_KIND(CTR_FIELD_NICKNAME) |        \
     CTR_KIND(CTR_FIELD_ORGANISATION))

enum { NIBBLE_LOCAL = 0xe, FOLD_MAX = 4 << 20 };

_Static_assert((int)KEY_MAX > (int)TEXT_WORD_MAX && (int)KEY_MAX < (int)CACHE_KEY_MAX,
               "a word and its end fit");

/* ---- packing ---- */

static bool db_is_number(enum db db)
{
    return db == DB_NUM || db == DB_RNUM || db == DB_TRUNK;
}

struct nibbles {
    uint8_t *out;
    unsigned n;
};

static void nibble_put(struct nibbles *p, unsigned v)
{
    if (p->n % 2 == 0)
        p->out[p->n / 2] = (uint8_t)(v << 4);
    else
        p->out[p->n / 2] |= (uint8_t)v;
    p->n++;
}

static unsigned nibble_at(const uint8_t *bytes, size_t i)
{
    return i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4;
}

/* 1 to 12; 0: no such digit */
static unsigned nibble_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 1;
    return c == '*' ? 11 : c == '#' ? 12 : 0;
}

/* returns nibbles without the end, or UINT_MAX */
static unsigned pack_digits(enum number_class class, struct ctr_str text, bool reversed,
                            uint8_t out[KEY_MAX])
{
    struct nibbles p = {out, 0};

    if (text.len > NUMBER_DIGITS_MAX)
        return UINT32_MAX;
    if (class == NUMBER_LOCAL)
        nibble_put(&p, NIBBLE_LOCAL);
    for (size_t i = 0; i < text.len; i++) {
        unsigned v = nibble_of(text.ptr[reversed ? text.len - 1 - i : i]);

        if (v == 0)
            return UINT32_MAX;
        nibble_put(&p, v);
    }
    return p.n;
}

static size_t close_digits(uint8_t *out, unsigned nibbles)
{
    if (nibbles % 2 == 0)
        out[nibbles / 2] = 0;
    return nibbles / 2 + 1;
}

struct ctr_str key_cut_word(struct ctr_str word)
{
    if (word.len > TEXT_WORD_MAX) {
        word.len = TEXT_WORD_MAX;
        while (word.len > 0 && ((uint8_t)word.ptr[word.len] & 0xc0) == 0x80)
            word.len--;
    }
    return word;
}

bool key_may_be_cut(size_t text_len)
{
    enum { LONGEST_CHARACTER = 4 };

    return text_len > TEXT_WORD_MAX - LONGEST_CHARACTER;
}

size_t key_pack(enum db db, enum number_class class, struct ctr_str text,
                uint8_t out[KEY_MAX])
{
    if (db_is_number(db)) {
        unsigned n = pack_digits(class, text, false, out);

        return n == UINT32_MAX ? 0 : close_digits(out, n);
    }
    text = key_cut_word(text);
    if (text.len > 0 && memchr(text.ptr, 0, text.len))
        return 0;
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[text.len] = 0;
    return text.len + 1;
}

size_t key_measure(enum db db, const uint8_t *bytes, size_t len)
{
    if (db_is_number(db)) {
        for (size_t i = 0; i < len && i < KEY_MAX; i++)
            if ((bytes[i] & 0xf0) == 0 || (bytes[i] & 0x0f) == 0)
                return i + 1;
        return 0;
    }
    for (size_t i = 0; i < len && i < KEY_MAX; i++)
        if (bytes[i] == 0)
            return i + 1;
    return 0;
}

size_t key_unpack(enum db db, const uint8_t *bytes, size_t len, char out[CACHE_KEY_MAX])
{
    static const char chars[16] = "?0123456789*#???";
    size_t n = 0;

    if (!db_is_number(db)) {
        n = len > 0 ? len - 1 : 0;
        memcpy(out, bytes, n);
        out[n] = 0;
        return n;
    }
    for (size_t i = 0; i < 2 * len && n < CACHE_KEY_MAX - 1; i++) {
        unsigned v = nibble_at(bytes, i);

        if (v == 0)
            break;
        if (v != NIBBLE_LOCAL)
            out[n++] = chars[v];
    }
    out[n] = 0;
    return n;
}

bool key_begins(enum db db, enum number_class class, const uint8_t *bytes, size_t len,
                const uint8_t *prefix, size_t prefix_len)
{
    size_t whole = prefix_len - 1;

    if (len < prefix_len || memcmp(bytes, prefix, whole) != 0)
        return false;
    if (!db_is_number(db))
        return true;
    /* The last byte of the prefix holds its end: nothing, or one digit more. */
    if (prefix[whole] && (prefix[whole] ^ bytes[whole]) & 0xf0)
        return false;
    return class == NUMBER_LOCAL || bytes[0] >> 4 != NIBBLE_LOCAL;
}

/* ---- deriving ---- */

void keys_init(struct keys *keys)
{
    arena_init(&keys->arena, FOLD_MAX);
    keys->n = 0;
}

void keys_finish(struct keys *keys)
{
    arena_finish(&keys->arena);
}

int key_cmp(const struct key *a, const struct key *b)
{
    size_t n = a->len < b->len ? a->len : b->len;
    int c;

    if (a->db != b->db)
        return a->db < b->db ? -1 : 1;
    c = memcmp(a->bytes, b->bytes, n);
    if (c)
        return c;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return (int)a->kind - (int)b->kind;
}

static int key_cmp_void(const void *a, const void *b)
{
    return key_cmp(a, b);
}

void keys_sort(struct keys *keys)
{
    unsigned n = 0;

    qsort(keys->key, keys->n, sizeof(keys->key[0]), key_cmp_void);
    for (unsigned i = 0; i < keys->n; i++)
        if (n == 0 || key_cmp(&keys->key[n - 1], &keys->key[i]) != 0)
            keys->key[n++] = keys->key[i];
    keys->n = n;
}

static struct key *key_new(struct keys *keys, enum db db, uint32_t kind)
{
    struct key *k = &keys->key[keys->n];

    ensure(keys->n < sizeof(keys->key) / sizeof(keys->key[0]));
    k->db = (uint8_t)db;
    k->kind = (uint8_t)kind;
    k->name = false;
    return k;
}

/* Keeps it when it has a length and is not there yet among the last `span` keys. */
static bool key_keep(struct keys *keys, struct key *k, size_t len, unsigned from)
{
    k->len = (uint8_t)len;
    if (len == 0)
        return false;
    for (unsigned i = from; i < keys->n; i++) {
        if (key_cmp(&keys->key[i], k) == 0) {
            keys->key[i].name |= k->name;
            return false;
        }
    }
    keys->n++;
    return true;
}

static void add_number(struct keys *keys, enum db db, uint32_t kind,
                       enum number_class class, struct ctr_str digits)
{
    struct key *k = key_new(keys, db, kind);
    unsigned n = pack_digits(class, digits, db == DB_RNUM, k->bytes);

    key_keep(keys, k, n == UINT32_MAX || digits.len == 0 ? 0 : close_digits(k->bytes, n),
             keys->n);
}

/* The company's trunk: of its main number, or where the notation shows an extension. */
static void add_trunk(struct keys *keys, const struct record_field *f)
{
    size_t len = f->trunk_len;
    uint32_t owner = KEY_TRUNK_BUSINESS;

    if (f->kind == CTR_FIELD_PHONE_MAIN) {
        owner = KEY_TRUNK_MAIN;
        len = len > 0 ? len : f->digits_len;
    } else if (f->kind != CTR_FIELD_PHONE_BUSINESS) {
        return;
    }
    if (len >= KEY_TRUNK_MIN && len <= f->digits_len)
        add_number(keys, DB_TRUNK, owner, NUMBER_E164, str_make(f->digits, len));
}

static void add_phone(struct keys *keys, const struct record_field *f, unsigned dbs,
                      bool company)
{
    struct ctr_str digits = {f->digits, f->digits_len};

    if (f->number_class == NUMBER_NONE)
        return;
    if (dbs & KEYS_OF(DB_NUM))
        add_number(keys, DB_NUM, f->kind, f->number_class, digits);
    if (f->number_class != NUMBER_E164)
        return;
    if (dbs & KEYS_OF(DB_RNUM))
        add_number(keys, DB_RNUM, f->kind, NUMBER_E164, digits);
    if (company && (dbs & KEYS_OF(DB_TRUNK)))
        add_trunk(keys, f);
}

struct word_sink {
    unsigned dbs;
    unsigned from;          /* where the words begin in keys */
    unsigned words, sounds; /* left */
    bool names;             /* of CACHE_NAME_KINDS */
};

static void add_word(struct keys *keys, struct word_sink *sink, struct ctr_str word)
{
    struct key *k;

    if (!(sink->dbs & KEYS_OF(DB_WORD)) || word.len == 0)
        return;
    if (sink->words == 0)
        word = CACHE_MORE_WORDS;
    k = key_new(keys, DB_WORD, 0);
    k->name = sink->names || key_is_more_words((const uint8_t *)word.ptr);
    if (key_keep(keys, k, key_pack(DB_WORD, NUMBER_NONE, word, k->bytes), sink->from) &&
        sink->words > 0)
        sink->words--;
}

static void add_sound(struct keys *keys, struct word_sink *sink, struct ctr_str word)
{
    char code[TEXT_PHONETIC_MAX];
    size_t n;
    struct key *k;

    if (!(sink->dbs & KEYS_OF(DB_SOUND)) || sink->sounds == 0)
        return;
    n = text_phonetic(word, code);
    if (n == 0)
        return;
    k = key_new(keys, DB_SOUND, 0);
    if (key_keep(keys, k, key_pack(DB_SOUND, NUMBER_NONE, str_make(code, n), k->bytes),
                 sink->from))
        sink->sounds--;
}

static void add_words(struct keys *keys, struct word_sink *sink, struct ctr_str folded,
                      bool sounds)
{
    struct ctr_str word;

    while (text_next_word(&folded, &word)) {
        add_word(keys, sink, word);
        if (sounds)
            add_sound(keys, sink, word);
    }
}

/* The address as a whole, and the words before the @. */
static void add_mail(struct keys *keys, struct word_sink *sink, struct ctr_str folded)
{
    const char *at = memchr(folded.ptr, '@', folded.len);
    char whole[1 + TEXT_WORD_MAX + 1] = {CACHE_ADDRESS};
    size_t n = folded.len <= TEXT_WORD_MAX ? folded.len : TEXT_WORD_MAX + 1;

    memcpy(whole + 1, folded.ptr, n);
    if (n > 0)
        add_word(keys, sink, str_make(whole, n + 1));
    if (at)
        folded.len = (size_t)(at - folded.ptr);
    add_words(keys, sink, folded, false);
}

static void add_text(struct keys *keys, struct word_sink *sink,
                     const struct record_field *f)
{
    bool sounds = (SOUND_KINDS & CTR_KIND(f->kind)) != 0;
    struct text_folds folds;

    arena_reset(&keys->arena);
    sink->names = (CACHE_NAME_KINDS & CTR_KIND(f->kind)) != 0;
    /* Only a text made to grow without end passes the cap: nothing to find it by. */
    if (text_fold(&keys->arena, f->value, &folds) != 0) {
        add_word(keys, sink, CACHE_MORE_WORDS);
        return;
    }
    for (unsigned i = 0; i < folds.n; i++) {
        if (f->kind == CTR_FIELD_MAIL)
            add_mail(keys, sink, folds.form[i]);
        else
            add_words(keys, sink, folds.form[i], sounds && i == 0);
    }
}

void keys_derive(struct keys *keys, const struct record *r, unsigned dbs)
{
    struct word_sink sink = {dbs, 0, KEY_WORDS_MAX, KEY_SOUNDS_MAX, false};
    struct record_iter it = {0};
    struct record_field f;
    uint64_t kinds = record_kinds(r);
    bool company =
        (kinds & CTR_KIND(CTR_FIELD_ORGANISATION)) != 0 && record_owner(r).len == 0;
    unsigned phones = 0;

    keys->n = 0;
    if (dbs & KEYS_NUMBERS)
        while (record_next(r, &it, &f))
            if ((CTR_KINDS_PHONE & CTR_KIND(f.kind)) && phones++ < CTR_FIELDS_MAX)
                add_phone(keys, &f, dbs, company);
    sink.from = keys->n;
    it = (struct record_iter){0};
    if (dbs & (KEYS_OF(DB_WORD) | KEYS_OF(DB_SOUND)))
        while (record_next(r, &it, &f))
            if (CACHE_WORD_KINDS & CTR_KIND(f.kind))
                add_text(keys, &sink, &f);
}
