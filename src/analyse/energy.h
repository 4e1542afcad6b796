/*
 * Energy of the machine's processors and memory while it was recorded, and what of it is the target's:
 * part of the summary. docs/ENERGY.md has the rule. Unknown is SUMMARY_UNKNOWN or NAN.
 */
#ifndef TACHO_ANALYSE_ENERGY_H
#define TACHO_ANALYSE_ENERGY_H

#include <tacho/recording.h>

#include "analyse/positions.h"

#define ENERGY_DOMAINS_SHOWN 64

struct energy_use {
    struct {
        uint32_t entity;
        const char *name; /* the recording's */
        uint64_t first_uj, last_uj;
        uint64_t from_ns, to_ns;
    } domain[ENERGY_DOMAINS_SHOWN];
    size_t domains;
    uint64_t total_uj, span_ns; /* packages and their memory; how long was watched */
    double joules_per_cpu_s;    /* of any processor in use: the estimate's measure */
    double carbon_g_per_kwh;    /* NAN: nobody asked */
};

struct energy_walk {
    struct positions positions;
};

void energy_begin(struct energy_use *energy, struct energy_walk *walk,
                  const struct tacho_recording *rec);
void energy_walk_sample(const struct energy_walk *walk, const struct tacho_sample *sample,
                        const struct tacho_recording *rec, struct energy_use *energy);
/* With the machine's processor time in use and how long that was watched; each may be unknown. */
void energy_finish(struct energy_use *energy, uint64_t busy_ns, uint64_t busy_span_ns);

/* The estimate for so much CPU time; NAN where it or the energy is unknown. */
double energy_of_cpu(const struct energy_use *energy, uint64_t cpu_ns);

/* Grams for so many joules; NAN where nobody asked. */
double energy_carbon_g(const struct energy_use *energy, double joules);

#endif
