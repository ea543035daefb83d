/* hit.h - from the record under evaluation to the contact a front end receives. */
#ifndef FLOW_HIT_H
#define FLOW_HIT_H

#include "contactor/contact.h"
#include "flow/eval.h"

struct hit_options {
    const struct setup_client *client;
    const struct eval_filter *filter;
    uint64_t want;
    int64_t as_of;
    uint32_t flags; /* CTR_CONTACT_* */
};

/* Text of the contact points into the record or the arena. NULL: arena cap. */
struct ctr_contact *hit_make(const struct eval *ev, const struct hit_options *options,
                             struct arena *arena);

/* A contact that stands for a company: its name, and one number. */
struct hit_company {
    struct ctr_str name; /* to be shown */
    struct ctr_str organisation;
    struct ctr_str digits; /* E.164 of `number` */
    struct ctr_str asked;  /* as it was asked */
    uint32_t number_kind;
    uint32_t group_size;
};
struct ctr_contact *hit_make_company(const struct eval *ev,
                                     const struct hit_options *options,
                                     const struct hit_company *company,
                                     struct arena *arena);

#endif
