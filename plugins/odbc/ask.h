/* ask.h - which lookups of the database answer a filter. The host looks at every hit
 * again, so more may come back than was asked for, never less than there is. */
#ifndef ODBC_ASK_H
#define ODBC_ASK_H

#include "config.h"

enum { ASKS_MAX = 4, ASK_VALUE = 512, ASK_VALUES = 5 };

/* One lookup and what its placeholders stand for. */
struct ask {
    const struct sqltext *sql;
    char values[ASK_VALUES][ASK_VALUE];
};

/* returns how many; 0: the database cannot be asked this */
uint32_t ask_make(struct ask asks[ASKS_MAX], const struct config *c,
                  const struct ctr_filter *filter);

/* For trying a lookup without anybody asking. */
void ask_number(struct ask *a, const struct config *c, const char *number);
void ask_text(struct ask *a, const struct config *c, const char *text);

#endif
