/* privileges.c - becoming an ordinary user for good, see privileges.h. */
#include "os/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "os/limits.h"
#include "os/sanitized.h"

enum { LOOKUP_MAX = 64 * 1024, CAPABILITIES_MAX = 64 };

static int failed(const char *what, char *error, size_t cap)
{
    snprintf(error, cap, "cannot %s: %s", what, strerror(errno));
    return -CTR_EIO;
}

bool privileges_is_root(void)
{
    return geteuid() == 0 || getuid() == 0;
}

static bool parse_id(const char *text, unsigned long *id)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *id = strtoul(text, &end, 10);
    return !errno && !*end && *id < UINT32_MAX;
}

static int find_user(const char *name, struct privileges_user *out, char *error,
                     size_t cap)
{
    char *memory = malloc(LOOKUP_MAX);
    struct passwd entry, *found = NULL;
    unsigned long id;
    int rc = -CTR_ENOENT, err;

    if (!memory)
        return -CTR_ENOMEM;
    if (parse_id(name, &id))
        err = getpwuid_r((uid_t)id, &entry, memory, LOOKUP_MAX, &found);
    else
        err = getpwnam_r(name, &entry, memory, LOOKUP_MAX, &found);
    if (found && strlen(found->pw_name) < sizeof(out->name)) {
        strcpy(out->name, found->pw_name);
        out->uid = found->pw_uid;
        out->gid = found->pw_gid;
        rc = 0;
    } else {
        snprintf(error, cap, "there is no user \"%.60s\"%s%s", name, err ? ": " : "",
                 err ? strerror(err) : "");
    }
    free(memory);
    return rc;
}

static int find_group(const char *name, gid_t *out, char *error, size_t cap)
{
    char *memory = malloc(LOOKUP_MAX);
    struct group entry, *found = NULL;
    unsigned long id;
    int err;

    if (!memory)
        return -CTR_ENOMEM;
    if (parse_id(name, &id))
        err = getgrgid_r((gid_t)id, &entry, memory, LOOKUP_MAX, &found);
    else
        err = getgrnam_r(name, &entry, memory, LOOKUP_MAX, &found);
    if (found)
        *out = found->gr_gid;
    else
        snprintf(error, cap, "there is no group \"%.60s\"%s%s", name, err ? ": " : "",
                 err ? strerror(err) : "");
    free(memory);
    return found ? 0 : -CTR_ENOENT;
}

int privileges_find(const char *user, const char *group, struct privileges_user *out,
                    char *error, size_t cap)
{
    int rc;

    *out = (struct privileges_user){.n_groups = PRIVILEGES_GROUPS_MAX};
    rc = find_user(user, out, error, cap);
    if (rc == 0 && group)
        rc = find_group(group, &out->gid, error, cap);
    if (rc < 0)
        return rc;
    if (out->uid == 0) {
        snprintf(error, cap, "user \"%.60s\" is root; name one without rights", user);
        return -CTR_EINVAL;
    }
    if (getgrouplist(out->name, out->gid, out->groups, &out->n_groups) < 0) {
        snprintf(error, cap, "user \"%.60s\" is in more than %d groups", user,
                 PRIVILEGES_GROUPS_MAX);
        return -CTR_EINVAL;
    }
    return 0;
}

static int become(const struct privileges_user *user, char *error, size_t cap)
{
    if (setgroups((size_t)user->n_groups, user->groups) < 0 ||
        setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return failed("become an ordinary user", error, cap);
    return 0;
}

/* What programs started later could get; needs root. */
static int clear_bounding_set(char *error, size_t cap)
{
    for (unsigned long c = 0; c < CAPABILITIES_MAX; c++) {
        if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) <= 0)
            continue;
        /* A container may have kept the right to do so from us, and with it the rest. */
        if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EPERM)
            return failed("clear the bounding set of capabilities", error, cap);
    }
    return 0;
}

static int clear_capabilities(char *error, size_t cap)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

    memset(none, 0, sizeof(none));
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return failed("clear the ambient capabilities", error, cap);
    if (syscall(SYS_capset, &header, none) < 0)
        return failed("clear the capabilities", error, cap);
    return 0;
}

/* Every id and set a thread's status names is as it should be. */
static bool thread_is_clean(FILE *status, const struct privileges_user *user)
{
    static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"};
    char line[256];
    bool clean = true;

    while (fgets(line, sizeof(line), status)) {
        unsigned long id[4];

        for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
            if (strncmp(line, sets[i], strlen(sets[i])) == 0)
                clean = clean && strtoull(line + strlen(sets[i]), NULL, 16) == 0;
        if (user &&
            sscanf(line, "Uid: %lu %lu %lu %lu", &id[0], &id[1], &id[2], &id[3]) == 4)
            for (int i = 0; i < 4; i++)
                clean = clean && id[i] == user->uid;
    }
    return clean;
}

/* Capabilities belong to threads: one that a library started earlier may have kept them.
 * Without /proc there is nothing to look at. */
static int check_threads(const struct privileges_user *user, char *error, size_t cap)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    bool clean = true;

    if (!tasks)
        return 0;
    while (clean && (task = readdir(tasks))) {
        char path[300];
        FILE *status;

        snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
        status = task->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (!status)
            continue;
        clean = thread_is_clean(status, user);
        fclose(status);
    }
    closedir(tasks);
    if (clean)
        return 0;
    snprintf(error, cap, "a thread kept rights of root; it was started too early");
    return -CTR_EBUSY;
}

static int check_no_way_back(const struct privileges_user *user, char *error, size_t cap)
{
    if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0 || setuid(0) == 0 ||
        getuid() != user->uid || geteuid() != user->uid || getgid() != user->gid ||
        getegid() != user->gid) {
        snprintf(error, cap, "the rights of root did not go away");
        return -CTR_EIO;
    }
    return 0;
}

static int hide_memory(char *error, size_t cap)
{
    if (!OS_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return failed("hide the memory of the process", error, cap);
    return limits_no_core(error, cap);
}

int privileges_drop(const struct privileges_user *user, char *error, size_t cap)
{
    bool root = privileges_is_root();
    int rc = 0;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed("renounce new privileges", error, cap);
    if (!root)
        user = NULL;
    if (root)
        rc = clear_bounding_set(error, cap);
    if (rc == 0 && user)
        rc = become(user, error, cap);
    if (rc == 0)
        rc = clear_capabilities(error, cap);
    if (rc == 0 && user)
        rc = check_no_way_back(user, error, cap);
    if (rc == 0)
        rc = check_threads(user, error, cap);
    if (rc == 0)
        rc = hide_memory(error, cap);
    if (rc < 0)
        return rc;
    if (user)
        log_info("os", "privileges_dropped user=%s uid=%lu groups=%d", user->name,
                 (unsigned long)user->uid, user->n_groups);
    else if (root)
        log_warn("os", "running_as_root hint=\"set user in [contactor]\"");
    return 0;
}
