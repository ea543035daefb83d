/* metrics.c - the counters of flow in Prometheus text form. */
#include "flow/metrics.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/error.h"
#include "flow/auth.h"
#include "flow/sync.h"

static const uint64_t bucket_us[FLOW_BUCKETS - 1] = {10,     100,     1000,   10000,
                                                     100000, 1000000, 3000000};
static const char *const bucket_text[FLOW_BUCKETS] = {
    "0.00001", "0.0001", "0.001", "0.01", "0.1", "1", "3", "+Inf"};
static const char *const end_text[FLOW_END_COUNT] = {
    [FLOW_END_HIT] = "hit",           [FLOW_END_MISS] = "miss",
    [FLOW_END_COMPANY] = "company",   [FLOW_END_LIMIT] = "size_limit",
    [FLOW_END_TIMEOUT] = "timeout",   [FLOW_END_REFUSED] = "refused",
    [FLOW_END_CANCELED] = "canceled", [FLOW_END_FAILED] = "failed"};

static enum flow_end end_of(const struct trace_record *t)
{
    switch (t->status) {
    case 0:
        return t->company ? FLOW_END_COMPANY : t->hits > 0 ? FLOW_END_HIT : FLOW_END_MISS;
    case -CTR_ESIZE:
        return FLOW_END_LIMIT;
    case -CTR_ETIMEDOUT:
    case -CTR_EWORK:
        return FLOW_END_TIMEOUT;
    case -CTR_ENOENT:
    case -CTR_EINVAL:
        return FLOW_END_REFUSED;
    case -CTR_ECANCELED:
        return FLOW_END_CANCELED;
    default:
        return FLOW_END_FAILED;
    }
}

void metrics_query(struct flow_client *client, const struct trace_record *t)
{
    unsigned i = 0;

    while (i < FLOW_BUCKETS - 1 && t->us_total > bucket_us[i])
        i++;
    client->buckets[i]++;
    client->took_us += t->us_total;
    client->ends[end_of(t)]++;
}

/* A label's value, escaped. */
static void put_label(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            strbuf_char(out, '\\');
        if (*text == '\n')
            strbuf_z(out, "\\n");
        else
            strbuf_char(out, *text);
    }
}

static void put_head(struct strbuf *out, const char *name, const char *type,
                     const char *help)
{
    strbuf_fmt(out, "# HELP contactor_%s %s\n# TYPE contactor_%s %s\n", name, help, name,
               type);
}

static void put_queries(struct flow *flow, struct strbuf *out)
{
    put_head(out, "queries_total", "counter", "Queries by how they ended.");
    list_for_each(it, &flow->clients)
    {
        const struct flow_client *c = list_entry(it, struct flow_client, link);

        for (unsigned i = 0; i < FLOW_END_COUNT; i++) {
            strbuf_z(out, "contactor_queries_total{client=\"");
            put_label(out, c->name);
            strbuf_fmt(out, "\",outcome=\"%s\"} %" PRIu64 "\n", end_text[i], c->ends[i]);
        }
    }
    put_head(out, "queries_running", "gauge", "Queries under way.");
    list_for_each(it, &flow->clients)
    {
        const struct flow_client *c = list_entry(it, struct flow_client, link);

        strbuf_z(out, "contactor_queries_running{client=\"");
        put_label(out, c->name);
        strbuf_fmt(out, "\"} %u\n", c->running);
    }
}

static void put_times(struct flow *flow, struct strbuf *out)
{
    put_head(out, "query_seconds", "histogram", "Time from question to last answer.");
    list_for_each(it, &flow->clients)
    {
        const struct flow_client *c = list_entry(it, struct flow_client, link);
        uint64_t sum = 0;

        for (unsigned i = 0; i < FLOW_BUCKETS; i++) {
            sum += c->buckets[i];
            strbuf_z(out, "contactor_query_seconds_bucket{client=\"");
            put_label(out, c->name);
            strbuf_fmt(out, "\",le=\"%s\"} %" PRIu64 "\n", bucket_text[i], sum);
        }
        strbuf_z(out, "contactor_query_seconds_sum{client=\"");
        put_label(out, c->name);
        strbuf_fmt(out, "\"} %.6f\ncontactor_query_seconds_count{client=\"",
                   (double)c->took_us / 1e6);
        put_label(out, c->name);
        strbuf_fmt(out, "\"} %" PRIu64 "\n", sum);
    }
}

static void put_source_line(struct strbuf *out, const char *metric, const char *source,
                            double value)
{
    strbuf_fmt(out, "contactor_%s{source=\"", metric);
    put_label(out, source);
    strbuf_fmt(out, "\"} %.15g\n", value);
}

static void put_sources(struct flow *flow, struct strbuf *out)
{
    static const struct {
        const char *name, *type, *help;
    } metrics[] = {
        {"source_contacts", "gauge", "Contacts in the cache."},
        {"source_last_success_timestamp_seconds", "gauge",
         "When the last sync succeeded; 0: never."},
        {"source_data_timestamp_seconds", "gauge", "How old the cached data are."},
        {"source_syncs_total", "counter", "Syncs that succeeded."},
        {"source_sync_failures_total", "counter", "Syncs that failed."},
        {"source_failures_in_a_row", "gauge", "Syncs that failed since one succeeded."},
        {"source_next_sync_timestamp_seconds", "gauge",
         "When the next sync is planned; 0: on demand."},
        {"source_syncing", "gauge", "1 while a sync is under way."},
    };

    for (unsigned m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        put_head(out, metrics[m].name, metrics[m].type, metrics[m].help);
        list_for_each(it, &flow->sources)
        {
            struct source *s = list_entry(it, struct source, link);
            const struct cache_info *info = source_info(s);
            int64_t next =
                s->next_run > 0 ? clock_wall_ms() + s->next_run - clock_ms() : 0;
            const double values[] = {
                (double)info->contacts,       (double)(s->last_success / 1000),
                (double)(info->as_of / 1000), (double)s->syncs_ok,
                (double)s->syncs_failed,      (double)s->failures,
                (double)(next / 1000),        s->sync && !s->sync->preview};

            if (s->conf)
                put_source_line(out, metrics[m].name, s->name, values[m]);
        }
    }
}

static void put_auth(struct flow *flow, struct strbuf *out)
{
    struct auth_stats stats;

    auth_stats(flow->auth, &stats);
    put_head(out, "authentications_total", "counter", "Passwords checked, by result.");
    strbuf_fmt(out,
               "contactor_authentications_total{result=\"ok\"} %" PRIu64 "\n"
               "contactor_authentications_total{result=\"ok_cached\"} %" PRIu64 "\n"
               "contactor_authentications_total{result=\"wrong\"} %" PRIu64 "\n"
               "contactor_authentications_total{result=\"busy\"} %" PRIu64 "\n",
               stats.ok, stats.cached, stats.wrong, stats.busy);
    put_head(out, "authentications_delayed_total", "counter",
             "Checks slowed down after too many failures of one address.");
    strbuf_fmt(out, "contactor_authentications_delayed_total %" PRIu64 "\n",
               stats.delayed);
}

void flow_metrics(struct flow *flow, struct strbuf *out)
{
    put_queries(flow, out);
    put_times(flow, out);
    put_sources(flow, out);
    put_auth(flow, out);
    put_head(out, "loop_longest_stall_seconds", "gauge",
             "Longest time between two looks at the sockets since the last reading.");
    strbuf_fmt(out, "contactor_loop_longest_stall_seconds %.6f\n",
               (double)loop_take_longest_stall(flow->loop) / 1e6);
}
