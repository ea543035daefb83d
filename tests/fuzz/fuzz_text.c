/* fuzz_text.c - any bytes as a name: folded forms are valid and stable, words lie within
 * the text, sounds are bounded. */
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A buffer of the exact size must do, and a shorter one hold a beginning of the fold. */
static void check_into(struct ctr_str in, unsigned form, struct ctr_str want)
{
    size_t cap = (size_t)want.len;

    for (;; cap /= 2) {
        char *out = malloc(cap ? cap : 1);
        size_t n;

        ensure(out);
        n = text_fold_into(in, form, out, cap);
        ensure(n <= cap && memcmp(out, want.ptr, n) == 0);
        ensure(n == want.len || cap < want.len);
        ensure(str_is_utf8(str_make(out, n)));
        free(out);
        if (cap == 0)
            return;
    }
}

static void check_words(struct ctr_str folded)
{
    struct ctr_str rest = folded, word;
    char sound[TEXT_PHONETIC_MAX];

    while (text_next_word(&rest, &word)) {
        ensure(word.len > 0 && word.len <= TEXT_WORD_MAX);
        ensure(word.ptr >= folded.ptr && rest.ptr + rest.len == folded.ptr + folded.len);
        ensure(text_phonetic(word, sound) <= TEXT_PHONETIC_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    char *text = malloc(size ? size : 1);
    struct ctr_str in = str_make(text, size);
    struct text_folds folds, again;

    ensure(text);
    if (size)
        memcpy(text, data, size);
    ensure(text_fold(&a, in, &folds) == 0);
    ensure(folds.n == 1 || folds.n == 2);
    for (unsigned form = 0; form < 2; form++) {
        struct ctr_str fold = folds.form[form];
        ensure(str_is_utf8(fold));
        ensure(fold.len == 0 || (fold.ptr[0] != ' ' && fold.ptr[fold.len - 1] != ' '));
        check_into(in, form, fold);
        check_words(fold);
        ensure(text_fold(&a, fold, &again) == 0);
        ensure(str_eq(again.form[0], fold)); /* folding twice changes nothing */
    }
    check_words(in);
    arena_finish(&a);
    free(text);
    return 0;
}
