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

static inline struct person *person_add(struct person *p, uint32_t kind, const char *value)
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

#endif
