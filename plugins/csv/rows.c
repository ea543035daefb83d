/* rows.c - the row machine: scanning cells, judging rows, going on after a broken one. */
#include "rows.h"

#include <stdlib.h>
#include <strings.h>

#include "kit/kit.h"

enum { BUFFER = ROWS_ROW_MAX + INPUT_BLOCK, RESCAN_FREE = 16 * 1024 * 1024 };

/* --- scanning one row -----------------------------------------------------------------
 */

enum scan_result { SCAN_ROW, SCAN_MORE, SCAN_BAD, SCAN_OPEN };

struct scan {
    size_t at;      /* where the scan stands; afterwards behind the row */
    size_t open;    /* the quote that opened the last quoted cell */
    uint64_t lines; /* line ends passed */
    const char *why;
};

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < n; i++)
        lines += p[i] == '\n' || (p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n'));
    return lines;
}

static bool is_blank(const struct rows *r, char c)
{
    return (c == ' ' || c == '\t') && c != r->delimiter;
}

/* Behind the closing quote only blanks may stand before the delimiter or the line end. */
static enum scan_result scan_close(struct rows *r, struct scan *s)
{
    while (s->at < r->end && is_blank(r, r->buf[s->at]))
        s->at++;
    if (s->at == r->end)
        return r->eof ? SCAN_ROW : SCAN_MORE;
    if (r->stop[(uint8_t)r->buf[s->at]])
        return SCAN_ROW;
    s->why = "text follows a closing quote";
    return SCAN_BAD;
}

static enum scan_result scan_quoted(struct rows *r, struct scan *s, struct cell *cell)
{
    size_t begin = s->at + 1, p = begin;
    char *quote;

    s->open = s->at;
    for (;;) {
        quote = memchr(r->buf + p, '"', r->end - p);
        if (!quote)
            return r->eof ? SCAN_OPEN : SCAN_MORE;
        p = (size_t)(quote - r->buf);
        if (p + 1 == r->end && !r->eof)
            return SCAN_MORE;
        if (p + 1 == r->end || r->buf[p + 1] != '"')
            break;
        cell->escaped = true;
        p += 2;
    }
    cell->ptr = r->buf + begin;
    cell->len = (uint32_t)(p - begin);
    s->lines += count_lines(cell->ptr, cell->len);
    s->at = p + 1;
    return scan_close(r, s);
}

static void scan_plain(struct rows *r, struct scan *s, struct cell *cell)
{
    char *p = r->buf + s->at;

    cell->ptr = p;
    while (!r->stop[(uint8_t)*p])
        p++;
    cell->len = (uint32_t)(p - cell->ptr);
    s->at = (size_t)(p - r->buf);
}

/* `a, "b, c"`: blanks before the quote. Taken as quoted if that works out within the
 * line; else the quote is an ordinary character. */
static bool scan_blank_quoted(struct rows *r, struct scan *s, struct cell *cell)
{
    struct scan try = *s;
    struct cell got = {0};

    while (try.at < r->end && is_blank(r, r->buf[try.at]))
        try.at++;
    if (try.at == s->at || try.at == r->end || r->buf[try.at] != '"' ||
        scan_quoted(r, &try, &got) != SCAN_ROW || try.lines != s->lines)
        return false;
    *s = try;
    *cell = got;
    return true;
}

/* Behind the row's last cell. */
static enum scan_result scan_line_end(struct rows *r, struct scan *s)
{
    r->open_end = s->at == r->end;
    if (r->open_end)
        return SCAN_ROW;
    if (r->buf[s->at] == '\r') {
        if (s->at + 1 == r->end && !r->eof)
            return SCAN_MORE;
        if (s->at + 1 < r->end && r->buf[s->at + 1] == '\n')
            s->at++;
    }
    s->at++;
    s->lines++;
    return SCAN_ROW;
}

static enum scan_result scan_row(struct rows *r, size_t begin, struct scan *s)
{
    enum scan_result rc;

    *s = (struct scan){.at = begin};
    r->buf[r->end] = '\n'; /* the sentinel every unquoted cell stops at */
    for (r->n_cells = 0; r->n_cells < ROWS_COLUMNS_MAX; s->at++) {
        struct cell *cell = &r->cells[r->n_cells++];

        cell->escaped = false;
        if (r->buf[s->at] == '"') {
            rc = scan_quoted(r, s, cell);
            if (rc != SCAN_ROW)
                return rc;
        } else if (!is_blank(r, r->buf[s->at]) || !scan_blank_quoted(r, s, cell)) {
            scan_plain(r, s, cell);
        }
        if (s->at == r->end && !r->eof)
            return SCAN_MORE;
        if (s->at == r->end || r->buf[s->at] != r->delimiter)
            return scan_line_end(r, s);
    }
    s->why = "has too many columns";
    return SCAN_BAD;
}

/* --- after a broken row ---------------------------------------------------------------
 */

/* The place behind the line end that follows `from`; false: there is none yet, and *next
 * is where to look on. */
static bool line_end(const struct rows *r, size_t from, size_t *next)
{
    for (*next = from; *next < r->end; (*next)++) {
        if (r->buf[*next] == '\r' && *next + 1 == r->end && !r->eof)
            return false;
        if (r->buf[*next] == '\n' || r->buf[*next] == '\r') {
            *next +=
                r->buf[*next] == '\r' && *next + 1 < r->end && r->buf[*next + 1] == '\n';
            (*next)++;
            return true;
        }
    }
    return false;
}

/* Goes on with the line after the row's first one. Rows may make us read bytes again and
 * again; when that passes all proportion, only what follows is read. */
static void recover(struct rows *r, size_t noticed)
{
    size_t second;
    bool found = line_end(r, r->at, &second);

    if (found && second <= noticed) {
        r->rescanned += noticed - second;
        if (r->rescanned > RESCAN_FREE + 8 * (r->base + r->end)) {
            r->at_line += count_lines(r->buf + r->at, noticed - r->at);
            r->at = noticed;
            r->skipping = true;
            return;
        }
        if (r->strict_until < r->base + noticed)
            r->strict_until = r->base + noticed;
    }
    r->at = second;
    r->at_line += found;
    r->skipping = !found;
}

static enum rows_result bad_row(struct rows *r, const struct scan *s, size_t noticed)
{
    uint64_t open = r->at_line;

    r->line = r->at_line;
    if (s->open > r->at)
        open += count_lines(r->buf + r->at, s->open - r->at);
    if (open != r->line)
        snprintf(r->reason, sizeof(r->reason), "%s (the quote opened in line %llu)",
                 s->why, (unsigned long long)open);
    else
        snprintf(r->reason, sizeof(r->reason), "%s", s->why);
    recover(r, noticed);
    return ROWS_BAD;
}

/* The file ends within quotes. If good rows follow the line, the quote is a stray one; if
 * not, the end of the file is missing. */
static bool quote_is_stray(struct rows *r)
{
    bool open = true;
    uint32_t good = 0;
    uint64_t work = 0;
    size_t p;

    if (r->columns < 2 || !line_end(r, r->at, &p))
        return false;
    while (p < r->end) {
        struct scan s;
        enum scan_result rc = scan_row(r, p, &s);

        open = rc == SCAN_OPEN;
        good += rc == SCAN_ROW && r->n_cells == r->columns;
        work += (open ? r->end : s.at) - p;
        if (work > RESCAN_FREE)
            return false;
        if (rc == SCAN_ROW)
            p = s.at;
        else
            line_end(r, p, &p);
    }
    return good > 0 && !open;
}

static enum rows_result open_quote(struct rows *r, struct scan *s)
{
    s->why = "a quote is opened and never closed";
    if (quote_is_stray(r))
        return bad_row(r, s, r->end);
    r->line = r->at_line + count_lines(r->buf + r->at, s->open - r->at);
    snprintf(r->reason, sizeof(r->reason),
             "the file ends within the quotes that open in line %llu",
             (unsigned long long)r->line);
    return ROWS_CUT;
}

/* --- judging a row --------------------------------------------------------------------
 */

static bool cell_is_blank(const struct cell *c)
{
    for (uint32_t i = 0; i < c->len; i++)
        if (c->ptr[i] != ' ' && c->ptr[i] != '\t')
            return false;
    return true;
}

/* Cells beyond the header's that hold nothing are delimiters too many. */
static void drop_blank_tail(struct rows *r)
{
    while (r->n_cells > r->columns && cell_is_blank(&r->cells[r->n_cells - 1]))
        r->n_cells--;
}

static void unescape(struct cell *c)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->len; i++, n++) {
        c->ptr[n] = c->ptr[i];
        i += c->ptr[i] == '"'; /* always doubled */
    }
    c->len = n;
}

/* The file stops in the middle of its last row. Only where rows are complete otherwise:
 * some programs leave empty columns at the end of a row away. */
static bool cut_short(const struct rows *r)
{
    return r->open_end && r->columns > 1 && r->n_cells < r->columns && r->full_rows > 0 &&
           r->short_rows == 0;
}

static enum rows_result cut(struct rows *r, const char *where)
{
    snprintf(r->reason, sizeof(r->reason),
             "the file ends in line %llu %s, without a line end",
             (unsigned long long)r->line, where);
    return ROWS_CUT;
}

static enum rows_result judge(struct rows *r, const char *text, size_t n, bool strict)
{
    enum encoding from = r->in->decoder.from;

    if (cut_short(r))
        return cut(r, "before its last column");
    if (r->open_end && decode_is_cut(from, text, n))
        return cut(r, "within a character");
    if (memchr(text, 0, n)) {
        snprintf(r->reason, sizeof(r->reason), "holds a NUL byte");
        return ROWS_BAD;
    }
    if (!utf8_valid(text, n)) {
        snprintf(r->reason, sizeof(r->reason), "holds bytes that are not %s",
                 encoding_name(from));
        return ROWS_BAD;
    }
    if (r->columns)
        drop_blank_tail(r);
    if (strict && r->n_cells != r->columns) {
        snprintf(r->reason, sizeof(r->reason),
                 "seems to be a piece of the broken row above: %u columns of %u",
                 r->n_cells, r->columns);
        return ROWS_BAD;
    }
    if (r->columns && r->n_cells > r->columns) {
        snprintf(r->reason, sizeof(r->reason), "has %u columns, the header has %u",
                 r->n_cells, r->columns);
        return ROWS_BAD;
    }
    r->full_rows += r->columns && r->n_cells == r->columns;
    r->short_rows += r->n_cells < r->columns;
    for (uint32_t i = 0; i < r->n_cells; i++)
        if (r->cells[i].escaped)
            unescape(&r->cells[i]);
    return ROWS_ROW;
}

static enum rows_result take_row(struct rows *r, const struct scan *s)
{
    size_t begin = r->at;
    bool strict = r->base + begin < r->strict_until;

    r->line = r->at_line;
    r->at = s->at;
    r->at_line += s->lines;
    return judge(r, r->buf + begin, s->at - begin, strict);
}

/* Finishes the line that is being skipped. returns false when more bytes are needed */
static bool skip_line(struct rows *r)
{
    size_t next;
    bool found = line_end(r, r->at, &next);

    r->at = next;
    r->at_line += found;
    r->skipping = !found && !r->eof;
    return !r->skipping;
}

enum rows_result rows_next(struct rows *r)
{
    struct scan s;

    for (;;) {
        if (r->skipping && !skip_line(r))
            return ROWS_MORE;
        if (r->at == r->end)
            return r->eof ? ROWS_END : ROWS_MORE;
        switch (scan_row(r, r->at, &s)) {
        case SCAN_MORE:
            if (r->end - r->at < ROWS_ROW_MAX)
                return ROWS_MORE;
            s.why = "is longer than 1 MiB; perhaps a quote is never closed";
            return bad_row(r, &s, r->end);
        case SCAN_BAD:
            return bad_row(r, &s, s.at);
        case SCAN_OPEN:
            return open_quote(r, &s);
        case SCAN_ROW:
            if (r->n_cells > 1 || !cell_is_blank(&r->cells[0]))
                return take_row(r, &s);
            r->at = s.at; /* an empty line */
            r->at_line += s.lines;
        }
    }
}

/* --- the stream -----------------------------------------------------------------------
 */

int32_t rows_init(struct rows *r, struct input *in)
{
    *r = (struct rows){.in = in, .cap = BUFFER, .at_line = 1};
    r->buf = malloc(BUFFER + 1);
    if (!r->buf)
        return kit_fail(in->host, -CTR_ENOMEM, "out of memory while reading %s",
                        in->path);
    return 0;
}

int32_t rows_fill(struct rows *r)
{
    size_t n;
    int32_t rc;

    memmove(r->buf, r->buf + r->at, r->end - r->at);
    r->base += r->at;
    r->end -= r->at;
    r->at = 0;
    rc = input_read(r->in, r->buf + r->end, &n);
    if (rc != 0)
        return rc;
    r->end += n;
    r->eof = n == 0;
    return 0;
}

/* How often c stands outside quotes in the first line that is not empty. whole: its end
 * and something behind it are there. */
static uint32_t count_outside(const struct rows *r, char c, bool *whole)
{
    bool quoted = false, text = false;
    uint32_t n = 0;

    *whole = false;
    for (size_t i = r->at; i < r->end; i++) {
        char have = r->buf[i];
        bool line = !quoted && (have == '\n' || have == '\r');

        if (line && text) {
            *whole = i + 1 < r->end;
            break;
        }
        if (have == '"')
            quoted = !quoted;
        text = text || !line;
        n += !quoted && have == c;
    }
    return n;
}

/* Spreadsheets write "sep=;" as the first line and want it obeyed. returns 0: none */
static char take_sep_line(struct rows *r)
{
    const char *p = r->buf;
    bool quoted = r->end > 0 && p[0] == '"';
    size_t i = quoted, next;
    char c;

    if (r->end < i + 6 || strncasecmp(p + i, "sep=", 4) != 0)
        return 0;
    c = p[i + 4];
    i += 5;
    if (quoted && p[i++] != '"')
        return 0;
    if (i >= r->end || (p[i] != '\r' && p[i] != '\n') || !line_end(r, i, &next))
        return 0;
    r->at = next;
    r->at_line++;
    return c == ',' || c == ';' || c == '\t' || c == '|' ? c : 0;
}

static char find_delimiter(const struct rows *r)
{
    static const char order[] = {'\t', ';', ',', '|'}; /* the rarest in text first */
    uint32_t most = 0, n;
    char found = ',';
    bool whole;

    for (unsigned i = 0; i < sizeof(order); i++) {
        n = count_outside(r, order[i], &whole);
        if (n > most) {
            most = n;
            found = order[i];
        }
    }
    return found;
}

/* Two lines must be there, a "sep=" line and the header, or all that fits. */
static int32_t fill_header(struct rows *r)
{
    bool whole = false;
    int32_t rc;

    do {
        rc = rows_fill(r);
        if (rc != 0)
            return rc;
        if (r->base + r->at == 0)
            r->sep = take_sep_line(r);
        count_outside(r, ',', &whole);
    } while (!whole && !r->eof && r->end < ROWS_ROW_MAX);
    return 0;
}

int32_t rows_begin(struct rows *r, enum delimiter wanted)
{
    static const char fixed[] = {0, ',', ';', '\t', '|'};
    int32_t rc = fill_header(r);

    if (rc != 0)
        return rc;
    r->delimiter = fixed[wanted] ? fixed[wanted] : r->sep ? r->sep : find_delimiter(r);
    r->stop['\n'] = r->stop['\r'] = r->stop[(uint8_t)r->delimiter] = true;
    return 0;
}

void rows_finish(struct rows *r)
{
    free(r->buf);
    r->buf = NULL;
}
