/* metrics.c - counters and gauges that plugins define, in Prometheus text form. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "plugin/private.h"

enum { METRIC_NAME_MAX = 100, METRIC_HELP_MAX = 300 };

/* ---- what a plugin does --------------------------------------------------------- */

static bool name_ok(const char *name)
{
    size_t n = name ? strlen(name) : 0;

    return n > 0 && n <= METRIC_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

int32_t metric_define(const struct ctr_host *host, uint32_t kind, const char *name,
                      const char *help)
{
    struct instance *in = instance_of(host);

    if (in->creating)
        return metric_adopt(in, kind, name, help);
    host_misuse(in, "it defined a metric outside create");
    return -CTR_EINVAL;
}

int32_t metric_adopt(struct instance *in, uint32_t kind, const char *name,
                     const char *help)
{
    uint32_t n = atomic_load(&in->n_metrics);

    if (!name_ok(name) || (kind != CTR_METRIC_COUNTER && kind != CTR_METRIC_GAUGE)) {
        host_misuse(in, "it defined a metric with a malformed name or kind");
        return -CTR_EINVAL;
    }
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(in->metrics[i].name, name) == 0)
            return (int32_t)i;
    if (n == METRICS_MAX) {
        host_misuse(in, "it defined too many metrics");
        return -CTR_EFULL;
    }
    in->metrics[n].kind = kind;
    in->metrics[n].name = xstrdup(name);
    in->metrics[n].help =
        xstrndup(help ? help : "", strnlen(help ? help : "", METRIC_HELP_MAX));
    atomic_store(&in->n_metrics, n + 1);
    return (int32_t)n;
}

static struct metric *metric_of(struct instance *in, int32_t id)
{
    return id >= 0 && (uint32_t)id < atomic_load(&in->n_metrics) ? &in->metrics[id]
                                                                 : NULL;
}

void metric_add(const struct ctr_host *host, int32_t id, int64_t delta)
{
    struct metric *metric = metric_of(instance_of(host), id);

    if (metric && (delta >= 0 || metric->kind == CTR_METRIC_GAUGE))
        atomic_fetch_add_explicit(&metric->value, delta, memory_order_relaxed);
}

void metric_set(const struct ctr_host *host, int32_t id, int64_t value)
{
    struct metric *metric = metric_of(instance_of(host), id);

    if (metric)
        atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_take(struct instance *in, int32_t id, int64_t value)
{
    struct metric *metric = metric_of(in, id);

    if (metric && metric->kind == CTR_METRIC_COUNTER)
        metric_add(&in->host, id, value);
    else
        metric_set(&in->host, id, value);
}

bool instance_metric(const struct instance *in, uint32_t number, struct metric_view *out)
{
    const struct metric *metric;

    if (number >= atomic_load(&in->n_metrics))
        return false;
    metric = &in->metrics[number];
    *out = (struct metric_view){.kind = metric->kind,
                                .name = metric->name,
                                .help = metric->help,
                                .value = atomic_load(&metric->value)};
    return true;
}

void metrics_finish(struct instance *in)
{
    for (uint32_t i = 0; i < in->n_metrics; i++) {
        free(in->metrics[i].name);
        free(in->metrics[i].help);
    }
}

/* ---- what an administrator sees ------------------------------------------------- */

static const struct metric *find_metric(const struct instance *in, const char *name)
{
    for (uint32_t i = 0; i < in->n_metrics; i++)
        if (strcmp(in->metrics[i].name, name) == 0)
            return &in->metrics[i];
    return NULL;
}

static void put_help(struct strbuf *out, const char *help)
{
    for (; *help; help++) {
        if (*help == '\n')
            strbuf_z(out, "\\n");
        else if (*help == '\\')
            strbuf_z(out, "\\\\");
        else
            strbuf_char(out, *help);
    }
}

/* One family: its lines stand together, whichever instances have it. */
static void put_family(struct instance *const *all, unsigned n, unsigned first,
                       const struct metric *metric, struct strbuf *out)
{
    strbuf_fmt(out, "# HELP contactor_%s ", metric->name);
    put_help(out, metric->help);
    strbuf_fmt(out, "\n# TYPE contactor_%s %s\n", metric->name,
               metric->kind == CTR_METRIC_COUNTER ? "counter" : "gauge");
    for (unsigned i = first; i < n; i++) {
        const struct metric *mine = find_metric(all[i], metric->name);

        if (mine)
            strbuf_fmt(out, "contactor_%s{instance=\"%s\"} %lld\n", metric->name,
                       all[i]->name, (long long)atomic_load(&mine->value));
    }
}

static bool seen_before(struct instance *const *all, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (find_metric(all[i], name))
            return true;
    return false;
}

void instance_metrics(struct instance *const *all, unsigned n, struct strbuf *out)
{
    for (unsigned i = 0; i < n; i++)
        for (uint32_t k = 0; k < all[i]->n_metrics; k++)
            if (!seen_before(all, i, all[i]->metrics[k].name))
                put_family(all, n, i, &all[i]->metrics[k], out);
}
