#include "format/metric.h"

#include <string.h>

#define GAUGE(name, unit, group, help) \
    {                                  \
        name, unit, false, group, help \
    }
#define SUM(name, unit, group, help)  \
    {                                 \
        name, unit, true, group, help \
    }

static const struct metric process_metrics[PROCESS_METRICS] = {
    [PROCESS_CPU] =
        SUM("cpu", "ns", GROUP_CLOCK, "CPU time of all its threads, dead ones included"),
    [PROCESS_VMS] = GAUGE("vms", "bytes", GROUP_MEMORY, "virtual size"),
    [PROCESS_RSS] = GAUGE("rss", "bytes", GROUP_MEMORY, "resident set, shared memory included"),
    [PROCESS_USER] = SUM("user", "ns", GROUP_STAT, "user CPU time, in kernel ticks"),
    [PROCESS_SYSTEM] = SUM("system", "ns", GROUP_STAT, "system CPU time, in kernel ticks"),
    [PROCESS_CHILDREN_USER] =
        SUM("children_user", "ns", GROUP_STAT, "user CPU time of children it waited for"),
    [PROCESS_CHILDREN_SYSTEM] =
        SUM("children_system", "ns", GROUP_STAT, "system CPU time of children it waited for"),
    [PROCESS_MINOR_FAULTS] = SUM("minor_faults", "count", GROUP_STAT, "faults without I/O"),
    [PROCESS_MAJOR_FAULTS] = SUM("major_faults", "count", GROUP_STAT, "faults that read a disk"),
    [PROCESS_THREADS] = GAUGE("num_threads", "count", GROUP_STAT, "threads alive"),
    [PROCESS_STATE] = GAUGE("status", "letter", GROUP_STAT, "state letter as ps shows it"),
    [PROCESS_PARENT_PID] = GAUGE("ppid", "id", GROUP_STAT, "parent now"),
    [PROCESS_PROCESSOR] =
        GAUGE("cpu_num", "id", GROUP_STAT, "processor on which the main thread last ran"),
    [PROCESS_IOWAIT] = SUM("iowait", "ns", GROUP_STAT, "waited for block I/O"),
    [PROCESS_READ_CHARS] = SUM("read_chars", "bytes", GROUP_IO,
                               "by read calls, cache included; with children it waited for"),
    [PROCESS_WRITE_CHARS] = SUM("write_chars", "bytes", GROUP_IO,
                                "by write calls, cache included; with children it waited for"),
    [PROCESS_READ_COUNT] =
        SUM("read_count", "count", GROUP_IO, "read calls; with children it waited for"),
    [PROCESS_WRITE_COUNT] =
        SUM("write_count", "count", GROUP_IO, "write calls; with children it waited for"),
    [PROCESS_READ_BYTES] =
        SUM("read_bytes", "bytes", GROUP_IO, "fetched from storage; with children it waited for"),
    [PROCESS_WRITE_BYTES] =
        SUM("write_bytes", "bytes", GROUP_IO, "sent to storage; with children it waited for"),
    [PROCESS_RSS_ANON] = GAUGE("rss_anon", "bytes", GROUP_STATUS, "resident anonymous memory"),
    [PROCESS_RSS_FILE] = GAUGE("rss_file", "bytes", GROUP_STATUS, "resident mapped files"),
    [PROCESS_RSS_SHMEM] = GAUGE("rss_shmem", "bytes", GROUP_STATUS, "resident shared memory"),
    [PROCESS_SWAP] = GAUGE("swap", "bytes", GROUP_STATUS, "swapped out"),
    [PROCESS_PEAK_RSS] = GAUGE("peak_rss", "bytes", GROUP_STATUS,
                               "largest resident set so far, as the kernel knows"),
    [PROCESS_VOLUNTARY_SWITCHES] =
        SUM("voluntary_ctx_switches", "count", GROUP_SWITCHES, "waits, of the threads alive"),
    [PROCESS_INVOLUNTARY_SWITCHES] = SUM("involuntary_ctx_switches", "count", GROUP_SWITCHES,
                                         "preemptions, of the threads alive"),
    [PROCESS_FDS] = GAUGE("num_fds", "count", GROUP_FDS, "open descriptors"),
    [PROCESS_PSS] =
        GAUGE("pss", "bytes", GROUP_SMAPS, "resident, shared pages divided by their users"),
    [PROCESS_USS] = GAUGE("uss", "bytes", GROUP_SMAPS, "resident and its own alone"),
    [PROCESS_SWAP_PSS] =
        GAUGE("swap_pss", "bytes", GROUP_SMAPS, "swapped, shared pages divided by their users"),
    [PROCESS_TCP_ESTABLISHED] =
        GAUGE("tcp_established", "count", GROUP_TCP, "established TCP connections, IPv4 and IPv6"),
    [PROCESS_TCP_LISTENING] = GAUGE("tcp_listening", "count", GROUP_TCP, "listening TCP sockets"),
    [PROCESS_PROCESSORS] = GAUGE("num_processors", "count", GROUP_PROCESSORS,
                                 "distinct processors on which its threads last ran"),
    [PROCESS_CORES] = GAUGE("num_cores", "count", GROUP_PROCESSORS, "distinct cores of those"),
    [PROCESS_PACKAGES] = GAUGE("num_packages", "count", GROUP_PROCESSORS, "distinct packages"),
    [PROCESS_PACKAGE_MASK] =
        GAUGE("package_mask", "mask", GROUP_PROCESSORS, "bit p: package p, for the first 64"),
    [PROCESS_DRM_ENGINE] = SUM("drm_engine", "ns", GROUP_DRM,
                               "time that its work kept engines of GPUs busy, by their drivers"),
    [PROCESS_DRM_MEMORY] =
        GAUGE("drm_memory", "bytes", GROUP_DRM, "memory it holds for GPUs, main memory included"),
    [PROCESS_GPU_MEMORY] =
        GAUGE("gpu_memory", "bytes", GROUP_GPU, "memory it holds on all recorded GPUs"),
    [PROCESS_GPU_UTILIZATION] = GAUGE("gpu_utilization", "1/1000", GROUP_GPU,
                                      "share of time its code ran on GPUs, added up over them"),
};

static const struct metric tree_metrics[TREE_METRICS] = {
    [TREE_PROCESSES] = GAUGE("processes", "count", TREE_GROUP_SUMS, "recorded processes alive"),
    [TREE_THREADS] = GAUGE("num_threads", "count", TREE_GROUP_SUMS, "their threads"),
    [TREE_RSS] = GAUGE("rss", "bytes", TREE_GROUP_SUMS, "sum of RSS: shared memory counts often"),
    [TREE_PSS] = GAUGE("pss", "bytes", TREE_GROUP_SUMS,
                       "sum of the last known PSS: shared memory counts once"),
    [TREE_SWAP] = GAUGE("swap", "bytes", TREE_GROUP_SUMS, "sum of the last known swap"),
    [TREE_FDS] = GAUGE("num_fds", "count", TREE_GROUP_SUMS, "sum of the last known descriptors"),
    [TREE_TCP_ESTABLISHED] =
        GAUGE("tcp_established", "count", TREE_GROUP_SUMS, "sum of the last known connections"),
    [TREE_TCP_LISTENING] =
        GAUGE("tcp_listening", "count", TREE_GROUP_SUMS, "sum of the last known listening sockets"),
    [TREE_REAPED_USER] = SUM("reaped_user", "ns", TREE_GROUP_REAPED,
                             "user CPU time of all that ended below the recorder (rusage)"),
    [TREE_REAPED_SYSTEM] = SUM("reaped_system", "ns", TREE_GROUP_REAPED,
                               "system CPU time of all that ended below the recorder (rusage)"),
};

static const struct metric recorder_metrics[RECORDER_METRICS] = {
    [RECORDER_CPU] = SUM("cpu", "ns", 0, "CPU time of the recorder itself"),
    [RECORDER_RSS] = GAUGE("rss", "bytes", 0, "its resident set"),
    [RECORDER_BYTES_WRITTEN] = SUM("bytes_written", "bytes", 0, "written to the recording"),
};

#define CPU_MODES(group)                                                               \
    SUM("user", "ns", group, "in user mode, guests taken out"),                        \
        SUM("nice", "ns", group, "in user mode at low priority"),                      \
        SUM("system", "ns", group, "in the kernel"), SUM("idle", "ns", group, "idle"), \
        SUM("iowait", "ns", group, "idle with I/O under way"),                         \
        SUM("irq", "ns", group, "serving interrupts"),                                 \
        SUM("softirq", "ns", group, "serving soft interrupts"),                        \
        SUM("steal", "ns", group, "taken by the hypervisor"),                          \
        SUM("guest", "ns", group, "running guests")

static const struct metric machine_metrics[MACHINE_METRICS] = {
    CPU_MODES(MACHINE_GROUP_CPU),
    [MACHINE_SWITCHES] = SUM("ctx_switches", "count", MACHINE_GROUP_KERNEL, "context switches"),
    [MACHINE_FORKS] = SUM("forks", "count", MACHINE_GROUP_KERNEL, "processes and threads created"),
    [MACHINE_RUNNING] = GAUGE("procs_running", "count", MACHINE_GROUP_KERNEL, "runnable now"),
    [MACHINE_BLOCKED] =
        GAUGE("procs_blocked", "count", MACHINE_GROUP_KERNEL, "waiting for I/O now"),
    [MACHINE_INTERRUPTS] = SUM("interrupts", "count", MACHINE_GROUP_KERNEL, "interrupts served"),
    [MACHINE_LOAD1] = GAUGE("load1", "1/1000", MACHINE_GROUP_KERNEL, "load average, 1 minute"),
    [MACHINE_LOAD5] = GAUGE("load5", "1/1000", MACHINE_GROUP_KERNEL, "load average, 5 minutes"),
    [MACHINE_LOAD15] = GAUGE("load15", "1/1000", MACHINE_GROUP_KERNEL, "load average, 15 minutes"),
    [MACHINE_UPTIME] = SUM("uptime", "ns", MACHINE_GROUP_KERNEL, "since boot"),
    [MACHINE_MEMORY_TOTAL] = GAUGE("memory_total", "bytes", MACHINE_GROUP_MEMORY, "usable memory"),
    [MACHINE_MEMORY_AVAILABLE] =
        GAUGE("memory_available", "bytes", MACHINE_GROUP_MEMORY, "for new work without swapping"),
    [MACHINE_MEMORY_FREE] = GAUGE("memory_free", "bytes", MACHINE_GROUP_MEMORY, "unused"),
    [MACHINE_BUFFERS] = GAUGE("buffers", "bytes", MACHINE_GROUP_MEMORY, "block device cache"),
    [MACHINE_CACHED] = GAUGE("cached", "bytes", MACHINE_GROUP_MEMORY, "file cache"),
    [MACHINE_SHMEM] = GAUGE("shmem", "bytes", MACHINE_GROUP_MEMORY, "shared memory and tmpfs"),
    [MACHINE_DIRTY] = GAUGE("dirty", "bytes", MACHINE_GROUP_MEMORY, "waiting to be written"),
    [MACHINE_SLAB] = GAUGE("slab", "bytes", MACHINE_GROUP_MEMORY, "kernel structures"),
    [MACHINE_SWAP_TOTAL] = GAUGE("swap_total", "bytes", MACHINE_GROUP_MEMORY, "swap space"),
    [MACHINE_SWAP_FREE] = GAUGE("swap_free", "bytes", MACHINE_GROUP_MEMORY, "swap space unused"),
    [MACHINE_FAULTS] = SUM("faults", "count", MACHINE_GROUP_PAGING, "page faults"),
    [MACHINE_MAJOR_FAULTS] =
        SUM("major_faults", "count", MACHINE_GROUP_PAGING, "faults that read a disk"),
    [MACHINE_SWAPPED_IN] = SUM("swapped_in", "pages", MACHINE_GROUP_PAGING, "read from swap"),
    [MACHINE_SWAPPED_OUT] = SUM("swapped_out", "pages", MACHINE_GROUP_PAGING, "written to swap"),
    [MACHINE_OOM_KILLS] =
        SUM("oom_kills", "count", MACHINE_GROUP_PAGING, "processes killed for want of memory"),
    [MACHINE_PRESSURE_CPU_SOME] =
        SUM("pressure_cpu_some", "ns", MACHINE_GROUP_PRESSURE, "some task waited for a processor"),
    [MACHINE_PRESSURE_MEMORY_SOME] =
        SUM("pressure_memory_some", "ns", MACHINE_GROUP_PRESSURE, "some task waited for memory"),
    [MACHINE_PRESSURE_MEMORY_FULL] =
        SUM("pressure_memory_full", "ns", MACHINE_GROUP_PRESSURE, "all tasks waited for memory"),
    [MACHINE_PRESSURE_IO_SOME] =
        SUM("pressure_io_some", "ns", MACHINE_GROUP_PRESSURE, "some task waited for I/O"),
    [MACHINE_PRESSURE_IO_FULL] =
        SUM("pressure_io_full", "ns", MACHINE_GROUP_PRESSURE, "all tasks waited for I/O"),
};

static const struct metric processor_metrics[PROCESSOR_METRICS] = {CPU_MODES(0)};

static const struct metric disk_metrics[DISK_METRICS] = {
    SUM("read_count", "count", 0, "reads completed"),   SUM("read_bytes", "bytes", 0, "read"),
    SUM("write_count", "count", 0, "writes completed"), SUM("write_bytes", "bytes", 0, "written"),
    SUM("busy", "ns", 0, "time with I/O under way"),
};

static const struct metric network_metrics[NETWORK_METRICS] = {
    SUM("received_bytes", "bytes", 0, "received"),
    SUM("received_packets", "count", 0, "packets received"),
    SUM("received_errors", "count", 0, "receive errors and drops"),
    SUM("sent_bytes", "bytes", 0, "sent"),
    SUM("sent_packets", "count", 0, "packets sent"),
    SUM("sent_errors", "count", 0, "send errors and drops"),
};

static const struct metric gpu_metrics[GPU_METRICS] = {
    [GPU_UTILIZATION] =
        GAUGE("utilization", "1/1000", GPU_GROUP_USE, "share of time any code ran on it"),
    [GPU_MEMORY_UTILIZATION] = GAUGE("memory_utilization", "1/1000", GPU_GROUP_USE,
                                     "share of time its memory was read or written"),
    [GPU_MEMORY_USED] = GAUGE("memory_used", "bytes", GPU_GROUP_USE, "its memory in use"),
    [GPU_MEMORY_FREE] = GAUGE("memory_free", "bytes", GPU_GROUP_USE, "unused"),
    [GPU_MEMORY_TOTAL] = GAUGE("memory_total", "bytes", GPU_GROUP_USE, "usable memory"),
    [GPU_POWER] = GAUGE("power", "mW", GPU_GROUP_USE, "power it draws"),
    [GPU_TEMPERATURE] = GAUGE("temperature", "C", GPU_GROUP_USE, "of its chip, degrees Celsius"),
    [GPU_SM_CLOCK] = GAUGE("sm_clock", "Hz", GPU_GROUP_USE, "clock of its multiprocessors"),
    [GPU_MEMORY_CLOCK] = GAUGE("memory_clock", "Hz", GPU_GROUP_USE, "clock of its memory"),
    [GPU_ENERGY] = SUM("energy", "uJ", GPU_GROUP_USE, "energy used since its driver was loaded"),
    [GPU_THROTTLE] = GAUGE("throttle_reasons", "mask", GPU_GROUP_USE,
                           "what holds its clocks down, bits as the driver has them"),
    [GPU_PCIE_RECEIVED] = GAUGE("pcie_received", "bytes/s", GPU_GROUP_LINK, "from the host"),
    [GPU_PCIE_SENT] = GAUGE("pcie_sent", "bytes/s", GPU_GROUP_LINK, "to the host"),
    [GPU_ECC_CORRECTED] = SUM("ecc_corrected", "count", GPU_GROUP_LINK,
                              "memory errors put right since its driver was loaded"),
    [GPU_ECC_UNCORRECTED] =
        SUM("ecc_uncorrected", "count", GPU_GROUP_LINK, "memory errors that were not"),
    [GPU_PROCESSES] = GAUGE("processes", "count", GPU_GROUP_PROCESSES,
                            "that have a context on it, recorded or not"),
    [GPU_TARGET_MEMORY] =
        GAUGE("target_memory", "bytes", GPU_GROUP_PROCESSES, "held by the recorded processes"),
    [GPU_UNMAPPED_MEMORY] = GAUGE("unmapped_memory", "bytes", GPU_GROUP_PROCESSES,
                                  "held by processes whose id means nothing here"),
};

static const struct metric cgroup_metrics[CGROUP_METRICS] = {
    [CGROUP_METRIC_MEMORY] = GAUGE(
        "memory", "bytes", 0, "charged to the group with the least limit, page cache included"),
    [CGROUP_METRIC_MEMORY_PEAK] =
        GAUGE("memory_peak", "bytes", 0, "the most of that since the group was made"),
    [CGROUP_METRIC_LIMIT_HITS] =
        SUM("limit_hits", "count", 0, "times that memory was to go over the limit"),
    [CGROUP_METRIC_OOMS] =
        SUM("ooms", "count", 0, "times that reclaiming did not bring it below the limit"),
    [CGROUP_METRIC_OOM_KILLS] =
        SUM("oom_kills", "count", 0, "processes of the group killed for want of memory"),
    [CGROUP_METRIC_PERIODS] =
        SUM("periods", "count", 0, "periods of the processor limit in which it ran"),
    [CGROUP_METRIC_THROTTLED_PERIODS] =
        SUM("throttled_periods", "count", 0, "of these, in which it used up its share"),
    [CGROUP_METRIC_THROTTLED] =
        SUM("throttled", "ns", 0, "time that it waited for its next share, of all processors"),
};

static const struct metric energy_metrics[ENERGY_METRICS] = {
    [ENERGY_METRIC_ENERGY] = SUM("energy", "uJ", 0, "energy used, by the processor's own count"),
};

static const struct kind_info kinds[ENTITY_KINDS] = {
    [ENTITY_PROCESS] = {"process", process_metrics, PROCESS_METRICS, PROCESS_GROUPS},
    [ENTITY_TREE] = {"tree", tree_metrics, TREE_METRICS, TREE_GROUPS},
    [ENTITY_RECORDER] = {"recorder", recorder_metrics, RECORDER_METRICS, 1},
    [ENTITY_MACHINE] = {"machine", machine_metrics, MACHINE_METRICS, MACHINE_GROUPS},
    [ENTITY_PROCESSOR] = {"processor", processor_metrics, PROCESSOR_METRICS, 1},
    [ENTITY_DISK] = {"disk", disk_metrics, DISK_METRICS, 1},
    [ENTITY_NETWORK] = {"network", network_metrics, NETWORK_METRICS, 1},
    [ENTITY_GPU] = {"gpu", gpu_metrics, GPU_METRICS, GPU_GROUPS},
    [ENTITY_CGROUP] = {"cgroup", cgroup_metrics, CGROUP_METRICS, 1},
    [ENTITY_ENERGY] = {"energy", energy_metrics, ENERGY_METRICS, 1},
};

const struct kind_info *kind_info(unsigned kind)
{
    return kind < ENTITY_KINDS && kinds[kind].name != NULL ? &kinds[kind] : NULL;
}

unsigned kind_after(unsigned kind)
{
    while (++kind < ENTITY_KINDS)
        if (kinds[kind].name != NULL)
            return kind;
    return 0;
}

uint64_t kind_group_mask(unsigned kind, unsigned group)
{
    const struct kind_info *info = kind_info(kind);
    uint64_t mask = 0;
    for (unsigned m = 0; info != NULL && m < info->metric_count; m++)
        if (info->metrics[m].group == group)
            mask |= UINT64_C(1) << m;
    return mask;
}

bool metric_changes_when_idle(const char *name)
{
    static const char *const names[] = {
        "rss",           "rss_anon",   "rss_file",   "rss_shmem",
        "swap",          "pss",        "uss",        "swap_pss",
        "tcp_listening", "ppid",       "status",     "tcp_established",
        "drm_engine",    "drm_memory", "gpu_memory", "gpu_utilization",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}
