/* requests.c - well-formed requests with values nobody would send in earnest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm.h"

static const char *const names[] = {"telephoneNumber",
                                    "cn",
                                    "mail",
                                    "objectClass",
                                    "uid",
                                    "userPassword",
                                    "\xff\xfe",
                                    "",
                                    "cn;lang-de;x-y",
                                    "2.5.4.3",
                                    "%n%s%n",
                                    "1.1",
                                    "*",
                                    "+"};

static const char *some_name(struct storm *storm)
{
    return names[storm_random(storm, sizeof(names) / sizeof(names[0]))];
}

static void some_value(struct storm *storm, struct msg *m)
{
    static const char *const values[] = {
        "%s%s%n",   "' OR 1=1 --",  "../../etc/passwd", "+",
        "++++",     "\xed\xa0\x80", "\xf4\x90\x80\x80", "*",
        "\\2a\\00", "\xe2\x80\xae", "\xcc\x81\xcc\x81"};
    unsigned kind = storm_random(storm, 4);

    if (kind == 0) {
        const char *text = values[storm_random(storm, 11)];

        msg_raw(m, text, strlen(text));
    } else if (kind == 1) {
        msg_fill(m, (uint8_t) "0+ a\0\xff\xcc"[storm_random(storm, 7)],
                 storm_random(storm, storm_random(storm, 20) ? 300 : 100000));
    } else {
        for (unsigned n = storm_random(storm, 60); n > 0; n--)
            msg_fill(m, (uint8_t)storm_random(storm, 256), 1);
    }
}

static void values(struct storm *storm, unsigned n)
{
    static const int64_t numbers[] = {
        0, 1, 2, 3, -1, 127, 128, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 32};
    static const uint8_t kinds[] = {0xa3, 0xa5, 0xa6, 0xa8};
    struct msg m = {0}, filter = {0}, value = {0};

    for (unsigned i = 0; i < n; i++) {
        size_t at;

        msg_clear(&m);
        msg_clear(&filter);
        msg_clear(&value);
        some_value(storm, &value);
        at = msg_open(&filter, kinds[storm_random(storm, 4)]);
        msg_text(&filter, 4, some_name(storm));
        msg_bytes(&filter, 4, value.data, value.n);
        msg_close(&filter, at);
        msg_search(&m, &(struct search){.id = 1 + storm_random(storm, INT32_MAX),
                                        .scope = numbers[storm_random(storm, 12)],
                                        .deref = numbers[storm_random(storm, 12)],
                                        .size = numbers[storm_random(storm, 12)],
                                        .seconds = numbers[storm_random(storm, 12)],
                                        .filter = &filter});
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
    msg_finish(&filter);
    msg_finish(&value);
}

static void deliver_filter(struct storm *storm, struct msg *filter)
{
    struct msg m = {0};

    msg_search(&m, &(struct search){.scope = 2, .filter = filter});
    storm_deliver(storm, storm->port, &m);
    msg_finish(&m);
}

/* Nested from the inside out would be quadratic: heads first, lengths known. */
static void deep_filters(struct storm *storm, unsigned n)
{
    static const uint8_t kinds[] = {0xa0, 0xa1, 0xa2};
    struct msg f = {0};

    for (unsigned i = 0; i < n; i++) {
        unsigned depth =
            i % 10 ? 1 + storm_random(storm, 130) : storm_random(storm, 40000);
        size_t *at = calloc(depth + 1, sizeof(*at));

        if (!at)
            abort();
        msg_clear(&f);
        for (unsigned k = 0; k < depth; k++)
            at[k] = msg_open(&f, i % 2 ? 0xa2 : kinds[storm_random(storm, 3)]);
        msg_contains(&f, "cn", "a");
        for (unsigned k = depth; k-- > 0;)
            msg_close(&f, at[k]);
        deliver_filter(storm, &f);
        free(at);
    }
    msg_finish(&f);
}

static void wide_filters(struct storm *storm, unsigned n)
{
    struct msg f = {0};

    for (unsigned i = 0; i < n; i++) {
        unsigned leaves = 1 + storm_random(storm, i % 10 ? 1000 : 9000);
        size_t at, list;

        msg_clear(&f);
        if (i % 3 == 0) {
            at = msg_open(&f, 0xa4);
            msg_text(&f, 4, "cn");
            list = msg_open(&f, 0x30);
            for (unsigned k = 0; k < leaves; k++)
                msg_text(&f, 0x81, k % 2 ? "a" : "e");
            msg_close(&f, list);
        } else {
            at = msg_open(&f, i % 3 == 1 ? 0xa1 : 0xa0);
            for (unsigned k = 0; k < leaves; k++)
                msg_contains(&f, i % 2 ? "cn" : "mail", i % 4 < 2 ? "zq" : "a");
        }
        msg_close(&f, at);
        deliver_filter(storm, &f);
    }
    msg_finish(&f);
}

static void names_of_entries(struct storm *storm, unsigned n)
{
    struct msg m = {0}, dn = {0};

    for (unsigned i = 0; i < n; i++) {
        unsigned parts = storm_random(storm, i % 20 ? 100 : 30000);

        msg_clear(&m);
        msg_clear(&dn);
        if (i % 4 == 0)
            msg_fill(&dn, ' ', parts * 4);
        for (unsigned k = 0; i % 4 && k < parts; k++)
            msg_raw(&dn,
                    i % 4 == 1   ? "a=\\,b,"
                    : i % 4 == 2 ? "+,=\"\\"
                                 : "cn=\\ff\\00,",
                    i % 4 == 1   ? 6
                    : i % 4 == 2 ? 5
                                 : 10);
        if (i % 5 == 0)
            msg_fill(&dn, (uint8_t)storm_random(storm, 256), 3);
        msg_raw(&dn, "dc=contacts", 12);
        msg_search(&m, &(struct search){.scope = (int64_t)(i % 3),
                                        .base = (const char *)dn.data});
        storm_deliver(storm, storm->port, &m);
        msg_clear(&m);
        msg_bind(&m, 1, (const char *)dn.data, "");
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
    msg_finish(&dn);
}

static void attribute_lists(struct storm *storm, unsigned n)
{
    struct msg m = {0}, list = {0};

    for (unsigned i = 0; i < n; i++) {
        unsigned k = storm_random(storm, i % 10 ? 300 : 20000);

        msg_clear(&m);
        msg_clear(&list);
        while (k-- > 0)
            msg_text(&list, 4, some_name(storm));
        msg_search(&m, &(struct search){.scope = 2, .attributes = &list});
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
    msg_finish(&list);
}

static const char *const oids[] = {"1.2.840.113556.1.4.319",
                                   "1.2.840.113556.1.4.473",
                                   "2.16.840.1.113730.3.4.9",
                                   "1.3.6.1.1.12",
                                   "1.2.826.0.1.3344810.2.3",
                                   "2.16.840.1.113730.3.4.18",
                                   "1.2.3.4",
                                   "",
                                   "\xff",
                                   "2.16.840.1.113730.3.4.2"};

static void many_controls(struct storm *storm, unsigned n)
{
    struct msg m = {0}, list = {0};

    for (unsigned i = 0; i < n; i++) {
        unsigned k = storm_random(storm, i % 10 ? 40 : 14000);

        msg_clear(&m);
        msg_clear(&list);
        while (k-- > 0)
            msg_control(&list, i % 10 ? oids[storm_random(storm, 10)] : "1.2.3.4", false,
                        NULL);
        msg_search(&m, &(struct search){.scope = 2, .controls = &list});
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
    msg_finish(&list);
}

static void bad_controls(struct storm *storm, unsigned n)
{
    struct msg m = {0}, list = {0}, value = {0};

    for (unsigned i = 0; i < n; i++) {
        unsigned k = 1 + storm_random(storm, 3);

        msg_clear(&m);
        msg_clear(&list);
        while (k-- > 0) {
            size_t at, inner;

            msg_clear(&value);
            at = msg_open(&value, storm_random(storm, 8) ? 0x30 : 0x31);
            inner =
                msg_open(&value, (uint8_t[]){0x30, 2, 4, 0xa0}[storm_random(storm, 4)]);
            some_value(storm, &value);
            if (storm_random(storm, 4))
                msg_close(&value, inner);
            msg_close(&value, at);
            msg_control(&list, oids[storm_random(storm, 10)], storm_random(storm, 2),
                        storm_random(storm, 6) ? &value : NULL);
        }
        msg_search(&m, &(struct search){.scope = 2, .controls = &list});
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
    msg_finish(&list);
    msg_finish(&value);
}

/* Pages with cookies made up, sizes that are none, and many begun and none finished. */
static void cookies(struct storm *storm, unsigned n)
{
    struct msg m = {0}, list = {0}, value = {0};

    for (unsigned i = 0; i < n; i++) {
        unsigned searches = i % 5 ? 1 : 60;

        msg_clear(&m);
        for (unsigned k = 0; k < searches; k++) {
            size_t at;

            msg_clear(&list);
            msg_clear(&value);
            at = msg_open(&value, 0x30);
            msg_int(&value, 2,
                    searches > 1 ? 1
                                 : (int64_t)storm_random(storm, UINT32_MAX) - INT32_MAX);
            msg_fill(&value, 4, 1);
            if (searches > 1) {
                msg_fill(&value, 0, 1);
            } else {
                unsigned len = storm_random(storm, 100);

                msg_fill(&value, (uint8_t)len, 1);
                while (len-- > 0)
                    msg_fill(&value, (uint8_t)storm_random(storm, 256), 1);
            }
            msg_close(&value, at);
            msg_control(&list, "1.2.840.113556.1.4.319", true, &value);
            msg_search(&m, &(struct search){.id = k + 2, .scope = 2, .controls = &list});
        }
        storm_deliver(storm, storm->port, &m);
    }
    msg_finish(&m);
    msg_finish(&list);
    msg_finish(&value);
}

const struct storm_group storm_requests[] = {
    {"values", values, 400, 9000},
    {"deep-filters", deep_filters, 60, 3000},
    {"wide-filters", wide_filters, 20, 300},
    {"names", names_of_entries, 100, 3000},
    {"attribute-lists", attribute_lists, 30, 1000},
    {"many-controls", many_controls, 60, 3000},
    {"bad-controls", bad_controls, 200, 5000},
    {"cookies", cookies, 60, 2000},
    {0},
};
