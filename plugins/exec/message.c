/* message.c - what a line of a program says: the word that decides, and the values beside
 * it. */
#include "message.h"

#include <string.h>

#include "contactor/error.h"
#include "json.h"

static const struct word {
    const char *name;
    enum message_kind kind;
} words[] = {
    {"contacts", MESSAGE_CONTACTS}, {"contactor", MESSAGE_HELLO},
    {"full", MESSAGE_FULL},         {"delete", MESSAGE_DELETE},
    {"reject", MESSAGE_REJECT},     {"progress", MESSAGE_PROGRESS},
    {"step", MESSAGE_STEP},         {"done", MESSAGE_DONE},
    {"error", MESSAGE_ERROR},
};

/* No field has such a name, so the first one decides; a contact begins with its id. */
static void classify(struct message *m)
{
    const cJSON *item;

    m->kind = MESSAGE_CONTACT;
    m->item = NULL;
    cJSON_ArrayForEach(item, m->root)
    {
        if (strcmp(item->string, "id") == 0)
            return;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (strcmp(item->string, words[i].name) == 0) {
                m->kind = words[i].kind;
                m->item = item;
                return;
            }
        }
    }
}

int32_t message_read(struct ctr_str line, struct message *out, const char **why)
{
    out->root = json_parse(line, why);
    if (!out->root)
        return -CTR_EFORMAT;
    out->length = (size_t)line.len;
    classify(out);
    return 0;
}

void message_finish(struct message *m)
{
    cJSON_Delete(m->root);
    m->root = NULL;
}

const char *message_text(const struct message *m, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(m->root, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static uint64_t number_of(const cJSON *item)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 1e15)
        return 0;
    return (uint64_t)item->valuedouble;
}

uint64_t message_number(const struct message *m, const char *name)
{
    return number_of(cJSON_GetObjectItemCaseSensitive(m->root, name));
}

bool message_is_stale(const struct message *m, uint64_t request)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(m->root, "request");

    return cJSON_IsNumber(item) && number_of(item) != request;
}
