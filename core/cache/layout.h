/* layout.h - the bytes of a stored contact, for its reader and its writer.
 *
 *   u8 version | u8 fields | u64 kinds | id | owner | field...      (little endian)
 *   id, owner: varint length, bytes; owner length 0: not private
 *   field: u8 kind | u8 tag | [custom: name] | [phone: note, digits, trunk] | value
 *   digits: with TAG_TAIL a byte (digits of the value to skip, number of own digits), the
 *   own digits packed; else, unless TAG_PLUS, their number and all of them packed
 *   value: varint length, bytes; or with TAG_REF: varint offset and length of bytes that
 *   stand earlier in the record (a surname within the display name is stored once)
 *
 * The display name is always the first field. */
#ifndef CACHE_LAYOUT_H
#define CACHE_LAYOUT_H

#include "cache/record.h"

enum {
    HEAD_SIZE = 10,
    TAG_REF = 1,         /* the value stands earlier in the record */
    TAG_CLASS_SHIFT = 1, /* two bits: enum number_class */
    TAG_CLASS_MASK = 3,
    TAG_PLUS = 8,   /* the value is "+" and the digits: no digits stored */
    TAG_TRUNK = 16, /* a trunk length follows the digits */
    TAG_TAIL = 32,  /* the digits are some of their own and the end of the value's */
    TAG_ALL = 63,
    TAIL_MAX = 15,      /* own digits, and digits of the value left out */
    NAME_MAX_BYTES = 64 /* of a custom field */
};

static inline bool kind_is_phone(uint32_t kind)
{
    return kind < 64 && (CTR_KINDS_PHONE & CTR_KIND(kind)) != 0;
}

#endif
