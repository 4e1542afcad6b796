/* Runs gnuplot without a shell. */
#ifndef TACHO_REPORT_GNUPLOT_RUN_H
#define TACHO_REPORT_GNUPLOT_RUN_H

#include "report/plot.h"

#define GNUPLOT_WORDS_MAX 256

/*
 * Draws by the scripts, in the folder, with gnuplot as PATH has it and without anybody's settings.
 * 0; -ENOENT: there is no gnuplot; -ETIMEDOUT: it took more than `limit_ms`, and was killed; -EIO:
 * it failed, and `ret_words` is the line in which it says why; or why it could not be run. The
 * caller must not ignore SIGCHLD.
 */
int gnuplot_run(int folder_fd, const struct plot_scripts *scripts, int limit_ms,
                char ret_words[GNUPLOT_WORDS_MAX]);

/* What it says of itself, as `gnuplot 5.4 patchlevel 4`. As gnuplot_run. */
int gnuplot_version(char ret_words[GNUPLOT_WORDS_MAX]);

#endif
