/* word.c - words of a folded text, and comparing folded texts. */
#include <utf8proc.h>

#include "text/text.h"
#include "text/utf8.h"

static bool is_word_category(utf8proc_category_t category)
{
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

/* Looks at the character at s. returns its bytes; *in_word says what it is */
static size_t look(const unsigned char *s, size_t n, bool *in_word)
{
    uint32_t cp;
    size_t len;

    if (*s < 0x80) {
        *in_word = (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') ||
                   (*s >= 'A' && *s <= 'Z');
        return 1;
    }
    len = utf8_read(s, n, &cp);
    *in_word = len > 0 && is_word_category(utf8proc_category((utf8proc_int32_t)cp));
    return len > 0 ? len : 1;
}

bool text_next_word(struct ctr_str *rest, struct ctr_str *word)
{
    const unsigned char *s = (const unsigned char *)rest->ptr;
    size_t n = rest->len, start = 0, at, cut, step;
    bool in_word = false;

    for (; start < n; start += step) {
        step = look(s + start, n - start, &in_word);
        if (in_word)
            break;
    }
    for (at = cut = start; at < n; at += step) {
        step = look(s + at, n - at, &in_word);
        if (!in_word)
            break;
        if (at + step - start <= TEXT_WORD_MAX)
            cut = at + step;
    }
    *word = str_make(n ? rest->ptr + start : rest->ptr, cut - start);
    *rest = str_make(n ? rest->ptr + at : rest->ptr, n - at);
    return word->len > 0;
}

bool text_folds_equal(const struct text_folds *a, const struct text_folds *b)
{
    for (unsigned i = 0; i < a->n; i++) {
        for (unsigned k = 0; k < b->n; k++) {
            if (str_eq(a->form[i], b->form[k]))
                return true;
        }
    }
    return false;
}
