/* tacho report: what recordings show. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <tacho/recording.h>

#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/recording_input.h"
#include "cli/terminal.h"
#include "report/summary_json.h"
#include "report/summary_text.h"

static const char help[] = "Usage: tacho report FILE... [OPTION...]\n"
                           "Says what recordings, or other tools' logs (see tacho import), "
                           "show: how the command ended,\n"
                           "what it took, whose peak it was, and what is not known.\n"
                           "\n"
                           "      --json         the same for programs: schema tacho.summary/1\n"
                           "      --width CELLS  of a line; else the terminal's, COLUMNS, or 80\n"
                           "      --help         this text\n"
                           "\n"
                           "A recording may be read while it is written. Colours are for "
                           "terminals; NO_COLOR turns them off.\n";

enum { OPTION_JSON = 256, OPTION_WIDTH, OPTION_HELP };

static const struct option longs[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"width", required_argument, NULL, OPTION_WIDTH},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

struct request {
    bool json, help;
    unsigned width;
};

#define WIDTH_MAX 1000

static int read_options(int argc, char **argv, struct request *request)
{
    int option;
    while ((option = cli_getopt(argc, argv, "", longs)) != -1) {
        uint64_t width;
        switch (option) {
        case OPTION_JSON: request->json = true; break;
        case OPTION_HELP: request->help = true; break;
        case OPTION_WIDTH:
            if (!parse_u64(optarg, &width) || width < PAGE_WIDTH_MIN || width > WIDTH_MAX)
                return cli_usage("--width takes a number from %d to %d, not '%s'", PAGE_WIDTH_MIN,
                                 WIDTH_MAX, optarg);
            request->width = (unsigned)width;
            break;
        default: return EXIT_USAGE;
        }
    }
    if (!request->help && optind == argc)
        return cli_usage("no recording named");
    return 0;
}

static int print(const struct buffer *text)
{
    if (text->failed)
        return cli_failed("out of memory");
    fwrite(text->data, 1, text->len, stdout);
    return cli_finish();
}

static int report_figures(const struct request *request, const struct summary *summary,
                          const struct scopes *scopes)
{
    struct buffer text = {0};
    struct page page = page_of(&text, request->width, terminal_utf8(), terminal_colour());
    if (request->json)
        summary_put_json(&text, summary, scopes);
    else
        summary_put_text(&page, summary, scopes);
    int status = print(&text);
    buffer_done(&text);
    return status;
}

static int report_file(const struct request *request, const char *path)
{
    struct tacho_recording *rec;
    struct summary summary;
    struct scopes scopes;
    int status = recording_input_open(path, &rec);
    if (status != 0)
        return status;
    int r = summary_make(rec, &summary);
    if (r == 0) {
        r = summary_make_scopes(&summary, &scopes);
        if (r != 0)
            summary_done(&summary);
    }
    if (r != 0) {
        tacho_recording_close(rec);
        return cli_failed("%s: %s", path, r == -ENOMEM ? "out of memory" : strerror(-r));
    }
    status = report_figures(request, &summary, &scopes);
    scopes_done(&scopes);
    summary_done(&summary);
    tacho_recording_close(rec);
    return status;
}

int command_report(int argc, char **argv)
{
    struct request request = {.width = terminal_width()};
    int status = read_options(argc, argv, &request);
    if (status != 0)
        return status;
    if (request.help)
        return cli_help(help);
    for (int i = optind; i < argc; i++) {
        if (i > optind && !request.json)
            putchar('\n');
        int failed = report_file(&request, argv[i]);
        status = failed != 0 ? failed : status;
    }
    return status;
}
