/*
 * NVIDIA's GPUs through NVML, the library of their driver, loaded at run time: nothing is needed to
 * build, and where there is no such library there are no GPUs.
 *
 * Every call here may take long, seconds where a GPU wakes up, or for ever where one hangs: they
 * belong in a thread of their own (sample/gpu_thread.h). One thread. Children of a fork must not use
 * what the parent opened.
 */
#ifndef TACHO_SOURCE_NVML_H
#define TACHO_SOURCE_NVML_H

#include "source/gpu.h"

#define NVML_LIBRARY "libnvidia-ml.so.1"
#define NVML_WORDS_MAX 160

struct nvml;

/*
 * Loads the library and asks for its GPUs. 0; -ENOENT where there is no library; -ENODEV where it has
 * no driver or GPUs to speak to, -EACCES where it may not, -EIO else, -ENOMEM. On failure `ret_why`
 * says why in words.
 */
int nvml_open(struct nvml **ret, char ret_why[NVML_WORDS_MAX]);
void nvml_close(struct nvml *nvml);

/* At most GPUS_MAX. */
unsigned nvml_count(const struct nvml *nvml);

/* "" unknown. */
const char *nvml_driver_version(const struct nvml *nvml);

void nvml_facts(struct nvml *nvml, unsigned gpu, struct gpu_facts *ret);

/*
 * What a GPU does now; `slow`: also what takes the driver long (GPU_SLOW_FIELDS: some 20 ms for each
 * direction of PCIe). A quantity that the GPU has not got is not asked for again. Once it is lost nothing is.
 */
void nvml_read(struct nvml *nvml, unsigned gpu, bool slow, struct gpu_values *ret);

/*
 * Who holds memory on it, compute and graphics, of all its instances where it is divided: at most
 * `cap` into `ret`, with the driver's pids; `ret_left_out` counts the rest. With `utilization` also
 * how much each ran since the last such call: who is not in the driver's samples did not run. How
 * many, or -errno where the driver does not tell: -ENOTSUP, -EACCES, -ENODEV, -EIO.
 */
ssize_t nvml_uses(struct nvml *nvml, unsigned gpu, bool utilization, struct gpu_use *ret,
                  size_t cap, size_t *ret_left_out);

#endif
