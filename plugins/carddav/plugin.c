/* plugin.c - the descriptor of the CardDAV source and its options. */
#include "run.h"

#include "kit/kit.h"

/* The order is that of enum http_auth. */
static const char *const auths[] = {"none", "auto", "basic", "digest", "bearer", NULL};

static const struct ctr_option options[] = {
    {.name = "url",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_REQUIRED,
     .doc = "The server, a user's address books, or one address book."},
    {.name = "user", .type = CTR_OPT_STRING, .doc = "Who logs in."},
    {.name = "password",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_SECRET,
     .doc = "The user's password; many servers want an app password made for this."},
    {.name = "auth",
     .type = CTR_OPT_CHOICE,
     .default_value = "auto",
     .choices = auths,
     .doc = "How to log in; auto: Basic or Digest, as the server offers."},
    {.name = "token",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_SECRET,
     .doc = "The token of auth = \"bearer\"."},
    {.name = "ca_file",
     .type = CTR_OPT_PATH,
     .doc = "Certificates (PEM) of the authorities that are trusted instead of the "
            "system's."},
    {.name = "trusted_hosts",
     .type = CTR_OPT_LIST,
     .doc = "Further hosts the server may refer to, \"dav.example.org\" or "
            "\"*.example.org\"; the password is sent to them, too."},
    {.name = "allow_http",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc = "Whether an url without TLS may be used elsewhere than on this machine."},
    {.name = "address_books",
     .type = CTR_OPT_LIST,
     .doc = "Which address books are read, by name or last part of the path; all without "
            "it."},
    {.name = "owner",
     .type = CTR_OPT_STRING,
     .doc = "The user these private contacts belong to; without it everybody sees them "
            "who may see the source."},
    {.name = "map",
     .type = CTR_OPT_MAP,
     .doc = "Which vCard property, or property/label, gives a field beside the usual "
            "ones."},
    {.name = "show_private",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc = "Whether cards of CLASS PRIVATE and CONFIDENTIAL are shown like all others; "
            "else only their owner sees them, and without one nobody."},
    {.name = "photo_max",
     .type = CTR_OPT_SIZE,
     .max = CTR_PHOTO_MAX,
     .default_value = "0",
     .doc = "Photos up to this size are kept; 0: none."},
    {.name = "timeout",
     .type = CTR_OPT_DURATION,
     .min = 1000,
     .max = 600000,
     .default_value = "30s",
     .doc = "How long the server may take to be connected, and to be silent; a whole "
            "answer may take ten times as long."},
    {.name = "batch",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = BATCH_MAX,
     .default_value = "100",
     .doc = "How many cards are asked for at once."},
    {.name = "max_contacts",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 2000000,
     .default_value = "200000",
     .doc = "More cards than this are refused."},
    {.name = "max_card",
     .type = CTR_OPT_SIZE,
     .min = 1024,
     .max = 64 << 20,
     .default_value = "1M",
     .doc = "A larger card is left out."},
    {.name = "max_answer",
     .type = CTR_OPT_SIZE,
     .min = 64 << 10,
     .max = INT64_C(4) << 30,
     .default_value = "128M",
     .doc = "A longer answer of the server is refused."},
};

static const struct ctr_source source = {
    .size = sizeof(source),
    .threading = CTR_ON_LOOP,
    .flags = CTR_SOURCE_DELTA,
    .sync = source_sync,
    .sync_cancel = source_sync_cancel,
};

CTR_PLUGIN = {
    .size = sizeof(struct ctr_plugin),
    .abi_built = CTR_ABI_CURRENT,
    .abi_needs = CTR_ABI(1, 1),
    .name = "carddav",
    .version = "1.0.0",
    .summary = "contacts from address books of a CardDAV server",
    KIT_OPTIONS(options),
    .source = &source,
    .check = source_check,
    .create = source_create,
    .stop = source_stop,
    .destroy = source_destroy,
};
