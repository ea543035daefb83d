/* log.c - builds a line on the stack and hands it to the kernel in one write. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum {
    TEXT_MAX = 2048,              /* of a message, before escaping; longer ones are cut */
    LINE_CAP = 4 * TEXT_MAX + 256 /* everything escaped as \xNN, and the head */
};

static const struct {
    enum log_level level;
    const char *name;
} levels[] = {
    {LOG_LEVEL_ERROR, "error"},
    {LOG_LEVEL_WARN, "warn"},
    {LOG_LEVEL_INFO, "info"},
    {LOG_LEVEL_DEBUG, "debug"},
};

/* The only mutable state of base: every thread logs, and level and writer are set at run
 * time. */
static atomic_int current_level = LOG_LEVEL_INFO;
static _Atomic(log_writer_fn) current_writer;

struct line {
    char text[LINE_CAP];
    size_t len;
};

static void put_char(struct line *line, char c)
{
    ensure(line->len < sizeof(line->text));
    line->text[line->len++] = c;
}

/* Escapes what could start a new line or drive a terminal. Bytes from 0x80 stay: UTF-8,
 * except the C1 controls, which terminals obey (U+0080..U+009F: 0xC2 0x80..0x9F). */
static void put_escaped(struct line *line, const char *z)
{
    static const char hex[] = "0123456789abcdef";
    bool after_c2 = false;

    for (; *z; z++) {
        unsigned char c = (unsigned char)*z;
        bool c1 = after_c2 && c >= 0x80 && c <= 0x9f;

        after_c2 = c == 0xc2;
        if (c == '\n' || c == '\r' || c == '\t') {
            put_char(line, '\\');
            put_char(line, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if (c < 0x20 || c == 0x7f || c1) {
            put_char(line, '\\');
            put_char(line, 'x');
            put_char(line, hex[c >> 4]);
            put_char(line, hex[c & 15]);
        } else {
            put_char(line, (char)c);
        }
    }
}

static void put_head(struct line *line, enum log_level level)
{
    char head[64], when[32];

    if (getenv("JOURNAL_STREAM")) /* the journal keeps the time itself */
        snprintf(head, sizeof(head), "<%d>", (int)level);
    else
        snprintf(head, sizeof(head), "%s %s ",
                 clock_format(clock_wall_ms(), when, sizeof(when)),
                 log_level_name(level));
    put_escaped(line, head);
}

/* A log that cannot be written has nowhere to say so. */
static void write_line(const struct line *line)
{
    ssize_t n;

    do
        n = write(STDERR_FILENO, line->text, line->len);
    while (n < 0 && errno == EINTR);
}

/* ---- values in quotes ------------------------------------------------------- */

/* One character at z, as it stands between quotes; *taken: of how many bytes. returns how
 * long it is in out */
static size_t quote_char(const char *z, char out[8], size_t *taken)
{
    const unsigned char *u = (const unsigned char *)z;
    bool c1 = u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f;

    *taken = c1 ? 2 : 1;
    if (c1 || (u[0] < 0x20 && !strchr("\n\r\t", u[0])) || u[0] == 0x7f)
        return (size_t)snprintf(out, 8, "\\u%04x", (unsigned)(c1 ? u[1] : u[0]));
    if (u[0] >= 0x20 && u[0] != '"' && u[0] != '\\') {
        out[0] = *z;
        return 1;
    }
    out[0] = '\\';
    out[1] = *z == '\n' ? 'n' : *z == '\r' ? 'r' : *z == '\t' ? 't' : *z;
    return 2;
}

const char *log_quote(struct log_value *value, const char *z)
{
    const size_t room = sizeof(value->text) - sizeof("...\"");
    size_t n = 0, begun = 0;

    value->text[n++] = '"';
    while (z && *z) {
        char out[8];
        size_t taken, len = quote_char(z, out, &taken);

        if (((unsigned char)*z & 0xc0) != 0x80)
            begun = n;
        if (n + len > room) { /* not in the middle of a character */
            n = begun + (size_t)snprintf(value->text + begun, sizeof("..."), "...");
            break;
        }
        memcpy(value->text + n, out, len);
        n += len;
        z += taken;
    }
    memcpy(value->text + n, "\"", 2);
    return value->text;
}

/* A line that was cut within a quoted value: the value ends, too. */
static void end_quote(char text[TEXT_MAX])
{
    size_t n = strlen(text);
    bool quoted = false;

    for (size_t i = 1; i < n; i++) {
        if (quoted && text[i] == '\\' && i + 1 < n)
            i++;
        else if (text[i] == '"' && (quoted || text[i - 1] == '='))
            quoted = !quoted;
    }
    if (!quoted)
        return;
    if (n > TEXT_MAX - 2)
        n = TEXT_MAX - 2;
    memcpy(text + n, "\"", 2);
}

/* ---- lines ------------------------------------------------------------------ */

void log_line(enum log_level level, const char *who, const char *fmt, ...)
{
    int saved_errno = errno;
    log_writer_fn writer = atomic_load(&current_writer);
    char text[TEXT_MAX], where[128];
    struct line line;
    va_list ap;
    int n;

    if ((int)level > atomic_load_explicit(&current_level, memory_order_relaxed))
        return;
    line.len = 0;
    va_start(ap, fmt);
    n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0)
        snprintf(text, sizeof(text), "message could not be formatted");
    else if ((size_t)n >= sizeof(text))
        memcpy(text + sizeof(text) - 5, "...", 4); /* and room for a quote */
    end_quote(text);
    if (writer) {
        writer(level, who ? who : "core", text);
        errno = saved_errno;
        return;
    }
    snprintf(where, sizeof(where), "%s", who ? who : "core");
    put_head(&line, level);
    put_escaped(&line, where);
    put_escaped(&line, ": ");
    put_escaped(&line, text);
    put_char(&line, '\n');
    write_line(&line);
    errno = saved_errno;
}

void log_set_writer(log_writer_fn fn)
{
    atomic_store(&current_writer, fn);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

int log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (name && strcmp(levels[i].name, name) == 0) {
            *level = levels[i].level;
            return 0;
        }
    return -CTR_EINVAL;
}

const char *log_level_name(enum log_level level)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (levels[i].level == level)
            return levels[i].name;
    return "unknown";
}
