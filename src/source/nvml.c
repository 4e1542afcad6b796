#include "source/nvml.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/nvml_calls.h"
#include "source/nvml_device.h"

struct nvml {
    void *library;
    struct nvml_calls calls;
    char driver_version[GPU_TEXT_CAP];
    unsigned count;
    struct nvml_gpu gpu[GPUS_MAX];
};

static int init_failed(int status, char why[NVML_WORDS_MAX])
{
    const char *words = "fails to start";
    switch (status) {
    case NVML_DRIVER_NOT_LOADED: words = "finds no driver in the kernel"; break;
    case NVML_NO_PERMISSION: words = "may not speak to the driver: see /dev/nvidiactl"; break;
    case NVML_VERSION_MISMATCH:
        words = "is of another version than the driver in the kernel";
        break;
    default: break;
    }
    snprintf(why, NVML_WORDS_MAX, NVML_LIBRARY " %s (error %d)", words, status);
    int r = nvml_error(status);
    return r == -ENOTSUP ? -EIO : r;
}

static int find_gpus(struct nvml *nvml, char why[NVML_WORDS_MAX])
{
    const struct nvml_calls *calls = &nvml->calls;
    unsigned count = 0;
    int status = calls->init();
    if (status != NVML_OK)
        return init_failed(status, why);
    status = calls->count(&count);
    if (status != NVML_OK || count == 0) {
        snprintf(why, NVML_WORDS_MAX, NVML_LIBRARY " has no GPUs (error %d)", status);
        calls->shutdown();
        return -ENODEV;
    }
    nvml->count = count < GPUS_MAX ? count : GPUS_MAX;
    for (unsigned i = 0; i < nvml->count; i++)
        nvml_gpu_begin(calls, i, &nvml->gpu[i]);
    if (calls->driver_version == NULL ||
        calls->driver_version(nvml->driver_version, GPU_TEXT_CAP) != NVML_OK)
        nvml->driver_version[0] = '\0';
    nvml->driver_version[GPU_TEXT_CAP - 1] = '\0';
    return 0;
}

int nvml_open(struct nvml **ret, char ret_why[NVML_WORDS_MAX])
{
    struct nvml *nvml = calloc(1, sizeof *nvml);
    ret_why[0] = '\0';
    if (nvml == NULL)
        return -ENOMEM;
    nvml->library = dlopen(NVML_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    int r = 0;
    if (nvml->library == NULL) {
        snprintf(ret_why, NVML_WORDS_MAX, "no " NVML_LIBRARY ": NVIDIA's driver is not installed");
        r = -ENOENT;
    }
    if (r == 0) {
        nvml_calls_find(nvml->library, &nvml->calls);
        const struct nvml_calls *calls = &nvml->calls;
        if (calls->init == NULL || calls->shutdown == NULL || calls->count == NULL ||
            calls->by_index == NULL) {
            snprintf(ret_why, NVML_WORDS_MAX, NVML_LIBRARY " is too old: it lacks calls");
            r = -EIO;
        }
    }
    if (r == 0)
        r = find_gpus(nvml, ret_why);
    if (r != 0)
        free(
            nvml); /* the library stays: taking one out of memory that failed is asking for trouble */
    else
        *ret = nvml;
    return r;
}

void nvml_close(struct nvml *nvml)
{
    if (nvml == NULL)
        return;
    nvml->calls.shutdown();
    for (unsigned i = 0; i < nvml->count; i++)
        nvml_gpu_done(&nvml->gpu[i]);
    free(nvml);
}

unsigned nvml_count(const struct nvml *nvml)
{
    return nvml->count;
}

const char *nvml_driver_version(const struct nvml *nvml)
{
    return nvml->driver_version;
}

void nvml_facts(struct nvml *nvml, unsigned gpu, struct gpu_facts *ret)
{
    nvml_gpu_facts(&nvml->calls, &nvml->gpu[gpu], ret);
}

void nvml_read(struct nvml *nvml, unsigned gpu, bool slow, struct gpu_values *ret)
{
    nvml_gpu_read(&nvml->calls, &nvml->gpu[gpu], slow, ret);
}

ssize_t nvml_uses(struct nvml *nvml, unsigned gpu, bool utilization, struct gpu_use *ret,
                  size_t cap, size_t *ret_left_out)
{
    ssize_t n = nvml_gpu_uses(&nvml->calls, &nvml->gpu[gpu], utilization, ret, cap, ret_left_out);
    for (ssize_t i = 0; i < n; i++)
        ret[i].gpu = gpu;
    return n;
}
