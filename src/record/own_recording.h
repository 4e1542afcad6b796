/*
 * A recording that a program makes of itself: samples of its process, its marks, and those of processes
 * it started that mark as well, with samples of them. Without a thread: the caller ticks.
 *
 * One thread, but for new.
 */
#ifndef TACHO_RECORD_OWN_RECORDING_H
#define TACHO_RECORD_OWN_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

struct own_recording;

struct own_recording_options {
    const char *path; /* NULL: a name of its own in the working directory */
    bool replace;
    uint64_t interval_ns;
    uint64_t rank, ranks; /* what the program knows of itself: rank_told */
};

/* Creates the file, and has this process mark. 0 or -errno, see recording_create. */
int own_recording_new(const struct own_recording_options *options, struct own_recording **ret);

/* What TACHO_MARKS is to hold for programs that this one starts. After new. */
const char *own_recording_variable(void);

/* At the process's end: removes what marks are put in. */
void own_recording_leave(void);

/* The first call begins to sample, on the thread that does all that follows. 0 or -errno. */
int own_recording_begin(struct own_recording *own);

/* A sample, and marks; or marks alone, which are wanted again after the patience. */
void own_recording_tick(struct own_recording *own, uint64_t now_ns);
void own_recording_collect(struct own_recording *own);
uint64_t own_recording_patience_ns(const struct own_recording *own);

/* Writes what there is. 0 or the file's error. */
int own_recording_flush(struct own_recording *own);

/* The rest, and `reason` for the end. 0 or the last write error. NULL is allowed. */
int own_recording_close(struct own_recording *own, const char *reason);

#endif
