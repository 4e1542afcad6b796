/*
 * Collects the marks of all processes of a recording: finds their files, reads what is marked, and knows
 * by the births and exits that are recorded whose marks they are.
 *
 * One thread. Memory: some 40 bytes for each process id in use, 12 MiB for the names, as far as there are
 * any, and what is mapped of the files.
 */
#ifndef TACHO_RECORD_MARKS_COLLECTOR_H
#define TACHO_RECORD_MARKS_COLLECTOR_H

#include "record/marks_place.h"
#include "record/recording_sink.h"

struct marks_collector;

struct marks_collector_config {
    struct recording *recording;     /* watched (recording_watch); must outlive the collector */
    const struct marks_place *place; /* likewise */
    bool place_stays;                /* after the collector: another may go on with what is there */
    /* A process marks whose birth the recording does not tell of: it may tell of it now. NULL: no. */
    void (*unknown)(void *user, int pid, uint64_t since_ns);
    void *user;
};

/* 0 or -ENOMEM. */
int marks_collector_new(const struct marks_collector_config *config, struct marks_collector **ret);

/*
 * The times of execs in the recording are the kernel's: what was marked before one ends with it. Where they
 * are only found out later, the next program's marks say so.
 */
void marks_collector_execs_are_told(struct marks_collector *collector);

/*
 * Takes what has been marked. Call it once a tick, after births and exits were heard, and again when
 * marks_collector_patience_ns says so. About 1 µs, and 0.3 µs for each process that marks.
 */
void marks_collector_poll(struct marks_collector *collector);

/* How long after a call of poll it wants the next one, at most; UINT64_MAX: a tick's time is fine. */
uint64_t marks_collector_patience_ns(const struct marks_collector *collector);

/* The text of the label that was taken last, cut to some 100 bytes; NULL before the first. Any bytes. */
const char *marks_collector_last_label(const struct marks_collector *collector);

/* Takes the rest. NULL is allowed. */
void marks_collector_free(struct marks_collector *collector);

#endif
