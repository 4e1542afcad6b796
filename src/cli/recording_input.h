/* What commands that read take: a recording, or another tool's log, which is imported first. */
#ifndef TACHO_CLI_RECORDING_INPUT_H
#define TACHO_CLI_RECORDING_INPUT_H

#include <stddef.h>

#include <tacho/recording.h>

/*
 * Opens a recording, with the functions in it named. A log, which may come through a pipe, is imported
 * into memory: no file is left behind, and what could not be understood of it is told on stderr. 0, or an
 * exit status after a line on stderr.
 */
int recording_input_open(const char *path, struct tacho_recording **ret);

/* The same of several logs, which make one recording. */
int recording_input_open_logs(char *const *path, size_t n, struct tacho_recording **ret);

#endif
