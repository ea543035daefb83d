/* settings_frontend.c - what [frontend.NAME] says to flow and net. */
#include "settings_private.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/kind.h"
#include "conf/option.h"

static uint64_t read_fields(struct section *s)
{
    uint32_t n = conf_list_len(s->in->values, "fields");
    uint64_t kinds = 0;
    char hint[128];

    for (uint32_t i = 0; i < n; i++) {
        const char *name = conf_list_at(s->in->values, "fields", i);
        uint32_t kind = name ? kind_named(name) : 0;

        if (name && strcmp(name, "phone") == 0)
            kinds |= CTR_KINDS_PHONE;
        else if (name && strcmp(name, "custom") == 0)
            kinds |= CTR_KIND(CTR_FIELD_CUSTOM);
        else if (kind == CTR_FIELD_CUSTOM)
            diag_error(s->b->diag, conf_option_place(s->in->values, "fields"),
                       "'%s': fields of your own are shown all or none here: write "
                       "\"custom\"",
                       name);
        else if (kind == 0 && name)
            diag_error(
                s->b->diag, conf_option_place(s->in->values, "fields"),
                "unknown field '%s'%s", name,
                conf_suggest(name, option_fields, option_n_fields, hint, sizeof(hint)));
        kinds |= kind && kind != CTR_FIELD_CUSTOM ? CTR_KIND(kind) : 0;
    }
    return kinds ? kinds | CTR_KIND(CTR_FIELD_ID) : 0;
}

static bool check_file(struct section *s, const char *option)
{
    const char *path = conf_str(s->in->values, option);

    if (!path || access(path, R_OK) == 0)
        return true;
    diag_error(s->b->diag, conf_option_place(s->in->values, option),
               "cannot read %s: %m (as user id %u)", path, (unsigned)geteuid());
    return false;
}

/* Without tls_key the key stands in the certificate's file. */
static struct conf_place place_of_key(const struct section *s)
{
    return conf_option_place(s->in->values, conf_str(s->in->values, "tls_key")
                                                ? "tls_key"
                                                : "tls_certificate");
}

static void warn_of_certificate(struct section *s, const struct net_certificate *found)
{
    struct conf_place at = conf_option_place(s->in->values, "tls_certificate");
    int64_t now = clock_wall_ms() / 1000;
    char when[32];

    if (found->valid_from > now)
        diag_warning(s->b->diag, at, "the certificate is not valid before %s",
                     clock_format(found->valid_from * 1000, when, sizeof(when)));
    if (found->valid_until < now + NET_CERTIFICATE_SOON_S)
        diag_warning(s->b->diag, at, "the certificate %s on %s",
                     found->valid_until < now ? "has expired" : "expires",
                     clock_format(found->valid_until * 1000, when, sizeof(when)));
    if (found->key_is_open)
        diag_warning(s->b->diag, place_of_key(s),
                     "everybody on this machine may read %s: chmod o= it",
                     s->in->net.tls_key);
}

/* What is in the files is part of the configuration: told with all other mistakes. */
static void check_tls(struct section *s)
{
    const struct net_service_options *net = &s->in->net;
    bool readable = check_file(s, "tls_certificate");
    struct net_certificate found;
    bool about_key;
    char error[1024];

    readable = check_file(s, "tls_key") && readable;
    if (!readable || !net->tls_certificate)
        return;
    if (net_check_tls(net->tls_certificate, net->tls_key, &found, error, sizeof(error)) ==
        0) {
        warn_of_certificate(s, &found);
        return;
    }
    about_key = strncmp(error, net->tls_key, strlen(net->tls_key)) == 0;
    diag_error(s->b->diag,
               about_key ? place_of_key(s)
                         : conf_option_place(s->in->values, "tls_certificate"),
               "%s", error);
}

static void read_listen(struct section *s)
{
    const struct ctr_config *values = s->in->values;
    const struct ctr_frontend *role = &s->in->plugin->frontend;
    uint32_t n = conf_list_len(values, "listen");
    char error[256];

    s->in->addresses = arena_array(&s->b->s->arena, n + 1, sizeof(*s->in->addresses));
    if (n == 0 && s->in->plugin->has_stream)
        diag_error(s->b->diag, conf_option_place(values, "listen"),
                   "[%s] needs `listen`, such as [\"%s://127.0.0.1:%u\"]", s->in->name,
                   role->schemes[0].name ? role->schemes[0].name : "tcp",
                   role->schemes[0].default_port);
    for (uint32_t i = 0; i < n; i++) {
        struct net_address *address = &s->in->addresses[s->in->n_addresses];
        const char *url = conf_list_at(values, "listen", i);

        if (!url)
            continue;
        if (net_address_parse(url, role->schemes, role->n_schemes, address, error,
                              sizeof(error)) != 0)
            diag_error(s->b->diag, conf_option_place(values, "listen"), "%s", error);
        else if (address->tls && !conf_str(values, "tls_certificate"))
            diag_error(s->b->diag, conf_option_place(values, "listen"),
                       "%s needs tls_certificate and tls_key", url);
        else
            s->in->n_addresses++;
    }
}

static void read_net(struct section *s)
{
    const struct ctr_config *values = s->in->values;
    struct net_service_options *net = &s->in->net;

    net->tls_certificate = conf_str(values, "tls_certificate");
    net->tls_key = conf_str(values, "tls_key");
    if (!net->tls_key)
        net->tls_key = net->tls_certificate;
    if (net->tls_key && !net->tls_certificate)
        diag_error(s->b->diag, conf_option_place(values, "tls_key"),
                   "tls_key without tls_certificate");
    check_tls(s);
    net->idle_time = (uint32_t)conf_int(values, "idle_time");
    net->receive_time = (uint32_t)conf_int(values, "receive_time");
    net->send_time = (uint32_t)conf_int(values, "send_time");
    net->handshake_time = (uint32_t)conf_int(values, "handshake_time");
    net->max_queue = (uint32_t)conf_int(values, "max_queue");
    net->pause_queue = net->max_queue / 8;
    if (conf_set(values, "max_sessions"))
        net->max_sessions = (unsigned)conf_int(values, "max_sessions");
    if (conf_set(values, "max_sessions_per_peer"))
        net->max_sessions_per_peer = (unsigned)conf_int(values, "max_sessions_per_peer");
}

void section_read_frontend(struct section *s, struct flow_client_config *client)
{
    const struct ctr_config *values = s->in->values;
    int64_t anonymous = conf_int(values, "anonymous");

    settings_plan_of(s->b, values, &client->plan);
    client->format = (enum number_format)conf_int(values, "output_format");
    client->size_limit = (uint32_t)conf_int(values, "size_limit");
    client->time_limit = (uint32_t)conf_int(values, "time_limit");
    client->ambiguity = (enum flow_ambiguity)conf_int(values, "ambiguity");
    client->company_match = conf_int(values, "company_match") != 0;
    client->anonymous = strcmp(settings_anonymous[anonymous], "allow") == 0;
    client->sources = settings_list(s->b, values, "sources", &client->n_sources);
    client->fields = read_fields(s);
    read_net(s);
    if (s->in->plugin)
        read_listen(s);
}
