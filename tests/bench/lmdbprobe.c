/* lmdbprobe.c - what LMDB alone can do with the same rows.
 *
 *   lmdbprobe load rows|all DATADIR DBDIR   append rows; 'all' also the number and name
 * indexes lmdbprobe get DATADIR DBDIR             lookups a second, one read transaction
 * each
 *
 * Databases: row (id -> CSV line), num (E.164 -> ids), name (folded sn,
 * givenName or o -> ids). Sorting for the indexes happens in memory and counts.
 */
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OK(x)                                                  \
    do {                                                       \
        int e_ = (x);                                          \
        if (e_) {                                              \
            fprintf(stderr, "%s: %s\n", #x, mdb_strerror(e_)); \
            exit(1);                                           \
        }                                                      \
    } while (0)
typedef struct {
    char *key;
    uint32_t len, id;
} pair;
static pair *nums, *names;
static size_t nnums, nnames, cap_nums, cap_names;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static FILE *input(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}
static char *arena(size_t n)
{
    static char *at;
    static size_t left;
    if (n > left) {
        at = malloc(left = 1 << 20);
        if (!at)
            exit(1);
    }
    char *p = at;
    at += n;
    left -= n;
    return p;
}
static void add(pair **v, size_t *n, size_t *cap, const char *s, size_t len, uint32_t id,
                int fold)
{
    if (!len)
        return;
    if (*n == *cap) {
        *cap = *cap ? *cap * 2 : 4096;
        if (!(*v = realloc(*v, *cap * sizeof **v)))
            exit(1);
    }
    char *k = arena(len);
    memcpy(k, s, len);
    for (size_t i = 0; fold && i < len; i++) {
        if (k[i] >= 'A' && k[i] <= 'Z')
            k[i] += 32;
        else if (i && (uint8_t)k[i - 1] == 0xC3 && (uint8_t)k[i] <= 0x9E)
            k[i] += 0x20;
    }
    (*v)[(*n)++] = (pair){k, (uint32_t)len, id};
}
static int by_key(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    int c = memcmp(x->key, y->key, x->len < y->len ? x->len : y->len);
    if (!c)
        c = (x->len > y->len) - (x->len < y->len);
    return c ? c : (x->id > y->id) - (x->id < y->id);
}
/* field number 'want' of a CSV line, quotes dropped */
static size_t field(const char *s, int want, char *out, size_t cap)
{
    size_t n = 0;
    int q = 0, f = 0;
    for (; *s && *s != '\n'; s++) {
        if (*s == '"') {
            q = !q;
            continue;
        }
        if (*s == ',' && !q) {
            if (f++ == want)
                break;
            continue;
        }
        if (f == want && n < cap)
            out[n++] = *s;
    }
    return n;
}
static void load(const char *what, const char *data, const char *db)
{
    int all = !strcmp(what, "all");
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi row, num, name;
    double t = now();
    OK(mdb_env_create(&env));
    OK(mdb_env_set_mapsize(env, (size_t)8 << 30));
    OK(mdb_env_set_maxdbs(env, 4));
    OK(mdb_env_open(env, db, MDB_NOSYNC, 0644));
    OK(mdb_txn_begin(env, NULL, 0, &txn));
    OK(mdb_dbi_open(txn, "row", MDB_CREATE | MDB_INTEGERKEY, &row));
    FILE *f = input(data, "contacts.csv");
    char *line = NULL;
    size_t cap = 0, rows = 0;
    ssize_t len;
    if (getline(&line, &cap, f) < 0)
        exit(1);
    while ((len = getline(&line, &cap, f)) > 0) {
        uint32_t id = (uint32_t)strtoul(line, NULL, 10);
        MDB_val k = {sizeof id, &id}, v = {(size_t)len - 1, line};
        OK(mdb_put(txn, row, &k, &v, MDB_APPEND));
        rows++;
        if (all)
            for (int i = 1; i <= 3; i++) {
                char b[256];
                size_t n = field(line, i, b, sizeof b);
                add(&names, &nnames, &cap_names, b, n, id, 1);
            }
    }
    fclose(f);
    if (all) {
        f = input(data, "truth.tsv");
        while (getline(&line, &cap, f) > 0) {
            char *s = line, *e;
            uint32_t id = (uint32_t)strtoul(strsep(&s, "\t"), NULL, 10);
            while ((e = strsep(&s, "\t\n")))
                add(&nums, &nnums, &cap_nums, e, strlen(e), id, 0);
        }
        fclose(f);
        unsigned fl = MDB_CREATE | MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP;
        OK(mdb_dbi_open(txn, "num", fl, &num));
        OK(mdb_dbi_open(txn, "name", fl, &name));
        qsort(nums, nnums, sizeof *nums, by_key);
        qsort(names, nnames, sizeof *names, by_key);
        for (size_t i = 0; i < nnums; i++) {
            MDB_val k = {nums[i].len, nums[i].key}, v = {4, &nums[i].id};
            OK(mdb_put(txn, num, &k, &v, MDB_APPENDDUP));
        }
        for (size_t i = 0; i < nnames; i++) {
            if (i && !by_key(&names[i - 1], &names[i]))
                continue;
            MDB_val k = {names[i].len, names[i].key}, v = {4, &names[i].id};
            OK(mdb_put(txn, name, &k, &v, MDB_APPENDDUP));
        }
    }
    OK(mdb_txn_commit(txn));
    double unsynced = now() - t;
    OK(mdb_env_sync(env, 1));
    MDB_envinfo in;
    MDB_stat st;
    OK(mdb_env_info(env, &in));
    OK(mdb_env_stat(env, &st));
    t = now() - t;
    printf("load=%s rows=%zu secs=%.3f rows_s=%.0f before_sync_s=%.3f db_mb=%.1f\n", what,
           rows, t, (double)rows / t, unsynced,
           (double)(in.me_last_pgno + 1) * st.ms_psize / 1e6);
    mdb_env_close(env);
}
static char **queries(const char *dir, const char *name, const char *open,
                      const char *close, size_t *n)
{
    FILE *f = input(dir, name);
    char *line = NULL, **q = malloc(20000 * sizeof *q);
    size_t cap = 0;
    *n = 0;
    while (*n < 20000 && getline(&line, &cap, f) > 0) {
        char *s = strstr(line, open) + strlen(open);
        *strstr(s, close) = 0;
        q[(*n)++] = strdup(s);
    }
    fclose(f);
    return q;
}
static void get(const char *data, const char *db)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi row, num, name;
    OK(mdb_env_create(&env));
    OK(mdb_env_set_maxdbs(env, 4));
    OK(mdb_env_open(env, db, MDB_RDONLY | MDB_NOTLS, 0644));
    OK(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
    OK(mdb_dbi_open(txn, "row", 0, &row));
    OK(mdb_dbi_open(txn, "num", 0, &num));
    OK(mdb_dbi_open(txn, "name", 0, &name));
    OK(mdb_txn_commit(txn)); /* keeps the handles */
    OK(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
    MDB_cursor *pc;
    OK(mdb_cursor_open(txn, name, &pc));
    static const char *const set[] = {"q.hit", "q.miss"};
    for (int w = 0; w < 2; w++) {
        size_t n, ops = 0, found = 0;
        char **q = queries(data, set[w], "(telephoneNumber=", ")", &n);
        double t = now(), e;
        for (int pass = 0; (e = now() - t) < 1.0; pass++)
            for (size_t i = 0; i < n; i++, ops++) {
                mdb_txn_reset(txn);
                OK(mdb_txn_renew(txn));
                MDB_val k = {strlen(q[i]), q[i]}, id, v;
                if (mdb_get(txn, num, &k, &id))
                    continue;
                OK(mdb_get(txn, row, &id, &v));
                found += v.mv_size > 0;
            }
        printf("get=%s ops=%zu ops_s=%.0f ns_op=%.0f found=%.2f\n", set[w], ops,
               (double)ops / e, e / (double)ops * 1e9, (double)found / (double)ops);
    }
    size_t n, ops = 0, found = 0;
    char **q = queries(data, "q.prefix", "(sn=", "*)", &n);
    double t = now(), e;
    while ((e = now() - t) < 1.0)
        for (size_t i = 0; i < n; i++, ops++) {
            char key[16];
            size_t l = strlen(q[i]);
            memcpy(key, q[i], l);
            for (size_t j = 0; j < l; j++) {
                if (key[j] >= 'A' && key[j] <= 'Z')
                    key[j] += 32;
                else if (j && (uint8_t)key[j - 1] == 0xC3 && (uint8_t)key[j] <= 0x9E)
                    key[j] += 0x20;
            }
            mdb_txn_reset(txn);
            OK(mdb_txn_renew(txn));
            OK(mdb_cursor_renew(txn, pc));
            MDB_val k = {l, key}, id, v;
            int got = 0;
            for (int rc = mdb_cursor_get(pc, &k, &id, MDB_SET_RANGE); !rc && got < 20;
                 rc = mdb_cursor_get(pc, &k, &id, MDB_NEXT), got++) {
                if (k.mv_size < l || memcmp(k.mv_data, key, l))
                    break;
                OK(mdb_get(txn, row, &id, &v));
                found += v.mv_size > 0;
            }
        }
    printf("get=prefix20 ops=%zu ops_s=%.0f ns_op=%.0f found=%.2f\n", ops,
           (double)ops / e, e / (double)ops * 1e9, (double)found / (double)ops);
    mdb_env_close(env);
}
int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "load"))
        load(argv[2], argv[3], argv[4]);
    else if (argc == 4 && !strcmp(argv[1], "get"))
        get(argv[2], argv[3]);
    else {
        fprintf(stderr,
                "usage: lmdbprobe load rows|all DATADIR DBDIR | get DATADIR DBDIR\n");
        return 2;
    }
    return 0;
}
