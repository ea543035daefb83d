/* runtime.h - the runtime of a sanitizer that a plugin was built with. */
#ifndef CHECK_RUNTIME_H
#define CHECK_RUNTIME_H

#include <stdbool.h>

/* Begins the program anew, with an environment that is right for checking this plugin:
 * the runtime it needs loaded first. returns when that is so already; false after a
 * message on stderr, where it cannot be had */
bool runtime_prepare(const char *path, char **argv);

#endif
