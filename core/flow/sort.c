/* sort.c - answers in the order the front end asked for, and windows into them.
 *
 * Keys are kept, not contacts; the order is made by a heap in slices, so that 20,000
 * entries never hold up the loop. Contacts without a key come last in either direction;
 * ties go by place of the source, then by record. */
#include "base/clock.h"
#include "base/error.h"
#include "flow/query.h"

/* ---- keep ------------------------------------------------------------------ */

/* The smallest folded value of these kinds; ptr NULL: none. */
static struct ctr_str smallest(const struct eval *ev, uint64_t kinds,
                               char best[QUERY_SORT_KEY_BYTES])
{
    char text[QUERY_SORT_KEY_BYTES];
    struct ctr_str found = {NULL, 0};

    if (kinds & CTR_KIND(CTR_FIELD_ID)) {
        found.len = ev->id.len < QUERY_SORT_KEY_BYTES ? ev->id.len : QUERY_SORT_KEY_BYTES;
        found.ptr = memcpy(best, ev->id.ptr, found.len);
    }
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct record_field *f = &ev->fields[i].f;
        struct ctr_str folded;

        if (!(kinds & CTR_KIND(f->kind)) || f->kind == CTR_FIELD_PHOTO)
            continue;
        folded = str_make(text, text_fold_into(f->value, 0, text, sizeof(text)));
        if (!found.ptr || str_cmp(folded, found) < 0)
            found = str_make(memcpy(best, text, folded.len), folded.len);
    }
    return found;
}

static struct ctr_str *make_keys(struct query *q)
{
    struct ctr_str *keys = arena_array(&q->arena, q->ask.n_sort, sizeof(*keys));

    for (uint32_t i = 0; keys && i < q->ask.n_sort; i++) {
        char best[QUERY_SORT_KEY_BYTES];
        struct ctr_str key = smallest(&q->flow->eval, q->ask.sort[i].kinds, best);

        if (!key.ptr)
            continue;
        keys[i] = arena_str(&q->arena, key);
        if (!keys[i].ptr)
            return NULL;
    }
    return keys;
}

static int cmp_key(struct ctr_str a, struct ctr_str b, bool reverse)
{
    int order;

    if (!a.ptr || !b.ptr)
        return (a.ptr == NULL) - (b.ptr == NULL);
    order = str_cmp(a, b);
    return reverse ? -order : order;
}

static int compare(const struct query *q, const struct kept *a, const struct kept *b)
{
    for (uint32_t i = 0; i < q->ask.n_sort; i++) {
        int order = cmp_key(a->keys[i], b->keys[i], q->ask.sort[i].reverse);

        if (order)
            return order;
    }
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return (a->recno > b->recno) - (a->recno < b->recno);
}

static void swap(struct kept *a, struct kept *b)
{
    struct kept t = *a;

    *a = *b;
    *b = t;
}

/* The heap's top is the greatest, so that taking it off fills the order from behind. */
static void sift_up(struct query *q, uint32_t i)
{
    struct kept *items = q->kept.items;

    while (i > 0 && compare(q, &items[(i - 1) / 2], &items[i]) < 0) {
        swap(&items[(i - 1) / 2], &items[i]);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct query *q, uint32_t n)
{
    struct kept *items = q->kept.items;
    uint32_t i = 0, child;

    while ((child = 2 * i + 1) < n) {
        if (child + 1 < n && compare(q, &items[child], &items[child + 1]) < 0)
            child++;
        if (compare(q, &items[i], &items[child]) >= 0)
            break;
        swap(&items[i], &items[child]);
        i = child;
    }
}

void sort_keep(struct query *q, uint32_t source)
{
    struct kept *k = NULL;

    if (q->flow->sorting < QUERY_SORT_ALL_MAX)
        k = kept_add(q, QUERY_SORT_MAX);
    if (!k) {
        query_stop(q, -CTR_EWORK);
        return;
    }
    q->flow->sorting++;
    k->source = source;
    k->recno = q->candidate;
    k->keys = make_keys(q);
    if (!k->keys) {
        query_stop(q, -CTR_EWORK);
        return;
    }
    sift_up(q, q->kept.n - 1);
}

void sort_release(struct query *q)
{
    if (q->mode == QUERY_SORT)
        q->flow->sorting -= q->kept.n;
}

/* ---- order ----------------------------------------------------------------- */

bool sort_step(struct query *q, int64_t until_us)
{
    /* unsorted: how much of the heap is left. */
    for (unsigned i = 1; q->unsorted > 1; i++) {
        q->unsorted--;
        swap(&q->kept.items[0], &q->kept.items[q->unsorted]);
        sift_down(q, q->unsorted);
        if (i % 32 == 0 && clock_us() > until_us)
            return false;
    }
    return true;
}

/* ---- window ---------------------------------------------------------------- */

/* The first entry at or behind the value, 1-based; one behind the end if there is none.
 */
static uint32_t place_of_value(const struct query *q)
{
    char text[QUERY_SORT_KEY_BYTES];
    struct ctr_str value =
        str_make(text, text_fold_into(q->ask.window_value, 0, text, sizeof(text)));
    uint32_t low = 0, high = q->kept.n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (cmp_key(q->kept.items[mid].keys[0], value, q->ask.sort[0].reverse) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low + 1;
}

/* The offset, scaled from the client's idea of the length to the real one. */
static uint32_t place_of_offset(const struct query *q)
{
    uint64_t total = q->kept.n, offset = q->ask.window_offset,
             count = q->ask.window_count;

    if (offset <= 1)
        return 1;
    if (count > 0 && offset >= count)
        return (uint32_t)total;
    if (count > 0 && count != total)
        offset = offset * total / count;
    if (offset > total)
        offset = total;
    return offset > 0 ? (uint32_t)offset : 1;
}

void sort_window(struct query *q)
{
    uint64_t first, last, n = q->kept.n;

    q->next_kept = q->next_kept < q->kept.n ? q->next_kept : q->kept.n;
    q->end_kept = q->kept.n;
    if (q->ask.window) {
        q->position = q->ask.window_value.ptr ? place_of_value(q) : place_of_offset(q);
        if (n == 0)
            q->position = q->ask.window_value.ptr ? 1 : 0;
        first =
            q->position > q->ask.window_before ? q->position - q->ask.window_before : 1;
        last = (uint64_t)q->position + q->ask.window_after;
        q->next_kept = (uint32_t)(first - 1);
        q->end_kept = (uint32_t)(last < n ? last : n);
        if (q->next_kept > q->end_kept)
            q->next_kept = q->end_kept;
    }
    q->last_kept = q->end_kept;
    if (q->end_kept - q->next_kept > q->limit) {
        q->end_kept = q->next_kept + q->limit;
        q->cut = true;
    }
}
