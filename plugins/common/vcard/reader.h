/* reader.h - what the files of the reader share. A byte's way: reader.c (physical lines
 * to content lines), property.c (a content line taken apart), card.c (from BEGIN to END),
 * values.c (which fields a property gives), text.c and charset.c (its value as UTF-8),
 * settle.c (what the whole card means). */
#ifndef VCARD_READER_H
#define VCARD_READER_H

#include "charset.h"
#include "vcard.h"

enum {
    LINE_LIMIT = 256 * 1024,       /* a content line; a photo of CTR_PHOTO_MAX fits */
    TEXT_LIMIT = 256 * 1024,       /* all values of a card but its photo */
    RAW_LIMIT = 3 * CTR_VALUE_MAX, /* a value before it is decoded */
    SCRATCH = 3 * RAW_LIMIT + 16,
    TYPES_MAX = 16,
    LABELS_MAX = 64,
    PREF_NONE = 101
};

/* --- property.c -----------------------------------------------------------------------
 */

enum property_id {
    PROP_OTHER,
    PROP_ADR,
    PROP_AGENT,
    PROP_BEGIN,
    PROP_CATEGORIES,
    PROP_CLASS,
    PROP_EMAIL,
    PROP_END,
    PROP_FN,
    PROP_KIND,
    PROP_LABEL, /* X-ABLabel: the label of its group */
    PROP_N,
    PROP_NICKNAME,
    PROP_NOTE,
    PROP_ORG,
    PROP_PHOTO,
    PROP_TEL,
    PROP_TITLE,
    PROP_UID,
    PROP_URL,
    PROP_VERSION
};

enum transfer { TRANSFER_NONE, TRANSFER_QP, TRANSFER_BASE64 };

/* What a TYPE or a label says about a telephone number or an address. */
enum {
    TYPE_FAX = 1 << 0,
    TYPE_PAGER = 1 << 1,
    TYPE_CELL = 1 << 2,
    TYPE_MAIN = 1 << 3,
    TYPE_IP = 1 << 4,
    TYPE_WORK = 1 << 5,
    TYPE_HOME = 1 << 6
};

/* Points into the line it was made of, whose bytes decoding may change. */
struct property {
    enum property_id id;
    enum transfer transfer;
    struct ctr_str group, name, charset;
    char *value;
    size_t n_value;
    uint32_t types; /* TYPE_* */
    uint32_t pref;  /* 1..100, PREF_NONE */
    struct ctr_str labels[TYPES_MAX];
    uint32_t n_labels;
};

/* returns false: no property, it has no colon or no name */
bool property_parse(struct property *p, char *line, size_t n);
/* TYPE_* of a TYPE parameter or a label of free text. */
uint32_t property_types(struct ctr_str label);
/* The kind of a number. */
uint32_t property_phone_kind(uint32_t types);
/* For messages: what of the name is no content. */
const char *property_name(enum property_id id);
bool str_is(struct ctr_str s, const char *upper_or_lower);
struct ctr_str str_trim(struct ctr_str s);

/* --- text.c ---------------------------------------------------------------------------
 */

/* In place; returns the new length. */
size_t text_qp(char *s, size_t n);
/* returns bytes, at most max | -CTR_ESIZE | -CTR_EFORMAT */
int64_t text_base64(const char *s, size_t n, uint8_t *out, size_t max);
/* Takes backslashes off; out may be s. returns the new length */
size_t text_unescape(char *out, const char *s, size_t n);
/* The part up to an unescaped mark, or the end; moves *rest behind the mark.
 * returns false: nothing was left */
bool text_part(struct ctr_str *rest, char mark, struct ctr_str *part);

/* --- card.c ---------------------------------------------------------------------------
 */

enum { VERSION_21, VERSION_3, VERSION_4 };

/* A value with what decides its kind and place at the end of the card. */
struct entry {
    struct ctr_field f;
    uint32_t pref, types;
    uint32_t group;        /* hash of the group's name; 0: none */
    struct ctr_str mapped; /* the property, if a label may still map it */
    bool final;            /* the map has decided */
};

struct label {
    uint32_t group, types;
    struct ctr_str text;
};

struct card {
    uint64_t line; /* where it began */
    unsigned version;
    unsigned depth; /* of cards within it */
    bool agent;     /* the last property was AGENT: a card may follow */
    bool photo;     /* the last property was a photo: it may go on */
    bool named, group, organisation, hidden, warned;
    const char *wrong; /* why it is rejected; NULL: it is good */
    unsigned address;  /* how good the one is that was taken */
    struct ctr_str id, owner;
    bool id_mapped;
    size_t n_text, n_photo;
    uint32_t n_entries, n_labels;
    struct entry entries[CTR_FIELDS_MAX]; /* from here on not cleared */
    struct label labels[LABELS_MAX];
};

struct vcard_reader {
    struct vcard_options options;
    const struct vcard_events *events;
    void *user;
    struct vcard_counts counts;
    struct charset fallback, named;
    int32_t stopped; /* the code that ended the reading */

    /* physical lines */
    unsigned char head[4]; /* until the encoding is known */
    unsigned n_head;
    enum { UNKNOWN, BYTES, UTF16LE, UTF16BE } encoding;
    unsigned char half[4]; /* of a character of UTF-16 */
    unsigned n_half;
    uint64_t at; /* number of the physical line */
    bool begun;  /* something of it has been seen */
    bool cr;     /* the last byte was CR: LF belongs to it */

    /* the content line */
    char *line;
    size_t n_line, cap_line;
    uint64_t line_at;
    size_t joint;  /* where the last physical line was joined to a soft break; 0: not */
    bool soft;     /* the next physical line is joined */
    bool overlong; /* bytes were left out */
    enum { MAYBE, NO, YES } qp; /* its parameters say quoted-printable */

    bool open;    /* within a card */
    bool garbage; /* something between cards was told */
    struct card card;
    struct ctr_field fields[CTR_FIELDS_MAX]; /* of the contact that is told */
    uint8_t *photo;
    char text[TEXT_LIMIT];
    char scratch[SCRATCH];
};

/* A content line; overlong: its end is missing. returns 0 | a code of on_contact */
int32_t card_line(struct vcard_reader *r, char *line, size_t n, bool overlong);
/* The text is at its end. returns 0 | -CTR_EFORMAT */
int32_t card_cut(struct vcard_reader *r);
void card_warn(const struct vcard_reader *r, uint64_t line, const char *reason);

/* --- values.c -------------------------------------------------------------------------
 */

/* A property of the open card becomes entries. */
void values_take(struct vcard_reader *r, struct property *p);
/* The map decides on an entry. */
void values_map(struct vcard_reader *r, struct entry *e, const struct vcard_map *m);

/* --- settle.c -------------------------------------------------------------------------
 */

/* All properties are known: entries become fields. */
void settle(struct vcard_reader *r);

#endif
