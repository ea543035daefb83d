/* batch.c - a plugin built with other headers has longer or shorter structs: the stride
 * of its arrays is what their size members say; a tail we do not know is left out, one it
 * does not know reads as zero. */
#include "plugin/batch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* The sizes of ABI 1.0: a plugin's structs are no smaller. */
enum { CONTACT_SIZE_1_0 = 88, FIELD_SIZE_1_0 = 56, STRUCT_MAX = 4096 };

static const struct ctr_contact *contact_at(const struct ctr_contact *contacts,
                                            uint32_t i)
{
    const char *at = (const char *)contacts + (size_t)i * contacts->size;

    return (const struct ctr_contact *)(const void *)at;
}

static const struct ctr_field *field_at(const struct ctr_contact *c, uint32_t i)
{
    const char *at = (const char *)c->fields + (size_t)i * c->field_size;

    return (const struct ctr_field *)(const void *)at;
}

static bool str_ok(struct ctr_str s)
{
    return s.len == 0 || s.ptr;
}

static bool size_ok(uint32_t size, uint32_t least)
{
    return size >= least && size <= STRUCT_MAX && size % 8 == 0;
}

static size_t shorter(size_t theirs, size_t ours)
{
    return theirs < ours ? theirs : ours;
}

static const char *check_contact(const struct ctr_contact *c, uint32_t stride)
{
    if (c->size != stride)
        return "it gave contacts whose size members differ";
    if (!str_ok(c->id) || !str_ok(c->owner))
        return "it gave a contact whose id or owner has a length and no bytes";
    if (c->n_fields == 0)
        return NULL;
    if (!c->fields || !size_ok(c->field_size, FIELD_SIZE_1_0))
        return "it gave a contact without fields or field_size";
    if (c->n_fields > 65536)
        return "it gave a contact with an absurd number of fields";
    for (uint32_t i = 0; i < c->n_fields; i++) {
        const struct ctr_field *f = field_at(c, i);

        if (!str_ok(f->value) || !str_ok(f->name))
            return "it gave a field that has a length and no bytes";
    }
    return NULL;
}

static void batch_repack(struct batch *batch, const struct ctr_contact *contacts,
                         uint32_t n, size_t n_fields)
{
    size_t at = 0;

    batch->own = xcalloc(n, sizeof(*batch->own));
    batch->own_fields = xcalloc(n_fields + 1, sizeof(*batch->own_fields));
    for (uint32_t i = 0; i < n; i++) {
        const struct ctr_contact *theirs = contact_at(contacts, i);
        struct ctr_contact *ours = &batch->own[i];

        memcpy(ours, theirs, shorter(theirs->size, sizeof(*ours)));
        ours->size = sizeof(*ours);
        ours->field_size = sizeof(struct ctr_field);
        ours->fields = &batch->own_fields[at];
        for (uint32_t k = 0; k < theirs->n_fields; k++)
            memcpy(&batch->own_fields[at++], field_at(theirs, k),
                   shorter(theirs->field_size, sizeof(struct ctr_field)));
    }
    batch->contacts = batch->own;
}

const char *batch_init(struct batch *batch, const struct ctr_contact *contacts,
                       uint32_t n, uint32_t max)
{
    bool same;
    size_t n_fields = 0;

    *batch = (struct batch){.contacts = contacts};
    if (n == 0 || n > max || !contacts)
        return "it gave a batch of contacts that is empty or too long";
    if (!size_ok(contacts->size, CONTACT_SIZE_1_0))
        return "it gave a contact whose size is not set";
    same = contacts->size == sizeof(*contacts);
    for (uint32_t i = 0; i < n; i++) {
        const struct ctr_contact *c = contact_at(contacts, i);
        const char *wrong = check_contact(c, contacts->size);

        if (wrong)
            return wrong;
        n_fields += c->n_fields;
        same = same && (c->n_fields == 0 || c->field_size == sizeof(struct ctr_field));
    }
    if (!same)
        batch_repack(batch, contacts, n, n_fields);
    return NULL;
}

void batch_finish(struct batch *batch)
{
    free(batch->own);
    free(batch->own_fields);
}
