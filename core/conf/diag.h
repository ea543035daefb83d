/* diag.h - what is wrong with a configuration: all of it, in file order, printed at once.
 *
 *   contactor.toml:8:7: error: unknown key 'dns' in [source.crm]; did you mean 'dsn'?
 */
#ifndef CONF_DIAG_H
#define CONF_DIAG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct strbuf;

/* A file of the configuration. */
struct conf_file {
    const char *name;   /* as messages show it */
    const char *folder; /* absolute: where its relative paths start */
    unsigned order;     /* 0: the main file; drop-ins follow */
};

/* Lines and columns from 1; columns count characters. file NULL: no place to name; line
 * 0: the file as a whole. */
struct conf_place {
    const struct conf_file *file;
    uint32_t line, column;
};

enum { DIAG_MAX = 100 /* problems kept; further ones are only counted */ };

struct diag_item {
    bool error;     /* else a warning */
    char *file;     /* NULL: no place */
    unsigned order; /* of the file */
    uint32_t line, column;
    unsigned number; /* of reporting */
    char *text;
};

/* Zero-initialise. Outlives the conf its problems come from: it copies. */
struct diag {
    struct diag_item items[DIAG_MAX];
    unsigned n;                /* items kept */
    unsigned errors, warnings; /* all, also those not kept */
};

void diag_error(struct diag *diag, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void diag_warning(struct diag *diag, struct conf_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* One line a problem, sorted, and "and N more" where some were not kept. Control
 * characters are escaped. */
void diag_print(struct diag *diag, FILE *out);
void diag_format(struct diag *diag, struct strbuf *out);
void diag_finish(struct diag *diag);

#endif
