/* maps.c - the option `map`: which property, with which label, gives which field. */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "kit/kit.h"
#include "vcard.h"

/* What the reader takes apart itself. */
static const char *const structure[] = {"BEGIN", "END", "VERSION", "PHOTO"};

/* What is wrong with an entry, or NULL. */
static const char *check_entry(const char *key, const char *value)
{
    size_t n = strcspn(value, "/");

    if (kit_kind(key) == CTR_FIELD_PHOTO)
        return "comes from the property PHOTO and cannot be mapped";
    if (n == 0)
        return "must name a property: \"X-BADGE\", or with a label \"TEL/Zentrale\"";
    if (value[n] && !value[n + 1])
        return "has no label behind its slash";
    for (size_t i = 0; i < n; i++)
        if (!isalnum((uint8_t)value[i]) && value[i] != '-' && value[i] != '_')
            return "must name a property: letters, digits and hyphens only";
    for (size_t i = 0; i < sizeof(structure) / sizeof(structure[0]); i++)
        if (strlen(structure[i]) == n && strncasecmp(value, structure[i], n) == 0)
            return "names a property that cannot be mapped";
    return NULL;
}

int32_t vcard_maps_check(const struct ctr_host *host, const struct ctr_config *config,
                         const char *option)
{
    const char *key, *value, *wrong;
    char text[200];
    int32_t rc = 0;

    for (uint32_t i = 0; host->option_map_at(config, option, i, &key, &value) == 0; i++) {
        wrong = check_entry(key, value);
        if (!wrong)
            continue;
        snprintf(text, sizeof(text), "%s.%.60s %s", option, key, wrong);
        host->option_error(config, option, text);
        rc = -CTR_ECONF;
    }
    return rc;
}

/* Copies a string to *to and moves it behind. */
static const char *put(char **to, const char *s, size_t n)
{
    char *at = *to;

    memcpy(at, s, n);
    at[n] = 0;
    *to = at + n + 1;
    return at;
}

static struct vcard_map make_entry(const char *key, const char *value, char **text)
{
    size_t n = strcspn(value, "/");
    struct vcard_map e = {.property = put(text, value, n), .kind = kit_kind(key)};

    if (value[n])
        e.label = put(text, value + n + 1, strlen(value + n + 1));
    if (e.kind == CTR_FIELD_CUSTOM) {
        char *name = *text;

        e.name = put(text, key + 2, strlen(key + 2));
        for (; *name; name++)
            *name = (char)tolower((uint8_t)*name);
    }
    return e;
}

int32_t vcard_maps_load(struct vcard_maps *m, const struct ctr_host *host,
                        const struct ctr_config *config, const char *option)
{
    const char *key, *value;
    size_t bytes = 1;
    uint32_t n = 0;
    char *text;

    *m = (struct vcard_maps){0};
    for (; host->option_map_at(config, option, n, &key, &value) == 0; n++)
        bytes += strlen(key) + strlen(value) + 2;
    m->at = calloc(n + 1, sizeof(*m->at));
    m->text = text = malloc(bytes);
    if (!m->at || !m->text) {
        vcard_maps_finish(m);
        return kit_fail(host, -CTR_ENOMEM, "out of memory");
    }
    while (m->n < n && host->option_map_at(config, option, m->n, &key, &value) == 0)
        m->at[m->n++] = make_entry(key, value, &text);
    return 0;
}

void vcard_maps_finish(struct vcard_maps *m)
{
    free(m->at);
    free(m->text);
    *m = (struct vcard_maps){0};
}
