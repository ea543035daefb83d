/* source.c - options and life of the CardDAV source. */
#include "source.h"

#include <stdlib.h>

#include "kit/kit.h"
#include "run.h"

/* --- check ----------------------------------------------------------------------------
 */

static bool is_set(const struct ctr_host *host, const struct ctr_config *config,
                   const char *name)
{
    return host->option_set(config, name) != 0;
}

static int32_t wrong(const struct ctr_host *host, const struct ctr_config *config,
                     const char *option, const char *text)
{
    host->option_error(config, option, text);
    return -CTR_ECONF;
}

static int32_t check_url(const struct ctr_host *host, const struct ctr_config *config)
{
    const char *url = host->option_str(config, "url");
    char whole[HTTP_URL_MAX], path[HREF_MAX];

    if (strstr(url, "://") == NULL || !http_join(url, "", whole) ||
        !href_path(whole, path))
        return wrong(host, config, "url",
                     "must be an address such as \"https://cloud.example.org/\", without "
                     "user and password in it");
    if (strncmp(whole, "https:", 6) != 0 && !http_is_loopback(whole) &&
        !host->option_int(config, "allow_http"))
        return wrong(host, config, "url",
                     "sends the password in the clear: use https (or set allow_http = "
                     "true if nobody else is on that network)");
    return 0;
}

static int32_t check_login(const struct ctr_host *host, const struct ctr_config *config)
{
    enum http_auth auth = (enum http_auth)host->option_int(config, "auth");
    const char *user = host->option_str(config, "user");
    bool password = is_set(host, config, "password");
    bool token = is_set(host, config, "token");

    if (auth == HTTP_BEARER && !token)
        return wrong(host, config, "auth", "\"bearer\" needs token_file");
    if (auth != HTTP_BEARER && token)
        return wrong(host, config, "token", "is used with auth = \"bearer\" only");
    if ((auth == HTTP_BASIC || auth == HTTP_DIGEST) && !user)
        return wrong(host, config, "user", "is needed to log in that way");
    if (auth == HTTP_NO_AUTH || auth == HTTP_BEARER)
        return user || password
                   ? wrong(host, config, "user", "and password are not used by this auth")
                   : 0;
    if (user && !password)
        return wrong(host, config, "user", "needs password_file beside it");
    if (password && !user)
        return wrong(host, config, "password", "needs user beside it");
    if (user && auth != HTTP_DIGEST && strchr(user, ':'))
        return wrong(host, config, "user", "cannot have a colon in it");
    return 0;
}

static int32_t check_hosts(const struct ctr_host *host, const struct ctr_config *config)
{
    int32_t rc = 0;

    for (uint32_t i = 0; i < host->option_list_len(config, "trusted_hosts"); i++) {
        const char *name = host->option_list_at(config, "trusted_hosts", i);
        const char *rest = strncmp(name, "*.", 2) == 0 ? name + 2 : name;

        if (rest[strcspn(rest, "/:*@ ")] || !strchr(rest, '.'))
            rc = wrong(host, config, "trusted_hosts",
                       "holds names of hosts only: \"dav.example.org\" or "
                       "\"*.example.org\"");
    }
    return rc;
}

static int32_t check_map(const struct ctr_host *host, const struct ctr_config *config)
{
    const char *key, *value;
    int32_t rc = vcard_maps_check(host, config, "map");

    for (uint32_t i = 0; host->option_map_at(config, "map", i, &key, &value) == 0; i++)
        if (strcmp(key, "id") == 0)
            rc = wrong(host, config, "map",
                       "map.id is not possible: the id is the card's address, by which "
                       "the server tells deletions");
    return rc;
}

int32_t source_check(const struct ctr_host *host, const struct ctr_config *config)
{
    int32_t a = check_url(host, config), b = check_login(host, config);
    int32_t c = check_hosts(host, config), d = check_map(host, config);

    return a | b | c | d ? -CTR_ECONF : 0;
}

/* --- the mark: what shapes the contacts -----------------------------------------------
 */

/* FNV-1a, the NUL with it. */
static uint64_t mark_add(uint64_t mark, const char *text)
{
    const char *p = text ? text : "";

    do {
        mark ^= (uint8_t)*p;
        mark *= UINT64_C(0x100000001b3);
    } while (*p++);
    return mark;
}

static uint64_t mark_of(const struct source *s, const struct ctr_config *config)
{
    uint64_t mark = UINT64_C(0xcbf29ce484222325);
    const char *key, *value;
    char numbers[64];

    snprintf(numbers, sizeof(numbers), "1 %d %u %zu", s->show_private, s->photo_max,
             s->max_card);
    mark = mark_add(mark, numbers);
    mark = mark_add(mark, s->url);
    mark = mark_add(mark, s->user);
    mark = mark_add(mark, s->owner);
    for (uint32_t i = 0; s->host->option_map_at(config, "map", i, &key, &value) == 0;
         i++) {
        mark = mark_add(mark, key);
        mark = mark_add(mark, value);
    }
    return mark;
}

/* --- life -----------------------------------------------------------------------------
 */

static const char **read_list(const struct ctr_host *host,
                              const struct ctr_config *config, const char *name,
                              uint32_t *n)
{
    uint32_t len = host->option_list_len(config, name);
    const char **list = calloc((size_t)len + 1, sizeof(*list));

    for (uint32_t i = 0; list && i < len; i++)
        list[i] = host->option_list_at(config, name, i);
    *n = len;
    return list;
}

static int32_t read_options(struct source *s, const struct ctr_config *config)
{
    const struct ctr_host *host = s->host;

    s->url = host->option_str(config, "url");
    s->user = host->option_str(config, "user");
    s->owner = host->option_str(config, "owner");
    s->batch = (uint32_t)host->option_int(config, "batch");
    s->max_contacts = (uint32_t)host->option_int(config, "max_contacts");
    s->max_card = (size_t)host->option_int(config, "max_card");
    s->max_answer = (uint64_t)host->option_int(config, "max_answer");
    s->photo_max = (uint32_t)host->option_int(config, "photo_max");
    s->show_private = host->option_int(config, "show_private") != 0;
    s->books = read_list(host, config, "address_books", &s->n_books);
    s->hosts = read_list(host, config, "trusted_hosts", &s->n_hosts);
    if (!s->books || !s->hosts)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    return vcard_maps_load(&s->maps, host, config, "map");
}

static int32_t make_http(struct source *s, const struct ctr_config *config)
{
    const struct ctr_host *host = s->host;
    enum http_auth auth = (enum http_auth)host->option_int(config, "auth");
    bool bearer = auth == HTTP_BEARER;
    struct http_options o = {.host = host,
                             .agent = "contactor-carddav/1.0",
                             .ca_file = host->option_str(config, "ca_file"),
                             .auth = bearer || s->user ? auth : HTTP_NO_AUTH,
                             .user = s->user,
                             .timeout = (uint32_t)host->option_int(config, "timeout"),
                             .hosts = s->hosts,
                             .n_hosts = s->n_hosts};

    o.secret = host->option_str(config, bearer ? "token" : "password");
    return http_create(&o, &s->http);
}

int32_t source_create(const struct ctr_host *host, const struct ctr_config *config,
                      void **instance)
{
    struct source *s = calloc(1, sizeof(*s));
    int32_t rc;

    if (!s)
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    s->host = host;
    s->metric_requests = host->metric_define(
        host, CTR_METRIC_COUNTER, "carddav_requests_total", "Requests to the server.");
    s->metric_cards = host->metric_define(host, CTR_METRIC_COUNTER, "carddav_cards_total",
                                          "Cards fetched from the server.");
    rc = read_options(s, config);
    s->mark = mark_of(s, config);
    if (rc == 0)
        rc = make_http(s, config);
    if (rc != 0)
        source_destroy(s);
    else
        *instance = s;
    return rc;
}

/* The host has ended the sync. Connections close before the instance counts as stopped.
 */
void source_stop(void *instance)
{
    struct source *s = instance;

    http_destroy(s->http);
    s->http = NULL;
    s->host->stopped(s->host);
}

void source_forget(struct source *s)
{
    while (s->n_homes > 0)
        free(s->homes[--s->n_homes]);
    free(s->book_url);
    s->book_url = NULL;
}

void source_destroy(void *instance)
{
    struct source *s = instance;

    http_destroy(s->http);
    source_forget(s);
    vcard_maps_finish(&s->maps);
    free(s->books);
    free(s->hosts);
    free(s);
}
