/* test_vcard_files.c - the vCard source on files and folders that are not as one would
 * wish: links, pipes, half-written, changing, closed or gone. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "testhost.h"

static char folder[] = "/tmp/test_vcard.XXXXXX";

/* The path of a name within the folder: valid until the fourth call from now. */
static const char *in(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s%s%s", folder, *name ? "/" : "", name);
    return path;
}

static void put(const char *name, const char *text)
{
    int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    close(fd);
}

static void must(int rc)
{
    if (rc != 0) {
        printf("# %s\n", strerror(errno));
        abort();
    }
}

/* An empty folder again. */
static void clear(void)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -rf %s/* %s/.??*", folder, folder);
    must(system(command));
}

#define CARD(uid, name) "BEGIN:VCARD\nVERSION:3.0\nUID:" uid "\nFN:" name "\nEND:VCARD\n"
#define OPTIONS(...)    ((const char *const[]){__VA_ARGS__, NULL})

static struct testhost *start(const char *path, const char *const *options)
{
    struct testhost *t = testhost_create(&contactor_plugin, "source.test");
    bool settle = false;

    testhost_set(t, "path", path);
    for (; options && *options; options += 2) {
        testhost_set(t, options[0], options[1]);
        settle |= strcmp(options[0], "settle") == 0;
    }
    if (!settle)
        testhost_set(t, "settle", "0ms");
    is_int(testhost_start(t), 0, "the source starts");
    return t;
}

static struct testhost *sync_path(const char *path, const char *const *options,
                                  int32_t want)
{
    struct testhost *t = start(path, options);

    if (!is_int(testhost_sync(t, NULL), want, "the sync ends with %d", want))
        printf("# %s\n", t->failure);
    return t;
}

/* The names of all contacts, in order, each with a blank behind. */
static void are(const struct testhost *t, const char *want, const char *what)
{
    char names[1024];
    size_t n = 0;

    names[0] = 0;
    for (uint64_t i = 0; i < t->n_contacts; i++)
        n += (size_t)snprintf(
            names + n, sizeof(names) - n, "%s ",
            testhost_value(t->contacts[i], CTR_FIELD_DISPLAY_NAME, NULL, 0));
    is_str(names, want, "%s", what);
}

static void rejects(const struct testhost *t, const char *where, const char *reason)
{
    for (uint32_t i = 0; i < t->rejects.n; i++)
        if (strcmp(t->rejects.at[i].a, where) == 0 &&
            strstr(t->rejects.at[i].b, reason)) {
            ok(true, "told: %s: %s", where, reason);
            return;
        }
    ok(false, "told: %s: %s", where, reason);
    for (uint32_t i = 0; i < t->rejects.n; i++)
        printf("# %s: %s\n", t->rejects.at[i].a, t->rejects.at[i].b);
}

static void says(const struct testhost *t, const char *text)
{
    ok(strstr(t->failure, text) != NULL, "the reason says \"%s\": %s", text, t->failure);
}

/* --- folders --------------------------------------------------------------------------
 */

static void make_tree(void)
{
    clear();
    put("b.vcf", CARD("1", "b") CARD("2", "c"));
    put("A.VCF", CARD("3", "a"));
    put(".hidden.vcf", CARD("4", "hidden"));
    put("notes.txt", CARD("5", "text"));
    must(mkdir(in("sub"), 0755));
    put("sub/d.vcf", CARD("6", "d") CARD("1", "again"));
    must(mkdir(in("sub/deep.vcf"), 0755));
    put("sub/deep.vcf/e.vcf", CARD("7", "e"));
}

static void test_folder(void)
{
    struct testhost *t;

    make_tree();
    t = sync_path(folder, NULL, 0);
    are(t, "a b c ", "files by name, not what is hidden or of another kind");
    is_str(t->watches.at[0].a, folder, "the folder is watched");
    is_int(t->progress_total, 4, "progress counts what is in the folder");
    ok(testhost_logged(t, "files=2"), "the log says how many files");
    testhost_destroy(t);

    t = sync_path(folder, OPTIONS("recursive", "true"), 0);
    are(t, "a b c d e ", "folders within the folder");
    rejects(t, "sub/d.vcf line 6",
            "its id was already used by another card of an earlier");
    testhost_destroy(t);

    t = sync_path(folder, OPTIONS("pattern", "*.txt"), 0);
    are(t, "text ", "by pattern");
    testhost_destroy(t);

    t = sync_path(folder, OPTIONS("pattern", "*.none"), -CTR_EFORMAT);
    says(t, "0 files");
    testhost_destroy(t);
    t = sync_path(folder, OPTIONS("pattern", "*.none", "allow_empty", "true"), 0);
    testhost_destroy(t);
}

/* Changes in the folders within are told by the kernel, asked for once a second. */
static void test_watched(void)
{
    struct testhost *t;
    uint32_t before;
    char name[32];

    make_tree();
    t = sync_path(folder, OPTIONS("recursive", "true"), 0);
    before = t->sync_requests;
    testhost_advance(t, 60000);
    is_int(t->sync_requests, before, "nothing changes");
    put("sub/deep.vcf/e.vcf", CARD("7", "f"));
    testhost_advance(t, 1000);
    is_int(t->sync_requests, before + 1, "a change deep within is seen");
    testhost_advance(t, 400000);
    is_int(t->sync_requests, before + 1, "once, and nothing is read without need");
    is_int(testhost_sync(t, NULL), 0, "it is read");
    testhost_destroy(t);

    clear();
    put("a.vcf", CARD("1", "a"));
    for (unsigned i = 0; i < 1030; i++) {
        snprintf(name, sizeof(name), "f%04u", i);
        must(mkdir(in(name), 0755));
    }
    t = sync_path(folder, OPTIONS("recursive", "true"), 0);
    ok(testhost_logged(t, "folders_not_watched=6"), "too many are told");
    before = t->sync_requests;
    testhost_advance(t, 299000);
    is_int(t->sync_requests, before, "and looked at");
    testhost_advance(t, 3000);
    is_int(t->sync_requests, before + 1, "after five minutes");
    testhost_advance(t, 600000);
    is_int(t->sync_requests, before + 1, "not again before that is done");
    put("f0001/b.vcf", CARD("2", "b"));
    testhost_advance(t, 2000);
    is_int(t->sync_requests, before + 2, "the others are seen at once");
    is_int(testhost_sync(t, NULL), 0, "read again");
    testhost_advance(t, 302000);
    is_int(t->sync_requests, before + 3, "and again after five minutes");
    testhost_destroy(t);
    clear();
}

static void test_long_name(void)
{
    char name[200];
    struct testhost *t;

    clear();
    snprintf(name, sizeof(name), "%0150d.vcf", 7);
    put(name, CARD("1", "a") CARD("1", "b"));
    t = sync_path(folder, NULL, 0);
    rejects(t, "00000000000000000000000000000007.vcf line 6",
            "another card of this file");
    testhost_destroy(t);
}

static void test_links(void)
{
    struct testhost *t;

    make_tree();
    must(symlink("/etc/passwd", in("evil.vcf")));
    must(symlink("/etc", in("out")));
    must(symlink(".", in("loop")));
    must(mkfifo(in("pipe.vcf"), 0644));
    t = sync_path(folder, OPTIONS("recursive", "true"), 0);
    are(t, "a b c d e ", "links and pipes cost nothing");
    rejects(t, "evil.vcf", "is a symbolic link");
    rejects(t, "pipe.vcf", "is no regular file");
    is_int(t->rejects.n, 3, "links to folders are passed over");
    testhost_destroy(t);
    must(symlink("b.vcf", in("way")));
    t = sync_path(in("way"), NULL, 0);
    are(t, "b c ", "the path itself may be a link");
    testhost_destroy(t);
    t = sync_path(in("pipe.vcf"), NULL, -CTR_EINVAL);
    says(t, "neither a regular file nor a folder");
    testhost_destroy(t);
}

static void test_depth(void)
{
    char path[128] = "";
    struct testhost *t;

    clear();
    put("a.vcf", CARD("1", "a"));
    for (int i = 0; i < 20; i++) {
        strcat(path, i ? "/d" : "d");
        must(mkdir(in(path), 0755));
    }
    strcat(path, "/x.vcf");
    put(path, CARD("2", "x"));
    t = sync_path(folder, OPTIONS("recursive", "true"), 0);
    are(t, "a ", "folders have a bottom");
    is_int(t->rejects.n, 1, "which is told");
    testhost_destroy(t);
}

/* --- files that are not ready ---------------------------------------------------------
 */

static void test_gone(void)
{
    struct testhost *t;

    clear();
    t = sync_path(in("none.vcf"), NULL, -CTR_ENOENT);
    says(t, "put it back or correct the option 'path'");
    testhost_destroy(t);
    t = sync_path(folder, NULL, -CTR_EFORMAT);
    says(t, "holds no contacts");
    testhost_destroy(t);
}

/* A file nobody may read must not remove the contacts of the others. */
static void test_closed(void)
{
    struct testhost *t;

    make_tree();
    must(chmod(in("A.VCF"), 0));
    if (geteuid() == 0) {
        must(chmod(folder, 0755));
        must(seteuid(65534));
    }
    t = sync_path(folder, NULL, -CTR_EACCES);
    says(t, "A.VCF");
    says(t, "let the daemon's user read it");
    testhost_destroy(t);
    if (getuid() == 0)
        must(seteuid(0));
}

static void test_half_written(void)
{
    struct testhost *t;

    make_tree();
    put("c.vcf", CARD("8", "x") "BEGIN:VCARD\nFN:y\nEND:VC");
    t = sync_path(folder, NULL, -CTR_EUNAVAIL);
    says(t, "c.vcf seems half written");
    put("c.vcf", CARD("8", "x") "BEGIN:VCARD\nFN:y\nEND:VCARD");
    is_int(testhost_sync(t, NULL), 0, "complete, it is read");
    are(t, "a b c x y ", "with the others");
    testhost_destroy(t);
}

static void (*meddle)(void);

static int32_t meddling(const struct ctr_host *host, struct ctr_sync *sync)
{
    (void)host;
    (void)sync;
    if (meddle)
        meddle();
    meddle = NULL;
    return 0;
}

static void write_more(void)
{
    put("b.vcf", CARD("1", "b") CARD("9", "other"));
}

static void replace(void)
{
    put("new", CARD("1", "b") CARD("2", "c"));
    must(rename(in("new"), in("b.vcf")));
}

static void vanish(void)
{
    must(unlink(in("b.vcf")));
}

static void to_link(void)
{
    must(unlink(in("b.vcf")));
    must(symlink("A.VCF", in("b.vcf")));
}

static void test_meddling(void)
{
    static const struct {
        void (*how)(void);
        const char *says;
    } cases[] = {{write_more, "changed while it was read"},
                 {replace, "was replaced while it was read"},
                 {vanish, "vanished while the folder was read"},
                 {to_link, "was replaced while it was read"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct testhost *t;

        clear();
        put("b.vcf", CARD("1", "b") CARD("2", "c"));
        t = start(folder, NULL);
        t->host.sync_canceled = meddling;
        meddle = cases[i].how;
        is_int(testhost_sync(t, NULL), -CTR_EUNAVAIL, "tried again later");
        says(t, cases[i].says);
        testhost_destroy(t);
    }
}

static void test_settle(void)
{
    struct timespec nap = {0, 10000000};
    struct testhost *t;
    pid_t child;

    clear();
    put("a.vcf", CARD("1", "a"));
    t = start(in("a.vcf"), OPTIONS("settle", "100ms"));
    is_int(testhost_sync(t, NULL), 0, "a fresh file is waited for");
    child = fork();
    if (child == 0) {
        for (int i = 0; i < 1000 && utimensat(AT_FDCWD, in("a.vcf"), NULL, 0) == 0; i++)
            nanosleep(&nap, NULL);
        _exit(0);
    }
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    is_int(testhost_sync(t, NULL), -CTR_EUNAVAIL, "one that never rests is given up");
    says(t, "still being written");
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    testhost_destroy(t);
}

/* --- ids, limits ----------------------------------------------------------------------
 */

static void test_ids(void)
{
    struct testhost *t;
    char id[64];

    clear();
    put("a.vcf", "BEGIN:VCARD\nFN:A\nTEL:1\nNOTE:x\nEND:VCARD\n"
                 "BEGIN:VCARD\nFN:A\nTEL:1\nNOTE:y\nEND:VCARD\n"
                 "BEGIN:VCARD\nNOTE:z\nEND:VCARD\n");
    t = sync_path(in("a.vcf"), NULL, 0);
    are(t, "A ", "an id is made of name and number");
    snprintf(id, sizeof(id), "%s", t->contacts[0]->id.ptr);
    rejects(t, "line 6",
            "has the name, organisation, mail and number of the card in line 1");
    rejects(t, "line 11", "has neither a UID nor a name");
    put("a.vcf", "BEGIN:VCARD\nFN:B\nEND:VCARD\n"
                 "BEGIN:VCARD\nTEL:1\nFN:A\nTITLE:new\nEND:VCARD\n");
    is_int(testhost_sync(t, NULL), 0, "elsewhere, with other values");
    ok(testhost_find(t, id) != NULL, "it is the same");
    testhost_destroy(t);
}

static void test_limits(void)
{
    struct testhost *t;
    FILE *f;

    make_tree();
    t = sync_path(folder, OPTIONS("max_cards", "2"), -CTR_EREFUSED);
    says(t, "max_cards");
    testhost_destroy(t);
    t = sync_path(folder, OPTIONS("max_size", "100"), -CTR_EREFUSED);
    says(t, "max_size");
    testhost_destroy(t);
    clear();
    f = fopen(in("big.vcf"), "w");
    for (int i = 0; i < 20000; i++)
        fprintf(f, "BEGIN:VCARD\r\nUID:%d\r\nFN:Name %d\r\nEND:VCARD\r\n", i, i);
    fclose(f);
    t = sync_path(in("big.vcf"), NULL, 0);
    is_int((long long)t->n_contacts, 20000, "many cards over many blocks");
    is_str(testhost_value(testhost_find(t, "19999"), CTR_FIELD_DISPLAY_NAME, NULL, 0),
           "Name 19999", "none is broken");
    is_int((long long)t->progress_done, (long long)t->progress_total,
           "progress reached the end of the file");
    t->cancel_after = 5;
    is_int(testhost_sync(t, NULL), -CTR_ECANCELED, "canceled in the middle");
    testhost_destroy(t);
}

int main(void)
{
    if (!mkdtemp(folder))
        abort();
    test_folder();
    test_watched();
    test_long_name();
    test_links();
    test_depth();
    test_gone();
    test_closed();
    test_half_written();
    test_meddling();
    test_settle();
    test_ids();
    test_limits();
    clear();
    rmdir(folder);
    return tap_done();
}
