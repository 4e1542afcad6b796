#include "analyse/gpus.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define THOUSANDTHS 1000.0
#define ROWS_MAX 1024 /* a file may name any number */

static const char *name_of(const struct tacho_recording *rec, const char *number)
{
    char key[64];
    snprintf(key, sizeof key, "gpu_%.16s_name", number);
    return tacho_fact_text(rec, key, NULL);
}

int gpus_init(const struct tacho_recording *rec, struct gpus *ret)
{
    struct gpus gpus = {0};
    size_t n = 0;
    for (size_t i = 0; i < tacho_entity_count(rec); i++)
        n += tacho_entity(rec, i)->kind == TACHO_GPU;
    gpus.row = calloc(n < ROWS_MAX ? n + 1 : ROWS_MAX, sizeof *gpus.row);
    if (gpus.row == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < tacho_entity_count(rec) && gpus.count < ROWS_MAX; i++) {
        const struct tacho_entity *e = tacho_entity(rec, i);
        if (e->kind != TACHO_GPU)
            continue;
        struct gpu_row *row = &gpus.row[gpus.count++];
        *row = (struct gpu_row){
            .entity = e->id,
            .number = e->name,
            .name = name_of(rec, e->name),
            .utilization = NAN,
            .peak_utilization = NAN,
            .peak_memory_bytes = GPU_UNKNOWN,
            .memory_bytes = GPU_UNKNOWN,
            .peak_target_bytes = GPU_UNKNOWN,
            .peak_unmapped_bytes = GPU_UNKNOWN,
            .energy_uj = GPU_UNKNOWN,
            .peak_power_mw = GPU_UNKNOWN,
            .peak_temperature_c = GPU_UNKNOWN,
            .throttled_ns = GPU_UNKNOWN,
            .ecc_uncorrected = GPU_UNKNOWN,
        };
        snprintf(row->label, sizeof row->label, "GPU %.16s", e->name);
    }
    positions_find(rec, TACHO_GPU, &gpus.at);
    *ret = gpus;
    return 0;
}

void gpus_done(struct gpus *gpus)
{
    free(gpus->row);
    *gpus = (struct gpus){0};
}

/* ---- one sample ---- */

static struct gpu_row *row_of(struct gpus *gpus, uint32_t entity)
{
    for (size_t i = 0; i < gpus->count; i++)
        if (gpus->row[i].entity == entity)
            return &gpus->row[i];
    return NULL;
}

static void keep_largest(const struct gpus *gpus, const struct tacho_sample *sample,
                         unsigned metric, uint64_t *at)
{
    if (!sample_fresh(sample, &gpus->at, metric))
        return;
    uint64_t v = sample_value(sample, &gpus->at, metric);
    if (*at == GPU_UNKNOWN || *at < v)
        *at = v;
}

/* How much a sum has grown since its first sample. It starts anew when the driver is loaded anew. */
static void take_growth(const struct gpus *gpus, const struct tacho_sample *sample, unsigned metric,
                        uint64_t *first, uint64_t *growth)
{
    if (!sample_fresh(sample, &gpus->at, metric))
        return;
    uint64_t v = sample_value(sample, &gpus->at, metric);
    if (*growth == GPU_UNKNOWN) {
        *first = v;
        *growth = 0;
    } else if (v >= *first) {
        *growth = v - *first;
    }
}

/* A reading speaks of the time since the one before. */
static void take_time(const struct gpus *gpus, const struct tacho_sample *sample,
                      struct gpu_row *row)
{
    const struct positions *at = &gpus->at;
    uint64_t ns =
        row->samples > 0 && sample->time_ns > row->last_ns ? sample->time_ns - row->last_ns : 0;
    if (sample_fresh(sample, at, GPU_UTILIZATION)) {
        double share = (double)sample_value(sample, at, GPU_UTILIZATION) / THOUSANDTHS;
        if (!(row->peak_utilization >= share))
            row->peak_utilization = share;
        row->busy_ns += share * (double)ns;
        row->watched_ns += ns;
    }
    if (sample_fresh(sample, at, GPU_THROTTLE)) {
        uint64_t reasons = sample_value(sample, at, GPU_THROTTLE) & GPU_THROTTLE_ANY;
        if (row->throttled_ns == GPU_UNKNOWN)
            row->throttled_ns = 0;
        row->throttled_ns += reasons != 0 ? ns : 0;
        row->throttle_reasons |= reasons;
    }
}

void gpus_sample(struct gpus *gpus, const struct tacho_sample *sample)
{
    struct gpu_row *row = row_of(gpus, sample->entity);
    if (row == NULL || (sample->known & sample->fresh) == 0)
        return;
    take_time(gpus, sample, row);
    row->samples++;
    row->last_ns = sample->time_ns;
    keep_largest(gpus, sample, GPU_MEMORY_USED, &row->peak_memory_bytes);
    keep_largest(gpus, sample, GPU_MEMORY_TOTAL, &row->memory_bytes);
    keep_largest(gpus, sample, GPU_TARGET_MEMORY, &row->peak_target_bytes);
    keep_largest(gpus, sample, GPU_UNMAPPED_MEMORY, &row->peak_unmapped_bytes);
    keep_largest(gpus, sample, GPU_POWER, &row->peak_power_mw);
    keep_largest(gpus, sample, GPU_TEMPERATURE, &row->peak_temperature_c);
    take_growth(gpus, sample, GPU_ENERGY, &row->first_energy_uj, &row->energy_uj);
    take_growth(gpus, sample, GPU_ECC_UNCORRECTED, &row->first_ecc, &row->ecc_uncorrected);
}

void gpus_finish(struct gpus *gpus)
{
    for (size_t i = 0; i < gpus->count; i++) {
        struct gpu_row *row = &gpus->row[i];
        /* One reading alone: what it says is all that is known. */
        row->utilization =
            row->watched_ns > 0 ? row->busy_ns / (double)row->watched_ns : row->peak_utilization;
    }
}

const char *gpu_throttle_word(uint64_t reasons, unsigned i)
{
    static const struct {
        uint64_t bits;
        const char *word;
    } words[] = {{GPU_THROTTLE_POWER, "power"},
                 {GPU_THROTTLE_HEAT, "heat"},
                 {GPU_THROTTLE_BRAKE, "power brake"},
                 {GPU_THROTTLE_HARDWARE, "hardware"}};
    for (size_t w = 0; w < ARRAY_LEN(words); w++)
        if ((reasons & words[w].bits) != 0 && i-- == 0)
            return words[w].word;
    return NULL;
}
