/* plugin.c - the descriptor of the ODBC source and its options. */
#include "source.h"

#include "kit/kit.h"

static const char *const deletions[] = {"full", "compare", NULL};

/* The order of the choices is that of the enum in config.h. */
static const struct ctr_option options[] = {
    {.name = "connection",
     .type = CTR_OPT_STRING,
     .doc = "The ODBC connection string, such as \"Driver={PostgreSQL "
            "Unicode};Server=db;Database=crm\"; without a password."},
    {.name = "dsn",
     .type = CTR_OPT_STRING,
     .doc = "Instead of connection: the name of a data source of odbc.ini."},
    {.name = "file",
     .type = CTR_OPT_PATH,
     .doc = "The database file of a driver without a server (SQLite)."},
    {.name = "user", .type = CTR_OPT_STRING, .doc = "The user to log in as."},
    {.name = "password",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_SECRET,
     .doc = "The user's password."},
    {.name = "query",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_REQUIRED,
     .doc = "The SELECT that gives all contacts, one row for each; rows of one contact "
            "that follow each other are one contact."},
    {.name = "map",
     .type = CTR_OPT_MAP,
     .doc = "Which column, or list of columns, gives a field; without a map columns are "
            "called like the fields."},
    {.name = "key",
     .type = CTR_OPT_LIST,
     .doc = "The column, or list of columns, that tells the contacts apart (the primary "
            "key); or write map.id."},
    {.name = "watermark",
     .type = CTR_OPT_STRING,
     .doc = "A column of the query that grows with every change (timestamp, rowversion, "
            "increasing number): then only changes are read."},
    {.name = "overlap",
     .type = CTR_OPT_DURATION,
     .max = INT64_C(7) * 24 * 3600 * 1000,
     .default_value = "5m",
     .doc = "How far behind the greatest timestamp changes are read again, for "
            "transactions that ended late."},
    {.name = "overlap_count",
     .type = CTR_OPT_INT,
     .max = 1000000000,
     .default_value = "1000",
     .doc = "The same for a watermark that is a number or a rowversion."},
    {.name = "changes",
     .type = CTR_OPT_STRING,
     .doc = "The statement for what changed since :since, where the query with a "
            "condition on the watermark around it would not do."},
    {.name = "full_every",
     .type = CTR_OPT_DURATION,
     .max = INT64_C(90) * 24 * 3600 * 1000,
     .default_value = "24h",
     .doc = "How often everything is read although only changes were needed; 0s: never."},
    {.name = "deletions",
     .type = CTR_OPT_CHOICE,
     .default_value = "full",
     .choices = deletions,
     .doc =
         "How deleted rows are noticed: full: by the next full sync; compare: the keys "
         "are read with every sync of changes."},
    {.name = "keys_query",
     .type = CTR_OPT_STRING,
     .doc = "The SELECT that gives the key columns of all contacts, for deletions = "
            "\"compare\", where the query around them would not do."},
    {.name = "deleted_column",
     .type = CTR_OPT_STRING,
     .doc = "A column that marks deleted rows; empty, 0, false, f, n and no mean not "
            "deleted."},
    {.name = "lookup",
     .type = CTR_OPT_STRING,
     .doc = "With live = true: the SELECT asked for a number, with :number, :digits, "
            ":national, :asked or :tail."},
    {.name = "lookup_text",
     .type = CTR_OPT_STRING,
     .doc =
         "With live = true: the SELECT asked for a name, with :text, :word, :prefix or "
         ":contains."},
    {.name = "tail_digits",
     .type = CTR_OPT_INT,
     .min = 4,
     .max = 15,
     .default_value = "7",
     .doc = "How many digits :tail holds."},
    {.name = "connect_timeout",
     .type = CTR_OPT_DURATION,
     .min = 500,
     .max = 300000,
     .default_value = "10s",
     .doc = "How long connecting and logging in may take."},
    {.name = "query_timeout",
     .type = CTR_OPT_DURATION,
     .min = 500,
     .max = 86400000,
     .default_value = "5m",
     .doc = "How long a sync waits for the server's next answer."},
    {.name = "lookup_timeout",
     .type = CTR_OPT_DURATION,
     .min = 50,
     .max = 60000,
     .default_value = "2s",
     .doc = "How long a lookup may take, if the client does not give it less."},
    {.name = "max_rows",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 20000000,
     .default_value = "2000000",
     .doc = "A result with more rows is refused."},
};

static const struct ctr_source source = {
    .size = sizeof(source),
    .threading = CTR_ON_LANE,
    .flags = CTR_SOURCE_DELTA | CTR_SOURCE_SEARCH | CTR_SOURCE_PARALLEL,
    .sync = source_sync,
    .search = source_search,
    .search_cancel = source_search_cancel,
    .test = source_test,
};

CTR_PLUGIN = {
    .size = sizeof(struct ctr_plugin),
    .abi_built = CTR_ABI_CURRENT,
    .abi_needs = CTR_ABI(1, 1),
    .name = "odbc",
    .version = "1.0.0",
    .summary = "contacts from an SQL database, through ODBC",
    KIT_OPTIONS(options),
    .source = &source,
    .check = source_check,
    .create = source_create,
    .stop = source_stop,
    .destroy = source_destroy,
};
