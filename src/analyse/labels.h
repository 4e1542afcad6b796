/* Labels over time: the recording has them in the order of the file. */
#ifndef TACHO_ANALYSE_LABELS_H
#define TACHO_ANALYSE_LABELS_H

#include <tacho/recording.h>

/*
 * The last label not after a moment: of the process, or if it had said nothing yet, of any. Of two
 * at once the one that stands later in the file. NULL when there is none. About 2 ns a label.
 */
const struct tacho_label *labels_last(const struct tacho_recording *rec, uint32_t entity,
                                      uint64_t time_ns);

/*
 * `most` of all labels (or as many as there are) in order of time, to be shown where there is no
 * room for more: the first of each of most - 1 equal stretches between two moments, the very last,
 * and for stretches without any others, evenly by number. Places for tacho_label_at() go to `ret`,
 * which has room for `most`, at least 2. 0 or -ENOMEM. About 0.1 s for a million labels.
 */
int labels_spread(const struct tacho_recording *rec, uint64_t from_ns, uint64_t to_ns, size_t most,
                  size_t *ret, size_t *ret_count);

#endif
