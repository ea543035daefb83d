/* cache_kill.c - kill -9 at any instant of loading: what is there afterwards is one
 * version of the contacts, whole, and not older than the last acknowledged one.
 *
 *   cache_kill [kills]           the test: starts itself as a child, kills it, looks
 *   cache_kill load DIR FROM     the child: loads version after version, saying each */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "../unit/cache_util.h"

enum { PEOPLE = 1200 };

static struct dialplan plan;

/* All contacts carry the version; how much differs from the last one varies, so that
 * updates and rebuilds both come. */
static int load_version(struct cache *c, unsigned version)
{
    struct cache_load_options o = full_load(&plan);
    struct cache_load_stats st;
    struct cache_load *load;
    char cursor[16];

    o.shape = version / 3;
    o.max_delete_percent = 90;
    load = begin_or_die(cache_source(c, "crm"), &o);
    for (unsigned i = 0; i < PEOPLE - version % 7 * 20; i++) {
        char id[16], name[32], phone[32];

        snprintf(id, sizeof(id), "%05u", i);
        snprintf(name, sizeof(name), "version%u", version);
        snprintf(phone, sizeof(phone), "+49 171 %07u", i);
        put_one(load, id, name, phone);
    }
    snprintf(cursor, sizeof(cursor), "%u", version);
    return cache_load_commit(load, str_of(cursor), &st);
}

static int child(const char *dir, unsigned from)
{
    struct cache_options o = {.dir = dir};
    struct cache *c = open_or_die(loop_create(), &o);

    for (unsigned version = from;; version++) {
        int rc = load_version(c, version);

        if (rc) {
            fprintf(stderr, "load %u: %d\n", version, rc);
            return 1;
        }
        if (write(1, &version, sizeof(version)) != sizeof(version))
            return 1;
    }
}

/* The version all is of; -1: mixed. */
static long version_of(struct cache *c)
{
    struct cache_source *s = cache_source(c, "crm");
    struct strbuf cursor = {0};
    struct cache_info info;
    struct cache_walk w;
    unsigned n = 0, words_n = 0;
    long version = 0;
    char word[32];

    cache_source_info(s, &info);
    if (info.contacts == 0)
        return cache_cursor(s, &cursor) == -CTR_ENOENT ? 0 : -1;
    cache_cursor(s, &cursor);
    version = strtol(cursor.ptr, NULL, 10);
    strbuf_finish(&cursor);
    snprintf(word, sizeof(word), "version%ld", version);
    cache_read_begin(c);
    cache_walk_init(&w, s, CACHE_WORD, str_of(word), true, NUMBER_NONE);
    while (cache_walk_next(&w) == 0)
        words_n++;
    cache_walk_init(&w, s, CACHE_ALL, (struct ctr_str){0}, false, NUMBER_NONE);
    while (cache_walk_next(&w) == 0) {
        struct record_iter it = {0};
        struct record_field f;
        struct record r;

        if (cache_get(s, w.recno, &r) != 0 || !record_check(&r) ||
            !record_next(&r, &it, &f) || !str_eq_z(f.value, word))
            version = -1;
        n++;
    }
    cache_read_end(c);
    if (n != info.contacts || words_n != n || n != (unsigned)(PEOPLE - version % 7 * 20))
        return -1;
    return version;
}

static pid_t start(const char *self, const char *dir, unsigned from, int *out)
{
    char number_text[16];
    int fds[2];
    pid_t pid;

    if (pipe(fds) != 0)
        exit(2);
    snprintf(number_text, sizeof(number_text), "%u", from);
    pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        close(fds[0]);
        execl(self, self, "load", dir, number_text, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    *out = fds[0];
    return pid;
}

/* Lets the child run for so long; returns the last version it said it had committed. */
static unsigned run_and_kill(const char *self, const char *dir, unsigned from,
                             unsigned us)
{
    unsigned version, last = 0;
    int out, status;
    pid_t pid = start(self, dir, from, &out);

    usleep(us);
    kill(pid, SIGKILL);
    while (read(out, &version, sizeof(version)) == sizeof(version))
        last = version;
    close(out);
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status))
        ok(false, "the child ended by itself: %d", status);
    return last;
}

int main(int argc, char **argv)
{
    unsigned kills = argc > 1 ? (unsigned)atoi(argv[1]) : 110, acked = 0, next = 1;
    unsigned mixed = 0, lost = 0, moved = 0, seed = (unsigned)time(NULL);
    char dir[64], path[128];
    struct loop *loop;

    if (number_global_init() != 0)
        return 2;
    munich(&plan);
    if (argc > 3 && strcmp(argv[1], "load") == 0)
        return child(argv[2], (unsigned)atoi(argv[3]));
    loop = loop_create();
    fresh_dir(dir);
    printf("# seed %u\n", seed);
    for (unsigned i = 0; i < kills; i++) {
        unsigned us = (unsigned)rand_r(&seed) % 350000;
        unsigned last = run_and_kill("/proc/self/exe", dir, next, us);
        struct cache_options o = {.dir = dir};
        struct cache *c = open_or_die(loop, &o);
        long version = version_of(c);

        acked = last > acked ? last : acked;
        mixed += version < 0;
        lost += version >= 0 && (unsigned)version < acked;
        moved += version > (long)next - 1;
        if (version > 0)
            next = (unsigned)version + 1;
        cache_close(c);
    }
    is_int(mixed, 0, "%u kills: never two versions mixed", kills);
    is_int(lost, 0, "no acknowledged version lost");
    ok(moved > kills / 10, "the child got somewhere: %u versions", next - 1);
    snprintf(path, sizeof(path), "contacts.mdb.damaged-");
    ok(!exists_in(dir, path), "none was set aside");
    loop_destroy(loop);
    remove_tree(dir);
    return tap_done();
}
