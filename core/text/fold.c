/* fold.c - case, accents and the two ways of writing umlauts taken away.
 *
 * ASCII and the Latin letters go by table; everything else through utf8proc. Apostrophes
 * vanish (O'Brien is obrien), white space and control characters become one blank. */
#include <utf8proc.h>

#include "contactor/error.h"
#include "text/latin.h"
#include "text/text.h"
#include "text/utf8.h"

enum { FOLD_STACK = 512, DECOMPOSED_MAX = 24 };

/* Where a fold goes. out NULL: only measured. */
struct fold {
    char *out;
    size_t cap, len;
    unsigned form;
    bool blank;     /* white space was seen, and something stands before it */
    bool full;      /* the next character did not fit */
    bool two_forms; /* something was seen that the other form writes differently */
    char base;      /* the ASCII letter just written, for a mark that follows it */
};

/* Windows-1252, 0x80 to 0x9f; 0: not assigned. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
    0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

static inline void put(struct fold *f, const char *s, size_t n)
{
    if (n == 0)
        return;
    if (f->len + f->blank + n > f->cap) {
        f->full = true;
        return;
    }
    if (f->blank) {
        if (f->out)
            f->out[f->len] = ' ';
        f->len++;
        f->blank = false;
    }
    if (f->out) {
        for (size_t i = 0; i < n; i++)
            f->out[f->len + i] = s[i];
    }
    f->len += n;
}

static inline void put_blank(struct fold *f)
{
    f->blank = f->len > 0;
    f->base = '\0';
}

static inline void fold_ascii(struct fold *f, char c)
{
    if ((unsigned char)c <= ' ' || c == 0x7f) {
        put_blank(f);
        return;
    }
    if (c == '\'' || c == '`')
        return;
    if (c >= 'A' && c <= 'Z')
        c = (char)(c | 0x20);
    put(f, &c, 1);
    f->base = c;
}

/* returns false: not a letter the table knows */
static inline bool fold_latin(struct fold *f, uint32_t cp)
{
    const struct latin_fold *fold;

    if (cp < LATIN_FIRST || cp >= LATIN_END)
        return false;
    fold = &latin_folds[cp - LATIN_FIRST];
    if (fold->len[0] == LATIN_KEEP)
        return false;
    if (fold->text[0] == ' ') {
        put_blank(f);
        return true;
    }
    put(f, fold->text, fold->len[f->form]);
    f->two_forms |= fold->len[0] != fold->len[1];
    f->base = '\0';
    return true;
}

/* A mark written behind its letter, as some systems store all umlauts. */
static void fold_mark(struct fold *f, uint32_t cp)
{
    enum { DIAERESIS = 0x308, RING = 0x30a };
    const char *spelled = NULL;

    if (cp == DIAERESIS && (f->base == 'a' || f->base == 'o' || f->base == 'u'))
        spelled = "e";
    else if (cp == RING && f->base == 'a')
        spelled = "a";
    if (spelled) {
        f->two_forms = true;
        if (f->form == 0)
            put(f, spelled, 1);
    }
    f->base = '\0';
}

static bool is_apostrophe(uint32_t cp)
{
    return cp == 0x2bc || cp == 0x2018 || cp == 0x2019 || cp == 0x2032 || cp == 0xff07;
}

static bool is_blank(uint32_t cp)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)cp);

    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_CC;
}

static void put_code_point(struct fold *f, uint32_t cp)
{
    char bytes[4];

    if (cp < 0x80)
        fold_ascii(f, (char)cp);
    else if (!fold_latin(f, cp) && !is_apostrophe(cp))
        put(f, bytes, utf8_write(cp, bytes));
}

/* What the tables do not know. */
static void fold_other(struct fold *f, uint32_t cp)
{
    const utf8proc_option_t options = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                      UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK |
                                      UTF8PROC_IGNORE;
    utf8proc_int32_t parts[DECOMPOSED_MAX];
    utf8proc_ssize_t n;
    int boundary = 0;

    if (cp >= 0x300 && cp < 0x370) {
        fold_mark(f, cp);
        return;
    }
    f->base = '\0';
    if (is_apostrophe(cp))
        return;
    if (is_blank(cp)) {
        put_blank(f);
        return;
    }
    n = utf8proc_decompose_char((utf8proc_int32_t)cp, parts, DECOMPOSED_MAX, options,
                                &boundary);
    if (n < 0 || n > DECOMPOSED_MAX) { /* not assigned, or longer than any known one */
        put_code_point(f, cp);
        return;
    }
    for (utf8proc_ssize_t i = 0; i < n && !f->full; i++)
        put_code_point(f, (uint32_t)parts[i]);
}

/* A byte that is not UTF-8. */
static uint32_t from_windows_1252(unsigned char byte)
{
    if (byte >= 0x80 && byte < 0xa0)
        return windows_1252[byte - 0x80] ? windows_1252[byte - 0x80] : 0xfffd;
    return byte;
}

static void fold_run(struct fold *f, struct ctr_str in)
{
    const unsigned char *s = (const unsigned char *)in.ptr;
    size_t len;
    uint32_t cp;

    for (size_t i = 0; i < in.len && !f->full; i += len) {
        len = 1;
        if (s[i] < 0x80) {
            fold_ascii(f, (char)s[i]);
            continue;
        }
        len = utf8_read(s + i, in.len - i, &cp);
        if (len == 0) {
            len = 1;
            cp = from_windows_1252(s[i]);
        }
        if (!fold_latin(f, cp))
            fold_other(f, cp);
    }
}

/* One form, kept in the arena: by way of the stack, or measured first when it is long. */
static int fold_form(struct arena *a, struct ctr_str in, unsigned form,
                     struct ctr_str *out, bool *two_forms)
{
    char stack[FOLD_STACK];
    struct fold f = {.out = stack, .cap = sizeof(stack), .form = form};

    fold_run(&f, in);
    if (f.full) {
        struct fold measure = {.cap = SIZE_MAX, .form = form};
        fold_run(&measure, in);
        f = (struct fold){.cap = measure.len, .form = form};
        f.out = arena_alloc(a, measure.len + 1);
        if (!f.out)
            return -CTR_ENOMEM;
        fold_run(&f, in);
        *out = str_make(f.out, f.len);
    } else {
        *out = arena_str(a, str_make(stack, f.len));
        if (!out->ptr)
            return -CTR_ENOMEM;
    }
    *two_forms = f.two_forms;
    return 0;
}

int text_fold(struct arena *a, struct ctr_str in, struct text_folds *out)
{
    bool two_forms;
    int err;

    err = fold_form(a, in, 0, &out->form[0], &two_forms);
    out->form[1] = out->form[0];
    out->n = 1;
    if (err || !two_forms)
        return err;
    out->n = 2;
    return fold_form(a, in, 1, &out->form[1], &two_forms);
}

size_t text_fold_into(struct ctr_str in, unsigned form, char *out, size_t cap)
{
    struct fold f = {.out = out, .cap = cap, .form = form ? 1 : 0};

    fold_run(&f, in);
    return f.len;
}
