/*
 * Scopes one by one, for drawing: when each was open, on which thread, how deep. Where there are too
 * many, those too short to be seen are merged, so memory is bounded: 40 bytes a slice.
 *
 * About 0.1 s for a million scopes, twice that where they are merged.
 */
#ifndef TACHO_ANALYSE_SLICES_H
#define TACHO_ANALYSE_SLICES_H

#include <tacho/recording.h>

#define SLICES_MAX ((size_t)1 << 20)

struct slice {
    uint64_t from_ns, to_ns;
    uint64_t weight_ns; /* by how much its site leads, where several were merged */
    uint32_t thread;    /* place */
    uint32_t site;      /* place among the recording's sites; their number for an unknown one */
    uint16_t depth;     /* 0: the outermost; what is deeper than UINT16_MAX is left out */
};

struct slice_thread {
    const struct tacho_marking_thread *thread; /* the recording's */
    size_t first, count;                       /* of the slices */
};

struct slices {
    struct slice *slice; /* by thread, start, and depth */
    size_t count, room;
    struct slice_thread *thread; /* those with slices, in the order in which they marked first */
    size_t threads, thread_room;
    uint64_t merged_ns; /* shorter ones that lie as close are one; 0: none were merged */
    uint64_t left_out;  /* for which there was no room even so */
};

/*
 * At most `most` slices, 16 to SLICES_MAX. 0, -ENOMEM, or as
 * scope_stacks_run. `rec` must outlive what is made.
 */
int slices_make(struct tacho_recording *rec, size_t most, struct slices *ret);
void slices_done(struct slices *slices);

#endif
