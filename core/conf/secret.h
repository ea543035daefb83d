/* secret.h - values that must not stand in the configuration itself (internal to conf).
 */
#ifndef CONF_SECRET_H
#define CONF_SECRET_H

#include "conf/schema.h"
#include "conf/values.h"

/* Looks for NAME, NAME_file and NAME_credential in `table` and reads what they name into
 * value. returns whether any of them stands there */
bool secret_read(const struct conf_node *table, const char *section,
                 struct ctr_config *config, struct conf_value *value, struct diag *diag);

/* The node's path, absolute, in the config's memory; NULL after an error. */
const char *path_read(const struct conf_node *node, struct ctr_config *config,
                      struct diag *diag);

#endif
