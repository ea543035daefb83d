/* values.c - what a property means: which fields its value gives, and how good it is. */
#include "reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct ctr_str nothing = {NULL, 0};

/* --- text -----------------------------------------------------------------------------
 */

static bool is_ascii(struct ctr_str s)
{
    for (uint64_t i = 0; i < s.len; i++)
        if ((uint8_t)s.ptr[i] >= 0x80)
            return false;
    return true;
}

static bool convert(struct vcard_reader *r, struct charset *c, struct ctr_str *s)
{
    int64_t n = charset_convert(c, s->ptr, s->len, r->scratch, sizeof(r->scratch));

    if (n < 0)
        return false;
    *s = (struct ctr_str){r->scratch, (uint64_t)n};
    return true;
}

/* A CHARSET is believed, but for UTF-8 that is none: that was claimed by habit. The
 * result may lie in r->scratch. returns false: the card is wrong */
static bool to_utf8(struct vcard_reader *r, const struct property *p, struct ctr_str *s)
{
    if (is_ascii(*s))
        return true;
    if (p->charset.len > 0 && !charset_set(&r->named, p->charset)) {
        r->card.wrong = "names a CHARSET that is not known";
        return false;
    }
    if (p->charset.len > 0 && r->named.how != CHARSET_UTF8) {
        if (!convert(r, &r->named, s))
            r->card.wrong = "holds bytes that are not of the CHARSET it names";
    } else if (!utf8_valid(s->ptr, s->len) && !convert(r, &r->fallback, s)) {
        r->card.wrong = "holds bytes that are neither UTF-8 nor of the option charset";
    }
    return !r->card.wrong;
}

/* Room in the card's text. returns NULL: the card is wrong */
static char *room(struct vcard_reader *r, uint64_t n)
{
    if (n > TEXT_LIMIT - r->card.n_text) {
        r->card.wrong = "is larger than 256 KiB without its photo";
        return NULL;
    }
    return r->text + r->card.n_text;
}

_Static_assert(TEXT_LIMIT == 256 * 1024, "the message above names it");

static void warn_long(struct vcard_reader *r, const struct property *p)
{
    char text[96];

    snprintf(text, sizeof(text), "%s is longer than %d bytes and was left out",
             property_name(p->id), CTR_VALUE_MAX);
    card_warn(r, r->card.line, text);
}

/* A part of the value as text that stays until the end of the card; absent: it is empty,
 * too long, or wrong. */
static struct ctr_str text_of(struct vcard_reader *r, const struct property *p,
                              struct ctr_str part)
{
    char *out;

    if (r->card.wrong)
        return nothing;
    if (p->transfer == TRANSFER_QP) {
        part.len = text_qp(p->value + (part.ptr - p->value), part.len);
        if (memchr(part.ptr, 0, part.len))
            r->card.wrong = "holds a NUL byte";
        if (r->card.wrong || !to_utf8(r, p, &part))
            return nothing;
    }
    out = room(r, part.len);
    if (!out)
        return nothing;
    part = str_trim((struct ctr_str){out, text_unescape(out, part.ptr, part.len)});
    if (part.len > CTR_VALUE_MAX) {
        warn_long(r, p);
        return nothing;
    }
    if (part.len == 0)
        return nothing;
    r->card.n_text += (size_t)(part.ptr + part.len - out);
    return part;
}

static struct ctr_str whole(struct vcard_reader *r, const struct property *p)
{
    return text_of(r, p, (struct ctr_str){p->value, p->n_value});
}

/* --- entries --------------------------------------------------------------------------
 */

/* FNV-1a; who makes two names of one card meet mislabels his own number. */
static uint32_t group_hash(struct ctr_str s)
{
    uint32_t h = 2166136261u;

    for (uint64_t i = 0; i < s.len; i++)
        h = (h ^ ((uint8_t)s.ptr[i] | 0x20u)) * 16777619u;
    return s.len == 0 ? 0 : h ? h : 1;
}

static struct entry *add(struct vcard_reader *r, const struct property *p, uint32_t kind,
                         struct ctr_str value)
{
    struct card *c = &r->card;
    struct entry *e;

    if (value.len == 0)
        return NULL;
    if (c->n_entries == CTR_FIELDS_MAX) {
        if (!c->warned)
            card_warn(r, c->line, "has more than 128 values; the others were left out");
        c->warned = true;
        return NULL;
    }
    e = &c->entries[c->n_entries++];
    *e = (struct entry){.f = {.kind = kind, .value = value},
                        .pref = p->pref,
                        .types = p->types,
                        .group = group_hash(p->group)};
    return e;
}

_Static_assert(CTR_FIELDS_MAX == 128, "the message above names it");

static void add_list(struct vcard_reader *r, const struct property *p, uint32_t kind,
                     const char *name)
{
    struct ctr_str rest = {p->value, p->n_value}, part;

    while (text_part(&rest, ',', &part)) {
        struct entry *e = add(r, p, kind, text_of(r, p, part));

        if (e && name)
            e->f.name = (struct ctr_str){name, strlen(name)};
    }
}

/* --- the map --------------------------------------------------------------------------
 */

/* The entry for a property; one with a label goes first. */
static const struct vcard_map *mapping(const struct vcard_reader *r,
                                       const struct property *p)
{
    const struct vcard_map *any = NULL;

    for (uint32_t i = 0; i < r->options.n_map; i++) {
        const struct vcard_map *m = &r->options.map[i];

        if (!str_is(p->name, m->property))
            continue;
        for (uint32_t k = 0; m->label && k < p->n_labels; k++)
            if (str_is(p->labels[k], m->label))
                return m;
        any = m->label || any ? any : m;
    }
    return any;
}

/* Whether the label of its group may still map it. */
static bool may_map(const struct vcard_reader *r, const struct property *p)
{
    for (uint32_t i = 0; p->group.len && i < r->options.n_map; i++)
        if (r->options.map[i].label && str_is(p->name, r->options.map[i].property))
            return true;
    return false;
}

void values_map(struct vcard_reader *r, struct entry *e, const struct vcard_map *m)
{
    e->final = true;
    e->f.kind = m->kind;
    e->f.name = m->name ? (struct ctr_str){m->name, strlen(m->name)} : nothing;
    if (m->kind == CTR_FIELD_ID) {
        r->card.id = e->f.value;
        r->card.id_mapped = true;
    } else if (m->kind == CTR_FIELD_OWNER) {
        r->card.owner = e->f.value;
    }
}

static void take_mapped(struct vcard_reader *r, const struct property *p,
                        const struct vcard_map *m)
{
    uint32_t first = r->card.n_entries;

    if (p->id == PROP_CATEGORIES || p->id == PROP_NICKNAME)
        add_list(r, p, m->kind, NULL);
    else
        add(r, p, m->kind, whole(r, p));
    for (; first < r->card.n_entries; first++)
        values_map(r, &r->card.entries[first], m);
}

/* --- properties -----------------------------------------------------------------------
 */

static void take_name(struct vcard_reader *r, const struct property *p)
{
    static const uint32_t kinds[] = {CTR_FIELD_SURNAME, CTR_FIELD_GIVEN_NAME};
    struct ctr_str rest = {p->value, p->n_value}, part;

    if (r->card.named)
        return;
    for (unsigned i = 0; i < 2 && text_part(&rest, ';', &part); i++)
        r->card.named |= add(r, p, kinds[i], text_of(r, p, part)) != NULL;
}

/* The parts from *rest on as one value; each lies behind the one before it. */
static struct ctr_str join(struct vcard_reader *r, const struct property *p,
                           struct ctr_str rest)
{
    struct ctr_str all = nothing, part;
    char *out;

    while (text_part(&rest, ';', &part)) {
        size_t before = r->card.n_text;

        part = text_of(r, p, part);
        if (part.len == 0)
            continue;
        if (!all.len) {
            all = part;
            continue;
        }
        if (all.len + 2 + part.len > CTR_VALUE_MAX || !room(r, 2))
            break;
        out = r->text + before;
        memmove(out + 2, part.ptr, part.len);
        memcpy(out, ", ", 2);
        r->card.n_text = before + 2 + part.len;
        all.len += 2 + part.len;
    }
    return all;
}

static void take_organisation(struct vcard_reader *r, const struct property *p)
{
    struct ctr_str rest = {p->value, p->n_value}, part;

    if (text_part(&rest, ';', &part))
        add(r, p, CTR_FIELD_ORGANISATION, text_of(r, p, part));
    add(r, p, CTR_FIELD_DEPARTMENT, join(r, p, rest));
}

static bool begins(struct ctr_str s, const char *with)
{
    size_t n = strlen(with);

    return s.len >= n && strncasecmp(s.ptr, with, n) == 0;
}

/* Takes "tel:" and its like off. */
static struct ctr_str without(struct ctr_str s, const char *scheme)
{
    size_t n = begins(s, scheme) ? strlen(scheme) : 0;

    return (struct ctr_str){s.ptr + n, s.len - n};
}

static struct entry *take_text(struct vcard_reader *r, const struct property *p,
                               uint32_t kind, const char *scheme)
{
    struct ctr_str value = whole(r, p);

    return value.len ? add(r, p, kind, without(value, scheme)) : NULL;
}

static void take_phone(struct vcard_reader *r, const struct property *p)
{
    struct entry *e = take_text(r, p, CTR_FIELD_PHONE_OTHER, "tel:");

    if (e && (begins(e->f.value, "sip:") || begins(e->f.value, "sips:")))
        e->types |= TYPE_IP;
}

static void forget_address(struct card *c)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->n_entries; i++)
        if (c->entries[i].final || c->entries[i].f.kind < CTR_FIELD_STREET ||
            c->entries[i].f.kind > CTR_FIELD_COUNTRY)
            c->entries[kept++] = c->entries[i];
    c->n_entries = kept;
}

/* Exporters write all the marks of an address that is not there. */
static bool is_blank(struct ctr_str s)
{
    for (uint64_t i = 0; i < s.len; i++)
        if ((uint8_t)s.ptr[i] > ' ' && s.ptr[i] != ';')
            return false;
    return true;
}

/* Post office box; extended; street; city; state; code; country. One address is taken,
 * as the parts of two cannot be told apart afterwards: work, then preferred, then the
 * first. */
static void take_address(struct vcard_reader *r, const struct property *p)
{
    static const uint32_t kinds[] = {
        CTR_FIELD_STREET, CTR_FIELD_STREET,      CTR_FIELD_STREET, CTR_FIELD_CITY,
        CTR_FIELD_STATE,  CTR_FIELD_POSTAL_CODE, CTR_FIELD_COUNTRY};
    struct ctr_str rest = {p->value, p->n_value}, part;
    unsigned good = 1u + (p->pref != PREF_NONE) + (p->types & TYPE_WORK ? 2u : 0u);
    struct entry *street = NULL, *e;

    if (good <= r->card.address || is_blank(rest))
        return;
    forget_address(&r->card);
    for (unsigned i = 0; i < 7 && text_part(&rest, ';', &part); i++) {
        e = add(r, p, kinds[i], text_of(r, p, part));
        if (!e)
            continue;
        r->card.address = good;
        if (kinds[i] == CTR_FIELD_STREET && street) {
            street->f.value = e->f.value; /* the street says more than a box or floor */
            r->card.n_entries--;
        } else if (kinds[i] == CTR_FIELD_STREET) {
            street = e;
        }
    }
}

/* Inline as base64 or as a data: URI; what would have to be fetched is left alone. */
static void take_photo(struct vcard_reader *r, const struct property *p)
{
    static const char mark[] = ";base64";
    const char *s = p->value, *end = p->value + p->n_value;
    int64_t n;

    if (r->options.photo_max == 0 || r->card.n_photo > 0)
        return;
    if (p->n_value > 5 && strncasecmp(s, "data:", 5) == 0) {
        size_t head = p->n_value < 200 ? p->n_value : 200;

        s = memmem(s, head, mark, sizeof(mark) - 1);
        if (!s)
            return;
        s += sizeof(mark) - 1;
        s += s < end && *s == '\\';
        s += s < end && *s == ',';
    } else if (p->transfer != TRANSFER_BASE64) {
        return;
    }
    n = text_base64(s, (size_t)(end - s), r->photo, r->options.photo_max);
    r->card.photo = true;
    r->card.n_photo = n > 0 ? (size_t)n : 0;
    r->counts.photos += n <= 0;
}

static void take_label(struct vcard_reader *r, const struct property *p)
{
    static const char open[] = "_$!<", close[] = ">!$_"; /* Apple's own words */
    struct ctr_str text = whole(r, p);
    struct card *c = &r->card;

    if (begins(text, open))
        text = without(text, open);
    if (text.len >= 4 && memcmp(text.ptr + text.len - 4, close, 4) == 0)
        text.len -= 4;
    if (text.len > 0 && p->group.len > 0 && c->n_labels < LABELS_MAX)
        c->labels[c->n_labels++] = (struct label){
            .group = group_hash(p->group), .types = property_types(text), .text = text};
}

static void take_kind(struct vcard_reader *r, const struct property *p)
{
    struct ctr_str kind = whole(r, p);

    r->card.group |= str_is(kind, "group");
    r->card.organisation |= str_is(kind, "org") || str_is(kind, "organization");
}

static void take_class(struct vcard_reader *r, const struct property *p)
{
    struct ctr_str class = whole(r, p);

    r->card.hidden |= class.len > 0 && !str_is(class, "public");
}

static void take_version(struct vcard_reader *r, const struct property *p)
{
    struct ctr_str version = whole(r, p);

    r->card.version = str_is(version, "2.1")   ? VERSION_21
                      : str_is(version, "3.0") ? VERSION_3
                                               : VERSION_4;
}

static void take_uid(struct vcard_reader *r, const struct property *p)
{
    if (!r->card.id_mapped)
        r->card.id = whole(r, p);
}

static void take_known(struct vcard_reader *r, const struct property *p)
{
    switch (p->id) {
    case PROP_ADR:
        take_address(r, p);
        break;
    case PROP_CLASS:
        take_class(r, p);
        break;
    case PROP_EMAIL:
        take_text(r, p, CTR_FIELD_MAIL, "mailto:");
        break;
    case PROP_FN:
        take_text(r, p, CTR_FIELD_DISPLAY_NAME, "");
        break;
    case PROP_KIND:
        take_kind(r, p);
        break;
    case PROP_LABEL:
        take_label(r, p);
        break;
    case PROP_N:
        take_name(r, p);
        break;
    case PROP_NICKNAME:
        add_list(r, p, CTR_FIELD_NICKNAME, NULL);
        break;
    case PROP_NOTE:
        take_text(r, p, CTR_FIELD_NOTE, "");
        break;
    case PROP_ORG:
        take_organisation(r, p);
        break;
    case PROP_TEL:
        take_phone(r, p);
        break;
    case PROP_TITLE:
        take_text(r, p, CTR_FIELD_TITLE, "");
        break;
    case PROP_UID:
        take_uid(r, p);
        break;
    case PROP_URL:
        take_text(r, p, CTR_FIELD_URL, "");
        break;
    case PROP_VERSION:
        take_version(r, p);
        break;
    default:
        break;
    }
}

/* Entries the group's label may still map keep the property's name. */
static void keep_name(struct vcard_reader *r, const struct property *p, uint32_t first)
{
    char *out = room(r, p->name.len);

    if (first == r->card.n_entries || !out)
        return;
    memcpy(out, p->name.ptr, p->name.len);
    r->card.n_text += p->name.len;
    for (; first < r->card.n_entries; first++)
        r->card.entries[first].mapped = (struct ctr_str){out, p->name.len};
}

void values_take(struct vcard_reader *r, struct property *p)
{
    const struct vcard_map *m = r->options.n_map ? mapping(r, p) : NULL;
    bool later = r->options.n_map && may_map(r, p);
    struct ctr_str all = {p->value, p->n_value};
    uint32_t first = r->card.n_entries;

    if (p->id == PROP_PHOTO) {
        take_photo(r, p);
        return;
    }
    if (p->id == PROP_OTHER && !m && !later)
        return;
    if (p->n_value > RAW_LIMIT) {
        warn_long(r, p);
        return;
    }
    if (p->transfer != TRANSFER_QP) {
        if (!to_utf8(r, p, &all))
            return;
        if (all.ptr != p->value)
            p->value = r->scratch;
        p->n_value = all.len;
    }
    if (m)
        take_mapped(r, p, m);
    else if (p->id == PROP_OTHER)
        add(r, p, 0, whole(r, p));
    else
        take_known(r, p);
    if (later)
        keep_name(r, p, first);
}
