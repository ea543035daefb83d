/* access.h - who may see what.
 *
 * A view is the answer for one client and one principal: the sources that exist for
 * them, in order, and the kinds of fields that exist in each. What a view leaves out is
 * absent for every purpose: filter, sort, count, answer. */
#ifndef FLOW_ACCESS_H
#define FLOW_ACCESS_H

#include "cache/record.h"
#include "flow/setup.h"

struct view_source {
    const struct setup_source *source;
    uint64_t kinds;               /* that may be seen */
    uint64_t secret;              /* that must not show through a derived name either */
    const struct ctr_str *hidden; /* custom fields that may not */
    uint32_t n_hidden;
    bool restricted; /* something is left out */
};

struct view {
    const char *principal; /* NULL: anonymous */
    bool admin;
    uint32_t n, unseen; /* sources that may be seen, and that may not */
    struct view_source *sources;
};

/* Belongs to setup->views, which who keeps it holds. principal NULL: anonymous. */
const struct view *access_view(struct setup *setup, const struct setup_client *client,
                               struct ctr_principal *principal);
/* NULL: not in the view. */
const struct view_source *access_find(const struct view *view, struct ctr_str source);
/* A private contact is its owner's. owner absent: everybody's. */
bool access_owns(const struct view *view, struct ctr_str owner);

struct ctr_principal *principal_create(const char *name, bool admin);

#endif
