/* reader.c - bytes to content lines: line ends of all systems, folded lines, soft line
 * breaks of quoted-printable, UTF-16, and lines without end. */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plain/plain.h"

enum { LINE_START = 4096, HEAD_LIMIT = 1024 };

/* --- life -----------------------------------------------------------------------------
 */

struct vcard_reader *vcard_reader_create(const struct vcard_options *options,
                                         const struct vcard_events *events, void *user)
{
    /* Most of it is room that small cards never touch. */
    struct vcard_reader *r = calloc(1, sizeof(*r));
    const char *charset = options->charset ? options->charset : "windows-1252";

    if (!r)
        return NULL;
    r->options = *options;
    r->events = events;
    r->user = user;
    if (r->options.photo_max > CTR_PHOTO_MAX)
        r->options.photo_max = CTR_PHOTO_MAX;
    r->cap_line = LINE_START;
    r->line = malloc(r->cap_line);
    r->photo = malloc(r->options.photo_max + 1);
    errno = 0;
    if (r->line && r->photo &&
        charset_set(&r->fallback, (struct ctr_str){charset, strlen(charset)}))
        return r;
    if (r->line && r->photo)
        errno = EINVAL;
    vcard_reader_destroy(r);
    return NULL;
}

const struct vcard_counts *vcard_reader_counts(const struct vcard_reader *r)
{
    return &r->counts;
}

void vcard_reader_destroy(struct vcard_reader *r)
{
    int saved = errno;

    if (!r)
        return;
    charset_finish(&r->fallback);
    charset_finish(&r->named);
    free(r->line);
    free(r->photo);
    free(r);
    errno = saved;
}

/* --- content lines --------------------------------------------------------------------
 */

static bool has_word(const char *s, size_t n, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= n; i++)
        if (strncasecmp(s + i, word, len) == 0)
            return true;
    return false;
}

/* Looked up once for each content line, however many pieces it comes in. */
static bool pending_is_qp(struct vcard_reader *r)
{
    size_t n = r->n_line < HEAD_LIMIT ? r->n_line : HEAD_LIMIT;
    const char *colon = r->qp == MAYBE ? memchr(r->line, ':', n) : NULL;

    if (colon)
        r->qp =
            has_word(r->line, (size_t)(colon - r->line), "QUOTED-PRINTABLE") ? YES : NO;
    return r->qp == YES;
}

static void line_reset(struct vcard_reader *r)
{
    r->n_line = r->joint = 0;
    r->soft = r->overlong = false;
    r->qp = MAYBE;
}

static void dispatch(struct vcard_reader *r)
{
    char *line = r->line;
    size_t n = r->n_line;

    if (n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) /* at the begin of any file that
                                                         * was put behind another */
        line += 3, n -= 3;
    if (n > 0 && r->stopped == 0)
        r->stopped = card_line(r, line, n, r->overlong);
    line_reset(r);
}

static void append(struct vcard_reader *r, const char *s, size_t n)
{
    size_t cap = r->cap_line;
    char *line;

    if (n > LINE_LIMIT - r->n_line) {
        n = LINE_LIMIT - r->n_line;
        r->overlong = true;
    }
    while (cap < r->n_line + n)
        cap *= 2;
    if (cap > r->cap_line) {
        line = realloc(r->line, cap);
        if (!line) {
            r->stopped = -CTR_ENOMEM;
            return;
        }
        r->line = line;
        r->cap_line = cap;
    }
    memcpy(r->line + r->n_line, s, n);
    r->n_line += n;
}

/* The first byte of a physical line says whether the pending line goes on. returns how
 * many bytes to skip */
static size_t begin_physical(struct vcard_reader *r, char c)
{
    r->begun = true;
    if (r->soft) {
        r->soft = false;
        r->joint = r->n_line;
        return 0;
    }
    r->joint = 0;
    if (r->n_line > 0 && (c == ' ' || c == '\t'))
        /* 2.1 breaks a line at a blank that is part of the value */
        return r->open && r->card.version == VERSION_21 ? 0 : 1;
    if (r->n_line > 0)
        dispatch(r);
    r->line_at = r->at;
    return 0;
}

/* A soft break before the end of the card was none: exporters that cut values leave an
 * equals sign at the end. */
static void unjoin(struct vcard_reader *r)
{
    size_t at = r->joint, n = r->n_line - at;
    struct ctr_str tail = str_trim((struct ctr_str){r->line + at, n});

    if (!str_is(tail, "END:VCARD") && !str_is(tail, "BEGIN:VCARD"))
        return;
    r->n_line = at;
    dispatch(r);
    memmove(r->line, r->line + at, n);
    r->n_line = n;
    r->line_at = r->at;
}

static void end_physical(struct vcard_reader *r)
{
    if (r->begun && r->joint)
        unjoin(r);
    if (r->soft && !r->begun)
        r->soft = false; /* the value's last line was empty */
    if (r->begun && r->n_line > 0 && r->line[r->n_line - 1] == '=' && !r->overlong &&
        pending_is_qp(r)) {
        r->n_line--;
        r->soft = true;
    }
    r->begun = false;
    r->at++;
}

/* --- bytes ----------------------------------------------------------------------------
 */

static size_t line_length(const char *s, size_t n)
{
    const char *lf = memchr(s, '\n', n), *cr;

    if (lf)
        n = (size_t)(lf - s);
    cr = memchr(s, '\r', n);
    return cr ? (size_t)(cr - s) : n;
}

static void feed_text(struct vcard_reader *r, const char *s, size_t n)
{
    size_t len, skip;

    while (n > 0 && r->stopped == 0) {
        if (r->cr && *s == '\n') {
            r->cr = false;
            s++, n--;
            continue;
        }
        r->cr = false;
        len = line_length(s, n);
        if (len > 0) {
            skip = r->begun ? 0 : begin_physical(r, *s);
            append(r, s + skip, len - skip);
        }
        s += len, n -= len;
        if (n == 0)
            break;
        r->cr = *s == '\r';
        s++, n--;
        end_physical(r);
    }
}

static uint32_t unit(const struct vcard_reader *r, const unsigned char *p)
{
    return r->encoding == UTF16BE ? (uint32_t)(p[0] << 8 | p[1])
                                  : (uint32_t)(p[1] << 8 | p[0]);
}

/* The character that begins in r->half. returns bytes of out; 0: more are needed */
static size_t take_utf16(struct vcard_reader *r, char *out)
{
    uint32_t c = unit(r, r->half), low;
    unsigned used = 2;

    if (c >= 0xd800 && c < 0xdc00) {
        if (r->n_half < 4)
            return 0;
        low = unit(r, r->half + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            used = 4;
        }
    }
    if (c >= 0xd800 && c < 0xe000)
        c = 0xfffd;
    r->n_half -= used;
    memmove(r->half, r->half + used, r->n_half);
    return plain_put_utf8(out, c);
}

static void feed_utf16(struct vcard_reader *r, const unsigned char *s, size_t n)
{
    char out[1024];
    size_t at = 0, len;

    while (n > 0) {
        r->half[r->n_half++] = *s++;
        n--;
        while (r->n_half >= 2 && r->n_half % 2 == 0 && (len = take_utf16(r, out + at)))
            at += len;
        if (at > sizeof(out) - 16) {
            feed_text(r, out, at);
            at = 0;
        }
    }
    feed_text(r, out, at);
}

static void feed_known(struct vcard_reader *r, const unsigned char *s, size_t n)
{
    if (r->encoding == BYTES)
        feed_text(r, (const char *)s, n);
    else
        feed_utf16(r, s, n);
}

/* Every vCard begins with ASCII. */
static void find_encoding(struct vcard_reader *r)
{
    const unsigned char *h = r->head;

    r->encoding = BYTES;
    if (r->n_head < 4)
        return;
    if ((h[0] == 0xff && h[1] == 0xfe) || (h[0] && !h[1] && h[2] && !h[3]))
        r->encoding = UTF16LE;
    else if ((h[0] == 0xfe && h[1] == 0xff) || (!h[0] && h[1] && !h[2] && h[3]))
        r->encoding = UTF16BE;
}

static void start(struct vcard_reader *r)
{
    find_encoding(r);
    r->at = 1;
    feed_known(r, r->head, r->n_head);
}

int32_t vcard_reader_feed(struct vcard_reader *r, const void *data, uint64_t n)
{
    const unsigned char *s = data;

    if (r->encoding == UNKNOWN) {
        while (n > 0 && r->n_head < 4) {
            r->head[r->n_head++] = *s++;
            n--;
        }
        if (r->n_head < 4)
            return 0;
        start(r);
    }
    feed_known(r, s, n);
    return r->stopped;
}

int32_t vcard_reader_end(struct vcard_reader *r)
{
    int32_t rc;

    if (r->encoding == UNKNOWN)
        start(r);
    if (r->begun)
        end_physical(r);
    dispatch(r);
    rc = card_cut(r);
    if (r->stopped != 0)
        rc = r->stopped;
    r->stopped = 0;
    r->encoding = UNKNOWN;
    r->n_head = r->n_half = 0;
    r->begun = r->cr = r->garbage = false;
    return rc;
}
