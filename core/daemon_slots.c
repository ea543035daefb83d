/* daemon_slots.c - the instances of the configuration: making, starting, ending them. */
#include "daemon_private.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- slots ---------------------------------------------------------------------- */

struct slot *slot_find(struct daemon *d, const char *name)
{
    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        if (!slot->removed && strcmp(slot->name, name) == 0)
            return slot;
    }
    return NULL;
}

struct slot *slot_add(struct daemon *d, const struct settings_instance *si)
{
    struct slot *slot = xcalloc(1, sizeof(*slot));

    slot->daemon = d;
    slot->name = xstrdup(si->name);
    slot->plugin_name = xstrdup(si->plugin_name ? si->plugin_name : "");
    slot->role = si->role;
    list_append(&d->slots, &slot->link);
    return slot;
}

void slot_free(struct slot *slot)
{
    ensure(!slot->in && !slot->next);
    list_remove(&slot->link);
    conf_values_destroy(slot->identity);
    free(slot->addresses);
    free(slot->plugin_name);
    free(slot->problem);
    free(slot->name);
    free(slot);
}

void slot_set_problem(struct slot *slot, const char *problem)
{
    free(slot->problem);
    slot->problem = problem ? xstrdup(problem) : NULL;
    if (!problem)
        return;
    log_error(slot->name, "not running reason=%s", log_quoted(problem));
    if (slot->role == INSTANCE_SOURCE && slot->daemon->flow)
        flow_source_error(slot->daemon->flow, slot->name + strlen("source."), problem);
}

void slot_adopt(struct slot *slot, struct settings_instance *si)
{
    size_t size = si->n_addresses * sizeof(*si->addresses);

    conf_values_destroy(slot->identity);
    slot->identity = si->identity;
    si->identity = NULL;
    free(slot->plugin_name);
    slot->plugin_name = xstrdup(si->plugin_name);
    free(slot->addresses);
    slot->addresses = xmalloc(size + 1);
    if (size > 0)
        memcpy(slot->addresses, si->addresses, size);
    slot->n_addresses = si->n_addresses;
    free(slot->problem);
    slot->problem = NULL;
}

/* ---- up ------------------------------------------------------------------------- */

/* The slot that listens at an address now: on reload its socket is taken over, whether
 * it is the same section or another one. */
static struct slot *find_holder(struct daemon *d, const struct net_address *address)
{
    list_for_each(it, &d->slots)
    {
        struct slot *slot = list_entry(it, struct slot, link);

        for (unsigned i = 0; slot->in && i < slot->n_addresses; i++)
            if (slot->addresses[i].port == address->port &&
                strcmp(slot->addresses[i].host, address->host) == 0)
                return slot;
    }
    return NULL;
}

static int listen_all(struct daemon *d, struct settings_instance *si, struct instance *in,
                      char *error, size_t cap)
{
    int err = instance_listen(in, &si->net, error, cap);

    for (unsigned i = 0; err == 0 && i < si->n_addresses; i++) {
        struct slot *old = find_holder(d, &si->addresses[i]);

        err = instance_listen_at(in, &si->addresses[i], old ? old->in : NULL, error, cap);
    }
    return err;
}

int slot_make(struct daemon *d, struct settings_instance *si, struct instance **out,
              char *error, size_t cap)
{
    struct instance *in;
    int err = 0;

    *out = NULL;
    if (si->isolated)
        in = isolate_create(&d->env, si->plugin, si->name, settings_take_values(si),
                            &si->isolate);
    else
        err = instance_create(&d->env, si->plugin, si->role, si->name,
                              settings_take_values(si), &in, error, cap);
    if (err != 0)
        return err;
    if (si->role == INSTANCE_FRONTEND && si->n_addresses > 0)
        err = listen_all(d, si, in, error, cap);
    if (err == 0)
        err = instance_bind(in, error, cap);
    if (err != 0)
        slot_drop_instance(d, in);
    else
        *out = in;
    return err;
}

void slot_start(struct slot *slot)
{
    char error[1024];

    if (!slot->in)
        return;
    if (instance_start(slot->in, error, sizeof(error)) == 0)
        return;
    slot_drop_instance(slot->daemon, slot->in);
    slot->in = NULL;
    slot_set_problem(slot, error);
}

/* ---- down ----------------------------------------------------------------------- */

struct dropping {
    struct daemon *daemon;
    struct instance *in;
};

static void on_dropped(void *arg)
{
    struct dropping *dropping = arg;

    instance_destroy(dropping->in);
    daemon_ended_one(dropping->daemon);
    free(dropping);
}

void slot_drop_instance(struct daemon *d, struct instance *in)
{
    struct dropping *dropping = xmalloc(sizeof(*dropping));

    *dropping = (struct dropping){d, in};
    d->ending++;
    instance_stop(in, 0, on_dropped, dropping);
}

static void on_slot_ended(void *arg)
{
    struct slot *slot = arg;
    struct daemon *d = slot->daemon;

    instance_destroy(slot->in);
    slot->in = slot->next;
    slot->next = NULL;
    if (slot->in && d->stopping) {
        slot_drop_instance(d, slot->in);
        slot->in = NULL;
    }
    if (slot->in)
        slot_start(slot);
    else if (slot->removed)
        slot_free(slot);
    daemon_ended_one(d);
}

void slot_end(struct slot *slot)
{
    slot->daemon->ending++;
    instance_stop(slot->in, GRACE_MS, on_slot_ended, slot);
}
