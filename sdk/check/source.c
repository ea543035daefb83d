/* source.c - what the checks of sources share: starting one, its ids, questions. */
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "options.h"

static int str_compare(const void *a, const void *b)
{
    const struct ctr_str *x = a, *y = b;
    uint64_t n = x->len < y->len ? x->len : y->len;
    int c = memcmp(x->ptr, y->ptr, (size_t)n);

    return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

void ids_take(struct ids *ids, const struct testhost *t)
{
    uint64_t bytes = 0, at = 0;

    for (uint64_t i = 0; i < t->n_contacts; i++)
        bytes += t->contacts[i]->id.len;
    ids->n = t->n_contacts;
    ids->at = calloc((size_t)ids->n + 1, sizeof(*ids->at));
    ids->bytes = malloc((size_t)bytes + 1);
    if (!ids->at || !ids->bytes)
        abort();
    for (uint64_t i = 0; i < ids->n; i++) {
        struct ctr_str id = t->contacts[i]->id;

        memcpy(ids->bytes + at, id.ptr, (size_t)id.len);
        ids->at[i] = (struct ctr_str){ids->bytes + at, id.len};
        at += id.len;
    }
    qsort(ids->at, (size_t)ids->n, sizeof(*ids->at), str_compare);
}

void ids_finish(struct ids *ids)
{
    free(ids->at);
    free(ids->bytes);
    *ids = (struct ids){NULL, 0, NULL};
}

const struct ctr_str *ids_differ(const struct ids *a, const struct ids *b)
{
    for (uint64_t i = 0; i < a->n && i < b->n; i++) {
        int c = str_compare(&a->at[i], &b->at[i]);

        if (c)
            return c < 0 ? &a->at[i] : &b->at[i];
    }
    return a->n > b->n ? &a->at[b->n] : b->n > a->n ? &b->at[a->n] : NULL;
}

struct testhost *source_start(struct subject *s)
{
    struct testhost *t = subject_host(s);

    probe_host(t);
    if (testhost_start(t) != 0)
        check_fail("It must start each time with the same options.",
                   "it started once, and then it did not: %s", t->failure);
    return t;
}

void source_settle(struct testhost *t)
{
    const struct timespec moment = {0, 50000000};

    testhost_advance(t, 60000);
    if (usage_threads() > 1)
        nanosleep(&moment, NULL);
    testhost_run(t);
}

uint32_t source_first_sync(const struct subject *s, struct testhost *t)
{
    int32_t rc;

    check_step("a full sync");
    rc = testhost_sync(t, NULL);
    if (rc != 0 && s->options->n == 0)
        check_skip("without a configuration no sync succeeds: give --config FILE");
    if (rc != 0)
        check_skip("no sync succeeds with the configuration given: see \"sync\"");
    return atomic_exchange(&probe.calls, 0);
}

const char *code_name(int32_t code)
{
    static const char *const names[] = {"0",
#define X(number, name, text) [number] = "-CTR_" #name,
                                        CTR_ERROR_MAP(X)
#undef X
    };
    int32_t n = -code;

    return n >= 0 && n < (int32_t)(sizeof(names) / sizeof(names[0])) ? names[n]
                                                                     : "no CTR_E* code";
}

/* --- questions ------------------------------------------------------------------------
 */

#define Z(text)                \
    {                          \
        text, sizeof(text) - 1 \
    }
#define LEAF(o, k, v, n)                                \
    {                                                   \
        .op = o, .kinds = k, .values = v, .n_values = n \
    }
#define TREE(o, c, n)                           \
    {                                           \
        .op = o, .children = c, .n_children = n \
    }

static const uint64_t text_kinds = CTR_KIND(CTR_FIELD_DISPLAY_NAME) |
                                   CTR_KIND(CTR_FIELD_GIVEN_NAME) |
                                   CTR_KIND(CTR_FIELD_SURNAME) | CTR_KIND(CTR_FIELD_MAIL);

static char long_text[100000];
static const struct ctr_str number[] = {Z("+4989840798192"), Z("089840798192"),
                                        Z("+49 89 840798-192")};
static const struct ctr_str one[] = {Z("+4989840798192")};
static const struct ctr_str odd[] = {Z("'; DROP TABLE x; --*)(\\\0\xff\xfe%s%n\n")};
static const struct ctr_str empty[] = {Z("")};
static struct ctr_str huge[] = {{long_text, sizeof(long_text)}};
static const struct ctr_str pieces[] = {{NULL, 0}, Z("ei"), {NULL, 0}};
static const struct ctr_str prefix[] = {Z("+49"), {NULL, 0}};

#define TEXT (~UINT64_C(0) & ~CTR_KINDS_PHONE)
static const struct ctr_filter filters[] = {
    LEAF(CTR_OP_EQUAL, CTR_KINDS_PHONE, number, 3),
    LEAF(CTR_OP_EQUAL, CTR_KINDS_PHONE, one, 1),
    LEAF(CTR_OP_EQUAL, CTR_KINDS_PHONE, odd, 1),
    LEAF(CTR_OP_EQUAL, CTR_KINDS_ALL, empty, 1),
    LEAF(CTR_OP_EQUAL, TEXT, odd, 1),
    LEAF(CTR_OP_EQUAL, CTR_KIND(CTR_FIELD_ID), odd, 1),
    LEAF(CTR_OP_EQUAL, CTR_KIND(CTR_FIELD_CUSTOM), one, 1),
    LEAF(CTR_OP_EQUAL, TEXT, huge, 1),
    LEAF(CTR_OP_SUBSTR, TEXT, pieces, 3),
    LEAF(CTR_OP_SUBSTR, CTR_KINDS_PHONE, prefix, 2),
    LEAF(CTR_OP_PRESENT, CTR_KINDS_ALL, NULL, 0),
    LEAF(CTR_OP_GE, TEXT, one, 1),
    LEAF(CTR_OP_LE, TEXT, odd, 1),
    LEAF(CTR_OP_APPROX, TEXT, odd, 1),
    LEAF(CTR_OP_WORDS, TEXT, odd, 1),
    LEAF(CTR_OP_TRUE, 0, NULL, 0),
    LEAF(CTR_OP_FALSE, 0, NULL, 0),
    LEAF(CTR_OP_UNDEFINED, 0, NULL, 0),
    TREE(CTR_OP_AND, NULL, 0),
    TREE(CTR_OP_OR, NULL, 0),
};
enum { FILTERS = sizeof(filters) / sizeof(filters[0]) };

/* All of them under one AND and one OR; and NOT of NOT of ..., as deep as allowed. */
static const struct ctr_filter *every[FILTERS];
static struct ctr_filter deep[CTR_FILTER_DEPTH_MAX];
static const struct ctr_filter *below[CTR_FILTER_DEPTH_MAX];
static const struct ctr_filter whole[] = {TREE(CTR_OP_AND, every, FILTERS),
                                          TREE(CTR_OP_OR, every, FILTERS)};

static void questions_init(void)
{
    memset(long_text, 'a', sizeof(long_text));
    for (uint32_t i = 0; i < FILTERS; i++)
        every[i] = &filters[i];
    deep[0] = filters[0];
    for (uint32_t i = 1; i < CTR_FILTER_DEPTH_MAX; i++) {
        below[i] = &deep[i - 1];
        deep[i] = (struct ctr_filter)TREE(CTR_OP_NOT, &below[i], 1);
    }
}

bool source_question(uint32_t i, struct ctr_query *query)
{
    const struct ctr_filter *f = i < FILTERS       ? &filters[i]
                                 : i < FILTERS + 2 ? &whole[i - FILTERS]
                                                   : &deep[CTR_FILTER_DEPTH_MAX - 1];

    if (i == 0)
        questions_init();
    *query = (struct ctr_query){.size = sizeof(*query),
                                .flags = CTR_QUERY_CALLER,
                                .filter = f,
                                .want = text_kinds | CTR_KINDS_PHONE,
                                .limit = 100,
                                .time_limit = 1000};
    return i < FILTERS + 3;
}
