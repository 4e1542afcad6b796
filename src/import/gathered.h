/*
 * What was read from other tools' logs, until it is written as a recording: processes, what was
 * said of them at moments, and labels. Moments may come in any order; a recording wants them in
 * theirs, and needs to know when it begins.
 *
 * Times are nanoseconds since the epoch: a log has no other clock, and the recording's is set to
 * it. Memory: 40 bytes a point and 8 a value.
 */
#ifndef TACHO_IMPORT_GATHERED_H
#define TACHO_IMPORT_GATHERED_H

#include "format/metric.h"
#include "format/records.h"
#include "record/recording_sink.h"

struct gathered_process {
    uint64_t pid;      /* 0: the log does not say */
    uint64_t start_ns; /* 0: not known */
    uint64_t first_ns, last_ns;
    uint64_t points;
    bool stopped; /* the log says that it ends here */
};

struct gathered_point {
    uint64_t time_ns;
    uint64_t known;  /* bit per process metric */
    uint64_t values; /* where they begin in the array of all, in the order of the catalogue */
    uint32_t process;
    uint32_t number; /* in the order of reading */
};

struct gathered_label {
    uint32_t point;
    uint32_t bytes;
    uint64_t at; /* in the buffer of texts */
};

/* A growing array; see array_add. */
struct array {
    void *items;
    size_t count, cap;
};

struct gathered {
    struct array processes, points, values, labels;
    struct buffer texts;
    struct buffer names; /* of the logs, each ended by NUL */
};

void gathered_done(struct gathered *g);

/* A process of which points will come. `start_ns` 0: not known. 0 or -ENOMEM. */
int gathered_begin(struct gathered *g, uint64_t pid, uint64_t start_ns, uint32_t *ret_process);

struct gathered_process *gathered_process(const struct gathered *g, uint32_t process);

/*
 * What was said of a process at a moment; `value` is indexed by metric, read where `known` says.
 * Times of one process must ascend strictly. 0, -ENOMEM, or -EOVERFLOW after 2^32 - 2 points.
 */
int gathered_add(struct gathered *g, uint32_t process, uint64_t time_ns, uint64_t known,
                 const uint64_t *value);

/* A message of the process of the last point, at its moment. 0 or -ENOMEM. */
int gathered_say(struct gathered *g, const void *text, size_t n);

/*
 * Writes it all as a recording that begins with the earliest start of a process. Of `options` the
 * path or descriptor, `replace` and the codec are taken. 0; -ENODATA without points; -ENOMEM; what
 * recording_create says, or the last error of writing.
 */
int gathered_write(struct gathered *g, const struct recording_options *options);

/* A zeroed item at the end of an array of such items, or NULL. Pointers to others become stale. */
void *array_add(struct array *array, size_t item_bytes);

#endif
