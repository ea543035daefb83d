/* cache_util.h - contacts, folders and loads for the tests of the cache. */
#ifndef TESTS_CACHE_UTIL_H
#define TESTS_CACHE_UTIL_H

#include <ftw.h>
#include <unistd.h>

#include "cache/cache.h"
#include "contactor/error.h"
#include "tap.h"

/* A contact being put together; strings are borrowed. */
struct person {
    struct ctr_contact contact;
    struct ctr_field fields[64];
};

static inline struct person *person_new(struct person *p, const char *id)
{
    memset(p, 0, sizeof(*p));
    p->contact.size = sizeof(p->contact);
    p->contact.id = str_of(id);
    p->contact.fields = p->fields;
    p->contact.field_size = sizeof(p->fields[0]);
    return p;
}

static inline struct person *person_add(struct person *p, uint32_t kind,
                                        const char *value)
{
    p->fields[p->contact.n_fields++] =
        (struct ctr_field){.kind = kind, .value = str_of(value)};
    return p;
}

static inline struct person *person_name(struct person *p, const char *id,
                                         const char *given, const char *surname)
{
    person_new(p, id);
    person_add(p, CTR_FIELD_GIVEN_NAME, given);
    return person_add(p, CTR_FIELD_SURNAME, surname);
}

static inline void munich(struct dialplan *plan)
{
    struct dialplan_options o = {.country = "DE",
                                 .area_code = "89",
                                 .main_number = "+49 89 840798",
                                 .extension_length = 3};
    const char *bad;
    char error[200];

    if (dialplan_init(plan, &o, &bad, error, sizeof(error)) != 0) {
        fprintf(stderr, "%s: %s\n", bad, error);
        exit(2);
    }
}

__attribute__((unused)) static int remove_entry(const char *path, const struct stat *st,
                                                int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void remove_tree(const char *dir)
{
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A fresh folder, in memory where there is room for one. */
static inline const char *fresh_dir(char out[64])
{
    strcpy(out, "/tmp/contactor-cache-XXXXXX");
    if (!mkdtemp(out)) {
        perror("mkdtemp");
        exit(2);
    }
    return out;
}

static inline struct cache *open_or_die(struct loop *loop,
                                        const struct cache_options *options)
{
    struct cache *cache = NULL;
    char error[512] = "";
    int rc = cache_open(loop, options, &cache, error, sizeof(error));

    if (rc) {
        fprintf(stderr, "cache_open: %d %s\n", rc, error);
        exit(2);
    }
    return cache;
}

static inline struct cache_load_options full_load(const struct dialplan *plan)
{
    return (struct cache_load_options){
        .full = true, .plan = plan, .max_delete_percent = 20, .may_wait = true};
}

/* ---- little shapes of tests ---- */

/* Puts one contact with a surname and a number. */
static inline int put_one(struct cache_load *load, const char *id, const char *surname,
                          const char *number)
{
    struct person p;

    person_add(person_new(&p, id), CTR_FIELD_SURNAME, surname);
    if (number)
        person_add(&p, CTR_FIELD_PHONE_BUSINESS, number);
    return cache_load_put(load, &p.contact, 1);
}

static inline struct cache_load *begin_or_die(struct cache_source *source,
                                              const struct cache_load_options *options)
{
    struct cache_load *load = NULL;

    if (cache_load_begin(source, options, &load) != 0) {
        fprintf(stderr, "cache_load_begin\n");
        exit(2);
    }
    return load;
}

/* Ids of a walk's records, in its order, with blanks between: "1 2 2". */
static inline const char *walk_ids(struct cache *c, struct cache_walk *w)
{
    static char out[4096];
    size_t n = 0;
    struct record r;
    int rc = cache_read_begin(c);

    out[0] = 0;
    while (rc == 0 && ((rc = cache_walk_next(w)) == 0 || rc == -CTR_EPAUSE)) {
        if (rc == -CTR_EPAUSE) {
            rc = 0;
            continue;
        }
        if (cache_get(w->source, w->recno, &r) != 0)
            return "no record";
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s" STR_FMT, n ? " " : "",
                              STR_ARG(record_id(&r)));
    }
    cache_read_end(c);
    return rc == -CTR_ENOENT ? out : "error";
}

static inline const char *ids_of(struct cache *c, struct cache_source *s,
                                 enum cache_index index, const char *key, bool exact,
                                 enum number_class class)
{
    struct cache_walk w;

    cache_walk_init(&w, s, index, str_of(key), exact, class);
    return walk_ids(c, &w);
}

static inline const char *words(struct cache *c, struct cache_source *s, const char *key)
{
    return ids_of(c, s, CACHE_WORD, key, false, NUMBER_NONE);
}

static inline const char *number(struct cache *c, struct cache_source *s, const char *key)
{
    return ids_of(c, s, CACHE_NUMBER, key, true, NUMBER_E164);
}

static inline const char *all_ids(struct cache *c, struct cache_source *s)
{
    return ids_of(c, s, CACHE_ALL, "", false, NUMBER_NONE);
}

static inline bool exists_in(const char *dir, const char *prefix)
{
    char cmd[256];

    snprintf(cmd, sizeof(cmd), "ls %s/%s* >/dev/null 2>&1", dir, prefix);
    return system(cmd) == 0;
}

#endif
