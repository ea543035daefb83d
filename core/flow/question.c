/* question.c - copies a filter for a live source. */
#include "flow/question.h"

#include <stdio.h>

#include "base/str.h"

enum { SPELLINGS = 3 };

struct asking {
    struct arena *arena;
    const struct dialplan *client, *source;
};

static bool copy_str(struct arena *a, struct ctr_str from, struct ctr_str *to)
{
    if (from.ptr)
        *to = arena_str(a, from);
    return to->ptr || !from.ptr;
}

/* As dialled in the source's country: 089..., from abroad 0033... */
static struct ctr_str dialled(struct arena *a, const struct dialplan *plan,
                              const char *digits)
{
    char text[NUMBER_TEXT_MAX];
    size_t n = number_format(plan, NUMBER_FORMAT_NATIONAL, str_of(digits), str_of(digits),
                             str_make(NULL, 0), text, sizeof(text));

    if (n > 0 && text[0] != '+')
        return arena_str(a, str_make(text, n));
    n = (size_t)snprintf(text, sizeof(text), "%s%s",
                         plan->international_prefix[0] ? plan->international_prefix : "+",
                         digits);
    return arena_str(a, str_make(text, n));
}

/* The number as the source may have it: E.164, as dialled there, as asked. */
static bool spell(const struct asking *asking, struct ctr_str asked,
                  struct ctr_str out[SPELLINGS])
{
    struct number readings[NUMBER_READINGS_MAX];
    struct arena *a = asking->arena;
    unsigned n = number_readings(asking->client, asked, readings), i = 0;

    if (!copy_str(a, asked, &out[SPELLINGS - 1]))
        return false;
    out[0] = out[1] = out[SPELLINGS - 1];
    while (i < n && readings[i].class != NUMBER_E164)
        i++;
    if (i == n)
        return true;
    out[0].ptr = arena_fmt(a, "+%s", readings[i].digits);
    out[0].len = readings[i].len + 1u;
    out[1] = dialled(a, asking->source, readings[i].digits);
    return out[0].ptr && out[1].ptr;
}

static bool is_number(const struct ctr_filter *leaf)
{
    return leaf->op == CTR_OP_EQUAL && leaf->n_values == 1 && leaf->kinds != 0 &&
           (leaf->kinds & ~CTR_KINDS_PHONE) == 0;
}

static bool copy_values(const struct asking *asking, const struct ctr_filter *from,
                        struct ctr_filter *to)
{
    struct arena *a = asking->arena;
    struct ctr_str *values;

    to->n_values = asking->source && is_number(from) ? SPELLINGS : from->n_values;
    values = arena_array(a, to->n_values, sizeof(*values));
    to->values = values;
    if (!values)
        return false;
    if (asking->source && is_number(from))
        return spell(asking, str_trim(from->values[0]), values);
    for (uint32_t i = 0; i < from->n_values; i++)
        if (!copy_str(a, from->values[i], &values[i]))
            return false;
    return true;
}

static struct ctr_filter *copy_filter(const struct asking *asking,
                                      const struct ctr_filter *from)
{
    struct arena *a = asking->arena;
    struct ctr_filter *to = arena_alloc(a, sizeof(*to));
    const struct ctr_filter **children;

    if (!to)
        return NULL;
    children = arena_array(a, from->n_children, sizeof(*children));
    *to = *from;
    if (!children || !copy_values(asking, from, to))
        return NULL;
    to->children = children;
    if (from->name.ptr)
        to->name = arena_str(a, from->name);
    for (uint32_t i = 0; i < from->n_children; i++) {
        children[i] = copy_filter(asking, from->children[i]);
        if (!children[i])
            return NULL;
    }
    return to;
}

struct ctr_filter *question_copy(struct arena *arena, const struct ctr_filter *asked,
                                 const struct dialplan *client,
                                 const struct dialplan *source)
{
    struct asking asking = {arena, client, source};

    return copy_filter(&asking, asked);
}
