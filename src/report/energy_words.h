/* Energy (analyse/energy.h) for people and for programs. */
#ifndef TACHO_REPORT_ENERGY_WORDS_H
#define TACHO_REPORT_ENERGY_WORDS_H

#include "analyse/summary.h"
#include "report/json.h"
#include "report/page.h"

/* The figure and its words; nothing where energy is not known. */
void energy_put_text(const struct page *page, const struct summary *summary);

/* Whether there is an estimate for CPU time; then "~1.20 J" of some, "-" of an unknown one. */
bool energy_is_estimated(const struct summary *summary);
void put_energy_of_cpu(struct buffer *ret, const struct summary *summary, uint64_t cpu_ns);

/* Key "energy"; null where it is not known. And the estimate under key "energy_j". */
void json_put_energy(struct json *json, const struct summary *summary);
void json_put_energy_of_cpu(struct json *json, const struct summary *summary, uint64_t cpu_ns);

#endif
