/* cursor.c - lines of text: "carddav 1 MARK", then "PATH<TAB>ID<TAB>KIND<TAB>VALUE". */
#include "cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a line cannot hold is as good as none. */
static const char *usable(const char *text)
{
    for (const char *p = text; p && *p; p++)
        if ((unsigned char)*p < ' ')
            return NULL;
    return text;
}

static size_t put_book(const struct book *book, char *out, size_t cap)
{
    const char *token = usable(book->token), *ctag = usable(book->ctag);
    char kind = token ? 't' : ctag ? 'c' : '-';
    const char *value = token ? token : ctag ? ctag : "";
    int n = snprintf(out, cap, "%s\t%s\t%c\t%s\n", book->path, book->id, kind, value);

    return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

size_t cursor_write(const struct books *b, uint64_t mark, char *out, size_t cap)
{
    int head = snprintf(out, cap, "carddav 1 %016" PRIx64 "\n", mark);
    size_t n = (size_t)head, len;

    for (unsigned i = 0; i < b->n; i++) {
        len = put_book(&b->at[i], out + n, cap - n);
        if (len == 0)
            return 0;
        n += len;
    }
    return n;
}

static bool take_book(struct books *b, char *line)
{
    char *fields[4], *rest = line;
    struct book *book;

    for (int i = 0; i < 4; i++)
        if (!(fields[i] = strsep(&rest, "\t")))
            return false;
    book = books_find(b, fields[0]);
    if (!book || strcmp(book->id, fields[1]) != 0)
        return false;
    book->known = true;
    if (fields[2][0] == 't')
        book->known_token = strdup(fields[3]);
    else if (fields[2][0] == 'c')
        book->known_ctag = strdup(fields[3]);
    return true;
}

static void forget(struct books *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        free(b->at[i].known_token);
        free(b->at[i].known_ctag);
        b->at[i].known_token = b->at[i].known_ctag = NULL;
        b->at[i].known = false;
    }
}

bool cursor_read(struct books *b, uint64_t mark, struct ctr_str cursor)
{
    char *copy = cursor.len && cursor.len <= CURSOR_MAX
                     ? strndup(cursor.ptr, (size_t)cursor.len)
                     : NULL;
    char head[64], *rest = copy, *line = strsep(&rest, "\n");
    bool good;

    forget(b);
    snprintf(head, sizeof(head), "carddav 1 %016" PRIx64, mark);
    good = line && strcmp(line, head) == 0;
    while (good && rest && *rest) {
        line = strsep(&rest, "\n");
        good = take_book(b, line);
    }
    free(copy);
    if (!good)
        forget(b);
    return good;
}
