/* confine_files.c - Landlock: the folders that are left, see confine.h.
 *
 * The kernel's interface is three system calls without wrappers in the C library; the
 * constants are here because the headers of older systems lack some. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "os/confine.h"
#include "os/sanitized.h"

enum { SYS_RULESET = 444, SYS_ADD_RULE = 445, SYS_RESTRICT = 446 };
enum { RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };
enum { SCOPED_FROM = 6 /* version */, SCOPE_SIGNAL = 1 << 1 };

enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_CHAR = 1 << 6,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    MAKE_FIFO = 1 << 10,
    MAKE_BLOCK = 1 << 11,
    MAKE_SYM = 1 << 12,
    REFER = 1 << 13,    /* from version 2 */
    TRUNCATE = 1 << 14, /* from version 3 */
    FIRST_VERSION = (1 << 13) - 1
};

enum {
    RIGHTS_READ = READ_FILE | READ_DIR,
    RIGHTS_EXECUTE = RIGHTS_READ | EXECUTE,
    RIGHTS_WRITE = RIGHTS_READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR |
                   MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE,
    RIGHTS_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
};

struct path_beneath {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

/* What libraries read at any time: themselves and their data, name resolution, trusted
 * certificates, time zones, drivers, credentials. */
static const char *const system_read[] = {"/usr",
                                          "/lib",
                                          "/lib64",
                                          "/etc",
                                          "/opt",
                                          "/proc",
                                          "/dev/urandom",
                                          "/dev/random",
                                          "/dev/zero",
                                          "/sys/devices/system/cpu",
                                          "/run/resolvconf",
                                          "/run/systemd/resolve",
                                          "/run/credentials",
                                          NULL};
static const char *const system_write[] = {"/dev/null", NULL};
/* A program is loaded by another, which lies among the libraries. */
static const char *const system_execute[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64",
                                             NULL};

static int failed(const char *what, const char *path, char *error, size_t cap)
{
    snprintf(error, cap, "cannot %s%s%s: %s", what, path ? " " : "", path ? path : "",
             strerror(errno));
    return -CTR_EIO;
}

static int allow(int ruleset, const char *path, uint64_t rights, char *error, size_t cap)
{
    struct path_beneath rule = {.allowed = rights};
    struct stat st;
    int rc = 0;

    rule.fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.fd < 0) {
        if (errno == ENOENT || errno == EACCES || errno == ENOTDIR)
            return 0;
        return failed("open", path, error, cap);
    }
    if (fstat(rule.fd, &st) < 0)
        rc = failed("look at", path, error, cap);
    else if (!S_ISDIR(st.st_mode))
        rule.allowed &= RIGHTS_OF_FILES;
    if (rc == 0 && syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
        rc = failed("confine to", path, error, cap);
    close(rule.fd);
    return rc;
}

static int allow_all(int ruleset, const char *const *paths, uint64_t rights, char *error,
                     size_t cap)
{
    int rc = 0;

    for (; paths && *paths && rc == 0; paths++)
        rc = allow(ruleset, *paths, rights, error, cap);
    return rc;
}

static int add_rules(int ruleset, const struct confine_paths *p, uint64_t handled,
                     char *error, size_t cap)
{
    int rc = allow_all(ruleset, system_read, RIGHTS_READ, error, cap);

    if (rc == 0)
        rc = allow_all(ruleset, system_write, (RIGHTS_READ | WRITE_FILE) & handled, error,
                       cap);
    if (rc == 0)
        rc = allow_all(ruleset, p->read_only, RIGHTS_READ, error, cap);
    if (rc == 0)
        rc = allow_all(ruleset, p->read_write, RIGHTS_WRITE & handled, error, cap);
    if (rc == 0 && p->execute && *p->execute)
        rc = allow_all(ruleset, system_execute, RIGHTS_EXECUTE, error, cap);
    if (rc == 0)
        rc = allow_all(ruleset, p->execute, RIGHTS_EXECUTE, error, cap);
    return rc;
}

int confine_outside(char *error, size_t cap)
{
    struct {
        uint64_t files, network, scoped;
    } handled = {FIRST_VERSION & ~(uint64_t)RIGHTS_EXECUTE, 0, 0};
    size_t size = sizeof(handled.files);
    long version, ruleset;
    int rc;

    if (!OS_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return failed("hide the memory of the process", NULL, error, cap);
    version = syscall(SYS_RULESET, NULL, (size_t)0, RULESET_VERSION);
    if (version < 1)
        return 0;
    handled.files |= (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNCATE : 0);
    if (version >= SCOPED_FROM) {
        handled.scoped = SCOPE_SIGNAL;
        size = sizeof(handled);
    }
    ruleset = syscall(SYS_RULESET, &handled, size, 0);
    if (ruleset < 0)
        return failed("begin to confine the process", NULL, error, cap);
    rc = allow_all((int)ruleset, system_write, WRITE_FILE | (handled.files & TRUNCATE),
                   error, cap);
    if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        rc = failed("renounce new privileges", NULL, error, cap);
    if (rc == 0 && syscall(SYS_RESTRICT, (int)ruleset, 0) < 0)
        rc = failed("confine the process", NULL, error, cap);
    close((int)ruleset);
    return rc;
}

int confine_files(const struct confine_paths *paths, bool *active, char *error,
                  size_t cap)
{
    uint64_t handled = FIRST_VERSION;
    long version, ruleset;
    int rc;

    *active = false;
    version = syscall(SYS_RULESET, NULL, (size_t)0, RULESET_VERSION);
    if (version < 1) {
        log_info("os",
                 "landlock_absent reason=%s effect=\"files are protected by "
                 "their permissions only\"",
                 log_quoted(strerror(errno)));
        return 0;
    }
    handled |= (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNCATE : 0);
    ruleset = syscall(SYS_RULESET, &handled, sizeof(handled), 0);
    if (ruleset < 0)
        return failed("begin to confine files", NULL, error, cap);
    rc = add_rules((int)ruleset, paths, handled, error, cap);
    if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        rc = failed("renounce new privileges", NULL, error, cap);
    if (rc == 0 && syscall(SYS_RESTRICT, (int)ruleset, 0) < 0)
        rc = failed("confine files", NULL, error, cap);
    close((int)ruleset);
    *active = rc == 0;
    if (*active)
        log_info("os", "landlock_on version=%ld", version);
    return rc;
}
