/* record.h - one contact as it lies in the cache: written once, read in place.
 *
 * A record is read straight from the memory map; every accessor is bounds-checked, so a
 * damaged one reads as shorter or fails record_check, never beyond its end. */
#ifndef CACHE_RECORD_H
#define CACHE_RECORD_H

#include <stdbool.h>

#include "base/str.h"
#include "contactor/contact.h"
#include "number/number.h"

/* Changes whenever a stored byte gets another meaning. */
enum { RECORD_VERSION = 1 };

struct record {
    const uint8_t *data;
    size_t len;
};

struct record_field {
    uint32_t kind;        /* CTR_FIELD_* */
    uint8_t number_class; /* phones: enum number_class */
    uint8_t number_note;  /* phones: enum number_note */
    uint8_t digits_len;
    uint8_t
        trunk_len; /* phones: > 0: the notation shows the company's trunk, see number.h */
    char digits[NUMBER_DIGITS_MAX +
                1];       /* phones of class E164 or LOCAL: ASCII digits, NUL behind */
    struct ctr_str value; /* as the source gave it */
    struct ctr_str name;  /* CTR_FIELD_CUSTOM */
};

struct record_iter {
    size_t at;
};

/* Fields in stored order; start with a zeroed iter. returns false at the end. */
bool record_next(const struct record *r, struct record_iter *it,
                 struct record_field *field);
/* The same, but fields of other kinds than these are passed over without taking them
 * apart. */
bool record_next_of(const struct record *r, struct record_iter *it, uint64_t kinds,
                    struct record_field *field);
/* Id and owner at once; `it` then stands before the first field. returns false when
 * there is nothing to read. */
bool record_open(const struct record *r, struct record_iter *it, struct ctr_str *id,
                 struct ctr_str *owner);
struct ctr_str record_id(const struct record *r);
struct ctr_str record_owner(const struct record *r); /* absent: not private */
uint32_t record_field_count(const struct record *r);
/* Kinds that occur, CTR_KIND() set; without walking the fields. */
uint64_t record_kinds(const struct record *r);
/* Whole and well formed. */
bool record_check(const struct record *r);

/* Encode a contact: trims values, drops empty ones, derives display_name when it is
 * missing
 * ("given surname", else organisation, else mail, else first number), reads its numbers
 * with the plan. Appends to out. warnings: how many values were cut or dropped. returns 0
 * | -CTR_EINVAL (id missing or too long, no usable field) */
int record_encode(const struct ctr_contact *contact, const struct dialplan *plan,
                  struct strbuf *out, unsigned *warnings);

#endif
