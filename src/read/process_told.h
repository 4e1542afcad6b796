/* What records tell of a process, as readers have it; without its texts, which are the caller's to keep. */
#ifndef TACHO_READ_PROCESS_TOLD_H
#define TACHO_READ_PROCESS_TOLD_H

#include <tacho/recording.h>

#include "format/records.h"

/* Texts are "", start and end unknown. */
struct tacho_process process_of_birth(const struct record_birth *birth);

/* When it began, told by the clock that counts from boot; 0: as it was seen. */
void process_place_start(struct tacho_process *process, uint64_t start_boot_ns,
                         const struct record_anchor *anchor);

void process_take_account(struct tacho_process *process, const struct record_account *account);

/* A second end tells more of the same one: first it was missed, then its parent's wait came. */
void process_take_exit(struct tacho_process *process, const struct record_exit *exit);

/* A number in an int, as near as it gets. */
int int_of_number(uint64_t v);

/* Whether a number can be the id of an entity, or of something else that the file numbers. */
static inline bool id_valid(uint64_t id)
{
    return id > 0 && id <= UINT32_MAX;
}

#endif
