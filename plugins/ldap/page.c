/* page.c - see page.h: a short list per connection, newest first. */
#include "page.h"

#include <stdlib.h>
#include <sys/random.h>

static void drop_oldest(struct conn *c)
{
    struct page **at = &c->pages;

    while ((*at)->next)
        at = &(*at)->next;
    free(*at);
    *at = NULL;
    c->n_pages--;
}

struct page *page_create(struct conn *c)
{
    struct page *page = calloc(1, sizeof(*page));

    if (!page ||
        getrandom(page->cookie, sizeof(page->cookie), GRND_NONBLOCK) != PAGE_COOKIE) {
        free(page);
        return NULL;
    }
    if (c->n_pages >= c->server->limits.cookies)
        drop_oldest(c);
    page->next = c->pages;
    c->pages = page;
    c->n_pages++;
    return page;
}

struct page *page_take(struct conn *c, struct ctr_str cookie)
{
    for (struct page **at = &c->pages; *at; at = &(*at)->next) {
        struct page *page = *at;

        if (cookie.len != PAGE_COOKIE ||
            memcmp(page->cookie, cookie.ptr, PAGE_COOKIE) != 0)
            continue;
        *at = page->next;
        c->n_pages--;
        return page;
    }
    return NULL;
}

void page_drop_all(struct conn *c)
{
    while (c->pages) {
        struct page *page = c->pages;

        c->pages = page->next;
        free(page);
    }
    c->n_pages = 0;
}
