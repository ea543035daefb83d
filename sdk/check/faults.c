/* faults.c - makes allocations fail that the plugin's own code asks for.
 *
 * The plugin's references to malloc and its kin are slots that the dynamic linker filled;
 * here functions of ours are laid into them, which fail when they are told to and call
 * what was there else. Libraries that the plugin uses, the test host and a sanitizer keep
 * theirs: what they make of an allocation that fails is not the plugin's fault. So this
 * works alike with and without a sanitizer. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if __WORDSIZE == 64
#define REL_SYM(info) ELF64_R_SYM(info)
#else
#define REL_SYM(info) ELF32_R_SYM(info)
#endif

/* One plugin, one process: the functions below have no room for a pointer of ours. */
static struct {
    atomic_bool armed;
    atomic_uint calls;
    uint32_t from;
    bool on;
    void (*throw_bad_alloc)(void);
} faults;

/* --- when -----------------------------------------------------------------------------
 */

void faults_arm(uint32_t from, bool on)
{
    faults.from = from;
    faults.on = on;
    atomic_store(&faults.calls, 0);
    atomic_store(&faults.armed, true);
}

uint32_t faults_disarm(void)
{
    atomic_store(&faults.armed, false);
    return atomic_load(&faults.calls);
}

static bool fails(void)
{
    uint32_t n;

    if (!atomic_load(&faults.armed))
        return false;
    n = atomic_fetch_add(&faults.calls, 1) + 1;
    if (faults.from == 0 || n < faults.from || (n > faults.from && !faults.on))
        return false;
    errno = ENOMEM;
    return true;
}

/* --- what fails -----------------------------------------------------------------------
 */

/* What was in the slots before. */
static struct {
    void *(*malloc)(size_t n);
    void *(*calloc)(size_t n, size_t size);
    void *(*realloc)(void *p, size_t n);
    void *(*reallocarray)(void *p, size_t n, size_t size);
    void *(*aligned_alloc)(size_t align, size_t n);
    int (*posix_memalign)(void **p, size_t align, size_t n);
    char *(*strdup)(const char *z);
    char *(*strndup)(const char *s, size_t n);
    ssize_t (*getdelim)(char **line, size_t *n, int by, FILE *file);
    ssize_t (*getline)(char **line, size_t *n, FILE *file);
    FILE *(*open_memstream)(char **out, size_t *n);
    void *(*cpp_new)(size_t n);
    void *(*cpp_new_array)(size_t n);
} real;

static void *f_malloc(size_t n)
{
    return fails() ? NULL : real.malloc(n);
}

static void *f_calloc(size_t n, size_t size)
{
    return fails() ? NULL : real.calloc(n, size);
}

static void *f_realloc(void *p, size_t n)
{
    return n > 0 && fails() ? NULL : real.realloc(p, n);
}

static void *f_reallocarray(void *p, size_t n, size_t size)
{
    return n > 0 && fails() ? NULL : real.reallocarray(p, n, size);
}

static void *f_aligned_alloc(size_t align, size_t n)
{
    return fails() ? NULL : real.aligned_alloc(align, n);
}

static int f_posix_memalign(void **p, size_t align, size_t n)
{
    return fails() ? ENOMEM : real.posix_memalign(p, align, n);
}

static char *f_strdup(const char *z)
{
    return fails() ? NULL : real.strdup(z);
}

static char *f_strndup(const char *s, size_t n)
{
    return fails() ? NULL : real.strndup(s, n);
}

__attribute__((format(printf, 2, 0))) static int f_vasprintf(char **out, const char *fmt,
                                                             va_list ap)
{
    return fails() ? -1 : vasprintf(out, fmt, ap);
}

__attribute__((format(printf, 2, 3))) static int f_asprintf(char **out, const char *fmt,
                                                            ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = f_vasprintf(out, fmt, ap);
    va_end(ap);
    return n;
}

/* With _FORTIFY_SOURCE. */
__attribute__((format(printf, 3, 4))) static int f_asprintf_chk(char **out, int flag,
                                                                const char *fmt, ...)
{
    va_list ap;
    int n;

    (void)flag;
    va_start(ap, fmt);
    n = f_vasprintf(out, fmt, ap);
    va_end(ap);
    return n;
}

__attribute__((format(printf, 3, 0))) static int
f_vasprintf_chk(char **out, int flag, const char *fmt, va_list ap)
{
    (void)flag;
    return f_vasprintf(out, fmt, ap);
}

/* They say it as they say the end of the file: who does not ask ferror loses lines. */
static ssize_t f_getdelim(char **line, size_t *n, int by, FILE *file)
{
    return fails() ? -1 : real.getdelim(line, n, by, file);
}

static ssize_t f_getline(char **line, size_t *n, FILE *file)
{
    return fails() ? -1 : real.getline(line, n, file);
}

static FILE *f_open_memstream(char **out, size_t *n)
{
    return fails() ? NULL : real.open_memstream(out, n);
}

static void *f_new(size_t n)
{
    if (fails())
        faults.throw_bad_alloc();
    return real.cpp_new(n);
}

static void *f_new_array(size_t n)
{
    if (fails())
        faults.throw_bad_alloc();
    return real.cpp_new_array(n);
}

/* --- the plugin's references ----------------------------------------------------------
 */

/* real: where to keep what was there; NULL: it is not needed. */
static const struct fault {
    const char *symbol;
    void *ours, *real;
} table[] = {
    {"malloc", f_malloc, &real.malloc},
    {"calloc", f_calloc, &real.calloc},
    {"realloc", f_realloc, &real.realloc},
    {"reallocarray", f_reallocarray, &real.reallocarray},
    {"aligned_alloc", f_aligned_alloc, &real.aligned_alloc},
    {"posix_memalign", f_posix_memalign, &real.posix_memalign},
    {"strdup", f_strdup, &real.strdup},
    {"__strdup", f_strdup, &real.strdup},
    {"strndup", f_strndup, &real.strndup},
    {"__strndup", f_strndup, &real.strndup},
    {"asprintf", f_asprintf, NULL},
    {"__asprintf_chk", f_asprintf_chk, NULL},
    {"vasprintf", f_vasprintf, NULL},
    {"__vasprintf_chk", f_vasprintf_chk, NULL},
    {"getdelim", f_getdelim, &real.getdelim},
    {"__getdelim", f_getdelim, &real.getdelim},
    {"getline", f_getline, &real.getline},
    {"open_memstream", f_open_memstream, &real.open_memstream},
#if __WORDSIZE == 64
    {"_Znwm", f_new, &real.cpp_new},
    {"_Znam", f_new_array, &real.cpp_new_array},
#else
    {"_Znwj", f_new, &real.cpp_new},
    {"_Znaj", f_new_array, &real.cpp_new_array},
#endif
};

static const struct fault *fault_of(const char *symbol)
{
    bool cpp = strncmp(symbol, "_Zn", 3) == 0;

    if (cpp && !faults.throw_bad_alloc)
        return NULL;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].symbol, symbol) == 0)
            return &table[i];
    return NULL;
}

/* The table of slots may be read-only since the object was loaded (RELRO). */
static bool slot_set(void **slot, const struct fault *fault)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *begin = (void *)((uintptr_t)slot / page * page);

    if (*slot == fault->ours) /* tables may overlap */
        return false;
    if (mprotect(begin, (uintptr_t)(slot + 1) - (uintptr_t)begin,
                 PROT_READ | PROT_WRITE) != 0)
        return false;
    if (fault->real)
        memcpy(fault->real, slot, sizeof(*slot));
    *slot = fault->ours;
    return true;
}

/* What of the object's dynamic section is of use here. */
struct object {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *names;
};

/* A table of relocations: an entry that names one of our symbols is a slot. */
static uint32_t lay(const struct object *o, const void *at, size_t n, size_t size)
{
    uint32_t laid = 0;

    for (size_t i = 0; i < n / size; i++) {
        const ElfW(Rel) *rel = (const void *)((const char *)at + i * size);
        const ElfW(Sym) *symbol = &o->symbols[REL_SYM(rel->r_info)];
        const struct fault *fault =
            REL_SYM(rel->r_info) ? fault_of(o->names + symbol->st_name) : NULL;

        if (fault && symbol->st_shndx == SHN_UNDEF)
            laid += slot_set((void **)(o->base + rel->r_offset), fault);
    }
    return laid;
}

/* Where an entry of the dynamic section points to: most linkers have added the base. */
static const void *pointer(const struct object *o, const ElfW(Dyn) * d)
{
    return (const void *)(d->d_un.d_ptr < o->base ? o->base + d->d_un.d_ptr
                                                  : d->d_un.d_ptr);
}

static const ElfW(Dyn) * entry(const struct link_map *map, int64_t tag)
{
    static const ElfW(Dyn) none;

    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
        if (d->d_tag == tag)
            return d;
    return &none;
}

static uint32_t lay_table(const struct object *o, const struct link_map *map, int64_t at,
                          int64_t bytes, size_t size)
{
    const ElfW(Dyn) *d = entry(map, at);

    return d->d_tag ? lay(o, pointer(o, d), entry(map, bytes)->d_un.d_val, size) : 0;
}

/* The C++ library is the plugin's, not ours. */
static void find_throw(const char *path)
{
    void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    void *symbol = handle ? dlsym(handle, "_ZSt17__throw_bad_allocv") : NULL;

    memcpy(&faults.throw_bad_alloc, &symbol, sizeof(symbol));
    if (handle)
        dlclose(handle);
}

uint32_t faults_lay(const struct subject *s)
{
    struct link_map *map = NULL;
    struct object o;
    Dl_info info;
    bool rela;

    if (dladdr1(s->theirs, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || !map)
        return 0;
    find_throw(s->path);
    o.base = map->l_addr;
    o.symbols = pointer(&o, entry(map, DT_SYMTAB));
    o.names = pointer(&o, entry(map, DT_STRTAB));
    rela = entry(map, DT_PLTREL)->d_un.d_val == DT_RELA;
    return lay_table(&o, map, DT_JMPREL, DT_PLTRELSZ,
                     rela ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel))) +
           lay_table(&o, map, DT_RELA, DT_RELASZ, sizeof(ElfW(Rela))) +
           lay_table(&o, map, DT_REL, DT_RELSZ, sizeof(ElfW(Rel)));
}
