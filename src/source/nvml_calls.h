/*
 * The part of NVIDIA's management library that is used: its types as they are in memory, and the
 * calls by name. NVML's interface is stable by symbol version: a structure that grew has a new one.
 */
#ifndef TACHO_SOURCE_NVML_CALLS_H
#define TACHO_SOURCE_NVML_CALLS_H

#include <stdint.h>

typedef void *nvml_device;

enum nvml_status {
    NVML_OK = 0,
    NVML_UNINITIALIZED = 1,
    NVML_NOT_SUPPORTED = 3,
    NVML_NO_PERMISSION = 4,
    NVML_NOT_FOUND = 6,
    NVML_INSUFFICIENT_SIZE = 7,
    NVML_DRIVER_NOT_LOADED = 9,
    NVML_FUNCTION_NOT_FOUND = 13,
    NVML_GPU_LOST = 15,
    NVML_RESET_REQUIRED = 16,
    NVML_VERSION_MISMATCH = 18,
};

#define NVML_MEMORY_UNKNOWN UINT64_MAX /* of a process */

struct nvml_utilization {
    unsigned gpu, memory; /* percent */
};

struct nvml_memory {
    unsigned long long total, free, used; /* used: with what the driver keeps for itself */
};

struct nvml_memory_v2 {
    unsigned version;
    unsigned long long total, reserved, free, used;
};
#define NVML_MEMORY_V2 ((unsigned)sizeof(struct nvml_memory_v2) | 2u << 24)

struct nvml_process_sample {
    unsigned pid;
    unsigned long long time_us;
    unsigned sm, memory, encoder, decoder; /* percent */
};

/* A running process begins like this in all forms, of 16, 24 and 32 bytes. */
struct nvml_process {
    unsigned pid;
    unsigned long long memory_bytes;
};
#define NVML_PROCESS_BYTES_MAX 32

enum { NVML_CLOCK_SM = 1, NVML_CLOCK_MEMORY = 2 };
enum { NVML_PCIE_SENT = 0, NVML_PCIE_RECEIVED = 1 };
enum { NVML_ECC_CORRECTED = 0, NVML_ECC_UNCORRECTED = 1 };
enum { NVML_ECC_SINCE_LOAD = 0 };

/* Name in struct nvml_calls; arguments; symbols, the best first. All return an enum nvml_status. */
#define NVML_CALLS(CALL)                                                                          \
    CALL(init, (void), "nvmlInit_v2", "nvmlInit")                                                 \
    CALL(shutdown, (void), "nvmlShutdown")                                                        \
    CALL(driver_version, (char *, unsigned), "nvmlSystemGetDriverVersion")                        \
    CALL(count, (unsigned *), "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount")                      \
    CALL(by_index, (unsigned, nvml_device *), "nvmlDeviceGetHandleByIndex_v2",                    \
         "nvmlDeviceGetHandleByIndex")                                                            \
    CALL(name, (nvml_device, char *, unsigned), "nvmlDeviceGetName")                              \
    CALL(uuid, (nvml_device, char *, unsigned), "nvmlDeviceGetUUID")                              \
    CALL(utilization, (nvml_device, struct nvml_utilization *), "nvmlDeviceGetUtilizationRates")  \
    CALL(memory, (nvml_device, struct nvml_memory *), "nvmlDeviceGetMemoryInfo")                  \
    CALL(memory_v2, (nvml_device, struct nvml_memory_v2 *), "nvmlDeviceGetMemoryInfo_v2")         \
    CALL(power, (nvml_device, unsigned *), "nvmlDeviceGetPowerUsage")                             \
    CALL(temperature, (nvml_device, unsigned, unsigned *), "nvmlDeviceGetTemperature")            \
    CALL(clock, (nvml_device, unsigned, unsigned *), "nvmlDeviceGetClockInfo")                    \
    CALL(energy, (nvml_device, unsigned long long *), "nvmlDeviceGetTotalEnergyConsumption")      \
    CALL(throttle, (nvml_device, unsigned long long *), "nvmlDeviceGetCurrentClocksEventReasons", \
         "nvmlDeviceGetCurrentClocksThrottleReasons")                                             \
    CALL(pcie, (nvml_device, unsigned, unsigned *), "nvmlDeviceGetPcieThroughput")                \
    CALL(ecc, (nvml_device, unsigned, unsigned, unsigned long long *),                            \
         "nvmlDeviceGetTotalEccErrors")                                                           \
    CALL(compute, (nvml_device, unsigned *, void *), "nvmlDeviceGetComputeRunningProcesses_v3",   \
         "nvmlDeviceGetComputeRunningProcesses_v2", "nvmlDeviceGetComputeRunningProcesses")       \
    CALL(graphics, (nvml_device, unsigned *, void *), "nvmlDeviceGetGraphicsRunningProcesses_v3", \
         "nvmlDeviceGetGraphicsRunningProcesses_v2", "nvmlDeviceGetGraphicsRunningProcesses")     \
    CALL(shared, (nvml_device, unsigned *, void *), "nvmlDeviceGetMPSComputeRunningProcesses_v3", \
         "nvmlDeviceGetMPSComputeRunningProcesses_v2", "nvmlDeviceGetMPSComputeRunningProcesses") \
    CALL(samples, (nvml_device, struct nvml_process_sample *, unsigned *, unsigned long long),    \
         "nvmlDeviceGetProcessUtilization")                                                       \
    CALL(mig_mode, (nvml_device, unsigned *, unsigned *), "nvmlDeviceGetMigMode")                 \
    CALL(mig_count, (nvml_device, unsigned *), "nvmlDeviceGetMaxMigDeviceCount")                  \
    CALL(mig_by_index, (nvml_device, unsigned, nvml_device *),                                    \
         "nvmlDeviceGetMigDeviceHandleByIndex")

#define NVML_MEMBER(member, arguments, ...) int(*member) arguments;
struct nvml_calls {
    NVML_CALLS(NVML_MEMBER)
};
#undef NVML_MEMBER

/* Fills in what the loaded library has; the rest is NULL. */
void nvml_calls_find(void *library, struct nvml_calls *ret);

#endif
