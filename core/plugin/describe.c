/* describe.c - a plugin's descriptor for people and for scripts. */
#include "plugin/describe.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static void describe_source(FILE *out, const struct ctr_source *source)
{
    fprintf(out, "role      source (%s%s%s%s%s)\n",
            source->threading == CTR_ON_LANE ? "on a lane" : "on the loop",
            source->flags & CTR_SOURCE_DELTA ? ", delta syncs" : "",
            source->flags & CTR_SOURCE_SEARCH ? ", live search" : "",
            source->flags & CTR_SOURCE_PARALLEL ? " beside a sync" : "",
            source->test ? ", test" : "");
}

static void describe_frontend(FILE *out, const struct ctr_frontend *frontend)
{
    fprintf(out, "role      front end (");
    for (uint32_t i = 0; i < frontend->n_schemes; i++)
        fprintf(out, "%s%s://, port %u", i ? "; " : "", frontend->schemes[i].name,
                frontend->schemes[i].default_port);
    fprintf(out, "%s)\n", frontend->n_schemes == 0 ? "listens to nothing" : "");
}

void plugin_describe(FILE *out, const struct plugin *plugin)
{
    const struct ctr_plugin *d = &plugin->desc;
    struct schema_table options = plugin_options(plugin);

    fprintf(out, "name      %s\n", d->name);
    fprintf(out, "version   %s\n", d->version);
    fprintf(out, "summary   %s\n", d->summary);
    fprintf(out, "abi       built with %u.%u, needs %u.%u\n", CTR_ABI_MAJOR(d->abi_built),
            CTR_ABI_MINOR(d->abi_built), CTR_ABI_MAJOR(d->abi_needs),
            CTR_ABI_MINOR(d->abi_needs));
    if (plugin->has_source)
        describe_source(out, &plugin->source);
    if (plugin->has_frontend)
        describe_frontend(out, &plugin->frontend);
    fprintf(out, "\noptions\n\n");
    schema_describe(out, &options, 1);
}

static cJSON *abi_json(uint32_t abi)
{
    char text[32];

    snprintf(text, sizeof(text), "%u.%u", CTR_ABI_MAJOR(abi), CTR_ABI_MINOR(abi));
    return cJSON_CreateString(text);
}

static cJSON *frontend_json(const struct ctr_frontend *frontend)
{
    cJSON *role = cJSON_CreateObject();
    cJSON *schemes = cJSON_AddArrayToObject(role, "schemes");

    for (uint32_t i = 0; i < frontend->n_schemes; i++) {
        cJSON *scheme = cJSON_CreateObject();

        cJSON_AddStringToObject(scheme, "name", frontend->schemes[i].name);
        cJSON_AddNumberToObject(scheme, "port", frontend->schemes[i].default_port);
        cJSON_AddBoolToObject(scheme, "tls", frontend->schemes[i].tls != 0);
        cJSON_AddItemToArray(schemes, scheme);
    }
    return role;
}

static cJSON *source_json(const struct ctr_source *source)
{
    cJSON *role = cJSON_CreateObject();

    cJSON_AddStringToObject(role, "threading",
                            source->threading == CTR_ON_LANE ? "lane" : "loop");
    cJSON_AddBoolToObject(role, "delta", (source->flags & CTR_SOURCE_DELTA) != 0);
    cJSON_AddBoolToObject(role, "search", (source->flags & CTR_SOURCE_SEARCH) != 0);
    cJSON_AddBoolToObject(role, "parallel", (source->flags & CTR_SOURCE_PARALLEL) != 0);
    cJSON_AddBoolToObject(role, "test", source->test != NULL);
    return role;
}

void plugin_describe_json(FILE *out, const struct plugin *plugin)
{
    const struct ctr_plugin *d = &plugin->desc;
    struct schema_table options = plugin_options(plugin);
    cJSON *json = cJSON_CreateObject();
    char *table = schema_describe_json(&options, 1);
    char *text;

    cJSON_AddStringToObject(json, "name", d->name);
    cJSON_AddStringToObject(json, "version", d->version);
    cJSON_AddStringToObject(json, "summary", d->summary);
    cJSON_AddItemToObject(json, "abi_built", abi_json(d->abi_built));
    cJSON_AddItemToObject(json, "abi_needs", abi_json(d->abi_needs));
    if (plugin->has_source)
        cJSON_AddItemToObject(json, "source", source_json(&plugin->source));
    if (plugin->has_frontend)
        cJSON_AddItemToObject(json, "frontend", frontend_json(&plugin->frontend));
    cJSON_AddRawToObject(json, "options", table);
    text = cJSON_Print(json);
    fprintf(out, "%s\n", text);
    free(text);
    free(table);
    cJSON_Delete(json);
}
