/* What is known of the terminal, for those that print. */
#ifndef TACHO_CLI_TERMINAL_H
#define TACHO_CLI_TERMINAL_H

#include <stdbool.h>

/* Whether the locale's characters are UTF-8. setlocale(LC_CTYPE) was called in main. */
bool terminal_utf8(void);

/* COLUMNS where that is set to a number, else the columns of stdout's terminal, else 80. */
unsigned terminal_width(void);

/* Whether stdout is a terminal with colours, and NO_COLOR not set (https://no-color.org). */
bool terminal_colour(void);

#endif
