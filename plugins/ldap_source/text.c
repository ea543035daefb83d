/* text.c - small text: UTF-8, ids in words, clocks. */
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

size_t text_utf8_step(const char *s, size_t n)
{
    const uint8_t *u = (const uint8_t *)s;
    size_t len = u[0] < 0x80                   ? 1
                 : u[0] >= 0xc2 && u[0] < 0xe0 ? 2
                 : (u[0] & 0xf0) == 0xe0       ? 3
                 : u[0] >= 0xf0 && u[0] < 0xf5 ? 4
                                               : 0;

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    return len;
}

bool text_utf8(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t step = text_utf8_step(s + i, n - i);

        if (step == 0 || s[i] == 0)
            return false;
        i += step;
    }
    return true;
}

struct ctr_str text_trim(struct ctr_str s)
{
    while (s.len && (uint8_t)s.ptr[0] <= ' ') {
        s.ptr++;
        s.len--;
    }
    while (s.len && (uint8_t)s.ptr[s.len - 1] <= ' ')
        s.len--;
    return s;
}

void text_uuid(const uint8_t r[16], char out[TEXT_UUID])
{
    snprintf(out, TEXT_UUID,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0],
             r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12],
             r[13], r[14], r[15]);
}

void text_guid(const uint8_t raw[16], char out[TEXT_UUID])
{
    const uint8_t turned[16] = {raw[3],  raw[2],  raw[1],  raw[0], raw[5],  raw[4],
                                raw[7],  raw[6],  raw[8],  raw[9], raw[10], raw[11],
                                raw[12], raw[13], raw[14], raw[15]};

    text_uuid(turned, out);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool text_uuid_parse(const char *s, size_t n, uint8_t raw[16])
{
    size_t at = 0;

    if (n != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s[i] != '-')
                return false;
            continue;
        }
        if (hex(s[i]) < 0 || hex(s[i + 1]) < 0)
            return false;
        raw[at++] = (uint8_t)(hex(s[i]) << 4 | hex(s[i + 1]));
        i++;
    }
    return true;
}

bool text_time_parse(const char *s, size_t n, int64_t *seconds)
{
    int part[6] = {0};
    static const uint8_t digits[6] = {4, 2, 2, 2, 2, 2};
    struct tm tm = {0};
    size_t at = 0;

    for (int i = 0; i < 6; i++)
        for (uint8_t k = 0; k < digits[i]; k++, at++) {
            if (at >= n || s[at] < '0' || s[at] > '9')
                return false;
            part[i] = part[i] * 10 + (s[at] - '0');
        }
    if (n < 15 || s[n - 1] != 'Z' || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 60 || part[0] < 1970)
        return false;
    tm.tm_year = part[0] - 1900;
    tm.tm_mon = part[1] - 1;
    tm.tm_mday = part[2];
    tm.tm_hour = part[3];
    tm.tm_min = part[4];
    tm.tm_sec = part[5];
    *seconds = (int64_t)timegm(&tm);
    return true;
}

void text_time(int64_t seconds, char out[TEXT_TIME])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(out, TEXT_TIME, "%Y%m%d%H%M%SZ", &tm) == 0)
        snprintf(out, TEXT_TIME, "19700101000000Z");
}

int64_t text_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
