/*
 * Pictures of a recording for papers and for looking closely: gnuplot's data and scripts in a
 * folder, so that a user can change them and draw again. What is drawn is told in docs/PLOTS.md.
 */
#ifndef TACHO_REPORT_PLOT_H
#define TACHO_REPORT_PLOT_H

#include "analyse/charts.h"
#include "report/plot_look.h"

#define PLOT_BUCKETS 500 /* more than a column of a paper can show; what is between is in bands */
#define PLOT_PARTS PLOT_COLOURS
#define PLOT_NAME_MAX 32

/* A script in the folder: NAME.plt, which draws NAME.svg and so on. */
struct plot_script {
    char name[PLOT_NAME_MAX];
    unsigned formats; /* that it draws */
};

struct plot_scripts {
    struct plot_script *script; /* the most telling first */
    size_t count;
};

/*
 * Writes the data and scripts of the charts that are `chosen` (by place; NULL: all but those that
 * are 0 throughout) into a folder, over files of the same names, and removes the pictures that the
 * scripts are to draw. 0 or -errno; `ret` is to be done with in any case.
 */
int plot_write(const struct summary *summary, const struct charts *charts, const bool *chosen,
               unsigned formats, int folder_fd, struct plot_scripts *ret);

/*
 * The same of several recordings: charts as charts_together_finish makes them, in files `ranks-cpu` and so
 * on. `many`: the first line stands for all. Charts of which nothing is known are left out.
 */
int plot_write_ranks(const struct charts *charts, bool many, const bool *chosen, unsigned formats,
                     int folder_fd, struct plot_scripts *ret);

void plot_scripts_done(struct plot_scripts *scripts);

#endif
