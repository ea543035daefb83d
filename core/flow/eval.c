/* eval.c - compiles a filter, takes a record apart, and decides. */
#include "flow/eval.h"

#include "base/error.h"

enum { SCRATCH_MAX = 16 * 1024 * 1024 };

/* ---- compile --------------------------------------------------------------- */

/* An initial and a final that are absent are values, and no pieces. */
static uint32_t count_pieces(const struct ctr_filter *asked)
{
    uint32_t n = asked->n_values;

    if (asked->op != CTR_OP_SUBSTR || n < 2)
        return n;
    return n - (asked->values[0].len == 0) - (asked->values[n - 1].len == 0);
}

static int compile_leaf(struct eval_filter *filter, struct eval_node *node,
                        const struct ctr_filter *asked, const struct dialplan *plan,
                        struct arena *arena)
{
    uint32_t least = asked->op == CTR_OP_PRESENT ? 0 : asked->op == CTR_OP_SUBSTR ? 2 : 1;
    struct eval_leaf *leaf = arena_alloc(arena, sizeof(*leaf));
    int r = 0;

    if (!leaf)
        return -CTR_ENOMEM;
    if (asked->n_values < least || (asked->n_values > 0 && !asked->values) ||
        count_pieces(asked) > CTR_FILTER_PIECES_MAX)
        return -CTR_EINVAL;
    node->leaf = leaf;
    leaf->op = asked->op;
    leaf->kinds = asked->kinds;
    filter->kinds |= leaf->kinds;
    leaf->name = asked->name;
    leaf->values = asked->values;
    leaf->n_values = asked->n_values;
    if (leaf->op == CTR_OP_PRESENT)
        return 0;
    if (leaf->kinds & CTR_KINDS_PHONE)
        r = eval_number_compile(filter, leaf, plan, arena);
    if (r == 0 && leaf->kinds & ~(CTR_KINDS_PHONE | CTR_KIND(CTR_FIELD_ID)))
        r = eval_text_compile(leaf, arena);
    return r;
}

static bool is_constant(uint32_t op)
{
    return op == CTR_OP_TRUE || op == CTR_OP_FALSE || op == CTR_OP_UNDEFINED;
}

/* AND and OR lose their neutral children, and become what settles them. */
static void fold_constants(struct eval_node *node)
{
    uint32_t neutral = node->op == CTR_OP_AND ? CTR_OP_TRUE : CTR_OP_FALSE;
    uint32_t settles = node->op == CTR_OP_AND ? CTR_OP_FALSE : CTR_OP_TRUE;
    uint32_t n = 0;

    for (uint32_t i = 0; i < node->n_children; i++) {
        if (node->children[i].op == settles) {
            *node = (struct eval_node){.op = settles};
            return;
        }
        if (node->children[i].op != neutral)
            node->children[n++] = node->children[i];
    }
    node->n_children = n;
    if (n == 0)
        node->op = neutral;
    else if (n == 1)
        *node = (struct eval_node)node->children[0];
}

static void fold_not(struct eval_node *node)
{
    uint32_t op = node->children[0].op;

    if (!is_constant(op))
        return;
    if (op != CTR_OP_UNDEFINED)
        op = op == CTR_OP_TRUE ? CTR_OP_FALSE : CTR_OP_TRUE;
    *node = (struct eval_node){.op = op};
}

static int compile_node(struct eval_filter *filter, struct eval_node *node,
                        const struct ctr_filter *asked, const struct dialplan *plan,
                        struct arena *arena, unsigned depth);

static int compile_branch(struct eval_filter *filter, struct eval_node *node,
                          const struct ctr_filter *asked, const struct dialplan *plan,
                          struct arena *arena, unsigned depth)
{
    if (asked->op == CTR_OP_NOT && asked->n_children != 1)
        return -CTR_EINVAL;
    /* An empty one is a leaf, too: else nothing would bound their number. */
    if (asked->n_children == 0 && ++filter->n_leaves > CTR_FILTER_LEAVES_MAX)
        return -CTR_EINVAL;
    if (asked->n_children > CTR_FILTER_LEAVES_MAX ||
        (asked->n_children > 0 && !asked->children))
        return -CTR_EINVAL;
    node->n_children = asked->n_children;
    node->children = arena_array(arena, asked->n_children, sizeof(*node->children));
    if (!node->children)
        return -CTR_ENOMEM;
    for (uint32_t i = 0; i < asked->n_children; i++) {
        int r = compile_node(filter, &node->children[i], asked->children[i], plan, arena,
                             depth + 1);

        if (r < 0)
            return r;
    }
    if (node->op == CTR_OP_NOT)
        fold_not(node);
    else
        fold_constants(node);
    return 0;
}

static int compile_node(struct eval_filter *filter, struct eval_node *node,
                        const struct ctr_filter *asked, const struct dialplan *plan,
                        struct arena *arena, unsigned depth)
{
    if (!asked || depth > CTR_FILTER_DEPTH_MAX || asked->op > CTR_OP_WORDS)
        return -CTR_EINVAL;
    node->op = asked->op;
    if (asked->op >= CTR_OP_AND && asked->op <= CTR_OP_NOT)
        return compile_branch(filter, node, asked, plan, arena, depth);
    if (++filter->n_leaves > CTR_FILTER_LEAVES_MAX)
        return -CTR_EINVAL;
    if (is_constant(asked->op))
        return 0;
    return compile_leaf(filter, node, asked, plan, arena);
}

static bool asks_numbers_only(const struct eval_node *node)
{
    if (node->leaf)
        return node->op == CTR_OP_EQUAL && (node->leaf->kinds & ~CTR_KINDS_PHONE) == 0 &&
               node->leaf->kinds != 0;
    if ((node->op != CTR_OP_AND && node->op != CTR_OP_OR) || node->n_children == 0)
        return false;
    for (uint32_t i = 0; i < node->n_children; i++)
        if (!asks_numbers_only(&node->children[i]))
            return false;
    return true;
}

int eval_compile(struct eval_filter *filter, const struct ctr_filter *asked,
                 const struct dialplan *plan, struct arena *arena)
{
    int r;

    memset(filter, 0, sizeof(*filter));
    r = compile_node(filter, &filter->root, asked, plan, arena, 1);
    if (r < 0)
        return r;
    filter->numbers_only = asks_numbers_only(&filter->root);
    return 0;
}

/* ---- load ------------------------------------------------------------------ */

void eval_init(struct eval *ev)
{
    arena_init(&ev->scratch, SCRATCH_MAX);
}

void eval_finish(struct eval *ev)
{
    arena_finish(&ev->scratch);
}

static bool shown(const struct view_source *view, const struct record_field *f)
{
    if (f->kind > CTR_FIELD_CUSTOM || !(view->kinds & CTR_KIND(f->kind)))
        return false;
    if (f->kind != CTR_FIELD_CUSTOM)
        return true;
    for (uint32_t i = 0; i < view->n_hidden; i++)
        if (str_eq_nocase(view->hidden[i], f->name))
            return false;
    return true;
}

/* "given surname": was a display name put together from these two? */
static bool is_joined(struct ctr_str whole, struct ctr_str a, struct ctr_str b)
{
    return a.len > 0 && b.len > 0 && whole.len == a.len + 1 + b.len &&
           memcmp(whole.ptr, a.ptr, a.len) == 0 && whole.ptr[a.len] == ' ' &&
           memcmp(whole.ptr + a.len + 1, b.ptr, b.len) == 0;
}

/* A contact without a display name gets one made of its other fields. Where one of
 * those is a secret, the name would tell it; then the name is hidden with it. */
static bool tells_secret(const struct record *record, const struct view_source *view,
                         struct ctr_str display)
{
    const uint64_t given_surname =
        CTR_KIND(CTR_FIELD_GIVEN_NAME) | CTR_KIND(CTR_FIELD_SURNAME);
    const uint64_t parts = given_surname | CTR_KIND(CTR_FIELD_ORGANISATION) |
                           CTR_KIND(CTR_FIELD_MAIL) | CTR_KINDS_PHONE;
    struct ctr_str given = {NULL, 0}, surname = {NULL, 0};
    struct record_iter it = {0};
    struct record_field f;

    if ((record_kinds(record) & parts & view->secret) == 0)
        return false;
    while (record_next(record, &it, &f)) {
        if (f.kind == CTR_FIELD_GIVEN_NAME && !given.ptr)
            given = f.value;
        if (f.kind == CTR_FIELD_SURNAME && !surname.ptr)
            surname = f.value;
        if (f.kind <= CTR_FIELD_CUSTOM && parts & view->secret & CTR_KIND(f.kind) &&
            str_eq(f.value, display))
            return true;
    }
    return view->secret & given_surname && is_joined(display, given, surname);
}

static void add_field(struct eval *ev, const struct record_field *f)
{
    ev->fields[ev->n].f = *f;
    ev->fields[ev->n].folded = false;
    ev->n++;
    ev->kinds |= CTR_KIND(f->kind);
}

static bool may_show(const struct eval *ev, const struct record_field *f)
{
    const struct view_source *view = ev->view;

    if (f->kind > CTR_FIELD_CUSTOM)
        return false;
    return !view->restricted ||
           (shown(view, f) && !(f->kind == CTR_FIELD_DISPLAY_NAME &&
                                tells_secret(&ev->record, view, f->value)));
}

void eval_load(struct eval *ev, const struct view_source *view,
               const struct dialplan *plan, const struct record *record, uint64_t kinds)
{
    struct record_iter it = {0};

    if (ev->scratch.used > 0)
        arena_reset(&ev->scratch);
    ev->view = view;
    ev->plan = plan;
    ev->record = *record;
    /* What the record says it has is what may be seen, unless something is hidden. */
    ev->kinds = CTR_KIND(CTR_FIELD_ID);
    if (view->restricted)
        kinds = UINT64_MAX;
    else
        ev->kinds |= record_kinds(record);
    ev->loaded = kinds;
    ev->work = 0;
    ev->exhausted = false;
    ev->n = 0;
    record_open(record, &it, &ev->id, &ev->owner);
    while (ev->n < CTR_FIELDS_MAX + 2) {
        struct eval_field *field = &ev->fields[ev->n];

        if (!record_next_of(record, &it, kinds, &field->f))
            break;
        if (!may_show(ev, &field->f))
            continue;
        field->folded = false;
        ev->kinds |= CTR_KIND(field->f.kind);
        ev->n++;
    }
    if (ev->owner.len > 0 && view->kinds & CTR_KIND(CTR_FIELD_OWNER))
        add_field(ev,
                  &(struct record_field){.kind = CTR_FIELD_OWNER, .value = ev->owner});
}

/* ---- decide ---------------------------------------------------------------- */

bool eval_leaf_asks(const struct eval_leaf *leaf, const struct record_field *field)
{
    if (!(leaf->kinds & CTR_KIND(field->kind)))
        return false;
    return field->kind != CTR_FIELD_CUSTOM || leaf->name.len == 0 ||
           str_eq(leaf->name, field->name);
}

static bool id_matches(const struct eval *ev, const struct eval_leaf *leaf)
{
    struct ctr_str id = ev->id;
    uint64_t at = 0, end = id.len;

    switch (leaf->op) {
    case CTR_OP_PRESENT:
        return true;
    case CTR_OP_GE:
        return str_cmp(id, leaf->values[0]) >= 0;
    case CTR_OP_LE:
        return str_cmp(id, leaf->values[0]) <= 0;
    case CTR_OP_SUBSTR:
        break;
    default:
        return str_eq(id, leaf->values[0]);
    }
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        struct ctr_str piece = leaf->values[i];
        const char *hit;

        if (piece.len == 0)
            continue;
        if (piece.len > end - at)
            return false;
        if (i == 0)
            hit = memcmp(id.ptr, piece.ptr, piece.len) == 0 ? id.ptr : NULL;
        else if (i == leaf->n_values - 1)
            hit = memcmp(id.ptr + end - piece.len, piece.ptr, piece.len) == 0
                      ? id.ptr + end - piece.len
                      : NULL;
        else
            hit = memmem(id.ptr + at, end - at, piece.ptr, piece.len);
        if (!hit)
            return false;
        at = (uint64_t)(hit - id.ptr) + piece.len;
    }
    return true;
}

static bool field_matches(struct eval *ev, const struct eval_leaf *leaf,
                          struct eval_field *field)
{
    if (leaf->op == CTR_OP_PRESENT)
        return true;
    if (CTR_KINDS_PHONE & CTR_KIND(field->f.kind))
        return eval_number_match(ev, leaf, &field->f);
    if (field->f.kind == CTR_FIELD_PHOTO)
        return leaf->op == CTR_OP_EQUAL && str_eq(field->f.value, leaf->values[0]);
    return eval_text_match(ev, leaf, field);
}

static enum eval_truth leaf_truth(struct eval *ev, const struct eval_leaf *leaf)
{
    bool together = leaf->op == CTR_OP_WORDS || leaf->op == CTR_OP_APPROX;

    if (!(leaf->kinds & ev->kinds))
        return EVAL_FALSE;
    if (leaf->kinds & CTR_KIND(CTR_FIELD_ID) && id_matches(ev, leaf))
        return EVAL_TRUE;
    if (together && leaf->words && eval_words_match(ev, leaf, leaf->kinds))
        return EVAL_TRUE;
    for (uint32_t i = 0; i < ev->n && !ev->exhausted; i++) {
        struct eval_field *field = &ev->fields[i];

        if (!eval_leaf_asks(leaf, &field->f) ||
            (together && !(CTR_KINDS_PHONE & CTR_KIND(field->f.kind))))
            continue;
        if (field_matches(ev, leaf, field))
            return EVAL_TRUE;
    }
    return ev->exhausted ? EVAL_UNDEFINED : EVAL_FALSE;
}

static enum eval_truth branch_truth(struct eval *ev, const struct eval_node *node)
{
    bool all = node->op == CTR_OP_AND;
    enum eval_truth settles = all ? EVAL_FALSE : EVAL_TRUE;
    enum eval_truth truth = all ? EVAL_TRUE : EVAL_FALSE;

    for (uint32_t i = 0; i < node->n_children; i++) {
        enum eval_truth t = eval_truth(ev, &node->children[i]);

        if (t == settles)
            return t;
        if (t == EVAL_UNDEFINED)
            truth = t;
    }
    return truth;
}

enum eval_truth eval_truth(struct eval *ev, const struct eval_node *node)
{
    switch (node->op) {
    case CTR_OP_FALSE:
        return EVAL_FALSE;
    case CTR_OP_TRUE:
        return EVAL_TRUE;
    case CTR_OP_UNDEFINED:
        return EVAL_UNDEFINED;
    case CTR_OP_AND:
    case CTR_OP_OR:
        return branch_truth(ev, node);
    case CTR_OP_NOT:
        return (enum eval_truth)(EVAL_TRUE - eval_truth(ev, &node->children[0]));
    default:
        return leaf_truth(ev, node->leaf);
    }
}
