/* trouble.h - what went wrong: a code, the other side's words, and what to do about it.
 */
#ifndef ODBC_TROUBLE_H
#define ODBC_TROUBLE_H

#include <stdint.h>

enum { TROUBLE_TEXT = 800, TROUBLE_REMEDY = 400 };

struct trouble {
    int32_t code;   /* 0: none; else -CTR_E* */
    char state[6];  /* SQLSTATE, "" where it was not the driver that complained */
    int32_t native; /* the server's own number */
    char text[TROUBLE_TEXT];
    char remedy[TROUBLE_REMEDY]; /* "": none known */
};

/* Fills in a trouble of our own; returns code. */
__attribute__((format(printf, 3, 4))) int32_t trouble_set(struct trouble *t, int32_t code,
                                                          const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void trouble_remedy(struct trouble *t,
                                                          const char *fmt, ...);

#endif
