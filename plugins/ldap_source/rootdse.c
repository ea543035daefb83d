/* rootdse.c - what a server says of itself. */
#include "rootdse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conn.h"

static const char *const wanted[] = {"objectClass",
                                     "namingContexts",
                                     "defaultNamingContext",
                                     "supportedControl",
                                     "supportedCapabilities",
                                     "supportedExtension",
                                     "dsServiceName",
                                     "highestCommittedUSN",
                                     "supportedSASLMechanisms",
                                     "vendorName",
                                     "vendorVersion",
                                     "structuralObjectClass",
                                     NULL};

static bool is(const struct berval *v, const char *text)
{
    return v->bv_len == strlen(text) && strncasecmp(v->bv_val, text, v->bv_len) == 0;
}

static void keep(char **at, const struct berval *v)
{
    if (*at || v->bv_len == 0 || memchr(v->bv_val, 0, v->bv_len))
        return;
    *at = strndup(v->bv_val, v->bv_len);
}

static void take_feature(struct rootdse *d, const struct berval *v)
{
    d->ad = d->ad || is(v, OID_AD);
    d->syncrepl = d->syncrepl || is(v, LDAP_CONTROL_SYNC);
    d->paged = d->paged || is(v, LDAP_CONTROL_PAGEDRESULTS);
    d->show_deleted = d->show_deleted || is(v, OID_AD_SHOW_DELETED);
    d->start_tls = d->start_tls || is(v, OID_START_TLS);
    d->external = d->external || is(v, "EXTERNAL");
    d->openldap = d->openldap || is(v, "OpenLDAProotDSE");
}

static void take(struct rootdse *d, const char *name, const struct berval *v)
{
    if (strcasecmp(name, "namingContexts") == 0) {
        if (d->n_contexts < CONTEXTS_MAX) {
            keep(&d->context[d->n_contexts], v);
            d->n_contexts += d->context[d->n_contexts] != NULL;
        }
    } else if (strcasecmp(name, "defaultNamingContext") == 0) {
        keep(&d->default_context, v);
    } else if (strcasecmp(name, "dsServiceName") == 0) {
        keep(&d->service, v);
    } else if (strcasecmp(name, "highestCommittedUSN") == 0) {
        d->highest_usn = strtoull(v->bv_val, NULL, 10);
    } else if (strcasecmp(name, "vendorName") == 0) {
        keep(&d->vendor, v);
    } else {
        take_feature(d, v);
    }
}

static void take_entry(struct conn *c, LDAPMessage *entry, struct rootdse *d)
{
    BerElement *ber = NULL;

    for (char *name = ldap_first_attribute(c->ld, entry, &ber); name;
         name = ldap_next_attribute(c->ld, entry, ber)) {
        struct berval **values = ldap_get_values_len(c->ld, entry, name);

        for (int i = 0; values && values[i]; i++)
            take(d, name, values[i]);
        ldap_value_free_len(values);
        ldap_memfree(name);
    }
    ber_free(ber, 0);
}

int32_t rootdse_read(struct conn *c, struct rootdse *out, struct fault *f)
{
    struct fault mine = {0};
    LDAPMessage *m = NULL;
    int32_t rc;

    *out = (struct rootdse){0};
    rc = conn_read_entry(c, "", "(objectClass=*)", wanted, NULL, &m, &mine);
    if (rc == 0)
        take_entry(c, ldap_first_entry(c->ld, m), out);
    ldap_msgfree(m);
    if (rc == 0 || (mine.ldap != 0 && c->wire.broke == 0))
        return 0; /* a server may keep it to itself: then it can nothing special */
    *f = mine;
    return rc;
}

void rootdse_finish(struct rootdse *d)
{
    free(d->service);
    free(d->default_context);
    free(d->vendor);
    for (uint32_t i = 0; i < d->n_contexts; i++)
        free(d->context[i]);
    *d = (struct rootdse){0};
}

static char *normal(const char *dn)
{
    char *out = NULL;

    return ldap_dn_normalize(dn, LDAP_DN_FORMAT_LDAPV3, &out, LDAP_DN_FORMAT_LDAPV3) ==
                   LDAP_SUCCESS
               ? out
               : NULL;
}

const char *rootdse_context(const struct rootdse *d, const char *base)
{
    char *inner = normal(base);
    const char *best = NULL;
    size_t best_len = 0;

    for (uint32_t i = 0; inner && i < d->n_contexts; i++) {
        char *outer = normal(d->context[i]);
        size_t n = strlen(inner), m = outer ? strlen(outer) : 0;

        if (m > best_len && m <= n && strcasecmp(inner + n - m, outer) == 0 &&
            (m == n || inner[n - m - 1] == ',')) {
            best = d->context[i];
            best_len = m;
        }
        ldap_memfree(outer);
    }
    ldap_memfree(inner);
    return best;
}
