/*
 * What is read of GPUs, whichever driver it comes from: values with a validity bit each, and which
 * process holds how much.
 */
#ifndef TACHO_SOURCE_GPU_H
#define TACHO_SOURCE_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GPUS_MAX 64       /* of one machine; more are left out */
#define GPU_USES_MAX 1024 /* processes times GPUs of one reading; more are left out and counted */
#define GPU_TEXT_CAP 96

enum gpu_field {
    GPU_FIELD_UTILIZATION,        /* share of time any code ran, in thousandths */
    GPU_FIELD_MEMORY_UTILIZATION, /* share of time its memory was read or written */
    GPU_FIELD_MEMORY_USED,        /* bytes */
    GPU_FIELD_MEMORY_FREE,
    GPU_FIELD_MEMORY_TOTAL,
    GPU_FIELD_POWER,       /* mW */
    GPU_FIELD_TEMPERATURE, /* degrees Celsius */
    GPU_FIELD_SM_CLOCK,    /* Hz */
    GPU_FIELD_MEMORY_CLOCK,
    GPU_FIELD_ENERGY,        /* µJ since the driver was loaded */
    GPU_FIELD_THROTTLE,      /* why its clocks are held down, NVML's bits */
    GPU_FIELD_PCIE_RECEIVED, /* bytes a second, over the last 20 ms */
    GPU_FIELD_PCIE_SENT,
    GPU_FIELD_ECC_CORRECTED, /* since the driver was loaded */
    GPU_FIELD_ECC_UNCORRECTED,
    GPU_FIELDS
};
#define GPU_SLOW_FIELDS (UINT32_C(0xf) << GPU_FIELD_PCIE_RECEIVED)

struct gpu_values {
    uint64_t value[GPU_FIELDS];
    uint32_t valid;
    int error; /* 0, or -errno why not all of it is there: -EACCES, -ENODEV when it is lost, -EIO */
};

/* One process on one GPU. */
struct gpu_use {
    uint32_t gpu;
    pid_t pid;                          /* in the recorder's namespace; 0: it means nothing there */
    uint64_t memory_bytes, utilization; /* in thousandths */
    bool memory_known, utilization_known;
};

struct gpu_facts {
    char name[GPU_TEXT_CAP], uuid[GPU_TEXT_CAP]; /* empty: unknown; any bytes but NUL */
    bool divided; /* into instances (MIG): processes are those of its instances */
};

#endif
