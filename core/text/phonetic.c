/* phonetic.c - Cologne phonetics (Kölner Phonetik): words that sound alike in German get
 * the same digits. */
#include "text/text.h"

static char letter_at(struct ctr_str s, size_t i)
{
    return i < s.len && s.ptr[i] >= 'a' && s.ptr[i] <= 'z' ? s.ptr[i] : '\0';
}

static bool one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static const char *code_of_c(char before, char after)
{
    if (!before)
        return one_of(after, "ahkloqrux") ? "4" : "8";
    if (one_of(before, "sz"))
        return "8";
    return one_of(after, "ahkoqux") ? "4" : "8";
}

/* The digits of one letter between its neighbours; NUL: none there. */
static const char *code_of(char before, char c, char after)
{
    switch (c) {
    case 'h':
        return "";
    case 'b':
        return "1";
    case 'p':
        return after == 'h' ? "3" : "1";
    case 'd':
    case 't':
        return one_of(after, "csz") ? "8" : "2";
    case 'f':
    case 'v':
    case 'w':
        return "3";
    case 'g':
    case 'k':
    case 'q':
        return "4";
    case 'c':
        return code_of_c(before, after);
    case 'x':
        return one_of(before, "ckq") ? "8" : "48";
    case 'l':
        return "5";
    case 'm':
    case 'n':
        return "6";
    case 'r':
        return "7";
    case 's':
    case 'z':
        return "8";
    default: /* a e i j o u y */
        return "0";
    }
}

size_t text_phonetic(struct ctr_str folded_word, char out[TEXT_PHONETIC_MAX])
{
    char before = '\0', last = '\0';
    size_t n = 0;

    for (size_t i = 0; i < folded_word.len; i++) {
        char c = letter_at(folded_word, i);
        if (!c)
            continue;
        for (const char *d = code_of(before, c, letter_at(folded_word, i + 1)); *d; d++) {
            /* Runs count once; vowels only at the start, but they do end a run. */
            if (*d != last && (*d != '0' || n == 0)) {
                if (n == TEXT_PHONETIC_MAX)
                    return n;
                out[n++] = *d;
            }
            last = *d;
        }
        before = c;
    }
    return n;
}
