/* sqltext.h - the administrator's SQL: one statement that reads, its named placeholders
 * turned into the question marks of ODBC. What a caller asked is never part of a text; it
 * is bound as a parameter. */
#ifndef ODBC_SQLTEXT_H
#define ODBC_SQLTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SQLTEXT_MAX = 64 * 1024, SQLTEXT_PARAMS_MAX = 64 };

enum sql_verb {
    SQL_VERB_SELECT, /* can be wrapped: SELECT ... FROM (this) ... */
    SQL_VERB_WITH,   /* likewise, but not on every server */
    SQL_VERB_VALUES,
    SQL_VERB_CALL /* a stored procedure */
};

struct sqltext {
    char *sql; /* owned; no semicolon at its end */
    enum sql_verb verb;
    uint8_t params[SQLTEXT_PARAMS_MAX]; /* which name each ? stands for, in text order */
    uint32_t n_params;
    uint64_t used; /* bit i: name i occurs */
};

/* names: NULL-terminated, without the colon; at most 64.
 * returns 0 | -CTR_EINVAL with a sentence in error | -CTR_ENOMEM */
int32_t sqltext_make(struct sqltext *t, const char *text, const char *const *names,
                     char *error, size_t cap);
void sqltext_finish(struct sqltext *t);

/* "SELECT list FROM (text) contactor_q tail" as one that reads; params as in `params`
 * names. The inner text may hold no placeholder. returns 0 | -CTR_ENOMEM */
int32_t sqltext_wrap(struct sqltext *t, const struct sqltext *inner, const char *list,
                     const char *tail, uint32_t n_params);

/* A column's name as an identifier, quoted with the server's quote. */
void sqltext_identifier(char *out, size_t cap, const char *name, char quote);

#endif
