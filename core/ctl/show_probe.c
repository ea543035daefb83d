/* show_probe.c - source test and preview. */
#include <stdio.h>
#include <string.h>

#include "ctl/connect.h"
#include "ctl/show.h"
#include "ctl/table.h"

/* ---- test ----------------------------------------------------------------------- */

static void print_step(const cJSON *step)
{
    char text[VALUE_MAX];

    printf("  %s %-10s ", member_true(step, "ok") ? "ok    " : "FAILED",
           member_str(step, "step"));
    put_safe(member_str(step, "detail"));
    if (member_num(step, "ms") >= 1000)
        printf(" (%s)", span(member_num(step, "ms"), text));
    putchar('\n');
    if (member_str(step, "remedy")[0]) {
        printf("                    ");
        put_safe(member_str(step, "remedy"));
        putchar('\n');
    }
    fflush(stdout);
}

void show_step(void *arg, const cJSON *event)
{
    struct progress *p = arg;

    if (cJSON_IsObject(member(event, "step"))) {
        show_progress_end(p);
        p->shown = 0;
        print_step(member(event, "step"));
    } else if (p->tty && !p->shown && member_str(event, "waiting")[0]) {
        printf("waiting for the sync of '%s' that is under way",
               member_str(event, "waiting"));
        p->shown = 1;
        fflush(stdout);
    }
}

int show_tested(const cJSON *result)
{
    char text[VALUE_MAX];

    printf("%s: %s", member_str(result, "name"),
           member_true(result, "ok") ? "everything works" : "this does not work");
    if (member_num(result, "ms") >= 1000)
        printf(" (%s)", span(member_num(result, "ms"), text));
    putchar('\n');
    return member_true(result, "ok") ? CTL_OK : CTL_NO;
}

/* ---- preview -------------------------------------------------------------------- */

static void print_number(const cJSON *field)
{
    const char *class = member_str(field, "number");

    if (strcmp(class, "none") == 0)
        printf("  -> not a number");
    else if (strcmp(class, "short") == 0)
        printf("  -> %s, %s", member_str(field, "short"), member_str(field, "why"));
    else if (class[0])
        printf("  -> %s, %s", member_str(field, "e164"), member_str(field, "why"));
}

static void print_contact(const cJSON *contact)
{
    const cJSON *field;

    put_safe(member_str(contact, "id"));
    if (member_str(contact, "owner")[0]) {
        printf("  (only for ");
        put_safe(member_str(contact, "owner"));
        putchar(')');
    }
    putchar('\n');
    cJSON_ArrayForEach(field, member(contact, "fields"))
    {
        printf("  %-16s ", member_str(field, "kind"));
        put_safe(member_str(field, "value"));
        print_number(field);
        putchar('\n');
    }
}

int show_preview(const cJSON *result)
{
    const cJSON *item;
    int n = cJSON_GetArraySize(member(result, "contacts"));

    cJSON_ArrayForEach(item, member(result, "contacts")) print_contact(item);
    cJSON_ArrayForEach(item, member(result, "rejected"))
    {
        printf("not used: ");
        put_safe(member_str(item, "where"));
        printf(": ");
        put_safe(member_str(item, "reason"));
        putchar('\n');
    }
    if (member_num(result, "refused") > 0)
        printf("not used: %.0f contacts without an id or without any field\n",
               member_num(result, "refused"));
    if (n == 0)
        printf("%s: it can be read, but gives no contacts\n", member_str(result, "name"));
    else
        printf("%s: %s%d contact%s; nothing was written\n", member_str(result, "name"),
               member_true(result, "complete") ? "all of its " : "the first ", n,
               n == 1 ? "" : "s");
    return n > 0 ? CTL_OK : CTL_NO;
}
