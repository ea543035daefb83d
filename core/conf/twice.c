/* twice.c - a second look at a file in which something is set twice. */
#include "conf/twice.h"

#include <string.h>

#include "base/str.h"

/* The offset where a line begins. */
static size_t line_start(struct ctr_str text, uint32_t line)
{
    const char *at = text.ptr, *end = text.ptr + text.len;

    while (line > 1 && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        if (!stop)
            break;
        at = stop + 1;
        line--;
    }
    return (size_t)(at - text.ptr);
}

static struct ctr_str line_at(struct ctr_str text, size_t start)
{
    const char *at = text.ptr + start;
    size_t left = (size_t)text.len - start;
    const char *stop = left ? memchr(at, '\n', left) : NULL;

    return str_trim(str_make(at, stop ? (size_t)(stop - at) : left));
}

/* The last line before `start` that looks like a header; absent: none. */
static struct ctr_str header_before(struct ctr_str text, size_t start)
{
    while (start > 0) {
        size_t at = start - 1;

        while (at > 0 && text.ptr[at - 1] != '\n')
            at--;
        if (str_starts(line_at(text, at), STR_LIT("[")))
            return line_at(text, at);
        start = at;
    }
    return (struct ctr_str){NULL, 0};
}

/* The statement at `start` with its section, and nothing else; a value is left out. */
static void isolate(struct ctr_str text, size_t start, struct strbuf *out)
{
    struct ctr_str line = line_at(text, start);
    const char *equals = line.len ? memchr(line.ptr, '=', (size_t)line.len) : NULL;

    if (str_starts(line, STR_LIT("["))) {
        strbuf_str(out, line);
        return;
    }
    strbuf_str(out, header_before(text, start));
    strbuf_char(out, '\n');
    if (equals)
        strbuf_str(out, str_make(line.ptr, (size_t)(equals - line.ptr)));
    strbuf_z(out, "= 0");
}

/* Follows the one path in `again` as far as `before` has it. */
static struct conf_place follow(const struct conf_node *before,
                                const struct conf_node *again)
{
    while (again->first) {
        const struct conf_node *child = again->first;
        const struct conf_node *found =
            child->key.ptr ? conf_get(before, child->key.ptr) : before->last;

        if (!found)
            return (struct conf_place){0};
        before = found;
        again = child;
        if (found->type != child->type)
            break;
    }
    return before->key_at;
}

struct conf_place twice_first(struct conf *conf, struct ctr_str text, uint32_t line,
                              const struct conf_file *file)
{
    struct conf_node before = {.type = CONF_TABLE}, again = {.type = CONF_TABLE};
    size_t start = line_start(text, line);
    struct conf_place first = {0};
    struct strbuf alone = {0};
    struct toml_failure failure;
    struct diag ignored = {0}; /* where this does not parse there is nothing to find */

    isolate(text, start, &alone);
    if (tree_parse(conf, str_make(text.ptr, start), file, &before, &failure, &ignored) ==
            0 &&
        tree_parse(conf, str_make(alone.ptr, alone.len), file, &again, &failure,
                   &ignored) == 0)
        first = follow(&before, &again);
    diag_finish(&ignored);
    strbuf_finish(&alone);
    return first;
}
