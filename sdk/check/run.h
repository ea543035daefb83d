/* run.h - one check in a child process, and what came of it. */
#ifndef CHECK_RUN_H
#define CHECK_RUN_H

#include "check.h"

enum { RESULT_OK, RESULT_WARNING, RESULT_FAILED, RESULT_SKIPPED };

enum { RESULT_TEXT_MAX = 2048, RESULT_WARNINGS_MAX = 8 };

struct finding {
    char text[RESULT_TEXT_MAX], remedy[RESULT_TEXT_MAX];
};

struct result {
    int state;             /* RESULT_* */
    struct finding failed; /* also why it was skipped, in text */
    struct finding warnings[RESULT_WARNINGS_MAX];
    uint32_t n_warnings;
    char note[RESULT_TEXT_MAX];
    char words[8 *
               RESULT_TEXT_MAX]; /* what the plugin and the sanitizers said on stderr */
    uint32_t ms;
};

/* Loads the plugin in a child and tells its name, version and summary in `note`.
 * failed.text: why it cannot be loaded */
void run_load(const struct subject *s, struct result *r);
/* seconds: 0: the check's own limit */
void run_check(const struct check *c, const struct subject *s, uint32_t seconds,
               struct result *r);

#endif
