/* connect.h - the way to the daemon: its socket, requests and answers. */
#ifndef CTL_CONNECT_H
#define CTL_CONNECT_H

#include <stdbool.h>

#include <cjson/cJSON.h>

/* Exit codes of contactorctl. */
enum {
    CTL_OK = 0,
    CTL_NO = 1, /* nothing found, or not right */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3,
    CTL_FAILED = 4 /* the daemon refused, or failed */
};

struct connection;

/* The socket a configuration names. Prints what is wrong with the file.
 * returns malloced | NULL */
char *socket_of_config(const char *config_path);
/* Prints why not, unless quiet. returns CTL_OK | CTL_UNREACHABLE */
int connect_daemon(const char *socket_path, const char *config_path, bool quiet,
                   struct connection **out);
void disconnect(struct connection *c);

/* Sends the request (taken) and waits. on_event: for each event on the way; may be NULL.
 * *result: to be deleted. On CTL_FAILED the error was printed to stderr, and *result is
 * the whole answer with "error" and "code". returns CTL_OK | CTL_FAILED | CTL_UNREACHABLE
 */
int call(struct connection *c, cJSON *request,
         void (*on_event)(void *arg, const cJSON *event), void *arg, cJSON **result);

#endif
