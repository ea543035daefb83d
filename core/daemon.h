/* daemon.h - the whole: everything built up in order, run, and torn down in reverse. */
#ifndef DAEMON_H
#define DAEMON_H

/* Exit codes of contactord. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Runs in the foreground until it is told to stop. returns the exit code */
int daemon_run(const char *config_path);
/* Looks at the configuration as a start would; prints what is wrong. returns the exit
 * code */
int daemon_check(const char *config_path);
/* The process of an isolated source; number: its first descriptor. returns the exit code
 */
int daemon_isolated(const char *number);
/* Prints what a plugin is. returns the exit code */
int daemon_describe(const char *plugin_path, int json);

#endif
