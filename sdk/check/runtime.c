/* runtime.c - finds the runtime of the sanitizer that a plugin was built with, and loads
 * it before everything else: later is too late for it. */
#include "runtime.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- what the plugin was built with ---------------------------------------------------
 */

/* Whether the text stands in the file. It may lie across two reads. */
static bool has(int fd, const char *text)
{
    static char block[1 << 16];
    size_t len = strlen(text);
    ssize_t n;

    for (off_t at = 0; (n = pread(fd, block, sizeof(block), at)) > (ssize_t)len;
         at += n - (ssize_t)len)
        if (memmem(block, (size_t)n, text, len))
            return true;
    return false;
}

/* gcc names the library, and it must come first. */
static const char *gcc_runtime(int fd)
{
    static const char *const names[] = {"libasan.so.9", "libasan.so.8", "libasan.so.6",
                                        "libtsan.so.2"};

    for (size_t i = 0; i < COUNT(names); i++)
        if (has(fd, names[i]))
            return names[i];
    return NULL;
}

/* clang leaves it to the program: the plugin only has symbols that nobody has. */
static const char *clang_runtime(int fd)
{
    static const struct {
        const char *symbol, *name;
    } runtimes[] = {{"__asan_init", "asan"},
                    {"__tsan_init", "tsan"},
                    {"__ubsan_handle_", "ubsan_standalone"}};

    for (size_t i = 0; i < COUNT(runtimes); i++)
        if (has(fd, runtimes[i].symbol))
            return has(fd, "libubsan.so") ? NULL : runtimes[i].name;
    return NULL;
}

/* --- where clang's lie ----------------------------------------------------------------
 */

static const char *machine(void)
{
    static struct utsname u;

    return uname(&u) == 0 ? u.machine : "x86_64";
}

/* The newest; they all go with each other. */
static bool clang_find(const char *name, char *out, size_t cap)
{
    static const char *const folders[] = {
        "/usr/lib/llvm-*/lib/clang/*/lib/linux", "/usr/lib/clang/*/lib/linux",
        "/usr/lib64/clang/*/lib/linux", "/usr/local/lib/clang/*/lib/linux"};
    char pattern[PATH_MAX];
    bool found = false;
    glob_t g;

    for (size_t i = 0; i < COUNT(folders) && !found; i++) {
        snprintf(pattern, sizeof(pattern), "%s/libclang_rt.%s-%s.so", folders[i], name,
                 machine());
        if (glob(pattern, 0, NULL, &g) != 0)
            continue;
        found = g.gl_pathc > 0;
        if (found)
            snprintf(out, cap, "%s", g.gl_pathv[g.gl_pathc - 1]);
        globfree(&g);
    }
    return found;
}

static bool not_found(const char *path, const char *name)
{
    fprintf(stderr,
            "contactor-plugin-check: %s was built by clang with a sanitizer, whose "
            "runtime is not where Debian puts it: install libclang-rt-dev, or begin the "
            "command with LD_PRELOAD=$(clang -print-file-name=libclang_rt.%s-%s.so)\n",
            path, name, machine());
    return false;
}

/* --- starting anew --------------------------------------------------------------------
 */

/* "VALUE" or "VALUE:what was there". */
static void env_prepend(const char *name, const char *value)
{
    const char *before = getenv(name);
    char text[2 * PATH_MAX];

    snprintf(text, sizeof(text), "%s%s%s", value, before ? ":" : "",
             before ? before : "");
    setenv(name, text, 1);
}

/* Two runtimes in one process do not go together. */
static bool same_family(const char *path, bool clang)
{
    void *symbol = dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
    Dl_info info;
    bool gcc = dladdr(symbol, &info) && strstr(info.dli_fname, "/libasan.so");

    if (gcc != clang)
        return true;
    fprintf(stderr,
            "contactor-plugin-check: %s was built with the sanitizers of %s, and those "
            "of %s are loaded already: use a contactor-plugin-check that was built "
            "without, and no LD_PRELOAD\n",
            path, clang ? "clang" : "gcc", gcc ? "gcc" : "clang");
    return false;
}

static bool start_anew(const char *runtime, char **argv)
{
    setenv("CONTACTOR_CHECK_PREPARED", "1", 1);
    /* A cache of freed memory would hide small leaks and look like small ones. */
    env_prepend("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0");
    if (runtime)
        env_prepend("LD_PRELOAD", runtime);
    execv("/proc/self/exe", argv);
    fprintf(stderr, "contactor-plugin-check: goes on without a new start: %s\n",
            strerror(errno));
    return true;
}

bool runtime_prepare(const char *path, char **argv)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *gcc = fd >= 0 ? gcc_runtime(fd) : NULL;
    const char *clang = fd >= 0 && !gcc ? clang_runtime(fd) : NULL;
    char found[PATH_MAX];

    if (fd >= 0)
        close(fd);
    if (usage_sanitized())
        return (!gcc && !clang) || same_family(path, clang != NULL);
    if (getenv("CONTACTOR_CHECK_PREPARED"))
        return true;
    if (clang && !clang_find(clang, found, sizeof(found)))
        return not_found(path, clang);
    return start_anew(clang ? found : gcc, argv);
}
