/* log.h - one line a message: lower-case event, then key=value.
 *
 * Goes to stderr with a "<N>" priority prefix under systemd (JOURNAL_STREAM set), else
 * with time and level. Thread-safe; one write a line; control characters in values are
 * escaped, so CR/LF in input cannot make lines. A value that may hold anything stands in
 * quotes, as logfmt has it: "reason=%s" with log_quoted(text). No contact data and no
 * secrets above debug. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARN = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* who: "source.crm", "net", ... */
void log_line(enum log_level level, const char *who, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define log_error(who, ...) log_line(LOG_LEVEL_ERROR, who, __VA_ARGS__)
#define log_warn(who, ...)  log_line(LOG_LEVEL_WARN, who, __VA_ARGS__)
#define log_info(who, ...)  log_line(LOG_LEVEL_INFO, who, __VA_ARGS__)
#define log_debug(who, ...) log_line(LOG_LEVEL_DEBUG, who, __VA_ARGS__)

/* Any text as one value of a line: in quotes, with what would end or hide it escaped as
 * logfmt reads it (\", \\, \n, \r, \t, \u001b). A long one is cut and ends with "...".
 * The value lives as long as the block it is made in. */
struct log_value {
    char text[1536];
};
#define log_quoted(z) log_quote(&(struct log_value){.text = ""}, z)
/* z: NULL is "". returns value->text */
const char *log_quote(struct log_value *value, const char *z);

/* Where lines go instead of stderr (a process that belongs to another one); NULL: stderr.
 * fn: any thread. */
typedef void (*log_writer_fn)(enum log_level level, const char *who, const char *text);
void log_set_writer(log_writer_fn fn);

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "error" | "warn" | "info" | "debug"; returns 0 | -CTR_EINVAL */
int log_level_parse(const char *name, enum log_level *level);
const char *log_level_name(enum log_level level);

#endif
