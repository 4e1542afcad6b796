/*
 * Energy counters of processors and memory (RAPL) as powercap shows them, sys/class/powercap. Since
 * Linux 5.10 the kernel lets root alone read them: others could tell from them what a machine computes.
 */
#ifndef TACHO_SOURCE_POWERCAP_H
#define TACHO_SOURCE_POWERCAP_H

#include <stdbool.h>

#include "source/machine.h"

#define ENERGY_DOMAINS_MAX 64

struct energy_domain {
    char name[INSTANCE_NAME_CAP]; /* "package-0", "package-0/dram", "psys" */
    int fd;                       /* -1: given up */
    uint64_t range_uj;            /* the counter's last value before it begins again; 0 unknown */
    uint64_t last_uj, total_uj;   /* as it was read; without the beginnings */
    bool seen;
};

struct energy_domains {
    struct energy_domain domain[ENERGY_DOMAINS_MAX];
    size_t count;
};

/*
 * Opens what there is. 0; -ENOENT where there is no powercap, or nothing of RAPL in it; -EACCES where there
 * is and none of it may be read.
 */
int energy_open(const struct source_root *root, struct energy_domains *ret);
void energy_close(struct energy_domains *domains);

/*
 * One call of `each` per domain, by name: one value, microjoules since some beginning. A package has the
 * energy of its parts (core, uncore) in it, but not of its memory (dram); psys has all. To be called
 * before a counter can have gone once around, which takes minutes at least. 0, or the first error where
 * none could be read. 2 µs a domain.
 */
int energy_read(struct energy_domains *domains, machine_each *each, void *user);

#endif
