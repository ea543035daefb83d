/* multistatus.c - expat's events to responses. A stack of known elements says where we
 * are; values are gathered in one buffer for each response. */
#include "multistatus.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contactor/error.h"
#include "element.h"

enum { TEXT_SPARE = 256 * 1024 }; /* of a response, beside its card */

/* A value: where in `text` it begins, plus one; 0: none. */
typedef size_t place;

struct props {
    place etag, ctag, token, name, principal, homes[MULTISTATUS_HOMES_MAX], data;
    unsigned n_homes;
    size_t data_len;
    bool data_long, collection, addressbook, can_sync;
};

struct multistatus {
    XML_Parser parser;
    multistatus_fn fn;
    void *user;
    size_t data_max;
    uint64_t fed; /* bytes */

    uint8_t stack[MULTISTATUS_DEPTH_MAX];
    unsigned depth;
    enum element leaf; /* whose text is being gathered; OTHER: nobody's */
    size_t leaf_from;
    bool leaf_long;

    char *text; /* of the response: values, each with a NUL behind it */
    size_t n_text, cap_text;
    place href;
    int status, prop_status;
    bool found;
    struct props all, now; /* of the response, of the propstat */

    char *token;
    bool bad_token, rooted;
    int32_t error;
    char reason[256];
};

/* --- errors ---------------------------------------------------------------------------
 */

static int32_t fail(struct multistatus *m, int32_t code, const char *reason)
{
    if (m->error == 0) {
        m->error = code;
        snprintf(m->reason, sizeof(m->reason), "%s", reason);
    }
    XML_StopParser(m->parser, XML_FALSE);
    return code;
}

/* --- values ---------------------------------------------------------------------------
 */

static bool text_room(struct multistatus *m, size_t n)
{
    size_t cap = m->cap_text ? m->cap_text : 4096;
    char *more;

    if (m->n_text + n > m->data_max + TEXT_SPARE) {
        fail(m, -CTR_ESIZE, "one response in the answer is far too long");
        return false;
    }
    while (cap < m->n_text + n)
        cap *= 2;
    if (cap == m->cap_text)
        return true;
    more = realloc(m->text, cap);
    if (!more) {
        fail(m, -CTR_ENOMEM, "out of memory");
        return false;
    }
    m->text = more;
    m->cap_text = cap;
    return true;
}

static void on_text(void *user, const XML_Char *s, int len)
{
    struct multistatus *m = user;
    size_t n = (size_t)len;
    size_t max = m->leaf == ADDRESS_DATA ? m->data_max : MULTISTATUS_TEXT_MAX;

    if (m->leaf == OTHER || m->leaf_long || m->error)
        return;
    if (m->n_text - m->leaf_from + n > max) {
        if (m->leaf == ADDRESS_DATA)
            m->leaf_long = true;
        else
            fail(m, -CTR_ESIZE, "a value in the answer is longer than 4096 bytes");
        return;
    }
    if (!text_room(m, n + 1))
        return;
    memcpy(m->text + m->n_text, s, n);
    m->n_text += n;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The gathered value, blanks around it removed; 0: empty. */
static place take_value(struct multistatus *m)
{
    size_t from = m->leaf_from, to = m->n_text;

    if (m->leaf != ADDRESS_DATA) {
        while (from < to && is_blank(m->text[from]))
            from++;
        while (to > from && is_blank(m->text[to - 1]))
            to--;
    }
    if (from == to || !text_room(m, 1))
        return 0;
    m->text[to] = 0;
    m->n_text = to + 1;
    return from + 1;
}

static const char *string(const struct multistatus *m, place at)
{
    return at ? m->text + at - 1 : NULL;
}

/* "HTTP/1.1 200 OK" */
static int status_of(const char *line)
{
    const char *blank = line ? strchr(line, ' ') : NULL;
    long status = blank ? strtol(blank + 1, NULL, 10) : 0;

    return status >= 100 && status <= 599 ? (int)status : 599;
}

/* --- the end of an element ------------------------------------------------------------
 */

static void end_href(struct multistatus *m, enum element parent)
{
    struct props *p = &m->now;
    place at = take_value(m);

    if (parent == RESPONSE && m->href == 0)
        m->href = at;
    else if (parent == PRINCIPAL)
        p->principal = at;
    else if (parent == HOME_SET && at && p->n_homes < MULTISTATUS_HOMES_MAX)
        p->homes[p->n_homes++] = at;
}

static void end_token(struct multistatus *m, enum element parent)
{
    place at = take_value(m);

    if (parent == PROP)
        m->now.token = at;
    if (parent != MULTISTATUS)
        return;
    free(m->token);
    m->token = at ? strdup(string(m, at)) : NULL;
    if (at && !m->token)
        fail(m, -CTR_ENOMEM, "out of memory");
}

static void end_status(struct multistatus *m, enum element parent)
{
    place at = take_value(m);

    if (parent == RESPONSE)
        m->status = status_of(string(m, at));
    else if (parent == PROPSTAT)
        m->prop_status = status_of(string(m, at));
}

static void end_data(struct multistatus *m)
{
    struct props *p = &m->now;

    p->data_long = m->leaf_long;
    p->data = p->data_long ? 0 : take_value(m);
    p->data_len = p->data ? m->n_text - p->data : 0;
    if (p->data_long)
        m->n_text = m->leaf_from;
}

static void merge(place *to, place from)
{
    if (from)
        *to = from;
}

/* What a propstat told counts if its status does. */
static void end_propstat(struct multistatus *m)
{
    struct props *a = &m->all, *b = &m->now;

    if (m->prop_status / 100 == 2 || m->prop_status == 0) {
        m->found = true;
        merge(&a->etag, b->etag);
        merge(&a->ctag, b->ctag);
        merge(&a->token, b->token);
        merge(&a->name, b->name);
        merge(&a->principal, b->principal);
        if (b->n_homes) {
            memcpy(a->homes, b->homes, sizeof(a->homes));
            a->n_homes = b->n_homes;
        }
        if (b->data || b->data_long) {
            a->data = b->data;
            a->data_len = b->data_len;
            a->data_long = b->data_long;
        }
        a->collection |= b->collection;
        a->addressbook |= b->addressbook;
        a->can_sync |= b->can_sync;
    }
    m->now = (struct props){0};
    m->prop_status = 0;
}

static void end_response(struct multistatus *m)
{
    const struct props *p = &m->all;
    struct dav_response r = {.href = string(m, m->href),
                             .status = m->status,
                             .found = m->found,
                             .etag = string(m, p->etag),
                             .ctag = string(m, p->ctag),
                             .token = string(m, p->token),
                             .name = string(m, p->name),
                             .principal = string(m, p->principal),
                             .n_homes = p->n_homes,
                             .collection = p->collection,
                             .addressbook = p->addressbook,
                             .can_sync = p->can_sync,
                             .data = string(m, p->data),
                             .data_len = p->data_len,
                             .data_long = p->data_long};
    int32_t rc;

    for (unsigned i = 0; i < p->n_homes; i++)
        r.homes[i] = string(m, p->homes[i]);
    if (!r.href) {
        fail(m, -CTR_EPROTO, "a response in the answer does not say what it is about");
        return;
    }
    rc = m->fn(m->user, &r);
    if (rc == -CTR_EPAUSE)
        XML_StopParser(m->parser, XML_TRUE);
    else if (rc < 0)
        fail(m, rc, "");
}

static void end_value(struct multistatus *m, enum element parent)
{
    switch (m->leaf) {
    case HREF:
        end_href(m, parent);
        break;
    case STATUS:
        end_status(m, parent);
        break;
    case SYNC_TOKEN:
        end_token(m, parent);
        break;
    case GETETAG:
        m->now.etag = take_value(m);
        break;
    case GETCTAG:
        m->now.ctag = take_value(m);
        break;
    case DISPLAYNAME:
        m->now.name = take_value(m);
        break;
    case ADDRESS_DATA:
        end_data(m);
        break;
    default:
        break;
    }
    m->leaf = OTHER;
}

static void on_end(void *user, const XML_Char *name)
{
    struct multistatus *m = user;
    enum element element, parent;

    (void)name;
    if (m->error)
        return;
    element = m->stack[--m->depth];
    parent = m->depth ? m->stack[m->depth - 1] : OTHER;
    if (element == PROPSTAT)
        end_propstat(m);
    else if (element == RESPONSE)
        end_response(m);
    else if (m->leaf != OTHER && m->leaf == element)
        end_value(m, parent);
}

/* --- the beginning of an element ------------------------------------------------------
 */

static void begin_response(struct multistatus *m)
{
    m->n_text = 0;
    m->href = 0;
    m->status = m->prop_status = 0;
    m->found = false;
    m->all = m->now = (struct props){0};
}

/* Elements that say something by being there. */
static void note(struct multistatus *m, enum element element, enum element parent)
{
    if (element == RESPONSE && parent == MULTISTATUS)
        begin_response(m);
    else if (element == COLLECTION && parent == RESOURCETYPE)
        m->now.collection = true;
    else if (element == ADDRESSBOOK && parent == RESOURCETYPE)
        m->now.addressbook = true;
    else if (element == SYNC_COLLECTION && parent == REPORT)
        m->now.can_sync = true;
    else if (element == VALID_SYNC_TOKEN && parent == ERROR)
        m->bad_token = true;
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct multistatus *m = user;
    enum element element, parent = m->depth ? m->stack[m->depth - 1] : OTHER;

    (void)attributes;
    if (m->error)
        return;
    element = element_begins(name, parent, m->depth);
    if (m->depth == 0) {
        m->rooted = element == MULTISTATUS || element == ERROR;
        if (!m->rooted) {
            fail(m, -CTR_EPROTO, "the answer is XML, but not WebDAV");
            return;
        }
    }
    if (m->depth == MULTISTATUS_DEPTH_MAX) {
        fail(m, -CTR_ESIZE, "the answer is nested too deeply");
        return;
    }
    m->stack[m->depth++] = (uint8_t)element;
    note(m, element, parent);
    if (element_has_text(element) && m->leaf == OTHER) {
        m->leaf = element;
        m->leaf_from = m->n_text;
        m->leaf_long = false;
    }
}

/* Entities begin here; WebDAV has no use for them. */
static void on_doctype(void *user, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    fail(user, -CTR_EPROTO,
         "the answer declares a document type, as web pages do and WebDAV does not");
}

/* --- bytes ----------------------------------------------------------------------------
 */

static int32_t outcome(struct multistatus *m, enum XML_Status status)
{
    char text[200];

    if (m->error)
        return m->error;
    if (status == XML_STATUS_SUSPENDED)
        return -CTR_EPAUSE;
    if (status == XML_STATUS_OK)
        return 0;
    if (XML_GetErrorCode(m->parser) == XML_ERROR_NO_MEMORY)
        return fail(m, -CTR_ENOMEM, "out of memory");
    snprintf(text, sizeof(text), "the answer is not well-formed XML: %s in line %llu",
             XML_ErrorString(XML_GetErrorCode(m->parser)),
             (unsigned long long)XML_GetCurrentLineNumber(m->parser));
    m->error = -CTR_EPROTO;
    snprintf(m->reason, sizeof(m->reason), "%s", text);
    return m->error;
}

/* Expat keeps what is not yet a whole token. */
static int32_t check_token(struct multistatus *m)
{
    XML_Index at = XML_GetCurrentByteIndex(m->parser);

    if (at >= 0 && m->fed > (uint64_t)at + MULTISTATUS_TOKEN_MAX)
        return fail(m, -CTR_ESIZE, "a tag or comment in the answer has no end");
    return 0;
}

int32_t multistatus_feed(struct multistatus *m, const char *data, size_t n)
{
    int32_t rc;

    if (m->error)
        return m->error;
    if (n > (1u << 20))
        return fail(m, -CTR_EINVAL, "more than 1 MiB at once");
    m->fed += n;
    rc = outcome(m, XML_Parse(m->parser, data, (int)n, XML_FALSE));
    return rc == 0 ? check_token(m) : rc;
}

int32_t multistatus_resume(struct multistatus *m)
{
    return m->error ? m->error : outcome(m, XML_ResumeParser(m->parser));
}

int32_t multistatus_end(struct multistatus *m)
{
    return m->error ? m->error : outcome(m, XML_Parse(m->parser, "", 0, XML_TRUE));
}

struct multistatus *multistatus_create(size_t data_max, multistatus_fn fn, void *user)
{
    struct multistatus *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->parser = XML_ParserCreateNS(NULL, ELEMENT_SEPARATOR);
    if (!m->parser) {
        free(m);
        return NULL;
    }
    m->fn = fn;
    m->user = user;
    m->data_max = data_max;
    XML_SetUserData(m->parser, m);
    XML_SetElementHandler(m->parser, on_start, on_end);
    XML_SetCharacterDataHandler(m->parser, on_text);
    XML_SetStartDoctypeDeclHandler(m->parser, on_doctype);
    return m;
}

void multistatus_destroy(struct multistatus *m)
{
    if (!m)
        return;
    XML_ParserFree(m->parser);
    free(m->text);
    free(m->token);
    free(m);
}

const char *multistatus_reason(const struct multistatus *m)
{
    return m->reason;
}

const char *multistatus_token(const struct multistatus *m)
{
    return m->token;
}

bool multistatus_bad_token(const struct multistatus *m)
{
    return m->bad_token;
}
