/* plugin.c - the descriptor of the LDAP source and its options. */
#include "source.h"

#include "kit/kit.h"

static const char *const scopes[] = {"sub", "one", "base", NULL};
static const char *const presets[] = {"auto", "none", "ad", "inetorgperson", NULL};
static const char *const deltas[] = {"auto", "syncrepl", "usn", "modify_timestamp",
                                     "off",  NULL};

/* The order of the choices is that of the enums in options.h and presets.h. */
static const struct ctr_option options[] = {
    {.name = "url",
     .type = CTR_OPT_LIST,
     .flags = CTR_OPT_REQUIRED,
     .doc =
         "The server as \"ldaps://HOST\", \"ldap://HOST:PORT\" or \"ldapi://%2Fpath\"; "
         "of a list the first that answers is used."},
    {.name = "start_tls",
     .type = CTR_OPT_BOOL,
     .default_value = "true",
     .doc = "Whether an ldap:// connection is encrypted by StartTLS; false sends "
            "everything, the password too, unencrypted."},
    {.name = "tls_verify",
     .type = CTR_OPT_BOOL,
     .default_value = "true",
     .doc = "Whether the server's certificate must be valid, for its name, and signed by "
            "a trusted authority; false is warned of at each start."},
    {.name = "ca_file",
     .type = CTR_OPT_PATH,
     .doc = "Certificates of the authorities to trust, PEM; without it those of the "
            "system."},
    {.name = "bind_dn",
     .type = CTR_OPT_STRING,
     .doc = "Who logs in: a DN, at Active Directory also \"user@domain\"; without it the "
            "source is anonymous."},
    {.name = "password",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_SECRET,
     .doc = "The password of bind_dn."},
    {.name = "sasl_external",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc =
         "Whether to log in by the certificate of cert_file, or by the local user over "
         "ldapi://."},
    {.name = "cert_file",
     .type = CTR_OPT_PATH,
     .doc = "The source's own certificate, PEM, for servers that want one."},
    {.name = "key_file", .type = CTR_OPT_PATH, .doc = "The key of cert_file, PEM."},
    {.name = "base",
     .type = CTR_OPT_LIST,
     .doc = "Where the contacts are: one or several DNs; without it the server's own "
            "naming context."},
    {.name = "scope",
     .type = CTR_OPT_CHOICE,
     .default_value = "sub",
     .choices = scopes,
     .doc = "How far below base: everything, one level, or base itself."},
    {.name = "filter",
     .type = CTR_OPT_LIST,
     .doc = "Which entries are contacts: one filter, or several of which one must match; "
            "without it the preset's."},
    {.name = "preset",
     .type = CTR_OPT_CHOICE,
     .default_value = "auto",
     .choices = presets,
     .doc = "Filter and attributes of a usual schema; auto: ad at an Active Directory, "
            "else inetorgperson."},
    {.name = "map",
     .type = CTR_OPT_MAP,
     .doc = "Which attribute, or list of attributes, gives a field; beside a preset it "
            "replaces the preset's attributes of that field."},
    {.name = "page_size",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 100000,
     .default_value = "500",
     .doc = "How many entries are asked for at once."},
    {.name = "max_entries",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 20000000,
     .default_value = "2000000",
     .doc = "A search that gives more entries is refused."},
    {.name = "connect_timeout",
     .type = CTR_OPT_DURATION,
     .min = 100,
     .max = 300000,
     .default_value = "10s",
     .doc =
         "How long resolving and connecting may take, and how long the TLS handshake."},
    {.name = "timeout",
     .type = CTR_OPT_DURATION,
     .min = 100,
     .max = 3600000,
     .default_value = "60s",
     .doc = "How long the server may take for its next message."},
    {.name = "delta",
     .type = CTR_OPT_CHOICE,
     .default_value = "auto",
     .choices = deltas,
     .doc = "How changes are found: syncrepl at OpenLDAP, usn at Active Directory, "
            "modify_timestamp elsewhere; off: everything is read each time."},
    {.name = "listen",
     .type = CTR_OPT_BOOL,
     .default_value = "true",
     .doc = "Whether an OpenLDAP server is asked to tell changes at once (syncrepl)."},
    {.name = "overlap",
     .type = CTR_OPT_DURATION,
     .max = 86400000,
     .default_value = "5m",
     .doc = "How far before the newest change a delta by modify_timestamp begins, for "
            "servers that replicate."},
    {.name = "full_every",
     .type = CTR_OPT_DURATION,
     .max = INT64_C(90) * 24 * 3600 * 1000,
     .default_value = "24h",
     .doc = "How often everything is read although only changes were needed, for what a "
            "server does not tell as a change; 0s: never."},
    {.name = "allow_empty",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc =
         "Whether an answer without entries empties the source; else it is refused and "
         "the last good data stay."},
    {.name = "live_wildcards",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc = "Whether a live search also asks for a number with anything between its "
            "digits; finds every notation, and is slow at large servers."},
    {.name = "groups",
     .type = CTR_OPT_LIST,
     .doc = "Groups whose members `allow = [\"@NAME\"]` may name: \"NAME: DN\", "
            "\"NAME: (filter)\", or either without a name for the groups' own cn."},
    {.name = "group_principal",
     .type = CTR_OPT_STRING,
     .doc = "The attribute that holds a member's user name; sAMAccountName with the "
            "preset ad, else uid."},
};

static const struct ctr_source source = {
    .size = sizeof(source),
    .threading = CTR_ON_LANE,
    .flags = CTR_SOURCE_DELTA | CTR_SOURCE_SEARCH | CTR_SOURCE_PARALLEL,
    .sync = source_sync,
    .sync_cancel = source_sync_cancel,
    .search = live_search,
    .search_cancel = live_search_cancel,
    .test = source_test,
};

CTR_PLUGIN = {
    .size = sizeof(struct ctr_plugin),
    .abi_built = CTR_ABI_CURRENT,
    .abi_needs = CTR_ABI(1, 1),
    .name = "ldap_source",
    .version = "1.0.0",
    .summary = "contacts from an LDAP server or Active Directory",
    KIT_OPTIONS(options),
    .source = &source,
    .check = source_check,
    .create = source_create,
    .start = source_start,
    .stop = source_stop,
    .destroy = source_destroy,
};
