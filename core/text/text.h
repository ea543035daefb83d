/* text.h - how names are compared: folding, words, sound.
 *
 * Folding ignores case and accents. German umlauts are written two ways, so a text has up
 * to two folded forms: form 0 spells them out (ae oe ue ss), form 1 drops the marks (a o
 * u ss). Two texts are equal when any form of one equals any form of the other; so
 * mueller, muller, MÜLLER and Müller all find Müller. Likewise æ is ae or a, ø and œ oe
 * or o, å aa or a. Apostrophes vanish (O'Brien is obrien), hyphens separate words. */
#ifndef TEXT_TEXT_H
#define TEXT_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Longest folded word kept in an index, bytes; longer ones are cut. */
enum { TEXT_WORD_MAX = 64, TEXT_PHONETIC_MAX = 32 };

struct text_folds {
    struct ctr_str form[2];
    unsigned n; /* 1: both forms are the same */
};

/* Lower case without marks, white space runs as one blank, ends trimmed. Invalid UTF-8 is
 * read as Windows-1252. Memory comes from the arena. returns 0 | -CTR_ENOMEM (arena cap)
 */
int text_fold(struct arena *a, struct ctr_str in, struct text_folds *out);

/* The same into a buffer of `cap` bytes, one form (0 or 1), cut at a character. returns
 * bytes. */
size_t text_fold_into(struct ctr_str in, unsigned form, char *out, size_t cap);

/* Takes the next word (letters and digits, at most TEXT_WORD_MAX bytes of it) off a
 * folded text. returns false at the end. */
bool text_next_word(struct ctr_str *rest, struct ctr_str *word);

/* Cologne phonetics of a folded word: digits into out, returns their number (0: no
 * letters). */
size_t text_phonetic(struct ctr_str folded_word, char out[TEXT_PHONETIC_MAX]);

/* Compare forms. */
bool text_folds_equal(const struct text_folds *a, const struct text_folds *b);

#endif
