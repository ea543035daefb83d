/* test_odbc_sqlite.c - the ODBC source against a real SQLite through its ODBC driver:
 * full syncs, changes, deletions, lookups, hostile values, and what is told when it
 * fails. */
#include <sql.h>
#include <sqlext.h>
#include <unistd.h>

#include "contactor/plugin.h"
#include "tap.h"
#include "testhost/testhost.h"

static char path[] = "/tmp/contactor-odbc-XXXXXX";
static SQLHDBC db; /* the application that writes to the same file */

/* --- the database ---------------------------------------------------------------------
 */

static void db_open(void)
{
    SQLHENV env;
    char text[200];
    int fd = mkstemp(path);

    if (fd < 0)
        abort();
    close(fd);
    snprintf(text, sizeof(text), "Driver=SQLite3;Database=%s", path);
    SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &env);
    SQLSetEnvAttr(env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
    SQLAllocHandle(SQL_HANDLE_DBC, env, &db);
    if (!SQL_SUCCEEDED(SQLDriverConnect(db, NULL, (SQLCHAR *)text, SQL_NTS, NULL, 0, NULL,
                                        SQL_DRIVER_NOPROMPT))) {
        printf("Bail out! the SQLite driver does not connect\n");
        exit(1);
    }
}

static void sql(const char *text)
{
    SQLHSTMT stmt;

    SQLAllocHandle(SQL_HANDLE_STMT, db, &stmt);
    if (!SQL_SUCCEEDED(SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)text, SQL_NTS))) {
        SQLCHAR why[300] = "";

        SQLGetDiagRec(SQL_HANDLE_STMT, stmt, 1, (SQLCHAR[6]){0}, &(SQLINTEGER){0}, why,
                      sizeof(why), &(SQLSMALLINT){0});
        printf("# %s: %s\n", text, why);
        ok(false, "the test's own SQL");
    }
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
}

static int number(const char *text)
{
    SQLHSTMT stmt;
    SQLINTEGER n = -1;
    SQLLEN len;

    SQLAllocHandle(SQL_HANDLE_STMT, db, &stmt);
    if (SQL_SUCCEEDED(SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)text, SQL_NTS)) &&
        SQL_SUCCEEDED(SQLFetch(stmt)))
        SQLGetData(stmt, 1, SQL_C_SLONG, &n, sizeof(n), &len);
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    return (int)n;
}

static void insert(const char *first, const char *last, const char *phone)
{
    SQLHSTMT stmt;
    const char *values[] = {first, last, phone};
    SQLLEN len = SQL_NTS;

    SQLAllocHandle(SQL_HANDLE_STMT, db, &stmt);
    SQLPrepare(stmt,
               (SQLCHAR *)"INSERT INTO person (first, last, phone, modified) VALUES "
                          "(?, ?, ?, '2024-05-01 10:00:00')",
               SQL_NTS);
    for (SQLUSMALLINT i = 0; i < 3; i++)
        SQLBindParameter(stmt, (SQLUSMALLINT)(i + 1), SQL_PARAM_INPUT, SQL_C_CHAR,
                         SQL_VARCHAR, 1000, 0, (SQLPOINTER)(uintptr_t)values[i], 0, &len);
    if (!SQL_SUCCEEDED(SQLExecute(stmt)))
        ok(false, "the test's own insert");
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
}

static void db_fill(void)
{
    sql("CREATE TABLE person (id INTEGER PRIMARY KEY, first TEXT, last VARCHAR(40), "
        "company TEXT, phone TEXT, mobile CHAR(30), note TEXT, photo BLOB, "
        "modified TIMESTAMP, gone INTEGER DEFAULT 0)");
    sql("INSERT INTO person VALUES (1, 'Anna', 'Meier', 'C4B', '+49 89 840798-192', "
        "'0171 5556677      ', NULL, x'ffd8ff00e0', '2024-05-01 10:00:00', 0)");
    sql("INSERT INTO person VALUES (2, 'J\xc3\xbcrgen', 'M\xc3\xbcller "
        "\xf0\x9f\x98\x80', "
        "'Stra\xc3\x9f"
        "enbau', '089/840798-193 / +49 171 1', NULL, 'two\nlines', NULL, "
        "'2024-05-02 10:00:00', 0)");
    sql("INSERT INTO person VALUES (3, 'Gone', 'Already', NULL, '1', NULL, NULL, NULL, "
        "'2024-05-03 10:00:00', 1)");
}

/* --- the source -----------------------------------------------------------------------
 */

static const char query[] = "SELECT * FROM person";

static struct testhost *source(const char *statement)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");

    testhost_set(t, "connection", "Driver=SQLite3");
    testhost_set(t, "file", path);
    testhost_set(t, "query", statement);
    testhost_set(t, "key", "id");
    testhost_set(t, "map.given_name", "first");
    testhost_set(t, "map.surname", "last");
    testhost_set(t, "map.organisation", "company");
    testhost_set(t, "map.phone_business", "phone");
    return t;
}

static const char *value(struct testhost *t, const char *id, uint32_t kind, uint32_t i)
{
    return testhost_value(testhost_find(t, id), kind, NULL, i);
}

static void full(void)
{
    struct testhost *t = source(query);

    testhost_set(t, "map.phone_mobile", "mobile");
    testhost_set(t, "map.note", "note");
    testhost_set(t, "map.photo", "photo");
    testhost_set(t, "map.x_Kind", "gone");
    testhost_set(t, "deleted_column", "gone");
    is_int(testhost_start(t), 0, "it starts");
    if (!ok(testhost_sync(t, NULL) == 0, "a full sync"))
        printf("# %s\n", t->failure);
    is_int(t->n_contacts, 2, "rows marked as deleted are left out");
    is_str(value(t, "1", CTR_FIELD_PHONE_MOBILE, 0), "0171 5556677", "CHAR is trimmed");
    is_str(value(t, "2", CTR_FIELD_SURNAME, 0), "M\xc3\xbcller \xf0\x9f\x98\x80",
           "umlauts and emoji");
    is_str(value(t, "2", CTR_FIELD_PHONE_BUSINESS, 1), "+49 171 1",
           "two numbers in one column");
    is_str(value(t, "2", CTR_FIELD_NOTE, 0), "two\nlines", "long text");
    ok(!value(t, "1", CTR_FIELD_NOTE, 0), "NULL is no value");
    ok(value(t, "1", CTR_FIELD_PHOTO, 0) &&
           memcmp(value(t, "1", CTR_FIELD_PHOTO, 0), "\xff\xd8\xff\x00\xe0", 5) == 0,
       "a photo as it is");
    is_str(testhost_value(testhost_find(t, "1"), CTR_FIELD_CUSTOM, "kind", 0), "0",
           "a custom field, its name in lower case");
    ok(t->cursor == NULL, "without a watermark there is no cursor");
    testhost_destroy(t);
}

static void keys_and_joins(void)
{
    struct testhost *t;

    sql("CREATE TABLE number (person INTEGER, kind TEXT, number TEXT)");
    sql("INSERT INTO number VALUES (1,'a/b','+49 1'), (1,'c','+49 2'), (2,'c','+49 3'), "
        "(1,'c','+49 4')");
    t = source("SELECT p.id, p.first, p.last, p.company, n.number AS phone FROM person p "
               "JOIN number n ON n.person = p.id ORDER BY p.id");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "a join with a table of numbers");
    is_int(t->n_contacts, 2, "gives each contact once");
    is_str(value(t, "1", CTR_FIELD_PHONE_BUSINESS, 2), "+49 4", "with all its numbers");
    is_int(t->rejects.n, 0, "and nothing rejected");
    testhost_destroy(t);

    t = source("SELECT p.id, p.first, p.last, p.company, n.number AS phone FROM number n "
               "JOIN person p ON n.person = p.id ORDER BY n.number");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "rows of a contact that are apart");
    ok(testhost_rejected(t, "row 4: the key was used before"), "are rejected by row");
    testhost_destroy(t);

    t = testhost_create(&contactor_plugin, "source.test");
    testhost_set(t, "connection", "Driver=SQLite3");
    testhost_set(t, "file", path);
    testhost_set(t, "query",
                 "SELECT person, kind, number AS phone_main, 'x' AS x_badge "
                 "FROM number WHERE number < '+49 4'");
    testhost_set(t, "key", "person");
    testhost_set(t, "key", "kind");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "a key of two columns, columns called like fields");
    ok(testhost_find(t, "1/a%2Fb") && testhost_find(t, "2/c"),
       "gives an id that nothing else gives");
    is_str(testhost_value(testhost_find(t, "2/c"), CTR_FIELD_CUSTOM, "badge", 0), "x",
           "a custom field by its name");
    testhost_destroy(t);
    sql("DROP TABLE number");
}

static void changes(void)
{
    struct testhost *t = source(query);
    char cursor[4096];

    testhost_set(t, "watermark", "modified");
    testhost_set(t, "deleted_column", "gone");
    testhost_set(t, "full_every", "0s");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "a full sync with a watermark");
    ok(t->cursor != NULL && strstr(t->cursor, "2024-05-03 10:00:00"),
       "ends with the greatest");
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    is_int(testhost_sync(t, cursor), 0, "changes");
    is_int(t->n_contacts, 0, "there are none but the deleted one");
    is_int(t->deletes.n, 1, "which is told each time within the overlap");
    sql("UPDATE person SET last = 'Maier', modified = '2024-05-04 11:00:00' WHERE id = "
        "1");
    sql("UPDATE person SET gone = 1, modified = '2024-05-04 11:00:01' WHERE id = 2");
    is_int(testhost_sync(t, cursor), 0, "one changed, one marked");
    is_int(t->n_contacts, 1, "only what changed is read");
    is_str(value(t, "1", CTR_FIELD_SURNAME, 0), "Maier", "as it is now");
    ok(t->deletes.n == 2, "the marked one is deleted");
    ok(t->cursor && strstr(t->cursor, "2024-05-04 11:00:01"), "the watermark went on");
    snprintf(cursor, sizeof(cursor), "%s", t->cursor);
    sql("UPDATE person SET first = 'Late', modified = '2024-05-04 10:58:00' WHERE id = "
        "1");
    is_int(testhost_sync(t, cursor), 0, "a transaction that ended late");
    is_str(value(t, "1", CTR_FIELD_GIVEN_NAME, 0), "Late", "is within the overlap");
    cursor[8] ^= 1;
    is_int(testhost_sync(t, cursor), 0, "a cursor of other options");
    ok(t->became_full && t->n_contacts == 1, "means a full sync");
    is_int(testhost_sync(t, "garbage"), 0, "so does garbage");
    ok(t->became_full, "in full");
    testhost_destroy(t);
    sql("UPDATE person SET gone = 0");
}

/* What a person typed into the column: "valid until" 2099. */
static void future_watermark(void)
{
    struct testhost *t = source(query);
    char cursor[4096];

    sql("UPDATE person SET modified = '2099-12-31 00:00:00' WHERE id = 3");
    testhost_set(t, "watermark", "modified");
    testhost_set(t, "full_every", "0s");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "a row whose time is decades ahead");
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    ok(strstr(cursor, "2024-05-04"), "is not the watermark: %s", cursor);
    sql("UPDATE person SET last = 'Later', modified = '2024-05-05 09:00:00' WHERE id = "
        "1");
    is_int(testhost_sync(t, cursor), 0, "changes");
    is_str(value(t, "1", CTR_FIELD_SURNAME, 0), "Later", "a change of today is seen");
    ok(!t->became_full && strstr(t->cursor, "2024-05-05"), "and the watermark goes on");
    testhost_destroy(t);
    sql("UPDATE person SET modified = '2024-05-03 10:00:00' WHERE id = 3");
    sql("UPDATE person SET last = 'Maier' WHERE id = 1");
}

/* A person's data are erased but for the row, or can no longer be taken. */
static void emptied(void)
{
    struct testhost *t = source(query);
    char cursor[4096];

    testhost_set(t, "map.owner", "note");
    testhost_set(t, "watermark", "modified");
    testhost_start(t);
    testhost_sync(t, NULL);
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    insert("Erased", "Person", "+49 30 2");
    sql("UPDATE person SET first = NULL, last = NULL, phone = NULL, modified = "
        "'2024-06-01 10:00:00' "
        "WHERE first = 'Erased'");
    sql("UPDATE person SET note = hex(zeroblob(300)), modified = '2024-06-01 10:00:00' "
        "WHERE id = 2");
    is_int(testhost_sync(t, cursor), 0, "changes");
    ok(!t->became_full && t->n_contacts == 1 && t->rejects.n == 2,
       "a row without a value, and one whose owner is too long, are no contacts");
    ok(t->deletes.n == 2, "what the cache holds of them goes: %u", t->deletes.n);
    testhost_destroy(t);
    sql("DELETE FROM person WHERE first IS NULL");
    sql("UPDATE person SET note = 'two\nlines', modified = '2024-05-02 10:00:00' "
        "WHERE id = 2");
}

/* One of a contact's numbers changes: the others stay with it. */
static void joined_changes(const char *from, const char *second_key)
{
    struct testhost *t;
    char cursor[4096], text[300], id[20];

    sql("CREATE TABLE number (person INTEGER, number TEXT, modified TEXT)");
    sql("INSERT INTO number VALUES (1, '+49 1', '2024-04-01 10:00:00'), "
        "(1, '+49 2', '2024-04-01 10:00:00'), (2, '+49 3', '2024-05-01 10:00:00'), "
        "(3, '+49 4', '2024-04-01 10:00:00')");
    sql("CREATE VIEW listed AS SELECT p.id AS id, p.first, p.last, p.company, "
        "n.number AS phone, n.modified AS modified FROM person p JOIN number n ON "
        "n.person = p.id");
    snprintf(text, sizeof(text), "SELECT * FROM %s ORDER BY id", from);
    t = source(text);
    if (second_key)
        testhost_set(t, "key", second_key);
    testhost_set(t, "watermark", "modified");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "persons with several numbers");
    is_int(t->n_contacts, second_key ? 2 : 3, "are read");
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    sql("UPDATE number SET number = '+49 5', modified = '2024-05-06 10:00:00' WHERE "
        "number = '+49 2'");
    is_int(testhost_sync(t, cursor), 0, "one number changes");
    ok(!t->became_full && t->n_contacts == 2 && t->rejects.n == 0,
       "a delta puts what changed, and the newest again");
    snprintf(id, sizeof(id), "1%s", second_key ? "/C4B" : "");
    is_str(value(t, id, CTR_FIELD_PHONE_BUSINESS, 0), "+49 1", "the number that stayed");
    is_str(value(t, id, CTR_FIELD_PHONE_BUSINESS, 1), "+49 5", "the number that changed");
    testhost_destroy(t);
    sql("DROP VIEW listed");
    sql("DROP TABLE number");
}

static void number_watermark(void)
{
    struct testhost *t = source("SELECT *, id * 10 AS version FROM person");
    char cursor[4096];

    testhost_set(t, "watermark", "version");
    testhost_set(t, "overlap_count", "0");
    testhost_start(t);
    testhost_sync(t, NULL);
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    ok(strstr(cursor, "\ti\t") && strstr(cursor, "\t30\t"), "a number as watermark: %s",
       cursor);
    insert("New", "Person", "+49 30 1");
    is_int(testhost_sync(t, cursor), 0, "changes by a number, of no declared type");
    if (!ok(!t->became_full && t->n_contacts == 2, "the greatest again, and the new one"))
        for (uint32_t i = 0; i < t->logs.n; i++)
            printf("# %s\n", t->logs.at[i].b);
    testhost_destroy(t);
    sql("DELETE FROM person WHERE first = 'New'");
}

/* A watermark of bytes, as SQL Server's rowversion is, and statements of one's own. */
static void own_statements(void)
{
    struct testhost *t;
    char cursor[4096];

    sql("CREATE TABLE item (a TEXT, b INTEGER, name TEXT, rv BLOB)");
    sql("INSERT INTO item VALUES ('x/y', 1, 'one', x'0000000000000010'), "
        "('x', 2, 'two', x'0000000000000020'), ('x', 3, 'three', x'0000000000000030')");
    t = testhost_create(&contactor_plugin, "source.test");
    testhost_set(t, "connection", "Driver=SQLite3");
    testhost_set(t, "file", path);
    testhost_set(t, "query", "SELECT a, b, name AS surname, rv FROM item");
    testhost_set(t, "changes",
                 "SELECT a, b, name AS surname, rv FROM item WHERE rv > "
                 ":since AND :since IS NOT NULL");
    testhost_set(t, "keys_query", "WITH k AS (SELECT a, b FROM item) SELECT * FROM k");
    testhost_set(t, "deletions", "compare");
    testhost_set(t, "key", "a");
    testhost_set(t, "key", "b");
    testhost_set(t, "watermark", "rv");
    testhost_set(t, "overlap_count", "1");
    is_int(testhost_start(t), 0, "statements of one's own");
    is_int(testhost_sync(t, NULL), 0, "a full sync");
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    ok(strstr(cursor, "\tb\t") && strstr(cursor, "0000000000000030"),
       "bytes as watermark");
    sql("INSERT INTO item VALUES ('z', 4, 'four', x'0000000000000031')");
    sql("DELETE FROM item WHERE b = 1");
    is_int(testhost_sync(t, cursor), 0, "changes");
    ok(!t->became_full && t->n_contacts == 2 && testhost_find(t, "z/4"),
       "those that are greater, less the overlap");
    ok(t->deletes.n == 1 && strcmp(t->deletes.at[0].a, "x%2Fy/1") == 0,
       "the key that is gone");
    testhost_destroy(t);

    t = testhost_create(&contactor_plugin, "source.test");
    testhost_set(t, "connection", "Driver=SQLite3");
    testhost_set(t, "file", path);
    testhost_set(t, "query", "SELECT b AS id, name AS surname, b FROM item");
    testhost_set(t, "changes", "SELECT nonsense FROM item WHERE b > :since");
    testhost_set(t, "watermark", "b");
    testhost_start(t);
    testhost_sync(t, NULL);
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    is_int(testhost_sync(t, cursor), 0, "a statement for changes that is refused");
    ok(t->became_full && t->n_contacts == 3 && testhost_logged(t, "changes_refused"),
       "is told, and everything is read");
    testhost_destroy(t);
    sql("DROP TABLE item");
}

static void compared(void)
{
    struct testhost *t = source(query);
    char cursor[4096], late[4096];

    sql("INSERT INTO person (id, first, last, phone, modified) WITH RECURSIVE n(i) AS "
        "(SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i, 'F' || i, "
        "'L' || i, '+49 30 ' || i, '2024-05-01 00:00:00' FROM n");
    testhost_set(t, "watermark", "modified");
    testhost_set(t, "deletions", "compare");
    testhost_set(t, "full_every", "0s");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "a full sync that remembers the keys");
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    sql("DELETE FROM person WHERE id IN (1500, 1501)");
    is_int(testhost_sync(t, cursor), 0, "two were deleted");
    ok(!t->became_full && t->deletes.n == 2 && strcmp(t->deletes.at[0].a, "1500") + 1,
       "both are told without reading everything");
    snprintf(late, sizeof(late), "%s", t->cursor ? t->cursor : "");
    is_int(testhost_sync(t, late), 0, "once more");
    is_int(t->deletes.n, 0, "they are told once");
    is_int(testhost_sync(t, cursor), 0, "a sync that was not committed");
    ok(t->became_full,
       "is followed by a full one: the keys are not what the cache holds");
    snprintf(cursor, sizeof(cursor), "%s", t->cursor ? t->cursor : "");
    sql("DELETE FROM person WHERE id >= 1500");
    is_int(testhost_sync(t, cursor), 0, "most were deleted");
    ok(t->became_full && t->deletes.n == 0,
       "everything is read, so that the daemon can judge");
    testhost_destroy(t);
    sql("DELETE FROM person WHERE id >= 1000");
}

/* --- hostile values -------------------------------------------------------------------
 */

static const char *const payloads[] = {
    "' OR '1'='1",
    "' OR 1=1 --",
    "'; DROP TABLE person; --",
    "'; DELETE FROM person; --",
    "\"; DROP TABLE person; --",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "')); DROP TABLE person; --",
    "' UNION SELECT * FROM person --",
    "' UNION ALL SELECT 1,2,3,4,5,6,7,8,9,10 --",
    "1; ATTACH DATABASE '/tmp/contactor-evil' AS evil; --",
    "'; PRAGMA query_only = OFF; --",
    "'; INSERT INTO person (first) VALUES ('evil'); --",
    "'; UPDATE person SET last='evil'; --",
    "\\'; DROP TABLE person; --",
    "\\\\'; DROP TABLE person; --",
    "\\",
    "'",
    "''",
    "'''",
    "\"",
    "`",
    "`; DROP TABLE person",
    ";",
    "--",
    "/*",
    "*/",
    "/* */ OR 1=1",
    "#",
    "# OR 1=1",
    "%",
    "%%%%",
    "_",
    "____",
    "!",
    "!%!_![",
    "[a-z]",
    "?",
    "? ? ?",
    ":number",
    ":text",
    ":prefix OR 1=1",
    "$$",
    "$1",
    "$tag$ OR 1=1 $tag$",
    "{fn user()}",
    "{call evil}",
    "{d '2024-01-01'}",
    "{escape '\\'}",
    "E'\\''",
    "x'27'",
    "0x27204f5220313d31",
    "char(39) OR 1=1",
    "CHAR(39)||CHAR(79)",
    "1 OR 1=1",
    "1) OR (1=1",
    "NULL",
    "null OR 1=1",
    "sleep(5)",
    "'; SELECT pg_sleep(5); --",
    "'; WAITFOR DELAY '0:0:5'; --",
    "' AND (SELECT COUNT(*) FROM person) > 0 AND '1'='1",
    "' || (SELECT last FROM person) || '",
    "' AND randomblob(1000000000) --",
    "\xc2\xbf' OR 1=1 --",
    "\xca\xbc OR 1=1",
    "\xef\xbc\x87 OR 1=1 --",
    "%27%20OR%201=1",
    "&#39; OR 1=1",
    "\x01\x02' OR 1=1",
    "\r\n'; DROP TABLE person; --",
    "\t' OR 1=1",
};
enum { PAYLOADS = sizeof(payloads) / sizeof(payloads[0]) };

static int table_size(void)
{
    return number("SELECT COUNT(*) FROM person WHERE first <> 'evil'");
}

/* As data that somebody else stored: it comes through as it is. */
static void stored(void)
{
    struct testhost *t = source("SELECT * FROM person WHERE modified IS NOT NULL");
    int same = 0, before;
    char id[16];

    for (int i = 0; i < PAYLOADS; i++)
        insert(payloads[i], payloads[i], "+49 89 1");
    before = table_size();
    testhost_set(t, "watermark", "first"); /* the worst of all: bound, never pasted */
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "hostile data");
    for (int i = 0; i < PAYLOADS; i++) {
        const char *got;

        snprintf(id, sizeof(id), "%d", 4 + i);
        got = value(t, id, CTR_FIELD_SURNAME, 0);
        if (got && strstr(payloads[i], got))
            same++;
        else
            printf("# %s: %s\n", payloads[i], got ? got : "(none)");
    }
    is_int(same, PAYLOADS, "comes through as it is");
    for (int i = 0; i < 3 && t->cursor; i++) {
        char cursor[4096];

        snprintf(cursor, sizeof(cursor), "%s", t->cursor);
        is_int(testhost_sync(t, cursor), 0, "as a watermark, too");
    }
    is_int(table_size(), before, "the table is as it was");
    testhost_destroy(t);
    sql("DELETE FROM person WHERE id > 3");
}

/* --- lookups --------------------------------------------------------------------------
 */

struct ctr_search {
    uint32_t hits, done;
    int32_t status;
    char first[200];
};

static int32_t search_hits(const struct ctr_host *host, struct ctr_search *search,
                           const struct ctr_contact *hits, uint32_t n)
{
    (void)host;
    for (uint32_t i = 0; i < n; i++)
        if (search->hits++ == 0)
            snprintf(search->first, sizeof(search->first), "%.*s", (int)hits[i].id.len,
                     hits[i].id.ptr);
    return search->done ? -CTR_ECANCELED : 0;
}

static void search_done(const struct ctr_host *host, struct ctr_search *search,
                        int32_t status)
{
    (void)host;
    search->done++;
    search->status = status;
}

static struct ctr_search look(struct testhost *t, uint64_t kinds, uint32_t op,
                              const char *a, const char *b, const char *c)
{
    struct ctr_str values[] = {{a, strlen(a)}, {b, strlen(b)}, {c, strlen(c)}};
    struct ctr_filter filter = {.op = op, .kinds = kinds, .values = values};
    struct ctr_query q = {.size = sizeof(q), .filter = &filter, .time_limit = 5000};
    struct ctr_search search = {0};

    filter.n_values = op == CTR_OP_SUBSTR ? 2 : kinds & CTR_KINDS_PHONE ? 3 : 1;
    if (op == CTR_OP_SUBSTR)
        values[1] = (struct ctr_str){NULL, 0};
    contactor_plugin.source->search(t->instance, &search, &q);
    return search;
}

static struct testhost *live(void)
{
    struct testhost *t = source(query);

    testhost_set(t, "lookup",
                 "SELECT * FROM person WHERE replace(replace(phone,' ',''),'-','') IN "
                 "(:number, :national, :asked) OR phone = :asked OR "
                 "substr(replace(replace(phone,' ',''),'-',''),-7) = :tail");
    testhost_set(t, "lookup_text",
                 "SELECT * FROM person WHERE last LIKE :prefix ESCAPE '!' OR first LIKE "
                 ":contains ESCAPE '!' OR last = :text OR first = :word");
    t->host.search_hits = search_hits;
    t->host.search_done = search_done;
    return t;
}

static void lookups(void)
{
    const uint64_t name = CTR_KIND(CTR_FIELD_SURNAME);
    struct testhost *t = live();
    struct ctr_search s;
    int before, wrong = 0, undone = 0;

    testhost_start(t);
    s = look(t, CTR_KINDS_PHONE, CTR_OP_EQUAL, "+4989840798192", "089840798192",
             "089840798192");
    ok(s.done == 1 && s.status == 0 && s.hits == 1 && strcmp(s.first, "1") == 0,
       "a number is found: %u hits, status %d", s.hits, s.status);
    s = look(t, CTR_KINDS_PHONE, CTR_OP_EQUAL, "+493099", "03099", "03099");
    ok(s.done == 1 && s.status == 0 && s.hits == 0, "another is not");
    s = look(t, name, CTR_OP_WORDS, "m\xc3\xbcl", "", "");
    ok(s.done == 1 && s.hits == 1, "a name with an umlaut");
    s = look(t, name, CTR_OP_SUBSTR, "mai", "", "");
    ok(s.done == 1 && s.hits == 1, "a name by its beginning");
    s = look(t, CTR_KIND(CTR_FIELD_ID), CTR_OP_EQUAL, "1", "", "");
    ok(s.done == 1 && s.hits == 0 && s.status == 0, "what cannot be asked ends at once");
    before = table_size();
    for (int i = 0; i < PAYLOADS; i++) {
        const char *p = payloads[i];
        struct ctr_search all[] = {
            look(t, CTR_KINDS_PHONE, CTR_OP_EQUAL, p, p, p),
            look(t, CTR_KINDS_PHONE, CTR_OP_EQUAL, "+4999", "099", p),
            look(t, name, CTR_OP_EQUAL, p, "", ""),
            look(t, name, CTR_OP_WORDS, p, "", ""),
            look(t, name, CTR_OP_SUBSTR, p, "", "")};

        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            undone += all[k].done != 1 || all[k].status != 0;
            wrong += all[k].hits > 1;
            if (all[k].hits > 1)
                printf("# %u hits for %s\n", all[k].hits, p);
        }
    }
    is_int(undone, 0, "%d hostile questions are each answered once", 5 * PAYLOADS);
    is_int(wrong, 0, "none of them finds what it should not");
    is_int(table_size(), before, "and the table is as it was");
    ok(access("/tmp/contactor-evil", F_OK) != 0, "no other file was made");
    s = look(t, CTR_KINDS_PHONE, CTR_OP_EQUAL, "+4989840798192", "089840798192", "192");
    ok(s.hits == 1, "and lookups go on");
    testhost_destroy(t);

    t = live();
    testhost_set(t, "file", "/nonexistent/x.db");
    testhost_start(t);
    s = look(t, CTR_KINDS_PHONE, CTR_OP_EQUAL, "+4989840798192", "089", "089");
    ok(s.done == 1 && s.status < 0 && s.hits == 0,
       "a database that is not there is told");
    s = look(t, CTR_KINDS_PHONE, CTR_OP_EQUAL, "+4989840798192", "089", "089");
    is_int(s.status, -CTR_EUNAVAIL, "and not asked again at once");
    testhost_destroy(t);
}

/* --- what is told ---------------------------------------------------------------------
 */

static void refused(const char *option, const char *value_text, const char *reason)
{
    struct testhost *t = source(query);
    bool said = false;

    testhost_set(t, option, value_text);
    is_int(testhost_check(t), -CTR_ECONF, "%s = %s is refused", option, value_text);
    for (uint32_t i = 0; i < t->option_errors.n; i++) {
        said |= strstr(t->option_errors.at[i].b, reason) != NULL;
        if (strstr(t->option_errors.at[i].b, "hunter2"))
            ok(false, "no password in a message");
    }
    if (!ok(said, "because: %s", reason) && t->option_errors.n)
        printf("# %s\n", t->option_errors.at[0].b);
    testhost_destroy(t);
}

static void options(void)
{
    refused("connection", "Driver=X;PWD=hunter2", "password_file");
    refused("connection", "Driver=X;Password={hunter2}", "password_file");
    refused("connection", "Driver=X;pqopt={password=hunter2}", "password_file");
    refused("connection", "Server=x", "names no driver");
    refused("connection", "Driver={X", "without its }");
    refused("connection", "Driver=SQLite3;Database=/srv/x.db", "only one can be used");
    refused("dsn", "crm", "only one can be used");
    refused("query", "DELETE FROM person", "only reads");
    refused("query", "SELECT 1; DROP TABLE person", "more than one");
    refused("query", "SELECT * FROM person WHERE x = :number", "no placeholder");
    refused("lookup", "SELECT * FROM person", "no placeholder");
    refused("lookup", "SELECT * FROM person WHERE x = :since", ":tail");
    refused("changes", "SELECT * FROM person WHERE x > :since", "needs watermark");
    refused("deletions", "compare", "needs watermark");
    refused("password", "x", "needs user");
    refused("user", "a;b", "cannot take");
    refused("map.id", "id", "only one can be used");
}

static void fails(const char *option, const char *text, int32_t code, const char *reason)
{
    struct testhost *t = source(query);

    testhost_set(t, option, text);
    testhost_start(t);
    is_int(testhost_sync(t, NULL), code, "%s = %s fails", option, text);
    if (!ok(strstr(t->failure, reason) && strstr(t->failure, "last good data stay"),
            "and says: %s", reason))
        printf("# %s\n", t->failure);
    is_int(t->n_contacts, 0, "with nothing read");
    testhost_destroy(t);
}

static void failures(void)
{
    struct testhost *t;

    fails("query", "SELECT * FROM vanished", -CTR_EIO, "no such table");
    fails("query", "SELECT first FROM person WHERE x = 1", -CTR_EIO, "no such column");
    fails("map.surname", "lasst", -CTR_EFORMAT, "did you mean \"last\"?");
    fails("map.mail", "address", -CTR_EFORMAT, "columns found: \"id\", \"first\"");
    fails("key", "vanished", -CTR_EFORMAT, "no column \"vanished\" (key)");
    fails("watermark", "changed", -CTR_EFORMAT, "(watermark)");
    fails("connection", "Driver=Nothing", -CTR_EIO, "SQLite3");
    fails("file", "/nonexistent/x.db", -CTR_EIO, "cannot connect");
    fails("max_rows", "1", -CTR_EREFUSED, "more than 1 rows");

    t = source("SELECT NULL AS id, first, last, company, phone FROM person");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "rows without a key");
    ok(t->n_contacts == 0 && testhost_rejected(t, "row 1: the key is empty"),
       "are rejected one by one");
    testhost_destroy(t);

    t = source("SELECT id, CAST(x'ff41' AS TEXT) AS first, last, company, phone FROM "
               "person");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "bytes that are not text");
    ok(t->n_contacts == 3 && testhost_rejected(t, "given_name holds bytes"),
       "are left out and listed");
    testhost_destroy(t);

    t = source("SELECT id, first, last, company, hex(zeroblob(9000)) AS phone FROM "
               "person");
    testhost_start(t);
    is_int(testhost_sync(t, NULL), 0, "a value of 18000 bytes");
    ok(t->n_contacts == 3 && testhost_rejected(t, "phone_business is too long"),
       "is left out and listed");
    testhost_destroy(t);

    t = source(query);
    testhost_set(t, "connection", "Driver=SQLite3;StepAPI=0");
    testhost_start(t);
    t->cancel_after = 1;
    is_int(testhost_sync(t, NULL), -CTR_ECANCELED, "a canceled sync");
    t->cancel_after = 0;
    is_int(testhost_sync(t, NULL), 0, "is followed by a good one");
    testhost_destroy(t);
}

/* --- the test -------------------------------------------------------------------------
 */

struct ctr_test {
    char steps[1024], detail[2048], remedy[1024];
    int32_t status;
    bool canceled; /* once it has logged in */
};

static void test_step(const struct ctr_host *host, struct ctr_test *test,
                      const char *step, int32_t status, const char *detail,
                      const char *remedy)
{
    (void)host;
    strcat(strcat(test->steps, test->steps[0] ? " " : ""), step);
    test->status = status;
    snprintf(test->detail, sizeof(test->detail), "%s", detail);
    snprintf(test->remedy, sizeof(test->remedy), "%s", remedy ? remedy : "");
}

static int32_t test_canceled(const struct ctr_host *host, struct ctr_test *test)
{
    (void)host;
    if (!test->canceled || !strstr(test->steps, "login"))
        return 0;
    test->status = -CTR_ECANCELED;
    return -CTR_ECANCELED;
}

static bool canceled_after_login;

static struct ctr_test try_it(struct testhost *t)
{
    struct ctr_test test = {.canceled = canceled_after_login};
    int32_t rc;

    t->host.test_step = test_step;
    t->host.test_canceled = test_canceled;
    testhost_start(t);
    rc = contactor_plugin.source->test(t->instance, &test);
    is_int(rc, test.status, "the test ends as its last step");
    testhost_destroy(t);
    return test;
}

static void tests(void)
{
    struct testhost *t = live();
    struct ctr_test x;

    testhost_set(t, "watermark", "modified");
    x = try_it(t);
    is_str(x.steps, "driver login query rows changes lookup lookup_text",
           "all its steps");
    is_int(x.status, 0, "are good");
    canceled_after_login = true;
    x = try_it(live());
    canceled_after_login = false;
    is_str(x.steps, "driver login", "one that is canceled ends between two");
    is_int(x.status, -CTR_ECANCELED, "with that code");
    t = source(query);
    testhost_set(t, "connection", "Driver={PostgreSQL Universal}");
    x = try_it(t);
    ok(strcmp(x.steps, "driver") == 0 && x.status == -CTR_ENOENT &&
           strstr(x.detail, "\"PostgreSQL Unicode\"") &&
           strstr(x.remedy, "odbc-postgresql"),
       "a driver that is not installed: %s; %s", x.detail, x.remedy);
    t = source("SELECT wrong FROM person");
    x = try_it(t);
    ok(strcmp(x.steps, "driver login query") == 0 && strstr(x.detail, "no such column"),
       "a query that does not run: %s; %s", x.detail, x.remedy);
    t = source(query);
    testhost_set(t, "map.title", "titel");
    x = try_it(t);
    ok(strcmp(x.steps, "driver login query columns") == 0 &&
           strstr(x.detail, "no column \"titel\""),
       "a map that does not fit: %s", x.detail);
    t = testhost_create(&contactor_plugin, "source.test");
    testhost_set(t, "dsn", "nowhere");
    testhost_set(t, "query", query);
    x = try_it(t);
    ok(strcmp(x.steps, "driver") == 0 && strstr(x.detail, "no data source \"nowhere\""),
       "a DSN that is not there: %s; %s", x.detail, x.remedy);
    t = source(query);
    testhost_set(t, "connection", "Driver=FreeTDS;Server=127.0.0.1;Port=1");
    testhost_set(t, "file", path);
    x = try_it(t);
    ok(strcmp(x.steps, "driver resolve connect") == 0 && strstr(x.detail, "refused") &&
           x.status == -CTR_EUNAVAIL,
       "a closed port: %s; %s", x.detail, x.remedy);
}

static void nothing_is_written(void)
{
    struct testhost *t;
    int before = table_size();

    t = source("WITH x AS (SELECT 1) INSERT INTO person (first) VALUES ('evil')");
    testhost_start(t);
    ok(testhost_sync(t, NULL) < 0, "a statement that writes behind WITH fails");
    printf("# %s\n", t->failure);
    testhost_destroy(t);
    is_int(number("SELECT COUNT(*) FROM person WHERE first = 'evil'"), 0,
           "and writes nothing");
    is_int(table_size(), before, "the table is as it was");
}

int main(void)
{
    db_open();
    db_fill();
    full();
    keys_and_joins();
    changes();
    future_watermark();
    emptied();
    joined_changes("listed", NULL);
    joined_changes("listed JOIN (SELECT 1 AS one)", "company");
    number_watermark();
    own_statements();
    compared();
    stored();
    lookups();
    options();
    failures();
    tests();
    nothing_is_written();
    SQLDisconnect(db);
    unlink(path);
    return tap_done();
}
