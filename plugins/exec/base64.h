/* base64.h - base64 (RFC 4648), decoded in place. */
#ifndef EXEC_BASE64_H
#define EXEC_BASE64_H

#include <stdbool.h>

#include "contactor/types.h"

/* Line ends between are passed over. returns false when it is something else */
bool base64_decode(char *text, struct ctr_str *out);

#endif
