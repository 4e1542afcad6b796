#include "analyse/energy.h"

#include <math.h>

#include "analyse/summary.h"
#include "base/clock.h"

#define JOULES_PER_KWH 3.6e6

void energy_begin(struct energy_use *e, struct energy_walk *w, const struct tacho_recording *rec)
{
    *e = (struct energy_use){.total_uj = SUMMARY_UNKNOWN,
                             .span_ns = SUMMARY_UNKNOWN,
                             .joules_per_cpu_s = NAN,
                             .carbon_g_per_kwh = NAN};
    positions_find(rec, TACHO_ENERGY, &w->positions);
}

static const char *name_of(const struct tacho_recording *rec, uint32_t entity)
{
    for (size_t i = 0; i < tacho_entity_count(rec); i++)
        if (tacho_entity(rec, i)->id == entity)
            return tacho_entity(rec, i)->name;
    return "";
}

void energy_walk_sample(const struct energy_walk *w, const struct tacho_sample *sample,
                        const struct tacho_recording *rec, struct energy_use *e)
{
    size_t i = 0;
    if (!sample_fresh(sample, &w->positions, ENERGY_METRIC_ENERGY))
        return;
    uint64_t uj = sample_value(sample, &w->positions, ENERGY_METRIC_ENERGY);
    while (i < e->domains && e->domain[i].entity != sample->entity)
        i++;
    if (i == ENERGY_DOMAINS_SHOWN)
        return;
    if (i == e->domains) {
        e->domains++;
        e->domain[i].entity = sample->entity;
        e->domain[i].name = name_of(rec, sample->entity);
        e->domain[i].first_uj = uj;
        e->domain[i].from_ns = sample->time_ns;
    }
    e->domain[i].last_uj = uj;
    e->domain[i].to_ns = sample->time_ns;
}

/* A package has its core and uncore in it, but not its memory; psys has all of that again, and more. */
static bool counts(const char *name)
{
    const char *part = strchr(name, '/');
    if (strncmp(name, "package-", strlen("package-")) != 0)
        return false;
    return part == NULL || strcmp(part, "/dram") == 0;
}

void energy_finish(struct energy_use *e, uint64_t busy_ns, uint64_t busy_span_ns)
{
    uint64_t total = 0, span = 0;
    for (size_t i = 0; i < e->domains; i++) {
        if (!counts(e->domain[i].name) || e->domain[i].to_ns <= e->domain[i].from_ns ||
            e->domain[i].last_uj < e->domain[i].first_uj)
            continue;
        uint64_t own = e->domain[i].to_ns - e->domain[i].from_ns;
        uint64_t uj = e->domain[i].last_uj - e->domain[i].first_uj;
        total = uj < SUMMARY_UNKNOWN - 1 - total ? total + uj : SUMMARY_UNKNOWN - 1;
        span = own > span ? own : span;
    }
    if (span == 0)
        return;
    e->total_uj = total;
    e->span_ns = span;
    if (busy_ns == SUMMARY_UNKNOWN || busy_ns == 0 || busy_span_ns == 0)
        return;
    double watts = (double)total * 1e-6 / ((double)span / (double)NS_PER_S);
    e->joules_per_cpu_s = watts / ((double)busy_ns / (double)busy_span_ns);
}

double energy_of_cpu(const struct energy_use *e, uint64_t cpu_ns)
{
    return cpu_ns == SUMMARY_UNKNOWN ? NAN
                                     : e->joules_per_cpu_s * (double)cpu_ns / (double)NS_PER_S;
}

double energy_carbon_g(const struct energy_use *e, double joules)
{
    return joules / JOULES_PER_KWH * e->carbon_g_per_kwh;
}
