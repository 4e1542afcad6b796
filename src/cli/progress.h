/* How far something has come, on stderr where that is a terminal; else nothing is written. */
#ifndef TACHO_CLI_PROGRESS_H
#define TACHO_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown; /* there is a terminal to show it on */
    bool drawn;
    uint64_t next_ns; /* mono: not drawn again before */
};

/* `also_stdout`: what is made goes to stdout, and would mix with the bar on the same terminal. */
void progress_begin(struct progress *p, bool also_stdout);

/* At most ten times a second, and not in the first half second. */
void progress_show(struct progress *p, unsigned permille);

/* Leaves the line empty. */
void progress_end(struct progress *p);

#endif
