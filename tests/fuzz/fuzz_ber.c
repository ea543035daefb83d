/* fuzz_ber.c - any bytes as BER: every element is walked, read as each type, and written
 * again; what is read from the copy must be the same. */
#include <stdlib.h>
#include <string.h>

#include "ber/ber.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

/* An integer reads back as it was written. */
static void check_int(int64_t number)
{
    uint8_t room[16];
    struct ber_out out = {.data = room, .cap = sizeof(room)};
    struct ber b;
    int64_t same;

    ber_put_int(&out, BER_INTEGER, number);
    b = ber_over(room, out.len);
    require(ber_int(&b, BER_INTEGER, &same) == 0 && same == number && ber_left(&b) == 0);
}

/* Writes the elements of b as they are read, constructed ones taken apart. */
static void copy(struct ber b, struct ber_out *out, unsigned depth)
{
    while (ber_left(&b) > 0) {
        struct ber content, as = b;
        struct ctr_str s;
        int64_t number;
        uint8_t tag;
        bool flag;

        if (ber_next(&b, &tag, &content)) {
            require(ber_left(&b) == ber_left(&as));
            ber_put_str(out, BER_OCTETS,
                        (struct ctr_str){(const char *)b.at, ber_left(&b)});
            return;
        }
        require(ber_left(&content) < ber_left(&as));
        if ((tag & 0x20) && depth < 32) {
            size_t at = ber_open(out, tag);

            copy(content, out, depth + 1);
            ber_close(out, at);
        } else if (tag == BER_BOOLEAN && ber_bool(&as, tag, &flag) == 0) {
            ber_put_bool(out, tag, flag);
        } else if (tag == BER_INTEGER && ber_int(&as, tag, &number) == 0) {
            check_int(number);
            ber_put_int(out, tag, number);
        } else {
            require(ber_str(&as, tag, &s) == 0);
            ber_put_str(out, tag, s);
        }
    }
}

static bool walks(struct ber b, unsigned depth)
{
    struct ber content;
    uint8_t tag;

    while (ber_left(&b) > 0)
        if (ber_next(&b, &tag, &content) ||
            ((tag & 0x20) && depth < 32 && !walks(content, depth + 1)))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cap = 4 * size + 64;
    uint8_t *room = malloc(cap);
    struct ber_out out = {.data = room, .cap = cap}, count = {.cap = 0};

    if (!room)
        return 0;
    ber_frame(data, size, BER_SEQUENCE, 1000);
    copy(ber_over(data, size), &out, 0);
    require(ber_fits(&out) && walks(ber_over(room, out.len), 0));
    copy(ber_over(room, out.len), &count, 0);
    free(room);
    return 0;
}
