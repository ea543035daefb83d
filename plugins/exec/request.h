/* request.h - what a program is asked, as lines to be freed by free(). NULL: out of
 * memory. */
#ifndef EXEC_REQUEST_H
#define EXEC_REQUEST_H

#include <stdbool.h>

#include "contactor/plugin.h"

enum { REQUEST_PROTOCOL = 1, REQUEST_ASKED_MAX = 64 /* strings of a search */ };

char *request_hello(const char *source, const char *secret, bool keep);
char *request_sync(uint64_t number, struct ctr_str cursor);
char *request_test(uint64_t number);
char *request_cancel(uint64_t number);
/* *nothing: the query asks for nothing a program could look up; then NULL, too. */
char *request_search(uint64_t number, const struct ctr_query *query, bool *nothing);

#endif
