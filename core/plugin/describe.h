/* describe.h - `contactord --describe FILE.so`: what a plugin is and which options it
 * has.
 */
#ifndef PLUGIN_DESCRIBE_H
#define PLUGIN_DESCRIBE_H

#include <stdbool.h>
#include <stdio.h>

#include "plugin/loader.h"

void plugin_describe(FILE *out, const struct plugin *plugin);
void plugin_describe_json(FILE *out, const struct plugin *plugin);

#endif
