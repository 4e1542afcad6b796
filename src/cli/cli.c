#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli_command.h"
#include "cli/terminal.h"

/* The command that runs: argv[0] of its function. NULL before one is chosen. */
static const char *command_name;

void cli_set_command(const char *name)
{
    command_name = name;
}

static void (*before_line)(void);

void cli_before_line(void (*clear)(void))
{
    before_line = clear;
}

/* One line on stderr, in one write, with nothing in it that a terminal obeys. */
static void say_line(const char *command, const char *format, va_list args)
{
    char *message;
    if (vasprintf(&message, format, args) < 0)
        return;
    if (before_line != NULL)
        before_line();
    struct buffer line = {0};
    buffer_printf(&line, command == NULL ? "tacho: " : "tacho %s: ", command);
    text_put_terminal(&line, message, strlen(message), terminal_utf8());
    buffer_put_byte(&line, '\n');
    if (!line.failed)
        fwrite(line.data, 1, line.len, stderr);
    buffer_done(&line);
    free(message);
}

int cli_failed(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_line(command_name, format, args);
    va_end(args);
    return EXIT_FAILED;
}

int cli_usage(const char *format, ...)
{
    char *message;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&message, format, args);
    va_end(args);
    if (n < 0)
        return EXIT_USAGE;
    if (command_name == NULL)
        cli_failed("%s; try: tacho --help", message);
    else
        cli_failed("%s; try: tacho %s --help", message, command_name);
    free(message);
    return EXIT_USAGE;
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_line(NULL, format, args);
    va_end(args);
}

int cli_help(const char *text)
{
    fputs(text, stdout);
    return cli_finish();
}

int cli_finish(void)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout) != 0;
    int error = errno;
    if (!failed)
        return EXIT_SUCCESS;
    /* Who closed the pipe, or gave no stdout, does not want to hear of it. */
    if (error != EPIPE && error != EBADF)
        cli_failed("cannot write to stdout: %s", strerror(error));
    return EXIT_FAILED;
}

/* ---- options ---- */

/*
 * The long option that `argument` ("--name", "--name=value") names or abbreviates. *ret_matches
 * counts those it may be.
 */
static const struct option *long_option(const struct option *longs, const char *argument,
                                        unsigned *ret_matches)
{
    const char *name = argument + 2;
    size_t n = strcspn(name, "=");
    const struct option *found = NULL;
    *ret_matches = 0;
    for (const struct option *o = longs; o->name != NULL; o++) {
        if (strncmp(o->name, name, n) != 0)
            continue;
        if (o->name[n] == '\0') {
            *ret_matches = 1;
            return o;
        }
        found = o;
        (*ret_matches)++;
    }
    return found;
}

static void complain_of_long(const struct option *longs, const char *argument)
{
    unsigned matches;
    const struct option *o = long_option(longs, argument, &matches);
    int n = (int)strcspn(argument, "=");
    if (matches == 0)
        cli_usage("unknown option '%.*s'", n, argument);
    else if (matches > 1)
        cli_usage("option '%.*s' is ambiguous", n, argument);
    else if (o->has_arg == no_argument)
        cli_usage("option '--%s' takes no argument", o->name);
    else
        cli_usage("option '--%s' needs an argument", o->name);
}

int cli_getopt(int argc, char **argv, const char *shorts, const struct option *longs)
{
    opterr = 0;
    int c = getopt_long(argc, argv, shorts, longs, NULL);
    if (c != '?')
        return c;
    /* glibc tells a long option's error by optopt 0 (unknown, ambiguous) or its val. */
    const char *last = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    unsigned matches = 0;
    bool is_long = strncmp(last, "--", 2) == 0 && last[2] != '\0';
    const struct option *o = is_long ? long_option(longs, last, &matches) : NULL;
    if (is_long && (optopt == 0 || (matches == 1 && o->val == optopt)))
        complain_of_long(longs, last);
    else if (optopt != 0 && optopt != ':' && strchr(shorts, optopt) != NULL)
        cli_usage("option '-%c' needs an argument", optopt);
    else
        cli_usage("unknown option '-%c'", optopt);
    return '?';
}
