/* main.c - contactor-plugin-check: tries whether a plugin keeps its contract with the
 * daemon, and tells what it breaks. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "options.h"
#include "output.h"
#include "runtime.h"

enum { EXIT_RIGHT = 0, EXIT_BROKEN = 1, EXIT_USAGE = 2, EXIT_LOAD = 3 };

/* In the order they run: what the others build upon comes first. */
const struct check *const checks[] = {
    &check_descriptor,    &check_object,    &check_schema,      &check_config,
    &check_start,         &check_sync,      &check_sync_cancel, &check_sync_error,
    &check_sync_pause,    &check_sync_stop, &check_cursor,      &check_search,
    &check_search_cancel, &check_parallel,  &check_test,        &check_pieces,
    &check_noise,         &check_endless,   &check_hangup,      &check_pressure,
    &check_tls,           &check_host_old,  &check_host_new,    &check_life,
    &check_late,          &check_instances, &check_memory,      &check_blocking,
    &check_odd_start,     &check_no_memory, &check_secrets,     NULL};

struct args {
    const char *file, *config;
    const char **only; /* names */
    uint32_t n_only;
    const char **skip; /* names */
    uint32_t n_skip;
    const char **sets; /* name=value */
    uint32_t n_sets;
    uint32_t limit; /* seconds for each check; 0: its own */
    bool list, json;
    struct exchanges clients;
};

static _Noreturn void usage(int status)
{
    fputs("usage: contactor-plugin-check FILE.so [--config FILE] [OPTION=VALUE ...]\n"
          "           [--exchange FILE ...] [--only CHECK ...] [--skip CHECK ...]\n"
          "           [--limit SECONDS] [--json]\n"
          "       contactor-plugin-check --list\n"
          "Tries whether a plugin keeps its contract with contactord.\n"
          "  --config FILE    options of the plugin: a contactor.toml, or a part of one\n"
          "  OPTION=VALUE     one option; map.FIELD=VALUE for a map\n"
          "  --exchange FILE  what a client of this front end sends\n"
          "  --only CHECK     this check only; may be given several times\n"
          "  --skip CHECK     not this check; may be given several times\n"
          "  --limit SECONDS  the time each check has, for a source that is slow\n"
          "Ends with 0 when all is right, 1 when the contract is broken, 2 after wrong\n"
          "usage, 3 when the file cannot be loaded.\n",
          status ? stderr : stdout);
    exit(status);
}

static void find_check(const char *name)
{
    for (uint32_t i = 0; checks[i]; i++)
        if (strcmp(checks[i]->name, name) == 0)
            return;
    fprintf(stderr,
            "contactor-plugin-check: there is no check \"%s\"; --list shows them\n",
            name);
    exit(EXIT_USAGE);
}

static void take_arg(struct args *a, char **argv, int *i)
{
    const char *arg = argv[*i];
    bool valued = !strcmp(arg, "--config") || !strcmp(arg, "--only") ||
                  !strcmp(arg, "--skip") || !strcmp(arg, "--exchange") ||
                  !strcmp(arg, "--limit");
    const char *value = valued ? argv[++*i] : "";

    if (!value)
        usage(EXIT_USAGE);
    if (strcmp(arg, "--config") == 0 && !a->config) {
        a->config = value;
    } else if (strcmp(arg, "--only") == 0) {
        find_check(value);
        a->only[a->n_only++] = value;
    } else if (strcmp(arg, "--skip") == 0) {
        find_check(value);
        a->skip[a->n_skip++] = value;
    } else if (strcmp(arg, "--limit") == 0) {
        a->limit = (uint32_t)strtoul(value, NULL, 10);
        if (a->limit < 1 || a->limit > 86400)
            usage(EXIT_USAGE);
    } else if (strcmp(arg, "--exchange") == 0) {
        if (!clients_read(&a->clients, value))
            exit(EXIT_USAGE);
    } else if (strcmp(arg, "--list") == 0) {
        a->list = true;
    } else if (strcmp(arg, "--json") == 0) {
        a->json = true;
    } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        usage(0);
    } else if (*arg != '-' && a->file && strchr(arg, '=')) {
        a->sets[a->n_sets++] = arg;
    } else if (*arg != '-' && !a->file) {
        a->file = arg;
    } else {
        usage(EXIT_USAGE);
    }
}

/* --- what is checked ------------------------------------------------------------------
 */

/* NAME of "DIR/NAME.so" */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = strdup(slash ? slash + 1 : path);
    size_t n = name ? strlen(name) : 0;

    if (n > 3 && strcmp(name + n - 3, ".so") == 0)
        name[n - 3] = 0;
    return name;
}

/* The folder of a file, absolute. */
static char *folder_of(const char *path)
{
    char full[PATH_MAX], *slash;

    if (!realpath(path, full))
        return NULL;
    slash = strrchr(full, '/');
    *slash = 0;
    return strdup(full);
}

static bool read_options(struct options *o, const struct args *a, const char *plugin,
                         char **folder, const char *here)
{
    char name[256];

    *folder = a->config ? folder_of(a->config) : NULL;
    if (a->config && !*folder) {
        fprintf(stderr, "contactor-plugin-check: %s: %s\n", a->config, strerror(errno));
        return false;
    }
    if (a->config && !options_read(o, a->config, *folder, plugin))
        return false;
    for (uint32_t i = 0; i < a->n_sets; i++) {
        const char *equals = strchr(a->sets[i], '=');

        snprintf(name, sizeof(name), "%.*s", (int)(equals - a->sets[i]), a->sets[i]);
        options_add(o, here, true, name, equals + 1);
    }
    return true;
}

static bool named(const char *const *names, uint32_t n, const struct check *c)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(names[i], c->name) == 0)
            return true;
    return false;
}

static bool wanted(const struct args *a, const struct check *c)
{
    return a->n_only == 0 || named(a->only, a->n_only, c);
}

static void run_or_skip(const struct args *a, const struct subject *s,
                        const struct check *c, struct result *r)
{
    if (!named(a->skip, a->n_skip, c)) {
        run_check(c, s, a->limit, r);
        return;
    }
    memset(r, 0, sizeof(*r));
    r->state = RESULT_SKIPPED;
    snprintf(r->failed.text, sizeof(r->failed.text), "--skip was given");
}

/* One cause is told once: what fails in the same way as an earlier check is skipped. */
static void skip_repeated(struct result *r, const struct check *c, struct finding *seen,
                          const struct check **of, uint32_t *n)
{
    char text[RESULT_TEXT_MAX];
    const char *step = strstr(r->failed.text, "; while: ");

    if (r->state != RESULT_FAILED)
        return;
    snprintf(text, sizeof(text), "%.*s",
             (int)(step ? (size_t)(step - r->failed.text) : strlen(r->failed.text)),
             r->failed.text);
    for (uint32_t i = 0; i < *n; i++)
        if (strcmp(seen[i].text, text) == 0) {
            r->state = RESULT_SKIPPED;
            snprintf(r->failed.text, sizeof(r->failed.text),
                     "it fails as \"%s\" does: see there", of[i]->name);
            return;
        }
    memcpy(seen[*n].text, text, sizeof(text));
    of[(*n)++] = c;
}

/* Options the plugin does not have. returns false where one was typed by hand */
static bool tell_unknown(const struct subject *s, const struct result *r)
{
    bool fine = true;

    for (uint32_t i = 0; i < r->n_warnings; i++) {
        uint32_t at = (uint32_t)strtoul(r->warnings[i].text, NULL, 10);
        const struct option_value *v = &s->options->at[at];

        fprintf(stderr, "contactor-plugin-check: the plugin has no option \"%s\"%s\n",
                v->name, v->typed ? "" : "; it is ignored");
        fine = fine && !v->typed;
    }
    return fine;
}

static int check_all(const struct args *a, const struct subject *s)
{
    struct output out = {.json = a->json};
    static struct finding seen[sizeof(checks) / sizeof(checks[0])];
    const struct check *of[sizeof(checks) / sizeof(checks[0])];
    struct result *r = malloc(sizeof(*r));
    uint32_t n_seen = 0;
    int status;

    if (!r)
        return EXIT_LOAD;
    run_load(s, r);
    if (r->state == RESULT_FAILED) {
        fprintf(stderr, "contactor-plugin-check: cannot load %s: %s\n", s->path,
                r->failed.text);
        free(r);
        return EXIT_LOAD;
    }
    if (!tell_unknown(s, r)) {
        free(r);
        return EXIT_USAGE;
    }
    output_begin(&out, s, r->note);
    for (uint32_t i = 0; checks[i]; i++)
        if (wanted(a, checks[i])) {
            run_or_skip(a, s, checks[i], r);
            skip_repeated(r, checks[i], seen, of, &n_seen);
            output_result(&out, checks[i], r);
        }
    output_end(&out);
    status = out.count[RESULT_FAILED] ? EXIT_BROKEN : EXIT_RIGHT;
    free(r);
    return status;
}

static int check_file(const struct args *a)
{
    struct options options = {NULL, 0};
    char path[PATH_MAX], here[PATH_MAX];
    char *folder = NULL, *name = name_of(a->file);
    struct subject s = {
        .path = path, .name = name, .options = &options, .clients = &a->clients};
    int status = EXIT_USAGE;

    if (!getcwd(here, sizeof(here)))
        here[0] = 0;
    if (!realpath(a->file, path)) {
        fprintf(stderr, "contactor-plugin-check: cannot load %s: %s\n", a->file,
                strerror(errno));
        status = EXIT_LOAD;
    } else if (read_options(&options, a, name, &folder, here)) {
        status = check_all(a, &s);
    }
    options_finish(&options);
    free(folder);
    free(name);
    return status;
}

int main(int argc, char **argv)
{
    struct args a = {.only = calloc((size_t)argc + 1, sizeof(char *)),
                     .skip = calloc((size_t)argc + 1, sizeof(char *)),
                     .sets = calloc((size_t)argc + 1, sizeof(char *))};
    int status = 0;

    if (!a.only || !a.skip || !a.sets) {
        fputs("contactor-plugin-check: out of memory\n", stderr);
        exit(EXIT_LOAD);
    }
    clients_init(&a.clients);
    for (int i = 1; i < argc; i++)
        take_arg(&a, argv, &i);
    if (!a.list && !a.file)
        usage(EXIT_USAGE);
    if (a.list) {
        output_list();
    } else {
        status = runtime_prepare(a.file, argv) ? check_file(&a) : EXIT_LOAD;
    }
    clients_finish(&a.clients);
    free(a.only);
    free(a.skip);
    free(a.sets);
    return status;
}
