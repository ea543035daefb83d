/* href.h - paths of address books and cards as servers write them: with or without the
 * host, one escaping what the next does not. Compared and made ids of in one spelling. */
#ifndef CARDDAV_HREF_H
#define CARDDAV_HREF_H

#include <stdbool.h>
#include <stddef.h>

enum { HREF_MAX = 1024 };

/* The path of a reference or URL in one spelling: unreserved characters as they are, all
 * others as %XX. A relative reference has no place here.
 * returns false: no absolute path, dot segments, or longer than HREF_MAX - 1 */
bool href_path(const char *href, char out[HREF_MAX]);
/* Where the last segment of a path begins; of "/a/b/" it is "b/". */
const char *href_last(const char *path);

#endif
