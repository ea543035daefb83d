/* input.h - the file: opened with care, read once as UTF-8, and shown not to have changed
 * meanwhile. It is read, never mapped: a mapped file that is cut short kills its reader.
 */
#ifndef CSV_INPUT_H
#define CSV_INPUT_H

#include <sys/stat.h>

#include "contactor/plugin.h"
#include "decode.h"

struct input {
    const struct ctr_host *host;
    struct ctr_sync *sync;
    const char *path;
    int fd;
    struct stat before; /* when it was opened */
    uint64_t done;      /* bytes read */
    bool end;
    struct decoder decoder;
    uint8_t *raw; /* a block before it is converted; NULL for UTF-8 */
};

/* The fuzz target makes it small, so that blocks end everywhere within a row. */
#ifndef CSV_INPUT_BLOCK
#define CSV_INPUT_BLOCK (256 * 1024)
#endif
enum { INPUT_BLOCK = CSV_INPUT_BLOCK };

/* Waits until the file has been quiet for `settle` ms, opens it, finds its encoding. All
 * functions return 0 | a negative code after host->fail. */
int32_t input_open(struct input *in, const struct ctr_host *host, struct ctr_sync *sync,
                   const char *path, enum encoding encoding, int64_t settle,
                   int64_t max_size);
/* The next bytes of text into out, which has room for INPUT_BLOCK; *n 0: the end. */
int32_t input_read(struct input *in, char *out, size_t *n);
/* It is still the file that was opened, with the content that was read. */
int32_t input_unchanged(const struct input *in);
void input_close(struct input *in);

#endif
