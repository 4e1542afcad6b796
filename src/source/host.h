/* What does not change while a recording runs: read once at its start. */
#ifndef TACHO_SOURCE_HOST_H
#define TACHO_SOURCE_HOST_H

#include "source/root.h"

#define HOST_TEXT_CAP 256

struct processor_place {
    uint32_t processor, core, package; /* core ids are unique only within a package */
};

struct host_facts {
    char hostname[HOST_TEXT_CAP];
    char kernel[HOST_TEXT_CAP];    /* uname -r */
    char machine[HOST_TEXT_CAP];   /* uname -m */
    char boot_id[HOST_TEXT_CAP];   /* sys/kernel/random/boot_id; empty when unknown */
    char cpu_model[HOST_TEXT_CAP]; /* of the first processor */
    char clocksource[HOST_TEXT_CAP];
    uint64_t memory_bytes, swap_bytes;
    uint32_t processors, cores, packages; /* online; 0 unknown */
    struct processor_place *place;        /* `processors` entries, ascending; NULL when unknown */
    uint32_t allowed_processors;          /* of the calling thread's affinity mask; 0 unknown */
};

/*
 * Missing files leave fields empty or 0; longer texts are cut. Any bytes but NUL and newline may
 * stand in a text. 0 or -ENOMEM. About 60 µs and 15 µs a processor.
 */
int host_facts_read(const struct source_root *root, struct host_facts *ret);
void host_facts_done(struct host_facts *facts);

#endif
