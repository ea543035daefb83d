/* settings_programs.c - what confinement leaves to options that name a program. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "settings_private.h"

enum { FIRST_LINE_MAX = 256 };

static void add_place(struct settings_build *b, const char *place)
{
    struct settings *s = b->s;

    s->programs = xrealloc(s->programs, (s->n_programs + 2) * sizeof(*s->programs));
    s->programs[s->n_programs++] = arena_z(&s->arena, place);
    s->programs[s->n_programs] = NULL;
}

/* Programs are replaced by new ones, and call their helpers: it is the folder that is
 * allowed; of the root folder only the file. */
static void add_folder_of(struct settings_build *b, const char *path)
{
    char *folder = xstrdup(path);
    char *slash = strrchr(folder, '/');

    if (slash > folder)
        *slash = '\0';
    add_place(b, folder);
    free(folder);
}

/* A link counts as itself and as what it leads to. */
static void add_started(struct settings_build *b, const char *path)
{
    char *real = realpath(path, NULL);

    add_folder_of(b, path);
    if (real && strcmp(real, path) != 0)
        add_folder_of(b, real);
    free(real);
}

/* "#!/srv/venv/bin/python3 -u": what the kernel starts in the program's place. */
static void add_interpreter(struct settings_build *b, const char *path)
{
    char line[FIRST_LINE_MAX + 1], *name;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd >= 0 ? read(fd, line, FIRST_LINE_MAX) : -1;

    if (fd >= 0)
        close(fd);
    if (n < 3 || line[0] != '#' || line[1] != '!')
        return;
    line[n] = '\0';
    name = line + 2 + strspn(line + 2, " \t");
    name[strcspn(name, " \t\r\n")] = '\0';
    if (name[0] == '/')
        add_started(b, name);
}

void settings_add_program(struct settings_build *b, const struct ctr_option *option,
                          const struct ctr_config *values)
{
    bool list = option->type == CTR_OPT_LIST;
    const char *path =
        list ? conf_list_at(values, option->name, 0) : conf_str(values, option->name);
    struct stat st;

    if (!path || path[0] != '/')
        return;
    add_started(b, path);
    add_interpreter(b, path);
    settings_add_file(b, path);
    for (uint32_t i = 1; list && i < conf_list_len(values, option->name); i++) {
        const char *word = conf_list_at(values, option->name, i);

        if (word && word[0] == '/' && stat(word, &st) == 0)
            settings_add_file(b, word);
    }
}

bool settings_programs_within(const struct settings *settings, char *const *allowed,
                              const char **outside)
{
    for (unsigned i = 0; i < settings->n_programs; i++) {
        if (!settings_path_within(settings->programs[i], allowed)) {
            *outside = settings->programs[i];
            return false;
        }
    }
    return true;
}
