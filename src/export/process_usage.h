/*
 * What each process used in all: the last value of its counters and the largest of its gauges, or what the
 * kernel said when it ended, where that is the process's own.
 */
#ifndef TACHO_EXPORT_PROCESS_USAGE_H
#define TACHO_EXPORT_PROCESS_USAGE_H

#include "export/fields.h"

struct process_usage;

/*
 * Of the metrics at the positions in `wanted` (those of the recording), which may be none. 0 or -ENOMEM.
 * Memory: 8 bytes for each process and wanted metric, and 60 more a process.
 */
int process_usage_new(struct tacho_recording *rec, uint64_t wanted, struct process_usage **ret);
void process_usage_free(struct process_usage *usage);

/* Walks all samples of processes. 0 or negative errno. About 0.1 µs a sample. */
int process_usage_gather(struct process_usage *usage);

/* Of the i-th process, as tacho_process(): false where it is not known. */
bool process_usage_value(const struct process_usage *usage, size_t i, unsigned position,
                         uint64_t *ret);

/* At how many ticks it was there. */
uint64_t process_usage_samples(const struct process_usage *usage, size_t i);

#endif
