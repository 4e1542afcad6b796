/* tacho report --plot: pictures in a folder. */
#ifndef TACHO_CLI_REPORT_PLOT_H
#define TACHO_CLI_REPORT_PLOT_H

#include "analyse/charts_together.h"
#include "analyse/summary.h"

struct plot_request {
    const char *folder;  /* NULL: no pictures are wanted */
    unsigned formats;    /* enum plot_format */
    const char *metrics; /* as --metrics has it; NULL: all that are not 0 throughout */
};

/* The bits of `svg,png,pdf`. 0, or an exit status after a line on stderr. */
int plot_formats_read(const char *text, unsigned *ret);

/* Makes the folder where it is missing. 0, or an exit status after a line on stderr. */
int plot_report(const struct plot_request *request, const struct summary *summary);
/* The same of several recordings, all of which are added. */
int plot_report_together(const struct plot_request *request, struct charts_together *together);

#endif
