/* fuzz_ldap_source.c - any bytes as a server's answers to the LDAP source, over a local
 * socket: the first byte chooses what is asked (a full sync, deltas, a search, the test),
 * the rest is all that the server says. Besides not crashing, every value must be UTF-8
 * without NUL, and the test host aborts on any breach of the contract. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugins/ldap_source/text.h"
#include "testhost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VISIBLE __attribute__((visibility("default")))

/* libldap forgets a request when certain broken answers come to it. */
VISIBLE const char *__lsan_default_suppressions(void);
VISIBLE const char *__lsan_default_suppressions(void)
{
    return "leak:ldap_send_server_request\n";
}

/* Stacks through libldap, which has no frame pointers. */
VISIBLE const char *__asan_default_options(void);
VISIBLE const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0:malloc_context_size=12";
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const uint8_t *answer;
static size_t answer_size;
static char path[64];

/* Says its piece to each connection, and hangs up. */
static void *serve(void *arg)
{
    int listener = *(int *)arg;
    char sink[4096];

    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            abort();
        pthread_mutex_lock(&lock);
        for (size_t at = 0; at < answer_size;) {
            ssize_t n = send(fd, answer + at, answer_size - at, MSG_NOSIGNAL);

            if (n <= 0)
                break;
            at += (size_t)n;
        }
        pthread_mutex_unlock(&lock);
        shutdown(fd, SHUT_WR);
        while (recv(fd, sink, sizeof(sink), 0) > 0)
            ;
        close(fd);
    }
}

static void start_server(void)
{
    static int listener;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    pthread_t thread;

    snprintf(path, sizeof(path), "/tmp/fuzz_ldap_source.%d", (int)getpid());
    unlink(path);
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&un, sizeof(un)) != 0 ||
        listen(listener, 16) != 0 || pthread_create(&thread, NULL, serve, &listener) != 0)
        abort();
    pthread_detach(thread);
}

static void remove_path(void)
{
    unlink(path);
}

static void check(struct ctr_contact *const *contacts, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        const struct ctr_contact *c = contacts[i];

        if (!text_utf8(c->id.ptr, c->id.len))
            abort();
        for (uint32_t k = 0; k < c->n_fields; k++)
            if (c->fields[k].kind != CTR_FIELD_PHOTO &&
                !text_utf8(c->fields[k].value.ptr, c->fields[k].value.len))
                abort();
    }
}

static struct testhost *start(uint8_t how)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.fuzz");
    char url[128];

    snprintf(url, sizeof(url), "ldapi://%%2Ftmp%%2F%s", strrchr(path, '/') + 1);
    testhost_set(t, "url", url);
    testhost_set(t, "base", "dc=a");
    testhost_set(t, "base", "dc=b");
    testhost_set(t, "listen", "false");
    testhost_set(t, "timeout", "2s");
    testhost_set(t, "max_entries", "1000");
    testhost_set(t, "allow_empty", "true");
    testhost_set(t, "map.owner", "manager");
    if (how & 8)
        testhost_set(t, "map.id", "uid");
    if (how & 16) {
        testhost_set(t, "groups", "g: cn=g,dc=a");
        testhost_set(t, "groups", "(cn=*)");
    }
    if (how & 32)
        testhost_set(t, "preset", "ad");
    if (testhost_start(t) != 0)
        abort();
    return t;
}

/* What comes second follows a cursor, if there was one. */
static void sync_twice(struct testhost *t)
{
    char *cursor;

    if (testhost_sync(t, NULL) != 0)
        return;
    check(t->contacts, t->n_contacts);
    cursor = t->cursor ? strdup(t->cursor) : NULL;
    if (cursor && testhost_sync(t, cursor) == 0)
        check(t->contacts, t->n_contacts);
    free(cursor);
}

/* A delta of an earlier life: nothing is remembered. */
static void sync_delta(struct testhost *t, const char *rest)
{
    char cursor[256];
    unsigned long long shape = 0, serial = 0, full_at = 0, groups = 0;

    if (testhost_sync(t, NULL) == 0 && t->cursor)
        sscanf(t->cursor, "2 %llx %llu %llu %llx", &shape, &serial, &full_at, &groups);
    snprintf(cursor, sizeof(cursor), "2 %016llx 99 %llu %016llx %s", shape, full_at,
             groups, rest);
    if (testhost_sync(t, cursor) == 0)
        check(t->contacts, t->n_contacts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct testhost *t;

    if (size == 0 || size > 65536)
        return 0;
    if (!path[0]) {
        start_server();
        atexit(remove_path);
    }
    pthread_mutex_lock(&lock);
    answer = data + 1;
    answer_size = size - 1;
    pthread_mutex_unlock(&lock);
    t = start(data[0]);
    switch (data[0] & 7) {
    case 0:
        sync_delta(t, "syncrepl 61,62");
        break;
    case 1:
        sync_delta(t, "usn 5 00000000-0000-0000-0000-000000000000");
        break;
    case 2:
        testhost_test(t);
        break;
    case 3:
        if (testhost_search_number(t, "+4989123456", "089123456", "089/123456") == 0)
            check(t->hits, t->n_hits);
        break;
    default:
        sync_twice(t);
    }
    pthread_mutex_lock(&lock);
    answer_size = 0; /* the memory is the caller's again */
    pthread_mutex_unlock(&lock);
    testhost_destroy(t);
    return 0;
}
