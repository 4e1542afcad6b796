/*
 * What the commands share. Each command is one file with one function; main.c holds the table of
 * them.
 */
#ifndef TACHO_CLI_CLI_H
#define TACHO_CLI_CLI_H

#include <getopt.h>
#include <stdbool.h>

#define EXIT_FAILED 1
#define EXIT_USAGE 2

/* A command: argv[0] is its name. Returns the exit status. */
int command_record(int argc, char **argv);
int command_report(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_top(int argc, char **argv);
int command_export(int argc, char **argv);
int command_import(int argc, char **argv);
int command_info(int argc, char **argv);
int command_label(int argc, char **argv);
int command_scope(int argc, char **argv);
int command_doctor(int argc, char **argv);

/*
 * One line on stderr: "tacho COMMAND: MESSAGE". Control characters in it are made visible. Return
 * EXIT_FAILED and EXIT_USAGE, for `return cli_usage(…)`; cli_usage adds where to find help.
 */
__attribute__((format(printf, 1, 2))) int cli_failed(const char *format, ...);
__attribute__((format(printf, 1, 2))) int cli_usage(const char *format, ...);
/* A line that is no failure: "tacho: MESSAGE". */
__attribute__((format(printf, 1, 2))) void cli_say(const char *format, ...);

/* Called before each of the above, for what must be off the terminal first. NULL: nothing. */
void cli_before_line(void (*clear)(void));

/*
 * Prints a command's --help text to stdout; returns 0, or EXIT_FAILED where stdout cannot be
 * written.
 */
int cli_help(const char *text);

/*
 * Flushes stdout and says so where that fails (a full disk, a closed pipe is silent): exit status.
 */
int cli_finish(void);

/*
 * getopt_long with errors in tacho's form: unknown and ambiguous options and missing arguments come
 * back as '?' after one line on stderr; the caller returns EXIT_USAGE.
 */
int cli_getopt(int argc, char **argv, const char *shorts, const struct option *longs);

#endif
