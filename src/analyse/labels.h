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

#endif
