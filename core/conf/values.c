/* values.c - reading, comparing and forgetting the values of a section. */
#include "conf/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

struct conf_place values_keep_place(struct ctr_config *config, struct conf_place at)
{
    struct conf_file *copy = config->file;

    if (!at.file)
        return at;
    if (!copy || copy->order != at.file->order) {
        copy = arena_alloc(&config->arena, sizeof(*copy));
        copy->name = arena_z(&config->arena, at.file->name);
        copy->folder = arena_z(&config->arena, at.file->folder);
        copy->order = at.file->order;
        config->file = copy;
    }
    at.file = copy;
    return at;
}

void conf_values_destroy(struct ctr_config *config)
{
    if (!config)
        return;
    for (unsigned i = 0; i < config->n; i++) {
        wipe(config->values[i].secret_text, config->values[i].secret_size);
        free(config->values[i].secret_text);
    }
    arena_finish(&config->arena);
    free(config);
}

static bool z_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool value_equal(const struct conf_value *a, const struct conf_value *b)
{
    if (strcmp(a->name, b->name) != 0 || a->type != b->type || a->set != b->set ||
        a->integer != b->integer || !z_equal(a->string, b->string) || a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!z_equal(a->pairs[i].key, b->pairs[i].key) ||
            !z_equal(a->pairs[i].value, b->pairs[i].value))
            return false;
    return true;
}

bool conf_values_equal(const struct ctr_config *a, const struct ctr_config *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (!value_equal(&a->values[i], &b->values[i]))
            return false;
    return true;
}

const char *conf_values_section(const struct ctr_config *config)
{
    return config->section;
}

void conf_values_report_to(struct ctr_config *config, struct diag *diag)
{
    config->diag = diag;
}

static const struct conf_value *find(const struct ctr_config *config, const char *name)
{
    for (unsigned i = 0; i < config->n; i++)
        if (strcmp(config->values[i].name, name) == 0)
            return &config->values[i];
    log_error(config->section, "option is read but was never declared option=%s", name);
    return NULL;
}

#define TYPE(name) (1u << CTR_OPT_##name)

/* The value, when its type is one of `types`. */
static const struct conf_value *find_typed(const struct ctr_config *config,
                                           const char *name, unsigned types)
{
    const struct conf_value *value = find(config, name);

    if (value && (types & 1u << value->type))
        return value;
    if (value)
        log_error(config->section, "option is read as another type option=%s", name);
    return NULL;
}

const char *conf_str(const struct ctr_config *config, const char *name)
{
    const struct conf_value *value = find_typed(config, name, TYPE(STRING) | TYPE(PATH));

    return value ? value->string : NULL;
}

int64_t conf_int(const struct ctr_config *config, const char *name)
{
    const struct conf_value *value =
        find_typed(config, name,
                   TYPE(BOOL) | TYPE(INT) | TYPE(DURATION) | TYPE(SIZE) | TYPE(CHOICE));

    return value ? value->integer : 0;
}

uint32_t conf_set(const struct ctr_config *config, const char *name)
{
    const struct conf_value *value = find(config, name);

    return value && value->set;
}

uint32_t conf_list_len(const struct ctr_config *config, const char *name)
{
    const struct conf_value *value = find_typed(config, name, TYPE(LIST));

    return value ? value->n : 0;
}

const char *conf_list_at(const struct ctr_config *config, const char *name, uint32_t i)
{
    const struct conf_value *value = find_typed(config, name, TYPE(LIST));

    return value && i < value->n ? value->pairs[i].value : NULL;
}

int32_t conf_map_at(const struct ctr_config *config, const char *name, uint32_t i,
                    const char **key, const char **value)
{
    const struct conf_value *map = find_typed(config, name, TYPE(MAP));

    *key = *value = NULL;
    if (!map || i >= map->n)
        return -CTR_ENOENT;
    *key = map->pairs[i].key;
    *value = map->pairs[i].value;
    return 0;
}

struct conf_place conf_option_place(const struct ctr_config *config, const char *name)
{
    const struct conf_value *value = find(config, name);

    return value && value->set ? value->at : config->at;
}

void conf_option_error(const struct ctr_config *config, const char *name,
                       const char *text)
{
    struct conf_place at = conf_option_place(config, name);

    if (config->diag)
        diag_error(config->diag, at, "'%s' in [%s]: %s", name, config->section, text);
    else
        log_error(config->section, "option is wrong option=%s reason=%s", name, text);
}
