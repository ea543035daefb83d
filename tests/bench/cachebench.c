/* cachebench.c - the cache alone, with made-up contacts: how fast it loads, what it
 * takes, how fast it answers.
 *
 *   cachebench [contacts [directory]] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cache/cache.h"

static const char *const given[] = {
    "Anna",   "Björn",  "Claudia", "Dieter", "Eva",   "Frank",    "Gerda",  "Hans",
    "Ines",   "Jürgen", "Katrin",  "Lutz",   "Maria", "Norbert",  "Olga",   "Peter",
    "Renate", "Stefan", "Tanja",   "Uwe",    "Vera",  "Wolfgang", "Yvonne", "Zoe"};
static const char *const head[] = {"Mül",   "Schnei", "Wein",  "Hof",  "Gross", "Klein",
                                   "Berg",  "Stein",  "Wald",  "Bau",  "Acker", "Feld",
                                   "Kirch", "Linden", "Rosen", "Eich", "Birn",  "Sonn"};
static const char *const tail[] = {"ler",     "der",  "mann",   "bauer", "meier", "huber",
                                   "stetter", "bach", "berger", "ner",   "ing",   "holz"};
static const char *const city[] = {"München", "Berlin",  "Hamburg", "Köln",  "Stuttgart",
                                   "Leipzig", "Dresden", "Bremen",  "Essen", "Nürnberg"};

struct row {
    char id[16], given[24], surname[32], org[48], mail[80], phone[32], mobile[32],
        street[48];
    struct ctr_field fields[8];
    struct ctr_contact contact;
};

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

static void set(struct row *r, uint32_t kind, const char *value)
{
    r->fields[r->contact.n_fields++] =
        (struct ctr_field){.kind = kind, .value = {value, strlen(value)}};
}

static void make(struct row *r, uint32_t i)
{
    uint32_t h = mix(i + 1), company = h % 50000;

    snprintf(r->id, sizeof(r->id), "%u", i);
    snprintf(r->given, sizeof(r->given), "%s", given[h % 24]);
    snprintf(r->surname, sizeof(r->surname), "%s%s", head[h / 24 % 18],
             tail[h / 432 % 12]);
    snprintf(r->org, sizeof(r->org), "%s%s %u GmbH", head[company % 18],
             tail[company / 18 % 12], company);
    snprintf(r->mail, sizeof(r->mail), "k%u.%u@firma%u.example", i, h % 1000, company);
    snprintf(r->phone, sizeof(r->phone), "+49 89 %u-%03u", 100000 + company, i % 1000);
    snprintf(r->mobile, sizeof(r->mobile), "+49171%07u", i);
    r->contact = (struct ctr_contact){.size = sizeof(r->contact),
                                      .id = {r->id, strlen(r->id)},
                                      .fields = r->fields,
                                      .field_size = sizeof(r->fields[0])};
    set(r, CTR_FIELD_GIVEN_NAME, r->given);
    set(r, CTR_FIELD_SURNAME, r->surname);
    set(r, CTR_FIELD_ORGANISATION, r->org);
    set(r, CTR_FIELD_MAIL, r->mail);
    set(r, CTR_FIELD_PHONE_BUSINESS, r->phone);
    set(r, CTR_FIELD_PHONE_MOBILE, r->mobile);
    set(r, CTR_FIELD_CITY, city[h % 10]);
}

static double rss_peak(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

static void run_load(struct cache_source *s, const struct dialplan *plan, uint32_t n,
                     const char *what)
{
    struct cache_load_options o = {
        .full = true, .plan = plan, .max_delete_percent = 20, .may_wait = true};
    struct row *rows = calloc(256, sizeof(*rows));
    struct ctr_contact contacts[256];
    struct cache_load_stats st;
    struct cache_load *load;
    int64_t begin = clock_us(), put;
    int rc = cache_load_begin(s, &o, &load);

    for (uint32_t i = 0; i < n && rc == 0; i += 256) {
        uint32_t m = n - i < 256 ? n - i : 256;

        for (uint32_t j = 0; j < m; j++) {
            make(&rows[j], i + j);
            contacts[j] = rows[j].contact;
        }
        rc = cache_load_put(load, contacts, m);
    }
    put = clock_us();
    if (rc == 0)
        rc = cache_load_commit(load, (struct ctr_str){"c", 1}, &st);
    else
        cache_load_abort(load);
    if (rc) {
        fprintf(stderr, "load failed: %d\n", rc);
        exit(1);
    }
    printf("%s: %.0f contacts/s (%.2f s, of that commit %.2f s), added %llu unchanged "
           "%llu, peak RSS %.0f MB\n",
           what, n / ((double)(clock_us() - begin) / 1e6),
           (double)(clock_us() - begin) / 1e6, (double)(clock_us() - put) / 1e6,
           (unsigned long long)st.added, (unsigned long long)st.unchanged, rss_peak());
    free(rows);
}

static void lookups(struct cache *c, struct cache_source *s, uint32_t n)
{
    enum { TIMES = 1000000 };
    int64_t begin = clock_us();
    unsigned found = 0;
    struct cache_walk w;
    struct record r;
    char key[32];

    for (uint32_t i = 0; i < TIMES; i++) {
        int len = snprintf(key, sizeof(key), "49171%07u", mix(i) % n);

        cache_read_begin(c);
        cache_walk_init(&w, s, CACHE_NUMBER, (struct ctr_str){key, (uint64_t)len}, true,
                        NUMBER_E164);
        found += cache_walk_next(&w) == 0 && cache_get(s, w.recno, &r) == 0;
        cache_read_end(c);
    }
    printf("exact number: %.0f ns, %u of %u found\n",
           (double)(clock_us() - begin) * 1e3 / TIMES, found, TIMES);
    begin = clock_us();
    found = 0;
    for (uint32_t i = 0; i < TIMES / 20; i++) {
        static const char *const keys[] = {"muel", "a", "wein", "k1", "berl"};

        cache_read_begin(c);
        cache_walk_init(&w, s, CACHE_WORD, str_of(keys[i % 5]), false, NUMBER_NONE);
        for (unsigned k = 0; k < 20 && cache_walk_next(&w) == 0; k++)
            found += cache_get(s, w.recno, &r) == 0;
        cache_read_end(c);
    }
    printf("word prefix, 20 records: %.0f ns, %u records\n",
           (double)(clock_us() - begin) * 1e3 / (TIMES / 20), found);
}

int main(int argc, char **argv)
{
    uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
    const char *dir = argc > 2 ? argv[2] : "cachebench.db";
    struct cache_options o = {.dir = dir};
    struct dialplan_options po = {.country = "DE"};
    struct dialplan plan;
    const char *bad;
    char error[256], path[512];
    struct cache_source *s;
    struct cache_health h;
    struct cache *c;
    struct stat st;
    int64_t begin;

    struct loop *loop = loop_create();

    if (number_global_init() || dialplan_init(&plan, &po, &bad, error, sizeof(error)) ||
        cache_open(loop, &o, &c, error, sizeof(error))) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    s = cache_source(c, "bench");
    run_load(s, &plan, n, "first load");
    cache_health(c, &h);
    snprintf(path, sizeof(path), "%s/contacts.mdb", dir);
    stat(path, &st);
    printf("file: %.0f MB, used %.0f MB\n", (double)st.st_size / 1e6,
           (double)h.used / 1e6);
    lookups(c, s, n);
    run_load(s, &plan, n, "again, unchanged");
    cache_close(c);
    begin = clock_us();
    snprintf(path, sizeof(path), "%s/clean", dir);
    unlink(path);
    if (cache_open(loop, &o, &c, error, sizeof(error)))
        return 1;
    printf("open with check: %.2f s\n", (double)(clock_us() - begin) / 1e6);
    cache_close(c);
    loop_destroy(loop);
    return 0;
}
