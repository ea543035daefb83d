/* alloc.h - small allocations abort when memory is out; nothing sized by input goes here.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *z);
char *xstrndup(const char *s, size_t n);
/* Clears memory so that the compiler cannot leave it out. */
void wipe(void *p, size_t n);

#endif
