/* Walks over samples, for the files of read/. */
#ifndef TACHO_READ_WALK_H
#define TACHO_READ_WALK_H

#include <tacho/recording.h>

/* As tacho_walk_open, for one entity of the kind: the others' columns are passed over. */
int walk_open_entity(struct tacho_recording *rec, uint64_t from_ns, uint64_t to_ns, unsigned kind,
                     uint32_t entity, struct tacho_walk **ret);

#endif
