/* url.c - URLs: whether one leads where another may, and what references mean. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "private.h"

struct origin {
    char scheme[16];
    char host[256];
    char port[16];
};

static void part(CURLU *u, CURLUPart which, unsigned flags, char *out, size_t cap)
{
    char *value = NULL;

    out[0] = 0;
    if (curl_url_get(u, which, &value, flags) == CURLUE_OK)
        snprintf(out, cap, "%s", value);
    curl_free(value);
}

static bool origin_of(const char *url, struct origin *o)
{
    CURLU *u = curl_url();
    bool good =
        u && curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK;

    if (good) {
        part(u, CURLUPART_SCHEME, 0, o->scheme, sizeof(o->scheme));
        part(u, CURLUPART_HOST, 0, o->host, sizeof(o->host));
        part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, o->port, sizeof(o->port));
        good = o->host[0] &&
               (strcmp(o->scheme, "https") == 0 || strcmp(o->scheme, "http") == 0);
    }
    curl_url_cleanup(u);
    return good;
}

/* "host" or "*.domain". */
static bool host_matches(const char *pattern, const char *host)
{
    size_t n = strlen(host), tail;

    if (pattern[0] != '*' || pattern[1] != '.')
        return strcasecmp(pattern, host) == 0;
    tail = strlen(pattern + 1);
    return n > tail && strcasecmp(host + n - tail, pattern + 1) == 0;
}

bool http_may_go(const struct http *h, const char *from, const char *to)
{
    struct origin a, b;

    if (!origin_of(from, &a) || !origin_of(to, &b))
        return false;
    if (strcasecmp(a.host, b.host) == 0 && strcmp(a.scheme, b.scheme) == 0 &&
        strcmp(a.port, b.port) == 0)
        return true;
    if (strcmp(b.scheme, "https") != 0)
        return false;
    if (strcasecmp(a.host, b.host) == 0 && strcmp(a.scheme, "http") == 0)
        return true;
    for (uint32_t i = 0; i < h->options.n_hosts; i++)
        if (host_matches(h->options.hosts[i], b.host))
            return true;
    return false;
}

bool http_join(const char *base, const char *reference, char out[HTTP_URL_MAX])
{
    CURLU *u = curl_url();
    char *whole = NULL;
    bool good;

    good = u && curl_url_set(u, CURLUPART_URL, base, CURLU_DISALLOW_USER) == CURLUE_OK &&
           curl_url_set(u, CURLUPART_URL, reference,
                        CURLU_DISALLOW_USER | CURLU_URLENCODE) == CURLUE_OK &&
           curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
           curl_url_get(u, CURLUPART_URL, &whole, 0) == CURLUE_OK &&
           strlen(whole) < HTTP_URL_MAX &&
           (strncmp(whole, "https://", 8) == 0 || strncmp(whole, "http://", 7) == 0);
    if (good)
        snprintf(out, HTTP_URL_MAX, "%s", whole);
    curl_free(whole);
    curl_url_cleanup(u);
    return good;
}

void http_host(const char *url, char *out, size_t cap)
{
    struct origin o;

    snprintf(out, cap, "%s", origin_of(url, &o) ? o.host : "");
}

bool http_is_loopback(const char *url)
{
    struct origin o;
    struct in_addr v4;

    if (!origin_of(url, &o))
        return false;
    if (inet_pton(AF_INET, o.host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcasecmp(o.host, "localhost") == 0 || strcmp(o.host, "[::1]") == 0;
}
