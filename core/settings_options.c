/* settings_options.c - the options of the daemon itself: one table for each kind of
 * section. What an administrator reads about them is what stands here. */
#include "settings_private.h"

#define STRING(n, d, text)                                                 \
    {                                                                      \
        .name = n, .type = CTR_OPT_STRING, .default_value = d, .doc = text \
    }
#define PATH(n, d, text)                                                 \
    {                                                                    \
        .name = n, .type = CTR_OPT_PATH, .default_value = d, .doc = text \
    }
#define BOOL(n, d, text)                                                 \
    {                                                                    \
        .name = n, .type = CTR_OPT_BOOL, .default_value = d, .doc = text \
    }
#define LIST(n, text)                                \
    {                                                \
        .name = n, .type = CTR_OPT_LIST, .doc = text \
    }
#define CHOICE(n, d, c, text)                                                            \
    {                                                                                    \
        .name = n, .type = CTR_OPT_CHOICE, .default_value = d, .choices = c, .doc = text \
    }
#define RANGED(t, n, d, lo, hi, text)                                               \
    {                                                                               \
        .name = n, .type = t, .min = lo, .max = hi, .default_value = d, .doc = text \
    }
#define INT(n, d, lo, hi, text)      RANGED(CTR_OPT_INT, n, d, lo, hi, text)
#define DURATION(n, d, lo, hi, text) RANGED(CTR_OPT_DURATION, n, d, lo, hi, text)
#define SIZE(n, d, lo, hi, text)     RANGED(CTR_OPT_SIZE, n, d, lo, hi, text)
#define REQUIRED(t, n, text)                                         \
    {                                                                \
        .name = n, .type = t, .flags = CTR_OPT_REQUIRED, .doc = text \
    }

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define TIB (INT64_C(1) << 40)

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"e164",   "national", "dialable",
                                      "stored", "asked",    NULL};
static const char *const ambiguities[] = {"first", "company", "all", NULL};
const char *const settings_anonymous[] = {"deny", "rootdse", "allow", NULL};

static const struct ctr_option daemon_table[] = {
    PATH("state_dir", "/var/lib/contactor",
         "Where the cache and the control socket are kept; made when missing."),
    PATH("plugin_dir", NULL, "Where plugins are looked for first."),
    STRING(
        "user", NULL,
        "The user to become when started as root; without it contactor if there is such "
        "a user, else the owner of state_dir."),
    STRING("group", NULL, "The group to become; without it the user's own."),
    CHOICE("log_level", "info", levels, "The least important messages that are logged."),
    PATH("control_socket", NULL,
         "The socket contactorctl talks to; without it control.sock in state_dir."),
    INT("max_sessions", "4096", 1, 1000000,
        "The most connections of all front ends together."),
    INT("max_sessions_per_peer", "256", 1, 1000000,
        "The most connections from one address."),
    SIZE("cache_map_size", NULL, 4 * MIB, 16 * TIB,
         "Address space the cache begins with; it grows when full."),
    SIZE("cache_map_max", NULL, 4 * MIB, 16 * TIB,
         "Address space the cache may grow to; a load that needs more fails."),
    BOOL("confine", "true",
         "After the start only the folders the configuration names can be opened, and "
         "system calls a directory has no use for are refused."),
    LIST("confine_read",
         "Further folders and files that plugins read, such as those of a driver."),
    BOOL("confine_allow_jit", "false",
         "Allow memory that is writable and executable, for drivers that compile."),
};

static const struct ctr_option dialplan_table[] = {
    REQUIRED(CTR_OPT_STRING, "country", "The country as in ISO 3166: \"DE\"."),
    STRING("area_code", NULL, "The area code without the national prefix: \"89\"."),
    STRING("main_number", NULL,
           "The main number without an extension: \"+49 89 840798\"."),
    INT("extension_length", "0", 0, 12,
        "How many digits the longest extension has; 0: there are none."),
    STRING("outside_line", NULL, "The digits dialled for an outside line: \"0\"."),
    STRING("international_prefix", NULL,
           "The digits before a country code; without it the country's own: \"00\"."),
    STRING("national_prefix", NULL,
           "The digits before an area code; without it the country's own: \"0\"."),
};

static const struct ctr_option source_table[] = {
    REQUIRED(CTR_OPT_STRING, "plugin", "The plugin that reads this source."),
    STRING("dialplan", NULL,
           "How its numbers are written: the NAME of a [dialplan.NAME]; without it the "
           "only one there is."),
    INT("priority", "100", 0, 1000000, "Of two sources the lower one's name is shown."),
    {.name = "sync",
     .type = CTR_OPT_LIST,
     .default_value = "1h",
     .doc = "The time between two syncs; or times of day such as [\"06:00\", "
            "\"12:30\"]; or \"manual\". What a plugin watches is synced on each "
            "change besides."},
    LIST("allow", "Who may see it: users, @groups, \"anonymous\"; without it every "
                  "authenticated user, and anonymous where the front end allows it."),
    LIST(
        "share_groups",
        "Groups this source tells of that other sources may name in `allow` and "
        "`fields`, too, without the @; \"*\" means all of them. Without it what it tells "
        "of groups counts for itself only: who can change its groups could else open "
        "every source."),
    {.name = "fields",
     .type = CTR_OPT_MAP,
     .doc = "Fields that only some may see, each with its users and @groups."},
    DURATION("stale_after", NULL, 1 * SECOND, 3650 * (int64_t)DAY,
             "Answers from data older than this are marked; without it a day, or four "
             "times `sync` where that is longer."),
    INT("max_delete_percent", "20", 0, 100,
        "A sync that would delete a larger share of the contacts is refused until an "
        "administrator allows it once."),
    BOOL("live", "false", "Ask the source itself at lookup, too."),
    BOOL(
        "isolated", "false",
        "Run the plugin in a process of its own: when it crashes or hangs, it is started "
        "again, and its last good data answer meanwhile."),
    SIZE("isolated_memory", "512M", 16 * MIB, 16 * TIB,
         "The most memory the process of an isolated source may use; one that uses more "
         "is ended and started again."),
    DURATION("isolated_patience", "10s", 1 * SECOND, HOUR,
             "How long the process of an isolated source may leave the daemon without an "
             "answer, or go on with a sync it was told to end, before it is ended and "
             "started again."),
    DURATION("live_timeout", "1500ms", 10, 60 * SECOND,
             "How long a lookup waits for the live source, within the time limit of the "
             "client."),
    DURATION("sync_limit", "1h", 1 * SECOND, 2 * DAY,
             "A sync that takes longer is ended."),
};

static const struct ctr_option frontend_table[] = {
    REQUIRED(CTR_OPT_STRING, "plugin", "The plugin that speaks the clients' protocol."),
    LIST("listen", "The addresses to listen on: \"SCHEME://ADDRESS:PORT\"."),
    PATH("tls_certificate", NULL, "The certificate and its chain, PEM."),
    PATH("tls_key", NULL,
         "The key of the certificate, PEM; without it the key is in the same file."),
    STRING("dialplan", NULL,
           "How numbers arrive here: the NAME of a [dialplan.NAME]; without it the only "
           "one there is."),
    CHOICE("output_format", "e164", formats, "How numbers leave."),
    INT("size_limit", "500", 1, 1000000, "The most contacts in one answer."),
    DURATION("time_limit", "3s", 1, HOUR, "The longest time for one question."),
    CHOICE(
        "ambiguity", "all", ambiguities,
        "What a caller lookup with several hits answers: the first, their company when "
        "they share it, or all."),
    BOOL(
        "company_match", "true",
        "Answer an unknown extension with the company that owns the number before it: as "
        "its phone_main, or as a phone_business written with its extension behind a "
        "dash."),
    CHOICE("anonymous", "deny", settings_anonymous,
           "What clients that do not authenticate may do: nothing, ask what this server "
           "can, or look up contacts."),
    LIST("sources", "The sources that are asked; without it all."),
    LIST("fields", "The fields that are shown, \"phone\" for all numbers; without it "
                   "all."),
    DURATION("idle_time", "15m", 100, 365 * (int64_t)DAY,
             "A connection that asks nothing for so long is ended."),
    DURATION("receive_time", "10s", 100, HOUR,
             "The longest time from the begin of a message to its end."),
    DURATION("send_time", "10s", 100, HOUR,
             "The longest time a client may leave its answers unread."),
    DURATION("handshake_time", "10s", 100, HOUR, "The longest time for a TLS handshake."),
    SIZE("max_queue", "1M", 64 * KIB, 1024 * MIB,
         "A client with more bytes unread is dropped."),
    INT("max_sessions", NULL, 1, 1000000,
        "The most connections here; without it those of [contactor]."),
    INT("max_sessions_per_peer", NULL, 1, 1000000,
        "The most connections from one address here; without it those of [contactor]."),
};

static const struct ctr_option user_table[] = {
    {.name = "password",
     .type = CTR_OPT_STRING,
     .flags = CTR_OPT_REQUIRED | CTR_OPT_SECRET,
     .doc = "The password, or better what `contactorctl hash-password` makes of it."},
    LIST("groups", "The groups the user belongs to, without the @."),
};

const struct schema_table settings_daemon_table = {
    daemon_table, sizeof(daemon_table) / sizeof(daemon_table[0]),
    sizeof(struct ctr_option)};
const struct schema_table settings_dialplan_table = {
    dialplan_table, sizeof(dialplan_table) / sizeof(dialplan_table[0]),
    sizeof(struct ctr_option)};
const struct schema_table settings_source_table = {
    source_table, sizeof(source_table) / sizeof(source_table[0]),
    sizeof(struct ctr_option)};
const struct schema_table settings_frontend_table = {
    frontend_table, sizeof(frontend_table) / sizeof(frontend_table[0]),
    sizeof(struct ctr_option)};
const struct schema_table settings_user_table = {
    user_table, sizeof(user_table) / sizeof(user_table[0]), sizeof(struct ctr_option)};

void settings_describe(FILE *out)
{
    static const struct {
        const char *section, *about;
        const struct schema_table *table;
    } all[] = {
        {"[contactor]", "the daemon itself", &settings_daemon_table},
        {"[dialplan.NAME]", "how numbers are written at one place",
         &settings_dialplan_table},
        {"[source.NAME]", "where contacts come from; the plugin has further options",
         &settings_source_table},
        {"[frontend.NAME]", "who is answered, and how; the plugin has further options",
         &settings_frontend_table},
        {"[user.NAME]", "who may ask", &settings_user_table},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        fprintf(out, "%s%s: %s\n\n", i ? "\n" : "", all[i].section, all[i].about);
        schema_describe(out, all[i].table, 1);
    }
    fprintf(out, "\nThe options of a plugin: contactord --describe FILE.so\n");
}
