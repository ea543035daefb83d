/* where.c - one server's URL, taken apart. */
#include "where.h"

#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LDAPI_DEFAULT "/run/slapd/ldapi" /* where Debian's slapd listens */

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

/* What an administrator may have meant by more than scheme, host and port. */
static const char *check_parts(const LDAPURLDesc *d)
{
    if (d->lud_dn && *d->lud_dn)
        return "it has a base in it: write that as base = [\"...\"]";
    if ((d->lud_filter && *d->lud_filter) || d->lud_attrs || d->lud_exts)
        return "it has more than a host and a port in it: write filter and map as "
               "options";
    if ((!d->lud_host || !*d->lud_host) && strcasecmp(d->lud_scheme, "ldapi") != 0)
        return "it names no host: \"ldaps://dc1.example.com\"";
    if (d->lud_host && strlen(d->lud_host) > 255)
        return "its host is too long";
    return NULL;
}

static const char *take_scheme(const LDAPURLDesc *d, enum scheme *out)
{
    if (strcasecmp(d->lud_scheme, "ldap") == 0)
        *out = SCHEME_LDAP;
    else if (strcasecmp(d->lud_scheme, "ldaps") == 0)
        *out = SCHEME_LDAPS;
    else if (strcasecmp(d->lud_scheme, "ldapi") == 0)
        *out = SCHEME_LDAPI;
    else
        return "its scheme is none of ldap, ldaps and ldapi";
    return NULL;
}

static const char *rebuild(struct where *w)
{
    int rc;

    if (w->scheme == SCHEME_LDAPI)
        rc = asprintf(&w->url, "ldapi:///");
    else
        rc = asprintf(&w->url, strchr(w->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
                      w->scheme == SCHEME_LDAPS ? "ldaps" : "ldap", w->host, w->port);
    if (rc >= 0)
        return NULL;
    w->url = NULL;
    return "";
}

const char *where_parse(const char *text, struct where *out)
{
    LDAPURLDesc *d = NULL;
    const char *wrong;

    memset(out, 0, sizeof(*out));
    if (ldap_url_parse(text, &d) != LDAP_URL_SUCCESS)
        return "it is not an LDAP URL: \"ldaps://dc1.example.com\"";
    wrong = take_scheme(d, &out->scheme);
    if (!wrong)
        wrong = check_parts(d);
    if (!wrong) {
        out->host = strdup(d->lud_host && *d->lud_host ? d->lud_host : LDAPI_DEFAULT);
        out->port = (uint16_t)d->lud_port;
        out->loopback =
            out->scheme == SCHEME_LDAPI || (out->host && is_loopback(out->host));
        wrong = out->host ? rebuild(out) : "";
    }
    ldap_free_urldesc(d);
    if (wrong)
        where_finish(out);
    return wrong;
}

void where_finish(struct where *w)
{
    free(w->url);
    free(w->host);
    w->url = w->host = NULL;
}
