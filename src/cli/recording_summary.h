/* A recording, or another tool's log, that is open, and what it comes to. */
#ifndef TACHO_CLI_RECORDING_SUMMARY_H
#define TACHO_CLI_RECORDING_SUMMARY_H

#include <stddef.h>

#include <tacho/recording.h>

#include "analyse/scopes.h"
#include "analyse/summary.h"

struct recording_summary {
    struct tacho_recording *rec;
    struct summary summary;
    struct scopes scopes;
};

/* 0, or an exit status after a line on stderr: then there is nothing to close. */
int recording_summary_open(const char *path, struct recording_summary *ret);

/* The same of several logs that make one recording; of one path it may be a recording. */
int recording_summary_open_logs(char *const *path, size_t n, struct recording_summary *ret);

void recording_summary_close(struct recording_summary *opened);

#endif
