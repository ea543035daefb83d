/* test.c - a test of the source: a program of its own is started and asked, each step is
 * told with what was found, and nothing is kept. */
#include <inttypes.h>
#include <stdlib.h>

#include "contacts.h"
#include "json.h"
#include "kit/kit.h"
#include "request.h"
#include "source.h"

enum {
    HELLO_MS = 2000, /* for an answer to hello, before it is asked for contacts */
    LOOK_MS = 200,
    STEP_MS = 20000, /* nobody waits longer at a terminal */
    ENOUGH = 5,      /* contacts */
    STEPS_MAX = 50,
    TEXT_MAX = 400
};

struct trial {
    struct source *s;
    struct ctr_test *test;
    struct channel channel;
    struct contacts contacts;
    char first_note[256];
    bool failed; /* a step that did was told */
};

static int32_t step(struct trial *t, const char *name, int32_t status, const char *detail,
                    const char *remedy)
{
    t->failed = t->failed || status < 0;
    t->s->host->test_step(t->s->host, t->test, name, status, detail,
                          remedy && *remedy ? remedy : NULL);
    return status < 0 ? status : kit_test_canceled(t->s->host, t->test);
}

/* As channel_next, and looks up now and then whether anybody still wants to know. */
static int32_t next(struct trial *t, int64_t deadline, struct message *m,
                    const char **why)
{
    struct channel *ch = &t->channel;
    int64_t start = ch->p->started + ch->config->start_timeout;

    if (!ch->heard && start < deadline)
        deadline = start;
    for (;;) {
        int64_t look = spawn_now() + LOOK_MS;
        int32_t rc = channel_next(ch, look < deadline ? look : deadline, m, why);

        if (rc != -CTR_ETIMEDOUT || look >= deadline)
            return rc;
        rc = kit_test_canceled(t->s->host, t->test);
        if (rc < 0)
            return rc;
    }
}

static const char *remedy_for(int32_t code)
{
    switch (code) {
    case -CTR_EIO:
        return "Run the program by hand as the daemon's user; it may miss a file, a "
               "variable (see `environment`) or a right.";
    case -CTR_ETIMEDOUT:
        return "Let the program answer hello first and flush its output after each "
               "line; or raise the time limit.";
    case -CTR_ESIZE:
        return "Write one object a line, with line ends; or raise max_line.";
    case -CTR_EVERSION:
        return "Use a version of the program made for protocol 1.";
    default:
        return NULL;
    }
}

static int32_t fail_step(struct trial *t, const char *name, int32_t code)
{
    char reason[TEXT_MAX + ERRLOG_LAST_MAX];

    if (code == -CTR_ECANCELED)
        return code;
    channel_reason(&t->channel, code, reason, sizeof(reason));
    return step(t, name, code == -CTR_EIO ? -CTR_EUNAVAIL : code, reason,
                remedy_for(code));
}

static int32_t fail_format(struct trial *t, const char *name, const char *why)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof(text), "line %" PRIu64 " of %s: %s", t->channel.p->lines.number,
             t->s->config.name, why);
    return step(t, name, -CTR_EFORMAT, text,
                "Write nothing but one JSON object a line on stdout; words for people go "
                "to stderr.");
}

/* --- steps ----------------------------------------------------------------------------
 */

static int32_t try_start(struct trial *t)
{
    struct spawn_problem problem;
    int32_t rc = channel_open(&t->channel, &problem);
    char text[TEXT_MAX];

    if (rc != 0)
        return step(t, "start", rc, problem.what, problem.remedy);
    snprintf(text, sizeof(text), "%s runs in %s", t->s->config.command.argv[0],
             t->s->config.command.folder);
    return step(t, "start", 0, text, NULL);
}

static int32_t send(struct trial *t, const char *name, char *line)
{
    if (channel_send(&t->channel, line) == 0)
        return 0;
    return step(t, name, -CTR_ENOMEM, "the request cannot be written", NULL);
}

/* Its first line into *m. One that wants to be asked first is asked for contacts. */
static int32_t try_hello(struct trial *t, struct message *m, bool *asked)
{
    struct channel *ch = &t->channel;
    const char *why;
    int32_t rc = next(t, spawn_now() + HELLO_MS, m, &why);

    if (rc == -CTR_ETIMEDOUT && !ch->heard) {
        *asked = true;
        rc = send(t, "hello", request_sync(++ch->request, (struct ctr_str){NULL, 0}));
        if (rc != 0)
            return rc;
        rc = next(t, spawn_now() + STEP_MS, m, &why);
    }
    if (rc == -CTR_EFORMAT)
        return fail_format(t, "hello", why);
    if (rc != 0)
        return fail_step(t, "hello", rc);
    if (!ch->greeted)
        return step(t, "hello", 0,
                    "it does not answer hello: it is asked for all "
                    "contacts only",
                    NULL);
    return step(t, "hello", 0,
                ch->can == (CAN_SEARCH | CAN_TEST) ? "protocol 1; can search and test"
                : ch->can & CAN_SEARCH             ? "protocol 1; can search"
                : ch->can & CAN_TEST               ? "protocol 1; can test"
                                                   : "protocol 1",
                NULL);
}

static int32_t put(void *user, const struct ctr_contact *contacts, uint32_t n)
{
    (void)user, (void)contacts, (void)n;
    return 0;
}

static void note(void *user, const char *reason)
{
    struct trial *t = user;

    if (!t->first_note[0])
        snprintf(t->first_note, sizeof(t->first_note), "line %" PRIu64 ": %s",
                 t->channel.p->lines.number, reason);
}

static int32_t tell_error(struct trial *t, const char *name, const struct message *m)
{
    const char *text = cJSON_IsString(m->item) ? m->item->valuestring : "an error";
    const char *remedy = message_text(m, "remedy");
    char what[TEXT_MAX], todo[TEXT_MAX];

    return step(t, name, -CTR_EUNAVAIL, json_show(kit_str(text), what, sizeof(what)),
                json_show(kit_str(remedy ? remedy : ""), todo, sizeof(todo)));
}

static int32_t tell_contacts(struct trial *t, bool all)
{
    const struct contacts *c = &t->contacts;
    char text[TEXT_MAX];

    if (c->put + c->n == 0 && t->first_note[0])
        return step(t, "contacts", -CTR_EFORMAT, t->first_note,
                    "Correct what the program writes; its README names the fields.");
    if (c->put + c->n == 0)
        return step(t, "contacts", 0, "it has no contacts", NULL);
    snprintf(text, sizeof(text), "%s%" PRIu64 " can be used%s%s",
             all ? "all it has were read: " : "the first were read: ", c->put + c->n,
             t->first_note[0] ? "; not so " : "", t->first_note);
    return step(t, "contacts", 0, text, NULL);
}

/* m: a message of the answer. *over: that is all there is to know. */
static int32_t take_contact(struct trial *t, struct message *m, bool *over)
{
    struct contacts *c = &t->contacts;
    int32_t rc = 0;

    if (m->kind == MESSAGE_CONTACT ||
        (m->kind == MESSAGE_CONTACTS && cJSON_IsArray(m->item))) {
        contacts_take(c, m->root, m->kind == MESSAGE_CONTACT ? NULL : m->item, m->length);
        *over = c->put + c->n >= ENOUGH || c->rejected >= ENOUGH;
        return *over ? tell_contacts(t, false) : 0;
    }
    *over = m->kind == MESSAGE_DONE || m->kind == MESSAGE_ERROR;
    if (m->kind == MESSAGE_ERROR)
        rc = tell_error(t, "contacts", m);
    else if (m->kind == MESSAGE_DONE)
        rc = tell_contacts(t, true);
    message_finish(m);
    return rc;
}

/* What the program itself tested. */
static int32_t take_step(struct trial *t, struct message *m, bool *over)
{
    const cJSON *ok = cJSON_GetObjectItemCaseSensitive(m->root, "ok");
    const char *detail = message_text(m, "detail"), *remedy = message_text(m, "remedy");
    char name[64], what[TEXT_MAX], todo[TEXT_MAX];
    int32_t rc = 0;

    *over = m->kind == MESSAGE_DONE || m->kind == MESSAGE_ERROR;
    if (m->kind == MESSAGE_ERROR) {
        rc = tell_error(t, "test", m);
    } else if (m->kind == MESSAGE_STEP && cJSON_IsString(m->item)) {
        rc = step(t, json_show(kit_str(m->item->valuestring), name, sizeof(name)),
                  cJSON_IsFalse(ok) ? -CTR_EUNAVAIL : 0,
                  json_show(kit_str(detail ? detail : ""), what, sizeof(what)),
                  json_show(kit_str(remedy ? remedy : ""), todo, sizeof(todo)));
        *over = rc != 0;
    }
    message_finish(m);
    return rc;
}

/* Reads the answer to `name`, first the message that is there already. */
static int32_t try_answer(struct trial *t, const char *name, struct message *first)
{
    bool own = strcmp(name, "test") == 0, over = false;
    struct message m = *first;
    int64_t until = spawn_now() + STEP_MS;
    int32_t rc = 0;

    first->root = NULL;
    for (unsigned i = 0; rc == 0 && !over; i++) {
        const char *why;

        if (m.root) {
            rc = own ? take_step(t, &m, &over) : take_contact(t, &m, &over);
            m.root = NULL;
            continue;
        }
        if (i > STEPS_MAX * 2)
            return step(t, name, -CTR_EREFUSED, "the program does not come to an end",
                        NULL);
        rc = next(t, until, &m, &why);
        if (rc == -CTR_EFORMAT)
            rc = fail_format(t, name, why);
        else if (rc != 0)
            rc = fail_step(t, name, rc);
    }
    return rc;
}

static int32_t run(struct trial *t)
{
    struct channel *ch = &t->channel;
    struct message first = {.root = NULL};
    bool asked = false, own;
    int32_t rc = try_start(t);

    if (rc == 0)
        rc = try_hello(t, &first, &asked);
    if (rc != 0)
        return rc;
    if (first.kind == MESSAGE_HELLO)
        message_finish(&first);
    own = ch->can & CAN_TEST && !asked;
    if (own)
        rc = send(t, "test", request_test(++ch->request));
    else if (!asked)
        rc = send(t, "contacts", request_sync(++ch->request, (struct ctr_str){NULL, 0}));
    if (rc == 0)
        rc = try_answer(t, own ? "test" : "contacts", &first);
    message_finish(&first);
    return rc;
}

int32_t source_test(void *instance, struct ctr_test *test)
{
    struct source *s = instance;
    struct trial *t = calloc(1, sizeof(*t));
    int32_t rc;

    if (!t) {
        s->host->test_step(s->host, test, "prepare", -CTR_ENOMEM, "out of memory", NULL);
        return -CTR_ENOMEM;
    }
    t->s = s;
    t->test = test;
    rc = channel_init(&t->channel, &s->config);
    if (rc == 0) {
        rc = contacts_init(&t->contacts, &(struct contacts_sink){put, note, t, NULL});
        if (rc == 0)
            rc = run(t);
        channel_drop(&t->channel);
        contacts_finish(&t->contacts);
        channel_finish(&t->channel);
    }
    if (rc == -CTR_ENOMEM && !t->failed) /* canceled is no failure */
        step(t, "prepare", rc, "out of memory", NULL);
    free(t);
    return rc;
}
