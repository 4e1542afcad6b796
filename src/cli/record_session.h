/*
 * One recording from its beginning to its end: output, job, sampler, and the loop of ticks and
 * signals.
 */
#ifndef TACHO_CLI_RECORD_SESSION_H
#define TACHO_CLI_RECORD_SESSION_H

#include "cli/record_options.h"

/* Does it all, tells troubles on stderr, and returns the exit status. */
int record_session_run(const struct record_options *options);

#endif
