/* contacts.h - objects a program wrote as contacts, in batches. */
#ifndef EXEC_CONTACTS_H
#define EXEC_CONTACTS_H

#include <cjson/cJSON.h>

#include "contactor/plugin.h"

enum {
    CONTACTS_BATCH = 256,
    CONTACTS_FIELDS = 4096,
    CONTACTS_TEXT = 32 * 1024,    /* for numbers that become text */
    CONTACTS_BYTES = 1024 * 1024, /* of the lines in a batch */
    CONTACTS_UNKNOWN = 16,        /* unknown fields that are told */
    CONTACTS_NAME_MAX = 64        /* of a custom field */
};

/* Where batches go, and what could not be used. */
struct contacts_sink {
    int32_t (*put)(void *user, const struct ctr_contact *contacts, uint32_t n);
    void (*note)(void *user, const char *reason);
    void *user;
    /* The id of one that could not be used; NULL: nobody wants to know. */
    int32_t (*drop)(void *user, const cJSON *id);
};

struct contacts {
    struct contacts_sink sink;
    struct ctr_contact batch[CONTACTS_BATCH];
    struct ctr_field *fields; /* of the batch */
    char *text;
    cJSON *roots[CONTACTS_BATCH]; /* what the batch points into */
    uint32_t n, n_fields, n_roots;
    size_t n_text, n_bytes;
    uint64_t put, rejected;
    char unknown[CONTACTS_UNKNOWN][CONTACTS_NAME_MAX];
    uint32_t n_unknown;
};

/* returns 0 | -CTR_ENOMEM */
int32_t contacts_init(struct contacts *c, const struct contacts_sink *sink);
void contacts_finish(struct contacts *c);
/* One object, or with list the objects in that array of it. root: taken over; length:
 * bytes of its line. returns 0 | what the sink returned */
int32_t contacts_take(struct contacts *c, cJSON *root, const cJSON *list, size_t length);
int32_t contacts_flush(struct contacts *c);

#endif
