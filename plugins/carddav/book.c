/* book.c - address books and the names of their cards. */
#include "book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- names ----------------------------------------------------------------------------
 */

static bool grow(void *at, size_t *cap, size_t need, size_t size)
{
    void **block = at;
    size_t more = *cap ? *cap : 64;
    void *p;

    if (need <= *cap)
        return true;
    while (more < need)
        more *= 2;
    p = realloc(*block, more * size);
    if (!p)
        return false;
    *block = p;
    *cap = more;
    return true;
}

int32_t names_add(struct names *s, const char *name)
{
    size_t n = strlen(name) + 1, cap = s->cap;

    if (!grow(&s->at, &cap, (size_t)s->n + 1, sizeof(*s->at)) ||
        !grow(&s->text, &s->cap_text, s->n_text + n, 1)) {
        s->cap = (uint32_t)cap;
        return -CTR_ENOMEM;
    }
    s->cap = (uint32_t)cap;
    memcpy(s->text + s->n_text, name, n);
    s->at[s->n++] = s->n_text;
    s->n_text += n;
    return 0;
}

const char *names_at(const struct names *s, uint32_t i)
{
    return s->text + s->at[i];
}

void names_clear(struct names *s)
{
    free(s->text);
    free(s->at);
    *s = (struct names){0};
}

/* --- books ----------------------------------------------------------------------------
 */

static void book_finish(struct book *book)
{
    free(book->url);
    free(book->path);
    free(book->name);
    free(book->id);
    free(book->token);
    free(book->ctag);
    free(book->known_token);
    free(book->known_ctag);
    names_clear(&book->changed);
    names_clear(&book->gone);
    *book = (struct book){0};
}

void books_finish(struct books *b)
{
    while (b->n > 0)
        book_finish(&b->at[--b->n]);
}

struct book *books_find(struct books *b, const char *path)
{
    for (unsigned i = 0; i < b->n; i++)
        if (strcmp(b->at[i].path, path) == 0)
            return &b->at[i];
    return NULL;
}

/* Copies, with a slash at the end. */
static char *with_slash(const char *text)
{
    size_t n = strlen(text);
    char *copy = malloc(n + 2);

    if (!copy)
        return NULL;
    memcpy(copy, text, n + 1);
    if (n == 0 || copy[n - 1] != '/')
        memcpy(copy + n, "/", 2);
    return copy;
}

/* Fills what may be absent; false: out of memory. */
static bool copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

static char *segment(const char *path)
{
    const char *last = href_last(path);

    return strndup(last, strcspn(last, "/"));
}

int32_t books_add(struct books *b, const char *url, const struct dav_response *r)
{
    struct book *book = &b->at[b->n];
    char path[HREF_MAX];

    if (!href_path(url, path) || strlen(path) + 2 > HREF_MAX)
        return -CTR_EINVAL;
    if (b->n == BOOKS_MAX)
        return -CTR_EFULL;
    *book = (struct book){.can_sync = r->can_sync || r->token};
    book->url = with_slash(url);
    book->path = with_slash(path);
    if (book->path && books_find(b, book->path)) { /* told twice */
        book_finish(book);
        return 0;
    }
    b->n++;
    book->name = r->name ? strdup(r->name) : book->path ? segment(book->path) : NULL;
    if (!book->url || !book->path || !book->name || !copy(&book->token, r->token) ||
        !copy(&book->ctag, r->ctag))
        return -CTR_ENOMEM;
    return 0;
}

static bool is_called(const struct book *book, const char *name)
{
    const char *last = href_last(book->path);
    size_t n = strcspn(last, "/");

    return strcasecmp(book->name, name) == 0 ||
           (strlen(name) == n && strncasecmp(last, name, n) == 0);
}

static bool is_wanted(const struct book *book, const char *const *names, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (is_called(book, names[i]))
            return true;
    return n == 0;
}

void books_choose(struct books *b, const char *const *names, uint32_t n,
                  const char **missing)
{
    unsigned kept = 0;

    *missing = NULL;
    for (uint32_t i = 0; i < n && !*missing; i++) {
        unsigned k = 0;

        while (k < b->n && !is_called(&b->at[k], names[i]))
            k++;
        if (k == b->n)
            *missing = names[i];
    }
    if (*missing)
        return;
    for (unsigned i = 0; i < b->n; i++) {
        if (!is_wanted(&b->at[i], names, n))
            book_finish(&b->at[i]);
        else if (kept++ != i) {
            b->at[kept - 1] = b->at[i];
            b->at[i] = (struct book){0};
        }
    }
    b->n = kept;
}

static bool is_shared(const struct books *b, const struct book *book)
{
    for (unsigned i = 0; i < b->n; i++)
        if (&b->at[i] != book &&
            strcmp(href_last(b->at[i].path), href_last(book->path)) == 0)
            return true;
    return false;
}

int32_t books_identify(struct books *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        struct book *book = &b->at[i];

        free(book->id);
        book->id = strdup(is_shared(b, book) ? book->path + 1 : href_last(book->path));
        if (!book->id)
            return -CTR_ENOMEM;
    }
    return 0;
}

void books_list(const struct books *b, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = 0;
    for (unsigned i = 0; i < b->n; i++) {
        int len = snprintf(out + n, cap - n, "%s\"%.60s\"", i ? ", " : "", b->at[i].name);

        if (len < 0 || n + (size_t)len + 16 >= cap) {
            snprintf(out + n, cap - n, " and %u more", b->n - i);
            return;
        }
        n += (size_t)len;
    }
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
}

/* --- ids ------------------------------------------------------------------------------
 */

size_t book_card_id(const struct book *book, const char *path, char out[CTR_ID_MAX + 1])
{
    size_t n = strlen(book->path), n_id = strlen(book->id), len;
    const char *name = path + n;

    if (strncmp(path, book->path, n) != 0 || *name == 0 || strchr(name, '/'))
        return 0;
    len = n_id + strlen(name);
    if (len <= CTR_ID_MAX) {
        memcpy(out, book->id, n_id);
        memcpy(out + n_id, name, strlen(name) + 1);
    }
    return len;
}

size_t book_name_id(const struct book *book, const char *name, char out[CTR_ID_MAX + 1])
{
    char raw[2 * HREF_MAX], path[HREF_MAX];

    if (strlen(name) >= HREF_MAX)
        return 0;
    snprintf(raw, sizeof(raw), "%s%s", book->path, name);
    return href_path(raw, path) ? book_card_id(book, path, out) : 0;
}
