/* request.c - what a program is asked.
 *
 * A search is flattened: which numbers, which texts. The host checks each hit against the
 * whole question, so that a program may answer too much, and need not know the logic. */
#include "request.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* The object with a line end, and its own end. */
static char *line_of(cJSON *object, bool whole)
{
    char *text = whole && object ? cJSON_PrintUnformatted(object) : NULL;
    size_t len = text ? strlen(text) : 0;
    char *line = text ? malloc(len + 2) : NULL;

    if (line) {
        memcpy(line, text, len);
        memcpy(line + len, "\n", 2);
    }
    if (text)
        memset(text, 0, len); /* it may hold the secret */
    cJSON_free(text);
    cJSON_Delete(object);
    return line;
}

/* Bytes as a string of the object, under a name, or of the array without. */
static bool add_text(cJSON *to, const char *name, struct ctr_str s)
{
    char *copy = malloc((size_t)s.len + 1);
    cJSON *item;

    if (!copy)
        return false;
    if (s.len)
        memcpy(copy, s.ptr, (size_t)s.len);
    copy[s.len] = '\0';
    item = cJSON_CreateString(copy);
    memset(copy, 0, (size_t)s.len);
    free(copy);
    return item && (name ? cJSON_AddItemToObject(to, name, item)
                         : cJSON_AddItemToArray(to, item));
}

static bool add_z(cJSON *to, const char *name, const char *z)
{
    return add_text(to, name, (struct ctr_str){z, strlen(z)});
}

static cJSON *begin(const char *op, uint64_t number, bool *ok)
{
    cJSON *object = cJSON_CreateObject();

    *ok = object && add_z(object, "op", op) &&
          (number == 0 || cJSON_AddNumberToObject(object, "request", (double)number));
    return object;
}

char *request_hello(const char *source, const char *secret, bool keep)
{
    cJSON *object = cJSON_CreateObject();
    bool ok = object && cJSON_AddNumberToObject(object, "contactor", REQUEST_PROTOCOL) &&
              add_z(object, "op", "hello") && add_z(object, "source", source) &&
              cJSON_AddBoolToObject(object, "keep_running", keep) &&
              (!secret || add_z(object, "secret", secret));

    return line_of(object, ok);
}

char *request_sync(uint64_t number, struct ctr_str cursor)
{
    bool ok;
    cJSON *object = begin("sync", number, &ok);

    if (ok && cursor.ptr && json_utf8(cursor))
        ok = add_text(object, "cursor", cursor);
    return line_of(object, ok);
}

char *request_test(uint64_t number)
{
    bool ok;
    cJSON *object = begin("test", number, &ok);

    return line_of(object, ok);
}

char *request_cancel(uint64_t number)
{
    bool ok;
    cJSON *object = begin("cancel", number, &ok);

    return line_of(object, ok);
}

/* --- search ---------------------------------------------------------------------------
 */

struct asked {
    cJSON *numbers, *digits, *texts, *ids;
    unsigned n;
    bool failed;
};

static bool has(const cJSON *array, struct ctr_str s)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, array)
    {
        if (strlen(item->valuestring) == s.len &&
            memcmp(item->valuestring, s.ptr, (size_t)s.len) == 0)
            return true;
    }
    return false;
}

static void ask_for(struct asked *a, cJSON *array, struct ctr_str s)
{
    if (s.len == 0 || a->failed || a->n == REQUEST_ASKED_MAX ||
        memchr(s.ptr, 0, (size_t)s.len) || !json_utf8(s) || has(array, s))
        return;
    a->failed = !add_text(array, NULL, s);
    a->n++;
}

static void ask_leaf(struct asked *a, const struct ctr_filter *f)
{
    bool phone = (f->kinds & CTR_KINDS_PHONE) != 0;
    bool id = f->kinds == CTR_KIND(CTR_FIELD_ID);
    cJSON *array = id                       ? a->ids
                   : !phone                 ? a->texts
                   : f->op == CTR_OP_SUBSTR ? a->digits
                                            : a->numbers;

    if (f->op != CTR_OP_EQUAL && f->op != CTR_OP_SUBSTR && f->op != CTR_OP_APPROX &&
        f->op != CTR_OP_WORDS)
        return;
    for (uint32_t i = 0; i < f->n_values; i++)
        ask_for(a, array, f->values[i]);
}

/* Below NOT stands what is not wanted. Depth is bounded by CTR_FILTER_DEPTH_MAX. */
static void ask_filter(struct asked *a, const struct ctr_filter *f)
{
    if (f->op == CTR_OP_AND || f->op == CTR_OP_OR)
        for (uint32_t i = 0; i < f->n_children; i++)
            ask_filter(a, f->children[i]);
    else if (f->op != CTR_OP_NOT)
        ask_leaf(a, f);
}

char *request_search(uint64_t number, const struct ctr_query *query, bool *nothing)
{
    bool ok;
    cJSON *object = begin("search", number, &ok);
    struct asked a = {0};

    *nothing = false;
    if (ok) {
        a.numbers = cJSON_AddArrayToObject(object, "numbers");
        a.digits = cJSON_AddArrayToObject(object, "digits");
        a.texts = cJSON_AddArrayToObject(object, "texts");
        a.ids = cJSON_AddArrayToObject(object, "ids");
        ok = a.numbers && a.digits && a.texts && a.ids &&
             cJSON_AddNumberToObject(object, "limit", query->limit) &&
             cJSON_AddNumberToObject(object, "time_ms", query->time_limit);
    }
    if (ok && query->filter)
        ask_filter(&a, query->filter);
    *nothing = ok && !a.failed && a.n == 0;
    return line_of(object, ok && !a.failed && !*nothing);
}
