/* tacho info: what a recording holds, and what it lacks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <tacho/recording.h>

#include "analyse/contents.h"
#include "cli/cli.h"
#include "cli/recording_input.h"
#include "cli/terminal.h"
#include "report/recording_info.h"

static const char help[] = "Usage: tacho info FILE [--json]\n"
                           "Says what a recording holds: the session, how often it was sampled, "
                           "its blocks and metrics with\n"
                           "how many values there are of each, and what is missing.\n"
                           "\n"
                           "      --json   the same for programs: schema tacho.info/1\n"
                           "      --help   this text\n";

enum { OPTION_JSON = 256, OPTION_HELP };

static const struct option longs[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static int print_info(const char *path, struct tacho_recording *rec, bool json)
{
    struct contents contents;
    struct summary summary;
    int r = contents_count(rec, &contents);
    if (r == 0)
        r = summary_make(rec, &summary);
    if (r != 0)
        return cli_failed("%s: %s", path, r == -ENOMEM ? "out of memory" : strerror(-r));
    struct buffer text = {0};
    struct page page = page_of(&text, terminal_width(), terminal_utf8(), terminal_colour());
    if (json)
        info_put_json(&text, path, &summary, &contents);
    else
        info_put_text(&page, path, &summary, &contents);
    summary_done(&summary);
    bool failed = text.failed;
    if (!failed)
        fwrite(text.data, 1, text.len, stdout);
    buffer_done(&text);
    return failed ? cli_failed("out of memory") : cli_finish();
}

int command_info(int argc, char **argv)
{
    bool json = false;
    int option;
    while ((option = cli_getopt(argc, argv, "", longs)) != -1) {
        switch (option) {
        case OPTION_JSON: json = true; break;
        case OPTION_HELP: return cli_help(help);
        default: return EXIT_USAGE;
        }
    }
    if (optind == argc)
        return cli_usage("no recording named");
    if (optind + 1 < argc)
        return cli_usage("one recording at a time: '%s' is too many", argv[optind + 1]);
    struct tacho_recording *rec;
    int status = recording_input_open(argv[optind], &rec);
    if (status != 0)
        return status;
    status = print_info(argv[optind], rec, json);
    tacho_recording_close(rec);
    return status;
}
