/* One GPU of NVML's: nvml.c's, not for others. */
#ifndef TACHO_SOURCE_NVML_DEVICE_H
#define TACHO_SOURCE_NVML_DEVICE_H

#include "source/gpu.h"
#include "source/nvml_calls.h"

struct nvml_gpu {
    nvml_device device; /* NULL: it could not be had */
    uint32_t has_not;   /* fields that it has not got, or that its driver has no call for */
    uint32_t lacks;     /* enum nvml_list: lists of processes likewise */
    bool lost, divided;
    bool no_samples;     /* of processes' utilization */
    bool sampled;        /* what the driver kept from before the recording has been passed over */
    unsigned instances;  /* at most */
    uint64_t sampled_us; /* until when samples were taken, on the driver's clock */
    uint8_t *lists;      /* room for what the driver says of processes */
    struct nvml_process_sample *samples;
};

/* -errno for an enum nvml_status that is not NVML_OK. -ENOTSUP: it never will be there. */
int nvml_error(int status);

void nvml_gpu_begin(const struct nvml_calls *calls, unsigned index, struct nvml_gpu *ret);
void nvml_gpu_done(struct nvml_gpu *gpu);

/* As nvml.h's. */
void nvml_gpu_facts(const struct nvml_calls *calls, struct nvml_gpu *gpu, struct gpu_facts *ret);
void nvml_gpu_read(const struct nvml_calls *calls, struct nvml_gpu *gpu, bool slow,
                   struct gpu_values *ret);
ssize_t nvml_gpu_uses(const struct nvml_calls *calls, struct nvml_gpu *gpu, bool utilization,
                      struct gpu_use *ret, size_t cap, size_t *ret_left_out);

#endif
