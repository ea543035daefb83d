/* test_flow_random.c - thousands of random filters: the plan finds what is there, also
 * after all contacts have changed, some have gone, and others come. */
#include "../fuzz/fuzz_query.c"

enum { FILTERS = 12000, CHANGED_EVERY = 3000, FILTER_BYTES = 96 };

static void print_bytes(const uint8_t *data, size_t n)
{
    printf("# ");
    for (size_t i = 0; i < n; i++)
        printf("%02x", data[i]);
    printf("\n");
}

int main(void)
{
    unsigned bad = 0;

    build_world();
    seed = 20240501;
    for (unsigned i = 0; i < FILTERS; i++) {
        uint8_t data[FILTER_BYTES];

        if (i > 0 && i % CHANGED_EVERY == 0)
            change_world();
        for (unsigned k = 0; k < FILTER_BYTES; k++)
            data[k] = (uint8_t)random_below(256);
        if (!try_bytes(data, sizeof(data)) && bad++ < 5)
            print_bytes(data, sizeof(data));
    }
    is_int(bad, 0, "%d filters, each by plan and by looking at every record", FILTERS);
    end_world();
    return tap_done();
}
