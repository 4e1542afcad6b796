/*
 * The catalogue of metrics: the one place that names what tacho measures. A recording carries its
 * own copy (records.h, metric records), so a reader needs this file only to know what a name means.
 *
 * An entity is something with series: a process, the tree of them, the recorder, the machine, one
 * processor, disk, network interface or GPU. Metrics of one kind of entity fall into groups that are
 * sampled as one. Values are unsigned 64-bit: bytes, nanoseconds, counts; rates are made when
 * reading.
 */
#ifndef TACHO_FORMAT_METRIC_H
#define TACHO_FORMAT_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entity_kind {
    ENTITY_PROCESS = 1,
    ENTITY_TREE = 2,     /* sums over the recorded processes */
    ENTITY_RECORDER = 3, /* the recorder itself */
    ENTITY_MACHINE = 4,
    ENTITY_PROCESSOR = 5, /* named "0", "1", … */
    ENTITY_DISK = 6,
    ENTITY_NETWORK = 7,
    ENTITY_GPU = 8,     /* named "0", "1", … as its driver counts */
    ENTITY_CGROUP = 16, /* of the target, named by its path */
    ENTITY_ENERGY = 17, /* what is counted apart, "package-0" */
    ENTITY_KINDS
};

#define METRICS_MAX 64 /* of one kind: masks are 64 bits wide */
#define GROUPS_MAX 24

struct metric {
    const char *name; /* psutil's where it has one */
    const char *unit; /* "ns", "bytes", "count", "1/1000", "pages", "letter", "id", "mask", … */
    bool cumulative;  /* since the entity began; else a gauge */
    uint8_t group;
    const char *help;
};

struct kind_info {
    const char *name;
    const struct metric *metrics;
    unsigned metric_count;
    unsigned group_count;
};

/* NULL for a kind this code does not know: numbers below ENTITY_KINDS may be such. */
const struct kind_info *kind_info(unsigned kind);

/* The next kind that this code knows, 0 after the last; the first is the one after 0. */
unsigned kind_after(unsigned kind);

/* Positions of the process metrics, in the order of the catalogue. */
enum process_metric {
    PROCESS_CPU,
    PROCESS_VMS,
    PROCESS_RSS,
    PROCESS_USER,
    PROCESS_SYSTEM,
    PROCESS_CHILDREN_USER,
    PROCESS_CHILDREN_SYSTEM,
    PROCESS_MINOR_FAULTS,
    PROCESS_MAJOR_FAULTS,
    PROCESS_THREADS,
    PROCESS_STATE,
    PROCESS_PARENT_PID,
    PROCESS_PROCESSOR,
    PROCESS_IOWAIT,
    PROCESS_READ_CHARS,
    PROCESS_WRITE_CHARS,
    PROCESS_READ_COUNT,
    PROCESS_WRITE_COUNT,
    PROCESS_READ_BYTES,
    PROCESS_WRITE_BYTES,
    PROCESS_RSS_ANON,
    PROCESS_RSS_FILE,
    PROCESS_RSS_SHMEM,
    PROCESS_SWAP,
    PROCESS_PEAK_RSS,
    PROCESS_VOLUNTARY_SWITCHES,
    PROCESS_INVOLUNTARY_SWITCHES,
    PROCESS_FDS,
    PROCESS_PSS,
    PROCESS_USS,
    PROCESS_SWAP_PSS,
    PROCESS_TCP_ESTABLISHED,
    PROCESS_TCP_LISTENING,
    PROCESS_PROCESSORS,
    PROCESS_CORES,
    PROCESS_PACKAGES,
    PROCESS_PACKAGE_MASK,
    PROCESS_DRM_ENGINE,
    PROCESS_DRM_MEMORY,
    PROCESS_GPU_MEMORY,
    PROCESS_GPU_UTILIZATION,
    PROCESS_METRICS
};

enum process_group {
    GROUP_CLOCK,  /* CPU clock */
    GROUP_MEMORY, /* statm, or stat's same fields */
    GROUP_STAT,
    GROUP_IO,
    GROUP_STATUS,
    GROUP_SWITCHES,
    GROUP_FDS,
    GROUP_SMAPS,
    GROUP_TCP,
    GROUP_PROCESSORS,
    GROUP_DRM,
    GROUP_GPU,
    PROCESS_GROUPS
};

enum tree_metric {
    TREE_PROCESSES,
    TREE_THREADS,
    TREE_RSS,
    TREE_PSS,
    TREE_SWAP,
    TREE_FDS,
    TREE_TCP_ESTABLISHED,
    TREE_TCP_LISTENING,
    TREE_REAPED_USER,
    TREE_REAPED_SYSTEM,
    TREE_METRICS
};
enum tree_group { TREE_GROUP_SUMS, TREE_GROUP_REAPED, TREE_GROUPS };

enum recorder_metric { RECORDER_CPU, RECORDER_RSS, RECORDER_BYTES_WRITTEN, RECORDER_METRICS };

enum machine_metric {
    MACHINE_USER,
    MACHINE_NICE,
    MACHINE_SYSTEM,
    MACHINE_IDLE,
    MACHINE_IOWAIT,
    MACHINE_IRQ,
    MACHINE_SOFTIRQ,
    MACHINE_STEAL,
    MACHINE_GUEST,
    MACHINE_SWITCHES,
    MACHINE_FORKS,
    MACHINE_RUNNING,
    MACHINE_BLOCKED,
    MACHINE_INTERRUPTS,
    MACHINE_LOAD1,
    MACHINE_LOAD5,
    MACHINE_LOAD15,
    MACHINE_UPTIME,
    MACHINE_MEMORY_TOTAL,
    MACHINE_MEMORY_AVAILABLE,
    MACHINE_MEMORY_FREE,
    MACHINE_BUFFERS,
    MACHINE_CACHED,
    MACHINE_SHMEM,
    MACHINE_DIRTY,
    MACHINE_SLAB,
    MACHINE_SWAP_TOTAL,
    MACHINE_SWAP_FREE,
    MACHINE_FAULTS,
    MACHINE_MAJOR_FAULTS,
    MACHINE_SWAPPED_IN,
    MACHINE_SWAPPED_OUT,
    MACHINE_OOM_KILLS,
    MACHINE_PRESSURE_CPU_SOME,
    MACHINE_PRESSURE_MEMORY_SOME,
    MACHINE_PRESSURE_MEMORY_FULL,
    MACHINE_PRESSURE_IO_SOME,
    MACHINE_PRESSURE_IO_FULL,
    MACHINE_METRICS
};
enum machine_group {
    MACHINE_GROUP_CPU,
    MACHINE_GROUP_KERNEL,
    MACHINE_GROUP_MEMORY,
    MACHINE_GROUP_PAGING,
    MACHINE_GROUP_PRESSURE,
    MACHINE_GROUPS
};

/* Kinds with one group whose metrics are exactly the source's fields, in the source's order. */
enum processor_metric { PROCESSOR_METRICS = 9 };
enum disk_metric { DISK_METRICS = 5 };
enum network_metric { NETWORK_METRICS = 6 };

/* Up to GPU_PROCESSES in the source's order. */
enum gpu_metric {
    GPU_UTILIZATION,
    GPU_MEMORY_UTILIZATION,
    GPU_MEMORY_USED,
    GPU_MEMORY_FREE,
    GPU_MEMORY_TOTAL,
    GPU_POWER,
    GPU_TEMPERATURE,
    GPU_SM_CLOCK,
    GPU_MEMORY_CLOCK,
    GPU_ENERGY,
    GPU_THROTTLE,
    GPU_PCIE_RECEIVED,
    GPU_PCIE_SENT,
    GPU_ECC_CORRECTED,
    GPU_ECC_UNCORRECTED,
    GPU_PROCESSES,
    GPU_TARGET_MEMORY,
    GPU_UNMAPPED_MEMORY,
    GPU_METRICS
};
/* Bits of throttle_reasons that hold a GPU back though it has work. */
#define GPU_THROTTLE_POWER UINT64_C(0x4)    /* its power limit */
#define GPU_THROTTLE_HARDWARE UINT64_C(0x8) /* by the hardware, half or less of its clocks */
#define GPU_THROTTLE_HEAT UINT64_C(0x60)
#define GPU_THROTTLE_BRAKE UINT64_C(0x80) /* the power supply asks for it */
#define GPU_THROTTLE_ANY \
    (GPU_THROTTLE_POWER | GPU_THROTTLE_HARDWARE | GPU_THROTTLE_HEAT | GPU_THROTTLE_BRAKE)

enum gpu_group {
    GPU_GROUP_USE,
    GPU_GROUP_LINK,      /* PCIe, which takes the driver 20 ms a direction, and ECC */
    GPU_GROUP_PROCESSES, /* what its processes hold */
    GPU_GROUPS
};

enum energy_metric { ENERGY_METRIC_ENERGY, ENERGY_METRICS };

enum cgroup_metric {
    CGROUP_METRIC_MEMORY,
    CGROUP_METRIC_MEMORY_PEAK,
    CGROUP_METRIC_LIMIT_HITS,
    CGROUP_METRIC_OOMS,
    CGROUP_METRIC_OOM_KILLS,
    CGROUP_METRIC_PERIODS,
    CGROUP_METRIC_THROTTLED_PERIODS,
    CGROUP_METRIC_THROTTLED,
    CGROUP_METRICS
};

/*
 * Whether a process metric of that name can change while the process does not run: memory by reclaim
 * and by those who share it, a connection by its other end, the parent by its death, the state.
 */
bool metric_changes_when_idle(const char *name);

/* Metrics of `kind` that belong to `group`, as a mask of positions. 0 for unknown. */
uint64_t kind_group_mask(unsigned kind, unsigned group);

#endif
