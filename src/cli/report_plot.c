#include "cli/report_plot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyse/charts.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "report/gnuplot_run.h"
#include "report/plot.h"

#define DRAW_LIMIT_MS 300000 /* a picture takes some 0.1 s */

/* Takes the next word of a list with commas; NULL at its end. */
static const char *next_word(const char **list, size_t *ret_n)
{
    const char *word = *list;
    if (word == NULL)
        return NULL;
    *ret_n = strcspn(word, ",");
    *list = word[*ret_n] == ',' ? word + *ret_n + 1 : NULL;
    return word;
}

int plot_formats_read(const char *text, unsigned *ret)
{
    static const char *const names[] = {"svg", "png", "pdf"};
    unsigned formats = 0;
    size_t n;
    for (const char *list = text, *word; (word = next_word(&list, &n)) != NULL;) {
        unsigned format = 0;
        for (unsigned i = 0; i < ARRAY_LEN(names); i++)
            if (strlen(names[i]) == n && memcmp(names[i], word, n) == 0)
                format = 1u << i;
        if (format == 0)
            return cli_usage("--format takes svg, png and pdf, with commas between, not '%.*s'",
                             (int)(n > 100 ? 100 : n), word);
        formats |= format;
    }
    *ret = formats;
    return 0;
}

/* ---- which charts ---- */

static int no_such(const struct charts *charts, const char *word, size_t n)
{
    struct buffer known = {0};
    for (size_t i = 0; i < charts->count; i++)
        buffer_printf(&known, "%s%s", i > 0 ? ", " : "", charts->chart[i].key);
    int status = charts->count == 0
                     ? cli_failed("there is nothing to plot")
                     : cli_usage("no metric '%.*s' here; there are %.*s", (int)(n > 100 ? 100 : n),
                                 word, (int)known.len, (const char *)known.data);
    buffer_done(&known);
    return status;
}

/* `ret` has room for all charts. 0, or an exit status. */
static int choose(const struct charts *charts, const char *metrics, bool *ret)
{
    size_t n;
    for (const char *list = metrics, *word; (word = next_word(&list, &n)) != NULL;) {
        bool found = false;
        for (size_t i = 0; i < charts->count; i++) {
            const char *key = charts->chart[i].key;
            bool same = strlen(key) == n && memcmp(key, word, n) == 0;
            ret[i] |= same;
            found |= same;
        }
        if (!found)
            return no_such(charts, word, n);
    }
    return 0;
}

/* ---- drawing ---- */

static int open_folder(const char *path, int *ret)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return cli_failed("%s: cannot be made: %s", path, strerror(errno));
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret >= 0 ? 0 : cli_failed("%s: %s", path, strerror(errno));
}

static const char *suffix_of(unsigned formats)
{
    return (formats & PLOT_SVG) != 0 ? "svg" : (formats & PLOT_PNG) != 0 ? "png" : "pdf";
}

static void say_made(const char *folder, const struct plot_scripts *scripts)
{
    size_t pictures = 0;
    for (size_t i = 0; i < scripts->count; i++)
        pictures += (size_t)__builtin_popcount(scripts->script[i].formats);
    if (pictures == 1)
        cli_say("%s/%s.%s is drawn", folder, scripts->script[0].name,
                suffix_of(scripts->script[0].formats));
    else
        cli_say("%s/%s.%s and %zu more pictures are drawn", folder, scripts->script[0].name,
                suffix_of(scripts->script[0].formats), pictures - 1);
}

static int draw(const char *folder, int folder_fd, const struct plot_scripts *scripts)
{
    char words[GNUPLOT_WORDS_MAX];
    signal(SIGCHLD, SIG_DFL);
    int r = gnuplot_run(folder_fd, scripts, DRAW_LIMIT_MS, words);
    switch (r) {
    case 0: say_made(folder, scripts); return 0;
    case -ENOENT:
        return cli_failed("no gnuplot here to draw %s/*.plt: apt-get install gnuplot-nox, then "
                          "there: gnuplot *.plt",
                          folder);
    case -ETIMEDOUT:
        return cli_failed("gnuplot took more than %d s for %s/*.plt and was stopped",
                          DRAW_LIMIT_MS / 1000, folder);
    default:
        return cli_failed("gnuplot could not draw %s/*.plt: %s", folder,
                          words[0] != '\0' ? words
                          : r == -EIO      ? "it did not say why"
                                           : strerror(-r));
    }
}

/* `summary` NULL: of several recordings. */
static int plot_charts(const struct plot_request *request, const struct summary *summary,
                       const struct charts *charts, bool many)
{
    struct plot_scripts scripts = {0};
    _free_ bool *all = calloc(charts->count + 1, sizeof *all);
    _close_ int folder_fd = -1;
    if (all == NULL)
        return cli_failed("out of memory");
    int status = choose(charts, request->metrics, all);
    if (status == 0)
        status = open_folder(request->folder, &folder_fd);
    if (status != 0)
        return status;
    const bool *chosen = request->metrics == NULL ? NULL : all;
    int r = summary != NULL
                ? plot_write(summary, charts, chosen, request->formats, folder_fd, &scripts)
                : plot_write_ranks(charts, many, chosen, request->formats, folder_fd, &scripts);
    if (r != 0)
        status = cli_failed("%s: cannot be written: %s", request->folder, strerror(-r));
    else if (scripts.count == 0)
        status = cli_failed("there is nothing to plot");
    else
        status = draw(request->folder, folder_fd, &scripts);
    plot_scripts_done(&scripts);
    return status;
}

int plot_report(const struct plot_request *request, const struct summary *summary)
{
    struct charts charts;
    int r = charts_make(summary, PLOT_BUCKETS, PLOT_PARTS, &charts);
    if (r != 0)
        return cli_failed("%s", r == -ENOMEM ? "out of memory" : strerror(-r));
    int status = plot_charts(request, summary, &charts, false);
    charts_done(&charts);
    return status;
}

int plot_report_together(const struct plot_request *request, struct charts_together *together)
{
    struct charts charts;
    if (charts_together_finish(together, &charts) != 0)
        return cli_failed("out of memory");
    return plot_charts(request, NULL, &charts, together->members > CHARTS_TOGETHER_LINES_MAX);
}
