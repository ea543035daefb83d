/* pack.h - the values of a section on their way to another process of ours, secrets
 * included: never to a file, an argument or an environment. */
#ifndef CONF_PACK_H
#define CONF_PACK_H

#include "base/str.h"
#include "conf/schema.h"

/* More than conf_values_pack needs: who reserves so much leaves no copy of a secret in
 * memory that a growing buffer gave back. */
size_t conf_values_pack_size(const struct ctr_config *config);
void conf_values_pack(const struct ctr_config *config, struct strbuf *out);
/* The places are lost: the line of a value's is its number, to be given to
 * conf_values_complain there where the places are; 0: the section.
 * returns 0 and *out | -CTR_EFORMAT */
int conf_values_unpack(struct ctr_str packed, struct ctr_config **out);
/* text: as conf_option_error of the other process made it. */
void conf_values_complain(const struct ctr_config *config, uint32_t line,
                          const char *text);

#endif
