/* eval_number.c - what a filter's leaf means for telephone numbers.
 *
 * Every shape is such that an index finds all it can match (see plan.c), but for INSIDE
 * and ANY, which look at every number. */
#include "base/error.h"
#include "flow/eval.h"

/* Short and emergency numbers have no more digits; asking costs 10 us. */
enum { SHORT_MAX = 6 };

/* The reading of one text is the same for every leaf that asks it. */
static struct eval_number *known_text(struct eval_filter *filter, struct ctr_str text)
{
    for (unsigned i = 0; i < filter->n_texts; i++)
        if (str_eq(filter->texts[i]->text, text))
            return filter->texts[i];
    return NULL;
}

static int compile_exact(struct eval_filter *filter, struct eval_leaf *leaf,
                         const struct dialplan *plan, struct arena *arena)
{
    struct ctr_str text = str_trim(leaf->values[0]);
    struct eval_number *q = known_text(filter, text);

    if (!q) {
        q = arena_alloc(arena, sizeof(*q));
        if (!q)
            return -CTR_ENOMEM;
        q->shape = EVAL_EXACT;
        q->text = text;
        q->n_readings = (uint8_t)number_readings(plan, text, q->readings);
        q->text_no = filter->n_texts;
        if (filter->n_texts < EVAL_TEXTS_MAX)
            filter->texts[filter->n_texts++] = q;
    }
    q->kinds |= leaf->kinds;
    leaf->number = q;
    return 0;
}

/* The digits of each piece from `first` on; pieces without digits fall away. returns
 * false when one cannot be part of a number. */
static bool read_pieces(struct eval_number *q, const struct eval_leaf *leaf,
                        uint32_t first)
{
    for (uint32_t i = first; i < leaf->n_values; i++) {
        struct eval_piece *piece = &q->pieces[q->n_pieces];
        size_t n;

        if (leaf->values[i].len == 0)
            continue;
        n = number_piece_digits(leaf->values[i], piece->digits);
        if (n == SIZE_MAX)
            return false;
        if (n == 0)
            continue;
        piece->len = (uint8_t)n;
        q->n_pieces++;
        q->has_final = i == leaf->n_values - 1;
    }
    return true;
}

/* Could these digits be more than the end of an E.164 number: have they a prefix? Else
 * whatever they are read as ends with them. */
static bool has_prefix(const struct dialplan *plan, const struct eval_piece *piece)
{
    size_t n = strlen(plan->outside_line);

    if (piece->digits[0] == '0')
        return true;
    if (n > 0 && strncmp(piece->digits, plan->outside_line, n) == 0)
        return true;
    n = strlen(plan->international_prefix);
    if (n > 0 && strncmp(piece->digits, plan->international_prefix, n) == 0)
        return true;
    n = strlen(plan->national_prefix);
    return n > 0 && strncmp(piece->digits, plan->national_prefix, n) == 0;
}

static int compile_substr(struct eval_leaf *leaf, const struct dialplan *plan,
                          struct arena *arena)
{
    struct ctr_str initial = leaf->values[0];
    struct eval_number *q = arena_alloc(arena, sizeof(*q));
    uint32_t first = 1;

    if (!q)
        return -CTR_ENOMEM;
    if (initial.len == 0 && leaf->n_values > 2 && leaf->values[1].len > 1 &&
        leaf->values[1].ptr[0] == '+')
        initial = leaf->values[first++]; /* "*+49*": nothing stands before a plus */
    q->pieces = arena_array(arena, leaf->n_values, sizeof(*q->pieces));
    if (!q->pieces)
        return -CTR_ENOMEM;
    leaf->number = q;
    if (!read_pieces(q, leaf, first))
        return 0;
    if (initial.len > 0) {
        q->shape = EVAL_PREFIX;
        q->n_readings = (uint8_t)number_prefix_readings(plan, initial, q->readings);
        if (q->n_readings == 0)
            q->shape = EVAL_NEVER;
    } else if (q->n_pieces == 1 && q->has_final) {
        struct eval_piece *piece = &q->pieces[0];

        q->shape = EVAL_TAIL;
        q->short_tail = piece->len <= SHORT_MAX &&
                        number_is_short(plan, str_make(piece->digits, piece->len));
        if (has_prefix(plan, piece))
            q->n_readings = (uint8_t)number_readings(
                plan, str_trim(leaf->values[leaf->n_values - 1]), q->readings);
    } else {
        q->shape = q->n_pieces > 0 ? EVAL_INSIDE : EVAL_ANY;
    }
    return 0;
}

static int compile_prefix(struct eval_leaf *leaf, const struct dialplan *plan,
                          struct arena *arena)
{
    struct eval_number *q = arena_alloc(arena, sizeof(*q));

    if (!q)
        return -CTR_ENOMEM;
    q->n_readings = (uint8_t)number_prefix_readings(plan, leaf->values[0], q->readings);
    q->shape = q->n_readings > 0 ? EVAL_PREFIX : EVAL_NEVER;
    leaf->number = q;
    return 0;
}

int eval_number_compile(struct eval_filter *filter, struct eval_leaf *leaf,
                        const struct dialplan *plan, struct arena *arena)
{
    if (leaf->op == CTR_OP_SUBSTR)
        return compile_substr(leaf, plan, arena);
    if (leaf->op == CTR_OP_WORDS)
        return compile_prefix(leaf, plan, arena);
    return compile_exact(filter, leaf, plan, arena);
}

/* ---- match ----------------------------------------------------------------- */

static bool is_reading(const struct number *n, const struct record_field *f)
{
    return n->class == f->number_class && n->len == f->digits_len && n->len > 0 &&
           memcmp(n->digits, f->digits, n->len) == 0;
}

static bool any_reading(const struct eval_number *q, const struct record_field *f)
{
    for (unsigned i = 0; i < q->n_readings; i++)
        if (is_reading(&q->readings[i], f))
            return true;
    return false;
}

static bool match_exact(const struct eval_number *q, const struct record_field *f)
{
    if (q->n_readings == 0)
        return str_eq_nocase(str_trim(f->value), q->text);
    return any_reading(q, f);
}

/* Pieces one behind the other in these digits, the final one at their end. */
static bool in_order(const struct eval_number *q, const char *digits, size_t len)
{
    size_t at = 0;

    for (uint32_t i = 0; i < q->n_pieces; i++) {
        const struct eval_piece *piece = &q->pieces[i];
        const char *hit;

        if (piece->len > len - at)
            return false;
        if (i == q->n_pieces - 1 && q->has_final)
            return memcmp(digits + len - piece->len, piece->digits, piece->len) == 0;
        hit = memmem(digits + at, len - at, piece->digits, piece->len);
        if (!hit)
            return false;
        at = (size_t)(hit - digits) + piece->len;
    }
    return true;
}

static bool match_prefix(const struct eval_number *q, const struct record_field *f)
{
    for (unsigned i = 0; i < q->n_readings; i++) {
        const struct number *n = &q->readings[i];

        if (n->class == f->number_class && n->len <= f->digits_len &&
            memcmp(n->digits, f->digits, n->len) == 0 &&
            in_order(q, f->digits + n->len, (size_t)f->digits_len - n->len))
            return true;
    }
    return false;
}

static bool match_tail(const struct eval_number *q, const struct record_field *f)
{
    const struct eval_piece *piece = &q->pieces[0];

    if (any_reading(q, f))
        return true;
    if (f->number_class == NUMBER_LOCAL)
        return f->digits_len == piece->len &&
               memcmp(f->digits, piece->digits, piece->len) == 0;
    return f->number_class == NUMBER_E164 && !q->short_tail &&
           in_order(q, f->digits, f->digits_len);
}

/* As E.164, as stored, and as written within the client's country. */
static bool match_inside(const struct eval *ev, const struct eval_number *q,
                         const struct record_field *f)
{
    char text[NUMBER_TEXT_MAX], digits[NUMBER_DIGITS_MAX + 1];
    size_t n;

    if (f->number_class != NUMBER_NONE && in_order(q, f->digits, f->digits_len))
        return true;
    if (f->number_class == NUMBER_LOCAL)
        return false;
    n = number_piece_digits(f->value, digits);
    if (n != SIZE_MAX && in_order(q, digits, n))
        return true;
    if (f->number_class != NUMBER_E164)
        return false;
    n = number_format(ev->plan, NUMBER_FORMAT_NATIONAL,
                      str_make(f->digits, f->digits_len), f->value, str_make(NULL, 0),
                      text, sizeof(text));
    n = number_piece_digits(str_make(text, n), digits);
    return n != SIZE_MAX && in_order(q, digits, n);
}

/* Numbers are ordered by their digits, what is no number by its bytes. */
static int order(const struct eval_number *q, const struct record_field *f)
{
    struct ctr_str mine =
        f->number_class == NUMBER_NONE ? f->value : str_make(f->digits, f->digits_len);
    struct ctr_str asked =
        q->n_readings > 0 ? str_make(q->readings[0].digits, q->readings[0].len) : q->text;

    return str_cmp(mine, asked);
}

bool eval_number_match(const struct eval *ev, const struct eval_leaf *leaf,
                       const struct record_field *f)
{
    const struct eval_number *q = leaf->number;

    if (leaf->op == CTR_OP_GE)
        return order(q, f) >= 0;
    if (leaf->op == CTR_OP_LE)
        return order(q, f) <= 0;
    switch (q->shape) {
    case EVAL_EXACT:
        return match_exact(q, f);
    case EVAL_PREFIX:
        return match_prefix(q, f);
    case EVAL_TAIL:
        return match_tail(q, f);
    case EVAL_INSIDE:
        return match_inside(ev, q, f);
    case EVAL_ANY:
        return true;
    default:
        return false;
    }
}

/* ---- which question a field answers ---------------------------------------- */

static void find_answer(const struct eval_node *node, const struct record_field *f,
                        const struct eval_number **best, unsigned *reading)
{
    const struct eval_leaf *leaf = node->leaf;

    for (uint32_t i = 0; i < node->n_children; i++)
        if (node->op != CTR_OP_NOT)
            find_answer(&node->children[i], f, best, reading);
    if (!leaf || leaf->op != CTR_OP_EQUAL || !leaf->number || !eval_leaf_asks(leaf, f))
        return;
    for (unsigned i = 0; i < leaf->number->n_readings; i++) {
        if (!is_reading(&leaf->number->readings[i], f))
            continue;
        if (!*best || i < *reading) {
            *best = leaf->number;
            *reading = i;
        }
        return;
    }
    if (leaf->number->n_readings == 0 && !*best && match_exact(leaf->number, f)) {
        *best = leaf->number;
        *reading = 0;
    }
}

const struct eval_number *eval_answers(const struct eval_filter *filter,
                                       const struct record_field *field,
                                       unsigned *reading)
{
    const struct eval_number *best = NULL;

    *reading = 0;
    find_answer(&filter->root, field, &best, reading);
    return best;
}
