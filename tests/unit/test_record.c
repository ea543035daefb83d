/* test_record.c - the codec of stored contacts. */
#include "cache_util.h"

static struct dialplan plan;

/* Encodes into b and gives it back as a record. */
static struct record encode(struct strbuf *b, const struct person *p, unsigned *warnings)
{
    unsigned w = 0;

    strbuf_reset(b);
    if (record_encode(&p->contact, &plan, b, warnings ? warnings : &w) != 0)
        return (struct record){NULL, 0};
    return (struct record){(const uint8_t *)b->ptr, b->len};
}

static bool field_is(const struct record *r, unsigned n, uint32_t kind, const char *value)
{
    struct record_iter it = {0};
    struct record_field f;

    for (unsigned i = 0; record_next(r, &it, &f); i++)
        if (i == n)
            return f.kind == kind && str_eq_z(f.value, value);
    return false;
}

static void test_names(void)
{
    struct strbuf b = {0};
    struct person p;
    struct record r;

    person_name(&p, "1", "  Anna ", "Müller\n");
    r = encode(&b, &p, NULL);
    ok(record_check(&r), "a record checks");
    ok(field_is(&r, 0, CTR_FIELD_DISPLAY_NAME, "Anna Müller"),
       "name from given, surname");
    ok(field_is(&r, 1, CTR_FIELD_GIVEN_NAME, "Anna"), "given name trimmed");
    ok(field_is(&r, 2, CTR_FIELD_SURNAME, "Müller"), "surname trimmed");
    is_int(record_field_count(&r), 3, "three fields");
    ok(record_kinds(&r) == (CTR_KIND(2) | CTR_KIND(3) | CTR_KIND(4)), "kinds");
    ok(str_eq_z(record_id(&r), "1"), "id");
    ok(record_owner(&r).ptr == NULL, "no owner");

    person_new(&p, "2");
    person_add(&p, CTR_FIELD_PHONE_MOBILE, "0171 1234567");
    person_add(&p, CTR_FIELD_MAIL, "a@b.de");
    person_add(&p, CTR_FIELD_ORGANISATION, "Beispiel GmbH");
    r = encode(&b, &p, NULL);
    ok(field_is(&r, 0, CTR_FIELD_DISPLAY_NAME, "Beispiel GmbH"),
       "name from organisation");
    p.contact.n_fields = 2;
    r = encode(&b, &p, NULL);
    ok(field_is(&r, 0, CTR_FIELD_DISPLAY_NAME, "a@b.de"), "name from mail");
    p.contact.n_fields = 1;
    r = encode(&b, &p, NULL);
    ok(field_is(&r, 0, CTR_FIELD_DISPLAY_NAME, "0171 1234567"), "name from number");

    person_name(&p, "3", "Anna", "Müller");
    person_add(&p, CTR_FIELD_DISPLAY_NAME, "Müller, Anna");
    r = encode(&b, &p, NULL);
    ok(field_is(&r, 0, CTR_FIELD_DISPLAY_NAME, "Müller, Anna"),
       "given name kept, in front");
    ok(field_is(&r, 1, CTR_FIELD_GIVEN_NAME, "Anna"), "and the others in their order");
    ok(record_check(&r), "checks");
    strbuf_finish(&b);
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        uint8_t class;
        const char *digits;
    } numbers[] = {{"+4989840798192", NUMBER_E164, "4989840798192"},
                   {"089/840798-192", NUMBER_E164, "4989840798192"},
                   {"+49 (0)89 840798-192", NUMBER_E164, "4989840798192"},
                   {"112", NUMBER_LOCAL, "112"},
                   {"*21#", NUMBER_LOCAL, "*21#"},
                   {"anonymous", NUMBER_NONE, ""}};
    struct strbuf b = {0};
    struct person p;
    struct record r;
    struct record_iter it = {0};
    struct record_field f;
    unsigned i = 0;

    person_add(person_new(&p, "n"), CTR_FIELD_SURNAME, "N");
    for (i = 0; i < 6; i++)
        person_add(&p, CTR_FIELD_PHONE_BUSINESS, numbers[i].text);
    r = encode(&b, &p, NULL);
    ok(record_check(&r), "numbers check");
    i = 0;
    while (record_next(&r, &it, &f)) {
        if (f.kind != CTR_FIELD_PHONE_BUSINESS)
            continue;
        ok(str_eq_z(f.value, numbers[i].text), "%s: as stored", numbers[i].text);
        is_int(f.number_class, numbers[i].class, "%s: class", numbers[i].text);
        is_str(f.digits, numbers[i].digits, "%s: digits", numbers[i].text);
        is_int(f.digits_len, strlen(numbers[i].digits), "%s: length", numbers[i].text);
        ok(f.number_note > 0, "%s: note", numbers[i].text);
        i++;
    }
    is_int(i, 6, "all numbers");
    strbuf_finish(&b);
}

static void test_refused(void)
{
    static char big[CTR_PHOTO_MAX + 2];
    struct strbuf b = {0};
    struct person p;
    struct record r;
    unsigned w;

    memset(big, 'x', sizeof(big));
    person_name(&p, "", "A", "B");
    ok(record_encode(&p.contact, &plan, &b, &w) == -CTR_EINVAL, "no id");
    p.contact.id = str_make(big, CTR_ID_MAX + 1);
    ok(record_encode(&p.contact, &plan, &b, &w) == -CTR_EINVAL, "long id");
    p.contact.id = str_make(big, CTR_ID_MAX);
    r = encode(&b, &p, &w);
    ok(record_check(&r) && w == 0, "longest id");
    p.contact.owner = str_make(big, CTR_ID_MAX + 1);
    ok(record_encode(&p.contact, &plan, &b, &w) == -CTR_EINVAL,
       "an owner too long does not make it public");
    person_new(&p, "x");
    ok(record_encode(&p.contact, &plan, &b, &w) == -CTR_EINVAL, "no field");
    person_add(&p, CTR_FIELD_SURNAME, " \t ");
    ok(record_encode(&p.contact, &plan, &b, &w) == -CTR_EINVAL, "only blanks");
    person_add(&p, CTR_FIELD_PHOTO, "jpeg");
    ok(record_encode(&p.contact, &plan, &b, &w) == -CTR_EINVAL, "only a photo");

    person_name(&p, "x", "A", "B");
    person_add(&p, CTR_FIELD_NOTE, "");
    p.fields[2].value = str_make(big, CTR_VALUE_MAX);
    r = encode(&b, &p, &w);
    ok(record_check(&r) && w == 0 && record_field_count(&r) == 4, "longest value");
    p.fields[2].value = str_make(big, CTR_VALUE_MAX + 1);
    r = encode(&b, &p, &w);
    ok(record_check(&r) && w == 1 && record_field_count(&r) == 3, "too long: dropped");
    p.fields[2] = (struct ctr_field){.kind = CTR_FIELD_PHOTO,
                                     .value = str_make(big, CTR_PHOTO_MAX)};
    r = encode(&b, &p, &w);
    ok(record_check(&r) && w == 0 && record_field_count(&r) == 4, "largest photo");
    p.fields[2].value.len++;
    r = encode(&b, &p, &w);
    ok(record_check(&r) && w == 1, "too large a photo");
    for (unsigned k = 0; k < 4; k++) {
        static const uint32_t kinds[] = {0, CTR_FIELD_ID, CTR_FIELD_OWNER, 64};

        p.fields[2] = (struct ctr_field){.kind = kinds[k], .value = str_of("v")};
        r = encode(&b, &p, &w);
        ok(record_check(&r) && w == 1, "kind %u is none", kinds[k]);
    }
    p.fields[2] = (struct ctr_field){.kind = CTR_FIELD_CUSTOM, .value = str_of("v")};
    r = encode(&b, &p, &w);
    ok(record_check(&r) && w == 1, "custom without a name");
    p.fields[2].name = str_of("room");
    r = encode(&b, &p, &w);
    ok(record_check(&r) && w == 0 && field_is(&r, 3, CTR_FIELD_CUSTOM, "v"), "custom");
    person_name(&p, "x", "Bj\xf6rn", "\x80uro");
    r = encode(&b, &p, &w);
    ok(record_check(&r) && w == 2, "not UTF-8: a warning each");
    ok(field_is(&r, 0, CTR_FIELD_DISPLAY_NAME, "Björn €uro"), "read as Windows-1252");
    strbuf_finish(&b);
}

static void test_many_fields(void)
{
    static struct ctr_field fields[CTR_FIELDS_MAX + 5];
    struct ctr_contact c = {.size = sizeof(c),
                            .id = STR_LIT("many"),
                            .owner = STR_LIT("bob"),
                            .fields = fields,
                            .n_fields = CTR_FIELDS_MAX + 5,
                            .field_size = sizeof(fields[0])};
    struct strbuf b = {0};
    struct record r;
    unsigned w;

    for (unsigned i = 0; i < c.n_fields; i++)
        fields[i] = (struct ctr_field){.kind = CTR_FIELD_PHONE_OTHER,
                                       .value = STR_LIT("+491711234567")};
    is_int(record_encode(&c, &plan, &b, &w), 0, "too many fields");
    r = (struct record){(const uint8_t *)b.ptr, b.len};
    ok(record_check(&r), "checks");
    is_int(w, 5, "the rest is counted");
    is_int(record_field_count(&r), CTR_FIELDS_MAX + 1, "and the derived name is there");
    ok(str_eq_z(record_owner(&r), "bob"), "owner");
    strbuf_finish(&b);
}

static volatile uint8_t sink;

/* Whatever is read ends within the bytes; the sanitizer watches. */
static void read_all(const struct record *r)
{
    struct record_iter it = {0};
    struct record_field f;

    while (record_next(r, &it, &f))
        for (size_t i = 0; i < f.value.len; i++)
            sink = (uint8_t)f.value.ptr[i];
    (void)record_id(r);
    (void)record_owner(r);
    (void)record_field_count(r);
    (void)record_check(r);
}

static void test_one_line(void)
{
    struct strbuf b = {0};
    struct person p;
    struct record r;
    struct record_iter it = {0};
    struct record_field f;
    unsigned mobiles = 0;

    person_name(&p, "1", "Anna", "Meier\r\nInjected: yes\t");
    person_add(&p, CTR_FIELD_PHONE_MOBILE, "\x01\x7f");
    person_add(&p, CTR_FIELD_NOTE, "one\ntwo");
    r = encode(&b, &p, NULL);
    while (record_next(&r, &it, &f)) {
        if (f.kind == CTR_FIELD_SURNAME)
            ok(str_eq_z(f.value, "Meier Injected: yes"), "a name is one line");
        else if (f.kind == CTR_FIELD_DISPLAY_NAME)
            ok(!memchr(f.value.ptr, '\n', f.value.len), "so is the name made of it");
        else if (f.kind == CTR_FIELD_NOTE)
            ok(str_eq_z(f.value, "one\ntwo"), "a note keeps its lines");
        mobiles += f.kind == CTR_FIELD_PHONE_MOBILE;
    }
    is_int(mobiles, 0, "nothing but control characters is no value");
    strbuf_finish(&b);
}

static void test_damaged(void)
{
    struct strbuf b = {0};
    struct person p;
    struct record r;
    unsigned accepted = 0;

    person_name(&p, "id-7", "Anna", "Müller");
    person_add(&p, CTR_FIELD_PHONE_BUSINESS, "+49 89 840798-192");
    person_add(&p, CTR_FIELD_PHONE_MOBILE, "+491711234567");
    person_add(&p, CTR_FIELD_CUSTOM, "12");
    p.fields[4].name = STR_LIT("room");
    r = encode(&b, &p, NULL);
    for (size_t n = 0; n < r.len; n++) {
        uint8_t *copy = malloc(n ? n : 1); /* exactly as long: reads beyond are seen */
        struct record cut = {copy, n};

        memcpy(copy, r.data, n);
        read_all(&cut);
        accepted += record_check(&cut);
        free(copy);
    }
    is_int(accepted, 0, "no shorter record checks");
    for (size_t i = 0; i < r.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *copy = malloc(r.len);
            struct record hit = {copy, r.len};

            memcpy(copy, r.data, r.len);
            copy[i] ^= (uint8_t)(1u << bit);
            read_all(&hit);
            free(copy);
        }
    }
    ok(true, "every bit flipped: nothing read beyond the end");
    strbuf_finish(&b);
}

int main(void)
{
    if (number_global_init() != 0)
        return 2;
    munich(&plan);
    test_names();
    test_numbers();
    test_refused();
    test_many_fields();
    test_one_line();
    test_damaged();
    return tap_done();
}
