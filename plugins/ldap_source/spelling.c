/* spelling.c - Müller and Mueller: ae, oe, ue, ss to umlauts and back. */
#include "spelling.h"

#include <string.h>

struct pair {
    const char *digraph, *umlaut;
};

static const struct pair pairs[] = {
    {"ae", "ä"}, {"oe", "ö"}, {"ue", "ü"}, {"ss", "ß"}, {"Ae", "Ä"},
    {"Oe", "Ö"}, {"Ue", "Ü"}, {"AE", "Ä"}, {"OE", "Ö"}, {"UE", "Ü"},
};

static const char *replacement(enum spelling spelling, const char *at, size_t left)
{
    for (size_t i = 0; left >= 2 && i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const char *from =
            spelling == SPELLING_UMLAUTS ? pairs[i].digraph : pairs[i].umlaut;

        if (memcmp(at, from, 2) == 0)
            return spelling == SPELLING_UMLAUTS ? pairs[i].umlaut : pairs[i].digraph;
    }
    return NULL;
}

size_t spelling_write(enum spelling spelling, const char *text, size_t len, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len;) {
        const char *other =
            spelling == SPELLING_AS_IS ? NULL : replacement(spelling, text + i, len - i);

        if (other) {
            memcpy(out + n, other, 2); /* both are two bytes */
            n += 2;
            i += 2;
        } else {
            out[n++] = text[i++];
        }
    }
    out[n] = 0;
    return n;
}

bool spelling_differs(enum spelling spelling, const char *text, size_t len)
{
    for (size_t i = 0; spelling != SPELLING_AS_IS && i < len; i++)
        if (replacement(spelling, text + i, len - i))
            return true;
    return false;
}
