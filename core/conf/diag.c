/* diag.c - collecting, sorting and printing what is wrong. */
#include "conf/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

enum { TEXT_MAX = 1024 /* of one problem; input may be quoted in it */ };

/* An error that comes when only room for warnings is taken puts out the last of them: a
 * refusal without its reason helps nobody. */
static struct diag_item *make_room(struct diag *diag, bool error)
{
    if (diag->n < DIAG_MAX)
        return &diag->items[diag->n++];
    for (unsigned i = DIAG_MAX; error && i-- > 0;)
        if (!diag->items[i].error) {
            free(diag->items[i].file);
            free(diag->items[i].text);
            return &diag->items[i];
        }
    return NULL;
}

/* Where to cut so that no character is halved. */
static void cut(char *text, size_t len)
{
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    memcpy(text + len, "...", 4);
}

__attribute__((format(printf, 4, 0))) static void
report(struct diag *diag, bool error, struct conf_place at, const char *fmt, va_list ap)
{
    char text[TEXT_MAX];
    struct diag_item *item = make_room(diag, error);
    int n;

    if (error)
        diag->errors++;
    else
        diag->warnings++;
    if (!item)
        return;
    n = vsnprintf(text, sizeof(text), fmt, ap);
    if (n < 0)
        snprintf(text, sizeof(text), "a problem that could not be described");
    else if ((size_t)n >= sizeof(text))
        cut(text, sizeof(text) - 8);
    *item = (struct diag_item){
        .error = error,
        .file = at.file ? xstrdup(at.file->name) : NULL,
        .order = at.file ? at.file->order : 0,
        .line = at.line,
        .column = at.column,
        .number = diag->errors + diag->warnings,
        .text = xstrdup(text),
    };
}

void diag_error(struct diag *diag, struct conf_place at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(diag, true, at, fmt, ap);
    va_end(ap);
}

void diag_warning(struct diag *diag, struct conf_place at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(diag, false, at, fmt, ap);
    va_end(ap);
}

static int compare(const void *a, const void *b)
{
    const struct diag_item *x = a, *y = b;

    if (!x->file != !y->file)
        return x->file ? 1 : -1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* By file, line and column. */
static void diag_sort(struct diag *diag)
{
    qsort(diag->items, diag->n, sizeof(diag->items[0]), compare);
}

static void add_escaped(struct strbuf *out, const char *z)
{
    for (; *z; z++)
        if ((unsigned char)*z < 0x20 || *z == 0x7f)
            strbuf_fmt(out, "\\x%02x", (unsigned char)*z);
        else
            strbuf_char(out, *z);
}

static void add_item(struct strbuf *out, const struct diag_item *item)
{
    if (item->file) {
        add_escaped(out, item->file);
        strbuf_char(out, ':');
    }
    if (item->file && item->line > 0)
        strbuf_fmt(out, "%u:%u:", item->line, item->column);
    if (item->file)
        strbuf_char(out, ' ');
    strbuf_z(out, item->error ? "error: " : "warning: ");
    add_escaped(out, item->text);
    strbuf_char(out, '\n');
}

void diag_format(struct diag *diag, struct strbuf *out)
{
    unsigned all = diag->errors + diag->warnings;

    diag_sort(diag);
    for (unsigned i = 0; i < diag->n; i++)
        add_item(out, &diag->items[i]);
    if (all > diag->n)
        strbuf_fmt(out, "and %u more\n", all - diag->n);
}

void diag_print(struct diag *diag, FILE *out)
{
    struct strbuf text = {0};

    diag_format(diag, &text);
    if (text.len > 0)
        (void)fwrite(text.ptr, 1, text.len, out); /* to stderr: who else to tell? */
    strbuf_finish(&text);
}

void diag_finish(struct diag *diag)
{
    for (unsigned i = 0; i < diag->n; i++) {
        free(diag->items[i].file);
        free(diag->items[i].text);
    }
    *diag = (struct diag){0};
}
