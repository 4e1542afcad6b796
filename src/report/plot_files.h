/* The files of a folder of plots, under names of ours alone. */
#ifndef TACHO_REPORT_PLOT_FILES_H
#define TACHO_REPORT_PLOT_FILES_H

#include "report/plot.h"

/* Replaces `name` by what is in a buffer; a link of that name is not followed. 0 or -errno. */
int plot_file_write(int folder_fd, const char *name, const char *suffix,
                    const struct buffer *content);

/* Writes NAME.plt, removes the pictures it will draw, and notes it. 0 or -errno. */
int plot_script_write(int folder_fd, const char *name, unsigned formats,
                      const struct buffer *content, struct plot_scripts *scripts);

#endif
