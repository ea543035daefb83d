/* table.h - columns that line up, and values as people read them. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cjson/cJSON.h>

enum { TABLE_COLUMNS = 10, VALUE_MAX = 64 };

struct table {
    char **cells; /* rows of `columns` */
    size_t n, cap;
    unsigned columns;
    unsigned right; /* bit i: column i is aligned right */
};

/* head: the titles, `columns` of them. */
void table_begin(struct table *t, unsigned columns, const char *const *head);
/* One cell after another, row by row. */
void table_cell(struct table *t, const char *text);
void table_print(struct table *t); /* to stdout; frees */

/* Members of an answer; "" or 0 where there is none. */
const char *member_str(const cJSON *object, const char *name);
double member_num(const cJSON *object, const char *name);
int member_true(const cJSON *object, const char *name);
const cJSON *member(const cJSON *object, const char *name);

/* "12 min ago" of a time in ms since 1970, "never" of 0. */
const char *ago(double ms, char out[VALUE_MAX]);
/* "3 h 12 min" of milliseconds. */
const char *span(double ms, char out[VALUE_MAX]);
/* "12.3 MiB" */
const char *bytes(double n, char out[VALUE_MAX]);
/* "14:03:07.123", local time */
const char *clock_of(double ms, char out[VALUE_MAX]);
/* How many columns of a terminal UTF-8 text takes; control characters count as one. */
size_t width(const char *text);
/* Prints text; control characters as "?". What comes from contacts must not reach the
 * terminal as commands. */
void put_safe(const char *text);
/* The same into any stream; line ends stay. */
void put_safe_lines(FILE *to, const char *text);

#endif
