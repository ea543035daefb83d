/* eval_text.c - what a filter's leaf means for names and other text.
 *
 * A stored text has two folded forms (text.h). What is asked counts spelled out (form 0)
 * alone: mueller, muller and Müller find Müller, and Kühn does not find Kuhn. */
#include "base/error.h"
#include "flow/eval.h"

static const uint64_t no_text =
    CTR_KINDS_PHONE | CTR_KIND(CTR_FIELD_ID) | CTR_KIND(CTR_FIELD_PHOTO);

/* What sounds are compared in: names, and no more (as the index has them). */
static const uint64_t sound_kinds =
    CTR_KIND(CTR_FIELD_DISPLAY_NAME) | CTR_KIND(CTR_FIELD_GIVEN_NAME) |
    CTR_KIND(CTR_FIELD_SURNAME) | CTR_KIND(CTR_FIELD_NICKNAME) |
    CTR_KIND(CTR_FIELD_ORGANISATION);

static uint32_t count_words(struct ctr_str text)
{
    struct ctr_str word;
    uint32_t n = 0;

    while (text_next_word(&text, &word))
        n++;
    return n;
}

static int compile_sounds(struct eval_words *words, struct arena *arena)
{
    words->sound = arena_array(arena, words->n, sizeof(*words->sound));
    if (!words->sound)
        return -CTR_ENOMEM;
    for (uint32_t i = 0; i < words->n; i++) {
        char code[TEXT_PHONETIC_MAX];
        size_t n = text_phonetic(words->word[i], code);

        words->sound[i] = arena_str(arena, str_make(code, n));
        if (!words->sound[i].ptr)
            return -CTR_ENOMEM;
    }
    return 0;
}

static int compile_words(struct eval_leaf *leaf, struct arena *arena)
{
    struct eval_words *words = arena_alloc(arena, sizeof(*words));
    struct ctr_str rest = leaf->folds[0].form[0];

    if (!words)
        return -CTR_ENOMEM;
    words->n = count_words(rest);
    words->word = arena_array(arena, words->n, sizeof(*words->word));
    if (!words->word)
        return -CTR_ENOMEM;
    for (uint32_t i = 0; i < words->n; i++)
        text_next_word(&rest, &words->word[i]);
    if (leaf->op == CTR_OP_APPROX && compile_sounds(words, arena) < 0)
        return -CTR_ENOMEM;
    leaf->words = words;
    return 0;
}

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

/* Folding trims. In a substring the blank at the end of a piece is asked for, unless it
 * is the end of the whole: "Ann *" is not Anna. An address has no blanks. */
static int keep_blanks(struct eval_leaf *leaf, uint32_t i, struct arena *arena)
{
    struct ctr_str asked = leaf->values[i], *fold = &leaf->folds[i].form[0];
    bool before = i > 0 && asked.len > 0 && is_blank(asked.ptr[0]);
    bool behind =
        i < leaf->n_values - 1 && asked.len > 0 && is_blank(asked.ptr[asked.len - 1]);
    char *kept;

    if (!(before || behind) || (fold->len == 0 && !(before && behind)))
        return 0;
    if (fold->len == 0)
        behind = false; /* blanks alone are one */
    kept = arena_alloc(arena, fold->len + 2);
    if (!kept)
        return -CTR_ENOMEM;
    if (before)
        kept[0] = ' ';
    if (fold->len > 0)
        memcpy(kept + before, fold->ptr, fold->len);
    if (behind)
        kept[before + fold->len] = ' ';
    *fold = str_make(kept, fold->len + before + behind);
    return 0;
}

int eval_text_compile(struct eval_leaf *leaf, struct arena *arena)
{
    leaf->folds = arena_array(arena, leaf->n_values, sizeof(*leaf->folds));
    if (!leaf->folds)
        return -CTR_ENOMEM;
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        if (text_fold(arena, leaf->values[i], &leaf->folds[i]) < 0)
            return -CTR_ENOMEM;
        leaf->folds[i].n = 1;
        if (leaf->op == CTR_OP_SUBSTR && leaf->kinds != CTR_KIND(CTR_FIELD_MAIL) &&
            keep_blanks(leaf, i, arena) < 0)
            return -CTR_ENOMEM;
    }
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

static bool has_pieces(const struct eval_leaf *leaf, struct ctr_str text)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < leaf->n_values; i++) {
        struct ctr_str piece = leaf->folds[i].form[0];
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

static bool match_substr(const struct eval_leaf *leaf, const struct text_folds *value)
{
    for (unsigned form = 0; form < value->n; form++)
        if (has_pieces(leaf, value->form[form]))
            return true;
    return false;
}

/* A byte that folds to itself, or to its small letter, whatever stands beside it, and
 * neither vanishes nor joins with blanks. */
static bool is_plain(char c)
{
    return c > ' ' && c < 0x7f && c != '\'' && c != '`';
}

enum begins { BEGINS_NO, BEGINS_YES, BEGINS_UNKNOWN };

/* Does the folded value begin with this? Mostly the first plain letters say so, and then
 * nothing needs to be folded. */
static enum begins begins_plainly(struct ctr_str value, struct ctr_str piece)
{
    for (uint64_t i = 0; i < piece.len; i++) {
        char c;

        if (i == value.len)
            return BEGINS_NO;
        c = value.ptr[i];
        if (!is_plain(c))
            return BEGINS_UNKNOWN;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        if (c != piece.ptr[i])
            return BEGINS_NO;
    }
    return BEGINS_YES;
}

/* "mull*" and nothing behind. */
static bool asks_beginning(const struct eval_leaf *leaf)
{
    return leaf->op == CTR_OP_SUBSTR && leaf->n_values == 2 &&
           leaf->folds[0].form[0].len > 0 && leaf->folds[1].form[0].len == 0;
}

bool eval_text_match(struct eval *ev, const struct eval_leaf *leaf,
                     struct eval_field *field)
{
    const struct text_folds *asked = &leaf->folds[0];
    enum begins begins = BEGINS_UNKNOWN;

    if (!field->folded && asks_beginning(leaf))
        begins = begins_plainly(field->f.value, asked->form[0]);
    if (begins != BEGINS_UNKNOWN)
        return begins == BEGINS_YES;
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

static bool word_sounds(const struct eval_words *words, uint32_t i, struct ctr_str word)
{
    char code[TEXT_PHONETIC_MAX];
    size_t n = text_phonetic(word, code);

    return n > 0 && str_eq(words->sound[i], str_make(code, n));
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
            if (str_starts(word, leaf->words->word[i]) ||
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
    for (uint32_t f = 0; f < ev->n; f++) {
        struct eval_field *field = &ev->fields[f];

        if (field->f.kind != CTR_FIELD_MAIL || !eval_fold(ev, field))
            continue;
        for (unsigned form = 0; form < field->folds.n; form++)
            if (str_starts(field->folds.form[form], leaf->folds[0].form[0]))
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
