/* plugin.c - the descriptor of the vCard source and its options. */
#include "source.h"

#include "kit/kit.h"

/* The order is that of enum private_cards. */
static const char *const private_cards[] = {"skip", "show", "owner", NULL};

static const struct ctr_option options[] = {
    {.name = "path",
     .type = CTR_OPT_PATH,
     .flags = CTR_OPT_REQUIRED,
     .doc = "The vCard file, or the folder with vCard files."},
    {.name = "pattern",
     .type = CTR_OPT_STRING,
     .default_value = "*.vcf",
     .doc = "Which files of a folder are read, without regard to case: * ? [...]."},
    {.name = "recursive",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc = "Whether folders within the folder are read, and watched, too."},
    {.name = "charset",
     .type = CTR_OPT_STRING,
     .default_value = "windows-1252",
     .doc = "The encoding of text that is not UTF-8 and names no CHARSET."},
    {.name = "map",
     .type = CTR_OPT_MAP,
     .doc = "Which property gives a field beside or instead of the usual ones: "
            "\"X-BADGE\", or with a TYPE or label \"TEL/Zentrale\"."},
    {.name = "private",
     .type = CTR_OPT_CHOICE,
     .default_value = "skip",
     .choices = private_cards,
     .doc = "What becomes of cards marked CLASS:PRIVATE or CONFIDENTIAL: left out, shown "
            "like others, or shown to the user `owner` only."},
    {.name = "owner",
     .type = CTR_OPT_STRING,
     .doc = "The user who alone sees private cards; with private = \"owner\"."},
    {.name = "photos",
     .type = CTR_OPT_BOOL,
     .default_value = "true",
     .doc = "Whether photos within the cards are taken."},
    {.name = "settle",
     .type = CTR_OPT_DURATION,
     .max = 60000,
     .default_value = "500ms",
     .doc = "How long a file must not have changed before it is read."},
    {.name = "max_size",
     .type = CTR_OPT_SIZE,
     .min = 1,
     .max = INT64_C(1) << 40,
     .default_value = "512M",
     .doc = "More bytes, of all files together, are refused."},
    {.name = "max_cards",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 20000000,
     .default_value = "2000000",
     .doc = "More cards, of all files together, are refused."},
    {.name = "allow_empty",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc = "Whether a file or folder without contacts empties the source; else it is "
            "refused and the last good data stay."},
};

static const struct ctr_source source = {
    .size = sizeof(source),
    .threading = CTR_ON_LANE,
    .sync = source_sync,
};

CTR_PLUGIN = {
    KIT_ABI,
    .name = "vcard",
    .version = "1.0.0",
    .summary = "contacts from vCard files",
    KIT_OPTIONS(options),
    .source = &source,
    .check = source_check,
    .create = source_create,
    .start = source_start,
    .destroy = source_destroy,
};
