/* fuzz_odbc.c - the parsers of the ODBC source: SQL texts, connection strings, cursors,
 * and what a filter asks. The first byte chooses; the rest is the text. */
#include <stdlib.h>
#include <string.h>

#include "plugins/odbc/ask.h"
#include "plugins/odbc/connstr.h"
#include "plugins/odbc/cursor.h"
#include "plugins/odbc/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* What is taken has its placeholders counted, and is taken again when it is wrapped. */
static void try_sql(const char *text)
{
    static const char *const names[] = {"number", "digits", "tail", "since", NULL};
    static const char *const none[] = {NULL};
    struct sqltext t, wrapped, again;
    char why[256] = "";

    if (sqltext_make(&t, text, names, why, sizeof(why)) != 0) {
        require(why[0] != 0);
        return;
    }
    require(strlen(t.sql) <= strlen(text) && t.n_params <= SQLTEXT_PARAMS_MAX);
    if (t.n_params == 0) {
        require(sqltext_wrap(&wrapped, &t, "*", "ORDER BY 1", 0) == 0);
        require(sqltext_make(&again, wrapped.sql, none, why, sizeof(why)) == 0);
        sqltext_finish(&again);
        sqltext_finish(&wrapped);
    }
    sqltext_finish(&t);
}

/* A value that is added is read back, whatever is in it. */
static void try_connection(const char *text)
{
    struct connstr c;
    char out[3 * CONNSTR_MAX] = "Driver={X}";
    size_t n = strlen(text);

    if (!connstr_parse(&c, text))
        for (uint32_t i = 0; i < c.n; i++)
            require(connstr_get(&c, c.keys[i]) != NULL);
    connstr_finish(&c);
    if (n == 0 || n > CONNSTR_MAX / 3 || (uint8_t)text[0] < ' ' ||
        (uint8_t)text[n - 1] < ' ')
        return;
    require(connstr_add(out, sizeof(out), "PWD", text));
    require(!connstr_parse(&c, out));
    require(c.n == 2 && strcmp(connstr_get(&c, "PWD"), text) == 0);
    connstr_finish(&c);
}

static void try_cursor(const char *text, size_t n)
{
    struct cursor a, b;
    struct mark_time time;
    char out[CURSOR_TEXT];

    if (!cursor_read(&a, text, n))
        return;
    mark_lower(&a.mark, 300000, 1000);
    require(mark_is_valid(&a.mark));
    (void)mark_is_after(&a.mark, 1700000000000);
    (void)mark_time(&a.mark, &time);
    require(cursor_write(&a, out, sizeof(out)));
    require(cursor_read(&b, out, strlen(out)));
    mark_raise(&a.mark, &b.mark);
    require(a.n_names == b.n_names && strcmp(a.mark.text, b.mark.text) == 0);
}

static void try_text(const char *text, size_t n)
{
    size_t units = 0;
    uint16_t *wide = text_to_utf16(text, n, &units);
    char *back = malloc(3 * units + 1);

    require(back && (wide != NULL) == text_is_utf8(text, n));
    if (wide) {
        require(text_from_utf16(wide, units, back) == (long)n);
        require(memcmp(back, text, n) == 0);
    }
    free(back);
    free(wide);
}

static void try_ask(const char *text, size_t n)
{
    struct sqltext sql = {.sql = (char[]){"SELECT 1"}};
    struct config c = {.lookup = sql, .lookup_text = sql, .tail_digits = 7};
    struct ctr_str values[] = {{text, n}, {text, n / 2}, {text, n}};
    struct ctr_filter number = {.op = CTR_OP_EQUAL,
                                .kinds = CTR_KINDS_PHONE,
                                .values = values,
                                .n_values = 3},
                      name = {.op = CTR_OP_WORDS,
                              .kinds = CTR_KIND(CTR_FIELD_SURNAME),
                              .values = values,
                              .n_values = 1};
    const struct ctr_filter *both[] = {&number, &name};
    struct ctr_filter either = {.op = CTR_OP_OR, .children = both, .n_children = 2};
    struct ask asks[ASKS_MAX];
    uint32_t n_asks = ask_make(asks, &c, &either);

    require(n_asks <= ASKS_MAX);
    for (uint32_t i = 0; i < n_asks; i++)
        for (uint32_t k = 0; k < ASK_VALUES; k++)
            require(strlen(asks[i].values[k]) < ASK_VALUE &&
                    text_is_utf8(asks[i].values[k], strlen(asks[i].values[k])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0 || size > 8192)
        return 0;
    text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    switch (data[0] % 5) {
    case 0:
        try_sql(text);
        break;
    case 1:
        try_connection(text);
        break;
    case 2:
        try_cursor(text, size - 1);
        break;
    case 3:
        try_text(text, size - 1);
        break;
    default:
        try_ask(text, size - 1);
        break;
    }
    free(text);
    return 0;
}
