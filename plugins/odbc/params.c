/* params.c - what placeholders stand for, in the form and type the driver binds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn_private.h"
#include "contactor/error.h"
#include "text.h"

static int32_t bind_text(struct bound *b, const char *text)
{
    size_t n = strlen(text), units;

    if (text_is_ascii(text, n)) {
        b->text = strdup(text);
        b->c_type = SQL_C_CHAR;
        b->sql_type = SQL_VARCHAR;
        b->len = (SQLLEN)n;
    } else {
        b->text = (char *)text_to_utf16(text, n, &units);
        b->c_type = SQL_C_WCHAR;
        b->sql_type = SQL_WVARCHAR;
        b->len = (SQLLEN)(units * sizeof(SQLWCHAR));
    }
    b->size = n ? n : 1;
    b->data = b->text;
    return b->text ? 0 : -CTR_EFORMAT;
}

static void bind_time(struct bound *b, const struct mark *m)
{
    struct mark_time t = {0};

    mark_time(m, &t);
    if (m->type == MARK_DATE) {
        b->value.date = (SQL_DATE_STRUCT){t.year, t.month, t.day};
        b->c_type = SQL_C_TYPE_DATE;
        b->sql_type = SQL_TYPE_DATE;
        b->size = 10;
        b->data = &b->value.date;
        return;
    }
    b->value.stamp = (SQL_TIMESTAMP_STRUCT){t.year,   t.month,  t.day,  t.hour,
                                            t.minute, t.second, t.nanos};
    b->c_type = SQL_C_TYPE_TIMESTAMP;
    b->sql_type = SQL_TYPE_TIMESTAMP;
    b->digits = m->digits < 0 || m->digits > 9 ? 6 : m->digits;
    /* No more of the fraction than the column can hold. */
    for (int i = b->digits, unit = 1; i < 9; i++) {
        unit *= 10;
        b->value.stamp.fraction -= b->value.stamp.fraction % (SQLUINTEGER)unit;
    }
    b->size = b->digits ? 20u + (SQLULEN)b->digits : 19;
    b->data = &b->value.stamp;
}

static int32_t bind_bytes(struct bound *b, const char *hex)
{
    size_t n = strlen(hex) / 2;
    unsigned byte;

    b->text = malloc(n + 1);
    if (!b->text)
        return -CTR_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return -CTR_EFORMAT;
        b->text[i] = (char)byte;
    }
    b->c_type = SQL_C_BINARY;
    b->sql_type = SQL_VARBINARY;
    b->size = n;
    b->len = (SQLLEN)n;
    b->data = b->text;
    return 0;
}

int32_t params_bind(struct bound *b, const struct param *p)
{
    if (!p->mark)
        return bind_text(b, p->text);
    switch (p->mark->type) {
    case MARK_INTEGER:
        b->value.integer = strtoll(p->mark->text, NULL, 10);
        b->c_type = SQL_C_SBIGINT;
        b->sql_type = SQL_BIGINT;
        b->size = 19;
        b->data = &b->value.integer;
        return 0;
    case MARK_FLOAT:
        b->value.real = strtod(p->mark->text, NULL);
        b->c_type = SQL_C_DOUBLE;
        b->sql_type = SQL_DOUBLE;
        b->size = 15;
        b->data = &b->value.real;
        return 0;
    case MARK_STAMP:
    case MARK_DATE:
        bind_time(b, p->mark);
        return 0;
    case MARK_BYTES:
        return bind_bytes(b, p->mark->text);
    default:
        return bind_text(b, p->mark->text);
    }
}
