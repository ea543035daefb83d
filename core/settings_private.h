/* settings_private.h - what the files that make settings share. */
#ifndef SETTINGS_PRIVATE_H
#define SETTINGS_PRIVATE_H

#include "settings.h"

struct settings_plan {
    const char *name;
    struct dialplan plan;
};

/* Settings being made. */
struct settings_build {
    struct settings *s;
    struct conf *conf;
    struct registry *registry;
    struct diag *diag;
    unsigned flags;
    const char *folder_of; /* whose folders are added now; NULL: no instance's */
    struct settings_plan *plans;
    unsigned n_plans;
    /* Names, for references and suggestions. */
    const char **sources, **users, **groups, **plugins;
    unsigned n_sources, n_users, n_groups, n_plugins;
};

extern const struct schema_table settings_daemon_table, settings_dialplan_table,
    settings_source_table, settings_frontend_table, settings_user_table;
extern const char *const settings_anonymous[];

/* Sections [kind.NAME] with well-formed names. NULL at the end. */
const struct conf_node *settings_section(struct settings_build *b, const char *kind,
                                         const struct conf_node *after);
unsigned settings_count(struct settings_build *b, const char *kind);
/* "; did you mean ...?" or what there is instead, for an error about an unknown name. */
const char *settings_hint(const char *word, const char *const *names, unsigned n,
                          char *out, size_t cap);
bool settings_known(const char *word, const char *const *names, unsigned n);
/* A copy of a LIST option. */
const char *const *settings_list(struct settings_build *b,
                                 const struct ctr_config *values, const char *name,
                                 size_t *n);

/* What the daemon reads later: confinement leaves these. NULL: nothing. */
void settings_add_folder(struct settings_build *b, const char *path);
void settings_add_file(struct settings_build *b, const char *path);
void settings_add_secrets(struct settings_build *b, const struct conf_node *section);

/* settings_programs.c: what an option that names a program needs later: the program's
 * folder and its interpreter's to start it, and to read what its arguments name. */
void settings_add_program(struct settings_build *b, const struct ctr_option *option,
                          const struct ctr_config *values);
bool settings_path_within(const char *path, char *const *allowed);

/* settings_plans.c: sections [dialplan.NAME], and a reference to one. */
void settings_read_plans(struct settings_build *b);
void settings_check_plan(struct settings_build *b, const struct conf_node *section);
/* The plan a section names; where it names none, the only one there is. */
void settings_plan_of(struct settings_build *b, const struct ctr_config *values,
                      struct dialplan *out);

/* settings_instances.c: sections [source.NAME] and [frontend.NAME]. */
void settings_read_instances(struct settings_build *b);

/* One section on its way. */
struct section {
    struct settings_build *b;
    const struct conf_node *node;
    struct settings_instance *in;
    const struct schema_table *host;
    bool frontend;
};

/* settings_access.c */
/* References are looked at in the tree, so that a section with another mistake has these
 * told, too. */
void section_check_references(struct section *s);
/* `fields` of a source. */
void section_read_rules(struct section *s, struct flow_source_config *source);

/* settings_source.c, settings_frontend.c */
void section_check_interval(struct section *s);
/* In a process of its own or not; before the plugin looks at its options. */
void section_read_isolation(struct section *s);
void section_read_source(struct section *s, struct flow_source_config *source);
void section_read_frontend(struct section *s, struct flow_client_config *client);

#endif
