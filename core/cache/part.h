/* part.h - the words of names, turned: what stands within a word begins a row.
 *
 * For each character of a word behind which enough follows, DB_PART has the word from
 * there on, a byte PART_TURN, and what comes before: of "anna" these are "anna|",
 * "nna|a" and "na|an". All words with "nn" in them are then one run of postings. A longer
 * word is there once, behind PART_LONG, for every walk to look at, and so is the key of
 * contacts with more words than are kept. No text folds to these bytes, and they sort
 * before all that it does.
 *
 * Here postings are these bytes alone. The words are those that a contact has, or had, in
 * one of CACHE_NAME_KINDS; they leave with their last posting in DB_WORD. */
#ifndef CACHE_PART_H
#define CACHE_PART_H

#include "cache/idmap.h"
#include "cache/posting.h"

enum {
    PART_TURN = 1,
    PART_LONG = 2,
    PART_WHOLE = 24 /* bytes; a word of more would cost its square */
};

/* The postings of a word, one after the other; at: 0 to begin with. */
struct part_turns {
    struct ctr_str word;
    size_t at;
};
bool part_next(struct part_turns *turns, struct posting *out);

/* The word of a posting, and at which of its bytes it is turned. returns its length, 0:
 * malformed */
size_t part_word(const struct posting *p, uint8_t out[KEY_MAX], size_t *at);
/* Back from these. */
void part_turned(struct ctr_str word, size_t at, struct posting *out);
/* Of the word's postings that which a walk for this text goes by: the text's first place
 * in it. returns false: such a walk does not come to the word */
bool part_where(struct ctr_str word, struct ctr_str text, struct posting *out);
bool part_holds(struct ctr_str word, struct ctr_str text);

/* Words of which a build has the postings already, within bounds: of a directory with
 * more different words than a million the others are sorted each time they come. By
 * hashes with a seed of the load's own. */
struct part_seen {
    struct idmap words;
    uint64_t seed;
};
/* returns whether it is not known to have been there before */
bool part_is_new(struct part_seen *seen, struct ctr_str word);

struct writer;

/* Adds what is not there; takes away what is. */
void part_add(struct writer *w, struct ctr_str word);
void part_del(struct writer *w, struct ctr_str word);

#endif
