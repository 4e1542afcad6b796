/* tacho: the table of commands. */
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_command.h"
#include "config.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"record", command_record, "record a command, or running processes, with all descendants"},
    {"report", command_report, "say what a recording shows"},
    {"diff", command_diff, "say what changed between two sets of runs"},
    {"top", command_top, "show a recording, or what goes on now, moment by moment"},
    {"export", command_export, "turn a recording into a table for another program"},
    {"import", command_import, "make a recording of what other tools wrote into logs"},
    {"info", command_info, "say what a recording holds, and what it lacks"},
    {"label", command_label, "put a label into the recording that a script is under"},
    {"scope", command_scope, "run a command as a scope of the recording that a script is under"},
    {"doctor", command_doctor, "say what this machine allows, and what would make the rest work"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static int help(void)
{
    puts("Usage: tacho COMMAND [OPTION...] [ARGUMENT...]\n"
         "Records what programs use, with every process below them, and reads it back.\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].help);
    puts("\n"
         "  tacho record -o run.tacho make -j4\n"
         "  tacho report run.tacho\n"
         "\n"
         "  --help     this text; tacho COMMAND --help tells of a command\n"
         "  --version  which tacho this is");
    return cli_finish();
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

#define NAME_MAX_COMPARED 16

/* How many letters must be put in, taken out or replaced (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_COMPARED + 1], n = strlen(b);
    if (n > NAME_MAX_COMPARED || strlen(a) > NAME_MAX_COMPARED)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t above = row[j + 1];
            row[j + 1] = smallest(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[n];
}

static int unknown(const char *name)
{
    size_t best = 0, nearest = SIZE_MAX;
    for (size_t i = 0; i < COMMANDS; i++) {
        size_t d = distance(name, commands[i].name);
        if (d < nearest) {
            nearest = d;
            best = i;
        }
    }
    if (nearest <= 2)
        return cli_usage("unknown command '%s'; did you mean '%s'?", name, commands[best].name);
    return cli_usage("unknown command '%s'", name);
}

int main(int argc, char **argv)
{
    /* Numbers stay as in C: only which characters there are is the locale's. */
    setlocale(LC_CTYPE, "");
    if (argc < 2)
        return cli_usage("no command named");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help();
    if (strcmp(name, "--version") == 0) {
        puts("tacho " TACHO_VERSION);
        return cli_finish();
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            cli_set_command(commands[i].name);
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (name[0] == '-')
        return cli_usage("unknown option '%s'", name);
    return unknown(name);
}
