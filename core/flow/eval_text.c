/* eval_text.c - what a filter's leaf means for names and other text.
 *
 * A text has two folded forms (text.h). Equality takes any pair of forms; a piece of a
 * text is looked for in the same form of the value. */
#include "base/error.h"
#include "flow/eval.h"

static const uint64_t no_text =
    CTR_KINDS_PHONE | CTR_KIND(CTR_FIELD_ID) | CTR_KIND(CTR_FIELD_PHOTO);

/* What sounds are compared in: names, and no more (as the index has them). */
static const uint64_t sound_kinds =
    CTR_KIND(CTR_FIELD_DISPLAY_NAME) | CTR_KIND(CTR_FIELD_GIVEN_NAME) |
    CTR_KIND(CTR_FIELD_SURNAME) | CTR_KIND(CTR_FIELD_NICKNAME) |
    CTR_KIND(CTR_FIELD_ORGANISATION);

static struct ctr_str form_of(const struct text_folds *folds, unsigned form)
{
    return folds->form[folds->n > 1 ? form : 0];
}

static uint32_t count_words(struct ctr_str text)
{
    struct ctr_str word;
    uint32_t n = 0;

    while (text_next_word(&text, &word))
        n++;
    return n;
}

static int compile_sounds(struct eval_words *words, unsigned form, struct arena *arena)
{
    words->sound[form] = arena_array(arena, words->n, sizeof(*words->sound[form]));
    if (!words->sound[form])
        return -CTR_ENOMEM;
    for (uint32_t i = 0; i < words->n; i++) {
        char code[TEXT_PHONETIC_MAX];
        size_t n = text_phonetic(words->word[form][i], code);

        words->sound[form][i] = arena_str(arena, str_make(code, n));
        if (!words->sound[form][i].ptr)
            return -CTR_ENOMEM;
    }
    return 0;
}

/* Both forms have the same words at the same places; should they not, one form must do.
 */
static int compile_words(struct eval_leaf *leaf, struct arena *arena)
{
    const struct text_folds *folds = &leaf->folds[0];
    struct eval_words *words = arena_alloc(arena, sizeof(*words));

    if (!words)
        return -CTR_ENOMEM;
    words->n = count_words(folds->form[0]);
    words->forms = folds->n > 1 && count_words(folds->form[1]) == words->n ? 2 : 1;
    for (unsigned form = 0; form < words->forms; form++) {
        struct ctr_str rest = folds->form[form];

        words->word[form] = arena_array(arena, words->n, sizeof(*words->word[form]));
        if (!words->word[form])
            return -CTR_ENOMEM;
        for (uint32_t i = 0; i < words->n; i++)
            text_next_word(&rest, &words->word[form][i]);
        if (leaf->op == CTR_OP_APPROX && compile_sounds(words, form, arena) < 0)
            return -CTR_ENOMEM;
    }
    leaf->words = words;
    return 0;
}

int eval_text_compile(struct eval_leaf *leaf, struct arena *arena)
{
    leaf->folds = arena_array(arena, leaf->n_values, sizeof(*leaf->folds));
    if (!leaf->folds)
        return -CTR_ENOMEM;
    for (uint32_t i = 0; i < leaf->n_values; i++)
        if (text_fold(arena, leaf->values[i], &leaf->folds[i]) < 0)
            return -CTR_ENOMEM;
    if (leaf->op == CTR_OP_WORDS || leaf->op == CTR_OP_APPROX)
        return compile_words(leaf, arena);
    return 0;
}

/* ---- match ----------------------------------------------------------------- */

bool eval_fold(struct eval *ev, struct eval_field *field)
{
    if (field->folded)
        return true;
    ev->work += field->f.value.len * 4;
    if (ev->work > EVAL_WORK_MAX ||
        text_fold(&ev->scratch, field->f.value, &field->folds) < 0) {
        ev->exhausted = true;
        return false;
    }
    field->folded = true;
    return true;
}

static bool spend(struct eval *ev, uint64_t bytes)
{
    ev->work += bytes + 16;
    if (ev->work > EVAL_WORK_MAX)
        ev->exhausted = true;
    return !ev->exhausted;
}

static bool has_pieces(const struct eval_leaf *leaf, unsigned form, struct ctr_str text)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < leaf->n_values; i++) {
        struct ctr_str piece = form_of(&leaf->folds[i], form);
        const char *hit;

        if (piece.len == 0)
            continue;
        if (piece.len > text.len - at)
            return false;
        if (i == 0)
            hit = memcmp(text.ptr, piece.ptr, piece.len) == 0 ? text.ptr : NULL;
        else if (i == leaf->n_values - 1)
            return memcmp(text.ptr + text.len - piece.len, piece.ptr, piece.len) == 0;
        else
            hit = memmem(text.ptr + at, text.len - at, piece.ptr, piece.len);
        if (!hit)
            return false;
        at = (uint64_t)(hit - text.ptr) + piece.len;
    }
    return true;
}

static bool pieces_forms(const struct eval_leaf *leaf)
{
    for (uint32_t i = 0; i < leaf->n_values; i++)
        if (leaf->folds[i].n > 1)
            return true;
    return false;
}

static bool match_substr(const struct eval_leaf *leaf, const struct text_folds *value)
{
    unsigned forms = value->n > 1 || pieces_forms(leaf) ? 2 : 1;

    for (unsigned form = 0; form < forms; form++)
        if (has_pieces(leaf, form, form_of(value, form)))
            return true;
    return false;
}

bool eval_text_match(struct eval *ev, const struct eval_leaf *leaf,
                     struct eval_field *field)
{
    const struct text_folds *asked = &leaf->folds[0];

    if (!eval_fold(ev, field) || !spend(ev, field->f.value.len))
        return false;
    switch (leaf->op) {
    case CTR_OP_EQUAL:
        return text_folds_equal(asked, &field->folds);
    case CTR_OP_SUBSTR:
        return match_substr(leaf, &field->folds);
    case CTR_OP_GE:
        return str_cmp(field->folds.form[0], asked->form[0]) >= 0;
    case CTR_OP_LE:
        return str_cmp(field->folds.form[0], asked->form[0]) <= 0;
    default:
        return false;
    }
}

/* ---- words ----------------------------------------------------------------- */

static bool word_begins(const struct eval_words *words, uint32_t i, struct ctr_str word)
{
    for (unsigned form = 0; form < words->forms; form++)
        if (str_starts(word, words->word[form][i]))
            return true;
    return false;
}

static bool word_sounds(const struct eval_words *words, uint32_t i, struct ctr_str word)
{
    char code[TEXT_PHONETIC_MAX];
    size_t n = text_phonetic(word, code);

    for (unsigned form = 0; n > 0 && form < words->forms; form++)
        if (str_eq(words->sound[form][i], str_make(code, n)))
            return true;
    return false;
}

/* Of a mail address the words before the @ count: everybody has the rest. */
static struct ctr_str before_at(struct ctr_str mail)
{
    const char *at = mail.len > 0 ? memchr(mail.ptr, '@', mail.len) : NULL;

    return at ? str_make(mail.ptr, (size_t)(at - mail.ptr)) : mail;
}

static bool field_has_word(struct eval *ev, const struct eval_leaf *leaf, uint32_t i,
                           struct eval_field *field)
{
    bool sounds = leaf->op == CTR_OP_APPROX && sound_kinds & CTR_KIND(field->f.kind);

    if (!eval_fold(ev, field))
        return false;
    for (unsigned form = 0; form < field->folds.n; form++) {
        struct ctr_str rest = field->folds.form[form], word;

        if (!spend(ev, rest.len * (sounds ? 8 : 2)))
            return false;
        if (field->f.kind == CTR_FIELD_MAIL)
            rest = before_at(rest);
        while (text_next_word(&rest, &word))
            if (word_begins(leaf->words, i, word) ||
                (sounds && form == 0 && word_sounds(leaf->words, i, word)))
                return true;
    }
    return false;
}

static bool any_has_word(struct eval *ev, const struct eval_leaf *leaf, uint32_t i,
                         uint64_t kinds)
{
    for (uint32_t f = 0; f < ev->n && !ev->exhausted; f++) {
        struct eval_field *field = &ev->fields[f];

        if (kinds & CTR_KIND(field->f.kind) && eval_leaf_asks(leaf, &field->f) &&
            field_has_word(ev, leaf, i, field))
            return true;
    }
    return false;
}

/* The whole of what is asked begins a mail address. */
static bool begins_mail(struct eval *ev, const struct eval_leaf *leaf)
{
    const struct text_folds *asked = &leaf->folds[0];

    for (uint32_t f = 0; f < ev->n; f++) {
        struct eval_field *field = &ev->fields[f];
        unsigned forms;

        if (field->f.kind != CTR_FIELD_MAIL || !eval_fold(ev, field))
            continue;
        forms = asked->n > field->folds.n ? asked->n : field->folds.n;
        for (unsigned form = 0; form < forms; form++)
            if (str_starts(form_of(&field->folds, form), form_of(asked, form)))
                return true;
    }
    return false;
}

bool eval_words_match(struct eval *ev, const struct eval_leaf *leaf, uint64_t kinds)
{
    kinds &= ~no_text;
    if (leaf->words->n == 0)
        return false;
    if (kinds & ev->kinds & CTR_KIND(CTR_FIELD_MAIL) && begins_mail(ev, leaf))
        return true;
    for (uint32_t i = 0; i < leaf->words->n; i++)
        if (!any_has_word(ev, leaf, i, kinds))
            return false;
    return true;
}
