/*
 * A recording under way: a sink for samples that writes blocks to a file, about one flush a second.
 *
 * Memory: staged samples up to RECORDING_STAGE_BYTES each for processes and the rest (a flush
 * follows), as much of marks, the encoded block, and what the entities cost (METRICS x 8 bytes each). While the file
 * cannot be written samples are dropped, and up to RECORDING_JOURNAL_KEPT of births and exits kept
 * for when it can again; the recording then says which ticks are missing, and why.
 *
 * One thread. Not fork-safe: a forked child must not use it.
 */
#ifndef TACHO_RECORD_RECORDING_SINK_H
#define TACHO_RECORD_RECORDING_SINK_H

#include "format/block.h"
#include "format/marks.h"
#include "sample/sink.h"

#define RECORDING_STAGE_BYTES (4u << 20)
#define RECORDING_JOURNAL_BYTES (1u << 20) /* a longer journal is flushed at the next tick */
#define RECORDING_JOURNAL_KEPT (8u << 20)  /* at most, while the file cannot be written */

struct recording;

struct recording_options {
    const char *path; /* NULL: into `fd` */
    int fd;       /* an empty file to write to, taken over by a recording_create that succeeds */
    bool replace; /* unlink an existing file first */
    uint64_t interval_ns;
    /*
     * NULL: what is recorded happens now. Else it has happened before, and no clock is asked: the
     * recording begins at this anchor, its only one, and time goes on with the ticks. With a real_ns of 0
     * nobody knows the wall clock. An entity that is not put at a tick was there, and nothing is known of it.
     */
    const struct record_anchor *anchor;
    const struct codec *codec; /* NULL: uncompressed */
    /* Called once when writing begins to fail, and once when it goes on. May be NULL. */
    void (*on_trouble)(void *user, int error /* 0: it goes on */);
    void *user;
};

/* Creates the file and writes nothing yet. 0 or -errno, see block_file_create. */
int recording_create(const struct recording_options *options, struct recording **ret);

/* The sink to sample into; valid until recording_close. */
struct sample_sink recording_sink(struct recording *recording);

/* Calls `seen` with each record from now on. One caller. */
void recording_watch(struct recording *recording,
                     void (*seen)(void *user, const struct record *record), void *user);

/*
 * Keeps marks of a thread that a record told of; see marks_put. May flush, so not during a tick. While the
 * file cannot be written they are dropped; a reader sees it by their numbers.
 */
void recording_marks(struct recording *recording, uint64_t thread, uint64_t first_index,
                     const struct mark *mark, size_t n);

/*
 * Whether there is room for another record that the recording can do without: more than half of what is
 * kept of the journal is for births and exits. May flush, so not during a tick.
 */
bool recording_has_room(struct recording *recording);

/* Writes what there is now. 0 or the file's error. */
int recording_flush(struct recording *recording);

uint64_t recording_bytes(const struct recording *recording);

/*
 * The file was removed or replaced under its name: what is written cannot be found by it any more.
 */
bool recording_unlinked(const struct recording *recording);

/* Flushes and closes. 0 or the last write error. NULL is allowed. */
int recording_close(struct recording *recording);

#endif
