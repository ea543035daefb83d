/* ask.c - see ask.h. */
#include "ask.h"

#include <ctype.h>
#include <string.h>

#include "text.h"

_Static_assert(ASK_VALUES >= (int)ASK_NUMBERS && ASK_VALUES >= (int)ASK_TEXTS,
               "each placeholder has its value");

struct asking {
    struct ask *asks;
    uint32_t n;
    const struct config *config;
};

/* --- values ---------------------------------------------------------------------------
 */

static bool copy(char out[ASK_VALUE], struct ctr_str s)
{
    if (s.len == 0 || s.len >= ASK_VALUE || !text_is_utf8(s.ptr, s.len))
        return false;
    memcpy(out, s.ptr, s.len);
    out[s.len] = 0;
    return true;
}

static void only_digits(char *out, const char *number)
{
    for (; *number; number++)
        if (isdigit((uint8_t)*number))
            *out++ = *number;
    *out = 0;
}

static void fill_tail(struct ask *a, uint32_t digits)
{
    size_t n = strlen(a->values[ASK_DIGITS]);

    strcpy(a->values[ASK_TAIL], a->values[ASK_DIGITS] + (n > digits ? n - digits : 0));
}

static bool is_word_byte(char c)
{
    return isalnum((uint8_t)c) || (uint8_t)c >= 0x80;
}

/* The longest run of letters and digits: the one that narrows most. */
static void longest_word(char out[ASK_VALUE], const char *text)
{
    const char *best = text, *p = text;
    size_t longest = 0, n;

    while (*p) {
        for (n = 0; is_word_byte(p[n]);)
            n++;
        if (n > longest) {
            best = p;
            longest = n;
        }
        p += n + (p[n] != 0);
    }
    memcpy(out, best, longest);
    out[longest] = 0;
}

/* For LIKE ... ESCAPE '!': what was asked holds no wildcard of its own. */
static bool like(char out[ASK_VALUE], const char *before, const char *word)
{
    size_t n = strlen(before);

    strcpy(out, before);
    for (; *word; word++) {
        if (n + 4 > ASK_VALUE)
            return false;
        if (strchr("!%_[", *word))
            out[n++] = '!';
        out[n++] = *word;
    }
    strcpy(out + n, "%");
    return true;
}

static bool fill_text(struct ask *a)
{
    longest_word(a->values[ASK_WORD], a->values[ASK_TEXT]);
    return strlen(a->values[ASK_WORD]) >= 2 &&
           like(a->values[ASK_PREFIX], "", a->values[ASK_WORD]) &&
           like(a->values[ASK_CONTAINS], "%", a->values[ASK_WORD]);
}

/* --- leaves ---------------------------------------------------------------------------
 */

static bool asked_before(const struct asking *g, const struct ask *a)
{
    for (uint32_t i = 0; i < g->n; i++) {
        const struct ask *b = &g->asks[i];
        bool same = a->sql == b->sql;

        for (size_t k = 0; same && k < sizeof(a->values) / sizeof(a->values[0]); k++)
            same = strcmp(a->values[k], b->values[k]) == 0;
        if (same)
            return true;
    }
    return false;
}

static bool keep(struct asking *g, bool good)
{
    if (!good)
        return false;
    if (!asked_before(g, &g->asks[g->n]))
        g->n++;
    return true;
}

static struct ask *next(struct asking *g, const struct sqltext *sql)
{
    struct ask *a = &g->asks[g->n];

    if (!sql->sql || g->n == ASKS_MAX)
        return NULL;
    memset(a, 0, sizeof(*a));
    a->sql = sql;
    return a;
}

static bool add_number(struct asking *g, const struct ctr_filter *f)
{
    struct ask *a = next(g, &g->config->lookup);
    uint32_t last = f->n_values - 1;

    if (!a || f->op != CTR_OP_EQUAL || f->n_values == 0 ||
        !copy(a->values[ASK_NUMBER], f->values[0]) ||
        !copy(a->values[ASK_NATIONAL], f->values[last < 1 ? 0 : 1]) ||
        !copy(a->values[ASK_ASKED], f->values[last]))
        return false;
    only_digits(a->values[ASK_DIGITS], a->values[ASK_NUMBER]);
    fill_tail(a, g->config->tail_digits);
    return keep(g, a->values[ASK_DIGITS][0] != 0);
}

/* The piece of a filter that narrows most: the longest. */
static bool add_text(struct asking *g, const struct ctr_filter *f)
{
    struct ask *a = next(g, &g->config->lookup_text);
    struct ctr_str best = {NULL, 0};

    if (!a || (f->op != CTR_OP_EQUAL && f->op != CTR_OP_SUBSTR && f->op != CTR_OP_WORDS &&
               f->op != CTR_OP_APPROX))
        return false;
    for (uint32_t i = 0; i < f->n_values; i++)
        if (f->values[i].len > best.len)
            best = f->values[i];
    return keep(g, copy(a->values[ASK_TEXT], best) && fill_text(a));
}

/* --- the tree -------------------------------------------------------------------------
 */

enum { NUMBERS = 1, TEXTS = 2 };

/* Lookups that find whatever the node is true of, as far as `want` goes. */
static bool add(struct asking *g, const struct ctr_filter *f, unsigned want)
{
    const uint64_t others = CTR_KIND(CTR_FIELD_ID) | CTR_KIND(CTR_FIELD_OWNER) |
                            CTR_KIND(CTR_FIELD_PHOTO) | CTR_KINDS_PHONE;
    bool some = false;

    switch (f->op) {
    case CTR_OP_OR:
        for (uint32_t i = 0; i < f->n_children; i++)
            some |= add(g, f->children[i], want);
        return some;
    case CTR_OP_AND: /* any one of them is enough; numbers narrow most */
        for (unsigned kind = NUMBERS; kind <= TEXTS && !some; kind++)
            for (uint32_t i = 0; (want & kind) && i < f->n_children && !some; i++)
                some = add(g, f->children[i], kind);
        return some;
    case CTR_OP_NOT:
        return false;
    default:
        if ((want & NUMBERS) && (f->kinds & CTR_KINDS_PHONE))
            some = add_number(g, f);
        if ((want & TEXTS) && (f->kinds & ~others))
            some |= add_text(g, f);
        return some;
    }
}

uint32_t ask_make(struct ask asks[ASKS_MAX], const struct config *c,
                  const struct ctr_filter *filter)
{
    struct asking g = {.asks = asks, .config = c};

    (void)add(&g, filter, NUMBERS | TEXTS);
    return g.n;
}

void ask_number(struct ask *a, const struct config *c, const char *number)
{
    memset(a, 0, sizeof(*a));
    a->sql = &c->lookup;
    strcpy(a->values[ASK_NUMBER], number);
    strcpy(a->values[ASK_NATIONAL], number);
    strcpy(a->values[ASK_ASKED], number);
    only_digits(a->values[ASK_DIGITS], number);
    fill_tail(a, c->tail_digits);
}

void ask_text(struct ask *a, const struct config *c, const char *text)
{
    memset(a, 0, sizeof(*a));
    a->sql = &c->lookup_text;
    strcpy(a->values[ASK_TEXT], text);
    (void)fill_text(a);
}
