/* main.c - contactord: reads the command line, and hands over to the daemon. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "isolate/isolate.h"
#include "settings.h"

#define DEFAULT_CONFIG "/etc/contactor/contactor.toml"

enum { OPT_CHECK = 256, OPT_DESCRIBE, OPT_JSON, OPT_OPTIONS, OPT_VERSION };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"check-config", no_argument, NULL, OPT_CHECK},
    {"describe", required_argument, NULL, OPT_DESCRIBE},
    {"options", no_argument, NULL, OPT_OPTIONS},
    {"json", no_argument, NULL, OPT_JSON},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void usage(FILE *out)
{
    fputs(
        "usage: contactord [-c FILE]                  run in the foreground\n"
        "       contactord [-c FILE] --check-config   tell what is wrong in FILE\n"
        "       contactord --describe PLUGIN.so [--json]\n"
        "                                             what a plugin is, and its options\n"
        "       contactord --options                  all options that are not a "
        "plugin's\n"
        "       contactord --version | --help\n"
        "\n"
        "FILE is " DEFAULT_CONFIG " where it is not given; files in the\n"
        "folder conf.d beside it are read, too.\n"
        "\n"
        "SIGHUP reads the configuration again, SIGTERM ends the daemon. Everything else\n"
        "is asked with contactorctl.\n"
        "Exit codes: 0 success, 1 failure or a wrong configuration, 2 wrong usage.\n",
        out);
}

int main(int argc, char **argv)
{
    const char *config = DEFAULT_CONFIG, *plugin = NULL;
    int check = 0, json = 0, option;

    if (argc == 4 && strcmp(argv[1], ISOLATE_ARGUMENT) == 0)
        return daemon_isolated(argv[2]);
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case OPT_CHECK:
            check = 1;
            break;
        case OPT_DESCRIBE:
            plugin = optarg;
            break;
        case OPT_JSON:
            json = 1;
            break;
        case OPT_OPTIONS:
            settings_describe(stdout);
            return EXIT_OK;
        case OPT_VERSION:
            printf("contactord %s\n", CONTACTOR_VERSION);
            return EXIT_OK;
        case 'h':
            usage(stdout);
            return EXIT_OK;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "contactord: unexpected argument '%s'\n", argv[optind]);
        usage(stderr);
        return EXIT_USAGE;
    }
    if (plugin)
        return daemon_describe(plugin, json);
    return check ? daemon_check(config) : daemon_run(config);
}
