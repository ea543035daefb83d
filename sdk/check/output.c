/* output.c - the report, for people and for programs. */
#include "output.h"

#include <stdio.h>
#include <string.h>

static const char *const states[] = {"ok", "warning", "FAILED", "skipped"};
static const char *const json_states[] = {"ok", "warning", "failed", "skipped"};

/* --- for people -----------------------------------------------------------------------
 */

/* Words of at most 78 columns, indented. */
static void paragraph(const char *head, const char *text)
{
    enum { INDENT = 11, WIDTH = 78 };
    size_t column = INDENT;

    printf("  %-*s", INDENT - 2, head);
    for (size_t n; *text; text += n) {
        text += strspn(text, " ");
        n = strcspn(text, " ");
        if (column > INDENT && column + n + 1 > WIDTH) {
            printf("\n%*s", INDENT, "");
            column = INDENT;
        }
        printf("%s%.*s", column > INDENT ? " " : "", (int)n, text);
        column += n + (column > INDENT);
    }
    putchar('\n');
}

/* What a plugin or a sanitizer wrote, without control characters. */
static void quote(const char *words)
{
    enum { LINES = 24 };
    uint32_t lines = 0;

    for (; *words && lines < LINES; lines++) {
        size_t n = strcspn(words, "\n");

        fputs("           | ", stdout);
        for (size_t i = 0; i < n && i < 160; i++)
            putchar((unsigned char)words[i] < ' ' ? ' ' : words[i]);
        putchar('\n');
        words += n + (words[n] == '\n');
    }
    if (*words)
        puts("           | ...");
}

static void human(const struct check *c, const struct result *r)
{
    char rule[RESULT_TEXT_MAX];

    printf("%-8s %-14s %s\n", states[r->state], c->name,
           r->state == RESULT_SKIPPED  ? r->failed.text
           : r->state == RESULT_FAILED ? ""
                                       : r->note);
    if (r->state == RESULT_FAILED) {
        paragraph("found:", r->failed.text);
        if (*r->failed.remedy)
            paragraph("do:", r->failed.remedy);
        snprintf(rule, sizeof(rule), "%s (contactor/%s)", c->rule, c->where);
        paragraph("rule:", rule);
        if (*r->words)
            quote(r->words);
    }
    for (uint32_t i = 0; i < r->n_warnings; i++) {
        paragraph("look at:", r->warnings[i].text);
        paragraph("do:", r->warnings[i].remedy);
    }
    if (r->state == RESULT_FAILED || r->n_warnings)
        putchar('\n');
}

/* --- for programs ---------------------------------------------------------------------
 */

/* How many bytes of a UTF-8 character begin here; 0: none does. */
static unsigned utf8_at(const char *z)
{
    const unsigned char *u = (const unsigned char *)z;
    unsigned n = *u < 0x80                 ? 1
                 : *u >= 0xc2 && *u < 0xe0 ? 2
                 : *u >= 0xe0 && *u < 0xf0 ? 3
                 : *u >= 0xf0 && *u < 0xf5 ? 4
                                           : 0;

    for (unsigned i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static void json_string(const char *name, const char *text)
{
    printf("\"%s\":\"", name);
    while (*text) {
        unsigned n = utf8_at(text);

        if (n == 0)
            fputs("\\ufffd", stdout);
        else if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)*text);
        else
            printf("%.*s", (int)n, text);
        text += n ? n : 1;
    }
    putchar('"');
}

static void json_result(struct output *o, const struct check *c, const struct result *r)
{
    printf("%s\n{", o->n ? "," : "");
    json_string("check", c->name);
    putchar(',');
    json_string("result", json_states[r->state]);
    putchar(',');
    json_string("note", r->note);
    if (r->state >= RESULT_FAILED) {
        putchar(',');
        json_string(r->state == RESULT_FAILED ? "found" : "reason", r->failed.text);
    }
    if (r->state == RESULT_FAILED) {
        putchar(',');
        json_string("remedy", r->failed.remedy);
        putchar(',');
        json_string("output", r->words);
    }
    fputs(",\"warnings\":[", stdout);
    for (uint32_t i = 0; i < r->n_warnings; i++) {
        fputs(i ? ",{" : "{", stdout);
        json_string("found", r->warnings[i].text);
        putchar(',');
        json_string("remedy", r->warnings[i].remedy);
        putchar('}');
    }
    fputs("],", stdout);
    json_string("rule", c->rule);
    putchar(',');
    json_string("header", c->where);
    printf(",\"ms\":%u}", r->ms);
}

/* --- both -----------------------------------------------------------------------------
 */

void output_begin(struct output *o, const struct subject *s, const char *about)
{
    if (!o->json) {
        printf("%s\n\n", about);
        return;
    }
    putchar('{');
    json_string("file", s->path);
    putchar(',');
    json_string("plugin", about);
    fputs(",\"checks\":[", stdout);
}

void output_result(struct output *o, const struct check *c, const struct result *r)
{
    if (o->json)
        json_result(o, c, r);
    else
        human(c, r);
    o->n++;
    o->count[r->state]++;
    fflush(stdout);
}

void output_end(struct output *o)
{
    if (o->json)
        printf("],\"failed\":%u}\n", o->count[RESULT_FAILED]);
    else
        printf("\n%u checks: %u ok, %u with warnings, %u failed, %u skipped\n", o->n,
               o->count[RESULT_OK], o->count[RESULT_WARNING], o->count[RESULT_FAILED],
               o->count[RESULT_SKIPPED]);
}

void output_list(void)
{
    for (uint32_t i = 0; checks[i]; i++) {
        printf("%s\n", checks[i]->name);
        paragraph("", checks[i]->rule);
    }
}
