/* clients.h - what clients say to a front end, and the directory they ask. */
#ifndef CHECK_CLIENTS_H
#define CHECK_CLIENTS_H

#include "check.h"

/* What one client sends, from its first byte on. */
struct exchange {
    const char *name;
    const uint8_t *bytes;
    uint64_t n;
};

struct exchanges {
    struct exchange *at;
    uint32_t n;
};

/* The usual ones: a line of text, a web browser, a directory client. */
void clients_init(struct exchanges *e);
/* One from a file. returns false after a message on stderr */
bool clients_read(struct exchanges *e, const char *path);
void clients_finish(struct exchanges *e);
/* n people and a user, for the front end's queries. */
void clients_directory(struct testhost *t, uint32_t n);

#endif
