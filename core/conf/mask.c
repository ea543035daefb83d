/* mask.c - the secrets of a section, taken out of a text that is to be shown. */
#include <string.h>

#include "conf/values.h"

static void mask_one(char *text, const char *secret, size_t len)
{
    char *at = text;

    while ((at = strstr(at, secret))) {
        *at = '*';
        memmove(at + 1, at + len, strlen(at + len) + 1);
        at++;
    }
}

/* A text that was cut may end with the first part of a secret. */
static void mask_begun(char *text, const char *secret, size_t len)
{
    size_t n = strlen(text);
    bool dots = n >= 3 && strcmp(text + n - 3, "...") == 0;

    n -= dots ? 3 : 0;
    for (size_t part = len - 1; part >= CONF_MASKED_MIN; part--)
        if (part <= n && memcmp(text + n - part, secret, part) == 0) {
            strcpy(text + n - part, dots ? "*..." : "*");
            return;
        }
}

void conf_values_mask(const struct ctr_config *config, char *text)
{
    for (unsigned i = 0; config && i < config->n; i++) {
        const char *secret = config->values[i].secret_text;
        size_t len = secret ? strlen(secret) : 0;

        if (len < CONF_MASKED_MIN)
            continue;
        mask_one(text, secret, len);
        mask_begun(text, secret, len);
    }
}
