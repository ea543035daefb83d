/* config.c - the options together: what does not fit is told with its reason. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "connstr.h"
#include "driver.h"
#include "kit/kit.h"

enum { COMPLAINT = 512 };

static const char *const no_names[] = {NULL};
static const char *const since_names[] = {"since", NULL};
static const char *const number_names[] = {"number", "digits", "national",
                                           "asked",  "tail",   NULL};
static const char *const text_names[] = {"text", "word", "prefix", "contains", NULL};

/* A statement among the options. */
struct statement {
    const char *option;
    const char *const *names;
    size_t offset; /* of its sqltext in struct config */
    bool asks;     /* must hold one placeholder at least */
};

static const struct statement statements[] = {
    {"query", no_names, offsetof(struct config, query), false},
    {"changes", since_names, offsetof(struct config, changes), true},
    {"keys_query", no_names, offsetof(struct config, keys_query), false},
    {"lookup", number_names, offsetof(struct config, lookup), true},
    {"lookup_text", text_names, offsetof(struct config, lookup_text), true},
};
enum { STATEMENTS = sizeof(statements) / sizeof(statements[0]) };

uint32_t config_kind(const char *key)
{
    if ((key[0] == 'x' || key[0] == 'X') && key[1] == '_' && key[2])
        return CTR_FIELD_CUSTOM;
#define CTR_X(number, name, text)   \
    if (strcasecmp(key, text) == 0) \
        return number;
    CTR_FIELD_MAP(CTR_X)
#undef CTR_X
    return 0;
}

/* --- check ----------------------------------------------------------------------------
 */

struct check {
    const struct ctr_host *host;
    const struct ctr_config *config;
    int32_t rc;
};

__attribute__((format(printf, 3, 4))) static void
refuse(struct check *c, const char *option, const char *fmt, ...)
{
    char text[COMPLAINT];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->host->option_error(c->config, option, text);
    c->rc = -CTR_ECONF;
}

static bool is_set(const struct check *c, const char *option)
{
    return c->host->option_str(c->config, option) != NULL;
}

static void refuse_secrets(struct check *c, const struct connstr *string)
{
    static const char *const secret[] = {"PWD", "Password", "Passwd", "Pass"};

    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        if (connstr_get(string, secret[i])) {
            refuse(c, "connection",
                   "must not hold a password (%s=); write it into a file of its own and "
                   "name that: user = \"NAME\" and password_file = \"PATH\"",
                   secret[i]);
            return;
        }
    for (uint32_t i = 0; i < string->n; i++)
        if (strcasestr(string->values[i], "password=")) {
            refuse(c, "connection",
                   "must not hold a password (in %.40s=); write password_file = \"PATH\"",
                   string->keys[i]);
            return;
        }
}

/* What the confinement of the daemon would keep a file database from. */
static void check_file(struct check *c, const struct connstr *string)
{
    const char *database = connstr_get(string, "Database");
    bool file = is_set(c, "file");
    char name[128];

    driver_name(string, name, sizeof(name));
    if (file && database)
        refuse(c, "file", "and Database= in the connection: only one can be used");
    else if (database && database[0] == '/' &&
             strcmp(driver_find(name)->title, "SQLite") == 0)
        refuse(c, "connection",
               "names a database file; write file = \"%.200s\" instead of Database=, so "
               "that the confined daemon may read it",
               database);
}

static void check_connection(struct check *c)
{
    const char *text = c->host->option_str(c->config, "connection");
    const char *dsn = c->host->option_str(c->config, "dsn"), *wrong;
    const char *user = c->host->option_str(c->config, "user");
    struct connstr string;

    if (!text == !dsn) {
        refuse(c, text ? "dsn" : "connection",
               text ? "and connection: only one can be used"
                    : "or dsn is required: what to connect to, such as "
                      "\"Driver={PostgreSQL Unicode};Server=HOST;Database=NAME\"");
        return;
    }
    if (dsn && (strpbrk(dsn, ";={}") || !*dsn))
        refuse(c, "dsn", "must be the name of a section of odbc.ini");
    if (user && strpbrk(user, ";{}"))
        refuse(c, "user", "must not hold ; { or }: drivers cannot take them");
    if (is_set(c, "password") && !user)
        refuse(c, "password", "needs user = \"NAME\", too");
    wrong = text ? connstr_parse(&string, text) : NULL;
    if (wrong)
        refuse(c, "connection", "%s", wrong);
    if (!text)
        return;
    if (wrong) {
        connstr_finish(&string);
        return;
    }
    if (!connstr_get(&string, "Driver") && !connstr_get(&string, "DSN"))
        refuse(c, "connection", "names no driver: begin it with Driver={NAME};");
    if (user && (connstr_get(&string, "UID") || connstr_get(&string, "User")))
        refuse(c, "user", "and UID= in the connection: only one can be used");
    refuse_secrets(c, &string);
    check_file(c, &string);
    connstr_finish(&string);
}

static void check_statement(struct check *c, const struct statement *s,
                            enum sql_verb *verb)
{
    const char *text = c->host->option_str(c->config, s->option);
    char why[COMPLAINT - 40];
    struct sqltext sql;
    int32_t rc;

    *verb = SQL_VERB_SELECT;
    if (!text)
        return;
    rc = sqltext_make(&sql, text, s->names, why, sizeof(why));
    if (rc != 0) {
        refuse(c, s->option, "%s", rc == -CTR_ENOMEM ? "out of memory" : why);
        return;
    }
    if (s->asks && sql.n_params == 0)
        refuse(c, s->option, "holds no placeholder, such as :%s", s->names[0]);
    *verb = sql.verb;
    sqltext_finish(&sql);
}

static void check_changes(struct check *c, enum sql_verb query)
{
    bool compare = c->host->option_int(c->config, "deletions") == DELETIONS_COMPARE;
    bool watermark = is_set(c, "watermark");

    if (is_set(c, "changes") && !watermark)
        refuse(c, "changes",
               "needs watermark = \"COLUMN\", whose greatest value is "
               ":since");
    if (watermark && !is_set(c, "changes") && query != SQL_VERB_SELECT)
        refuse(c, "watermark",
               "needs changes = \"...\" beside a query that does not begin with SELECT: "
               "the statement for what changed since :since");
    if (compare && !watermark)
        refuse(c, "deletions",
               "= \"compare\" is for syncs of changes and needs watermark; without it "
               "every sync reads everything and sees what is gone");
    if (compare && !is_set(c, "keys_query") && query != SQL_VERB_SELECT)
        refuse(c, "deletions",
               "= \"compare\" needs keys_query beside a query that does not begin with "
               "SELECT");
    if (is_set(c, "keys_query") && !compare)
        refuse(c, "keys_query", "is for deletions = \"compare\"");
}

static void check_map(struct check *c)
{
    const char *key, *value;
    uint32_t n = 0, keys = c->host->option_list_len(c->config, "key");
    bool id = false, any = c->host->option_set(c->config, "map") != 0;

    for (; c->host->option_map_at(c->config, "map", n, &key, &value) == 0; n++)
        id |= config_kind(key) == CTR_FIELD_ID;
    if (n > MAP_MAX)
        refuse(c, "map", "has more than %d columns", MAP_MAX);
    if (keys > KEYS_MAX)
        refuse(c, "key", "has more than %d columns", KEYS_MAX);
    if (keys && id)
        refuse(c, "key", "and map.id: only one can be used");
    if (any && !keys && !id)
        refuse(c, "key",
               "is required: the column, or list of columns, that tells the "
               "rows apart (the primary key)");
}

int32_t config_check(const struct ctr_host *host, const struct ctr_config *config)
{
    struct check c = {.host = host, .config = config};
    enum sql_verb verbs[STATEMENTS];

    check_connection(&c);
    for (size_t i = 0; i < STATEMENTS; i++)
        check_statement(&c, &statements[i], &verbs[i]);
    check_changes(&c, verbs[0]);
    check_map(&c);
    return c.rc;
}

/* --- read -----------------------------------------------------------------------------
 */

static int32_t read_statements(struct config *c, const struct ctr_host *host,
                               const struct ctr_config *config)
{
    char why[COMPLAINT];
    int32_t rc = 0;

    for (size_t i = 0; rc == 0 && i < STATEMENTS; i++) {
        const char *text = host->option_str(config, statements[i].option);

        if (text)
            rc = sqltext_make((void *)((char *)c + statements[i].offset), text,
                              statements[i].names, why, sizeof(why));
    }
    return rc;
}

static char *lower_copy(const char *text)
{
    char *copy = strdup(text);

    for (char *p = copy; p && *p; p++)
        *p = (char)tolower((uint8_t)*p);
    return copy;
}

static int32_t read_map(struct config *c, const struct ctr_host *host,
                        const struct ctr_config *config)
{
    const char *key, *value;

    for (uint32_t i = 0; host->option_map_at(config, "map", i, &key, &value) == 0; i++) {
        uint32_t kind = config_kind(key);

        if (kind == CTR_FIELD_ID) {
            if (c->n_keys == KEYS_MAX)
                return -CTR_ECONF;
            c->keys[c->n_keys++] = value;
            continue;
        }
        if (c->n_map == MAP_MAX)
            return -CTR_ECONF;
        c->map[c->n_map] = (struct map_entry){.kind = kind, .key = key, .column = value};
        if (kind == CTR_FIELD_CUSTOM && !(c->map[c->n_map].name = lower_copy(key + 2)))
            return -CTR_ENOMEM;
        c->n_map++;
    }
    for (uint32_t i = 0; i < host->option_list_len(config, "key"); i++) {
        if (c->n_keys == KEYS_MAX)
            return -CTR_ECONF;
        c->keys[c->n_keys++] = host->option_list_at(config, "key", i);
    }
    return 0;
}

static int32_t read_connection(struct config *c, const struct ctr_host *host,
                               const struct ctr_config *config)
{
    const char *text = host->option_str(config, "connection");
    const char *dsn = host->option_str(config, "dsn");

    if (asprintf(&c->connection, "%s%s", text ? "" : "DSN=", text ? text : dsn) < 0) {
        c->connection = NULL;
        return -CTR_ENOMEM;
    }
    c->file = host->option_str(config, "file");
    c->user = host->option_str(config, "user");
    c->password = host->option_str(config, "password");
    return 0;
}

static void add_hash(XXH64_state_t *state, const char *text)
{
    XXH64_update(state, text ? text : "", text ? strlen(text) : 0);
    XXH64_update(state, "\x1f", 1);
}

/* A cursor of another shape is no cursor of this: it begins with a full sync. */
static uint64_t hash_of(const struct config *c)
{
    XXH64_state_t state;

    XXH64_reset(&state, 1);
    add_hash(&state, c->connection);
    add_hash(&state, c->file);
    add_hash(&state, c->user);
    add_hash(&state, c->query.sql);
    add_hash(&state, c->changes.sql);
    add_hash(&state, c->keys_query.sql);
    add_hash(&state, c->watermark);
    add_hash(&state, c->deleted_column);
    for (uint32_t i = 0; i < c->n_keys; i++)
        add_hash(&state, c->keys[i]);
    for (uint32_t i = 0; i < c->n_map; i++) {
        add_hash(&state, c->map[i].key);
        add_hash(&state, c->map[i].column);
    }
    return XXH64_digest(&state);
}

int32_t config_read(struct config *c, const struct ctr_host *host,
                    const struct ctr_config *config)
{
    int32_t rc = read_connection(c, host, config);

    if (rc == 0)
        rc = read_statements(c, host, config);
    if (rc == 0)
        rc = read_map(c, host, config);
    c->watermark = host->option_str(config, "watermark");
    c->deleted_column = host->option_str(config, "deleted_column");
    c->deletions = (enum deletions)host->option_int(config, "deletions");
    c->overlap = host->option_int(config, "overlap");
    c->overlap_count = host->option_int(config, "overlap_count");
    c->full_every = host->option_int(config, "full_every");
    c->connect_timeout = host->option_int(config, "connect_timeout");
    c->query_timeout = host->option_int(config, "query_timeout");
    c->lookup_timeout = host->option_int(config, "lookup_timeout");
    c->max_rows = host->option_int(config, "max_rows");
    c->tail_digits = (uint32_t)host->option_int(config, "tail_digits");
    c->hash = hash_of(c);
    return rc;
}

void config_finish(struct config *c)
{
    free(c->connection);
    sqltext_finish(&c->query);
    sqltext_finish(&c->changes);
    sqltext_finish(&c->keys_query);
    sqltext_finish(&c->lookup);
    sqltext_finish(&c->lookup_text);
    for (uint32_t i = 0; i < c->n_map; i++)
        free(c->map[i].name);
    *c = (struct config){0};
}
