/* tacho diff: what changed between two sets of runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/number.h"
#include "cli/cli.h"
#include "cli/recording_list.h"
#include "cli/recording_summary.h"
#include "cli/terminal.h"
#include "report/comparison_text.h"

static const char help[] =
    "Usage: tacho diff A... -- B... [OPTION...]\n"
    "Says what changed from the runs A to the runs B: of the whole, of each scope and category\n"
    "the medians, the change, and the bound in which it lies with 95 % confidence. Each\n"
    "recording is a run, a directory stands for the recordings in it.\n"
    "\n"
    "      --fail-above P%  exit with 1 where something is certain to have grown by more than\n"
    "                       P per cent: where its whole bound lies above. Judged are wall,\n"
    "                       cpu and peak_rss, or what --metrics names\n"
    "      --metrics LIST   what to show and judge, of wall, cpu, user, system, peak_rss,\n"
    "                       peak_pss, read_bytes, write_bytes, processes, scopes,\n"
    "                       categories; else all is shown\n"
    "      --json           the same for programs: schema tacho.diff/1\n"
    "      --width CELLS    of a line; else the terminal's, COLUMNS, or 80\n"
    "  -h, --help           this text\n"
    "\n"
    "  tacho record --repeat 5 -o base -- make check\n"
    "  tacho record --repeat 5 -o new -- make check\n"
    "  tacho diff base/ -- new/ --fail-above 5%\n";

enum { OPTION_FAIL = 256, OPTION_METRICS, OPTION_JSON, OPTION_WIDTH };

static const struct option longs[] = {
    {"fail-above", required_argument, NULL, OPTION_FAIL},
    {"metrics", required_argument, NULL, OPTION_METRICS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"width", required_argument, NULL, OPTION_WIDTH},
    {"help", no_argument, NULL, 'h'},
    {0},
};

#define WIDTH_MAX 1000
#define PERCENT_MAX 1e6
#define JUDGED_UNASKED \
    (COMPARE_BIT(COMPARE_WALL) | COMPARE_BIT(COMPARE_CPU) | COMPARE_BIT(COMPARE_PEAK_RSS))

struct request {
    bool json, help, judge;
    double percent;
    unsigned chosen; /* COMPARE_BITs; 0: nothing was said */
    unsigned width;
    char **operand[2]; /* of A, of B */
    size_t operands[2];
};

/* ---- the command line ---- */

static int take_percent(struct request *request, const char *text)
{
    char *end;
    size_t digits = strspn(text, "0123456789.");
    request->percent = strtod(text, &end);
    request->judge = true;
    if (digits == 0 || end != text + digits || (*end != '\0' && strcmp(end, "%") != 0) ||
        request->percent > PERCENT_MAX)
        return cli_usage("--fail-above takes per cent, such as 5%%, not '%s'", text);
    return 0;
}

static const char *choice_name(unsigned choice)
{
    return choice == COMPARE_SCOPES       ? "scopes"
           : choice == COMPARE_CATEGORIES ? "categories"
                                          : comparison_metrics[choice].name;
}

static int take_metrics(struct request *request, const char *list)
{
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",");
        unsigned i = 0;
        while (i < COMPARE_CHOICES &&
               (strncmp(choice_name(i), at, n) != 0 || choice_name(i)[n] != '\0'))
            i++;
        if (i == COMPARE_CHOICES)
            return cli_usage("--metrics knows no '%.*s': there are wall, cpu, user, system, "
                             "peak_rss, peak_pss, read_bytes, write_bytes, processes, scopes, "
                             "categories",
                             (int)n, at);
        request->chosen |= COMPARE_BIT(i);
        at += n;
        if (*at == '\0')
            return 0;
    }
}

/* The options among these, from argv[1] on; where the operands begin then is `optind`. */
static int read_options(int argc, char **argv, struct request *request)
{
    int option, status = 0;
    uint64_t width;
    optind = 0; /* anew */
    while (status == 0 && (option = cli_getopt(argc, argv, "h", longs)) != -1) {
        switch (option) {
        case OPTION_FAIL: status = take_percent(request, optarg); break;
        case OPTION_METRICS: status = take_metrics(request, optarg); break;
        case OPTION_JSON: request->json = true; break;
        case 'h': request->help = true; break;
        case OPTION_WIDTH:
            if (!parse_u64(optarg, &width) || width < PAGE_WIDTH_MIN || width > WIDTH_MAX)
                return cli_usage("--width takes a number from %d to %d, not '%s'", PAGE_WIDTH_MIN,
                                 WIDTH_MAX, optarg);
            request->width = (unsigned)width;
            break;
        default: return EXIT_USAGE;
        }
    }
    return status;
}

static int read_side(int argc, char **argv, struct request *request, size_t side)
{
    int status = read_options(argc, argv, request);
    request->operand[side] = argv + optind;
    request->operands[side] = (size_t)(argc - optind);
    return status;
}

/* Options may stand on both sides of '--', which is no end of them but what divides A from B. */
static int read_arguments(int argc, char **argv, struct request *request)
{
    int between = 1;
    while (between < argc && strcmp(argv[between], "--") != 0)
        between++;
    int status = read_side(between, argv, request, 0);
    if (status == 0 && between < argc)
        status = read_side(argc - between, argv + between, request, 1);
    if (status != 0 || request->help)
        return status;
    if (between == argc && request->operands[0] == 2) { /* what else could they be? */
        request->operand[1] = request->operand[0] + 1;
        request->operands[0] = request->operands[1] = 1;
    } else if (between == argc) {
        return cli_usage("nothing divides the two sides: write A... -- B...");
    }
    for (size_t side = 0; side < 2; side++)
        if (request->operands[side] == 0)
            return cli_usage("no recording named %s '--'", side == 0 ? "before" : "after");
    return 0;
}

/* ---- reading ---- */

/* Whether a file of the list before this one is the same: one run must not pass for two. */
static bool is_named_before(const struct recording_list *list, size_t place)
{
    struct stat own, other;
    if (stat(list->path[place], &own) != 0)
        return false;
    for (size_t i = 0; i < place; i++)
        if (stat(list->path[i], &other) == 0 && other.st_dev == own.st_dev &&
            other.st_ino == own.st_ino)
            return true;
    return false;
}

/* Adds those that can be read. An exit status; -1 when there is no memory for more. */
static int add_side(const struct request *request, enum comparison_side side,
                    struct comparison *ret)
{
    struct recording_list list;
    int status = recording_list_make(request->operand[side], request->operands[side], &list);
    for (size_t i = 0; i < list.count && status >= 0; i++) {
        struct recording_summary opened;
        if (is_named_before(&list, i)) {
            cli_say("%s is named twice on one side: it counts as one run", list.path[i]);
            continue;
        }
        if (recording_summary_open(list.path[i], &opened) != 0) {
            status = EXIT_FAILED;
            continue;
        }
        int r = comparison_add(ret, side, &opened.summary, &opened.scopes);
        recording_summary_close(&opened);
        if (r != 0) {
            cli_failed("%s: out of memory", list.path[i]);
            status = -1;
        }
    }
    recording_list_done(&list);
    return status;
}

/* "base/", or of several "a-1.tacho and 4 more". */
static char *label_of(const struct request *request, enum comparison_side side)
{
    char *label;
    size_t more = request->operands[side] - 1;
    int n = more == 0 ? asprintf(&label, "%s", request->operand[side][0])
                      : asprintf(&label, "%s and %zu more", request->operand[side][0], more);
    return n < 0 ? NULL : label;
}

/* ---- judging ---- */

static bool is_judged(const struct change *change)
{
    return change->verdict > CHANGE_UNBOUNDED;
}

static size_t judged_groups(const struct comparison_table *table)
{
    size_t n = 0;
    for (size_t i = 0; i < table->names; i++)
        n += is_judged(&table->group[i].figure[FIGURE_TOTAL]);
    return n;
}

/* A gate that cannot close would go unnoticed for years: what cannot be judged fails. */
static int complain_of_unjudged(const struct comparison *c, unsigned judged)
{
    size_t a = c->side[SIDE_A].runs, b = c->side[SIDE_B].runs;
    int status = 0;
    if (judged != 0 && change_left_out(a, b) == 0)
        return cli_failed("nothing can be judged by %zu run%s of A and %zu of B: 4 of each are "
                          "needed (tacho record --repeat 4)",
                          a, a == 1 ? "" : "s", b);
    for (unsigned i = 0; i < COMPARE_METRICS; i++) {
        const struct change *change = &c->metric[i];
        if ((judged & COMPARE_BIT(i)) == 0 || is_judged(change))
            continue;
        status = cli_failed("%s cannot be judged: it is known of %zu run%s of A and %zu of B, and "
                            "4 of each are needed",
                            comparison_metrics[i].name, change->runs[0],
                            change->runs[0] == 1 ? "" : "s", change->runs[1]);
    }
    if ((judged & COMPARE_BIT(COMPARE_SCOPES)) != 0 && judged_groups(&c->scopes) == 0)
        status = cli_failed("no scope can be judged: 4 runs of each side must have marks");
    if ((judged & COMPARE_BIT(COMPARE_CATEGORIES)) != 0 && judged_groups(&c->categories) == 0)
        status = cli_failed("no category can be judged: 4 runs of each side must have marks");
    return status;
}

/* ---- showing ---- */

static int show(const struct request *request, const struct comparison *c)
{
    struct buffer text = {0};
    struct page page = page_of(&text, request->width, terminal_utf8(), terminal_colour());
    char *label[2] = {label_of(request, SIDE_A), label_of(request, SIDE_B)};
    struct comparison_view view = {
        .label = {label[0], label[1]},
        .shown = request->chosen != 0 ? request->chosen : COMPARE_ALL,
        .limit = {.judged = !request->judge        ? 0
                            : request->chosen != 0 ? request->chosen
                                                   : JUDGED_UNASKED,
                  .share = request->percent / 100},
    };
    text.failed |= label[0] == NULL || label[1] == NULL;
    if (!text.failed && request->json)
        comparison_put_json(&text, c, &view);
    else if (!text.failed)
        comparison_put_text(&page, c, &view);
    int status = text.failed ? cli_failed("out of memory") : 0;
    if (status == 0) {
        fwrite(text.data, 1, text.len, stdout);
        status = cli_finish();
    }
    int unjudged = complain_of_unjudged(c, view.limit.judged);
    bool fails = comparison_failing(c, &view.limit) > 0;
    buffer_done(&text);
    free(label[0]);
    free(label[1]);
    return status != 0 ? status : unjudged != 0 || fails ? EXIT_FAILED : 0;
}

int command_diff(int argc, char **argv)
{
    struct request request = {.width = terminal_width()};
    struct comparison comparison = {0};
    int status = read_arguments(argc, argv, &request);
    if (status != 0)
        return status;
    if (request.help)
        return cli_help(help);
    int failed = 0;
    for (unsigned side = SIDE_A; side <= SIDE_B && failed >= 0; side++) {
        int r = add_side(&request, side, &comparison);
        failed = r != 0 ? r : failed;
    }
    bool empty = comparison.side[SIDE_A].runs == 0 || comparison.side[SIDE_B].runs == 0;
    if (failed < 0 || empty)
        status = EXIT_FAILED; /* why was said */
    else if (comparison_finish(&comparison) != 0)
        status = cli_failed("out of memory");
    else
        status = show(&request, &comparison);
    comparison_done(&comparison);
    return status != 0 ? status : failed != 0 ? EXIT_FAILED : 0;
}
