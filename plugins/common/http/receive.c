/* receive.c - what arrives of an answer: its heads, its body, and the limits on both. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "private.h"

size_t request_refuse(struct http_request *r, int32_t code, const char *reason)
{
    if (r->refused == 0) {
        r->refused = code;
        snprintf(r->reason, sizeof(r->reason), "%s", reason);
    }
    return 0;
}

/* A redirect: another transfer follows, and nobody wants this one's body. */
bool request_redirects(const struct http_request *r)
{
    return r->status / 100 == 3 && r->status != 304;
}

static size_t too_long(struct http_request *r)
{
    char text[128];

    snprintf(text, sizeof(text), "the answer is longer than %llu bytes",
             (unsigned long long)r->max_bytes);
    return request_refuse(r, -CTR_ESIZE, text);
}

size_t request_on_write(char *data, size_t size, size_t n, void *user)
{
    struct http_request *r = user;
    int32_t rc;

    n *= size;
    if (r->refused != 0)
        return 0;
    if (r->paused || r->rests || http_turn_over(r->h)) {
        r->held = true;
        r->rests = r->rests || !r->paused;
        if (r->rests && !http_rest(r->h))
            return request_refuse(r, -CTR_ENOMEM, "out of memory");
        return CURL_WRITEFUNC_PAUSE;
    }
    r->bytes += n;
    if (r->bytes > r->max_bytes)
        return too_long(r);
    if (request_redirects(r) || !r->on_body)
        return n;
    if (r->status >= 400 && r->bytes > HTTP_ERROR_BODY) {
        r->cut = true;
        return 0;
    }
    rc = r->on_body(r->user, data, n);
    if (rc == -CTR_EPAUSE)
        r->paused = true;
    else if (rc < 0)
        return request_refuse(r, rc, "");
    return n;
}

/* The value of header `name` in a line, or NULL. *n: its length. */
static const char *value_of(const char *line, size_t len, const char *name, size_t *n)
{
    size_t at = strlen(name);

    if (len <= at || line[at] != ':' || strncasecmp(line, name, at) != 0)
        return NULL;
    for (at++; at < len && (line[at] == ' ' || line[at] == '\t');)
        at++;
    while (len > at && isspace((unsigned char)line[len - 1]))
        len--;
    *n = len - at;
    return line + at;
}

/* Seconds, or a date. */
static int64_t retry_after(const char *value, size_t n)
{
    char text[64];
    int64_t seconds;
    time_t at;

    snprintf(text, sizeof(text), "%.*s", (int)(n < 63 ? n : 63), value);
    if (isdigit((unsigned char)text[0])) {
        seconds = strtoll(text, NULL, 10);
    } else {
        at = curl_getdate(text, NULL);
        seconds = at < 0 ? 0 : (int64_t)at - (int64_t)time(NULL);
    }
    if (seconds < 0)
        return 0;
    return seconds < HTTP_RETRY_AFTER_MAX ? seconds : HTTP_RETRY_AFTER_MAX;
}

static void take_type(struct http_request *r, const char *value, size_t n)
{
    size_t i;

    for (i = 0; i < n && i + 1 < sizeof(r->type) && value[i] != ';'; i++)
        r->type[i] =
            (char)(value[i] >= 'A' && value[i] <= 'Z' ? value[i] + 32 : value[i]);
    while (i > 0 && r->type[i - 1] == ' ')
        i--;
    r->type[i] = 0;
    for (i = 0; r->type[i]; i++)
        if (r->type[i] < ' ' || r->type[i] > '~')
            r->type[i] = '?';
}

static void take_status(struct http_request *r, const char *line, size_t n)
{
    const char *blank = memchr(line, ' ', n);
    size_t left = blank ? n - (size_t)(blank + 1 - line) : 0;
    char text[8] = "";
    long status;

    if (blank) /* curl ends a line with no NUL */
        snprintf(text, sizeof(text), "%.*s", (int)(left < 7 ? left : 7), blank + 1);
    status = strtol(text, NULL, 10);
    r->status = status >= 0 && status <= 999 ? (int)status : 0;
    r->type[0] = r->location[0] = 0;
    r->retry_after = 0;
}

/* Each head of an answer: also those of 100 Continue and of a login that goes on. */
size_t request_on_header(char *line, size_t size, size_t n, void *user)
{
    struct http_request *r = user;
    const char *value;
    size_t len;

    n *= size;
    r->header_bytes += n;
    if (r->header_bytes > HEADERS_SIZE_MAX)
        return request_refuse(r, -CTR_ESIZE,
                              "the server sends more headers than any answer has");
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
        if (++r->heads > HEADS_MAX)
            return request_refuse(
                r, -CTR_EPROTO,
                "the server asks for the login again and again; try another "
                "`auth`");
        take_status(r, line, n);
    } else if ((value = value_of(line, n, "Content-Type", &len)) != NULL) {
        take_type(r, value, len);
    } else if ((value = value_of(line, n, "Retry-After", &len)) != NULL) {
        r->retry_after = retry_after(value, len);
    } else if ((value = value_of(line, n, "Location", &len)) != NULL) {
        snprintf(r->location, sizeof(r->location), "%.*s",
                 (int)(len < HTTP_URL_MAX ? len : 0), value);
    }
    return n;
}

/* Sees bytes that nobody else does: the body of a 401 that libcurl reads over. */
int request_on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                        curl_off_t up)
{
    struct http_request *r = user;

    (void)total, (void)up_total, (void)up;
    if ((uint64_t)now <= r->max_bytes)
        return 0;
    too_long(r);
    return 1;
}
