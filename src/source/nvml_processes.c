/* Whose memory it is, and who ran: the lists of processes of one GPU. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/nvml_device.h"

#define PROCESSES_MAX 1024 /* of one list */
#define SAMPLES_MAX 4096   /* of one call */
#define UNTOUCHED 0xa5     /* no process entry ends in it */

enum nvml_list { LIST_COMPUTE, LIST_GRAPHICS, LIST_SHARED, LISTS };

typedef int list_call(nvml_device, unsigned *, void *);

static list_call *call_of(const struct nvml_calls *calls, enum nvml_list list)
{
    list_call *const by_list[LISTS] = {calls->compute, calls->graphics, calls->shared};
    return by_list[list];
}

/*
 * How large the entries are that were written. The symbol does not tell: drivers 535.43 to 535.86
 * put 32 bytes where those before and after put 24, and others were seen with 16.
 */
static size_t stride_of(const uint8_t *bytes, size_t count)
{
    static const size_t strides[] = {16, 24};
    size_t end = PROCESSES_MAX * NVML_PROCESS_BYTES_MAX;
    while (end > 0 && bytes[end - 1] == UNTOUCHED)
        end--;
    for (size_t i = 0; i < ARRAY_LEN(strides); i++)
        if (end <= strides[i] * count)
            return strides[i];
    return NVML_PROCESS_BYTES_MAX;
}

struct uses {
    struct gpu_use *at;
    size_t n, cap, left_out;
    size_t instance; /* where those of this device begin */
};

/* Who computes and draws is in both lists, with the same memory. */
static void add_process(struct uses *uses, const struct nvml_process *process)
{
    bool known = process->memory_bytes != NVML_MEMORY_UNKNOWN;
    if (process->pid == 0 || process->pid > INT_MAX)
        return;
    for (size_t i = uses->instance; i < uses->n; i++) {
        struct gpu_use *use = &uses->at[i];
        if (use->pid != (pid_t)process->pid)
            continue;
        if (known && (!use->memory_known || use->memory_bytes < process->memory_bytes)) {
            use->memory_known = true;
            use->memory_bytes = process->memory_bytes;
        }
        return;
    }
    if (uses->n == uses->cap) {
        uses->left_out++;
        return;
    }
    uses->at[uses->n++] = (struct gpu_use){.pid = (pid_t)process->pid,
                                           .memory_known = known,
                                           .memory_bytes = known ? process->memory_bytes : 0};
}

/* One list of one device. 0 or -errno. */
static int take_list(const struct nvml_calls *calls, struct nvml_gpu *gpu, nvml_device device,
                     enum nvml_list list, struct uses *uses)
{
    list_call *call = call_of(calls, list);
    unsigned count = PROCESSES_MAX;
    if (call == NULL || (gpu->lacks >> list & 1) != 0)
        return -ENOTSUP;
    memset(gpu->lists, UNTOUCHED, PROCESSES_MAX * NVML_PROCESS_BYTES_MAX);
    int status = call(device, &count, gpu->lists);
    if (status == NVML_INSUFFICIENT_SIZE) {
        uses->left_out += count > PROCESSES_MAX ? count - PROCESSES_MAX : 1;
        return 0;
    }
    int r = nvml_error(status);
    if (r == -ENOTSUP && !gpu->divided)
        gpu->lacks |= 1u << list;
    gpu->lost |= r == -ENODEV;
    if (r != 0 || count > PROCESSES_MAX)
        return r != 0 ? r : -EIO;
    size_t stride = count == 0 ? 0 : stride_of(gpu->lists, count);
    for (size_t i = 0; i < count; i++) {
        struct nvml_process process;
        memcpy(&process, gpu->lists + i * stride, sizeof process);
        add_process(uses, &process);
    }
    return 0;
}

/* 0 when any list could be read. */
static int take_lists(const struct nvml_calls *calls, struct nvml_gpu *gpu, nvml_device device,
                      struct uses *uses)
{
    int result = -ENOTSUP;
    uses->instance = uses->n;
    for (unsigned list = 0; list < LISTS && !gpu->lost; list++) {
        int r = take_list(calls, gpu, device, (enum nvml_list)list, uses);
        if (r == 0 || (result != 0 && r != -ENOTSUP))
            result = r;
    }
    return gpu->lost ? -ENODEV : result;
}

/* Of a divided GPU each instance has its processes. */
static int take_instances(const struct nvml_calls *calls, struct nvml_gpu *gpu, struct uses *uses)
{
    int result = -ENOTSUP;
    for (unsigned i = 0; i < gpu->instances && !gpu->lost; i++) {
        nvml_device device;
        if (calls->mig_by_index(gpu->device, i, &device) != NVML_OK)
            continue; /* places without an instance */
        int r = take_lists(calls, gpu, device, uses);
        if (r == 0 || result != 0)
            result = r;
    }
    return gpu->lost ? -ENODEV : result;
}

/* ---- who ran ---- */

/* The mean of a process's samples; none: it did not run. */
static uint64_t mean_utilization(const struct nvml_process_sample *samples, size_t n, pid_t pid)
{
    uint64_t sum = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        if (samples[i].pid != (unsigned)pid || samples[i].sm > 100)
            continue;
        sum += samples[i].sm * UINT64_C(10);
        count++;
    }
    return count == 0 ? 0 : sum / count;
}

static void take_samples(const struct nvml_calls *calls, struct nvml_gpu *gpu, struct uses *uses)
{
    unsigned count = SAMPLES_MAX;
    if (calls->samples == NULL || gpu->no_samples || gpu->divided)
        return;
    if (gpu->samples == NULL && (gpu->samples = calloc(SAMPLES_MAX, sizeof *gpu->samples)) == NULL)
        return;
    int status = calls->samples(gpu->device, gpu->samples, &count, gpu->sampled_us);
    if (status == NVML_NOT_FOUND)
        count = 0;
    else if (status != NVML_OK || count > SAMPLES_MAX) {
        int r = nvml_error(status);
        gpu->no_samples = r == -ENOTSUP || r == -EACCES;
        gpu->lost |= r == -ENODEV;
        return;
    }
    uint64_t last_us = gpu->sampled_us;
    for (size_t i = 0; i < count; i++)
        if (gpu->samples[i].time_us > last_us)
            last_us = gpu->samples[i].time_us;
    gpu->sampled_us = last_us;
    bool first = !gpu->sampled;
    gpu->sampled = true;
    for (size_t i = 0; i < uses->n && !first; i++) {
        uses->at[i].utilization = mean_utilization(gpu->samples, count, uses->at[i].pid);
        uses->at[i].utilization_known = true;
    }
}

ssize_t nvml_gpu_uses(const struct nvml_calls *calls, struct nvml_gpu *gpu, bool utilization,
                      struct gpu_use *ret, size_t cap, size_t *ret_left_out)
{
    struct uses uses = {.at = ret, .cap = cap};
    if (gpu->lost || gpu->device == NULL)
        return -ENODEV;
    if (gpu->lists == NULL && (gpu->lists = malloc(PROCESSES_MAX * NVML_PROCESS_BYTES_MAX)) == NULL)
        return -ENOMEM;
    int r = gpu->divided ? take_instances(calls, gpu, &uses)
                         : take_lists(calls, gpu, gpu->device, &uses);
    if (r != 0)
        return r;
    if (utilization)
        take_samples(calls, gpu, &uses);
    *ret_left_out = uses.left_out;
    return (ssize_t)uses.n;
}
