/* latin.h - inside of text: how the Latin letters beyond ASCII are folded, by table. */
#ifndef TEXT_LATIN_H
#define TEXT_LATIN_H

#include <stdint.h>

enum { LATIN_FIRST = 0xa0, LATIN_END = 0x180, LATIN_KEEP = 0xff };

/* len[form] bytes of text are the fold; LATIN_KEEP: not a letter, left to the general
 * way. */
struct latin_fold {
    char text[3];
    uint8_t len[2];
};

extern const struct latin_fold latin_folds[LATIN_END - LATIN_FIRST];

#endif
