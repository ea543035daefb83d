/* fuzz_toml.c - any text as a configuration: parsed, checked by a schema, read back. */
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "conf/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const choices[] = {"deny", "allow", NULL};

static const struct ctr_option options[] = {
    {.name = "plugin", .type = CTR_OPT_STRING, .flags = CTR_OPT_REQUIRED},
    {.name = "on", .type = CTR_OPT_BOOL, .default_value = "true"},
    {.name = "n", .type = CTR_OPT_INT, .min = 1, .max = 100, .default_value = "5"},
    {.name = "sync", .type = CTR_OPT_DURATION, .max = 86400000, .default_value = "1h"},
    {.name = "size", .type = CTR_OPT_SIZE, .default_value = "64K"},
    {.name = "mode", .type = CTR_OPT_CHOICE, .choices = choices},
    {.name = "path", .type = CTR_OPT_PATH},
    {.name = "listen", .type = CTR_OPT_LIST},
    {.name = "map", .type = CTR_OPT_MAP},
    {.name = "pw", .type = CTR_OPT_STRING, .flags = CTR_OPT_SECRET},
};

static void read_back(const struct ctr_config *config)
{
    const char *key, *value;
    uint32_t n = conf_list_len(config, "listen");

    ensure(conf_str(config, "plugin") && *conf_str(config, "plugin"));
    ensure(conf_int(config, "n") >= 1 && conf_int(config, "n") <= 100);
    ensure(conf_int(config, "on") == 0 || conf_int(config, "on") == 1);
    ensure(conf_int(config, "mode") >= 0 && conf_int(config, "mode") <= 1);
    ensure(!conf_str(config, "path") || conf_str(config, "path")[0] == '/');
    for (uint32_t i = 0; i < n; i++)
        ensure(conf_list_at(config, "listen", i));
    for (uint32_t i = 0; conf_map_at(config, "map", i, &key, &value) == 0; i++)
        ensure(key && value);
    ensure(conf_values_equal(config, config));
}

static void check(const struct conf *conf, struct diag *diag)
{
    static const char *const known[] = {"contactor", "source", NULL};
    struct schema_table table = SCHEMA_TABLE(options);
    struct ctr_config *config;

    conf_check_sections(conf, known, diag);
    for (const struct conf_node *it = conf_section_next(conf, "source", NULL, diag); it;
         it = conf_section_next(conf, "source", it, diag)) {
        unsigned before = diag->errors;
        int err = schema_read(it, "source.x", &table, 1, 0, diag, &config);

        ensure((err == 0) == (diag->errors == before));
        if (!err)
            read_back(config);
        conf_values_destroy(config);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag diag = {0};
    struct strbuf printed = {0};
    struct conf *conf;
    int err = conf_parse(str_make((const char *)data, size), "fuzz.toml", "/nonexistent",
                         &diag, &conf);

    ensure((err == 0) == (conf != NULL));
    ensure(err == 0 || diag.errors > 0);
    if (conf)
        check(conf, &diag);
    diag_format(&diag, &printed);
    strbuf_finish(&printed);
    diag_finish(&diag);
    conf_destroy(conf);
    return 0;
}
