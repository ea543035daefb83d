/* contacts.h - from rows to contacts, handed on in batches. Rows of one contact that
 * follow each other become one: a join with a table of numbers gives a row for each. */
#ifndef ODBC_CONTACTS_H
#define ODBC_CONTACTS_H

#include "keyset.h"
#include "plan.h"

enum {
    CONTACTS_BATCH = 256,
    CONTACTS_FIELDS = 4 * 1024, /* of a batch */
    DRAFT_TEXT = 256 * 1024,    /* of one contact */
    CONTACTS_TEXT = 2 * DRAFT_TEXT
};

/* Where contacts go. Codes end the reading. */
struct sink {
    int32_t (*put)(void *user, const struct ctr_contact *contacts, uint32_t n);
    /* Ids of rows marked as deleted; NULL: they are passed over. */
    int32_t (*gone)(void *user, const struct ctr_str *ids, uint32_t n);
    void (*reject)(void *user, const char *where, const char *reason);
    void *user;
};

struct contacts {
    const struct sink *sink;
    const struct plan *plan;
    struct keyset *seen; /* every id may come once; NULL: as often as it likes */

    /* the contact whose rows are being read */
    bool open;
    char id[CTR_ID_MAX + 8], owner[CTR_ID_MAX + 8];
    size_t id_len, owner_len;
    uint32_t n_draft;
    struct ctr_field draft[CTR_FIELDS_MAX];
    char *draft_text;
    size_t n_draft_text;

    /* the batch */
    struct ctr_contact batch[CONTACTS_BATCH];
    struct ctr_field *fields;
    char *text;
    uint32_t n, n_fields;
    size_t n_text;

    uint64_t rows, put, rejected, gone;
    bool several; /* a contact had values of several rows */
};

/* returns 0 | -CTR_ENOMEM */
int32_t contacts_init(struct contacts *c, const struct sink *sink, struct keyset *seen);
void contacts_finish(struct contacts *c);
/* The plan of the result whose pages follow. */
void contacts_begin(struct contacts *c, const struct plan *plan);
/* returns 0 | the sink's code | -CTR_ENOMEM */
int32_t contacts_page(struct contacts *c, const struct page *p);
/* No more rows: hands on what is left. */
int32_t contacts_end(struct contacts *c);

/* The id of a row, into out (CTR_ID_MAX + 8 bytes). returns its length; 0: none, *why
 * says so */
size_t contacts_id(const struct plan *plan, const struct page *p, uint32_t row, char *out,
                   const char **why);

#endif
