/* decode.h - from the bytes of a file to UTF-8.
 *
 * Our own tables instead of iconv: iconv loads its converters from the file system when
 * they are first used, which a sandboxed daemon cannot promise; and a byte that means
 * nothing must mark its row and nothing else. Such a byte becomes 0xFF, which no UTF-8
 * text contains, so checking a row for valid UTF-8 finds it whatever the encoding. */
#ifndef CSV_DECODE_H
#define CSV_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first five in the order of the option's choices. */
enum encoding {
    ENCODING_AUTO,
    ENCODING_UTF8,
    ENCODING_UTF16,
    ENCODING_1252,
    ENCODING_LATIN1,
    ENCODING_UTF16LE,
    ENCODING_UTF16BE
};

const char *encoding_name(enum encoding e);

/* The encoding a byte order mark stands for, and its length; AUTO: there is none. */
enum encoding decode_bom(const uint8_t *p, size_t n, size_t *bom);

/* Evidence for the encoding of a text without a mark, gathered block by block. */
struct sniff {
    uint64_t even_nul, odd_nul; /* NUL bytes at even and odd offsets */
    uint64_t good, bad;         /* UTF-8 sequences, bytes that cannot be UTF-8 */
    uint64_t bytes;
    unsigned need; /* continuation bytes still missing at the end of the block */
};

void sniff_add(struct sniff *s, const uint8_t *p, size_t n);
enum encoding sniff_result(const struct sniff *s);

/* A running conversion; zero-initialise, set `from`. */
struct decoder {
    enum encoding from;
    uint8_t held[4]; /* the beginning of a character that the last block cut */
    unsigned n_held;
};

/* The most bytes that n bytes of input become. */
static inline size_t decode_bound(size_t n)
{
    return (n + 4) * 3;
}

/* Converts n bytes into out, which has room for decode_bound(n). last: no more follow.
 * returns bytes written */
size_t decode(struct decoder *d, const uint8_t *p, size_t n, bool last, char *out);

/* The text, converted from `from`, ends within a character. */
bool decode_is_cut(enum encoding from, const char *text, size_t n);

bool utf8_valid(const char *s, size_t n);

#endif
