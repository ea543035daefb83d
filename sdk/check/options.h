/* options.h - the options of an instance: from a configuration file, from NAME=VALUE. */
#ifndef CHECK_OPTIONS_H
#define CHECK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* name as testhost_set wants it: "file", "map.surname"; a list is several entries. */
struct option_value {
    char *name, *value;
    const char *folder; /* where a relative path begins; borrowed */
    bool typed;         /* on the command line */
};

struct options {
    struct option_value *at;
    uint32_t n;
};

/* The section of the file whose `plugin` is this one, or all of a file without sections.
 * returns false after a message on stderr */
bool options_read(struct options *o, const char *path, const char *folder,
                  const char *plugin);
void options_add(struct options *o, const char *folder, bool typed, const char *name,
                 const char *value);
void options_finish(struct options *o);
/* It is an option of the daemon itself, of a source or of a front end. */
bool options_daemon(const char *name, bool source);
bool options_has(const struct options *o, const char *name); /* also "map" of "map.x" */

#endif
