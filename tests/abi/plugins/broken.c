/* broken.c - plugins that must not be let in, one for each value of FIXTURE (its name is
 * NAME), and some that must although they are unusual. */
#include "contactor/plugin.h"

/* No fixture uses all of it. */
#define MAYBE __attribute__((unused))

#define WRONG_MAJOR  1
#define NEEDS_NEWER  2
#define SHORT        3
#define LYING        4
#define NO_CREATE    5
#define OTHER_NAME   6
#define NO_ROLE      7
#define BAD_OPTION   8
#define NO_SYNC      9
#define NO_SYMBOL    10
#define IS_FUNCTION  11
#define BUILT_NEWER  12
#define FAILS_CREATE 13
#define FAILS_CHECK  14
#define MISSING      15
#define TAKES_OPTION 16

MAYBE static int32_t make(const struct ctr_host *host, const struct ctr_config *config,
                          void **out)
{
    (void)config;
    *out = NULL;
#if FIXTURE == FAILS_CREATE
    host->fail(host, "the vendor's server does not answer; check option 'server'");
    return -CTR_EIO;
#else
    (void)host;
    return 0;
#endif
}

MAYBE static void drop(void *self)
{
    (void)self;
}

MAYBE static int32_t check(const struct ctr_host *host, const struct ctr_config *config)
{
#if FIXTURE == FAILS_CHECK
    host->option_error(config, "fields", "this plugin dislikes it");
    return -CTR_ECONF;
#else
    (void)host;
    (void)config;
    return 0;
#endif
}

MAYBE static int32_t no_contacts(void *self, struct ctr_sync *sync,
                                 const struct ctr_sync_request *request)
{
    (void)self;
    (void)sync;
    (void)request;
    return 0;
}

MAYBE static const struct ctr_source source = {
    sizeof(struct ctr_source),
    CTR_ON_LANE,
    0,
    0,
#if FIXTURE == NO_SYNC
    NULL,
#else
    no_contacts,
#endif
    NULL,
    NULL,
    NULL,
};

MAYBE static const struct ctr_option options[] = {
#if FIXTURE == BAD_OPTION
    {"number", CTR_OPT_INT, 0, 5, 10, "1", NULL, "Its default lies outside its range."},
#elif FIXTURE == TAKES_OPTION
    {"priority", CTR_OPT_STRING, 0, 0, 0, NULL, NULL,
     "Every source has it, as a number."},
#else
    {"number", CTR_OPT_INT, 0, 5, 10, "6", NULL, "A number."},
#endif
};

#if FIXTURE == MISSING
extern int vendor_function(void);
int use_vendor(void);
int use_vendor(void)
{
    return vendor_function();
}
#endif

#if FIXTURE == IS_FUNCTION
CTR_EXPORT int contactor_plugin_function(void) __asm__("contactor_plugin");
int contactor_plugin_function(void)
{
    return 0;
}
#elif FIXTURE == NO_SYMBOL
CTR_EXPORT const struct ctr_plugin some_other_symbol = {
#else
CTR_PLUGIN = {
#endif

#if FIXTURE != IS_FUNCTION
#if FIXTURE == SHORT
40,
#elif FIXTURE == LYING
4096,
#else
sizeof(struct ctr_plugin),
#endif
#if FIXTURE == WRONG_MAJOR
    CTR_ABI(2, 3),
#elif FIXTURE == BUILT_NEWER
    CTR_ABI(1, 9),
#else
    CTR_ABI_CURRENT,
#endif
#if FIXTURE == NEEDS_NEWER
    CTR_ABI(1, 9),
#else
    CTR_ABI(1, 0),
#endif
    1,
#if FIXTURE == OTHER_NAME
    "somebody_else",
#else
    NAME,
#endif
    "1.0", "a plugin for the tests of the loader", options, sizeof(options[0]), 0,
#if FIXTURE == NO_ROLE
    NULL,
#else
    &source,
#endif
    NULL, check,
#if FIXTURE == NO_CREATE
    NULL,
#else
    make,
#endif
    NULL, NULL, NULL, drop,
}
;
#endif
