/* fuzz_filter.c - any bytes as a filter in BER. What is built must be a tree the host
 * takes; what cannot be True for one of our own entries must not be when evaluated. */
#include <stdlib.h>

#include "filter.h"
#include "testhost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct testhost *host;

static void require(bool good)
{
    if (!good)
        abort();
}

/* Leaves below; aborts on what the host would refuse. */
static uint32_t check(const struct ctr_filter *f, uint32_t depth)
{
    uint32_t leaves = 0;

    require(f && depth <= CTR_FILTER_DEPTH_MAX + 4);
    switch (f->op) {
    case CTR_OP_FALSE:
    case CTR_OP_TRUE:
        require(depth == 0); /* constants are folded away */
        return 0;
    case CTR_OP_NOT:
        require(f->n_children == 1 && f->children[0]->op != CTR_OP_NOT);
        return check(f->children[0], depth + 1);
    case CTR_OP_AND:
    case CTR_OP_OR:
        require(f->n_children >= 2);
        for (uint32_t i = 0; i < f->n_children; i++)
            leaves += check(f->children[i], depth + 1);
        return leaves;
    default:
        require(f->op >= CTR_OP_EQUAL && f->op <= CTR_OP_WORDS && f->kinds != 0);
        require(f->op == CTR_OP_PRESENT ||
                f->n_values >= (f->op == CTR_OP_SUBSTR ? 2u : 1u));
        for (uint32_t i = 0; i < f->n_values; i++)
            require(f->values[i].ptr || f->values[i].len == 0);
        return 1;
    }
}

static void try_filter(const struct server *s, const uint8_t *data, size_t size,
                       const char *source)
{
    struct pool pool;
    struct filter f = {.server = s, .pool = &pool, .source = str_of(source)};
    struct ber b = ber_over(data, size), start = b;

    pool_init(&pool, 16 << 20);
    if (filter_build(&f, &b) == 0) {
        struct ber whole = {start.at, b.at};
        uint64_t work = 0;
        int base = local_matches(&s->base_entry, &s->attributes, &pool, whole, &work);

        require(work > LOCAL_WORK_MAX || base != LOCAL_TRUE || f.local_true);
        local_matches(&s->rootdse, &s->attributes, &pool, whole, &work);
        require(check(f.root, 0) <= CTR_FILTER_LEAVES_MAX && f.n_asked <= ASKED_MAX);
        require(!source || !f.by_source);
    }
    pool_reset(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct server *s;

    if (!host) {
        host = testhost_create(&contactor_plugin, "frontend.fuzz");
        if (testhost_start(host))
            abort();
    }
    s = host->instance;
    try_filter(s, data, size, NULL);
    try_filter(s, data, size, "crm");
    return 0;
}
