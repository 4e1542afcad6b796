/* The terminal of `tacho top`: a grid is put on it, keys come from it. With ncurses only. */
#ifndef TACHO_CLI_TOP_SCREEN_H
#define TACHO_CLI_TOP_SCREEN_H

#include <signal.h>

#include "report/grid.h"

/* Whether this build has it. */
bool screen_built(void);

/*
 * Takes the terminal over; signals that end us, and those of the terminal, come only inside
 * screen_wait from now on. An exit status after a line on stderr, 0 to go on.
 */
int screen_open(bool colour);

/* Gives the terminal back as it was. Allowed at any time. */
void screen_close(void);

unsigned screen_rows(void);
unsigned screen_columns(void);

/* Shows it; only what has changed is sent. */
void screen_show(const struct grid *grid);

/*
 * Waits for a key, a change of size or a signal, at most so long; -1: for ever. Returns the signal
 * that asks us to end, or 0.
 */
int screen_wait(int timeout_ms);

/* The next key that was typed: a character or of enum top_key; 0: none. */
uint32_t screen_key(void);

#endif
