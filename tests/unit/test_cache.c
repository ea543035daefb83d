/* test_cache.c - the cache: loads, walks, and what stands after each. */
#include "cache_util.h"

static struct loop *loop;
static struct dialplan plan;

int main(void)
{
    char dir[64];
    struct cache_options o = {.dir = fresh_dir(dir)};
    struct cache *c;
    struct cache_source *s;
    struct cache_load *load;
    struct cache_load_stats st;
    struct cache_load_options lo;
    struct person p;
    struct cache_walk w;
    struct record r;

    number_global_init();
    loop = loop_create();
    munich(&plan);
    lo = full_load(&plan);
    c = open_or_die(loop, &o);
    s = cache_source(c, "crm");
    is_int(cache_load_begin(s, &lo, &load), 0, "begin");
    person_name(&p, "1", "Anna", "Müller");
    person_add(&p, CTR_FIELD_PHONE_BUSINESS, "+49 89 840798-192");
    is_int(cache_load_put(load, &p.contact, 1), 0, "put");
    is_int(cache_load_commit(load, STR_LIT("cur"), &st), 0, "commit");
    is_int(st.added, 1, "added");
    is_int(cache_read_begin(c), 0, "read");
    cache_walk_init(&w, s, CACHE_NUMBER, STR_LIT("4989840798192"), true, NUMBER_E164);
    is_int(cache_walk_next(&w), 0, "found");
    is_int(cache_get(s, w.recno, &r), 0, "get");
    ok(str_eq_z(record_id(&r), "1"), "id");
    is_int(cache_walk_next(&w), -CTR_ENOENT, "end");
    cache_read_end(c);
    cache_close(c);
    c = open_or_die(loop, &o);
    s = cache_source(c, "crm");
    cache_read_begin(c);
    cache_walk_init(&w, s, CACHE_WORD, STR_LIT("muel"), false, 0);
    is_int(cache_walk_next(&w), 0, "found");
    is_str(w.at, "mueller", "at");
    cache_read_end(c);
    cache_close(c);
    loop_destroy(loop);
    remove_tree(dir);
    return tap_done();
}
