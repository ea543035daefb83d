/* vcard.h - a push parser for vCards 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350) as exporters
 * really write them: bytes in, contacts out. A bad card costs itself only; memory is
 * bounded whatever comes in. One reader reads one text after another. */
#ifndef VCARD_H
#define VCARD_H

#include <stdbool.h>

#include "contactor/plugin.h"

/* Where a property goes that has no field of its own, or shall have another. An entry
 * with a label goes before one without. */
struct vcard_map {
    const char *property; /* "X-CUSTOMER", case does not matter */
    const char *label;    /* only with this TYPE or X-ABLabel; NULL: any */
    uint32_t kind;        /* CTR_FIELD_*, also ID and OWNER */
    const char *name;     /* of CTR_FIELD_CUSTOM, lower case; else NULL */
};

/* Zero-initialised: the defaults. What it points to must outlive the reader. */
struct vcard_options {
    const char *charset; /* of text that is not UTF-8 and names no CHARSET; NULL:
                          * windows-1252 */
    const struct vcard_map *map;
    uint32_t n_map;
    uint32_t photo_max;        /* bytes, at most CTR_PHOTO_MAX; 0: no photos */
    bool show_private;         /* CLASS:PRIVATE and CONFIDENTIAL like all others; else: */
    const char *private_owner; /* they belong to this user; NULL: they are left out */
};

struct vcard_counts {
    uint64_t contacts; /* told by on_contact */
    uint64_t rejected; /* told by on_reject */
    uint64_t groups;   /* KIND:group, left out */
    uint64_t hidden;   /* CLASS:PRIVATE and CONFIDENTIAL, left out */
    uint64_t photos;   /* left out: larger than photo_max, or not base64 */
};

/* Neither reason nor line carries contact data. line: where the card began, from 1. */
struct vcard_events {
    /* c is borrowed for the call; c->id is the UID, absent if the card has none. Other
     * than 0 ends the reading with that code. */
    int32_t (*on_contact)(void *user, const struct ctr_contact *c, uint64_t line);
    /* A card that could not be used. */
    void (*on_reject)(void *user, uint64_t line, const char *reason);
    /* Optional: something was left out of a card that could be used, or between cards;
     * line: where it stands, or its card. */
    void (*on_warn)(void *user, uint64_t line, const char *reason);
};

struct vcard_reader;

/* events and user must outlive the reader.
 * returns NULL: out of memory, or (errno EINVAL) the charset is not known */
struct vcard_reader *vcard_reader_create(const struct vcard_options *options,
                                         const struct vcard_events *events, void *user);
/* Any piece of the text, from one byte up.
 * returns 0 | what on_contact returned or -CTR_ENOMEM, which ends this text: only end may
 * follow */
int32_t vcard_reader_feed(struct vcard_reader *r, const void *data, uint64_t n);
/* The text is at its end; afterwards another may be fed.
 * returns 0 | what on_contact returned | -CTR_EFORMAT: the text ended within a card,
 * which was rejected */
int32_t vcard_reader_end(struct vcard_reader *r);
/* Of all texts since create. */
const struct vcard_counts *vcard_reader_counts(const struct vcard_reader *r);
void vcard_reader_destroy(struct vcard_reader *r); /* NULL-safe */

/* --- the option `map` of a plugin that reads vCards -----------------------------------
 */

/* Each of its values is a property, or property/label: x_badge = "X-BADGE",
 * phone_main = "TEL/Zentrale". */
struct vcard_maps {
    struct vcard_map *at;
    uint32_t n;
    char *text; /* what the entries point to */
};

/* For the plugin's check. returns 0 | -CTR_ECONF after host->option_error */
int32_t vcard_maps_check(const struct ctr_host *host, const struct ctr_config *config,
                         const char *option);
/* For the plugin's create. returns 0 | -CTR_ENOMEM after host->fail */
int32_t vcard_maps_load(struct vcard_maps *m, const struct ctr_host *host,
                        const struct ctr_config *config, const char *option);
void vcard_maps_finish(struct vcard_maps *m);

#endif
