/* sort.c - radix sort of runs on the first eight bytes, ties compared; heap merge. */
#include "cache/sort.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cache/stage.h"

enum {
    RUN_BYTES = 16 << 20, /* of items, before a run is spilled */
    ITEM_HEAD = 4,        /* db, value length, key length */
    ITEM_MAX = ITEM_HEAD + 511 + 255,
    MERGE_MEMORY = 8 << 20, /* windows of all runs together */
    WINDOW_MIN = 16 << 10,
    WINDOW_MAX = 512 << 10
};

struct entry {
    uint64_t prefix; /* db and the first seven bytes of the key */
    uint32_t at;     /* of the item in data */
};

struct run {
    uint64_t at, len; /* in the file */
};

struct sorter {
    const char *dir;
    uint8_t *data;
    size_t data_len, data_cap;
    struct entry *entry, *spare; /* spare: for the radix passes */
    size_t n, cap;
    struct run *run;
    size_t n_runs;
    uint64_t spilled;
    int fd;
};

struct sorter *sorter_create(const char *dir)
{
    struct sorter *s = xcalloc(1, sizeof(*s));

    s->dir = dir;
    s->fd = -1;
    return s;
}

void sorter_destroy(struct sorter *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->data);
    free(s->entry);
    free(s->spare);
    free(s->run);
    free(s);
}

static struct sort_item item_at(const uint8_t *p)
{
    struct sort_item it = {.db = p[0], .value_len = p[1]};

    memcpy(&it.key_len, p + 2, 2);
    it.key = p + ITEM_HEAD;
    it.value = it.key + it.key_len;
    return it;
}

static size_t item_size(const uint8_t *p)
{
    struct sort_item it = item_at(p);

    return ITEM_HEAD + (size_t)it.key_len + it.value_len;
}

static int bytes_cmp(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

    if (c)
        return c;
    return a_len < b_len ? -1 : a_len > b_len;
}

static int item_cmp(const uint8_t *a, const uint8_t *b)
{
    struct sort_item x = item_at(a), y = item_at(b);
    int c;

    if (x.db != y.db)
        return x.db < y.db ? -1 : 1;
    c = bytes_cmp(x.key, x.key_len, y.key, y.key_len);
    return c ? c : bytes_cmp(x.value, x.value_len, y.value, y.value_len);
}

static uint64_t prefix_of(unsigned db, const uint8_t *key, size_t len)
{
    uint64_t p = (uint64_t)db << 56;

    for (size_t i = 0; i < 7 && i < len; i++)
        p |= (uint64_t)key[i] << (48 - 8 * i);
    return p;
}

/* ---- runs ---- */

/* One stable pass over one byte; returns false when all have the same there. */
static bool radix_pass(const struct entry *from, struct entry *to, size_t n,
                       unsigned shift)
{
    size_t count[256] = {0}, sum = 0;

    for (size_t i = 0; i < n; i++)
        count[from[i].prefix >> shift & 0xff]++;
    if (count[from[0].prefix >> shift & 0xff] == n)
        return false;
    for (unsigned b = 0; b < 256; b++) {
        size_t c = count[b];

        count[b] = sum;
        sum += c;
    }
    for (size_t i = 0; i < n; i++)
        to[count[from[i].prefix >> shift & 0xff]++] = from[i];
    return true;
}

static int entry_cmp(const void *a, const void *b, void *data)
{
    const struct entry *x = a, *y = b;
    const uint8_t *base = data;

    return item_cmp(base + x->at, base + y->at);
}

/* Entries with the same prefix, mostly in order already: equal words come by recno. */
static void sort_ties(struct sorter *s)
{
    for (size_t i = 0, end; i < s->n; i = end) {
        bool sorted = true;

        for (end = i + 1; end < s->n && s->entry[end].prefix == s->entry[i].prefix; end++)
            if (sorted && entry_cmp(&s->entry[end - 1], &s->entry[end], s->data) > 0)
                sorted = false;
        if (!sorted)
            qsort_r(s->entry + i, end - i, sizeof(s->entry[0]), entry_cmp, s->data);
    }
}

static int sort_run(struct sorter *s)
{
    if (s->n < 2)
        return 0;
    s->spare = malloc(s->n * sizeof(s->spare[0]));
    if (!s->spare)
        return -CTR_ENOMEM;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (radix_pass(s->entry, s->spare, s->n, shift)) {
            struct entry *swap = s->entry;

            s->entry = s->spare;
            s->spare = swap;
        }
    }
    s->cap = s->n; /* of whichever array it is now */
    free(s->spare);
    s->spare = NULL;
    sort_ties(s);
    return 0;
}

static int write_run(struct sorter *s, uint8_t *out, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < s->n; i++) {
        const uint8_t *p = s->data + s->entry[i].at;
        size_t n = item_size(p);

        if (len + n > cap) {
            int rc = temp_write(s->fd, out, len, s->spilled);

            if (rc)
                return rc;
            s->spilled += len;
            len = 0;
        }
        memcpy(out + len, p, n);
        len += n;
    }
    if (len > 0) {
        int rc = temp_write(s->fd, out, len, s->spilled);

        if (rc)
            return rc;
        s->spilled += len;
    }
    return 0;
}

static int spill(struct sorter *s)
{
    enum { OUT = 1 << 20 };
    uint64_t begin = s->spilled;
    uint8_t *out;
    int rc = sort_run(s);

    if (rc == 0 && s->fd < 0) {
        rc = temp_file(s->dir);
        s->fd = rc < 0 ? -1 : rc;
        rc = rc < 0 ? rc : 0;
    }
    if (rc)
        return rc;
    out = malloc(OUT);
    if (!out)
        return -CTR_ENOMEM;
    rc = write_run(s, out, OUT);
    free(out);
    if (rc)
        return rc;
    s->run = xrealloc(s->run, (s->n_runs + 1) * sizeof(s->run[0]));
    s->run[s->n_runs++] = (struct run){begin, s->spilled - begin};
    s->n = 0;
    s->data_len = 0;
    return 0;
}

/* ---- adding ---- */

static int room(struct sorter *s, size_t size)
{
    if (s->data_len + size > RUN_BYTES) {
        int rc = spill(s);

        if (rc)
            return rc;
    }
    if (s->data_len + size > s->data_cap) {
        size_t cap = s->data_cap ? 2 * s->data_cap : 64 << 10;
        uint8_t *p = realloc(s->data, cap);

        if (!p)
            return -CTR_ENOMEM;
        s->data = p;
        s->data_cap = cap;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4096;
        struct entry *p = realloc(s->entry, cap * sizeof(*p));

        if (!p)
            return -CTR_ENOMEM;
        s->entry = p;
        s->cap = cap;
    }
    return 0;
}

int sorter_add(struct sorter *s, unsigned db, const void *key, size_t key_len,
               const void *value, size_t value_len)
{
    size_t size = ITEM_HEAD + key_len + value_len;
    uint16_t kl = (uint16_t)key_len;
    uint8_t *p;
    int rc;

    ensure(size <= ITEM_MAX && value_len <= 255 && db <= 255);
    rc = room(s, size);
    if (rc)
        return rc;
    p = s->data + s->data_len;
    p[0] = (uint8_t)db;
    p[1] = (uint8_t)value_len;
    memcpy(p + 2, &kl, 2);
    memcpy(p + ITEM_HEAD, key, key_len);
    if (value_len > 0)
        memcpy(p + ITEM_HEAD + key_len, value, value_len);
    s->entry[s->n++] = (struct entry){prefix_of(db, key, key_len), (uint32_t)s->data_len};
    s->data_len += size;
    return 0;
}

/* ---- merging ---- */

/* One run being read; the head item always lies whole in the window. */
struct lead {
    uint8_t *window;
    size_t at, len;
    uint64_t next, end; /* in the file */
};

struct merge {
    struct sorter *sorter;
    size_t i; /* all in memory: the next entry */
    struct lead *lead;
    struct lead **heap; /* smallest head first */
    size_t n_heap, window;
    bool begun; /* the first lead's head has been given out */
};

static int lead_fill(struct merge *m, struct lead *l)
{
    size_t rest = l->len - l->at, want;
    int rc;

    if (rest >= ITEM_HEAD && rest >= item_size(l->window + l->at))
        return 0;
    if (rest == 0 && l->next == l->end)
        return -CTR_ENOENT;
    memmove(l->window, l->window + l->at, rest);
    want = m->window - rest;
    if (want > l->end - l->next)
        want = (size_t)(l->end - l->next);
    rc = temp_read(m->sorter->fd, l->window + rest, want, l->next);
    if (rc)
        return rc;
    l->next += want;
    l->at = 0;
    l->len = rest + want;
    return l->len >= ITEM_HEAD && l->len >= item_size(l->window) ? 0 : -CTR_EIO;
}

static const uint8_t *lead_head(const struct lead *l)
{
    return l->window + l->at;
}

static void sift_down(struct merge *m, size_t i)
{
    struct lead *l = m->heap[i];

    for (;;) {
        size_t c = 2 * i + 1;

        if (c >= m->n_heap)
            break;
        if (c + 1 < m->n_heap &&
            item_cmp(lead_head(m->heap[c + 1]), lead_head(m->heap[c])) < 0)
            c++;
        if (item_cmp(lead_head(l), lead_head(m->heap[c])) <= 0)
            break;
        m->heap[i] = m->heap[c];
        i = c;
    }
    m->heap[i] = l;
}

static int open_leads(struct merge *m)
{
    struct sorter *s = m->sorter;

    m->window = MERGE_MEMORY / s->n_runs;
    m->window = m->window < WINDOW_MIN   ? WINDOW_MIN
                : m->window > WINDOW_MAX ? WINDOW_MAX
                                         : m->window;
    m->lead = xcalloc(s->n_runs, sizeof(m->lead[0]));
    m->heap = xcalloc(s->n_runs, sizeof(m->heap[0]));
    for (size_t i = 0; i < s->n_runs; i++) {
        struct lead *l = &m->lead[i];
        int rc;

        l->next = s->run[i].at;
        l->end = l->next + s->run[i].len;
        l->window = malloc(m->window);
        if (!l->window)
            return -CTR_ENOMEM;
        rc = lead_fill(m, l);
        if (rc)
            return rc;
        m->heap[m->n_heap++] = l;
    }
    for (size_t i = m->n_heap; i-- > 0;)
        sift_down(m, i);
    return 0;
}

/* All is in the file: the windows take the place of the run's memory. */
static void free_memory(struct sorter *s)
{
    free(s->data);
    free(s->entry);
    s->data = NULL;
    s->entry = NULL;
    s->data_cap = s->cap = 0;
}

int merge_open(struct sorter *s, struct merge **out)
{
    struct merge *m = xcalloc(1, sizeof(*m));
    int rc;

    m->sorter = s;
    if (s->n_runs == 0) {
        rc = sort_run(s);
    } else {
        rc = s->n > 0 ? spill(s) : 0;
        if (rc == 0)
            free_memory(s);
        if (rc == 0)
            rc = open_leads(m);
    }
    if (rc) {
        merge_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

static int advance_first(struct merge *m)
{
    struct lead *l = m->heap[0];
    int rc;

    l->at += item_size(lead_head(l));
    rc = lead_fill(m, l);
    if (rc == -CTR_ENOENT) {
        m->heap[0] = m->heap[--m->n_heap];
        rc = 0;
    }
    if (rc == 0 && m->n_heap > 0)
        sift_down(m, 0);
    return rc;
}

int merge_next(struct merge *m, struct sort_item *item)
{
    struct sorter *s = m->sorter;

    if (s->n_runs == 0) {
        if (m->i == s->n)
            return -CTR_ENOENT;
        *item = item_at(s->data + s->entry[m->i++].at);
        return 0;
    }
    if (m->begun && m->n_heap > 0) {
        int rc = advance_first(m);

        if (rc)
            return rc;
    }
    m->begun = true;
    if (m->n_heap == 0)
        return -CTR_ENOENT;
    *item = item_at(lead_head(m->heap[0]));
    return 0;
}

void merge_close(struct merge *m)
{
    if (!m)
        return;
    if (m->lead)
        for (size_t i = 0; i < m->sorter->n_runs; i++)
            free(m->lead[i].window);
    free(m->lead);
    free(m->heap);
    free(m);
}
