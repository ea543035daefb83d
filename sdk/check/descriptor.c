/* descriptor.c - checks of the one symbol, and of the file it stands in. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static const char name_set[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

static bool name_ok(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= 32 && *name >= 'a' && *name <= 'z' &&
           strspn(name, name_set) == n;
}

static bool line_ok(const char *text)
{
    return text && *text && strlen(text) <= 200 && !strpbrk(text, "\r\n\t");
}

/* --- the descriptor -------------------------------------------------------------------
 */

static void check_sizes(const struct subject *s)
{
    const struct ctr_plugin *p = s->theirs;
    const size_t first = offsetof(struct ctr_plugin, destroy) + sizeof(p->destroy);

    if (p->size < first || p->size > s->room || p->size > 65536)
        check_fail("Say .size = sizeof(struct ctr_plugin), or use KIT_ABI.",
                   "its descriptor says it has %u bytes; the symbol has %llu, ABI 1.0 "
                   "has %zu",
                   p->size, (unsigned long long)s->room, first);
}

static void check_versions(const struct ctr_plugin *p)
{
    uint32_t built = p->abi_built, needs = p->abi_needs;

    if (CTR_ABI_MAJOR(needs) != CTR_ABI_MAJOR(built) || needs > built)
        check_fail("Say .abi_built = CTR_ABI_CURRENT and .abi_needs = CTR_ABI(1, 0), or "
                   "the version that brought what you cannot do without.",
                   "it needs ABI %u.%u and was built with the headers of %u.%u",
                   CTR_ABI_MAJOR(needs), CTR_ABI_MINOR(needs), CTR_ABI_MAJOR(built),
                   CTR_ABI_MINOR(built));
    if (needs > CTR_ABI_CURRENT)
        check_fail("Use the contactor-plugin-check of the version it is for.",
                   "it needs ABI %u.%u; this program knows 1.%u", CTR_ABI_MAJOR(needs),
                   CTR_ABI_MINOR(needs), CTR_ABI_MINOR(CTR_ABI_CURRENT));
    if (built > CTR_ABI_CURRENT)
        check_warn("Use the contactor-plugin-check of that version.",
                   "it was built with the headers of ABI %u.%u, which this program does "
                   "not know",
                   CTR_ABI_MAJOR(built), CTR_ABI_MINOR(built));
}

static void check_strings(const struct subject *s)
{
    const struct ctr_plugin *p = &s->plugin;

    if (!p->name || !name_ok(p->name))
        check_fail("a-z, 0-9, _ and -, beginning with a letter, at most 32.",
                   "its name is %s", p->name ? "malformed" : "missing");
    if (strcmp(p->name, s->name) != 0)
        check_fail("Name the file as the plugin: plugin = \"NAME\" loads NAME.so.",
                   "it calls itself \"%s\", and its file \"%s.so\"", p->name, s->name);
    if (!line_ok(p->version))
        check_fail("One short line: .version = \"1.0\".", "its version is %s",
                   p->version ? "no short line" : "missing");
    if (!line_ok(p->summary))
        check_fail("One line: .summary = \"contacts from ...\".", "its summary is %s",
                   p->summary ? "no short line" : "missing");
}

static void check_role_size(const char *what, uint32_t size, size_t least)
{
    if (size < least || size > 65536)
        check_fail("Say .size = sizeof(...) in each table.",
                   "its %s says it has %u bytes; ABI 1.0 has %zu", what, size, least);
}

static void check_source(const struct subject *s)
{
    const struct ctr_source *r = &s->source;
    const uint32_t known = CTR_SOURCE_DELTA | CTR_SOURCE_SEARCH | CTR_SOURCE_PARALLEL;

    check_role_size("source role", s->theirs->source->size,
                    offsetof(struct ctr_source, test));
    if (r->threading != CTR_ON_LANE && r->threading != CTR_ON_LOOP)
        check_fail("CTR_ON_LANE or CTR_ON_LOOP.", "its threading is %u", r->threading);
    if (!r->sync)
        check_fail("A source has at least sync.", "its source role lacks sync");
    if ((r->flags & CTR_SOURCE_SEARCH) && (!r->search || !r->search_cancel))
        check_fail("Add what is missing, or take the flag away.",
                   "it declares CTR_SOURCE_SEARCH and lacks search or search_cancel");
    if (!(r->flags & CTR_SOURCE_SEARCH) && r->search)
        check_warn("Declare CTR_SOURCE_SEARCH, or leave search out.",
                   "it has search, which is never called");
    if ((r->flags & CTR_SOURCE_PARALLEL) &&
        (r->threading != CTR_ON_LANE || !(r->flags & CTR_SOURCE_SEARCH)))
        check_fail("It is for sources ON_LANE with CTR_SOURCE_SEARCH.",
                   "it declares CTR_SOURCE_PARALLEL, which does not fit the rest");
    if (r->test && r->threading != CTR_ON_LANE)
        check_fail("Leave test out: it would block the loop.",
                   "it is a source ON_LOOP and has test");
    if (r->flags & ~known)
        check_warn("These headers know DELTA, SEARCH and PARALLEL.",
                   "it has source flags (%#x) this program does not know", r->flags);
}

static void check_frontend(const struct subject *s)
{
    const struct ctr_frontend *f = &s->frontend;

    check_role_size("front-end role", s->theirs->frontend->size,
                    sizeof(struct ctr_frontend));
    if (f->n_schemes > 16 || (f->n_schemes && !f->schemes))
        check_fail("n_schemes says how many stand at schemes.", "%u schemes, and %s",
                   f->n_schemes, f->schemes ? "at most 16 are allowed" : "no table");
    for (uint32_t i = 0; i < f->n_schemes; i++) {
        const struct ctr_scheme *scheme = &f->schemes[i];

        if (!scheme->name || !name_ok(scheme->name))
            check_fail("a-z, 0-9, _ and -, beginning with a letter.",
                       "the name of URL scheme %u is malformed", i + 1);
        if (scheme->default_port == 0 || scheme->default_port > 65535 || scheme->tls > 1)
            check_fail("A port is 1..65535, tls 0 or 1.",
                       "the URL scheme \"%s\" has port %u, tls %u", scheme->name,
                       scheme->default_port, scheme->tls);
    }
    if ((f->n_schemes > 0) != (f->stream != NULL))
        check_fail("What listens has schemes and a stream table.",
                   "it has %u URL schemes and %s stream table", f->n_schemes,
                   f->stream ? "a" : "no");
    if (f->stream)
        check_role_size("stream table", s->theirs->frontend->stream->size,
                        sizeof(struct ctr_stream_ops));
    if (f->stream && (!s->stream.on_open || !s->stream.on_data || !s->stream.on_close))
        check_fail("Those three every front end has.",
                   "its stream table lacks on_open, on_data or on_close");
}

static void descriptor_run(struct subject *s)
{
    const struct ctr_plugin *p = &s->plugin;

    check_sizes(s);
    check_versions(p);
    check_strings(s);
    if (!p->create || !p->destroy)
        check_fail("Those two every plugin has.", "its descriptor lacks %s",
                   p->create ? "destroy" : "create");
    if (!p->source && !p->frontend)
        check_fail("Set .source or .frontend.", "it is neither a source nor a front end");
    if (p->source)
        check_source(s);
    if (p->frontend)
        check_frontend(s);
    check_note("%s, built with ABI %u.%u, needs %u.%u",
               p->source ? "a source" : "a front end", CTR_ABI_MAJOR(p->abi_built),
               CTR_ABI_MINOR(p->abi_built), CTR_ABI_MAJOR(p->abi_needs),
               CTR_ABI_MINOR(p->abi_needs));
}

const struct check check_descriptor = {
    .name = "descriptor",
    .rule = "The one symbol is a struct ctr_plugin whose members fit together, and its "
            "name is that of the file.",
    .where = "plugin.h, source.h, frontend.h",
    .seconds = 30,
    .run = descriptor_run,
};

/* --- the file -------------------------------------------------------------------------
 */

struct object {
    const uint8_t *at;
    uint64_t size;
    const ElfW(Ehdr) * header;
};

static const void *part(const struct object *o, uint64_t at, uint64_t n)
{
    if (at > o->size || n > o->size - at)
        check_fail("Build it again.", "the file is cut or damaged");
    return o->at + at;
}

static struct object object_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct object o = {NULL, 0, NULL};
    struct stat st;
    void *map;

    if (fd < 0 || fstat(fd, &st) != 0)
        check_fail("Give a file that can be read.", "cannot open %s", path);
    o.size = (uint64_t)st.st_size;
    map = mmap(NULL, (size_t)o.size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        check_fail("Give a file that can be read.", "cannot map %s", path);
    o.at = map;
    o.header = part(&o, 0, sizeof(*o.header));
    return o;
}

static void check_segments(const struct object *o)
{
    for (unsigned i = 0; i < o->header->e_phnum; i++) {
        const ElfW(Phdr) *p = part(o, o->header->e_phoff + i * sizeof(*p), sizeof(*p));

        if (p->p_type == PT_GNU_STACK && (p->p_flags & PF_X))
            check_fail(
                "Link with -Wl,-z,noexecstack; mark assembler files with "
                ".section .note.GNU-stack.",
                "it asks for an executable stack, which a hardened daemon refuses");
        if (p->p_type != PT_DYNAMIC)
            continue;
        for (uint64_t at = 0; at + sizeof(ElfW(Dyn)) <= p->p_filesz;
             at += sizeof(ElfW(Dyn))) {
            const ElfW(Dyn) *d = part(o, p->p_offset + at, sizeof(*d));

            if (d->d_tag == DT_TEXTREL)
                check_fail("Compile all of it with -fPIC.",
                           "its code is changed when it is loaded (text relocations)");
            if (d->d_tag == DT_NULL)
                break;
        }
    }
}

/* What a C or C++ compiler, a linker or a sanitizer puts there by itself. */
static bool usual(const char *name)
{
    static const char *const known[] = {"_init", "_fini",       "_edata",
                                        "_end",  "__bss_start", CTR_PLUGIN_SYMBOL};
    static const char *const begins[] = {"__asan_", "__ubsan_", "__odr_asan", "__gcov_",
                                         "__llvm_", "__start_", "__stop_"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i], name) == 0)
            return true;
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (strncmp(begins[i], name, strlen(begins[i])) == 0)
            return true;
    return false;
}

static void list_exports(const struct object *o, const ElfW(Shdr) * symbols,
                         const ElfW(Shdr) * strings)
{
    const ElfW(Sym) *sym = part(o, symbols->sh_offset, symbols->sh_size);
    const char *names = part(o, strings->sh_offset, strings->sh_size);
    uint64_t n = symbols->sh_size / sizeof(*sym), found = 0;
    char list[256] = "";

    for (uint64_t i = 0; i < n; i++) {
        const char *name = names + sym[i].st_name;

        if (ELF64_ST_BIND(sym[i].st_info) != STB_GLOBAL || !sym[i].st_shndx ||
            sym[i].st_name >= strings->sh_size || usual(name))
            continue;
        if (found++ < 4)
            snprintf(list + strlen(list), sizeof(list) - strlen(list), " %.50s", name);
    }
    if (found > 0)
        check_warn("Compile with -fvisibility=hidden: two plugins with the same symbols "
                   "may get in each other's way.",
                   "it exports %llu symbols besides contactor_plugin:%s%s",
                   (unsigned long long)found, list, found > 4 ? " ..." : "");
}

static void check_exports(const struct object *o)
{
    const ElfW(Ehdr) *h = o->header;
    const ElfW(Shdr) *sections =
        h->e_shnum ? part(o, h->e_shoff, (uint64_t)h->e_shnum * sizeof(*sections)) : NULL;

    for (unsigned i = 0; i < h->e_shnum; i++)
        if (sections[i].sh_type == SHT_DYNSYM && sections[i].sh_link < h->e_shnum)
            list_exports(o, &sections[i], &sections[sections[i].sh_link]);
}

static void object_run(struct subject *s)
{
    struct object o = object_open(s->path);
    struct stat st;

    check_segments(&o);
    check_exports(&o);
    munmap((void *)(uintptr_t)o.at, (size_t)o.size);
    if (stat(s->path, &st) == 0 && (st.st_mode & S_IWOTH))
        check_warn("chmod o-w it: the daemon refuses such a file.",
                   "everybody may write to the file");
    check_note("every symbol it needs is there, and it exports no other");
}

const struct check check_object = {
    .name = "object",
    .rule = "The file exports contactor_plugin alone, and runs where memory is never "
            "writable and executable.",
    .where = "plugin.h (CTR_PLUGIN_SYMBOL)",
    .seconds = 30,
    .run = object_run,
};
