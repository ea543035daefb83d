/* href.c - one spelling for paths. */
#include "href.h"

#include <ctype.h>
#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986: what a path holds unescaped, besides the slash. */
static bool is_plain(unsigned char c)
{
    return c < 0x80 && (isalnum(c) || (c && strchr("-._~!$&'()*+,;=:@", c)));
}

/* "https://host/path" to "/path". */
static const char *skip_host(const char *href)
{
    const char *host = strstr(href, "://");

    if (href[0] == '/' && href[1] == '/')
        return strchr(href + 2, '/');
    if (href[0] == '/' || !host)
        return href;
    return strchr(host + 3, '/');
}

static bool has_dots(const char *path)
{
    for (const char *p = path; (p = strstr(p, "/.")) != NULL; p++) {
        const char *end = p + 2 + (p[2] == '.');

        if (*end == '/' || *end == 0)
            return true;
    }
    return false;
}

bool href_path(const char *href, char out[HREF_MAX])
{
    static const char digits[] = "0123456789ABCDEF";
    const char *p = skip_host(href);
    size_t n = 0;

    if (!p || *p != '/')
        return false;
    while (p[1] == '/') /* else the next reader would take it for a host */
        p++;
    for (; *p && *p != '#' && *p != '?'; p++) {
        unsigned char c = (unsigned char)*p;
        bool slash = c == '/';

        if (c == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            c = (unsigned char)(hex(p[1]) << 4 | hex(p[2]));
            p += 2;
        }
        if (n + 4 > HREF_MAX)
            return false;
        if (slash || is_plain(c)) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = digits[c >> 4];
            out[n++] = digits[c & 15];
        }
    }
    out[n] = 0;
    return !has_dots(out);
}

const char *href_last(const char *path)
{
    size_t n = strlen(path);

    if (n > 0 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    return path + n;
}
