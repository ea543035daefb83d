/* contacts.c - objects a program wrote as contacts.
 *
 * Values are not copied: a batch keeps the parsed lines it points into until it is put.
 * What cannot be used is told without its value. */
#include "contacts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "json.h"

static const struct kind {
    const char *name;
    uint32_t len, kind;
} kinds[] = {
#define CTR_X(number, id, text) {text, sizeof(text) - 1, number},
    CTR_FIELD_MAP(CTR_X)
#undef CTR_X
};

static void note(struct contacts *c, const char *reason)
{
    c->sink.note(c->sink.user, reason);
}

/* --- names ----------------------------------------------------------------------------
 */

static uint32_t kind_of(const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].len == len && memcmp(kinds[i].name, key, len) == 0)
            return kinds[i].kind;
    return key[0] == 'x' && key[1] == '_' ? CTR_FIELD_CUSTOM : 0;
}

/* "x_Badge" as "badge", in place; false: it cannot be a name. */
static bool custom_name(char *key)
{
    size_t len = strlen(key);

    for (char *p = key + 2; *p; p++) {
        *p = (char)tolower((uint8_t)*p);
        if (!isalnum((uint8_t)*p) && *p != '_')
            return false;
    }
    return len > 2 && len - 2 <= CONTACTS_NAME_MAX;
}

/* Each name once: a program that errs does so in each contact. */
static void unknown_field(struct contacts *c, const char *key)
{
    char shown[CONTACTS_NAME_MAX], text[192];

    json_show((struct ctr_str){key, strlen(key)}, shown, sizeof(shown));
    for (uint32_t i = 0; i < c->n_unknown; i++)
        if (strcmp(c->unknown[i], shown) == 0)
            return;
    if (c->n_unknown == CONTACTS_UNKNOWN)
        return;
    memcpy(c->unknown[c->n_unknown++], shown, sizeof(shown));
    snprintf(text, sizeof(text),
             "there is no field '%s'; it is left out here and in what follows%s", shown,
             strncmp(key, "x_", 2) == 0 ? " (use a-z, 0-9 and _, at most 64)"
                                        : " (fields of your own begin with x_)");
    note(c, text);
}

/* --- values ---------------------------------------------------------------------------
 */

/* A string, or a whole number as its digits. returns false if it is neither */
static bool text_of(struct contacts *c, const cJSON *item, struct ctr_str *out)
{
    char *to = c->text + c->n_text;

    if (cJSON_IsString(item)) {
        *out = (struct ctr_str){item->valuestring, strlen(item->valuestring)};
        return true;
    }
    if (c->n_text + 32 > CONTACTS_TEXT || !json_whole(item, to, 32))
        return false;
    *out = (struct ctr_str){to, strlen(to)};
    c->n_text += (size_t)out->len + 1;
    return true;
}

static void left_out(struct contacts *c, const char *key, const char *why)
{
    char text[160];

    snprintf(text, sizeof(text), "%.66s %s and was left out", key, why);
    note(c, text);
}

static void add_value(struct contacts *c, const char *key, const cJSON *item,
                      struct ctr_field f)
{
    struct ctr_contact *contact = &c->batch[c->n];
    uint64_t max = f.kind == CTR_FIELD_PHOTO ? CTR_PHOTO_MAX : CTR_VALUE_MAX;

    if (cJSON_IsNull(item))
        return;
    if (contact->n_fields == CTR_FIELDS_MAX) {
        left_out(c, key, "is beyond the 128 values of a contact");
        return;
    }
    if (!text_of(c, item, &f.value)) {
        left_out(c, key, "is neither a string nor a whole number");
        return;
    }
    if (f.kind == CTR_FIELD_PHOTO && !base64_decode(item->valuestring, &f.value))
        left_out(c, key, "is not base64");
    else if (f.value.len > max)
        left_out(c, key, "is too long");
    else if (f.value.len > 0)
        c->fields[c->n_fields + contact->n_fields++] = f;
}

_Static_assert(CTR_FIELDS_MAX == 128, "the message above names it");

static void add_field(struct contacts *c, const cJSON *item, uint32_t kind)
{
    struct ctr_field f = {.kind = kind};
    const cJSON *each;

    if (kind == CTR_FIELD_CUSTOM) {
        if (!custom_name(item->string)) {
            unknown_field(c, item->string);
            return;
        }
        f.name = (struct ctr_str){item->string + 2, strlen(item->string + 2)};
    }
    if (!cJSON_IsArray(item)) {
        add_value(c, item->string, item, f);
        return;
    }
    cJSON_ArrayForEach(each, item) add_value(c, item->string, each, f);
}

/* --- one contact ----------------------------------------------------------------------
 */

/* An owner is never left out: that would show a private contact to everybody. */
static const char *take_owner(struct contacts *c, const cJSON *item)
{
    struct ctr_str *owner = &c->batch[c->n].owner;

    if (cJSON_IsNull(item))
        return NULL;
    if (!cJSON_IsString(item) || !item->valuestring[0])
        return "its owner is not a user's name";
    text_of(c, item, owner);
    return owner->len > CTR_ID_MAX ? "its owner is longer than 400 bytes" : NULL;
}

static const char *take_id(struct contacts *c, const cJSON *item)
{
    struct ctr_str *id = &c->batch[c->n].id;

    if (!text_of(c, item, id))
        return "its id is neither a string nor a whole number";
    return id->len > CTR_ID_MAX ? "its id is longer than 400 bytes" : NULL;
}

_Static_assert(CTR_ID_MAX == 400, "the messages above name it");

/* returns what is wrong with it as a whole, or NULL */
static const char *take_object(struct contacts *c, const cJSON *object)
{
    const char *wrong = NULL;
    const cJSON *item;

    if (!cJSON_IsObject(object))
        return "it is not an object";
    cJSON_ArrayForEach(item, object)
    {
        uint32_t kind = kind_of(item->string);

        if (kind == CTR_FIELD_ID)
            wrong = take_id(c, item);
        else if (kind == CTR_FIELD_OWNER)
            wrong = take_owner(c, item);
        else if (strcasecmp(item->string, "owner") == 0)
            wrong = "its owner must be written in small letters";
        else if (kind == 0)
            unknown_field(c, item->string);
        else
            add_field(c, item, kind);
        if (wrong)
            return wrong;
    }
    if (c->batch[c->n].id.len == 0)
        return "it has no id";
    return c->batch[c->n].n_fields == 0 ? "it has no value besides its id" : NULL;
}

static bool is_full(const struct contacts *c)
{
    return c->n == CONTACTS_BATCH || c->n_fields + CTR_FIELDS_MAX > CONTACTS_FIELDS ||
           c->n_text + CTR_FIELDS_MAX * 33 > CONTACTS_TEXT;
}

static int32_t drop(struct contacts *c, const cJSON *object)
{
    const cJSON *id = cJSON_GetObjectItem(object, "id");

    return id && c->sink.drop ? c->sink.drop(c->sink.user, id) : 0;
}

static int32_t add_contact(struct contacts *c, const cJSON *object)
{
    size_t n_text = c->n_text;
    const char *wrong;

    c->batch[c->n] = (struct ctr_contact){.size = sizeof(struct ctr_contact),
                                          .fields = c->fields + c->n_fields,
                                          .field_size = sizeof(struct ctr_field)};
    wrong = take_object(c, object);
    if (wrong) {
        c->n_text = n_text;
        c->rejected++;
        note(c, wrong);
        return drop(c, object);
    }
    c->n_fields += c->batch[c->n].n_fields;
    c->n++;
    return is_full(c) ? contacts_flush(c) : 0;
}

int32_t contacts_take(struct contacts *c, cJSON *root, const cJSON *list, size_t length)
{
    const cJSON *each;
    int32_t rc = 0;

    if (!list)
        rc = add_contact(c, root);
    else
        cJSON_ArrayForEach(each, list)
        {
            rc = add_contact(c, each);
            if (rc != 0)
                break;
        }
    if (rc != 0 || c->n == 0) { /* nothing waits that points into it */
        cJSON_Delete(root);
        return rc;
    }
    c->roots[c->n_roots++] = root;
    c->n_bytes += length;
    return c->n_bytes > CONTACTS_BYTES || c->n_roots == CONTACTS_BATCH ? contacts_flush(c)
                                                                       : 0;
}

int32_t contacts_flush(struct contacts *c)
{
    int32_t rc = c->n ? c->sink.put(c->sink.user, c->batch, c->n) : 0;

    c->put += c->n;
    for (uint32_t i = 0; i < c->n_roots; i++)
        cJSON_Delete(c->roots[i]);
    c->n = c->n_fields = c->n_roots = 0;
    c->n_text = c->n_bytes = 0;
    return rc;
}

int32_t contacts_init(struct contacts *c, const struct contacts_sink *sink)
{
    *c = (struct contacts){.sink = *sink};
    c->fields = malloc(CONTACTS_FIELDS * sizeof(*c->fields));
    c->text = malloc(CONTACTS_TEXT);
    return c->fields && c->text ? 0 : -CTR_ENOMEM;
}

void contacts_finish(struct contacts *c)
{
    for (uint32_t i = 0; i < c->n_roots; i++)
        cJSON_Delete(c->roots[i]);
    free(c->fields);
    free(c->text);
}
