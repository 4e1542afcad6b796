/* What a recording is called when nobody says: tacho-OF-STAMP-PID.tacho, in local time. */
#ifndef TACHO_RECORD_RECORDING_NAME_H
#define TACHO_RECORD_RECORDING_NAME_H

#include <stddef.h>

/*
 * `of`: a command or its path; what a shell or a file system minds becomes '_'. Cut at `cap`. Not for
 * signal handlers.
 */
void recording_name(const char *of, char *ret, size_t cap);

#endif
