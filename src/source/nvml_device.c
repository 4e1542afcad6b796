/* The values of one GPU. */
#include "source/nvml_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HZ_PER_MHZ UINT64_C(1000000)
#define THOUSANDTHS_PER_PERCENT 10
#define BYTES_PER_KB UINT64_C(1024) /* nvmlDeviceGetPcieThroughput counts KB of 2^10 */
#define UJ_PER_MJ UINT64_C(1000)
#define BIT(field) (UINT32_C(1) << (field))

int nvml_error(int status)
{
    switch (status) {
    case NVML_OK: return 0;
    case NVML_NOT_SUPPORTED:
    case NVML_FUNCTION_NOT_FOUND: return -ENOTSUP;
    case NVML_NO_PERMISSION: return -EACCES;
    case NVML_DRIVER_NOT_LOADED:
    case NVML_RESET_REQUIRED:
    case NVML_GPU_LOST: return -ENODEV;
    default: return -EIO;
    }
}

void nvml_gpu_begin(const struct nvml_calls *calls, unsigned index, struct nvml_gpu *ret)
{
    unsigned mode = 0, pending;
    *ret = (struct nvml_gpu){0};
    int status = calls->by_index(index, &ret->device);
    if (status != NVML_OK) {
        ret->device = NULL;
        ret->lost = nvml_error(status) == -ENODEV;
        return;
    }
    ret->divided = calls->mig_mode != NULL && calls->mig_count != NULL &&
                   calls->mig_by_index != NULL &&
                   calls->mig_mode(ret->device, &mode, &pending) == NVML_OK && mode == 1 &&
                   calls->mig_count(ret->device, &ret->instances) == NVML_OK;
}

void nvml_gpu_done(struct nvml_gpu *gpu)
{
    free(gpu->lists);
    free(gpu->samples);
}

void nvml_gpu_facts(const struct nvml_calls *calls, struct nvml_gpu *gpu, struct gpu_facts *ret)
{
    *ret = (struct gpu_facts){.divided = gpu->divided};
    if (gpu->device == NULL)
        return;
    if (calls->name == NULL || calls->name(gpu->device, ret->name, GPU_TEXT_CAP) != NVML_OK)
        ret->name[0] = '\0';
    if (calls->uuid == NULL || calls->uuid(gpu->device, ret->uuid, GPU_TEXT_CAP) != NVML_OK)
        ret->uuid[0] = '\0';
    ret->name[GPU_TEXT_CAP - 1] = ret->uuid[GPU_TEXT_CAP - 1] = '\0';
}

/* ---- one reading ---- */

struct reading {
    struct nvml_gpu *gpu;
    struct gpu_values *values;
};

/* Whether these fields are worth asking for. */
static bool wants(const struct reading *r, const void *call, uint32_t fields)
{
    return call != NULL && !r->gpu->lost && (r->gpu->has_not & fields) != fields;
}

/* Notes how a call went: true where its fields can be put. */
static bool went(struct reading *r, int status, uint32_t fields)
{
    int error = nvml_error(status);
    if (error == -ENOTSUP) {
        r->gpu->has_not |= fields;
    } else if (error != 0) {
        r->gpu->lost |= error == -ENODEV;
        r->values->error = error;
    }
    return error == 0;
}

static void put(struct reading *r, unsigned field, uint64_t value)
{
    r->values->value[field] = value;
    r->values->valid |= BIT(field);
}

static void put_percent(struct reading *r, unsigned field, unsigned percent)
{
    if (percent <= 100)
        put(r, field, (uint64_t)percent * THOUSANDTHS_PER_PERCENT);
}

/* The second form tells what the driver keeps for itself from what is used. */
static void read_memory(const struct nvml_calls *calls, struct reading *r)
{
    const uint32_t fields =
        BIT(GPU_FIELD_MEMORY_USED) | BIT(GPU_FIELD_MEMORY_FREE) | BIT(GPU_FIELD_MEMORY_TOTAL);
    struct nvml_memory_v2 v2 = {.version = NVML_MEMORY_V2};
    struct nvml_memory v1;
    if (wants(r, (const void *)calls->memory_v2, fields) &&
        calls->memory_v2(r->gpu->device, &v2) == NVML_OK) {
        v1 = (struct nvml_memory){.total = v2.total, .free = v2.free, .used = v2.used};
    } else if (!wants(r, (const void *)calls->memory, fields) ||
               !went(r, calls->memory(r->gpu->device, &v1), fields)) {
        return;
    }
    put(r, GPU_FIELD_MEMORY_USED, v1.used);
    put(r, GPU_FIELD_MEMORY_FREE, v1.free);
    put(r, GPU_FIELD_MEMORY_TOTAL, v1.total);
}

static void read_utilization(const struct nvml_calls *calls, struct reading *r)
{
    const uint32_t fields = BIT(GPU_FIELD_UTILIZATION) | BIT(GPU_FIELD_MEMORY_UTILIZATION);
    struct nvml_utilization u;
    if (!wants(r, (const void *)calls->utilization, fields) ||
        !went(r, calls->utilization(r->gpu->device, &u), fields))
        return;
    put_percent(r, GPU_FIELD_UTILIZATION, u.gpu);
    put_percent(r, GPU_FIELD_MEMORY_UTILIZATION, u.memory);
}

/* The calls that give one number. */
#define READ_ONE(r, field, scale, type, call, ...)                                 \
    do {                                                                           \
        type number;                                                               \
        if (wants(r, (const void *)(call), BIT(field)) &&                          \
            went(r, (call)((r)->gpu->device, ##__VA_ARGS__, &number), BIT(field))) \
            put(r, field, (uint64_t)number *(scale));                              \
    } while (0)

static void read_quick(const struct nvml_calls *calls, struct reading *r)
{
    read_utilization(calls, r);
    read_memory(calls, r);
    READ_ONE(r, GPU_FIELD_POWER, 1, unsigned, calls->power);
    READ_ONE(r, GPU_FIELD_TEMPERATURE, 1, unsigned, calls->temperature, 0);
    READ_ONE(r, GPU_FIELD_SM_CLOCK, HZ_PER_MHZ, unsigned, calls->clock, NVML_CLOCK_SM);
    READ_ONE(r, GPU_FIELD_MEMORY_CLOCK, HZ_PER_MHZ, unsigned, calls->clock, NVML_CLOCK_MEMORY);
    READ_ONE(r, GPU_FIELD_ENERGY, UJ_PER_MJ, unsigned long long, calls->energy);
    READ_ONE(r, GPU_FIELD_THROTTLE, 1, unsigned long long, calls->throttle);
}

static void read_slow(const struct nvml_calls *calls, struct reading *r)
{
    READ_ONE(r, GPU_FIELD_PCIE_RECEIVED, BYTES_PER_KB, unsigned, calls->pcie, NVML_PCIE_RECEIVED);
    READ_ONE(r, GPU_FIELD_PCIE_SENT, BYTES_PER_KB, unsigned, calls->pcie, NVML_PCIE_SENT);
    READ_ONE(r, GPU_FIELD_ECC_CORRECTED, 1, unsigned long long, calls->ecc, NVML_ECC_CORRECTED,
             NVML_ECC_SINCE_LOAD);
    READ_ONE(r, GPU_FIELD_ECC_UNCORRECTED, 1, unsigned long long, calls->ecc, NVML_ECC_UNCORRECTED,
             NVML_ECC_SINCE_LOAD);
}

void nvml_gpu_read(const struct nvml_calls *calls, struct nvml_gpu *gpu, bool slow,
                   struct gpu_values *ret)
{
    struct reading r = {.gpu = gpu, .values = ret};
    *ret = (struct gpu_values){0};
    if (gpu->device == NULL && !gpu->lost)
        ret->error = -EACCES;
    if (gpu->device != NULL) {
        read_quick(calls, &r);
        if (slow)
            read_slow(calls, &r);
    }
    /* What was read before it went is not a reading of it all. */
    if (gpu->lost)
        *ret = (struct gpu_values){.error = -ENODEV};
}
