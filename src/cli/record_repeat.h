/*
 * `tacho record --repeat N`: the command N times, a recording each, in one directory as run-1.tacho,
 * run-2.tacho and so on, with as many digits as N has.
 *
 * Each run has a recorder of its own, a child of this process: so nothing of one run, be it a
 * descendant that lives on or what the kernel counts for us, can get into the next one's figures.
 */
#ifndef TACHO_CLI_RECORD_REPEAT_H
#define TACHO_CLI_RECORD_REPEAT_H

#include "cli/record_options.h"

#define REPEAT_MAX 9999

/*
 * Runs that fail are kept, and the next one follows. The series ends early where a run could not be
 * recorded (its command not found, say) or a signal asks tacho to end. Returns the exit status: that
 * of the first run that failed, 128+n where signal n ended the series, else 0.
 */
int record_repeat_run(const struct record_options *options);

#endif
