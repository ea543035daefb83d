/* test_ber.c - the BER reader on every cut and lie, the writer against known bytes. */
#include "ber/ber.h"
#include "tap.h"

static void test_frame(void)
{
    static const uint8_t small[] = {0x30, 0x03, 1, 2, 3};
    static const uint8_t longer[] = {0x30, 0x82, 0x01, 0x00};
    static const uint8_t padded[] = {0x30, 0x84, 0, 0, 0, 5};
    static const uint8_t indefinite[] = {0x30, 0x80};
    static const uint8_t huge[] = {0x30, 0x85, 0, 0, 0, 0, 1};

    is_int(ber_frame(small, 0, 0x30, 100), 0, "nothing yet");
    is_int(ber_frame(small, 1, 0x30, 100), 0, "a tag only");
    is_int(ber_frame(small, 2, 0x30, 100), 5, "the whole length from two bytes");
    is_int(ber_frame(small, 5, 0x30, 100), 5, "complete");
    is_int(ber_frame(small, 5, 0x30, 3), 5, "content at the limit");
    is_int(ber_frame(small, 5, 0x30, 2), -CTR_ESIZE, "content over the limit");
    is_int(ber_frame(small, 5, 0x31, 100), -CTR_EFORMAT, "another tag");
    is_int(ber_frame(longer, 3, 0x30, 1000), 0, "length cut");
    is_int(ber_frame(longer, 4, 0x30, 1000), 260, "length of two bytes");
    is_int(ber_frame(padded, 6, 0x30, 1000), 11, "length with leading zeros");
    is_int(ber_frame(indefinite, 2, 0x30, 1000), -CTR_EFORMAT, "indefinite length");
    is_int(ber_frame(huge, 7, 0x30, 1000), -CTR_EFORMAT, "length of five bytes");
}

static void test_reader(void)
{
    static const uint8_t bytes[] = {0x02, 0x01, 0xff, 0x04, 0x02, 'h',
                                    'i',  0x01, 0x01, 0x01, 0x30, 0x00};
    struct ber b = ber_over(bytes, sizeof(bytes)), content;
    struct ctr_str s;
    int64_t number;
    bool flag;

    is_int(ber_int(&b, BER_ENUMERATED, &number), -CTR_EFORMAT, "the tag must fit");
    ok(ber_int(&b, BER_INTEGER, &number) == 0 && number == -1, "integer -1");
    ok(ber_str(&b, BER_OCTETS, &s) == 0 && s.len == 2 && s.ptr[0] == 'h', "string");
    ok(ber_bool(&b, BER_BOOLEAN, &flag) == 0 && flag, "boolean, any byte but 0");
    ok(ber_enter(&b, BER_SEQUENCE, &content) == 0 && ber_left(&content) == 0, "sequence");
    ok(ber_left(&b) == 0 && ber_peek(&b) == -1, "the end");
    is_int(ber_str(&b, BER_OCTETS, &s), -CTR_EFORMAT, "nothing behind the end");
}

static void test_lies(void)
{
    static const struct {
        const char *name;
        uint8_t bytes[6];
        size_t n;
    } lies[] = {
        {"longer than what is there", {0x04, 0x05, 'a'}, 3},
        {"length cut off", {0x04, 0x82, 0x01}, 3},
        {"4 GiB", {0x04, 0x84, 0xff, 0xff, 0xff, 0xff}, 6},
        {"indefinite", {0x24, 0x80, 0, 0}, 4},
        {"tag of several bytes", {0x1f, 0x01, 0x00}, 3},
        {"tag alone", {0x04}, 1},
    };
    static const uint8_t empty_int[] = {2, 0},
                         long_int[] = {2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                         long_bool[] = {1, 2, 0, 0};
    struct ber b, content;
    int64_t number;
    uint8_t tag;
    bool flag;

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        b = ber_over(lies[i].bytes, lies[i].n);
        ok(ber_next(&b, &tag, &content) == -CTR_EFORMAT && b.at == lies[i].bytes,
           "refused: %s", lies[i].name);
    }
    b = ber_over(empty_int, sizeof(empty_int));
    is_int(ber_int(&b, BER_INTEGER, &number), -CTR_EFORMAT, "integer without content");
    b = ber_over(long_int, sizeof(long_int));
    is_int(ber_int(&b, BER_INTEGER, &number), -CTR_EFORMAT, "integer of nine bytes");
    ok(b.at == long_int, "and nothing was taken");
    b = ber_over(long_bool, sizeof(long_bool));
    is_int(ber_bool(&b, BER_BOOLEAN, &flag), -CTR_EFORMAT, "boolean of two bytes");
}

static void test_integers(void)
{
    static const int64_t numbers[] = {
        0,  1,    127,  128,    255,       256,       32767,     32768,    65535,
        -1, -128, -129, -32768, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    uint8_t room[16];

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct ber_out out = {.data = room, .cap = sizeof(room)};
        struct ber b;
        int64_t got = 42;

        ber_put_int(&out, BER_INTEGER, numbers[i]);
        b = ber_over(room, out.len);
        ok(ber_int(&b, BER_INTEGER, &got) == 0 && got == numbers[i] && ber_left(&b) == 0,
           "%lld there and back in %zu bytes", (long long)numbers[i], out.len);
    }
    {
        struct ber_out out = {.data = room, .cap = sizeof(room)};

        ber_put_int(&out, BER_INTEGER, 128);
        ok(out.len == 4 && room[1] == 2 && room[2] == 0 && room[3] == 0x80,
           "128 keeps its sign bit clear");
    }
}

/* Nested elements around n bytes, read back. */
static bool round_trip(size_t n, size_t cap, size_t *needed)
{
    uint8_t *room = malloc(cap ? cap : 1);
    char *value = calloc(1, n + 1);
    struct ber_out out = {.data = room, .cap = cap};
    size_t outer = ber_open(&out, BER_SEQUENCE);
    size_t inner = ber_open(&out, BER_SET);
    struct ber b, seq, set;
    struct ctr_str got;
    bool good;

    memset(value, 'x', n);
    ber_put_str(&out, BER_OCTETS, (struct ctr_str){value, n});
    ber_close(&out, inner);
    ber_put_int(&out, BER_INTEGER, 7);
    ber_close(&out, outer);
    *needed = out.len;
    b = ber_over(room, out.len);
    good = ber_fits(&out) && ber_enter(&b, BER_SEQUENCE, &seq) == 0 &&
           ber_left(&b) == 0 && ber_enter(&seq, BER_SET, &set) == 0 &&
           ber_left(&seq) == 3 && ber_str(&set, BER_OCTETS, &got) == 0 && got.len == n &&
           memcmp(got.ptr, value, n) == 0 && ber_left(&set) == 0;
    free(room);
    free(value);
    return good;
}

static void test_writer(void)
{
    static const size_t sizes[] = {0,   1,   100, 120, 125, 126,   127,   128,
                                   129, 252, 253, 255, 256, 65531, 65536, 1 << 20};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t needed, again;

        ok(round_trip(sizes[i], sizes[i] + 64, &needed), "%zu bytes nested", sizes[i]);
        ok(!round_trip(sizes[i], 0, &again) && again == needed,
           "without room it still counts right");
        ok(!round_trip(sizes[i], needed - 1, &again) && again == needed,
           "one byte short is noticed");
        ok(round_trip(sizes[i], needed, &again), "exactly enough is enough");
    }
}

int main(void)
{
    test_frame();
    test_reader();
    test_lies();
    test_integers();
    test_writer();
    return tap_done();
}
