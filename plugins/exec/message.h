/* message.h - what a line of a program says. */
#ifndef EXEC_MESSAGE_H
#define EXEC_MESSAGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "contactor/types.h"

enum message_kind {
    MESSAGE_CONTACT,
    MESSAGE_CONTACTS,
    MESSAGE_HELLO,
    MESSAGE_FULL,
    MESSAGE_DELETE,
    MESSAGE_REJECT,
    MESSAGE_PROGRESS,
    MESSAGE_STEP,
    MESSAGE_DONE,
    MESSAGE_ERROR
};

struct message {
    enum message_kind kind;
    size_t length; /* of its line */
    cJSON *root;
    const cJSON *item; /* the value of the word that makes the kind; NULL: a contact */
};

/* returns 0 | -CTR_EFORMAT and *why */
int32_t message_read(struct ctr_str line, struct message *out, const char **why);
void message_finish(struct message *m);
/* A string of the object, or NULL. */
const char *message_text(const struct message *m, const char *name);
/* A number of the object, at least 0; other values are 0. */
uint64_t message_number(const struct message *m, const char *name);
/* It names a request, and another one than this. */
bool message_is_stale(const struct message *m, uint64_t request);

#endif
