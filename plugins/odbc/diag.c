/* diag.c - see diag.h. */
#include "diag.h"

#include <sqlext.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "contactor/error.h"
#include "text.h"

enum { RECORDS_MAX = 8, RECORD_UNITS = 1024 };

int32_t trouble_set(struct trouble *t, int32_t code, const char *fmt, ...)
{
    va_list ap;

    *t = (struct trouble){.code = code};
    va_start(ap, fmt);
    vsnprintf(t->text, sizeof(t->text), fmt, ap);
    va_end(ap);
    return code;
}

void trouble_remedy(struct trouble *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(t->remedy, sizeof(t->remedy), fmt, ap);
    va_end(ap);
}

/* --- reading --------------------------------------------------------------------------
 */

/* "[unixODBC][Driver Manager]Data source ..." without what is in brackets in front. */
static const char *without_origin(const char *text)
{
    const char *p = text, *close;

    while (*p == '[' && (close = strchr(p, ']')))
        p = close + 1 + strspn(close + 1, " ");
    return *p ? p : text;
}

/* Class 22 is about values, which are contact data: what is quoted is left out. */
static void hide_values(char *text)
{
    char *to = text, quote = 0;

    for (const char *p = text; *p; p++) {
        if (quote && *p != quote)
            continue;
        if (*p == '"' || *p == '\'') {
            if (!quote)
                to = stpcpy(to, "*");
            quote = quote ? 0 : *p;
            continue;
        }
        *to++ = *p;
    }
    *to = 0;
}

static void squeeze(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++) {
        bool blank = (uint8_t)*p <= ' ';

        if (blank && (to == text || to[-1] == ' '))
            continue;
        *to++ = blank ? ' ' : *p;
    }
    while (to > text && (to[-1] == ' ' || to[-1] == '.' || to[-1] == ';'))
        to--;
    *to = 0;
}

static void add_record(struct trouble *t, const char *state, const SQLWCHAR *wide,
                       size_t units, const char *secret)
{
    static char lone[] = "(a message that is not text)";
    char text[3 * RECORD_UNITS + 1];
    long n = text_from_utf16(wide, units, text);

    if (n < 0)
        n = stpcpy(text, lone) - text;
    text[n] = 0;
    if (strncmp(state, "22", 2) == 0)
        hide_values(text);
    text_hide(text, secret);
    squeeze(text);
    if (strstr(t->text, without_origin(text)))
        return;
    text_add(t->text, sizeof(t->text), strchr(t->text, '[') ? "; [" : ": [");
    text_add(t->text, sizeof(t->text), state);
    text_add(t->text, sizeof(t->text), "] ");
    text_add(t->text, sizeof(t->text), without_origin(text));
}

static int32_t code_of(const char *state)
{
    if (strncmp(state, "28", 2) == 0 || strcmp(state, "42501") == 0)
        return -CTR_EACCES;
    if (strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0)
        return -CTR_EUNAVAIL;
    if (strncmp(state, "HYT", 3) == 0 || strcmp(state, "HY008") == 0 ||
        strcmp(state, "57014") == 0)
        return -CTR_ETIMEDOUT;
    if (strncmp(state, "IM", 2) == 0)
        return -CTR_ENOENT;
    if (strcmp(state, "HY001") == 0)
        return -CTR_ENOMEM;
    return -CTR_EIO;
}

void diag_read(struct trouble *t, SQLSMALLINT type, SQLHANDLE handle, const char *what,
               const char *secret)
{
    SQLWCHAR state[6], message[RECORD_UNITS];
    SQLINTEGER native;
    SQLSMALLINT units;
    char text[6] = "";

    trouble_set(t, -CTR_EIO, "%s", what);
    for (int i = 1; i <= RECORDS_MAX; i++) {
        units = 0;
        if (!SQL_SUCCEEDED(SQLGetDiagRecW(type, handle, (SQLSMALLINT)i, state, &native,
                                          message, RECORD_UNITS, &units)))
            break;
        for (int k = 0; k < 5; k++)
            text[k] = state[k] > ' ' && state[k] < 0x7f ? (char)state[k] : '?';
        if (i == 1) {
            memcpy(t->state, text, sizeof(text));
            t->native = native;
            t->code = code_of(text);
        }
        if (units < 0)
            units = 0;
        add_record(t, text, message,
                   units < RECORD_UNITS ? (size_t)units : RECORD_UNITS - 1, secret);
    }
    if (!t->state[0])
        text_add(t->text, sizeof(t->text), ": the driver gave no reason");
}

/* --- what it means --------------------------------------------------------------------
 */

static bool says(const struct trouble *t, const char *words)
{
    return strcasestr(t->text, words) != NULL;
}

static bool state_is(const struct trouble *t, const char *states)
{
    return t->state[0] && strstr(states, t->state);
}

bool diag_lost(const struct trouble *t)
{
    return strncmp(t->state, "08", 2) == 0 || strncmp(t->state, "57P", 3) == 0 ||
           state_is(t, "HYT00 HYT01 HY008 HY018 57014") || t->code == -CTR_ETIMEDOUT ||
           t->code == -CTR_ECANCELED || says(t, "gone away") ||
           says(t, "lost connection") || says(t, "server closed the connection") ||
           says(t, "connection is dead") || says(t, "communication link");
}

bool diag_refused(const struct trouble *t)
{
    return !diag_lost(t) &&
           (strncmp(t->state, "42", 2) == 0 || strncmp(t->state, "S0", 2) == 0 ||
            state_is(t, "37000 HY000 07002 07009"));
}

static void advise_driver(struct trouble *t, const struct driver *d)
{
    char list[220];

    driver_list(strcmp(t->state, "IM002") == 0 && says(t, "data source"), list,
                sizeof(list));
    if (d->package)
        trouble_remedy(t,
                       "install the driver (Debian: apt install %s) and write %s; "
                       "known here: %s",
                       d->package, d->example, list);
    else
        trouble_remedy(t, "name an installed driver or a DSN of odbc.ini; known here: %s",
                       list);
}

static void advise_login(struct trouble *t)
{
    if (says(t, "pg_hba.conf"))
        trouble_remedy(t, "allow this machine, user and database in the server's "
                          "pg_hba.conf");
    else
        trouble_remedy(t, "check user and password_file, and that the server lets this "
                          "user in from this machine");
}

static void advise_statement(struct trouble *t)
{
    if (says(t, "permission denied") || says(t, "denied to user") ||
        says(t, "permission was denied"))
        trouble_remedy(t, "let the user read it: GRANT SELECT ON ... TO ...");
    else if (state_is(t, "42P01 42S02 S0002") || says(t, "no such table"))
        trouble_remedy(t, "check the name of the table, its schema, and the database of "
                          "the connection");
    else if (state_is(t, "42703 42S22 S0022") || says(t, "no such column"))
        trouble_remedy(t, "check the names of the columns in the statement");
    else if (says(t, "database is locked"))
        trouble_remedy(t, "another program writes to the file for long; WAL mode lets "
                          "both go on (PRAGMA journal_mode=WAL)");
    else if (says(t, "readonly database"))
        trouble_remedy(t,
                       "the statement writes, or the file is in WAL mode and no program "
                       "has it open: then keep that program running, or use PRAGMA "
                       "journal_mode=DELETE");
    else if (says(t, "unable to open database"))
        trouble_remedy(t,
                       "name the database with file = \"PATH\", so that the daemon may "
                       "read it, and let its user read file and folder");
    else if (diag_refused(t))
        trouble_remedy(t,
                       "try the statement in the server's own client as the same user");
}

void diag_advise(struct trouble *t, const struct driver *d)
{
    if (t->remedy[0])
        return;
    if (strncmp(t->state, "IM", 2) == 0 || says(t, "can't open lib"))
        advise_driver(t, d);
    else if (t->code == -CTR_EACCES || says(t, "authentication failed") ||
             says(t, "login failed") || says(t, "access denied for user") ||
             says(t, "pg_hba.conf") || says(t, "no password supplied"))
        advise_login(t);
    else if ((says(t, "database") && says(t, "does not exist")) ||
             says(t, "unknown database"))
        trouble_remedy(t, "check Database= in the connection");
    else if (strncmp(t->state, "08", 2) == 0 || says(t, "unable to connect"))
        trouble_remedy(t, "check Server= and Port=, that the server runs and listens "
                          "there, and that no firewall is in between");
    else
        advise_statement(t);
}
