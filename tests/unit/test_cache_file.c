/* test_cache_file.c - the file: damaged, foreign, full, locked; clean and other ends. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "cache/impl.h"
#include "cache_util.h"

enum { PEOPLE = 1500 };

static struct loop *loop;
static struct dialplan plan;
static unsigned seed = 20;

/* What the file must answer if it answers at all. */
static void fill(struct cache *c, const char *source, unsigned n, const char *word)
{
    struct cache_load_options o = full_load(&plan);
    struct cache_load *load;
    struct cache_load_stats st;

    o.max_delete_percent = 100;
    load = begin_or_die(cache_source(c, source), &o);
    for (unsigned i = 0; i < n; i++) {
        struct person p;
        char id[16], phone[32], surname[32];

        snprintf(id, sizeof(id), "%05u", i);
        snprintf(surname, sizeof(surname), "%s%u", word, i % 40);
        snprintf(phone, sizeof(phone), "+49 171 %07u", i);
        person_name(&p, id, word, surname);
        person_add(&p, CTR_FIELD_PHONE_MOBILE, phone);
        person_add(&p, CTR_FIELD_ORGANISATION, "Firma");
        person_add(&p, CTR_FIELD_PHONE_MAIN, "+49 30 555666-0");
        cache_load_put(load, &p.contact, 1);
    }
    if (cache_load_commit(load, STR_LIT("c"), &st) != 0) {
        fprintf(stderr, "fill failed\n");
        exit(2);
    }
}

/* Every contact by every way; returns how many answers are wrong. */
static unsigned wrong_answers(struct cache *c)
{
    struct cache_source *s = cache_source(c, "crm");
    struct cache_info info;
    struct cache_walk within;
    unsigned wrong = 0, words = 0;
    int rc;

    cache_source_info(s, &info);
    if (info.contacts == 0)
        return 0; /* set aside */
    cache_read_begin(c);
    cache_walk_init_within(&within, s, STR_LIT("erso"), CACHE_WITHIN_NAMES);
    while ((rc = cache_walk_next(&within)) == 0)
        words++;
    wrong += rc != -CTR_ENOENT || words != 2 * PEOPLE;
    for (unsigned i = 0; i < PEOPLE; i++) {
        char id[16], phone[32];
        struct cache_walk w;
        struct record r;
        uint32_t recno;

        snprintf(id, sizeof(id), "%05u", i);
        snprintf(phone, sizeof(phone), "49171%07u", i);
        wrong += cache_find(s, str_of(id), &recno) != 0 || cache_get(s, recno, &r) != 0 ||
                 !record_check(&r) || !str_eq_z(record_id(&r), id);
        cache_walk_init(&w, s, CACHE_NUMBER, str_of(phone), true, NUMBER_E164);
        wrong += cache_walk_next(&w) != 0 || w.recno != recno ||
                 cache_walk_next(&w) != -CTR_ENOENT;
    }
    cache_read_end(c);
    return wrong;
}

static int hit_file(const char *path, unsigned hits)
{
    int fd = open(path, O_RDWR);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return -1;
    for (unsigned i = 0; i < hits; i++) {
        uint8_t noise[64];
        off_t at = (off_t)((uint64_t)rand_r(&seed) * 64 % (uint64_t)st.st_size);

        for (unsigned k = 0; k < sizeof(noise); k++)
            noise[k] = (uint8_t)rand_r(&seed);
        if (pwrite(fd, noise, sizeof(noise), at) != sizeof(noise))
            return -1;
    }
    return close(fd);
}

static void copy_file(const char *from, const char *to)
{
    char cmd[600];

    snprintf(cmd, sizeof(cmd), "cp --preserve=mode %s %s", from, to);
    if (system(cmd) != 0)
        exit(2);
}

/* Random 64-byte hits: refused, or without effect; and writing goes on. */
static void test_damage(const char *dir)
{
    enum { ROUNDS = 120 };
    struct cache_options o = {.dir = dir};
    char path[256], good[256];
    unsigned wrong = 0, refused = 0, failed = 0;
    struct cache *c = open_or_die(loop, &o);

    snprintf(path, sizeof(path), "%s/contacts.mdb", dir);
    snprintf(good, sizeof(good), "%s/good", dir);
    fill(c, "other", 300, "Andere");
    fill(c, "crm", PEOPLE, "Person");
    fill(c, "other", 290, "Andere"); /* free pages, too */
    cache_close(c);
    copy_file(path, good);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct cache_info info;

        copy_file(good, path);
        if (hit_file(path, i % 4 ? 1 + i % 3 : 200) != 0)
            exit(2);
        c = open_or_die(loop, &o);
        cache_source_info(cache_source(c, "crm"), &info);
        refused += info.contacts == 0;
        wrong += wrong_answers(c);
        fill(c, "crm", PEOPLE, "Person");
        fill(c, "other", 200 + i, "Nochmal");
        failed += wrong_answers(c) != 0;
        cache_close(c);
    }
    is_int(wrong, 0, "%d damaged files: no wrong answer", ROUNDS);
    is_int(failed, 0, "and all filled again");
    ok(refused > ROUNDS / 2, "most are refused: %u", refused);
    ok(exists_in(dir, "contacts.mdb.damaged-"), "one is kept aside");
    copy_file(good, path);
    c = open_or_die(loop, &o);
    is_int(wrong_answers(c), 0, "the good one is good");
    cache_close(c);
}

/* A byte here and there of each page: the sums see what no structure shows. */
static void test_every_page(const char *dir)
{
    struct cache_options o = {.dir = dir};
    char path[256], good[256];
    unsigned wrong = 0;
    struct stat st;

    snprintf(path, sizeof(path), "%s/contacts.mdb", dir);
    snprintf(good, sizeof(good), "%s/good", dir);
    stat(good, &st);
    for (off_t page = 0; page * 4096 < st.st_size; page += 3) {
        uint8_t b = (uint8_t)rand_r(&seed);
        struct cache *c;
        int fd;

        copy_file(good, path);
        fd = open(path, O_RDWR);
        if (fd < 0 || pwrite(fd, &b, 1, page * 4096 + rand_r(&seed) % 4096) != 1)
            exit(2);
        close(fd);
        c = open_or_die(loop, &o);
        wrong += wrong_answers(c);
        cache_close(c);
    }
    is_int(wrong, 0, "a byte in each third page");
}

static void write_file(const char *path, const void *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        exit(2);
    close(fd);
}

static void test_foreign(const char *dir)
{
    struct cache_options o = {.dir = dir};
    static char noise[20000];
    char path[256], good[256];
    struct cache_info info;
    struct cache *c;
    struct stat st;

    snprintf(path, sizeof(path), "%s/contacts.mdb", dir);
    snprintf(good, sizeof(good), "%s/good", dir);
    memset(noise, 'x', sizeof(noise));
    for (size_t n = 1; n <= sizeof(noise); n *= 7) {
        write_file(path, noise, n);
        c = open_or_die(loop, &o);
        cache_source_info(cache_source(c, "crm"), &info);
        is_int(info.contacts, 0, "%zu bytes of something else", n);
        cache_close(c);
    }
    write_file(path, noise, 0);
    c = open_or_die(loop, &o);
    cache_close(c);
    stat(good, &st);
    for (unsigned i = 1; i < 6; i++) {
        copy_file(good, path);
        if (truncate(path, st.st_size * i / 6) != 0)
            exit(2);
        c = open_or_die(loop, &o);
        cache_source_info(cache_source(c, "crm"), &info);
        ok(info.contacts == 0 || wrong_answers(c) == 0, "cut to %u sixths", i);
        cache_close(c);
    }
    unlink(path);
    mkdir(path, 0700);
    c = open_or_die(loop, &o);
    fill(c, "crm", PEOPLE, "Person");
    is_int(wrong_answers(c), 0, "a folder in its place is set aside");
    cache_close(c);
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "files are 0600");
}

/* The mark of a clean shutdown, as the daemon before wrote it. */
static void mark_as(const char *dir, const char *path, int format)
{
    char mark[300], text[256];
    struct stat st;

    stat(path, &st);
    snprintf(mark, sizeof(mark), "%s/clean", dir);
    snprintf(
        text, sizeof(text),
        "contactor cache %d size=%lld mtime=%lld.%09ld ctime=%lld.%09ld inode=%llu\n",
        format, (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
        (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, (unsigned long long)st.st_ino);
    write_file(mark, text, strlen(text));
}

/* The row that says the format, as another version writes it; without the database it
 * did not have. */
static void make_older(const char *path, uint32_t format)
{
    MDB_val k = {6, "format"}, v;
    uint8_t row[64];
    uint64_t sum;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta, part;

    ensure(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 4) == 0 &&
           mdb_env_set_mapsize(env, 64 << 20) == 0 &&
           mdb_env_open(env, path, MDB_NOSUBDIR, 0600) == 0 &&
           mdb_txn_begin(env, NULL, 0, &txn) == 0 &&
           mdb_dbi_open(txn, "meta", 0, &meta) == 0 && mdb_get(txn, meta, &k, &v) == 0);
    ensure(v.mv_size <= sizeof(row));
    memcpy(row, v.mv_data, v.mv_size);
    memcpy(row + 16, &format, sizeof(format));
    sum = XXH3_64bits_withSeed(row, v.mv_size - 8, XXH3_64bits(k.mv_data, k.mv_size));
    memcpy(row + v.mv_size - 8, &sum, sizeof(sum));
    v.mv_data = row;
    ensure(mdb_put(txn, meta, &k, &v, 0) == 0 &&
           mdb_dbi_open(txn, "0.part", 0, &part) == 0 && mdb_drop(txn, part, 1) == 0 &&
           mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

/* A cache of the version before is set aside and filled anew, after a clean end too. */
static void test_older(void)
{
    for (unsigned clean = 0; clean < 2; clean++) {
        char dir[64], path[256];
        struct cache_options o = {.dir = fresh_dir(dir)};
        struct cache *c = open_or_die(loop, &o);
        struct cache_info info;

        fill(c, "crm", PEOPLE, "Person");
        cache_close(c);
        snprintf(path, sizeof(path), "%s/contacts.mdb", dir);
        make_older(path, CACHE_FORMAT - 1);
        if (clean)
            mark_as(dir, path, CACHE_FORMAT - 1);
        c = open_or_die(loop, &o);
        cache_source_info(cache_source(c, "crm"), &info);
        is_int((long)info.contacts, 0, "an older one is not read%s",
               clean ? ", and its mark not believed" : "");
        ok(exists_in(dir, "contacts.mdb.damaged-"), "but kept aside");
        fill(c, "crm", PEOPLE, "Person");
        is_int(wrong_answers(c), 0, "and filled anew");
        cache_close(c);
        c = open_or_die(loop, &o);
        cache_source_info(cache_source(c, "crm"), &info);
        is_int((long)info.contacts, PEOPLE, "which is read");
        cache_close(c);
        remove_tree(dir);
    }
}

static bool marked(const char *dir)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/clean", dir);
    return access(path, F_OK) == 0;
}

static void test_mark(const char *dir)
{
    struct cache_options o = {.dir = dir};
    struct cache *c = open_or_die(loop, &o);
    struct cache_health h;

    fill(c, "crm", PEOPLE, "Person");
    ok(!marked(dir), "no mark while it is open");
    cache_health(c, &h);
    ok(h.used > 100000 && h.map_size >= h.used && h.write_error == 0 && h.commits > 0,
       "health");
    cache_close(c);
    ok(marked(dir), "a mark after a clean end");
    c = open_or_die(loop, &o);
    ok(!marked(dir), "taken at once");
    is_int(wrong_answers(c), 0, "and believed");
    cache_close(c);
}

static void load_groups(struct cache *c, const char *groups, size_t n)
{
    struct cache_load_options options;
    struct cache_load *load;

    options = full_load(&plan);
    load = begin_or_die(cache_source(c, "crm"), &options);
    put_one(load, "1", "Meier", "+49 30 5551");
    if (groups)
        cache_load_groups(load, str_make(groups, n));
    ok(cache_load_commit(load, str_make(NULL, 0), NULL) == 0, "a load");
}

static bool groups_are(struct cache *c, const char *groups, size_t n)
{
    struct strbuf b = {0};
    int rc = cache_groups(cache_source(c, "crm"), &b);
    bool same = groups ? rc == 0 && str_eq(str_make(groups, n), str_make(b.ptr, b.len))
                       : rc == -CTR_ENOENT;

    strbuf_finish(&b);
    return same;
}

/* Opens again a file that nobody closed cleanly, so that it is read whole. */
static struct cache *reopen(struct cache *c, const char *dir)
{
    struct cache_options o = {.dir = dir};
    char path[256];

    cache_close(c);
    snprintf(path, sizeof(path), "%s/clean", dir);
    unlink(path);
    return open_or_die(loop, &o);
}

static void test_groups(void)
{
    struct cache_options o = {0};
    enum { SIZE = 300000 };
    char dir[64], *big = malloc(SIZE);
    struct cache *c;

    memset(big, 'g', SIZE);
    o.dir = fresh_dir(dir);
    c = open_or_die(loop, &o);
    ok(groups_are(c, NULL, 0), "no groups");
    load_groups(c, big, SIZE);
    ok(groups_are(c, big, SIZE), "many groups, committed with a first load");
    c = reopen(c, dir);
    ok(groups_are(c, big, SIZE), "found again by who reads the whole file");
    load_groups(c, NULL, 0);
    ok(groups_are(c, big, SIZE), "a load that does not speak of them leaves them");
    load_groups(c, "few", 3);
    c = reopen(c, dir);
    ok(groups_are(c, "few", 3), "others in their place");
    load_groups(c, "", 0);
    c = reopen(c, dir);
    ok(groups_are(c, NULL, 0), "none any more");
    load_groups(c, "few", 3);
    cache_wipe(cache_source(c, "crm"));
    c = reopen(c, dir);
    ok(groups_are(c, NULL, 0), "gone with the source's contacts");
    cache_close(c);
    remove_tree(dir);
    free(big);
}

/* A map that cannot grow: the load says so, lookups go on, and so do later loads. */
static void test_full(void)
{
    char dir[64];
    struct cache_options o = {.dir = fresh_dir(dir), .map_size = 1 << 20};
    struct cache *c = open_or_die(loop, &o);
    struct cache_source *s = cache_source(c, "crm");
    struct cache_load_options lo = full_load(&plan);
    struct cache_load_stats st;
    struct cache_load *load;
    struct cache_health h;
    int rc = 0;

    fill(c, "crm", PEOPLE, "Person");
    for (unsigned kind = 0; kind < 2; kind++) {
        lo.full = kind == 0;
        lo.shape = kind;
        load = begin_or_die(s, &lo);
        for (unsigned i = 0; i < 20000; i++) {
            char id[16], name[64];

            snprintf(id, sizeof(id), "%05u", i);
            snprintf(name, sizeof(name), "Ein langer Name Nummer %u damit es voll wird",
                     i);
            put_one(load, id, name, NULL);
        }
        is_int(cache_load_commit(load, (struct ctr_str){0}, &st), -CTR_EFULL, "full");
        cache_health(c, &h);
        is_int(h.write_error, -CTR_EFULL, "said in health");
        is_int(wrong_answers(c), 0, "lookups go on");
    }
    fill(c, "crm", PEOPLE, "Person");
    cache_health(c, &h);
    is_int(h.write_error, 0, "and the next load is as if nothing had been");
    cache_close(c);
    o.map_max = 64 << 20;
    c = open_or_die(loop, &o);
    s = cache_source(c, "crm");
    cache_read_begin(c);
    cache_read_end(c);
    lo.full = true;
    load = begin_or_die(s, &lo);
    for (unsigned i = 0; i < 60000 && rc == 0; i++) {
        char id[16], name[64];

        snprintf(id, sizeof(id), "%05u", i);
        snprintf(name, sizeof(name), "Ein langer Name Nummer %u damit es waechst", i);
        rc = put_one(load, id, name, NULL);
    }
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "a map that may grow");
    is_int(st.added + st.changed, 60000, "does");
    is_str(words(c, s, "59999"), "59999", "and answers");
    cache_health(c, &h);
    ok(h.map_size > (1 << 20) && h.map_size <= (64 << 20), "up to its limit");
    cache_close(c);
    remove_tree(dir);
}

/* What somebody asked a live source for: no sync, and no time of one. */
static void put_aside(struct cache *c, const char *source)
{
    struct cache_load_options o = {.plan = &plan, .may_wait = true, .aside = true};
    struct cache_load *load = begin_or_die(cache_source(c, source), &o);
    struct cache_load_stats st;

    put_one(load, "00001", "Beiseite", "+49 171 0000001");
    is_int(cache_load_commit(load, (struct ctr_str){0}, &st), 0, "put aside");
}

static int rebuilt;

static void on_rebuilt(void *arg)
{
    rebuilt++;
    loop_stop(arg);
}

/* Hit while it is in use, where it is noticed: an empty one takes its place. */
static void test_rebuilt(void)
{
    char dir[64], path[256];
    struct cache_options o = {
        .dir = fresh_dir(dir), .on_rebuilt = on_rebuilt, .arg = loop};
    struct cache *c = open_or_die(loop, &o);
    struct cache_source *s = cache_source(c, "crm"), *live = cache_source(c, "live");
    struct cache_info info;
    struct stat st;
    uint32_t recno;
    unsigned eio = 0;
    int fd, rc;

    put_aside(c, "live");
    fill(c, "crm", PEOPLE, "Person");
    snprintf(path, sizeof(path), "%s/contacts.mdb", dir);
    fd = open(path, O_RDWR);
    fstat(fd, &st);
    /* Flags of every page but the roots: LMDB notices the type. */
    for (off_t at = 2 * 4096 + 10; at < st.st_size; at += 4096)
        if (pwrite(fd, "\x04", 1, at) != 1)
            exit(2);
    close(fd);
    cache_read_begin(c);
    rc = cache_find(s, STR_LIT("00001"), &recno);
    cache_read_end(c);
    is_int(rc, -CTR_EIO, "noticed");
    for (; (rc = cache_read_begin(c)) == -CTR_EIO && eio < 5000; eio++)
        usleep(1000);
    is_int(rc, 0, "an empty one soon");
    is_int(cache_find(s, STR_LIT("00001"), &recno), -CTR_ENOENT, "with nothing in it");
    is_int(cache_find(live, STR_LIT("00001"), &recno), -CTR_ENOENT,
           "nor of what was put aside");
    cache_read_end(c);
    cache_source_info(live, &info);
    is_int(info.contacts, 0, "which is known");
    loop_run(loop);
    is_int(rebuilt, 1, "the sources are asked to fill it");
    fill(c, "crm", PEOPLE, "Person");
    is_int(wrong_answers(c), 0, "and do");
    is_str(words(c, live, "person"), "", "no source finds another's contacts");
    put_aside(c, "live");
    is_str(words(c, live, "beiseite"), "00001", "what is put aside anew is there");
    is_int(wrong_answers(c), 0, "and changes no other source");
    cache_close(c);
    remove_tree(dir);
}

/* Damage is found, and nobody is there any more to be told. */
static void test_closed(void)
{
    char dir[64];
    struct cache_options o = {
        .dir = fresh_dir(dir), .on_rebuilt = on_rebuilt, .arg = loop};
    struct loop *own = loop_create();
    struct cache *c = open_or_die(own, &o);

    rebuilt = 0;
    fill(c, "crm", 10, "Person");
    cache_report(c, &c->damaged);
    cache_close(c);
    loop_destroy(own);
    is_int(rebuilt, 0, "a cache that was closed tells nothing");
    remove_tree(dir);
}

static void test_errors(void)
{
    struct cache_options o = {.dir = "/proc/none/cache"};
    struct cache *c;
    char error[256] = "";

    ok(cache_open(loop, &o, &c, error, sizeof(error)) < 0 && error[0], "no folder: %s",
       error);
}

int main(void)
{
    char dir[64];

    if (number_global_init() != 0)
        return 2;
    loop = loop_create();
    munich(&plan);
    fresh_dir(dir);
    test_mark(dir);
    test_groups();
    remove_tree(dir);
    mkdir(dir, 0700);
    test_damage(dir);
    test_every_page(dir);
    test_foreign(dir);
    remove_tree(dir);
    test_older();
    test_full();
    test_rebuilt();
    test_closed();
    test_errors();
    loop_destroy(loop);
    return tap_done();
}
