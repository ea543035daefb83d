/* tree.c - one file becomes a tree of its own, which is then merged into the whole. */
#include "conf/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "conf/scan.h"
#include "conf/twice.h"
#include "shim/toml.h"

struct build {
    struct conf *conf;
    const struct conf_file *file;
    struct conf_node *parent;
    unsigned depth;
    struct conf_place too_deep; /* line 0: nothing was */
};

static void append(struct conf_node *parent, struct conf_node *child)
{
    child->parent = parent;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->n++;
}

static void set_value(struct build *b, struct conf_node *node,
                      const struct toml_item *item)
{
    static const enum conf_type types[] = {
        [TOML_TABLE] = CONF_TABLE, [TOML_ARRAY] = CONF_ARRAY, [TOML_STRING] = CONF_STRING,
        [TOML_INT] = CONF_INT,     [TOML_FLOAT] = CONF_FLOAT, [TOML_BOOL] = CONF_BOOL,
        [TOML_TIME] = CONF_TIME,
    };

    node->type = types[item->kind];
    node->integer = item->integer;
    node->real = item->real;
    if (item->kind == TOML_STRING || item->kind == TOML_TIME)
        node->string = arena_str(&b->conf->arena, str_make(item->text, item->text_len));
}

static int on_enter(void *user, const struct toml_item *item)
{
    struct build *b = user;
    struct conf_node *node = arena_alloc(&b->conf->arena, sizeof(*node));

    node->at = (struct conf_place){b->file, item->line, item->column};
    node->key_at = node->at;
    if (item->key) {
        node->key = arena_str(&b->conf->arena, str_make(item->key, item->key_len));
        node->key_at = (struct conf_place){b->file, item->key_line, item->key_column};
    }
    set_value(b, node, item);
    append(b->parent, node);
    if (node->type != CONF_TABLE && node->type != CONF_ARRAY)
        return 0;
    b->parent = node;
    if (++b->depth <= CONF_DEPTH_MAX)
        return 0;
    b->too_deep = node->key_at;
    return 1;
}

static int by_place(const void *a, const void *b)
{
    const struct conf_node *const *x = a, *const *y = b;
    struct conf_place p = (*x)->key_at, q = (*y)->key_at;

    if (p.line != q.line)
        return p.line < q.line ? -1 : 1;
    return p.column < q.column ? -1 : p.column > q.column;
}

static int by_key(const void *a, const void *b)
{
    const struct conf_node *const *x = a, *const *y = b;

    return str_cmp((*x)->key, (*y)->key);
}

/* The children in a new array of table->n, which the caller frees. */
static struct conf_node **children(const struct conf_node *table)
{
    struct conf_node **all = xmalloc(table->n * sizeof(struct conf_node *));
    unsigned n = 0;

    for (struct conf_node *it = table->first; it; it = it->next)
        all[n++] = it;
    ensure(n == table->n);
    return all;
}

/* The parser keeps keys in alphabetical order; people look for the order of the file. */
static void sort_children(struct conf_node *table)
{
    struct conf_node **all = children(table);
    unsigned n = table->n;

    qsort(all, n, sizeof(struct conf_node *), by_place);
    table->first = table->last = NULL;
    table->n = 0;
    for (unsigned i = 0; i < n; i++)
        append(table, all[i]);
    free(all);
}

static void on_leave(void *user)
{
    struct build *b = user;

    if (b->parent->type == CONF_TABLE)
        sort_children(b->parent);
    b->parent = b->parent->parent;
    b->depth--;
}

static void report_twice(struct diag *diag, const struct conf_node *first,
                         const struct conf_node *second)
{
    diag_error(diag, second->key_at,
               "'" STR_FMT "' is set twice; the first time at %s:%u:%u",
               STR_ARG(second->key), first->key_at.file->name, first->key_at.line,
               first->key_at.column);
}

/* Moves the children of `from` into `into`. Tables of the same name are merged, anything
 * else of the same name is a mistake. */
static void merge(struct conf_node *into, struct conf_node *from, struct diag *diag)
{
    struct conf_node **sorted = children(into);
    unsigned n = into->n;
    struct conf_node *next;

    qsort(sorted, n, sizeof(struct conf_node *), by_key);
    for (struct conf_node *it = from->first; it; it = next) {
        struct conf_node **there =
            n ? bsearch(&it, sorted, n, sizeof(struct conf_node *), by_key) : NULL;

        next = it->next;
        if (!there)
            append(into, it);
        else if ((*there)->type == CONF_TABLE && it->type == CONF_TABLE)
            merge(*there, it, diag);
        else
            report_twice(diag, *there, it);
    }
    free(sorted);
}

/* What the parser says, and what usually helps. */
static void report_syntax(struct diag *diag, struct conf_place at, const char *text,
                          struct conf_place first)
{
    static const struct {
        const char *said, *helps;
    } hints[] = {
        {"unknown escape sequence",
         "; a backslash needs another one before it, or use 'single quotes'"},
        {"could not determine value type",
         "; write text in \"quotes\", and yes or no as true or false"},
        {"expected digit, saw", "; durations and sizes need quotes, such as \"15m\""},
        {"string: unescaped control",
         "; the closing quote is missing, or the text goes over several lines: use "
         "three quotes"},
        {"saw ','", "; several values make a list: [\"a\", \"b\"]"},
    };
    static const char prefix[] = "Error while parsing ";
    const char *help = "";

    if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
        text += sizeof(prefix) - 1;
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (strstr(text, hints[i].said))
            help = hints[i].helps;
    if (first.line > 0)
        diag_error(diag, at, "%s; the first time at %s:%u:%u", text, first.file->name,
                   first.line, first.column);
    else
        diag_error(diag, at, "%s%s", text, help);
}

int tree_parse(struct conf *conf, struct ctr_str text, const struct conf_file *file,
               struct conf_node *top, struct toml_failure *failure, struct diag *diag)
{
    struct build b = {.conf = conf, .file = file, .parent = top};
    struct toml_visitor visitor = {.user = &b, .enter = on_enter, .leave = on_leave};
    struct conf_place at = {.file = file};
    const char *wrong = scan_check(text, &at.line, &at.column);

    if (wrong) {
        diag_error(diag, at, "%s", wrong);
        return -CTR_ECONF;
    }
    if (toml_walk(text.ptr, (size_t)text.len, &visitor, failure) == 0) {
        sort_children(top);
        return 0;
    }
    if (b.too_deep.line == 0)
        return -CTR_EFORMAT;
    diag_error(diag, b.too_deep, "tables are nested too deeply");
    return -CTR_ECONF;
}

int tree_add(struct conf *conf, struct ctr_str text, const struct conf_file *file,
             struct diag *diag)
{
    struct conf_node top = {.type = CONF_TABLE};
    struct toml_failure failure;
    struct conf_place first = {0};
    int err = tree_parse(conf, text, file, &top, &failure, diag);

    if (!err)
        merge(&conf->root, &top, diag);
    if (err != -CTR_EFORMAT)
        return err;
    if (strstr(failure.text, "cannot redefine"))
        first = twice_first(conf, text, failure.line, file);
    report_syntax(diag, (struct conf_place){file, failure.line, failure.column},
                  failure.text, first);
    return -CTR_ECONF;
}
