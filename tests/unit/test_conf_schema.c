/* test_conf_schema.c - sections to values: every type right and wrong, secrets, reload.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "conf/schema.h"
#include "tap.h"

static const char *const modes[] = {"deny", "rootdse", "allow", NULL};

static const struct ctr_option host_options[] = {
    {.name = "plugin",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_REQUIRED,
     .doc = "Which."},
    {.name = "priority",
     .type = CTR_OPT_INT,
     .min = 1,
     .max = 100,
     .default_value = "50",
     .doc = "Lower wins."},
};

static const struct ctr_option plugin_options[] = {
    {.name = "dsn", .type = CTR_OPT_STRING, .doc = "Where the data are."},
    {.name = "header", .type = CTR_OPT_BOOL, .default_value = "true"},
    {.name = "sync",
     .type = CTR_OPT_DURATION,
     .min = 1000,
     .max = 86400000,
     .default_value = "15m",
     .doc = "How often."},
    {.name = "buffer", .type = CTR_OPT_SIZE, .default_value = "64K", .max = INT64_MAX},
    {.name = "anonymous",
     .type = CTR_OPT_CHOICE,
     .choices = modes,
     .default_value = "deny"},
    {.name = "file", .type = CTR_OPT_PATH, .default_value = "/srv/a.csv"},
    {.name = "listen", .type = CTR_OPT_LIST, .default_value = "[\"a\", \"b\"]"},
    {.name = "map", .type = CTR_OPT_MAP, .default_value = "{ id = \"ID\" }"},
    {.name = "password",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_SECRET,
     .doc = "The password."},
};

static const struct schema_table tables[] = {SCHEMA_TABLE(host_options),
                                             SCHEMA_TABLE(plugin_options)};

static char folder[] = "/tmp/test-schema-XXXXXX";
static char printed[65536];

static void keep(struct diag *diag)
{
    struct strbuf text = {0};

    diag_format(diag, &text);
    snprintf(printed, sizeof(printed), "%s", text.ptr ? text.ptr : "");
    strbuf_finish(&text);
    diag_finish(diag);
}

static struct ctr_config *read_tables(const char *text, const struct schema_table *with,
                                      unsigned n, unsigned flags)
{
    struct diag diag = {0};
    struct conf *conf = NULL;
    struct ctr_config *config = NULL;
    char whole[8192];
    int err;

    snprintf(whole, sizeof(whole), "[source.crm]\n%s", text);
    if (conf_parse(str_of(whole), "a.toml", folder, &diag, &conf) == 0) {
        err = schema_read(conf_get(conf_get(conf_root(conf), "source"), "crm"),
                          "source.crm", with, n, flags, &diag, &config);
        ensure((err == 0) == (config != NULL) && (err == 0) == (diag.errors == 0));
    }
    keep(&diag);
    if (config)
        conf_values_report_to(config, NULL);
    conf_destroy(conf);
    return config;
}

/* The values of a section with this text, plugin given; NULL: see `printed`. */
static struct ctr_config *read_values(const char *text)
{
    char whole[4096];

    snprintf(whole, sizeof(whole), "plugin = \"odbc\"\n%s", text);
    return read_tables(whole, tables, 2, 0);
}

static void is_wrong(const char *text, const char *wanted)
{
    struct ctr_config *config = read_values(text);
    char line[1024];

    snprintf(line, sizeof(line), "a.toml:3:%s\n", wanted);
    ok(!config, "refused: %s", text);
    is_str(printed, line, "and said why");
    conf_values_destroy(config);
}

static void test_defaults(void)
{
    struct ctr_config *c = read_values("");
    const char *key, *value;

    is_str(conf_str(c, "plugin"), "odbc", "a string that is set");
    is_int(conf_set(c, "plugin"), 1, "is set");
    is_int(conf_set(c, "priority"), 0, "a default is not");
    is_int(conf_int(c, "priority"), 50, "a default number");
    is_int(conf_int(c, "header"), 1, "a default boolean");
    is_int(conf_int(c, "sync"), 900000, "a default duration");
    is_int(conf_int(c, "buffer"), 65536, "a default size");
    is_int(conf_int(c, "anonymous"), 0, "a default choice");
    is_str(conf_str(c, "file"), "/srv/a.csv", "a default path");
    ok(!conf_str(c, "dsn"), "no default: absent");
    ok(!conf_str(c, "password"), "a secret that is not set: absent");
    is_int(conf_list_len(c, "listen"), 2, "a default list");
    is_str(conf_list_at(c, "listen", 1), "b", "its second entry");
    is_int(conf_map_at(c, "map", 0, &key, &value), 0, "a default map");
    ok(strcmp(key, "id") == 0 && strcmp(value, "ID") == 0, "its entry");
    is_str(conf_values_section(c), "source.crm", "the values know their section");
    conf_values_destroy(c);
    conf_values_destroy(NULL);
}

static void test_values(void)
{
    struct ctr_config *c;
    const char *key, *value;
    char path[256];

    c = read_values("dsn = \"\"\npriority = 100\nheader = false\n"
                    "sync = \"1500ms\"\nbuffer = \"3MiB\"\n"
                    "anonymous = \"allow\"\nfile = \"./x/y.csv\"\n"
                    "listen = \"one\"\n"
                    "[source.crm.map]\nsurname = \"Last\"\n"
                    "mail = [\"M1\", \"M2\"]\nx_cost_centre = \"CC\"\n");
    is_str(printed, "", "nothing is wrong");
    is_str(conf_str(c, "dsn"), "", "an empty string is not absent");
    is_int(conf_int(c, "priority"), 100, "a number at its limit");
    is_int(conf_int(c, "header"), 0, "false");
    is_int(conf_int(c, "sync"), 1500, "a duration");
    is_int(conf_int(c, "buffer"), 3 << 20, "a size");
    is_int(conf_int(c, "anonymous"), 2, "a choice is its index");
    snprintf(path, sizeof(path), "%s/x/y.csv", folder);
    is_str(conf_str(c, "file"), path, "a path starts beside its file");
    is_int(conf_list_len(c, "listen"), 1, "a string is a list of one");
    ok(!conf_list_at(c, "listen", 1), "past its end");
    is_int(conf_map_at(c, "map", 2, &key, &value), 0, "an entry a string");
    ok(strcmp(key, "mail") == 0 && strcmp(value, "M2") == 0, "in file order");
    is_int(conf_map_at(c, "map", 3, &key, &value), 0, "a field of one's own");
    is_str(key, "x_cost_centre", "with its prefix");
    is_int(conf_map_at(c, "map", 4, &key, &value), -CTR_ENOENT, "past the end");
    ok(!key && !value, "nothing is given there");
    conf_values_destroy(c);
}

static void test_wrong_values(void)
{
    is_wrong("dsn = 1", "7: error: 'dsn' must be a string in quotes, not a number");
    is_wrong("dsn = \"a\\u0000b\"", "7: error: 'dsn' holds a NUL character");
    is_wrong("header = \"yes\"", "10: error: 'header' must be true or false, without "
                                 "quotes, not a string");
    is_wrong("priority = \"5\"", "12: error: 'priority' must be a whole number such as "
                                 "50, without quotes, not a string");
    is_wrong("priority = 1.5", "12: error: 'priority' must be a whole number such as 50, "
                               "without quotes, not a fraction");
    is_wrong("priority = 0", "12: error: 'priority' must be between 1 and 100, not 0");
    is_wrong("sync = 15", "8: error: 'sync' must be a duration such as \"250ms\", "
                          "\"30s\", \"5m\" or \"1h\", not a number");
    is_wrong("sync = \"15\"", "8: error: 'sync' must be a duration such as \"250ms\", "
                              "\"30s\", \"5m\" or \"1h\"");
    is_wrong("sync = \"-5m\"", "8: error: 'sync' must be a duration such as \"250ms\", "
                               "\"30s\", \"5m\" or \"1h\"");
    is_wrong("sync = \"999999999999999d\"",
             "8: error: 'sync' must be a duration such as \"250ms\", \"30s\", \"5m\" or "
             "\"1h\"");
    is_wrong("sync = \"2d\"", "8: error: 'sync' must be between 1s and 1d, not 2d");
    is_wrong("sync = 0", "8: error: 'sync' must be between 1s and 1d, not 0ms");
    is_wrong("buffer = \"64KB\"",
             "10: error: 'buffer' must be a size such as \"64K\" or \"1M\"");
    is_wrong(
        "buffer = -1",
        "10: error: 'buffer' must be a size such as \"64K\" or \"1M\", not a number");
    is_wrong(
        "anonymous = \"alow\"",
        "13: error: 'anonymous' must be one of \"deny\", \"rootdse\", \"allow\", not "
        "\"alow\"; did you mean 'allow'?");
    is_wrong("anonymous = true", "13: error: 'anonymous' must be one of \"deny\", "
                                 "\"rootdse\", \"allow\", not true or false");
    is_wrong("file = \"\"", "8: error: 'file' is empty");
    is_wrong("file = 7", "8: error: 'file' must be a path such as \"/srv/file\", not a "
                         "number");
    is_wrong("listen = [\"a\", 5]",
             "16: error: 'listen' may only hold strings, not a number");
    is_wrong("listen = 5", "10: error: 'listen' must be a string or a list of strings "
                           "such as [\"a\", \"b\"], not a number");
    is_wrong("map = \"x\"", "7: error: 'map' must be a table such as { surname = \"Last "
                            "name\" }, not a string");
    is_wrong("map.sirname = \"x\"", "5: error: unknown field 'sirname' in "
                                    "[source.crm.map]; did you mean 'surname'?");
    is_wrong("map.x_ = \"x\"", "5: error: unknown field 'x_' in [source.crm.map]; "
                               "fields of your own begin with x_");
    is_wrong("map.telephone = \"x\"", "5: error: unknown field 'telephone' in "
                                      "[source.crm.map]; fields of your own begin with "
                                      "x_");
    is_wrong("map.mail = 5", "12: error: 'mail' must be a string or a list of strings "
                             "such as [\"a\", \"b\"], not a number");
    is_wrong("dns = \"x\"",
             "1: error: unknown key 'dns' in [source.crm]; did you mean 'dsn'?");
    is_wrong("pasword_file = \"x\"", "1: error: unknown key 'pasword_file' in "
                                     "[source.crm]; did you mean 'password_file'?");
    is_wrong(
        "password = \"x\"",
        "1: error: 'password' in [source.crm] is secret and must not stand here; put "
        "it into a file and write password_file = \"PATH\"");
}

static void test_all_at_once(void)
{
    struct ctr_config *c = read_tables("sync = 1\nx = 1\nheader = 1\n", tables, 2, 0);

    ok(!c, "refused");
    is_str(printed,
           "a.toml:1:9: error: [source.crm] needs 'plugin' (Which.)\n"
           "a.toml:2:8: error: 'sync' must be a duration such as \"250ms\", \"30s\", "
           "\"5m\" or \"1h\", not a number\n"
           "a.toml:3:1: error: unknown key 'x' in [source.crm]\n"
           "a.toml:4:10: error: 'header' must be true or false, without quotes, not a "
           "number\n",
           "every mistake at once, in file order");
    c = read_tables("plugin = \"\"\n", tables, 1, 0);
    ok(!c && strstr(printed, "'plugin' must not be empty"), "required and empty");
    c = read_tables("plugin = \"cvs\"\nwhat = 1\n", tables, 1, SCHEMA_OPEN);
    ok(c != NULL, "the keys of an unknown plugin are not judged");
    conf_values_destroy(c);
}

static void test_absent_section(void)
{
    struct diag diag = {0};
    struct ctr_config *c;

    is_int(schema_read(NULL, "contactor", &tables[1], 1, 0, &diag, &c), 0,
           "a section that is absent is all defaults");
    is_int(conf_int(c, "sync"), 900000, "such as this");
    conf_values_destroy(c);
    is_int(schema_read(NULL, "source.x", tables, 2, 0, &diag, &c), -CTR_ECONF,
           "unless something is required");
    keep(&diag);
    is_str(printed, "error: [source.x] needs 'plugin' (Which.)\n", "what");
}

/* --- secrets ---------------------------------------------------------------------------
 */

static void write_secret(const char *name, const char *text, size_t len, mode_t mode)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
    f = fopen(path, "w");
    ensure(f && fwrite(text, 1, len, f) == len);
    fclose(f);
    ensure(chmod(path, mode) == 0);
}

static bool said(const char *text)
{
    if (!strstr(printed, text))
        printf("# said %s\n", printed);
    return strstr(printed, text) != NULL;
}

static void test_secrets(void)
{
    static char big[70000];
    struct ctr_config *c;

    write_secret("pw", "s3cret \r\n", 9, 0600);
    c = read_values("password_file = \"pw\"");
    is_str(conf_str(c, "password"), "s3cret ", "one line end is taken off, no more");
    is_int(conf_set(c, "password"), 1, "it is set");
    is_str(printed, "", "nothing to say");
    conf_values_destroy(c);

    write_secret("pw", "two\n\n", 5, 0600);
    c = read_values("password_file = \"pw\"");
    is_str(conf_str(c, "password"), "two\n", "the second stays");
    conf_values_destroy(c);

    write_secret("pw", "x", 1, 0644);
    c = read_values("password_file = \"pw\"");
    ok(c && said("a.toml:3:17: warning: /") && said("can be read by everyone; chmod "),
       "everyone's secret is one to warn of");
    conf_values_destroy(c);
    write_secret("pw", "x", 1, 0640);
    c = read_values("password_file = \"pw\"");
    ok(c && (getuid() == 0 ? !*printed : said("can be read by its group")),
       "a group may read what root has given it");
    conf_values_destroy(c);

    ok(!read_values("password_file = \"none\"") &&
           said("/none cannot be used: No such file or directory"),
       "a missing one names path and reason");
    write_secret("pw", "\n", 1, 0600);
    ok(!read_values("password_file = \"pw\"") && said("it is empty"), "an empty one");
    write_secret("pw", "a\0b", 3, 0600);
    ok(!read_values("password_file = \"pw\"") && said("it holds a NUL"), "a binary one");
    memset(big, 'x', sizeof(big));
    write_secret("pw", big, sizeof(big), 0600);
    ok(!read_values("password_file = \"pw\"") && said("it is too large"), "a huge one");
    ok(!read_values("password_file = \".\"") && said("it is a folder"), "a folder");
    ok(!read_values("password_file = 1") && said("must be a path"), "a wrong type");
    ok(!strstr(printed, "xxxx"), "content is never shown");
}

static void test_credentials(void)
{
    struct ctr_config *c;

    unsetenv("CREDENTIALS_DIRECTORY");
    ok(!read_values("password_credential = \"crm\"") &&
           said("$CREDENTIALS_DIRECTORY is not set"),
       "no credentials from systemd");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    write_secret("crm", "from systemd\n", 13, 0440);
    c = read_values("password_credential = \"crm\"");
    is_str(conf_str(c, "password"), "from systemd", "a credential");
    is_str(printed, "", "its mode is systemd's business");
    conf_values_destroy(c);
    ok(!read_values("password_credential = \"../crm\"") &&
           said("must be the name of a systemd credential"),
       "no way out of the folder");
    ok(!read_values("password_credential = \"\"") && said("must be the name"), "no name");
    ok(!read_values("password_credential = \"crm\"\npassword_file = \"crm\"") &&
           said("only one can be used"),
       "not both");
}

static void is_masked(const struct ctr_config *c, const char *text, const char *wanted)
{
    char shown[200];

    snprintf(shown, sizeof(shown), "%s", text);
    conf_values_mask(c, shown);
    is_str(shown, wanted, "'%s' without secrets", text);
}

static void test_masked(void)
{
    struct ctr_config *c;

    write_secret("pw", "hunter2\"x", 9, 0600);
    c = read_values("password_file = \"pw\"");
    is_masked(c, "login with hunter2\"x refused, hunter2\"xhunter2\"x",
              "login with * refused, **");
    is_masked(c, "cut in the middle: hunter", "cut in the middle: *");
    is_masked(c, "cut in the middle: hunter2\"...", "cut in the middle: *...");
    is_masked(c, "the hunter is not at the end; hun",
              "the hunter is not at the end; hun");
    is_masked(c, "hunt", "*");
    is_masked(c, "", "");
    conf_values_destroy(c);
    write_secret("pw", "abc", 3, 0600);
    c = read_values("password_file = \"pw\"");
    is_masked(c, "too short: abc", "too short: abc");
    conf_values_destroy(c);
    is_masked(NULL, "no section", "no section");
}

static void test_required_secret(void)
{
    static const struct ctr_option options[] = {{
        .name = "key",
        .type = CTR_OPT_STRING,
        .flags = CTR_OPT_SECRET | CTR_OPT_REQUIRED,
        .doc = "The key.",
    }};
    struct schema_table table = SCHEMA_TABLE(options);

    ok(!read_tables("", &table, 1, 0), "a required secret is missing");
    is_str(printed, "a.toml:1:9: error: [source.crm] needs 'key_file' (The key.)\n",
           "its key is named");
    ok(!read_tables("key = 1\n", &table, 1, 0) && said("is secret") &&
           !strstr(printed, "needs"),
       "a plain one is one mistake, not two");
}

/* --- afterwards ------------------------------------------------------------------------
 */

static void test_equal(void)
{
    struct ctr_config *a, *b;

    write_secret("pw", "one", 3, 0600);
    a = read_values("password_file = \"pw\"\nlisten = [\"x\", \"y\"]\n");
    b = read_values("\n\nlisten = [\"x\", \"y\"]\npassword_file = \"./pw\"\n");
    ok(conf_values_equal(a, b), "places do not count");
    conf_values_destroy(b);
    write_secret("pw", "two", 3, 0600);
    b = read_values("password_file = \"pw\"\nlisten = [\"x\", \"y\"]\n");
    ok(!conf_values_equal(a, b), "the content of secrets does");
    conf_values_destroy(b);
    write_secret("pw", "one", 3, 0600);
    b = read_values("password_file = \"pw\"\nlisten = [\"x\", \"z\"]\n");
    ok(!conf_values_equal(a, b), "lists do");
    conf_values_destroy(b);
    b = read_values("password_file = \"pw\"\nlisten = [\"x\"]\n");
    ok(!conf_values_equal(a, b), "and their lengths");
    conf_values_destroy(b);
    b = read_tables("plugin = \"odbc\"\n", tables, 1, 0);
    ok(!conf_values_equal(a, b), "other options");
    conf_values_destroy(a);
    conf_values_destroy(b);
}

static void test_option_error(void)
{
    struct ctr_config *c = read_values("dsn = \"x\"\n");
    struct diag diag = {0};

    conf_values_report_to(c, &diag);
    conf_option_error(c, "dsn", "does not name a driver");
    conf_option_error(c, "sync", "is shorter than 'sync_full'");
    conf_values_report_to(c, NULL);
    keep(&diag);
    is_str(printed,
           "a.toml:1:9: error: 'sync' in [source.crm]: is shorter than 'sync_full'\n"
           "a.toml:3:7: error: 'dsn' in [source.crm]: does not name a driver\n",
           "a plugin's own errors have their places, after the conf is gone");
    conf_values_destroy(c);
}

static void test_misuse(void)
{
    struct ctr_config *c = read_values("");
    const char *key, *value;

    ok(!conf_str(c, "none") && conf_int(c, "none") == 0 && !conf_set(c, "none"),
       "an option that was never declared reads as absent");
    ok(!conf_str(c, "sync") && conf_int(c, "dsn") == 0 && conf_list_len(c, "dsn") == 0 &&
           !conf_list_at(c, "map", 0) &&
           conf_map_at(c, "listen", 0, &key, &value) == -CTR_ENOENT,
       "as does one of another type");
    conf_values_destroy(c);
}

/* --- tables of options
 * ------------------------------------------------------------------- */

/* struct ctr_option as a later release might have it. */
struct longer_option {
    struct ctr_option option;
    const char *since;
    uint64_t more;
};

static void test_stride(void)
{
    static const struct longer_option longer[] = {
        {.option = {.name = "first", .type = CTR_OPT_INT, .default_value = "1"}},
        {.option = {.name = "second", .type = CTR_OPT_INT, .default_value = "2"}},
    };
    struct schema_table table = {&longer[0].option, 2, sizeof(longer[0])};
    char why[256];
    struct ctr_config *c;

    is_int(schema_verify(&table, 1, why, sizeof(why)), 0, "a longer option is read");
    c = read_tables("second = 5\n", &table, 1, 0);
    ok(c && conf_int(c, "first") == 1 && conf_int(c, "second") == 5, "by its stride");
    conf_values_destroy(c);
    table.stride = 8;
    is_int(schema_verify(&table, 1, why, sizeof(why)), -CTR_EINVAL, "too short a one");
}

static void refuses(struct ctr_option option, const char *wanted)
{
    struct schema_table table = {&option, 1, sizeof(option)};
    char why[256] = "";

    schema_verify(&table, 1, why, sizeof(why));
    is_str(why, wanted, "refused");
}

/* --- programs ------------------------------------------------------------------- */

static const struct ctr_option program_options[] = {
    {.name = "command",
     .type = CTR_OPT_LIST,
     .flags = CTR_OPT_PROGRAM | CTR_OPT_REQUIRED,
     .doc = "What is started."},
    {.name = "helper", .type = CTR_OPT_PATH, .flags = CTR_OPT_PROGRAM},
};

static void is_program(const char *text, unsigned flags, bool taken, const char *says)
{
    struct schema_table table = SCHEMA_TABLE(program_options);
    struct ctr_config *c = read_tables(text, &table, 1, flags);

    ok((c != NULL) == taken, "%s: %s", text, taken ? "taken" : "refused");
    if (says)
        ok(strstr(printed, says) != NULL, "it says: %s", says);
    else
        is_str(printed, "", "without a word");
    conf_values_destroy(c);
}

static void test_programs(void)
{
    struct schema_table table = SCHEMA_TABLE(program_options);
    char why[256];

    is_int(schema_verify(&table, 1, why, sizeof(why)), 0, "paths and lists");
    is_program("command = \"/bin/sh\"", SCHEMA_STRICT, true, NULL);
    is_program("command = [\"/bin/sh\", \"nowhere\"]", SCHEMA_STRICT, true, NULL);
    is_program("command = \"sh\"", 0, false,
               "a.toml:2:11: error: 'command' must begin with the absolute path of a "
               "program, not \"sh\"; did you mean \"/usr/bin/sh\"?");
    is_program("command = \"nothing-like-it\"", 0, false, "not \"nothing-like-it\"\n");
    is_program("command = \"/nowhere/at all\"", SCHEMA_STRICT, false,
               "error: 'command': /nowhere/at all does not exist");
    is_program("command = \"/nowhere/at all\"", 0, true,
               "warning: 'command': /nowhere/at all does not exist");
    is_program("command = \"/usr\"", SCHEMA_STRICT, false, "/usr is not a file");
    is_program("command = \"/etc/passwd\"", SCHEMA_STRICT, false,
               "/etc/passwd cannot be executed (Permission denied); chmod +x it");
    is_program("command = \"/bin/sh\"\nhelper = \"/etc/passwd\"", SCHEMA_STRICT, false,
               "a.toml:3:10: error: 'helper': /etc/passwd cannot be executed");
}

static void test_verify(void)
{
    static const char *const nothing[] = {NULL};
    struct schema_table twice[] = {tables[0], tables[0]};
    struct schema_table missing = {NULL, 1, sizeof(struct ctr_option)};
    struct schema_table many = {host_options, 10000, sizeof(struct ctr_option)};
    static const struct ctr_option ambiguous[] = {
        {.name = "key_file", .type = CTR_OPT_PATH},
        {.name = "key", .type = CTR_OPT_STRING, .flags = CTR_OPT_SECRET},
    };
    struct schema_table clash = SCHEMA_TABLE(ambiguous);
    char why[256];

    is_int(schema_verify(tables, 2, why, sizeof(why)), 0, "good tables");
    is_int(schema_verify(NULL, 0, why, sizeof(why)), 0, "none");
    is_int(schema_verify(twice, 2, why, sizeof(why)), -CTR_EINVAL, "a name twice");
    is_str(why, "option 'plugin' exists twice", "it is named");
    is_int(schema_verify(&missing, 1, why, sizeof(why)), -CTR_EINVAL, "no table");
    is_int(schema_verify(&many, 1, why, sizeof(why)), -CTR_EINVAL, "too many options");
    is_int(schema_verify(&clash, 1, why, sizeof(why)), -CTR_EINVAL, "key and key_file");
    refuses((struct ctr_option){.type = CTR_OPT_INT}, "option '#1' has no name");
    refuses((struct ctr_option){.name = "Bad", .type = CTR_OPT_INT},
            "option '#1' has a name that is not lower_case");
    refuses((struct ctr_option){.name = "a"}, "option 'a' has an unknown type");
    refuses((struct ctr_option){.name = "a", .type = 10},
            "option 'a' has an unknown type");
    refuses((struct ctr_option){.name = "a", .type = CTR_OPT_INT, .flags = 64},
            "option 'a' has unknown flags");
    refuses((struct ctr_option){.name = "a", .type = CTR_OPT_INT, .flags = 2},
            "option 'a' is secret but no string");
    refuses((struct ctr_option){.name = "a", .type = CTR_OPT_STRING, .flags = 4},
            "option 'a' is a program but neither path nor list");
    refuses((struct ctr_option){.name = "a", .type = CTR_OPT_CHOICE, .choices = nothing},
            "option 'a' has no choices");
    refuses((struct ctr_option){.name = "a", .type = CTR_OPT_INT, .min = 2, .max = 1},
            "option 'a' has a range that ends before it begins");
    refuses(
        (struct ctr_option){
            .name = "a", .type = CTR_OPT_INT, .max = 5, .default_value = "6"},
        "option 'a' has a default out of its range");
    refuses(
        (struct ctr_option){.name = "a", .type = CTR_OPT_DURATION, .default_value = "6"},
        "option 'a' has a default of another type");
    refuses(
        (struct ctr_option){
            .name = "a", .type = CTR_OPT_CHOICE, .choices = modes, .default_value = "x"},
        "option 'a' has a default of another type");
    refuses((struct ctr_option){.name = "a",
                                .type = CTR_OPT_MAP,
                                .default_value = "{ nofield = \"x\" }"},
            "option 'a' has a default of another type");
    refuses((struct ctr_option){.name = "a",
                                .type = CTR_OPT_PATH,
                                .default_value = "relative"},
            "option 'a' has a default that is no absolute path");
    refuses((struct ctr_option){.name = "a",
                                .type = CTR_OPT_STRING,
                                .flags = CTR_OPT_REQUIRED,
                                .default_value = "x"},
            "option 'a' is required or secret, and has a default");
}

static void test_describe(void)
{
    char *text = NULL, *json;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    schema_describe(f, tables, 2);
    fclose(f);
    ok(strstr(text, "plugin\n    string, required\n    Which.\n") == text, "a string");
    ok(strstr(text, "priority\n    integer, between 1 and 100, default 50\n"
                    "    Lower wins.\n"),
       "a number with its range");
    ok(strstr(text, "sync\n    duration, between 1s and 1d, default 15m\n"),
       "a duration");
    ok(strstr(text, "buffer\n    size, at least 0, default 64K\n"), "a size");
    ok(strstr(text, "anonymous\n    choice: \"deny\" | \"rootdse\" | \"allow\", default "
                    "deny\n"),
       "a choice");
    ok(strstr(text, "password_file, password_credential\n    string, secret\n"),
       "a secret under the names it is written by");
    free(text);
    json = schema_describe_json(tables, 2);
    ok(json[0] == '[' && strstr(json, "\"name\":\t\"sync\"") &&
           strstr(json, "\"max\":\t\"1d\"") && strstr(json, "\"rootdse\""),
       "the same as JSON");
    free(json);
}

static void remove_folder(void)
{
    pid_t child = fork();

    if (child == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

int main(void)
{
    ensure(mkdtemp(folder));
    test_defaults();
    test_values();
    test_wrong_values();
    test_all_at_once();
    test_absent_section();
    test_secrets();
    test_credentials();
    test_masked();
    test_required_secret();
    test_equal();
    test_option_error();
    test_misuse();
    test_stride();
    test_verify();
    test_programs();
    test_describe();
    remove_folder();
    return tap_done();
}
