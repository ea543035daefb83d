/* replay.c - run a fuzz target over its committed corpus as an ordinary test: every file,
 * every file cut short at a few places, and a few bytes of each flipped. Prints TAP.
 *
 *   replay CORPUS-DIRECTORY */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20, FLIPS = 24 };

/* A copy of exactly the input's size, so that a sanitizer sees a read past its end. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void feed_variants(uint8_t *data, size_t size, uint32_t seed)
{
    feed(data, size);
    for (size_t part = 1; part < 8; part++)
        feed(data, size * part / 8);
    for (int i = 0; size && i < FLIPS; i++) {
        size_t at;
        uint8_t old;

        seed = seed * 1664525u + 1013904223u;
        at = (seed >> 8) % size;
        old = data[at];
        data[at] = (uint8_t)(seed >> 3);
        feed(data, size);
        data[at] = old;
    }
}

static int replay_file(const char *path, uint32_t seed)
{
    static uint8_t data[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        return -1;
    n = fread(data, 1, sizeof(data), f);
    fclose(f);
    feed_variants(data, n, seed);
    return 0;
}

int main(int argc, char **argv)
{
    struct dirent *entry;
    uint32_t files = 0;
    DIR *dir;

    if (argc != 2 || !(dir = opendir(argv[1]))) {
        fprintf(stderr, "usage: replay CORPUS-DIRECTORY\n");
        return 2;
    }
    feed((const uint8_t *)"", 0);
    while ((entry = readdir(dir))) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        if (replay_file(path, files) == 0)
            files++;
    }
    closedir(dir);
    printf("%sok 1 - %u inputs of the corpus, whole, cut and flipped\n1..1\n",
           files ? "" : "not ", files);
    return files ? 0 : 1;
}
