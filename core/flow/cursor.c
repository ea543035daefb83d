/* cursor.c - where a page ended, as bytes a client may keep.
 *
 * Opaque and sealed: a keyed hash over the place and over the question with its asker,
 * so one made up, changed, or taken from another query or another principal is none. */
#include <sodium.h>

#include "base/error.h"
#include "flow/query.h"

enum { CURSOR_VERSION = 2, SEAL_SIZE = 16 };

struct place {
    uint8_t version, mode, kind, at_len;
    uint32_t walk, recno, offset;
    uint64_t plan, source; /* hashes */
    uint64_t numbering;    /* of the source */
    char at[CACHE_KEY_MAX];
    struct id_note id;
};

struct sealed {
    struct place place;
    unsigned char seal[SEAL_SIZE];
};

_Static_assert(sizeof(struct sealed) <= CTR_CURSOR_MAX, "a cursor fits");

static void hash_str(crypto_generichash_state *state, struct ctr_str s)
{
    uint64_t len = s.len;

    crypto_generichash_update(state, (const unsigned char *)&len, sizeof(len));
    if (s.len > 0)
        crypto_generichash_update(state, (const unsigned char *)s.ptr, s.len);
}

static void hash_numbers(crypto_generichash_state *state, const uint64_t *n, size_t count)
{
    crypto_generichash_update(state, (const unsigned char *)n, count * sizeof(*n));
}

static void hash_node(crypto_generichash_state *state, const struct eval_node *node)
{
    const struct eval_leaf *leaf = node->leaf;
    uint64_t head[] = {node->op, node->n_children, leaf ? leaf->kinds : 0,
                       leaf ? leaf->n_values : 0};

    hash_numbers(state, head, sizeof(head) / sizeof(head[0]));
    for (uint32_t i = 0; i < node->n_children; i++)
        hash_node(state, &node->children[i]);
    if (!leaf)
        return;
    hash_str(state, leaf->name);
    for (uint32_t i = 0; i < leaf->n_values; i++)
        hash_str(state, leaf->values[i]);
}

/* Everything that makes it this question of this asker; not limit and page size. */
static void seal(const struct query *q, const struct place *place,
                 unsigned char out[SEAL_SIZE])
{
    crypto_generichash_state state;
    uint64_t numbers[] = {q->view->admin, q->view->principal != NULL, q->ask.n_sort};

    crypto_generichash_init(&state, q->flow->key, sizeof(q->flow->key), SEAL_SIZE);
    crypto_generichash_update(&state, (const unsigned char *)place, sizeof(*place));
    hash_numbers(&state, numbers, sizeof(numbers) / sizeof(numbers[0]));
    hash_str(&state, str_of(q->view->principal));
    hash_str(&state, str_of(q->client->name));
    hash_str(&state, q->ask.source);
    hash_str(&state, q->ask.id);
    for (uint32_t i = 0; i < q->ask.n_sort; i++) {
        uint64_t key[] = {q->ask.sort[i].kinds, q->ask.sort[i].reverse};

        hash_numbers(&state, key, 2);
    }
    hash_node(&state, &q->filter.root);
    crypto_generichash_final(&state, out, SEAL_SIZE);
}

void cursor_make(struct query *q)
{
    struct sealed cursor;
    struct place *place = &cursor.place;

    memset(&cursor, 0, sizeof(cursor));
    place->version = CURSOR_VERSION;
    place->mode = q->mode;
    if (q->mode == QUERY_STREAM) {
        const struct cache_walk *walk = &q->delivered_at;

        place->plan = plan_hash(&q->plan);
        place->source = q->view->sources[q->delivered_source].source->name_hash;
        place->walk = q->delivered_walk;
        place->recno = walk->recno;
        place->kind = walk->kind;
        place->at_len = walk->at_len;
        memcpy(place->at, walk->at, walk->at_len);
        place->numbering = q->delivered_numbering;
        walk_note_id(&place->id, str_make(q->delivered_id.bytes, q->delivered_id.len));
    } else {
        place->offset = q->next_kept;
    }
    seal(q, place, cursor.seal);
    memcpy(q->cursor, &cursor, sizeof(cursor));
    q->cursor_len = sizeof(cursor);
}

static int take_place(struct query *q, const struct place *place)
{
    struct cache_walk *walk = &q->delivered_at;

    if (place->plan != plan_hash(&q->plan) || place->walk >= q->plan.n)
        return -CTR_EINVAL;
    for (uint32_t i = q->source_first; i < q->source_end; i++) {
        if (q->view->sources[i].source->name_hash != place->source)
            continue;
        q->source = i;
        q->delivered_walk = place->walk;
        walk->recno = place->recno;
        walk->kind = place->kind;
        walk->at_len = place->at_len;
        memcpy(walk->at, place->at, sizeof(place->at));
        q->delivered_numbering = place->numbering;
        q->delivered_id = place->id;
        q->resumed = true;
        return 0;
    }
    return -CTR_EINVAL;
}

int cursor_take(struct query *q)
{
    struct sealed cursor;
    unsigned char expected[SEAL_SIZE];

    if (q->ask.resume.len != sizeof(cursor))
        return -CTR_EINVAL;
    memcpy(&cursor, q->ask.resume.ptr, sizeof(cursor));
    seal(q, &cursor.place, expected);
    if (sodium_memcmp(expected, cursor.seal, SEAL_SIZE) != 0 ||
        cursor.place.version != CURSOR_VERSION || cursor.place.mode != q->mode ||
        cursor.place.at_len > CACHE_KEY_MAX)
        return -CTR_EINVAL;
    if (q->mode == QUERY_STREAM)
        return take_place(q, &cursor.place);
    q->next_kept = cursor.place.offset;
    return 0;
}
