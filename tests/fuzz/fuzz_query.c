/* fuzz_query.c - any filter, asked of a small cache: what the indexes propose and leave
 * out must come to the same as looking at every record.
 *
 * Bytes are read as a filter tree, a principal and a way of asking (streamed, in pages,
 * sorted). The same filter is then held against each record of the view by itself. */
#include "flow/query.h"
#include "flow/state.h"

#include <stdlib.h>

#include "../unit/flow_util.h"

enum { PEOPLE = 160, HITS_MAX = 4096 };

struct bytes {
    const uint8_t *at, *end;
};

static unsigned take(struct bytes *b, unsigned below)
{
    unsigned v = b->at < b->end ? *b->at++ : 0;

    return v % below;
}

/* ---- a small world --------------------------------------------------------- */

static const char *const words[] = {
    "Müller",
    "Mueller",
    "muller",
    "Meier",
    "Mayer",
    "Maier",
    "Straße",
    "strasse",
    "Jörg",
    "Joerg",
    "Zoë",
    "O'Neill",
    "Smith",
    "Acme GmbH",
    "ACME",
    "Nord AG",
    "von Beck",
    "Ångström",
    "München",
    "Köln",
    "a",
    "é",
    "x1",
    "Weiß",
    "Anna-Lena",
    "J. R.",
    "---",
    "Łukasz",
    "Überland-Werke & Söhne (Köln)",
    "Rindfleischüberwachung",
    "Müllermeister Mull",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"};
static const char *const numbers[] = {"+49 89 840798-192",
                                      "089/840798193",
                                      "0049 (0)89 840798-0",
                                      "192",
                                      "193",
                                      "+1 212 555 0100",
                                      "0171 1234567",
                                      "+49 171 1234567",
                                      "112",
                                      "12345678",
                                      "4989840798192",
                                      "+43 1 5550100",
                                      "00431 5550100",
                                      "0",
                                      "+",
                                      "089 840798",
                                      "tel:+12125550100",
                                      "call me",
                                      "*21#",
                                      "+49 89 8407981920",
                                      "5550100",
                                      "07980",
                                      "840798192",
                                      "+4989",
                                      "(0)89"};
static const char *const mails[] = {"mueller@acme.example", "jörg@nord.example",
                                    "a.b-c@x.example", "noat", "smith@acme.example"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct world small;
static struct ctr_principal *alice;

static unsigned long seed = 7;

static unsigned random_below(unsigned n)
{
    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return (unsigned)(seed >> 33) % n;
}

static void add_random(struct person *p)
{
    static const uint32_t texts[] = {
        CTR_FIELD_DISPLAY_NAME, CTR_FIELD_GIVEN_NAME, CTR_FIELD_SURNAME,
        CTR_FIELD_ORGANISATION, CTR_FIELD_CITY,       CTR_FIELD_NOTE,
        CTR_FIELD_DEPARTMENT,   CTR_FIELD_URL,        CTR_FIELD_CUSTOM};
    struct ctr_field *f = &p->fields[p->contact.n_fields++];

    switch (random_below(4)) {
    case 0:
        f->kind = CTR_FIELD_PHONE_BUSINESS + random_below(8);
        f->value = str_of(numbers[random_below(COUNT(numbers))]);
        break;
    case 1:
        f->kind = CTR_FIELD_MAIL;
        f->value = str_of(mails[random_below(COUNT(mails))]);
        break;
    default:
        f->kind = texts[random_below(COUNT(texts))];
        f->value = str_of(words[random_below(COUNT(words))]);
        if (f->kind == CTR_FIELD_CUSTOM)
            f->name = str_of(random_below(2) ? "extra" : "other");
    }
}

/* More than the index keeps of one contact; what it loses is found nevertheless. */
static void add_many_words(struct person *p)
{
    struct strbuf text = {0};
    struct ctr_field *f = &p->fields[p->contact.n_fields++];

    for (unsigned i = 0; i < 200; i++)
        strbuf_fmt(&text, "w%ux ", i);
    strbuf_z(&text, "Überland-Werke Müllermeister Straße");
    f->kind = CTR_FIELD_ORGANISATION;
    f->value = arena_str(&small.pool, str_make(text.ptr, text.len));
    strbuf_finish(&text);
}

static void fill(const char *source)
{
    struct load l = load_begin(&small, source);

    for (unsigned i = 0; i < PEOPLE; i++) {
        struct person p;
        char id[20];

        if (random_below(16) == 0)
            continue; /* is not there, or goes */
        snprintf(id, sizeof(id), "%c%u", source[0], i);
        p = person(id, i % 9 == 0 ? "alice" : i % 9 == 1 ? "bob" : NULL, 0);
        for (unsigned n = 1 + random_below(7); n > 0; n--)
            add_random(&p);
        if (i == 7)
            add_many_words(&p);
        load_put(&l, p);
    }
    load_end(&l);
}

static void build_world(void)
{
    static const char *const nobody[] = {"@none"};
    static const struct flow_rule rules[] = {
        {.kind = CTR_FIELD_PHONE_MOBILE, .who = nobody, .n_who = 1},
        {.kind = CTR_FIELD_SURNAME, .who = nobody, .n_who = 1},
        {.kind = CTR_FIELD_CUSTOM, .name = STR_LIT("extra"), .who = nobody, .n_who = 1}};
    struct dialplan plan = (number_global_init(), munich());
    struct flow_source_config sources[] = {
        {.name = "first", .plan = plan, .priority = 1},
        {.name = "second", .plan = plan, .priority = 2, .rules = rules, .n_rules = 3}};
    struct flow_client_config client = {.name = "test",
                                        .plan = plan,
                                        .size_limit = HITS_MAX,
                                        .time_limit = 60000,
                                        .ambiguity = FLOW_AMBIGUITY_ALL,
                                        .anonymous = true};
    struct flow_user_config user = {.name = "alice", .secret = STR_LIT("secret")};
    struct flow_config config = {.sources = sources,
                                 .n_sources = 2,
                                 .clients = &client,
                                 .n_clients = 1,
                                 .users = &user,
                                 .n_users = 1};

    world_open(&small);
    flow_configure(small.flow, &config);
    fill("first");
    fill("second");
    alice = login(&small, "alice", "secret");
    ensure(alice);
}

/* Not written anew: what differs. */
__attribute__((unused)) static void change_world(void)
{
    fill("first");
    fill("second");
}

static void end_world(void)
{
    principal_unref(alice);
    world_close(&small);
}

/* ---- bytes to a filter ----------------------------------------------------- */

static struct ctr_str take_value(struct bytes *b, uint64_t kinds)
{
    struct world *w = &small;
    unsigned how = take(b, 8), n, len;
    const char *word;
    char *raw;

    if (how < 5) {
        word = kinds & CTR_KINDS_PHONE && how < 4 ? numbers[take(b, COUNT(numbers))]
               : how == 3                         ? mails[take(b, COUNT(mails))]
                                                  : words[take(b, COUNT(words))];
        n = (unsigned)strlen(word);
        /* Sometimes the beginning, the end, or something in between. */
        len = take(b, 4) ? n : take(b, n + 1);
        word += (n - len) * take(b, 3) / 2;
        return str_make(arena_str(&w->pool, str_make(word, len)).ptr, len);
    }
    if (how == 5) {
        raw = arena_alloc(&w->pool, 8);
        n = take(b, 8);
        for (unsigned i = 0; i < n; i++)
            raw[i] = (char)take(b, 256);
        return str_make(raw, n);
    }
    return str_of(arena_fmt(&w->pool, "%c%u", how == 6 ? 'f' : 's', take(b, PEOPLE)));
}

static uint64_t take_kinds(struct bytes *b)
{
    static const uint64_t sets[] = {
        CTR_KINDS_PHONE,
        CTR_KIND(CTR_FIELD_PHONE_MOBILE),
        CTR_KIND(CTR_FIELD_PHONE_BUSINESS) | CTR_KIND(CTR_FIELD_PHONE_HOME),
        CTR_KIND(CTR_FIELD_SURNAME),
        CTR_KIND(CTR_FIELD_DISPLAY_NAME) | CTR_KIND(CTR_FIELD_GIVEN_NAME) |
            CTR_KIND(CTR_FIELD_SURNAME),
        CTR_KIND(CTR_FIELD_MAIL),
        CTR_KIND(CTR_FIELD_MAIL) | CTR_KIND(CTR_FIELD_SURNAME) | CTR_KINDS_PHONE,
        CTR_KIND(CTR_FIELD_NOTE),
        CTR_KIND(CTR_FIELD_CUSTOM),
        CTR_KIND(CTR_FIELD_ID),
        CTR_KIND(CTR_FIELD_ID) | CTR_KIND(CTR_FIELD_DISPLAY_NAME),
        CTR_KIND(CTR_FIELD_OWNER),
        CTR_KIND(CTR_FIELD_ORGANISATION) | CTR_KIND(CTR_FIELD_CITY),
        CTR_KINDS_ALL,
        0};

    return sets[take(b, COUNT(sets))];
}

static struct ctr_filter *take_leaf(struct bytes *b)
{
    static const uint32_t ops[] = {
        CTR_OP_EQUAL, CTR_OP_EQUAL,  CTR_OP_SUBSTR,   CTR_OP_SUBSTR, CTR_OP_SUBSTR,
        CTR_OP_WORDS, CTR_OP_APPROX, CTR_OP_GE,       CTR_OP_LE,     CTR_OP_PRESENT,
        CTR_OP_FALSE, CTR_OP_TRUE,   CTR_OP_UNDEFINED};
    struct world *w = &small;
    struct ctr_filter *f = leaf(w, ops[take(b, COUNT(ops))], take_kinds(b), NULL);
    struct ctr_str *values;
    unsigned n = f->op == CTR_OP_SUBSTR ? 2 + take(b, 3) : 1;

    if (f->kinds & CTR_KIND(CTR_FIELD_CUSTOM) && take(b, 2))
        f->name = take(b, 2) ? STR_LIT("extra") : STR_LIT("other");
    if (f->op == CTR_OP_PRESENT || f->op < CTR_OP_EQUAL)
        return f;
    values = arena_array(&w->pool, n, sizeof(*values));
    for (unsigned i = 0; i < n; i++)
        if (f->op != CTR_OP_SUBSTR || take(b, 2))
            values[i] = take_value(b, f->kinds);
    f->values = values;
    f->n_values = n;
    return f;
}

/* What somebody types who knows a piece of a name: "*mull*". */
static struct ctr_filter *take_contains(struct bytes *b)
{
    static const uint64_t sets[] = {
        CTR_KIND(CTR_FIELD_DISPLAY_NAME), CTR_KIND(CTR_FIELD_SURNAME),
        CTR_KIND(CTR_FIELD_MAIL), CTR_KIND(CTR_FIELD_MAIL) | CTR_KIND(CTR_FIELD_CUSTOM),
        CTR_KIND(CTR_FIELD_DISPLAY_NAME) | CTR_KIND(CTR_FIELD_ORGANISATION) |
            CTR_KIND(CTR_FIELD_CITY)};
    struct world *w = &small;
    const char *text =
        take(b, 4) ? words[take(b, COUNT(words))] : mails[take(b, COUNT(mails))];
    size_t n = strlen(text), at = take(b, (unsigned)n), len = 1 + take(b, 5);
    struct ctr_filter *f = leaf(w, CTR_OP_SUBSTR, sets[take(b, COUNT(sets))], NULL);
    struct ctr_str *values = arena_array(&w->pool, 3, sizeof(*values));

    values[1] = str_make(text + at, len < n - at ? len : n - at);
    f->values = values;
    f->n_values = 3;
    return f;
}

/* ... and several of them: all must be there. */
static struct ctr_filter *take_pieces(struct bytes *b)
{
    struct world *w = &small;
    struct ctr_filter *f = branch(w, CTR_OP_AND, NULL);
    const struct ctr_filter **children = arena_array(&w->pool, 4, sizeof(*children));

    f->n_children = 1 + take(b, 4);
    for (uint32_t i = 0; i < f->n_children; i++)
        children[i] = take(b, 4) ? take_contains(b) : take_leaf(b);
    f->children = children;
    return f;
}

static struct ctr_filter *take_filter(struct bytes *b, unsigned depth)
{
    static const uint32_t ops[] = {CTR_OP_AND, CTR_OP_OR, CTR_OP_OR, CTR_OP_NOT};
    struct world *w = &small;
    const struct ctr_filter **children;
    struct ctr_filter *f;

    if (take(b, 4) == 0)
        return take_pieces(b);
    if (depth > 4 || take(b, 5) > 1)
        return take_leaf(b);
    f = branch(w, ops[take(b, COUNT(ops))], NULL);
    f->n_children = f->op == CTR_OP_NOT ? 1 : take(b, 5);
    children = arena_array(&w->pool, 5, sizeof(*children));
    for (uint32_t i = 0; i < f->n_children; i++)
        children[i] = take_filter(b, depth + 1);
    f->children = children;
    return f;
}

/* ---- both ways ------------------------------------------------------------- */

struct found {
    uint32_t n;
    char ids[HITS_MAX][8];
};

static void found_add(struct found *found, struct ctr_str id)
{
    ensure(found->n < HITS_MAX && id.len < 8);
    memset(found->ids[found->n], 0, 8);
    memcpy(found->ids[found->n++], id.ptr, id.len);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

/* Every record of the view, one by one. */
static void look_at_all(const struct ctr_filter *asked, struct ctr_principal *principal,
                        struct found *found)
{
    struct flow_client *client = flow_client(small.flow, "test");
    const struct view *view = access_view(small.flow->setup, client->conf, principal);
    struct eval *ev = &small.flow->eval;
    struct eval_filter filter;

    found->n = 0;
    ensure(eval_compile(&filter, asked, &client->conf->plan, &small.pool) == 0);
    ensure(flow_read_begin(small.flow) == 0);
    for (uint32_t i = 0; i < view->n; i++) {
        struct cache_source *source = view->sources[i].source->cache;
        struct cache_walk walk;
        struct record r;

        cache_walk_init(&walk, source, CACHE_ALL, str_make(NULL, 0), false, NUMBER_NONE);
        while (cache_walk_next(&walk) == 0) {
            ensure(cache_get(source, walk.recno, &r) == 0);
            eval_load(ev, &view->sources[i], &client->conf->plan, &r, UINT64_MAX);
            if (access_owns(view, ev->owner) && eval_truth(ev, &filter.root) == EVAL_TRUE)
                found_add(found, ev->id);
        }
    }
    small.flow->loaded_view = NULL;
    flow_read_end(small.flow);
}

static int32_t take_hits(void *user, const struct ctr_contact *const *hits, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        found_add(user, hits[i]->id);
    return 0;
}

static struct ctr_outcome last;
static char last_cursor[CTR_CURSOR_MAX];
static bool last_done;

static void take_done(void *user, const struct ctr_outcome *outcome)
{
    (void)user;
    last = *outcome;
    last_done = true;
    if (outcome->cursor.len > 0)
        memcpy(last_cursor, outcome->cursor.ptr, outcome->cursor.len);
}

static int ask_once(const struct ctr_query *q, struct found *found)
{
    static const struct ctr_query_ops ops = {
        .size = sizeof(ops), .on_hits = take_hits, .on_done = take_done};
    struct ctr_request *request;
    int r;

    last_done = false;
    r = flow_query_start(flow_client(small.flow, "test"), q, &ops, found, &request);
    if (r < 0)
        return r;
    while (!last_done)
        uv_run(loop_uv(small.loop), UV_RUN_NOWAIT);
    return last.status;
}

static void ask_in_pages(struct ctr_query *q, struct found *found)
{
    char cursor[CTR_CURSOR_MAX];

    q->page = 1;
    for (;;) {
        ensure(ask_once(q, found) == 0);
        if (last.cursor.len == 0)
            return;
        memcpy(cursor, last_cursor, last.cursor.len);
        q->resume = str_make(cursor, last.cursor.len);
    }
}

/* returns whether both ways agree; tells when not */
static bool compare(struct found *a, struct found *b)
{
    qsort(a->ids, a->n, 8, by_id);
    qsort(b->ids, b->n, 8, by_id);
    if (a->n == b->n && (a->n == 0 || memcmp(a->ids, b->ids, a->n * 8UL) == 0))
        return true;
    printf("# all records: %u, by plan: %u\n", a->n, b->n);
    for (uint32_t i = 0, k = 0; i < a->n || k < b->n;) {
        int order = i == a->n ? 1 : k == b->n ? -1 : memcmp(a->ids[i], b->ids[k], 8);

        if (order != 0)
            printf("# %s by the plan: %s\n",
                   order < 0 ? "missed" : "invented or repeated",
                   order < 0 ? a->ids[i] : b->ids[k]);
        i += order <= 0;
        k += order >= 0;
    }
    return false;
}

static bool try_bytes(const uint8_t *data, size_t size)
{
    static struct found all, planned;
    struct ctr_sort_key key = {.kinds = CTR_KIND(CTR_FIELD_SURNAME)};
    struct bytes b = {data, data + size};
    struct ctr_principal *who[] = {NULL, alice, flow_admin(small.flow)};
    unsigned how = take(&b, 4);
    struct ctr_query q = ask_for(NULL);

    arena_reset(&small.pool);
    q.principal = who[take(&b, 3)];
    q.filter = take_filter(&b, 0);
    q.limit = how == 1 ? 1 + take(&b, 20) : 0;
    planned.n = 0;
    look_at_all(q.filter, who[data && size > 1 ? data[1] % 3 : 0], &all);
    if (how == 1) {
        ask_in_pages(&q, &planned);
    } else {
        q.sort = &key;
        q.n_sort = how == 2;
        ensure(ask_once(&q, &planned) == 0);
    }
    return compare(&all, &planned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!small.flow) {
        build_world();
        atexit(end_world);
    }
    if (!try_bytes(data, size))
        abort();
    return 0;
}
