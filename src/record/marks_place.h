/*
 * The directory that marking processes put their files in (mark/shared.h): in memory, of this user alone,
 * and locked as long as somebody reads it. What a recorder that was killed has left is swept by the next
 * one.
 */
#ifndef TACHO_RECORD_MARKS_PLACE_H
#define TACHO_RECORD_MARKS_PLACE_H

#include <stdbool.h>

#define MARKS_PLACE_BYTES 128

struct marks_place {
    int fd;                           /* of the directory; locked */
    bool ticks;                       /* marks are to be stamped with the processor's ticks */
    char path[MARKS_PLACE_BYTES];     /* from / */
    char variable[MARKS_PLACE_BYTES]; /* what TACHO_MARKS is to hold */
};

/* Sweeps, then makes one. 0 or -errno. */
int marks_place_make(struct marks_place *ret);

/* Whether somebody still reads at the place that a TACHO_MARKS names. */
bool marks_place_is_read(const char *variable);

/* Removes it with all that is in it. Processes that have files of it mapped keep them. */
void marks_place_remove(struct marks_place *place);

#endif
