/* program.h - an option that names a program a plugin starts (internal to conf). */
#ifndef CONF_PROGRAM_H
#define CONF_PROGRAM_H

#include <stdbool.h>

#include "conf/values.h"

/* Whether the option's program can be started: an absolute path, there, executable. What
 * may mend itself is a warning unless strict. */
void program_check(const struct ctr_option *option, const struct conf_value *value,
                   bool strict, struct conf_place at, struct diag *diag);

#endif
