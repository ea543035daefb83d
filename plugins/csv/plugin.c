/* plugin.c - the descriptor of the CSV source and its options. */
#include "source.h"

#include "kit/kit.h"

static const char *const delimiters[] = {"auto", ",", ";", "tab", "|", NULL};
static const char *const encodings[] = {"auto",         "utf-8",      "utf-16",
                                        "windows-1252", "iso-8859-1", NULL};
static const char *const presets[] = {"auto",   "none",      "outlook",
                                      "google", "contactor", NULL};

/* The order of the choices is that of the enums in rows.h, decode.h and plan.h. */
static const struct ctr_option options[] = {
    {.name = "file",
     .type = CTR_OPT_PATH,
     .flags = CTR_OPT_REQUIRED,
     .doc = "The CSV file."},
    {.name = "delimiter",
     .type = CTR_OPT_CHOICE,
     .default_value = "auto",
     .choices = delimiters,
     .doc = "What separates columns; auto: found in the first line."},
    {.name = "encoding",
     .type = CTR_OPT_CHOICE,
     .default_value = "auto",
     .choices = encodings,
     .doc =
         "How text is encoded; auto: by byte order mark, else UTF-8 where the bytes are, "
         "else Windows-1252."},
    {.name = "header",
     .type = CTR_OPT_BOOL,
     .default_value = "true",
     .doc = "Whether the first line names the columns; if not, they are called \"1\", "
            "\"2\", and so on."},
    {.name = "preset",
     .type = CTR_OPT_CHOICE,
     .default_value = "auto",
     .choices = presets,
     .doc = "A known export whose columns need no map; auto: recognised by its header "
            "when there is no map."},
    {.name = "map",
     .type = CTR_OPT_MAP,
     .doc = "Which column, or list of columns, gives a field; beside a preset it "
            "replaces the preset's columns of that field."},
    {.name = "settle",
     .type = CTR_OPT_DURATION,
     .max = 60000,
     .default_value = "500ms",
     .doc = "How long the file must not have changed before it is read."},
    {.name = "max_size",
     .type = CTR_OPT_SIZE,
     .min = 1,
     .max = INT64_C(1) << 40,
     .default_value = "512M",
     .doc = "A larger file is refused."},
    {.name = "max_rows",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 20000000,
     .default_value = "2000000",
     .doc = "A file with more rows is refused."},
    {.name = "allow_empty",
     .type = CTR_OPT_BOOL,
     .default_value = "false",
     .doc = "Whether a file without contacts empties the source; else it is refused and "
            "the last good data stay."},
};

static const struct ctr_source source = {
    .size = sizeof(source),
    .threading = CTR_ON_LANE,
    .sync = source_sync,
};

CTR_PLUGIN = {
    KIT_ABI,
    .name = "csv",
    .version = "1.0.0",
    .summary = "contacts from a CSV file",
    KIT_OPTIONS(options),
    .source = &source,
    .check = source_check,
    .create = source_create,
    .start = source_start,
    .destroy = source_destroy,
};
