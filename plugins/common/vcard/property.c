/* property.c - a content line as group, name, parameters and value:
 * item1.TEL;TYPE="work,voice";PREF=1:+49 89 ... */
#include "reader.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    enum property_id id;
} known[] = {
    {"TEL", PROP_TEL},
    {"N", PROP_N},
    {"FN", PROP_FN},
    {"EMAIL", PROP_EMAIL},
    {"ORG", PROP_ORG},
    {"ADR", PROP_ADR},
    {"TITLE", PROP_TITLE},
    {"UID", PROP_UID},
    {"URL", PROP_URL},
    {"NOTE", PROP_NOTE},
    {"BEGIN", PROP_BEGIN},
    {"END", PROP_END},
    {"VERSION", PROP_VERSION},
    {"PHOTO", PROP_PHOTO},
    {"NICKNAME", PROP_NICKNAME},
    {"CATEGORIES", PROP_CATEGORIES},
    {"CLASS", PROP_CLASS},
    {"KIND", PROP_KIND},
    {"X-ADDRESSBOOKSERVER-KIND", PROP_KIND},
    {"X-ABLABEL", PROP_LABEL},
    {"X-MS-TEL", PROP_TEL},
    {"AGENT", PROP_AGENT},
};

/* The first that fits decides: a work fax is a fax, a mobile phone of the firm a mobile
 * phone. */
static const struct {
    uint32_t type, kind;
} kinds[] = {
    {TYPE_FAX, CTR_FIELD_PHONE_FAX},     {TYPE_PAGER, CTR_FIELD_PHONE_PAGER},
    {TYPE_CELL, CTR_FIELD_PHONE_MOBILE}, {TYPE_MAIN, CTR_FIELD_PHONE_MAIN},
    {TYPE_IP, CTR_FIELD_PHONE_IP},       {TYPE_WORK, CTR_FIELD_PHONE_BUSINESS},
    {TYPE_HOME, CTR_FIELD_PHONE_HOME},
};

/* Words within a TYPE or a label, which people write freely. */
static const struct {
    uint32_t type;
    bool whole; /* too short to be looked for within others */
    const char *word;
} words[] = {
    {TYPE_FAX, false, "fax"},
    {TYPE_PAGER, false, "pager"},
    {TYPE_CELL, false, "cell"},
    {TYPE_CELL, false, "mobil"},
    {TYPE_CELL, false, "handy"},
    {TYPE_CELL, false, "iphone"},
    {TYPE_CELL, true, "pcs"},
    {TYPE_CELL, true, "car"},
    {TYPE_MAIN, false, "main"},
    {TYPE_MAIN, false, "haupt"},
    {TYPE_MAIN, false, "zentrale"},
    {TYPE_MAIN, false, "company"},
    {TYPE_IP, true, "ip"},
    {TYPE_IP, true, "sip"},
    {TYPE_IP, true, "voip"},
    {TYPE_WORK, false, "work"},
    {TYPE_WORK, false, "business"},
    {TYPE_WORK, false, "office"},
    {TYPE_WORK, false, "arbeit"},
    {TYPE_WORK, false,
     "gesch\xc3\xa4"
     "ft"},
    {TYPE_WORK, false, "dienst"},
    {TYPE_WORK, false, "b\xc3\xbcro"},
    {TYPE_WORK, false, "firma"},
    {TYPE_HOME, false, "home"},
    {TYPE_HOME, false, "privat"},
};

bool str_is(struct ctr_str s, const char *z)
{
    return s.len == strlen(z) && strncasecmp(s.ptr, z, s.len) == 0;
}

struct ctr_str str_trim(struct ctr_str s)
{
    while (s.len && (uint8_t)s.ptr[0] <= ' ')
        s.ptr++, s.len--;
    while (s.len && (uint8_t)s.ptr[s.len - 1] <= ' ')
        s.len--;
    return s;
}

static bool has_word(struct ctr_str s, const char *word)
{
    size_t len = strlen(word);

    for (uint64_t i = 0; i + len <= s.len; i++)
        if (strncasecmp(s.ptr + i, word, len) == 0)
            return true;
    return false;
}

uint32_t property_types(struct ctr_str label)
{
    uint32_t types = 0;

    for (size_t i = 0; i < COUNT(words); i++)
        if (words[i].whole ? str_is(label, words[i].word)
                           : has_word(label, words[i].word))
            types |= words[i].type;
    return types;
}

uint32_t property_phone_kind(uint32_t types)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (types & kinds[i].type)
            return kinds[i].kind;
    return CTR_FIELD_PHONE_OTHER;
}

const char *property_name(enum property_id id)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i].id == id)
            return known[i].name;
    return "a property";
}

/* --- parameters -----------------------------------------------------------------------
 */

/* RFC 6868, in place: ^n ^' ^^. */
static size_t uncaret(char *s, size_t n)
{
    char *first = memchr(s, '^', n);
    size_t at = first ? (size_t)(first - s) : n;

    for (size_t i = at; i < n; i++) {
        char next = i + 1 < n ? s[i + 1] : 0;
        char c = s[i] != '^'    ? 0
                 : next == 'n'  ? '\n'
                 : next == '\'' ? '"'
                 : next == '^'  ? '^'
                                : 0;

        s[at++] = c ? c : s[i];
        i += c != 0;
    }
    return at;
}

static void take_type(struct property *p, struct ctr_str value)
{
    value = str_trim(value);
    if (value.len == 0)
        return;
    if (str_is(value, "pref"))
        p->pref = 1;
    p->types |= property_types(value);
    if (p->n_labels < TYPES_MAX)
        p->labels[p->n_labels++] = value;
}

static void take_types(struct property *p, char *value, size_t n)
{
    while (n > 0) {
        char *comma = memchr(value, ',', n);
        size_t len = comma ? (size_t)(comma - value) : n;

        take_type(p, (struct ctr_str){value, uncaret(value, len)});
        value += len + (comma != NULL);
        n -= len + (comma != NULL);
    }
}

static bool take_encoding(struct property *p, struct ctr_str value)
{
    if (str_is(value, "quoted-printable") || str_is(value, "q"))
        p->transfer = TRANSFER_QP;
    else if (str_is(value, "base64") || str_is(value, "b"))
        p->transfer = TRANSFER_BASE64;
    else
        return str_is(value, "8bit") || str_is(value, "7bit");
    return true;
}

static uint32_t preference(struct ctr_str value)
{
    uint32_t n = 0;

    for (uint64_t i = 0; i < value.len && i < 3 && isdigit((uint8_t)value.ptr[i]); i++)
        n = n * 10 + (uint32_t)(value.ptr[i] - '0');
    return n >= 1 && n <= 100 ? n : PREF_NONE;
}

/* 2.1 leaves out the names of parameters: TEL;WORK;FAX. */
static void take_bare(struct property *p, struct ctr_str value)
{
    if (!(value.len > 1 && take_encoding(p, value)))
        take_type(p, value);
}

static void take_parameter(struct property *p, char *s, size_t n)
{
    char *eq = memchr(s, '=', n);
    struct ctr_str name = str_trim((struct ctr_str){s, eq ? (uint64_t)(eq - s) : n}),
                   value;
    char *text = eq ? eq + 1 : s;
    size_t len = eq ? n - (size_t)(eq + 1 - s) : 0;

    if (len >= 2 && text[0] == '"' && text[len - 1] == '"')
        text++, len -= 2;
    value = str_trim((struct ctr_str){text, len});
    if (!eq)
        take_bare(p, name);
    else if (str_is(name, "type"))
        take_types(p, text, len);
    else if (str_is(name, "encoding"))
        take_encoding(p, value);
    else if (str_is(name, "charset"))
        p->charset = value;
    else if (str_is(name, "pref"))
        p->pref = preference(value);
}

/* --- the line -------------------------------------------------------------------------
 */

/* The next mark outside quotes; quotes that do not close are bytes like others. */
static char *find(char *s, char *end, const char *marks)
{
    for (; s < end; s++) {
        if (*s == marks[0] || *s == marks[1])
            return s;
        if (*s == '"') {
            char *close = memchr(s + 1, '"', (size_t)(end - s - 1));

            s = close ? close : s;
        }
    }
    return NULL;
}

/* Group and name: letters, digits, hyphens; what else stands before a colon is prose. */
static bool take_name(struct property *p, char *s, size_t n)
{
    char *dot = memchr(s, '.', n);

    for (size_t i = 0; i < n; i++)
        if (!isalnum((uint8_t)s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
            return false;
    if (dot)
        p->group = (struct ctr_str){s, (uint64_t)(dot - s)};
    p->name = dot ? (struct ctr_str){dot + 1, n - (size_t)(dot + 1 - s)}
                  : (struct ctr_str){s, n};
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_is(p->name, known[i].name))
            p->id = known[i].id;
    return p->name.len > 0;
}

bool property_parse(struct property *p, char *line, size_t n)
{
    char *end = line + n, *at = find(line, end, ";:"), *next;

    *p = (struct property){.pref = PREF_NONE};
    if (!at || !take_name(p, line, (size_t)(at - line)))
        return false;
    while (*at == ';') {
        next = find(at + 1, end, ";:");
        if (!next)
            return false;
        take_parameter(p, at + 1, (size_t)(next - at - 1));
        at = next;
    }
    p->value = at + 1;
    p->n_value = (size_t)(end - p->value);
    return true;
}
