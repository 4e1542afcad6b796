/*
 * One line on stderr that says how a recording stands, redrawn in place while we are in the
 * terminal's foreground.
 *
 * It shares the terminal with nobody unasked: what others write meanwhile would be drawn over, and a
 * line begun by them, such as a prompt, erased.
 */
#ifndef TACHO_CLI_STATUS_LINE_H
#define TACHO_CLI_STATUS_LINE_H

#include "cli/record_options.h"
#include "sample/sampler.h"

/* What it says. */
struct status {
    uint64_t elapsed_ns;
    const struct sampler_now *now; /* NULL: no processes are sampled */
    uint64_t written_bytes;        /* said where none are */
    const char *label;             /* any bytes; NULL: none */
};

/*
 * From now on there is a line, if stderr is a terminal that can redraw it and nobody who is recorded has
 * it too: as its controlling terminal, its stdout or its stderr. A command that we launch always does,
 * and then the line is only for who asks for it. Messages (cli_say, …) erase it first.
 */
void status_line_begin(const struct record_options *options);

/* Whether it is time to draw again: some times a second. */
bool status_line_due(uint64_t now_ns);
/* How long until then, in ms; -1 where no line was begun. */
int status_line_patience_ms(uint64_t now_ns);

/* Draws, unless we are in the background or the terminal takes nothing now. Never blocks. */
void status_line_draw(uint64_t now_ns, const struct status *status);

/* Erases it, where it stands. The next draw brings it back. */
void status_line_erase(void);

#endif
