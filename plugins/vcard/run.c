/* run.c - each card as a contact of the sync: its id, its place, its rejection. */
#include "run.h"

#include "kit/kit.h"
#include "quiet/quiet.h"

/* "line 12", or "sales.vcf line 12"; of a long name the end. */
static void place(const struct run *run, uint64_t line, char *out, size_t cap)
{
    size_t n = strlen(run->file), room = cap - 28;
    const char *name = run->file + (n > room ? n - room : 0);

    while (n > room && ((uint8_t)*name & 0xc0) == 0x80)
        name++; /* not within a character */
    if (line == 0)
        snprintf(out, cap, "%s", name);
    else
        snprintf(out, cap, "%s%sline %llu", name, *name ? " " : "",
                 (unsigned long long)line);
}

void run_say(struct run *run, uint64_t line, const char *reason)
{
    char where[64];

    place(run, line, where, sizeof(where));
    run->host->sync_reject(run->host, run->sync, where, reason);
    if (!run->first_reject[0])
        snprintf(run->first_reject, sizeof(run->first_reject), "%s: %s", where, reason);
}

static void on_reject(void *user, uint64_t line, const char *reason)
{
    struct run *run = user;

    run->rejected++;
    run_say(run, line, reason);
}

static void on_warn(void *user, uint64_t line, const char *reason)
{
    run_say(user, line, reason);
}

/* --- ids ------------------------------------------------------------------------------
 */

/* Where an id was used, as one number: the line of the file, or which file it is. */
static uint64_t where_used(const struct run *run, uint64_t line)
{
    return run->file[0] ? run->files : line;
}

static void reject_used(struct run *run, uint64_t line, int64_t first, bool derived)
{
    const char *what = derived ? "has the name, organisation, mail and number of"
                               : "its id was already used by";
    char text[160];

    if (!run->file[0])
        snprintf(text, sizeof(text), "%s the card in line %lld", what, (long long)first);
    else
        snprintf(text, sizeof(text), "%s another card of %s file", what,
                 (uint64_t)first == run->files ? "this" : "an earlier");
    on_reject(run, line, text);
}

/* --- cards ----------------------------------------------------------------------------
 */

static int32_t on_contact(void *user, const struct ctr_contact *card, uint64_t line)
{
    struct run *run = user;
    struct ctr_contact c = *card;
    char derived[33];
    int64_t first;

    if (run->put + run->rejected >= (uint64_t)run->source->max_cards)
        return kit_fail(run->host, -CTR_EREFUSED,
                        "%s has more than %lld cards; the last good data stay; raise "
                        "max_cards if this is right",
                        run->source->path, (long long)run->source->max_cards);
    if (!card->id.len) {
        if (!ids_derive(card, derived)) {
            on_reject(
                run, line,
                "has neither a UID nor a name, organisation, mail or number to make "
                "an id of");
            return 0;
        }
        c.id = (struct ctr_str){derived, 32};
    }
    first = ids_add(&run->ids, c.id.ptr, (size_t)c.id.len, where_used(run, line));
    if (first < 0)
        return kit_fail(run->host, -CTR_ENOMEM, "out of memory after %llu cards",
                        (unsigned long long)run->put);
    if (first > 0) {
        reject_used(run, line, first, !card->id.len);
        return 0;
    }
    run->put++;
    return run->host->sync_put(run->host, run->sync, &c, 1);
}

static const struct vcard_events events = {
    .on_contact = on_contact, .on_reject = on_reject, .on_warn = on_warn};

int32_t run_init(struct run *run, const struct source *source, struct ctr_sync *sync)
{
    run->source = source;
    run->host = source->host;
    run->sync = sync;
    run->patience = quiet_patience(source->settle);
    ids_init(&run->ids);
    run->reader = vcard_reader_create(&source->cards, &events, run);
    if (run->reader)
        return 0;
    return kit_fail(run->host, -CTR_ENOMEM, "out of memory before the first card");
}

void run_finish(struct run *run)
{
    vcard_reader_destroy(run->reader);
    ids_finish(&run->ids);
}
