/* show_lookup.c - hits, and why they are what they are. */
#include <stdio.h>
#include <string.h>

#include "ctl/connect.h"
#include "ctl/show.h"
#include "ctl/table.h"

/* ---- contacts ------------------------------------------------------------------- */

static const char *field_of(const cJSON *contact, const char *kind)
{
    const cJSON *f;

    cJSON_ArrayForEach(
        f, member(contact, "fields")) if (strcmp(member_str(f, "kind"), kind) ==
                                          0) return member_str(f, "value");
    return "";
}

static void print_title(const cJSON *contact)
{
    static const char *const kinds[] = {"organisation", "department", "city"};

    put_safe(member_str(contact, "display_name"));
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *value = field_of(contact, kinds[i]);

        if (!value[0] || strcmp(value, member_str(contact, "display_name")) == 0)
            continue;
        printf(", ");
        put_safe(value);
    }
    putchar('\n');
}

static void print_marks(const cJSON *contact)
{
    char text[VALUE_MAX];

    printf("  source %s, id ", member_str(contact, "source"));
    put_safe(member_str(contact, "id"));
    printf(", as of %s", ago(member_num(contact, "as_of"), text));
    if (member_true(contact, "company"))
        printf(", company match: an unknown extension under its number");
    if (member_true(contact, "ambiguous"))
        printf(", stands for %.0f contacts", member_num(contact, "group_size"));
    if (member_true(contact, "stale"))
        printf(", stale");
    if (member_true(contact, "live"))
        printf(", asked live");
    putchar('\n');
}

static void print_contact(const cJSON *contact)
{
    const cJSON *f;

    print_title(contact);
    print_marks(contact);
    cJSON_ArrayForEach(f, member(contact, "fields"))
    {
        if (strncmp(member_str(f, "kind"), "phone_", 6) != 0 &&
            strcmp(member_str(f, "kind"), "mail") != 0)
            continue;
        printf("  %-15s ", member_str(f, "kind"));
        put_safe(member_str(f, "value"));
        if (member_str(f, "e164")[0] &&
            strcmp(member_str(f, "e164"), member_str(f, "value")) != 0)
            printf("  (%s)", member_str(f, "e164"));
        putchar('\n');
    }
}

/* ---- why ------------------------------------------------------------------------ */

static void print_readings(const cJSON *trace)
{
    const cJSON *r;
    int n = 0;

    cJSON_ArrayForEach(r, member(trace, "readings"))
    {
        printf(n++ ? "              or " : "  read as     ");
        printf("%s (%s, %s)\n", member_str(r, "number"), member_str(r, "class"),
               member_str(r, "why"));
    }
}

static void print_source(const cJSON *s)
{
    const cJSON *d;
    int n = 0;

    printf("  source      %s: %.0f candidates, %.0f hits", member_str(s, "source"),
           member_num(s, "candidates"), member_num(s, "hits"));
    if (member_str(s, "live")[0])
        printf(", live: %s", member_str(s, "live"));
    cJSON_ArrayForEach(d, member(s, "dropped")) printf(
        "%s%.0f %s", n++ ? "; " : "\n              dropped ", d->valuedouble, d->string);
    putchar('\n');
}

static void print_answer(const cJSON *trace)
{
    const cJSON *hit = member(trace, "first_hit");
    const char *status = member_str(trace, "status");

    printf("  answered    %.0f of %.0f", member_num(trace, "hits"),
           member_num(trace, "total"));
    if (strcmp(status, "ok") != 0)
        printf(", %s", status);
    if (hit) {
        printf("; the first is ");
        put_safe(member_str(hit, "id"));
        printf(" of %s", member_str(hit, "source"));
    }
    putchar('\n');
}

static void print_trace(const cJSON *trace)
{
    const cJSON *us = member(trace, "us"), *s;
    const char *who = member_str(trace, "principal");

    printf("  asked       ");
    put_safe(member_str(trace, "asked"));
    printf("\n  as          %s, at %s", who[0] ? who : "anonymous",
           member_str(trace, "client"));
    if (member_str(trace, "peer")[0]) {
        printf(", from ");
        put_safe(member_str(trace, "peer"));
    }
    putchar('\n');
    print_readings(trace);
    printf("  looked in   index %s, %.0f walks\n", member_str(trace, "index"),
           member_num(trace, "walks"));
    cJSON_ArrayForEach(s, member(trace, "sources")) print_source(s);
    if (member_true(trace, "more_sources"))
        printf("  source      and more\n");
    if (member_num(trace, "unseen_sources") > 0)
        printf("  not shown   %.0f of the sources: `allow` of the sources, `sources` of "
               "the front end\n",
               member_num(trace, "unseen_sources"));
    else if (cJSON_GetArraySize(member(trace, "sources")) == 0)
        printf("  source      none is configured\n");
    if (member_true(trace, "company_match"))
        printf("  company     no contact has this number; the company that owns the "
               "number before the extension answers\n");
    if (member_true(trace, "ambiguous"))
        printf("  ambiguity   several contacts share it and were answered as one\n");
    print_answer(trace);
    printf("  took        %.0f us: plan %.0f, search %.0f, live %.0f, answer %.0f\n",
           member_num(us, "total"), member_num(us, "plan"), member_num(us, "walk"),
           member_num(us, "live"), member_num(us, "deliver"));
}

/* ---- commands ------------------------------------------------------------------- */

static int show_hits(const cJSON *result, const char *what)
{
    const cJSON *hits = member(result, "hits"), *hit;
    int n = 0, code = CTL_OK;

    if (member(result, "sounds_like") && cJSON_GetArraySize(hits) > 0)
        puts("nobody is spelled like that; who sounds like it:\n");
    cJSON_ArrayForEach(hit, hits)
    {
        if (n++)
            putchar('\n');
        print_contact(hit);
    }
    if (n == 0) {
        printf("nobody found for ");
        put_safe(what);
        putchar('\n');
        code = CTL_NO;
    }
    if (strcmp(member_str(result, "status"), "ok") != 0)
        printf("\nnot complete: %s\n", member_str(result, "reason"));
    if (member(result, "trace")) {
        printf("\nwhy\n");
        print_trace(member(result, "trace"));
    }
    return code;
}

int show_lookup(const cJSON *result)
{
    return show_hits(result, member_str(result, "number"));
}

int show_search(const cJSON *result)
{
    return show_hits(result, member_str(result, "text"));
}

static void trace_row(struct table *t, const cJSON *trace)
{
    const cJSON *first = cJSON_GetArrayItem(member(trace, "readings"), 0);
    char text[VALUE_MAX * 2];

    table_cell(t, clock_of(member_num(trace, "at"), text));
    table_cell(t, member_str(trace, "client"));
    table_cell(t, member_str(trace, "principal")[0] ? member_str(trace, "principal")
                                                    : "anonymous");
    table_cell(t, member_str(trace, "asked"));
    table_cell(t, member_str(first, "number"));
    snprintf(text, sizeof(text), "%.0f", member_num(trace, "hits"));
    table_cell(t, text);
    snprintf(text, sizeof(text), "%.0f us", member_num(member(trace, "us"), "total"));
    table_cell(t, text);
    table_cell(t, strcmp(member_str(trace, "status"), "ok") != 0
                      ? member_str(trace, "status")
                  : member_true(trace, "company_match") ? "company match"
                  : member_true(trace, "ambiguous")     ? "ambiguous"
                                                        : "");
}

static int nothing_asked(void)
{
    printf("nothing like that was asked lately\n");
    return CTL_OK;
}

int show_trace_why(const cJSON *result)
{
    char text[VALUE_MAX];

    if (cJSON_GetArraySize(result) == 0)
        return nothing_asked();
    for (int i = cJSON_GetArraySize(result) - 1; i >= 0; i--) {
        const cJSON *trace = cJSON_GetArrayItem(result, i);

        printf("%s\n", clock_of(member_num(trace, "at"), text));
        print_trace(trace);
        if (i > 0)
            putchar('\n');
    }
    return CTL_OK;
}

int show_trace(const cJSON *result)
{
    static const char *const head[] = {"TIME",    "CLIENT", "AS",   "ASKED",
                                       "READ AS", "HITS",   "TOOK", ""};
    struct table t;

    if (cJSON_GetArraySize(result) == 0)
        return nothing_asked();
    table_begin(&t, 8, head);
    t.right = 1u << 5 | 1u << 6;
    for (int i = cJSON_GetArraySize(result) - 1; i >= 0; i--)
        trace_row(&t, cJSON_GetArrayItem(result, i));
    table_print(&t);
    return CTL_OK;
}
