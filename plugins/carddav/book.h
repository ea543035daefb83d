/* book.h - the address books of one sync: what the server says of each, what the last
 * sync knew, which of its cards have to be fetched and which are gone. */
#ifndef CARDDAV_BOOK_H
#define CARDDAV_BOOK_H

#include "contactor/plugin.h"
#include "href.h"
#include "http/http.h"
#include "multistatus.h"

enum { BOOKS_MAX = 100 };

/* Names of cards in a book: the last segment of their path, as the server writes it. */
struct names {
    char *text; /* each with a NUL behind it */
    size_t n_text, cap_text;
    size_t *at;
    uint32_t n, cap;
};

struct book {
    char *url;   /* as the server writes it, absolute, with a slash at the end */
    char *path;  /* its path in one spelling */
    char *name;  /* displayname, or the last segment */
    char *id;    /* what the ids of its contacts begin with */
    char *token; /* sync-token, or NULL */
    char *ctag;  /* or NULL */
    bool can_sync;
    bool known;                     /* to the last sync; what it knew: */
    char *known_token, *known_ctag; /* of the last sync; NULL: none */
    struct names changed, gone;
};

struct books {
    struct book at[BOOKS_MAX];
    unsigned n;
};

int32_t names_add(struct names *s, const char *name);
const char *names_at(const struct names *s, uint32_t i);
void names_clear(struct names *s);

/* A response about the address book at `url`.
 * returns 0 | -CTR_ENOMEM | -CTR_EINVAL: its path is none | -CTR_EFULL: over BOOKS_MAX */
int32_t books_add(struct books *b, const char *url, const struct dav_response *r);
/* The one whose path that is, or NULL. */
struct book *books_find(struct books *b, const char *path);
/* Keeps those that are called so, or whose path ends so; n 0: all. *missing: a name that
 * is none's, or NULL */
void books_choose(struct books *b, const char *const *names, uint32_t n,
                  const char **missing);
/* Gives each its id: the last segment of its path; the whole path where several end
 * alike. returns 0 | -CTR_ENOMEM */
int32_t books_identify(struct books *b);
/* "a", "b" and 3 more, for a message. */
void books_list(const struct books *b, char *out, size_t cap);
void books_finish(struct books *b);

/* The id of a card, by its path in one spelling. returns its length; 0: it is not a card
 * of this book; over CTR_ID_MAX: too long */
size_t book_card_id(const struct book *book, const char *path, char out[CTR_ID_MAX + 1]);
/* The same by its name. */
size_t book_name_id(const struct book *book, const char *name, char out[CTR_ID_MAX + 1]);

#endif
