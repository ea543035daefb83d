/* object.c - measures a shared object against its own headers before it is loaded. */
#include "plugin/object.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum { ELF_SEGMENTS_MAX = 128 };

struct elf_file {
    int fd;
    uint64_t size;
    ElfW(Ehdr) header;
    char *why;
    size_t cap;
};

static int elf_bad(struct elf_file *f, const char *why)
{
    snprintf(f->why, f->cap, "%s", why);
    return -CTR_EFORMAT;
}

static bool read_at(const struct elf_file *f, void *out, size_t n, uint64_t at)
{
    ssize_t got;

    do {
        got = pread(f->fd, out, n, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)n;
}

/* [at, at+n) lies within the file. */
static bool inside(const struct elf_file *f, uint64_t at, uint64_t n)
{
    return at <= f->size && n <= f->size - at;
}

static int check_header(struct elf_file *f)
{
    const ElfW(Ehdr) *h = &f->header;
    ElfW(Ehdr) own = {.e_ident = {0}};
    int self;
    bool same = true;

    if (f->size == 0)
        return elf_bad(f, "the file is empty");
    if (!inside(f, 0, sizeof(*h)) || !read_at(f, &f->header, sizeof(*h), 0) ||
        memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        return elf_bad(f, "it is not a shared object (no ELF header)");
    /* What runs here is the measure of what can be loaded here. */
    self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self >= 0) {
        same = pread(self, &own, sizeof(own), 0) != (ssize_t)sizeof(own) ||
               (own.e_ident[EI_CLASS] == h->e_ident[EI_CLASS] &&
                own.e_ident[EI_DATA] == h->e_ident[EI_DATA] &&
                own.e_machine == h->e_machine);
        close(self);
    }
    if (!same)
        return elf_bad(f, "it was built for another kind of machine");
    if (h->e_type != ET_DYN)
        return elf_bad(f, "it is an ELF file but not a shared object");
    if (h->e_phentsize != sizeof(ElfW(Phdr)) || h->e_phnum == 0 ||
        h->e_phnum > ELF_SEGMENTS_MAX)
        return elf_bad(f, "its program headers make no sense");
    return 0;
}

static int check_segments(struct elf_file *f)
{
    ElfW(Phdr) segment;
    bool dynamic = false;

    for (unsigned i = 0; i < f->header.e_phnum; i++) {
        if (!inside(f, f->header.e_phoff + i * sizeof(segment), sizeof(segment)) ||
            !read_at(f, &segment, sizeof(segment),
                     f->header.e_phoff + i * sizeof(segment)))
            return elf_bad(f, "the file is truncated (its program headers are missing)");
        if (segment.p_type != PT_NULL && !inside(f, segment.p_offset, segment.p_filesz))
            return elf_bad(f, "the file is truncated (a segment reaches past its end)");
        dynamic |= segment.p_type == PT_DYNAMIC;
    }
    return dynamic ? 0 : elf_bad(f, "it is not a shared object (no dynamic section)");
}

/* The section table is the last thing in a file: where it is cut, something was. */
static int check_sections(struct elf_file *f)
{
    const ElfW(Ehdr) *h = &f->header;

    if (h->e_shoff != 0 && !inside(f, h->e_shoff, (uint64_t)h->e_shnum * h->e_shentsize))
        return elf_bad(f, "the file is truncated (its section table is missing)");
    return 0;
}

/* Its code gets the rights of the daemon: nobody else may have put it there. */
static int check_owner(struct elf_file *f, const char *path, const struct stat *st)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
    struct stat place, self;
    bool open_folder = stat(folder, &place) == 0 && (place.st_mode & S_IWOTH) != 0;

    free(folder);
    if (st->st_mode & S_IWOTH || open_folder) {
        snprintf(f->why, f->cap, "everybody may write to %s (chmod o-w it first)",
                 open_folder ? "its folder" : "it");
        return -CTR_EACCES;
    }
    if (st->st_uid == 0 || st->st_uid == geteuid() ||
        (stat("/proc/self/exe", &self) == 0 && self.st_uid == st->st_uid))
        return 0;
    snprintf(f->why, f->cap,
             "it belongs to user id %u, which is neither root nor the daemon's owner "
             "(chown root it first)",
             (unsigned)st->st_uid);
    return -CTR_EACCES;
}

static int check_place(struct elf_file *f, const char *path)
{
    struct stat st;

    if (fstat(f->fd, &st) != 0) {
        snprintf(f->why, f->cap, "%s", strerror(errno));
        return -CTR_EIO;
    }
    if (!S_ISREG(st.st_mode))
        return elf_bad(f, "it is not a regular file");
    f->size = (uint64_t)st.st_size;
    return check_owner(f, path, &st);
}

int object_check(const char *path, char *why, size_t cap)
{
    struct elf_file f = {.why = why, .cap = cap};
    int err;

    f.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f.fd < 0) {
        snprintf(why, cap, "%s", strerror(errno));
        return errno == ENOENT ? -CTR_ENOENT : -CTR_EACCES;
    }
    err = check_place(&f, path);
    if (err == 0)
        err = check_header(&f);
    if (err == 0)
        err = check_segments(&f);
    if (err == 0)
        err = check_sections(&f);
    close(f.fd);
    return err;
}
