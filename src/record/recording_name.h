/*
 * What a recording is called when nobody says: tacho-OF-STAMP-PID.tacho, in local time; of a rank
 * tacho-OF-STAMP-JOB-HOST-rRANK-PID.tacho, so that ranks of all hosts may write into one directory.
 */
#ifndef TACHO_RECORD_RECORDING_NAME_H
#define TACHO_RECORD_RECORDING_NAME_H

#include <stddef.h>

#include "source/rank.h"

/*
 * `of`: a command or its path; what a shell or a file system minds becomes '_'. Cut at `cap`; 256 is
 * enough. Not for signal handlers.
 */
void recording_name(const char *of, const struct rank *rank, char *ret, size_t cap);

/* The same on a given host; its domain is left out. */
void recording_name_on(const char *of, const struct rank *rank, const char *host, char *ret,
                       size_t cap);

#endif
