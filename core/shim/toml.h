/* toml.h - toml++ for C: parse a text and walk through what it holds.
 *
 * Exceptions end in the shim. Lines and columns count from 1, columns in characters. The
 * order of the keys of a table is not that of the file: sort by place. */
#ifndef SHIM_TOML_H
#define SHIM_TOML_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum toml_kind {
    TOML_TABLE = 1,
    TOML_ARRAY,
    TOML_STRING,
    TOML_INT,
    TOML_FLOAT,
    TOML_BOOL, /* in `integer` */
    TOML_TIME  /* as text */
};

/* A value, borrowed for the call. Text is UTF-8, not NUL-terminated, may hold NULs. */
struct toml_item {
    enum toml_kind kind;
    const char *key; /* NULL: an element of an array */
    size_t key_len;
    uint32_t key_line, key_column;
    uint32_t line, column; /* of the value */
    const char *text;
    size_t text_len;
    int64_t integer;
    double real;
};

/* enter is called for every value below the root; leave after the last child of a table
 * or an array. Neither may throw or jump. enter returns 0, or anything else to end. */
struct toml_visitor {
    void *user;
    int (*enter)(void *user, const struct toml_item *item);
    void (*leave)(void *user);
};

struct toml_failure {
    uint32_t line, column; /* 0: unknown */
    char text[512];
};

/* The caller bounds text's size and nesting beforehand: toml++ recurses. It also refuses
 * what is not ASCII outside of strings and comments: toml++ 3.3 has no defined answer.
 * returns 0 | -1 and failure */
int toml_walk(const char *text, size_t len, const struct toml_visitor *visitor,
              struct toml_failure *failure);

#ifdef __cplusplus
}
#endif

#endif
