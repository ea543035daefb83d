/* alloc.c - the allocating calls that cannot fail: they abort instead. */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "contactor: out of memory\n";

    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        abort(); /* nobody left to tell */
    abort();
}

void *xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *xrealloc(void *p, size_t n)
{
    void *grown = realloc(p, n ? n : 1);

    if (!grown)
        out_of_memory();
    return grown;
}

char *xstrdup(const char *z)
{
    return xstrndup(z, strlen(z));
}

char *xstrndup(const char *s, size_t n)
{
    size_t len = n ? strnlen(s, n) : 0;
    char *copy = xmalloc(len + 1);

    if (len > 0)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

void wipe(void *p, size_t n)
{
    if (p && n > 0)
        explicit_bzero(p, n);
}
