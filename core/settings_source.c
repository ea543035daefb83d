/* settings_source.c - what [source.NAME] says to flow. */
#include "settings_private.h"

#include <string.h>

#include "base/error.h"
#include "conf/option.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* "15m" in ms. returns 0 | -CTR_EINVAL */
static int parse_interval(const char *text, uint32_t *ms)
{
    int64_t value = 0;

    if (option_parse_duration(text, &value) != 0 || value < 1000 ||
        value > 20 * (int64_t)DAY_MS)
        return -CTR_EINVAL;
    *ms = (uint32_t)value;
    return 0;
}

static bool digit(char c, char most)
{
    return c >= '0' && c <= most;
}

/* "06:30" -> 390. returns 0 | -CTR_EINVAL */
static int parse_time(const char *t, uint16_t *minute)
{
    if (strlen(t) != 5 || !digit(t[0], '2') || !digit(t[1], t[0] == '2' ? '3' : '9') ||
        t[2] != ':' || !digit(t[3], '5') || !digit(t[4], '9'))
        return -CTR_EINVAL;
    *minute = (uint16_t)((t[0] - '0') * 600 + (t[1] - '0') * 60 + (t[3] - '0') * 10 +
                         (t[4] - '0'));
    return 0;
}

/* Kept in order, each once. */
static int add_time(struct flow_times *times, uint16_t minute)
{
    unsigned at = 0;

    while (at < times->n && times->minute[at] < minute)
        at++;
    if (at < times->n && times->minute[at] == minute)
        return 0;
    if (times->n == FLOW_TIMES_MAX)
        return -CTR_EINVAL;
    memmove(&times->minute[at + 1], &times->minute[at],
            (times->n - at) * sizeof(times->minute[0]));
    times->minute[at] = minute;
    times->n++;
    return 0;
}

/* One of n words of `sync`. returns 0 | -CTR_EINVAL */
static int parse_sync(const char *text, uint32_t n, uint32_t *interval,
                      struct flow_times *times)
{
    uint16_t minute;

    if (parse_time(text, &minute) == 0)
        return add_time(times, minute);
    if (n != 1)
        return -CTR_EINVAL;
    return strcmp(text, "manual") == 0 ? 0 : parse_interval(text, interval);
}

static int check_sync(const struct conf_node *node)
{
    struct flow_times times = {0};
    uint32_t interval = 0;
    int r = 0;

    if (node->type == CONF_STRING)
        return parse_sync(node->string.ptr, 1, &interval, &times);
    if (node->type != CONF_ARRAY)
        return 0; /* told by the schema */
    conf_for_each(it, node) if (r == 0 && it->type == CONF_STRING) r =
        parse_sync(it->string.ptr, node->n, &interval, &times);
    return node->n == 0 ? -CTR_EINVAL : r;
}

void section_check_interval(struct section *s)
{
    const struct conf_node *node = conf_get(s->node, "sync");

    if (node && check_sync(node) != 0)
        diag_error(s->b->diag, node->at,
                   "'sync' must be a duration such as \"15m\" (1s to 20d), times of day "
                   "such as [\"06:00\", \"12:30\"] (at most %d), or \"manual\"",
                   FLOW_TIMES_MAX);
}

static void read_sync(const struct ctr_config *values, struct flow_source_config *source)
{
    uint32_t n = conf_list_len(values, "sync");

    for (uint32_t i = 0; i < n; i++)
        (void)parse_sync(conf_list_at(values, "sync", i), n, &source->sync_interval,
                         &source->sync_times); /* checked */
}

/* Without a word of the administrator: a day, or four syncs that failed. */
static uint32_t default_stale(const struct flow_source_config *source)
{
    uint64_t between =
        source->sync_times.n > 0 ? DAY_MS / source->sync_times.n : source->sync_interval;
    uint64_t four = 4 * between;

    if (between == 0)
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
    source->share_groups =
        settings_list(s->b, values, "share_groups", &source->n_share_groups);
    section_read_rules(s, source);
    read_sync(values, source);
    source->sync_limit = (uint32_t)conf_int(values, "sync_limit");
    source->stale_after = default_stale(source);
    if (conf_set(values, "stale_after"))
        source->stale_after = stale > UINT32_MAX ? UINT32_MAX : (uint32_t)stale;
    source->max_delete_percent = (unsigned)conf_int(values, "max_delete_percent");
    source->live = conf_int(values, "live") != 0;
    source->live_timeout = (uint32_t)conf_int(values, "live_timeout");
    if (source->live && s->in->plugin &&
        !(s->in->plugin->source.flags & CTR_SOURCE_SEARCH))
        diag_error(s->b->diag, conf_option_place(values, "live"),
                   "plugin '%s' cannot be asked live; leave `live` out",
                   s->in->plugin_name);
}
