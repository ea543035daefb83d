/* json.c - one line as a JSON object, looked over before a parser allocates for it. */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- UTF-8 ----------------------------------------------------------------------------
 */

/* The length of the character at s, 0: it is none. n: bytes there are. */
static size_t utf8_length(const uint8_t *s, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80   ? 1
                 : s[0] < 0xc2 ? 0
                 : s[0] < 0xe0 ? 2
                 : s[0] < 0xf0 ? 3
                 : s[0] < 0xf5 ? 4
                               : 0;
    uint32_t c;

    if (len <= 1 || len > n)
        return len <= n ? len : 0;
    c = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : len;
}

bool json_utf8(struct ctr_str s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    size_t i = 0, n = (size_t)s.len;

    while (i < n) {
        uint64_t eight;
        size_t len;

        if (n - i >= sizeof(eight)) {
            memcpy(&eight, p + i, sizeof(eight));
            if (!(eight & UINT64_C(0x8080808080808080))) {
                i += sizeof(eight);
                continue;
            }
        }
        len = utf8_length(p + i, n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

/* --- the look before ------------------------------------------------------------------
 */

/* A string begins at line.ptr[at]. returns the place of its closing quote, or line.len */
static size_t string_end(struct ctr_str line, size_t at, bool *nul)
{
    for (at++; at < line.len; at++) {
        if (line.ptr[at] == '"')
            return at;
        if (line.ptr[at] != '\\')
            continue;
        at++;
        if (line.len - at >= 5 && memcmp(line.ptr + at, "u0000", 5) == 0)
            *nul = true;
    }
    return (size_t)line.len;
}

/* What a parser would let through, or pay too much for. returns NULL, or why not */
static const char *look(struct ctr_str line)
{
    unsigned depth = 0, values = 0;
    bool nul = memchr(line.ptr, 0, (size_t)line.len) != NULL;

    for (size_t at = 0; at < line.len && !nul; at++) {
        switch (line.ptr[at]) {
        case '"':
            at = string_end(line, at, &nul);
            break;
        case '{':
        case '[':
            if (++depth > JSON_DEPTH_MAX)
                return "its JSON is nested too deeply";
            break;
        case '}':
        case ']':
            depth -= depth > 0;
            break;
        case ',':
            if (++values > JSON_VALUES_MAX)
                return "it holds too many values";
            break;
        default:
            break;
        }
    }
    if (nul)
        return "it holds a NUL character";
    return json_utf8(line) ? NULL : "it is not UTF-8";
}

cJSON *json_parse(struct ctr_str line, const char **why)
{
    const char *end = NULL;
    cJSON *root;

    *why = look(line);
    if (*why)
        return NULL;
    /* With the NUL, which bounds a parser that looks one byte too far. */
    root = cJSON_ParseWithLengthOpts(line.ptr, (size_t)line.len + 1, &end, 0);
    while (root && end < line.ptr + line.len && (*end == ' ' || *end == '\t'))
        end++;
    if (cJSON_IsObject(root) && end == line.ptr + line.len)
        return root;
    cJSON_Delete(root);
    *why = "it is not one JSON object";
    return NULL;
}

bool json_whole(const cJSON *item, char *out, size_t cap)
{
    const double limit = 9007199254740992.0; /* 2^53: beyond, digits are guesses */

    if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) < limit) ||
        floor(item->valuedouble) < item->valuedouble)
        return false;
    snprintf(out, cap, "%lld", (long long)item->valuedouble);
    return true;
}

/* --- to be read -----------------------------------------------------------------------
 */

/* C1 controls are characters of two bytes that a terminal may obey. */
static bool printable(const uint8_t *s, size_t len)
{
    if (len == 1)
        return s[0] >= ' ' && s[0] != 0x7f;
    return len > 2 || (len == 2 && (s[0] != 0xc2 || s[1] >= 0xa0));
}

char *json_show(struct ctr_str s, char *out, size_t cap)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    size_t n = 0;

    for (size_t i = 0; i < s.len;) {
        size_t len = utf8_length(p + i, (size_t)s.len - i);

        if (n + 8 > cap)
            break;
        if (!printable(p + i, len)) {
            n += (size_t)snprintf(out + n, cap - n, "\\x%02x", p[i]);
            i++;
            continue;
        }
        memcpy(out + n, p + i, len);
        n += len;
        i += len;
    }
    out[n < cap ? n : cap - 1] = '\0';
    return out;
}
