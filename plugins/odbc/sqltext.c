/* sqltext.c - a tokenizer that knows where SQL text is quoted or a comment, and nothing
 * else of SQL. Server dialects differ in what quotes: '..' and E'..', "..", `..`, [..],
 * $tag$..$tag$, -- and nested slash-star comments. */
#include "sqltext.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contactor/error.h"

struct scan {
    const char *at;
    const char *begin;
    const char *const *names;
    struct sqltext *out;
    size_t len;     /* written to out->sql */
    size_t kept;    /* out->sql up to the last thing that is not white space */
    unsigned depth; /* of parentheses */
    bool ended;     /* a semicolon was seen */
    bool has_verb;
    char *error;
    size_t cap;
};

static int32_t complain(struct scan *s, const char *what)
{
    unsigned line = 1;

    for (const char *p = s->begin; p < s->at; p++)
        line += *p == '\n';
    snprintf(s->error, s->cap, "%s (line %u of the statement)", what, line);
    return -CTR_EINVAL;
}

static bool is_word(char c)
{
    return isalnum((uint8_t)c) || c == '_' || (uint8_t)c >= 0x80;
}

/* Copies n characters as they are. */
static void copy(struct scan *s, size_t n)
{
    memcpy(s->out->sql + s->len, s->at, n);
    s->len += n;
    s->at += n;
}

/* --- what is skipped ------------------------------------------------------------------
 */

static int32_t skip_quoted(struct scan *s, char close, bool escapes)
{
    const char *p = s->at + 1;

    for (; *p; p++) {
        if (escapes && *p == '\\' && p[1])
            p++;
        else if (*p == close && p[1] == close)
            p++;
        else if (*p == close)
            break;
    }
    if (!*p)
        return complain(s, "a quote is opened and never closed (a quote within a text is "
                           "written twice)");
    copy(s, (size_t)(p + 1 - s->at));
    return 0;
}

/* $$ or $tag$, up to the same again. returns 1 if it is something else */
static int32_t skip_dollar(struct scan *s)
{
    const char *p = s->at + 1, *end;
    char tag[66];
    size_t n;

    while (is_word(*p))
        p++;
    n = (size_t)(p + 1 - s->at);
    if (*p != '$' || isdigit((uint8_t)s->at[1]) || n >= sizeof(tag))
        return 1;
    memcpy(tag, s->at, n);
    tag[n] = 0;
    end = strstr(p + 1, tag);
    if (!end)
        return complain(s, "a dollar quote is opened and never closed");
    copy(s, (size_t)(end + n - s->at));
    return 0;
}

static int32_t skip_comment(struct scan *s)
{
    const char *p = s->at;
    unsigned depth = 0;

    if (*p == '-') {
        copy(s, strcspn(p, "\n"));
        return 0;
    }
    do {
        if (p[0] == '/' && p[1] == '*') {
            depth++;
            p += 2;
        } else if (p[0] == '*' && p[1] == '/') {
            depth--;
            p += 2;
        } else if (!*p) {
            return complain(s, "a comment is opened and never closed");
        } else {
            p++;
        }
    } while (depth > 0);
    copy(s, (size_t)(p - s->at));
    return 0;
}

/* --- what is looked at ----------------------------------------------------------------
 */

static void list_names(const struct scan *s, char *out, size_t cap)
{
    size_t len = 0;

    out[0] = 0;
    for (uint32_t i = 0; s->names[i] && len + 16 < cap; i++)
        len +=
            (size_t)snprintf(out + len, cap - len, "%s:%s", i ? ", " : "", s->names[i]);
}

static int32_t unknown_name(struct scan *s, const char *name, size_t n)
{
    char known[200], what[320];

    list_names(s, known, sizeof(known));
    snprintf(what, sizeof(what), "there is no placeholder :%.*s here; %s%s",
             n < 40 ? (int)n : 40, name, known[0] ? "known are " : "none can be used",
             known);
    return complain(s, what);
}

static int32_t take_placeholder(struct scan *s)
{
    const char *name = s->at + 1;
    size_t n = 0;
    uint32_t i = 0;

    while (is_word(name[n]))
        n++;
    while (s->names[i] &&
           (strlen(s->names[i]) != n || strncmp(s->names[i], name, n) != 0))
        i++;
    if (!s->names[i])
        return unknown_name(s, name, n);
    if (s->out->n_params == SQLTEXT_PARAMS_MAX)
        return complain(s, "there are more than 64 placeholders");
    s->out->params[s->out->n_params++] = (uint8_t)i;
    s->out->used |= UINT64_C(1) << i;
    s->out->sql[s->len++] = '?';
    s->at = name + n;
    return 0;
}

static int32_t take_verb(struct scan *s, size_t n)
{
    static const struct {
        const char *word;
        enum sql_verb verb;
    } verbs[] = {{"select", SQL_VERB_SELECT}, {"with", SQL_VERB_WITH},
                 {"values", SQL_VERB_VALUES}, {"table", SQL_VERB_VALUES},
                 {"exec", SQL_VERB_CALL},     {"execute", SQL_VERB_CALL},
                 {"call", SQL_VERB_CALL}};
    char what[160];

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strlen(verbs[i].word) != n || strncasecmp(verbs[i].word, s->at, n) != 0)
            continue;
        s->out->verb = verbs[i].verb;
        s->has_verb = true;
        return 0;
    }
    snprintf(what, sizeof(what),
             "\"%.*s\" is not a statement that only reads; it must begin with SELECT, "
             "WITH, VALUES, TABLE, EXEC or CALL",
             n < 40 ? (int)n : 40, s->at);
    return complain(s, what);
}

static int32_t take_word(struct scan *s)
{
    size_t n = 0;
    int32_t rc = 0;

    while (is_word(s->at[n]) || s->at[n] == '$')
        n++;
    if (!s->has_verb)
        rc = take_verb(s, n);
    if (rc != 0)
        return rc;
    copy(s, n);
    return 0;
}

static int32_t take_other(struct scan *s)
{
    char c = *s->at;

    if (c == '?')
        return complain(s, "a bare ? cannot be used; placeholders have names such as "
                           ":number");
    if (c == ')' && s->depth == 0)
        return complain(s, "a ) stands without its (");
    s->depth += (unsigned)(c == '(') - (unsigned)(c == ')');
    copy(s, 1);
    return 0;
}

/* [name] of SQL Server, unless it follows something it could be an index of. */
static bool opens_bracket(const struct scan *s)
{
    char before = s->at > s->begin ? s->at[-1] : ' ';

    return *s->at == '[' && !is_word(before) && !strchr("])\"", before);
}

static bool opens_placeholder(const struct scan *s)
{
    char next = s->at[1];

    return *s->at == ':' && (isalpha((uint8_t)next) || next == '_') &&
           (s->at == s->begin || (!is_word(s->at[-1]) && s->at[-1] != ':'));
}

static int32_t step(struct scan *s)
{
    char c = *s->at;
    int32_t rc;

    if (isspace((uint8_t)c)) {
        copy(s, 1);
        return 0;
    }
    if ((c == '-' && s->at[1] == '-') || (c == '/' && s->at[1] == '*'))
        return skip_comment(s);
    if (c == ';') {
        s->ended = true;
        s->at++;
        return 0;
    }
    if (s->ended)
        return complain(s, "there is more than one statement");
    if (!s->has_verb && !is_word(c) && c != '(' && c != '{')
        return complain(s,
                        "it must begin with SELECT, WITH, VALUES, TABLE, EXEC or CALL");
    if (c == '\'' || c == '"' || c == '`') {
        /* E'..' has backslash escapes */
        bool e = c == '\'' && s->at > s->begin && (s->at[-1] | 0x20) == 'e' &&
                 (s->at - 1 == s->begin || !is_word(s->at[-2]));

        rc = skip_quoted(s, c, e);
    } else if (opens_bracket(s)) {
        rc = skip_quoted(s, ']', false);
    } else if (c == '$' && (rc = skip_dollar(s)) <= 0) {
        /* done */
    } else if (opens_placeholder(s)) {
        rc = take_placeholder(s);
    } else if (c == ':' && s->at[1] == ':') {
        copy(s, 2);
        rc = 0;
    } else {
        rc = is_word(c) ? take_word(s) : take_other(s);
    }
    s->kept = s->len;
    return rc;
}

int32_t sqltext_make(struct sqltext *t, const char *text, const char *const *names,
                     char *error, size_t cap)
{
    struct scan s = {
        .at = text, .begin = text, .names = names, .out = t, .error = error, .cap = cap};
    size_t n = strlen(text);
    int32_t rc = 0;

    *t = (struct sqltext){0};
    if (n > SQLTEXT_MAX)
        return complain(&s, "it is longer than 64 KiB");
    t->sql = malloc(n + 1);
    if (!t->sql)
        return -CTR_ENOMEM;
    while (rc == 0 && *s.at)
        rc = step(&s);
    if (rc == 0 && !s.has_verb)
        rc = complain(&s, "it is empty");
    if (rc == 0 && s.depth > 0)
        rc = complain(&s, "a ( is never closed");
    t->sql[s.kept] = 0; /* without blanks and comments at the end */
    if (rc != 0)
        sqltext_finish(t);
    return rc;
}

void sqltext_finish(struct sqltext *t)
{
    free(t->sql);
    *t = (struct sqltext){0};
}

int32_t sqltext_wrap(struct sqltext *t, const struct sqltext *inner, const char *list,
                     const char *tail, uint32_t n_params)
{
    size_t n = strlen(inner->sql) + strlen(list) + strlen(tail) + 64;

    *t = (struct sqltext){.verb = SQL_VERB_SELECT, .n_params = n_params};
    t->sql = malloc(n);
    if (!t->sql)
        return -CTR_ENOMEM;
    snprintf(t->sql, n, "SELECT %s FROM (%s\n) contactor_q %s", list, inner->sql, tail);
    return 0;
}

void sqltext_identifier(char *out, size_t cap, const char *name, char quote)
{
    size_t n = 0;

    if (quote)
        out[n++] = quote;
    for (; *name && n + 4 < cap; name++) {
        if (quote && *name == quote)
            out[n++] = quote;
        out[n++] = *name;
    }
    if (quote)
        out[n++] = quote;
    out[n] = 0;
}
