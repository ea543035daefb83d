/* test_cache_check.c - the check of a file before it is used, against damage in each
 * place that it looks at: page headers, the tables of nodes, the nodes, LMDB's own roots,
 * rows. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/log.h"
#include "cache/impl.h"
#include "cache_util.h"

enum { PAGE = 4096, PEOPLE = 120, REASONS_MAX = 40, LOOK = 96 };

static struct loop *loop;
static struct dialplan plan;
static const char *reasons[REASONS_MAX]; /* constants of check.c */
static unsigned n_reasons;

static void note(const char *why)
{
    for (unsigned i = 0; i < n_reasons; i++)
        if (strcmp(reasons[i], why) == 0)
            return;
    ensure(n_reasons < REASONS_MAX);
    reasons[n_reasons++] = why;
}

static bool noted(const char *why)
{
    for (unsigned i = 0; i < n_reasons; i++)
        if (strcmp(reasons[i], why) == 0)
            return true;
    return false;
}

/* Twice, so that there are free pages; one contact is longer than a page. */
static void fill(struct cache *c, const char *source)
{
    static char photo[3 * PAGE];

    memset(photo, 'p', sizeof(photo) - 1);
    for (unsigned round = 0; round < 2; round++) {
        struct cache_load_options o = full_load(&plan);
        struct cache_load_stats st;
        struct cache_load *load;

        o.shape = round;
        load = begin_or_die(cache_source(c, source), &o);
        for (unsigned i = 0; i < PEOPLE; i++) {
            struct person p;
            char id[16], name[32], phone[32];

            snprintf(id, sizeof(id), "%05u", i);
            snprintf(name, sizeof(name), "name%u", i);
            snprintf(phone, sizeof(phone), "+49 171 %07u", i);
            person_add(person_new(&p, id), CTR_FIELD_SURNAME, name);
            person_add(&p, CTR_FIELD_PHONE_MOBILE, phone);
            if (i == 7)
                person_add(&p, CTR_FIELD_PHOTO, photo);
            cache_load_put(load, &p.contact, 1);
        }
        ensure(cache_load_commit(load, STR_LIT("c"), &st) == 0);
    }
}

/* Whether the cache, if it takes the file, tells nothing wrong. */
static bool answers_right(const char *dir)
{
    struct cache_options o = {.dir = dir};
    struct cache *c = open_or_die(loop, &o);
    struct cache_source *s = cache_source(c, "crm");
    struct cache_info info;
    bool right = true;

    cache_source_info(s, &info);
    for (unsigned i = 0; i < PEOPLE && info.contacts > 0; i += 7) {
        char phone[32], id[16];

        snprintf(id, sizeof(id), "%05u", i);
        snprintf(phone, sizeof(phone), "49171%07u", i);
        right = right && strcmp(number(c, s, phone), id) == 0;
    }
    cache_close(c);
    return right;
}

struct file {
    char path[128];
    uint8_t *data;
    size_t size;
    int fd;
};

static void file_open(struct file *f, const char *dir)
{
    struct stat st;

    snprintf(f->path, sizeof(f->path), "%s/contacts.mdb", dir);
    f->fd = open(f->path, O_RDWR);
    ensure(f->fd >= 0 && fstat(f->fd, &st) == 0);
    f->size = (size_t)st.st_size;
    f->data = malloc(f->size);
    ensure(f->data && pread(f->fd, f->data, f->size, 0) == (ssize_t)f->size);
}

static void file_put(const struct file *f, size_t at, const void *bytes, size_t n)
{
    ensure(pwrite(f->fd, bytes, n, (off_t)at) == (ssize_t)n);
}

static void file_restore(const struct file *f)
{
    file_put(f, 0, f->data, f->size);
    ensure(ftruncate(f->fd, (off_t)f->size) == 0);
}

/* returns whether the check let it pass */
static bool passes(const struct file *f, size_t at, uint16_t word)
{
    const char *why = "";
    enum check_result result;

    file_put(f, at, &word, sizeof(word));
    result = check_file(f->path, &why);
    file_put(f, at, f->data + at, sizeof(word));
    if (result != CHECK_GOOD)
        note(why);
    return result == CHECK_GOOD;
}

static void damage_words(const struct file *f, size_t page, unsigned *tried,
                         unsigned *passed)
{
    for (size_t at = page; at < page + LOOK; at += 2) {
        uint16_t old;

        memcpy(&old, f->data + at, sizeof(old));
        for (unsigned i = 0; i < 6; i++) {
            const uint16_t words[] = {0,
                                      1,
                                      0xffff,
                                      (uint16_t)(old + 2),
                                      (uint16_t)(old ^ 0x8000),
                                      (uint16_t)(old ^ 4)};

            if (words[i] == old)
                continue;
            ++*tried;
            *passed += passes(f, at, words[i]);
        }
    }
}

/* Where nodes lie: at the end of their page. */
static void damage_nodes(const struct file *f, size_t page, unsigned *tried,
                         unsigned *passed)
{
    uint16_t lower, upper;

    memcpy(&lower, f->data + page + 12, sizeof(lower));
    memcpy(&upper, f->data + page + 14, sizeof(upper));
    if (lower < 16 || upper < lower || upper >= PAGE || (upper & 1))
        return;
    for (size_t at = page + upper; at < page + PAGE && at < page + upper + LOOK;
         at += 2) {
        uint16_t next;

        memcpy(&next, f->data + at, sizeof(next));
        next++; /* of a page's number: the one of its neighbour */
        *passed += passes(f, at, 0xffff);
        *passed += passes(f, at, 0);
        *passed += passes(f, at, next);
        *tried += 3;
    }
}

static void test_every_place(const char *dir)
{
    struct file f;
    unsigned tried = 0, passed = 0;
    const char *why = "";

    file_open(&f, dir);
    is_int(check_file(f.path, &why), CHECK_GOOD, "the file is whole%s%s", why ? ": " : "",
           why ? why : "");
    for (size_t page = 0; page < f.size; page += PAGE) {
        damage_words(&f, page, &tried, &passed);
        damage_nodes(&f, page, &tried, &passed);
    }
    printf("# %u of %u changed words lie where nothing is\n", passed, tried);
    for (size_t cut = 0; cut < f.size; cut += PAGE / 2) {
        ensure(ftruncate(f.fd, (off_t)cut) == 0);
        if (check_file(f.path, &why) != CHECK_GOOD)
            note(why);
        file_restore(&f);
    }
    is_int(check_file(f.path, &why), CHECK_GOOD, "and it is whole again");
    printf("# %u reasons\n", n_reasons);
    for (unsigned i = 0; i < n_reasons; i++)
        printf("#   %s\n", reasons[i]);
    free(f.data);
    close(f.fd);
}

static void test_reasons(void)
{
    static const char *const must[] = {
        "a page number is out of range", "a page is used twice",
        "the file is too short",         "a page's bounds are wrong",
        "a database's counts are wrong",
    };

    for (unsigned i = 0; i < sizeof(must) / sizeof(must[0]); i++)
        ok(noted(must[i]), "told: %s", must[i]);
    ok(n_reasons >= 18, "%u different reasons were told", n_reasons);
}

/* What passes must be harmless: asked of a cache that opened the file. */
static void test_what_passes(const char *dir)
{
    unsigned seed = 3, taken = 0, wrong = 0;
    struct file f;

    file_open(&f, dir);
    for (unsigned i = 0; i < 4000 && taken < 40; i++) {
        size_t page = (size_t)rand_r(&seed) % (f.size / PAGE) * PAGE;
        size_t at = page + ((size_t)rand_r(&seed) % PAGE & ~(size_t)1);
        uint16_t word = (uint16_t)rand_r(&seed);

        if (!passes(&f, at, word))
            continue;
        file_put(&f, at, &word, sizeof(word));
        wrong += !answers_right(dir);
        taken++;
        close(f.fd); /* the cache may have written, or set it aside */
        f.fd = open(f.path, O_RDWR | O_CREAT, 0600);
        ensure(f.fd >= 0);
        file_restore(&f);
    }
    ok(taken > 0, "%u damaged files passed", taken);
    is_int(wrong, 0, "and none of them answered wrong");
    free(f.data);
    close(f.fd);
}

int main(void)
{
    char dir[64];
    struct cache_options o = {.dir = fresh_dir(dir)};
    struct cache *c;

    ensure(number_global_init() == 0);
    munich(&plan);
    loop = loop_create();
    log_set_level(LOG_LEVEL_ERROR);
    c = open_or_die(loop, &o);
    fill(c, "crm");
    fill(c, "more");
    cache_close(c);
    test_every_place(dir);
    test_reasons();
    test_what_passes(dir);
    loop_destroy(loop);
    remove_tree(dir);
    return tap_done();
}
