/* program.c - whether the program an option names can be started. */
#include "conf/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WHY_MAX = 256 };

/* Where the shell would find it, for a suggestion; "" when it would not. */
static const char *found_as(const char *name, char *out, size_t cap)
{
    static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        int n = snprintf(out, cap, "; did you mean \"%s/%s\"?", folders[i], name);
        char path[WHY_MAX];

        if (n < 0 || (size_t)n >= cap)
            break;
        snprintf(path, sizeof(path), "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return out;
    }
    return "";
}

/* returns what is wrong with it, or NULL */
static const char *wrong(const char *path, char *why, size_t cap)
{
    struct stat st;

    if (stat(path, &st) != 0)
        snprintf(why, cap, "%s", errno == ENOENT ? "does not exist" : strerror(errno));
    else if (!S_ISREG(st.st_mode))
        snprintf(why, cap, "is not a file");
    else if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
        snprintf(why, cap, "cannot be executed (%s); chmod +x it", strerror(errno));
    else
        return NULL;
    return why;
}

void program_check(const struct ctr_option *option, const struct conf_value *value,
                   bool strict, struct conf_place at, struct diag *diag)
{
    const char *path = option->type == CTR_OPT_PATH ? value->string
                       : value->n > 0               ? value->pairs[0].value
                                                    : NULL;
    char why[WHY_MAX];

    if (!path)
        return;
    if (path[0] != '/')
        diag_error(diag, at,
                   "'%s' must begin with the absolute path of a program, not \"%s\"%s",
                   option->name, path, found_as(path, why, sizeof(why)));
    else if (!wrong(path, why, sizeof(why)))
        return;
    else if (strict)
        diag_error(diag, at, "'%s': %s %s", option->name, path, why);
    else
        diag_warning(diag, at, "'%s': %s %s", option->name, path, why);
}
