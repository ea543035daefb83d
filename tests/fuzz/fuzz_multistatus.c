/* fuzz_multistatus.c - any bytes as a WebDAV answer: the first byte says in which pieces
 * they come and whether each response pauses. Besides not crashing, what is told must be
 * bounded, and paths must come out in a spelling that stays the same. */
#include <stdlib.h>
#include <string.h>

#include "contactor/error.h"
#include "plugins/carddav/href.h"
#include "plugins/carddav/multistatus.h"

enum { CARD_MAX = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    if (text && strlen(text) > MULTISTATUS_TEXT_MAX)
        abort();
}

static void check_path(const char *href)
{
    char once[HREF_MAX], twice[HREF_MAX];

    if (!href_path(href, once))
        return;
    if (once[0] != '/' || !href_path(once, twice) || strcmp(once, twice) != 0)
        abort();
    if (strlen(href_last(once)) > strlen(once))
        abort();
}

static int32_t on_response(void *user, const struct dav_response *r)
{
    const uint8_t *how = user;

    check_text(r->href);
    check_text(r->etag);
    check_text(r->ctag);
    check_text(r->token);
    check_text(r->name);
    check_text(r->principal);
    for (unsigned i = 0; i < r->n_homes; i++)
        check_text(r->homes[i]);
    if (r->data && (r->data_len > CARD_MAX || strlen(r->data) != r->data_len))
        abort();
    if (r->status < 0 || r->status > 599 || !r->href)
        abort();
    check_path(r->href);
    if (*how & 64)
        return -CTR_EPAUSE;
    return (*how & 128) && r->found ? -CTR_EFULL : 0;
}

static int32_t resumed(struct multistatus *m, int32_t rc)
{
    while (rc == -CTR_EPAUSE)
        rc = multistatus_resume(m);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct multistatus *m;
    uint8_t how;
    size_t step;
    int32_t rc = 0;

    if (size == 0 || size > 65536)
        return 0;
    how = data[0];
    step = how % 64 ? how % 64u : size;
    m = multistatus_create(CARD_MAX, on_response, &how);
    if (!m)
        abort();
    for (size_t at = 1; at < size && rc == 0; at += step)
        rc = resumed(m, multistatus_feed(m, (const char *)data + at,
                                         size - at < step ? size - at : step));
    if (rc == 0)
        rc = resumed(m, multistatus_end(m));
    if (rc != 0 && rc != -CTR_EFULL && !multistatus_reason(m)[0])
        abort();
    check_text(multistatus_token(m));
    multistatus_destroy(m);
    return 0;
}
