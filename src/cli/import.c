/* tacho import: other tools' logs as a recording. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/log_input.h"
#include "cli/recording_list.h"
#include "config.h"

static const char help[] =
    "Usage: tacho import LOG... -o FILE [OPTION...]\n"
    "Makes a recording of what other tools wrote into logs: of several, one. '-' is stdin.\n"
    "A LOG is a file, a directory that a tool wrote, or what the names of its files begin with.\n"
    "tacho report LOG does the same and reports it at once.\n"
    "\n"
    "  -o, --output FILE   the recording to write; never overwrites without --force\n"
    "      --force         replace FILE where it exists\n"
    "      --list-formats  say which logs are read\n"
    "  -h, --help          this text\n"
    "\n"
    "  tacho import app.log -o app.tacho\n";

enum { OPTION_FORCE = 256, OPTION_LIST };

static const struct option longs[] = {
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"list-formats", no_argument, NULL, OPTION_LIST},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct request {
    const char *output;
    char **logs;
    size_t count;
    bool force, list, help;
};

static int read_arguments(int argc, char **argv, struct request *request)
{
    int option;
    while ((option = cli_getopt(argc, argv, "o:h", longs)) != -1) {
        switch (option) {
        case 'o': request->output = optarg; break;
        case OPTION_FORCE: request->force = true; break;
        case OPTION_LIST: request->list = true; break;
        case 'h': request->help = true; break;
        default: return EXIT_USAGE;
        }
    }
    request->logs = argv + optind;
    request->count = (size_t)(argc - optind);
    if (request->help || request->list)
        return 0;
    if (optind == argc)
        return cli_usage("no log named");
    if (request->output == NULL)
        return cli_usage("no output named: give one with -o");
    return 0;
}

static int list_formats(void)
{
    const struct import_format *format;
    for (size_t i = 0; (format = import_format(i)) != NULL; i++)
        printf("%-14s %s\n", format->name, format->title);
    return cli_finish();
}

static int write_recording(const struct request *request, struct gathered *gathered)
{
    struct recording_options options = {
        .path = request->output,
        .replace = request->force,
#ifdef HAVE_ZSTD
        .codec = &codec_zstd,
#endif
    };
    int r = gathered_write(gathered, &options);
    if (r == -EEXIST)
        return cli_failed("%s exists: choose another name with -o, or --force to replace it",
                          request->output);
    return r != 0 ? cli_failed("cannot write %s: %s", request->output, strerror(-r)) : 0;
}

int command_import(int argc, char **argv)
{
    struct request request = {0};
    struct gathered gathered = {0};
    int status = read_arguments(argc, argv, &request);
    if (status != 0)
        return status;
    if (request.help)
        return cli_help(help);
    if (request.list)
        return list_formats();
    struct recording_list logs;
    status = recording_list_make(request.logs, request.count, &logs);
    if (status == 0)
        status = log_input_read(logs.path, logs.count, request.output, &gathered);
    if (status == 0)
        status = write_recording(&request, &gathered);
    gathered_done(&gathered);
    recording_list_done(&logs);
    return status;
}
