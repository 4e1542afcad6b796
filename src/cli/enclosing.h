/* The recording that encloses us: a recorder that launched the shell we are called from. */
#ifndef TACHO_CLI_ENCLOSING_H
#define TACHO_CLI_ENCLOSING_H

#include <stdbool.h>

/*
 * From now on this process marks into it; with `for_parent` its labels are the parent process's. False:
 * there is none, or it has ended.
 */
bool enclosing_join(bool for_parent);

#endif
