/* main.c - contactorctl: what is asked on the command line, as one request. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "conf/conf.h"
#include "ctl/connect.h"
#include "ctl/password.h"
#include "ctl/show.h"
#include "ctl/table.h"

#define DEFAULT_CONFIG "/etc/contactor/contactor.toml"

enum {
    OPT_JSON = 256,
    OPT_SOCKET,
    OPT_VERSION,
    OPT_DRY_RUN,
    OPT_ALLOW_DELETE,
    OPT_NO_WAIT,
    OPT_AS,
    OPT_CLIENT,
    OPT_EXPLAIN,
    OPT_LIMIT,
    OPT_NUMBER,
    OPT_SOURCE,
    OPT_TIMEOUT
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"json", no_argument, NULL, OPT_JSON},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, 'h'},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"allow-delete", no_argument, NULL, OPT_ALLOW_DELETE},
    {"no-wait", no_argument, NULL, OPT_NO_WAIT},
    {"as", required_argument, NULL, OPT_AS},
    {"client", required_argument, NULL, OPT_CLIENT},
    {"explain", no_argument, NULL, OPT_EXPLAIN},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"number", required_argument, NULL, OPT_NUMBER},
    {"source", required_argument, NULL, OPT_SOURCE},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {NULL, 0, NULL, 0},
};

/* Which options a command has, as bits of OPT_* - OPT_JSON. */
#define BIT(option) (1u << ((option)-OPT_JSON))

struct command {
    const char *name;
    const char *argument; /* how its arguments are called in the request; NULL: none */
    bool needed;          /* at least one */
    unsigned options;
    int (*show)(const cJSON *result);
    const char *usage, *help;
    void (*on_event)(void *progress, const cJSON *event);
};

static const struct command commands[] = {
    {"status", NULL, false, 0, show_status, "", "how the daemon is doing"},
    {"sources", "source", false, 0, show_sources, "[NAME]",
     "the sources, what they hold and what is wrong with them"},
    {"sync", "source", true, BIT(OPT_DRY_RUN) | BIT(OPT_ALLOW_DELETE) | BIT(OPT_NO_WAIT),
     show_synced, "NAME [--dry-run] [--allow-delete] [--no-wait]", "read a source now",
     show_progress},
    {"source test", "source", true, BIT(OPT_TIMEOUT), show_tested,
     "NAME [--timeout SECONDS]", "try to reach a source, step by step", show_step},
    {"preview", "source", true, BIT(OPT_LIMIT) | BIT(OPT_TIMEOUT), show_preview,
     "NAME [--limit N] [--timeout SECONDS]",
     "its first contacts as they are read now, and how their numbers are understood",
     show_step},
    {"lookup", "number", true, BIT(OPT_AS) | BIT(OPT_CLIENT) | BIT(OPT_EXPLAIN),
     show_lookup, "NUMBER [--explain] [--as USER] [--client FRONTEND]",
     "who is this number, and why"},
    {"search", "text", true,
     BIT(OPT_AS) | BIT(OPT_CLIENT) | BIT(OPT_EXPLAIN) | BIT(OPT_LIMIT), show_search,
     "WORDS [--limit N] [--explain] [--as USER] [--client FRONTEND]",
     "find contacts by words"},
    {"trace", NULL, false, BIT(OPT_NUMBER) | BIT(OPT_LIMIT) | BIT(OPT_EXPLAIN),
     show_trace, "[--number NUMBER] [--limit N] [--explain]",
     "what was asked lately, and what came of it"},
    {"numbers", "source", false, BIT(OPT_SOURCE) | BIT(OPT_LIMIT), show_numbers,
     "[--source NAME] [--limit N]", "numbers that are doubtful, impossible or double"},
    {"check", NULL, false, 0, show_check, "", "tell what is wrong in the configuration"},
    {"reload", NULL, false, 0, show_reload, "", "take the configuration on"},
    {"log-level", "level", false, 0, show_log_level, "[error|warn|info|debug]",
     "show or set what is logged, until the next start"},
    {"metrics", NULL, false, 0, show_metrics, "", "counters in Prometheus text form"},
    {"hash-password", NULL, false, 0, NULL, "",
     "make of a password what password_file should hold"},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

struct arguments {
    const char *config, *socket;
    bool json;
    unsigned given; /* bits */
    const char *as, *client, *number, *source;
    unsigned limit, timeout;
    const struct command *command;
    char **words; /* after the command */
    int n_words;
};

/* ---- the command line ----------------------------------------------------------- */

static void usage(FILE *out)
{
    fprintf(out, "usage: contactorctl [-c FILE] [--json] COMMAND\n\n");
    for (unsigned i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %s%s%s\n        %s\n", commands[i].name,
                commands[i].usage[0] ? " " : "", commands[i].usage, commands[i].help);
    fprintf(
        out,
        "\nFILE is the configuration of the daemon that is asked (%s);\n"
        "--socket PATH names its socket instead. --json prints the answer as it came.\n"
        "Exit codes: 0 success, 1 nothing found or not right, 2 wrong usage,\n"
        "3 the daemon cannot be reached, 4 the daemon refused or failed.\n",
        DEFAULT_CONFIG);
}

static int wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int wrong(const char *fmt, ...)
{
    va_list ap;

    fputs("contactorctl: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\nTry contactorctl --help.\n", stderr);
    return CTL_USAGE;
}

/* Of one word or two. Leaves in a->words what comes behind. */
static int find_command(struct arguments *a)
{
    const char *names[N_COMMANDS], *name = a->words[0];
    char hint[128], two[64];

    snprintf(two, sizeof(two), "%s %s", name, a->n_words > 1 ? a->words[1] : "");
    for (unsigned i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(commands[i].name, name) == 0 || strcmp(commands[i].name, two) == 0)
            a->command = &commands[i];
    }
    if (!a->command && strcmp(name, "source") == 0)
        return wrong("usage: contactorctl source test NAME; the list of them all is "
                     "contactorctl sources");
    if (!a->command)
        return wrong("unknown command '%s'%s", name,
                     conf_suggest(name, names, N_COMMANDS, hint, sizeof(hint)));
    a->words += strchr(a->command->name, ' ') ? 2 : 1;
    a->n_words -= strchr(a->command->name, ' ') ? 2 : 1;
    return CTL_OK;
}

static int take_timeout(struct arguments *a, const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (*end || end == text || n < 1 || n > 600)
        return wrong("--timeout needs seconds from 1 to 600, not '%s'", text);
    a->timeout = (unsigned)n;
    return CTL_OK;
}

static int take_limit(struct arguments *a, const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (*end || end == text || n < 1 || n > 1000000)
        return wrong("--limit needs a number from 1 to 1000000, not '%s'", text);
    a->limit = (unsigned)n;
    return CTL_OK;
}

/* returns CTL_OK | CTL_USAGE | -1: done, nothing more to do */
static int take_option(struct arguments *a, int option)
{
    if (option >= OPT_JSON)
        a->given |= BIT(option);
    switch (option) {
    case 'c':
        a->config = optarg;
        return CTL_OK;
    case 'h':
        usage(stdout);
        return -1;
    case OPT_VERSION:
        printf("contactorctl %s\n", CONTACTOR_VERSION);
        return -1;
    case OPT_JSON:
        a->json = true;
        return CTL_OK;
    case OPT_SOCKET:
        a->socket = optarg;
        return CTL_OK;
    case OPT_AS:
        a->as = optarg;
        return CTL_OK;
    case OPT_CLIENT:
        a->client = optarg;
        return CTL_OK;
    case OPT_NUMBER:
        a->number = optarg;
        return CTL_OK;
    case OPT_SOURCE:
        a->source = optarg;
        return CTL_OK;
    case OPT_LIMIT:
        return take_limit(a, optarg);
    case OPT_TIMEOUT:
        return take_timeout(a, optarg);
    case '?':
        fputs("Try contactorctl --help.\n", stderr);
        return CTL_USAGE;
    default:
        return CTL_OK;
    }
}

/* Options that belong to another command, words too many or too few. */
static int check_arguments(const struct arguments *a)
{
    const struct command *c = a->command;
    unsigned foreign = a->given & ~(c->options | BIT(OPT_JSON) | BIT(OPT_SOCKET));

    for (const struct option *o = options; foreign && o->name; o++)
        if (o->val >= OPT_JSON && (foreign & BIT(o->val)))
            return wrong("%s has no option --%s", c->name, o->name);
    if (a->n_words > 0 && !c->argument)
        return wrong("%s takes no argument '%s'", c->name, a->words[0]);
    if (a->n_words == 0 && c->needed)
        return wrong("usage: contactorctl %s %s", c->name, c->usage);
    if (a->n_words > 1 && strcmp(c->argument, "text") != 0 &&
        strcmp(c->argument, "number") != 0)
        return wrong("%s takes one argument, not '%s' too", c->name, a->words[1]);
    return CTL_OK;
}

/* Words are one argument: a number may be typed with blanks. */
static char *join(char **words, int n)
{
    struct strbuf out = {0};

    for (int i = 0; i < n; i++)
        strbuf_fmt(&out, "%s%s", i ? " " : "", words[i]);
    return strbuf_take(&out);
}

static cJSON *make_request(const struct arguments *a)
{
    cJSON *request = cJSON_CreateObject();
    char *words;

    cJSON_AddStringToObject(request, "command", a->command->name);
    if (a->n_words > 0) {
        words = join(a->words, a->n_words);
        cJSON_AddStringToObject(request, a->command->argument, words);
        free(words);
    }
    cJSON_AddBoolToObject(request, "dry_run", (a->given & BIT(OPT_DRY_RUN)) != 0);
    cJSON_AddBoolToObject(request, "allow_delete",
                          (a->given & BIT(OPT_ALLOW_DELETE)) != 0);
    cJSON_AddBoolToObject(request, "no_wait", (a->given & BIT(OPT_NO_WAIT)) != 0);
    cJSON_AddBoolToObject(request, "explain", (a->given & BIT(OPT_EXPLAIN)) != 0);
    if (a->as)
        cJSON_AddStringToObject(request, "as", a->as);
    if (a->client)
        cJSON_AddStringToObject(request, "client", a->client);
    if (a->number)
        cJSON_AddStringToObject(request, "number", a->number);
    if (a->source)
        cJSON_AddStringToObject(request, "source", a->source);
    if (a->limit)
        cJSON_AddNumberToObject(request, "limit", a->limit);
    if (a->timeout)
        cJSON_AddNumberToObject(request, "timeout", a->timeout);
    return request;
}

/* ---- answers -------------------------------------------------------------------- */

static void print_json(const cJSON *result)
{
    char *text = cJSON_Print(result);

    printf("%s\n", text);
    free(text);
}

/* What an answer with hits says by its exit code, also as JSON. */
static int json_code(const struct command *c, const cJSON *result)
{
    const cJSON *hits = cJSON_GetObjectItemCaseSensitive(result, "hits");

    if ((c->show == show_lookup || c->show == show_search) &&
        cJSON_GetArraySize(hits) == 0)
        return CTL_NO;
    if (c->show == show_status || c->show == show_sources)
        return status_code(result);
    if ((c->show == show_check || c->show == show_tested) &&
        !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "ok")))
        return CTL_NO;
    if (c->show == show_preview &&
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(result, "contacts")) == 0)
        return CTL_NO;
    if (c->show == show_synced &&
        cJSON_IsString(cJSON_GetObjectItemCaseSensitive(result, "refused")))
        return CTL_NO;
    return CTL_OK;
}

static int show_failure(const struct arguments *a, const cJSON *answer)
{
    const char *error =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));

    if (a->json)
        print_json(answer);
    fprintf(stderr, "contactorctl: %s", error && strchr(error, '\n') ? "refused\n" : "");
    put_safe_lines(stderr, error ? error : "the daemon's answer cannot be read");
    if (!error || error[0] == '\0' || error[strlen(error) - 1] != '\n')
        fputc('\n', stderr);
    return CTL_FAILED;
}

static int ask(struct connection *connection, const struct arguments *a)
{
    struct progress progress = {.tty = isatty(STDOUT_FILENO) == 1};
    void (*on_event)(void *, const cJSON *) = a->json ? NULL : a->command->on_event;
    cJSON *result;
    int code = call(connection, make_request(a), on_event, &progress, &result);

    if (on_event)
        show_progress_end(&progress);
    if (code == CTL_FAILED) {
        code = show_failure(a, result);
    } else if (code == CTL_OK && a->json) {
        print_json(result);
        code = json_code(a->command, result);
    } else if (code == CTL_OK) {
        code = a->command->show == show_trace && (a->given & BIT(OPT_EXPLAIN))
                   ? show_trace_why(result)
                   : a->command->show(result);
    }
    cJSON_Delete(result);
    return code;
}

/* No daemon to ask: its program looks at the file. It is beside this one in the build, in
 * sbin beside our bin where both are installed, else wherever PATH says. */
static int check_here(const struct arguments *a)
{
    static const char name[] = "contactord";
    static const char *const places[] = {"", "../sbin/"};
    char own[4096], path[4096 + 32];
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    char *slash;

    own[n > 0 ? n : 0] = '\0';
    slash = strrchr(own, '/');
    for (unsigned i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "%.*s%s%s", (int)(slash - own + 1), own, places[i],
                 name);
        if (access(path, X_OK) == 0)
            execl(path, name, "-c", a->config, "--check-config", (char *)NULL);
    }
    execlp(name, name, "-c", a->config, "--check-config", (char *)NULL);
    fprintf(stderr,
            "contactorctl: cannot run contactord: %s; run contactord -c %s "
            "--check-config\n",
            strerror(errno), a->config);
    return CTL_UNREACHABLE;
}

static int run(const struct arguments *a)
{
    struct connection *connection;
    bool check = a->command->show == show_check;
    char *path = a->socket ? xstrdup(a->socket) : socket_of_config(a->config);
    int code;

    if (!path)
        return check ? CTL_NO : CTL_UNREACHABLE;
    code = connect_daemon(path, a->config, check && !a->json, &connection);
    free(path);
    if (code != CTL_OK)
        return check && !a->json ? check_here(a) : code;
    code = ask(connection, a);
    disconnect(connection);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments a = {.config = DEFAULT_CONFIG};
    int option, code;

    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        code = take_option(&a, option);
        if (code != CTL_OK)
            return code == -1 ? CTL_OK : code;
    }
    if (optind == argc) {
        usage(stderr);
        return CTL_USAGE;
    }
    a.words = argv + optind;
    a.n_words = argc - optind;
    code = find_command(&a);
    if (code == CTL_OK)
        code = check_arguments(&a);
    if (code != CTL_OK)
        return code;
    return a.command->show ? run(&a) : hash_password();
}
