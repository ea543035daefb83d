/* card.c - from BEGIN to END: which lines make a card, and what becomes of it. */
#include "reader.h"

#include <stdio.h>
#include <string.h>

void card_warn(const struct vcard_reader *r, uint64_t line, const char *reason)
{
    if (r->events->on_warn)
        r->events->on_warn(r->user, line, reason);
}

static void reject(struct vcard_reader *r, uint64_t line, const char *reason)
{
    r->counts.rejected++;
    r->events->on_reject(r->user, line, reason);
}

static bool is_card(const struct property *p)
{
    return str_is(str_trim((struct ctr_str){p->value, p->n_value}), "vcard");
}

/* --- the end of a card ----------------------------------------------------------------
 */

static uint32_t make_fields(struct vcard_reader *r)
{
    struct card *c = &r->card;
    uint32_t n = c->n_entries;

    for (uint32_t i = 0; i < n; i++)
        r->fields[i] = c->entries[i].f;
    if (c->n_photo > 0 && n < CTR_FIELDS_MAX)
        r->fields[n++] = (struct ctr_field){
            .kind = CTR_FIELD_PHOTO, .value = {(const char *)r->photo, c->n_photo}};
    return n;
}

/* An owner is never cut or left out: that would show a private contact to everybody. */
static const char *check(const struct card *c)
{
    if (c->wrong)
        return c->wrong;
    if (c->id.len > CTR_ID_MAX)
        return "the id is longer than 400 bytes";
    if (c->owner.len > CTR_ID_MAX)
        return "the owner is longer than 400 bytes";
    if (c->n_entries == 0)
        return "has neither a name nor a number nor any other value";
    return NULL;
}

_Static_assert(CTR_ID_MAX == 400, "the messages above name it");

static int32_t deliver(struct vcard_reader *r)
{
    struct card *c = &r->card;
    struct ctr_contact contact = {.size = sizeof(contact),
                                  .id = c->id,
                                  .owner = c->owner,
                                  .fields = r->fields,
                                  .field_size = sizeof(struct ctr_field)};
    const char *owner = r->options.private_owner;

    if (c->hidden && !r->options.show_private && !owner) {
        r->counts.hidden++;
        return 0;
    }
    if (c->hidden && !r->options.show_private && !c->owner.len)
        contact.owner = (struct ctr_str){owner, strlen(owner)};
    contact.n_fields = make_fields(r);
    r->counts.contacts++;
    return r->events->on_contact(r->user, &contact, c->line);
}

static int32_t finish(struct vcard_reader *r)
{
    const char *wrong;

    r->open = false;
    if (r->card.group) {
        r->counts.groups++;
        return 0;
    }
    settle(r);
    wrong = check(&r->card);
    if (!wrong)
        return deliver(r);
    reject(r, r->card.line, wrong);
    return 0;
}

/* --- lines ----------------------------------------------------------------------------
 */

static void begin(struct vcard_reader *r)
{
    memset(&r->card, 0, offsetof(struct card, entries));
    r->card.line = r->line_at;
    r->card.version = VERSION_3;
    r->open = true;
    r->garbage = false;
}

/* Outside a card. */
static void stray(struct vcard_reader *r, const struct property *p, bool parsed)
{
    if (parsed && p->id == PROP_BEGIN && is_card(p)) {
        begin(r);
    } else if (parsed && p->id == PROP_END && is_card(p)) {
        reject(r, r->line_at, "END:VCARD without a BEGIN:VCARD");
    } else if (!r->garbage) {
        r->garbage = true;
        card_warn(r, r->line_at, "what stands here is outside a card and was left out");
    }
}

/* A card within a card is an assistant's (AGENT); any other means that the END of the
 * first is missing. */
static void nested(struct vcard_reader *r)
{
    char text[80];

    if (r->card.agent) {
        r->card.agent = false;
        r->card.depth++;
        return;
    }
    snprintf(text, sizeof(text), "has no END:VCARD before the next card in line %llu",
             (unsigned long long)r->line_at);
    reject(r, r->card.line, text);
    begin(r);
}

/* Text that was not folded, or the rest of a photo that was folded without blanks. */
static void no_property(struct vcard_reader *r)
{
    struct card *c = &r->card;

    if (c->photo) {
        r->counts.photos += c->n_photo > 0;
        c->n_photo = 0;
    } else if (!c->warned && c->depth == 0) {
        c->warned = true;
        card_warn(r, r->line_at, "a line without a property was left out");
    }
}

/* A property of the open card. */
static void take(struct vcard_reader *r, struct property *p, bool overlong)
{
    struct card *c = &r->card;
    struct ctr_str value = str_trim((struct ctr_str){p->value, p->n_value});

    c->photo = false;
    c->agent = p->id == PROP_AGENT && value.len == 0;
    if (p->id == PROP_AGENT && str_is(value, "begin:vcard"))
        c->depth++;
    if (c->depth > 0 || c->wrong)
        return;
    if (!overlong)
        values_take(r, p);
    else if (p->id == PROP_PHOTO)
        r->counts.photos += r->options.photo_max > 0;
    else
        card_warn(r, r->line_at, "a value longer than 256 KiB was left out");
}

_Static_assert(LINE_LIMIT == 256 * 1024, "the message above names it");

int32_t card_line(struct vcard_reader *r, char *line, size_t n, bool overlong)
{
    struct property p;
    bool parsed = property_parse(&p, line, n);

    if (!r->open) {
        stray(r, &p, parsed);
        return 0;
    }
    if (memchr(line, 0, n))
        r->card.wrong = "holds a NUL byte";
    if (!parsed) {
        no_property(r);
    } else if (p.id == PROP_BEGIN && is_card(&p)) {
        nested(r);
    } else if (p.id == PROP_END && is_card(&p)) {
        if (r->card.depth == 0)
            return finish(r);
        r->card.depth--;
    } else {
        take(r, &p, overlong);
    }
    return 0;
}

int32_t card_cut(struct vcard_reader *r)
{
    if (!r->open)
        return 0;
    r->open = false;
    reject(r, r->card.line, "has no END:VCARD before the end of the text");
    return -CTR_EFORMAT;
}
