/* tacho report: what recordings show. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tacho/recording.h>

#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "analyse/together.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/recording_list.h"
#include "cli/recording_summary.h"
#include "cli/report_page.h"
#include "cli/report_plot.h"
#include "cli/terminal.h"
#include "import/import_log.h"
#include "report/plot_look.h"
#include "report/summary_json.h"
#include "report/summary_text.h"
#include "report/together_json.h"
#include "report/together_text.h"

static const char help[] =
    "Usage: tacho report FILE|DIRECTORY... [OPTION...]\n"
    "Says what recordings, or other tools' logs (see tacho import), "
    "show: how the command ended,\n"
    "what it took, whose peak it was, and what is not known.\n"
    "Several, or all in a directory, stand side by side: ranks of a "
    "parallel job.\n"
    "\n"
    "      --json         the same for programs: schema tacho.summary/1, of "
    "several tacho.together/1\n"
    "      --html PAGE    one page that opens in any browser, without a network ('-': stdout)\n"
    "      --force        replace PAGE even if it is no page of tacho's\n"
    "      --plot FOLDER  pictures by gnuplot, with the scripts and the data to change them\n"
    "      --format LIST  of pictures: svg (unless said otherwise), png, pdf\n"
    "      --metrics LIST what to plot: cpu,memory,...; else all that is known\n"
    "      --carbon G     grams of CO2 for each kWh: what the energy comes to, where it is known\n"
    "      --width CELLS  of a line; else the terminal's, COLUMNS, or 80\n"
    "      --help         this text\n"
    "\n"
    "A recording may be read while it is written. Colours are for "
    "terminals; NO_COLOR turns them off.\n";

enum {
    OPTION_JSON = 256,
    OPTION_HTML,
    OPTION_FORCE,
    OPTION_PLOT,
    OPTION_FORMAT,
    OPTION_METRICS,
    OPTION_CARBON,
    OPTION_WIDTH,
    OPTION_HELP
};

static const struct option longs[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"html", required_argument, NULL, OPTION_HTML},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"carbon", required_argument, NULL, OPTION_CARBON},
    {"width", required_argument, NULL, OPTION_WIDTH},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"metrics", required_argument, NULL, OPTION_METRICS},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

struct request {
    bool json, help, force;
    const char *html;        /* NULL: none is asked for */
    double carbon_g_per_kwh; /* NAN: not asked for */
    unsigned width;
    struct plot_request plot;
};

#define WIDTH_MAX 1000
#define CARBON_MAX 1e6 /* g a kWh; the dirtiest power is at some 1,000 */

static int read_options(int argc, char **argv, struct request *request)
{
    int option;
    while ((option = cli_getopt(argc, argv, "", longs)) != -1) {
        uint64_t width;
        switch (option) {
        case OPTION_JSON: request->json = true; break;
        case OPTION_HTML: request->html = optarg; break;
        case OPTION_FORCE: request->force = true; break;
        case OPTION_HELP: request->help = true; break;
        case OPTION_PLOT: request->plot.folder = optarg; break;
        case OPTION_METRICS: request->plot.metrics = optarg; break;
        case OPTION_FORMAT:
            if (plot_formats_read(optarg, &request->plot.formats) != 0)
                return EXIT_USAGE;
            break;
        case OPTION_CARBON:
            if (!parse_decimal(optarg, &request->carbon_g_per_kwh) ||
                request->carbon_g_per_kwh > CARBON_MAX)
                return cli_usage("--carbon takes grams of CO2 for each kWh, as 400, not '%s'",
                                 optarg);
            break;
        case OPTION_WIDTH:
            if (!parse_u64(optarg, &width) || width < PAGE_WIDTH_MIN || width > WIDTH_MAX)
                return cli_usage("--width takes a number from %d to %d, not '%s'", PAGE_WIDTH_MIN,
                                 WIDTH_MAX, optarg);
            request->width = (unsigned)width;
            break;
        default: return EXIT_USAGE;
        }
    }
    if (request->json && request->html != NULL)
        return cli_usage("--json and --html cannot be had at once");
    if (!request->help && optind == argc)
        return cli_usage("no recording named");
    const struct plot_request *plot = &request->plot;
    if (plot->folder == NULL && (plot->formats != 0 || plot->metrics != NULL))
        return cli_usage("--format and --metrics are for --plot FOLDER");
    if (plot->folder != NULL && (request->json || request->html != NULL))
        return cli_usage("--plot and %s cannot be had at once",
                         request->json ? "--json" : "--html");
    if (!isnan(request->carbon_g_per_kwh) && (plot->folder != NULL || request->html != NULL))
        return cli_usage("--carbon is for the words and for --json");
    if (plot->formats == 0)
        request->plot.formats = PLOT_SVG;
    return 0;
}

static int print(const struct buffer *text)
{
    if (text->failed)
        return cli_failed("out of memory");
    fwrite(text->data, 1, text->len, stdout);
    return cli_finish();
}

static int report_one(const struct request *request, char *const *paths, size_t n)
{
    struct buffer text = {0};
    struct page page = page_of(&text, request->width, terminal_utf8(), terminal_colour());
    struct recording_summary o;
    int status = recording_summary_open_logs(paths, n, &o);
    if (status != 0)
        return status;
    o.summary.energy.carbon_g_per_kwh = request->carbon_g_per_kwh;
    if (request->html != NULL) {
        status = report_page(request->html, request->force, &o.summary, &o.scopes);
    } else if (request->plot.folder != NULL) {
        status = plot_report(&request->plot, &o.summary);
    } else {
        if (request->json)
            summary_put_json(&text, &o.summary, &o.scopes);
        else
            summary_put_text(&page, &o.summary, &o.scopes);
        status = print(&text);
    }
    buffer_done(&text);
    recording_summary_close(&o);
    return status;
}

/* ---- several, side by side ---- */

/* The charts of one more, which has just been added. */
static int add_charts(struct charts_together *charts, const struct together *t,
                      const struct summary *summary)
{
    struct buffer who = {0};
    together_put_who_in_words(&who, t, t->members - 1);
    buffer_put_byte(&who, '\0');
    int r = who.failed ? -ENOMEM : charts_together_add(charts, (const char *)who.data, summary);
    buffer_done(&who);
    return r;
}

/* Adds those that can be read; `json` NULL: without a summary of each. An exit status. */
static int add_all(const struct request *request, const struct recording_list *list,
                   struct json *json, struct charts_together *charts, struct together *ret)
{
    int status = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct recording_summary o;
        int failed = recording_summary_open(list->path[i], &o);
        status = failed != 0 ? failed : status;
        if (failed != 0)
            continue;
        o.summary.energy.carbon_g_per_kwh = request->carbon_g_per_kwh;
        if (json != NULL)
            json_put_summary(json, &o.summary, &o.scopes);
        int r = together_add(ret, list->path[i], &o.summary, &o.scopes);
        if (r == 0 && charts != NULL)
            r = add_charts(charts, ret, &o.summary);
        recording_summary_close(&o);
        if (r != 0) {
            cli_failed("%s: %s", list->path[i], r == -ENOMEM ? "out of memory" : strerror(-r));
            return r;
        }
    }
    return status;
}

static int show_together(const struct request *request, struct json *json,
                         struct together *together, struct charts_together *charts)
{
    struct buffer *text = json->out;
    if (request->plot.folder != NULL)
        return plot_report_together(&request->plot, charts);
    if (together_finish(together) != 0)
        return cli_failed("out of memory");
    if (request->html != NULL)
        return report_page_together(request->html, request->force, together, charts);
    struct page page = page_of(text, request->width, terminal_utf8(), terminal_colour());
    if (request->json)
        together_end_json(json, together);
    else
        together_put_text(&page, together);
    return print(text);
}

static int report_several(const struct request *request, const struct recording_list *list)
{
    bool drawn = request->html != NULL || request->plot.folder != NULL;
    struct buffer text = {0};
    struct json json = {.out = &text};
    struct together together = {0};
    struct charts_together charts = {0};
    int shown = 0;
    if (request->json)
        together_begin_json(&json);
    int status =
        add_all(request, list, request->json ? &json : NULL, drawn ? &charts : NULL, &together);
    if (status >= 0 && together.members > 0)
        shown = show_together(request, &json, &together, &charts);
    together_done(&together);
    charts_together_done(&charts);
    buffer_done(&text);
    return shown != 0 ? shown : status != 0 ? EXIT_FAILED : 0;
}

int command_report(int argc, char **argv)
{
    struct request request = {.width = terminal_width(), .carbon_g_per_kwh = NAN};
    struct recording_list list;
    int status = read_options(argc, argv, &request);
    if (status != 0)
        return status;
    if (request.help)
        return cli_help(help);
    status = recording_list_make(argv + optind, (size_t)(argc - optind), &list);
    bool one = list.count == 1 && argc - optind == 1 && !list.of_directory;
    bool one_job = status == 0 && !list.of_directory && import_are_one_job(list.path, list.count);
    int failed = one || one_job ? report_one(&request, list.path, list.count)
                                : report_several(&request, &list);
    recording_list_done(&list);
    return failed != 0 ? failed : status;
}
