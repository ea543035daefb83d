/* show_status.c - status, sources, and what is short enough to stand with them. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/connect.h"
#include "ctl/show.h"
#include "ctl/table.h"

enum { REJECTS_SHOWN = 10 };

static const char *count(double n, char out[VALUE_MAX])
{
    snprintf(out, VALUE_MAX, "%.0f", n);
    return out;
}

/* Also while it is being tried again. */
static bool any_failed(const cJSON *list)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(member_str(item, "state"), "failed") == 0 ||
            member_str(item, "last_error")[0])
            return true;
    }
    return false;
}

int status_code(const cJSON *result)
{
    if (cJSON_IsArray(result))
        return any_failed(result) ? CTL_NO : CTL_OK;
    return any_failed(member(result, "sources")) ||
                   any_failed(member(result, "frontends")) ||
                   member_str(member(result, "cache"), "write_error")[0]
               ? CTL_NO
               : CTL_OK;
}

/* ---- sources -------------------------------------------------------------------- */

static const char *age_of(const cJSON *s, char out[VALUE_MAX])
{
    if (!cJSON_IsNumber(member(s, "age")))
        return "";
    span(member_num(s, "age") * 1000, out);
    if (member_true(s, "stale"))
        strncat(out, ", stale", VALUE_MAX - strlen(out) - 1);
    return out;
}

static void source_row(struct table *t, const cJSON *s)
{
    char text[VALUE_MAX];

    table_cell(t, member_str(s, "name"));
    table_cell(t, member_str(s, "plugin"));
    table_cell(t, member_str(s, "state"));
    table_cell(t, count(member_num(s, "contacts"), text));
    table_cell(t, member_str(s, "last_success")[0] ? member_str(s, "last_success")
                                                   : "never");
    table_cell(t, age_of(s, text));
    table_cell(t, member_str(s, "next_run")[0] ? member_str(s, "next_run") : "on demand");
    table_cell(t, member_str(s, "last_error")[0] ? "see below" : "");
}

static void print_sources(const cJSON *list)
{
    static const char *const head[] = {
        "SOURCE",       "PLUGIN",   "STATE",     "CONTACTS",
        "LAST SUCCESS", "DATA AGE", "NEXT SYNC", ""};
    struct table t;
    const cJSON *s;

    if (cJSON_GetArraySize(list) == 0) {
        printf("no sources: add a [source.NAME] to the configuration\n");
        return;
    }
    table_begin(&t, 8, head);
    t.right = 1u << 3;
    cJSON_ArrayForEach(s, list) source_row(&t, s);
    table_print(&t);
}

static void print_problems(const cJSON *list)
{
    const cJSON *s;

    cJSON_ArrayForEach(s, list)
    {
        if (!member_str(s, "last_error")[0])
            continue;
        printf("\n%s: ", member_str(s, "name"));
        put_safe(member_str(s, "last_error"));
        if (member_num(s, "failures") > 0 && member_str(s, "next_run")[0])
            printf("; failed %.0f time%s in a row, tried again at %s",
                   member_num(s, "failures"), member_num(s, "failures") == 1 ? "" : "s",
                   member_str(s, "next_run"));
        putchar('\n');
    }
}

/* The processes of isolated sources. */
static void print_processes(const cJSON *list)
{
    const cJSON *s;
    char text[VALUE_MAX];

    cJSON_ArrayForEach(s, list)
    {
        const cJSON *process = member(s, "process");

        if (!cJSON_IsObject(process))
            continue;
        printf("\n%s: isolated, process ", member_str(s, "name"));
        if (member_num(process, "pid") > 0)
            printf("%.0f %s, %s of memory", member_num(process, "pid"),
                   member_str(process, "state"),
                   bytes(member_num(process, "memory"), text));
        else
            printf("%s", member_str(process, "state"));
        printf(", %.0f restarts", member_num(process, "restarts"));
        if (member_str(process, "next_start")[0])
            printf(", next start %s", member_str(process, "next_start"));
        if (member_str(process, "last_end")[0]) {
            printf("\n  last end %s: it ", member_str(process, "last_end_at"));
            put_safe(member_str(process, "last_end"));
        }
        putchar('\n');
    }
}

static void print_rejects(const cJSON *s)
{
    const cJSON *rejects = member(s, "rejected"), *r;
    int n = cJSON_GetArraySize(rejects), shown = 0;

    if (n == 0)
        return;
    printf("\n%s: rows that were not used\n", member_str(s, "name"));
    cJSON_ArrayForEach(r, rejects)
    {
        if (shown++ == REJECTS_SHOWN) {
            printf("  and %d more: contactorctl sources --json\n", n - REJECTS_SHOWN);
            break;
        }
        printf("  ");
        put_safe(member_str(r, "where"));
        printf(": ");
        put_safe(member_str(r, "reason"));
        putchar('\n');
    }
}

int show_sources(const cJSON *result)
{
    const cJSON *s;

    print_sources(result);
    print_processes(result);
    print_problems(result);
    cJSON_ArrayForEach(s, result) print_rejects(s);
    return status_code(result);
}

/* ---- status --------------------------------------------------------------------- */

static void frontend_row(struct table *t, const cJSON *f)
{
    const cJSON *address;
    char text[VALUE_MAX], listen[256] = "";
    size_t len = 0;

    cJSON_ArrayForEach(address, member(f, "listen")) if (len < sizeof(listen)) len +=
        (size_t)snprintf(listen + len, sizeof(listen) - len, "%s%s", len ? ", " : "",
                         cJSON_GetStringValue(address));
    table_cell(t, member_str(f, "name"));
    table_cell(t, member_str(f, "plugin"));
    table_cell(t, member_str(f, "state"));
    table_cell(t, count(member_num(f, "sessions"), text));
    table_cell(t, count(member_num(f, "accepted"), text));
    table_cell(t, listen);
}

static void print_frontends(const cJSON *list)
{
    static const char *const head[] = {"FRONT END", "PLUGIN",   "STATE",
                                       "SESSIONS",  "ACCEPTED", "LISTENS AT"};
    const cJSON *f;
    struct table t;

    if (cJSON_GetArraySize(list) == 0) {
        printf("no front ends: add a [frontend.NAME] to the configuration\n");
        return;
    }
    table_begin(&t, 6, head);
    t.right = 1u << 3 | 1u << 4;
    cJSON_ArrayForEach(f, list) frontend_row(&t, f);
    table_print(&t);
}

static void print_certificates(const cJSON *list)
{
    const cJSON *f;

    cJSON_ArrayForEach(f, list)
    {
        double until = member_num(f, "certificate_valid_until");
        char when[32];

        if (member_true(f, "certificate_ends_soon"))
            printf("\n%s: its certificate %s on %s\n", member_str(f, "name"),
                   until < (double)clock_wall_ms() ? "has expired" : "expires",
                   clock_format((int64_t)until, when, sizeof(when)));
    }
}

int show_status(const cJSON *result)
{
    const cJSON *cache = member(result, "cache");
    char text[VALUE_MAX], more[VALUE_MAX];

    printf("contactord %s, process %.0f, user id %.0f, up %s\n",
           member_str(result, "version"), member_num(result, "pid"),
           member_num(result, "uid"), span(member_num(result, "uptime"), text));
    printf("configuration  %s, reloaded %s", member_str(result, "config"),
           ago(member_num(result, "reloaded"), text));
    if (member_num(result, "reloads_refused") > 0)
        printf(", %.0f reloads refused", member_num(result, "reloads_refused"));
    printf("\ncache          %s of %s used%s%s\n", bytes(member_num(cache, "used"), text),
           bytes(member_num(cache, "map_size"), more),
           member_str(cache, "write_error")[0] ? "; the last write failed: " : "",
           member_str(cache, "write_error"));
    printf("log level      %s\n\n", member_str(result, "log_level"));
    print_sources(member(result, "sources"));
    print_processes(member(result, "sources"));
    putchar('\n');
    print_frontends(member(result, "frontends"));
    print_problems(member(result, "sources"));
    print_problems(member(result, "frontends"));
    print_certificates(member(result, "frontends"));
    return status_code(result);
}

/* ---- short ones ----------------------------------------------------------------- */

int show_check(const cJSON *result)
{
    fputs(member_str(result, "text"), stderr);
    if (!member_true(result, "ok"))
        return CTL_NO;
    printf("the configuration is right\n");
    return CTL_OK;
}

int show_reload(const cJSON *result)
{
    fputs(member_str(result, "text"), stderr);
    printf("reloaded\n");
    return CTL_OK;
}

int show_log_level(const cJSON *result)
{
    printf("%s\n", member_str(result, "level"));
    return CTL_OK;
}

int show_metrics(const cJSON *result)
{
    fputs(member_str(result, "text"), stdout);
    return CTL_OK;
}

/* ---- sync ----------------------------------------------------------------------- */

static void print_sample(const cJSON *result, const char *what)
{
    const cJSON *list = member(member(result, "sample"), what), *c;
    double n = member_num(member(result, "last"), what);
    int shown = cJSON_GetArraySize(list);

    if (shown == 0)
        return;
    printf("\n%s:\n", what);
    cJSON_ArrayForEach(c, list)
    {
        printf("  ");
        put_safe(member_str(c, "id"));
        printf("  ");
        put_safe(member_str(c, "name"));
        putchar('\n');
    }
    if (n > shown)
        printf("  and %.0f more\n", n - shown);
}

static int show_dry_run(const cJSON *result)
{
    const cJSON *stats = member(result, "last");

    printf("%s: %.0f would be added, %.0f changed, %.0f deleted; %.0f stay as they are "
           "(dry run: nothing was changed)\n",
           member_str(result, "name"), member_num(stats, "added"),
           member_num(stats, "changed"), member_num(stats, "deleted"),
           member_num(stats, "unchanged"));
    print_sample(result, "added");
    print_sample(result, "changed");
    print_sample(result, "deleted");
    print_rejects(result);
    if (!member_str(result, "refused")[0])
        return CTL_OK;
    printf("\nIt would be refused: ");
    put_safe(member_str(result, "refused"));
    putchar('\n');
    return CTL_NO;
}

int show_synced(const cJSON *result)
{
    const cJSON *stats = member(result, "last");

    if (member_true(result, "dry_run"))
        return show_dry_run(result);
    if (member_true(result, "asked")) {
        printf("%s: a sync was asked for; contactorctl sources %s tells how it went\n",
               member_str(result, "name"), member_str(result, "name"));
        return CTL_OK;
    }
    printf("%s: %.0f contacts", member_str(result, "name"),
           member_num(result, "contacts"));
    if (cJSON_IsObject(stats))
        printf(", %.0f added, %.0f changed, %.0f deleted, %.0f unchanged",
               member_num(stats, "added"), member_num(stats, "changed"),
               member_num(stats, "deleted"), member_num(stats, "unchanged"));
    printf(", last success %s\n", member_str(result, "last_success"));
    print_rejects(result);
    return CTL_OK;
}

static void progress_line(struct progress *p, const cJSON *source)
{
    const cJSON *progress = member(source, "progress");
    double done = member_num(progress, "done"), total = member_num(progress, "total");
    double seen = member_num(progress, "seen"), rate = member_num(progress, "rate");
    char text[VALUE_MAX];

    if (p->tty)
        printf("\r\033[K");
    printf("%s: ", member_str(source, "name"));
    if (p->tty && total > 0) {
        int filled = done >= total ? 30 : (int)(done / total * 30);

        printf("[%.*s%.*s] %3.0f%%  ", filled, "##############################",
               30 - filled, "..............................",
               done >= total ? 100 : done / total * 100);
    } else if (total > 0) {
        printf("%3.0f%%  ", done >= total ? 100 : done / total * 100);
    }
    printf("%.0f contacts, %.0f/s", seen, rate);
    if (cJSON_IsNumber(member(progress, "left_ms")))
        printf(", %s left", span(member_num(progress, "left_ms"), text));
    p->shown = 1;
    if (!p->tty)
        putchar('\n');
    fflush(stdout);
}

void show_progress(void *arg, const cJSON *event)
{
    struct progress *p = arg;
    const cJSON *source = member(event, "source");
    double now = (double)clock_ms();

    if (p->started == 0)
        p->started = now;
    /* Into a file or a pipe only one line each ten seconds. */
    if (!cJSON_IsObject(member(source, "progress")) ||
        (!p->tty && now - (p->told > 0 ? p->told : p->started) < 10000))
        return;
    p->told = now;
    progress_line(p, source);
}

void show_progress_end(struct progress *p)
{
    if (p->tty && p->shown)
        printf("\r\033[K");
    fflush(stdout);
}
