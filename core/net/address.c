/* address.c - listen URLs from the configuration, and socket addresses as text. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "net/internal.h"

static int bad(char *error, size_t cap, const char *url, const char *why)
{
    snprintf(error, cap, "\"%.90s\": %s", url, why);
    return -CTR_EINVAL;
}

static int unknown_scheme(char *error, size_t cap, const char *url,
                          const struct ctr_scheme *schemes, unsigned n_schemes)
{
    size_t at;

    at = (size_t)snprintf(error, cap, "\"%.90s\": must begin with", url);
    for (unsigned i = 0; i < n_schemes && at < cap; i++)
        at += (size_t)snprintf(error + at, cap - at, "%s %s://", i == 0 ? "" : " or",
                               schemes[i].name);
    return -CTR_EINVAL;
}

static const struct ctr_scheme *
find_scheme(struct ctr_str name, const struct ctr_scheme *schemes, unsigned n_schemes)
{
    for (unsigned i = 0; i < n_schemes; i++)
        if (str_eq_nocase(name, str_of(schemes[i].name)))
            return &schemes[i];
    return NULL;
}

/* ":636" or nothing, then perhaps one slash. */
static int parse_port(const char *s, uint16_t *port)
{
    unsigned long value = 0;

    if (*s == ':') {
        const char *digits = ++s;

        for (; *s >= '0' && *s <= '9'; s++) {
            value = value * 10 + (unsigned long)(*s - '0');
            if (value > 65535)
                return -CTR_EINVAL;
        }
        if (s == digits)
            return -CTR_EINVAL;
        *port = (uint16_t)value;
    }
    if (*s == '/')
        s++;
    return *s ? -CTR_EINVAL : 0;
}

int net_address_parse(const char *url, const struct ctr_scheme *schemes,
                      unsigned n_schemes, struct net_address *out, char *error,
                      size_t cap)
{
    const char *sep = strstr(url, "://");
    const struct ctr_scheme *scheme = NULL;
    const char *host, *host_end, *port;
    struct sockaddr_storage address;

    if (sep)
        scheme = find_scheme(str_make(url, (size_t)(sep - url)), schemes, n_schemes);
    if (!scheme)
        return unknown_scheme(error, cap, url, schemes, n_schemes);
    *out = (struct net_address){.port = (uint16_t)scheme->default_port,
                                .tls = scheme->tls != 0};
    host = sep + 3;
    if (*host == '[') {
        host_end = strchr(++host, ']');
        if (!host_end)
            return bad(error, cap, url, "\"]\" is missing behind the IPv6 address");
        port = host_end + 1;
    } else {
        host_end = host + strcspn(host, ":/");
        port = host_end;
        if (strchr(host_end + (*host_end != 0), ':'))
            return bad(error, cap, url, "an IPv6 address must stand in [ ]");
    }
    if (host_end == host)
        return bad(error, cap, url,
                   "the address is missing (0.0.0.0 or [::] for all of this machine's)");
    if ((size_t)(host_end - host) >= sizeof(out->host) ||
        strlen(url) >= sizeof(out->text))
        return bad(error, cap, url, "too long");
    memcpy(out->host, host, (size_t)(host_end - host));
    memcpy(out->text, url, strlen(url));
    if (strcmp(out->host, "localhost") == 0)
        snprintf(out->host, sizeof(out->host), "127.0.0.1");
    if (parse_port(port, &out->port) < 0)
        return bad(error, cap, url, "the port must be a number from 0 to 65535");
    if (address_to_sockaddr(out, &address) < 0)
        return bad(error, cap, url,
                   "the host must be an address of this machine in digits, such as "
                   "192.0.2.10, 0.0.0.0 or [::]");
    return 0;
}

int address_to_sockaddr(const struct net_address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (strchr(address->host, ':')) {
        if (uv_ip6_addr(address->host, address->port,
                        (struct sockaddr_in6 *)(void *)out) < 0)
            return -CTR_EINVAL;
        return 0;
    }
    if (uv_ip4_addr(address->host, address->port, (struct sockaddr_in *)(void *)out) < 0)
        return -CTR_EINVAL;
    return 0;
}

void address_of_sockaddr(const struct sockaddr *address, char *out, size_t cap,
                         uint16_t *port)
{
    *port = 0;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        inet_ntop(AF_INET, &in->sin_addr, out, (socklen_t)cap);
        *port = ntohs(in->sin_port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in =
            (const struct sockaddr_in6 *)(const void *)address;

        if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr))
            inet_ntop(AF_INET, in->sin6_addr.s6_addr + 12, out, (socklen_t)cap);
        else
            inet_ntop(AF_INET6, &in->sin6_addr, out, (socklen_t)cap);
        *port = ntohs(in->sin6_port);
    } else {
        snprintf(out, cap, "unix");
    }
}

bool address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in =
            (const struct sockaddr_in6 *)(const void *)address;

        return IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) && in->sin6_addr.s6_addr[12] == 127);
    }
    return address->sa_family == AF_UNIX;
}

bool address_same(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *x = (const struct sockaddr_in *)(const void *)a;
        const struct sockaddr_in *y = (const struct sockaddr_in *)(const void *)b;

        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)(const void *)a;
        const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)(const void *)b;

        return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
               memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr)) == 0;
    }
    return false;
}
