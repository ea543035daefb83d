/* contacts.h - from rows to contacts, put to the host in batches. Values are not copied:
 * they lie in the row buffer until rows_fill, so the batch is put before that. */
#ifndef CSV_CONTACTS_H
#define CSV_CONTACTS_H

#include "ids/ids.h"
#include "plan.h"

enum {
    CONTACTS_BATCH = 256,
    CONTACTS_FIELDS = 8 * 1024, /* of a batch */
    CONTACTS_TEXT = 256 * 1024  /* what had to be put together: names, ids */
};

struct contacts {
    const struct ctr_host *host;
    struct ctr_sync *sync;
    const struct plan *plan;
    struct ids ids;
    struct ctr_contact batch[CONTACTS_BATCH];
    struct ctr_field *fields;
    char *text;
    uint32_t n, n_fields;
    size_t n_text;
    uint64_t put, rejected, blank; /* rows */
    char first_reject[256];
};

/* All that return int32_t: 0 | a negative code after host->fail. */
int32_t contacts_init(struct contacts *c, const struct ctr_host *host,
                      struct ctr_sync *sync, const struct plan *plan);
int32_t contacts_row(struct contacts *c, const struct rows *r);
void contacts_reject(struct contacts *c, uint64_t line, const char *reason);
int32_t contacts_flush(struct contacts *c);
void contacts_finish(struct contacts *c);

#endif
