/* settings_source.c - what [source.NAME] says to flow. */
#include "settings_private.h"

#include "base/error.h"
#include "conf/option.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* "15m" in ms; 0: "manual". returns 0 | -CTR_EINVAL */
static int parse_interval(const char *text, uint32_t *ms)
{
    int64_t value = 0;

    if (strcmp(text, "manual") != 0 && (option_parse_duration(text, &value) != 0 ||
                                        value < 1000 || value > 20 * (int64_t)DAY_MS))
        return -CTR_EINVAL;
    *ms = (uint32_t)value;
    return 0;
}

void section_check_interval(struct section *s)
{
    const char *text = conf_get_z(s->node, "sync");
    uint32_t ms;

    if (text && parse_interval(text, &ms) != 0)
        diag_error(
            s->b->diag, conf_get(s->node, "sync")->at,
            "'sync' must be a duration such as \"15m\" (1s to 20d), or \"manual\"");
}

/* Without a word of the administrator: a day, or four syncs that failed. */
static uint32_t default_stale(uint32_t interval)
{
    uint64_t four = 4 * (uint64_t)interval;

    if (interval == 0)
        return 0;
    return four < DAY_MS ? DAY_MS : four > UINT32_MAX ? UINT32_MAX : (uint32_t)four;
}

void section_read_isolation(struct section *s)
{
    const struct ctr_config *values = s->in->values;
    const struct settings_daemon *daemon = &s->b->s->daemon;

    s->in->isolated = conf_int(values, "isolated") != 0;
    s->in->isolate = (struct isolate_options){
        .memory = (uint64_t)conf_int(values, "isolated_memory"),
        .patience = (uint32_t)conf_int(values, "isolated_patience"),
        .confine = daemon->confine,
        .allow_jit = daemon->allow_jit,
    };
}

void section_read_source(struct section *s, struct flow_source_config *source)
{
    const struct ctr_config *values = s->in->values;
    int64_t stale = conf_int(values, "stale_after");

    settings_plan_of(s->b, values, &source->plan);
    source->priority = (int)conf_int(values, "priority");
    source->allow = settings_list(s->b, values, "allow", &source->n_allow);
    section_read_rules(s, source);
    (void)parse_interval(conf_str(values, "sync"), &source->sync_interval); /* checked */
    source->stale_after = default_stale(source->sync_interval);
    if (conf_set(values, "stale_after"))
        source->stale_after = stale > UINT32_MAX ? UINT32_MAX : (uint32_t)stale;
    source->max_delete_percent = (unsigned)conf_int(values, "max_delete_percent");
    source->live = conf_int(values, "live") != 0;
    if (source->live && s->in->plugin &&
        !(s->in->plugin->source.flags & CTR_SOURCE_SEARCH))
        diag_error(s->b->diag, conf_option_place(values, "live"),
                   "plugin '%s' cannot be asked live; leave `live` out",
                   s->in->plugin_name);
}
