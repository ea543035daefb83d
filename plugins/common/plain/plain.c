/* plain.c - see plain.h. */
#include "plain.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* --- white space ----------------------------------------------------------------------
 */

static bool is_space(const char *s, uint64_t n)
{
    return (uint8_t)s[0] <= ' ' ||
           (n >= 2 && (uint8_t)s[0] == 0xc2 && (uint8_t)s[1] == 0xa0);
}

struct ctr_str plain_trim(const char *ptr, uint64_t len)
{
    while (len && is_space(ptr, len)) {
        uint64_t n = (uint8_t)ptr[0] == 0xc2 ? 2 : 1;

        ptr += n;
        len -= n;
    }
    while (len) {
        if ((uint8_t)ptr[len - 1] <= ' ')
            len--;
        else if (len >= 2 && (uint8_t)ptr[len - 1] == 0xa0 && is_space(ptr + len - 2, 2))
            len -= 2;
        else
            break;
    }
    return (struct ctr_str){ptr, len};
}

/* --- characters -----------------------------------------------------------------------
 */

size_t plain_put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* --- names ----------------------------------------------------------------------------
 */

/* Edit distance without regard to case; names longer than the row are far from all. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[65], up, diagonal;
    size_t na = strlen(a), nb = strlen(b);

    if (na > 64 || nb > 64)
        return 99;
    for (unsigned j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        diagonal = row[0]++;
        for (size_t j = 1; j <= nb; j++) {
            bool same = tolower((uint8_t)a[i - 1]) == tolower((uint8_t)b[j - 1]);

            up = row[j];
            row[j] = diagonal + !same;
            if (up + 1 < row[j])
                row[j] = up + 1;
            if (row[j - 1] + 1 < row[j])
                row[j] = row[j - 1] + 1;
            diagonal = up;
        }
    }
    return row[nb];
}

const char *plain_nearest(const char *name, const char *const *names, uint32_t n)
{
    unsigned best = (unsigned)strlen(name) / 3 + 1, d;
    const char *found = NULL;

    for (uint32_t i = 0; i < n; i++) {
        if (names[i][0] == 0)
            continue;
        d = distance(name, names[i]);
        if (d <= best && (!found || d < best)) {
            best = d;
            found = names[i];
        }
    }
    return found;
}
