/* plugin.c - the descriptor of the LDAP front end, and its options. */
#include "conn.h"
#include "kit/kit.h"
#include "server.h"

static const char *const anonymous_choices[] = {"deny", "rootdse", "allow", NULL};
static const char *const plaintext_choices[] = {"loopback", "always", "never", NULL};
static const char *const charset_choices[] = {"utf-8", "latin-1", "ascii", NULL};

static const struct ctr_option options[] = {
    {.name = "base",
     .type = CTR_OPT_STRING,
     .default_value = "dc=contacts",
     .doc = "DN of the tree; contacts are uid=ID,ou=SOURCE,BASE and users bind as "
            "uid=NAME,ou=users,BASE."},
    {.name = "anonymous",
     .type = CTR_OPT_CHOICE,
     .default_value = "deny",
     .choices = anonymous_choices,
     .doc = "What a client may do without a user: nothing (deny), read the rootDSE and "
            "the schema (rootdse), or also search what sources allow to everybody "
            "(allow)."},
    {.name = "plaintext_bind",
     .type = CTR_OPT_CHOICE,
     .default_value = "loopback",
     .choices = plaintext_choices,
     .doc = "From where passwords are taken without TLS: only from this machine "
            "(loopback), from everywhere (always), from nowhere (never)."},
    {.name = "charset",
     .type = CTR_OPT_CHOICE,
     .default_value = "utf-8",
     .choices = charset_choices,
     .doc = "Characters of text values in answers, for phones that cannot show UTF-8; "
            "what the charset lacks is spelled with the letters it has."},
    {.name = "max_value_length",
     .type = CTR_OPT_INT,
     .min = 0,
     .max = 16384,
     .default_value = "0",
     .doc = "Longest text value in answers, in characters; longer ones are cut, numbers "
            "never are; 0 means whole."},
    {.name = "limit_success",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc = "Answer success where a size, time or work limit cut the result, for phones "
            "that otherwise show nothing."},
    {.name = "attributes",
     .type = CTR_OPT_MAP,
     .doc = "Further attribute names: FIELD = \"name\", for example x_customer = "
            "\"customerNumber\"; a known name such as telephoneNumber then means exactly "
            "the fields given here."},
    {.name = "object_classes",
     .type = CTR_OPT_LIST,
     .doc = "Object classes every contact carries besides inetOrgPerson, for clients "
            "whose filter insists on one, such as \"user\" or \"contact\"."},
    {.name = "max_pdu_anonymous",
     .type = CTR_OPT_SIZE,
     .min = 1024,
     .max = 1 << 24,
     .default_value = "256K",
     .doc = "Largest message before a bind, in bytes."},
    {.name = "max_pdu",
     .type = CTR_OPT_SIZE,
     .min = 1024,
     .max = 1 << 24,
     .default_value = "1M",
     .doc = "Largest message after a bind, in bytes."},
    {.name = "max_filter_depth",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = CTR_FILTER_DEPTH_MAX,
     .default_value = "64",
     .doc = "How deep and, or, not may be nested in a filter."},
    {.name = "max_filter_terms",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = CTR_FILTER_LEAVES_MAX,
     .default_value = "1000",
     .doc = "Most assertions in a filter."},
    {.name = "max_substrings",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = CTR_FILTER_PIECES_MAX,
     .default_value = "64",
     .doc = "Most pieces of one substring assertion."},
    {.name = "max_controls",
     .type = CTR_OPT_INT,
     .min = 0,
     .max = 64,
     .default_value = "16",
     .doc = "Most controls in a request."},
    {.name = "max_attributes",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 1024,
     .default_value = "256",
     .doc = "Most attributes a search may ask for."},
    {.name = "max_outstanding",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 1000,
     .default_value = "100",
     .doc = "Most requests under way on one connection; further ones are answered busy."},
    {.name = "max_cookies",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 64,
     .default_value = "8",
     .doc = "Most paged searches that can be continued on one connection; a further one "
            "ends the oldest."},
};

static const struct ctr_scheme schemes[] = {{"ldap", 389, 0}, {"ldaps", 636, 1}};

static const struct ctr_frontend frontend = {
    .size = sizeof(struct ctr_frontend),
    .n_schemes = sizeof(schemes) / sizeof(schemes[0]),
    .schemes = schemes,
    .scheme_size = sizeof(schemes[0]),
    .stream = &conn_ops,
};

CTR_PLUGIN = {
    KIT_ABI,
    .name = "ldap",
    .version = CONTACTOR_VERSION,
    .summary = "Answers caller and name lookups over LDAP version 2 and 3, read-only.",
    KIT_OPTIONS(options),
    .frontend = &frontend,
    .check = server_check,
    .create = server_create,
    .destroy = server_destroy,
};
