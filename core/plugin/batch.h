/* batch.h - contacts as a plugin hands them in, checked and brought to our layout. */
#ifndef PLUGIN_BATCH_H
#define PLUGIN_BATCH_H

#include "contactor/contact.h"

struct batch {
    const struct ctr_contact *contacts; /* n of our size, fields of our stride */
    struct ctr_contact *own;            /* NULL: the plugin's array is used as it is */
    struct ctr_field *own_fields;
};

/* returns NULL, or what is wrong with the array: a breach of the contract */
const char *batch_init(struct batch *batch, const struct ctr_contact *contacts,
                       uint32_t n, uint32_t max);
void batch_finish(struct batch *batch);

#endif
