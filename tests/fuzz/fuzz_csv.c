/* fuzz_csv.c - any bytes as a CSV file: the first byte chooses the options, the rest
 * is the file. Besides not crashing, every value must be UTF-8 without NUL, and the test
 * host aborts on any breach of the contract.
 *
 * Built with -DCSV_INPUT_BLOCK=61 -DCSV_ROW_MAX=512 it also cuts rows at every place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plugins/csv/decode.h"
#include "testhost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct testhost *t)
{
    for (uint64_t i = 0; i < t->n_contacts; i++) {
        const struct ctr_contact *c = t->contacts[i];

        if (!utf8_valid(c->id.ptr, c->id.len) || memchr(c->id.ptr, 0, c->id.len))
            abort();
        for (uint32_t k = 0; k < c->n_fields; k++) {
            struct ctr_str v = c->fields[k].value;

            if (!utf8_valid(v.ptr, v.len) || memchr(v.ptr, 0, v.len))
                abort();
        }
    }
}

static void set_options(struct testhost *t, uint8_t how)
{
    static const char *const encodings[] = {"auto", "utf-8", "utf-16", "windows-1252"};
    static const char *const delimiters[] = {"auto", ";", ",", "tab"};

    testhost_set(t, "encoding", encodings[how & 3]);
    testhost_set(t, "delimiter", delimiters[how >> 2 & 3]);
    testhost_set(t, "allow_empty", how & 16 ? "true" : "false");
    testhost_set(t, "settle", "0ms");
    if (how & 32)
        return; /* recognised by the header */
    testhost_set(t, "header", how & 64 ? "false" : "true");
    if (how & 128)
        testhost_set(t, "map.id", how & 64 ? "1" : "id");
    testhost_set(t, "map.display_name", how & 64 ? "2" : "name");
    testhost_set(t, "map.display_name", how & 64 ? "1" : "id");
    testhost_set(t, "map.phone_business", how & 64 ? "2" : "phone");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct testhost *t;
    char path[32];
    int fd;

    if (size == 0 || size > 65536)
        return 0;
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    t = testhost_create(&contactor_plugin, "source.fuzz");
    testhost_set(t, "file", path);
    set_options(t, data[0]);
    if (testhost_start(t) != 0)
        abort();
    testhost_sync(t, NULL);
    check(t);
    testhost_destroy(t);
    close(fd);
    return 0;
}
