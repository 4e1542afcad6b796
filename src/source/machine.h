/*
 * What the kernel says of the whole machine. Kept descriptors, `pread`, no allocation while
 * reading.
 */
#ifndef TACHO_SOURCE_MACHINE_H
#define TACHO_SOURCE_MACHINE_H

#include "source/root.h"

/* /proc/stat: the machine's processor time by mode (ns), the same for each processor. */
enum cpu_field {
    CPU_USER, /* guest time taken out */
    CPU_NICE,
    CPU_SYSTEM,
    CPU_IDLE,
    CPU_IOWAIT,
    CPU_IRQ,
    CPU_SOFTIRQ,
    CPU_STEAL,
    CPU_GUEST, /* guest + guest_nice */
    CPU_FIELDS
};

/* /proc/stat's other lines, /proc/loadavg, /proc/uptime. */
enum kernel_field {
    KERNEL_SWITCHES,
    KERNEL_FORKS, /* processes and threads created since boot */
    KERNEL_RUNNING,
    KERNEL_BLOCKED,
    KERNEL_INTERRUPTS,
    KERNEL_LOAD1, /* in thousandths */
    KERNEL_LOAD5,
    KERNEL_LOAD15,
    KERNEL_UPTIME, /* ns */
    KERNEL_FIELDS
};

/* /proc/meminfo (bytes) and the paging lines of /proc/vmstat (counts, OOM kills). */
enum memory_field {
    MEMORY_TOTAL,
    MEMORY_AVAILABLE,
    MEMORY_FREE,
    MEMORY_BUFFERS,
    MEMORY_CACHED,
    MEMORY_SHMEM,
    MEMORY_DIRTY,
    MEMORY_SLAB,
    MEMORY_SWAP_TOTAL,
    MEMORY_SWAP_FREE,
    MEMORY_FIELDS
};
enum paging_field {
    PAGING_FAULTS,
    PAGING_MAJOR_FAULTS,
    PAGING_SWAPPED_IN,  /* pages */
    PAGING_SWAPPED_OUT, /* pages */
    PAGING_OOM_KILLS,
    PAGING_FIELDS
};

/* /proc/pressure/{cpu,memory,io}, stall time since boot, ns. Missing without CONFIG_PSI. */
enum pressure_field {
    PRESSURE_CPU_SOME,
    PRESSURE_MEMORY_SOME,
    PRESSURE_MEMORY_FULL,
    PRESSURE_IO_SOME,
    PRESSURE_IO_FULL,
    PRESSURE_FIELDS
};

/*
 * /proc/diskstats per device (whole disks: no partitions, no loop and ram devices that never did
 * I/O). Device-mapper and md devices stand beside the disks below them: a sum counts their I/O
 * twice.
 */
enum disk_field {
    DISK_READ_COUNT,
    DISK_READ_BYTES,
    DISK_WRITE_COUNT,
    DISK_WRITE_BYTES,
    DISK_BUSY, /* ns; the kernel counts ms in 32 bits, which wrap after 49 days */
    DISK_FIELDS
};

/* /proc/net/dev per interface, the loopback included. */
enum net_field {
    NET_RECEIVED_BYTES,
    NET_RECEIVED_PACKETS,
    NET_RECEIVED_ERRORS, /* errors + drops */
    NET_SENT_BYTES,
    NET_SENT_PACKETS,
    NET_SENT_ERRORS,
    NET_FIELDS
};

#define INSTANCE_NAME_CAP 32

/*
 * The descriptors and text buffer of the machine's files. `root` is borrowed until the free. 0 or
 * -errno; files that this kernel has not got are no error here. The buffer starts large enough for
 * /proc/stat as it is and later grows only when a read fills it, to 64 MiB at most; what is longer
 * is cut.
 */
struct machine_files;
int machine_files_new(const struct source_root *root, struct machine_files **ret);
void machine_files_free(struct machine_files *files);

/*
 * One call per instance (a processor, disk, interface); `name` is NUL-terminated, printable ASCII
 * (other bytes are shown as `?`) and, like `value`, lent for the call.
 */
typedef void machine_each(void *user, const char *name, const uint64_t *value, uint32_t valid);

/*
 * Each reads its files once: 0, or -errno with -ENOENT/-EOPNOTSUPP where this kernel has no such
 * file. Lines that are not as documented are passed over; -EPROTO when there is none that is, before
 * any call of `each`. Costs on 2 processors: cpu 9 µs with loadavg and uptime, memory 6, paging 18,
 * pressure 8, disks 10, net 6.
 */

/* Totals into `cpu` and `kernel`, and `each` (may be NULL) per processor, named "0", "1", … */
int machine_cpu_read(struct machine_files *files, uint64_t cpu[CPU_FIELDS], uint32_t *cpu_valid,
                     uint64_t kernel[KERNEL_FIELDS], uint32_t *kernel_valid, machine_each *each,
                     void *user);
int machine_memory_read(struct machine_files *files, uint64_t value[MEMORY_FIELDS],
                        uint32_t *valid);
int machine_paging_read(struct machine_files *files, uint64_t value[PAGING_FIELDS],
                        uint32_t *valid);
int machine_pressure_read(struct machine_files *files, uint64_t value[PRESSURE_FIELDS],
                          uint32_t *valid);
int machine_disks_read(struct machine_files *files, machine_each *each, void *user);
int machine_net_read(struct machine_files *files, machine_each *each, void *user);

/*
 * The same without I/O, a function per text. Disks come unfiltered. Load, uptime and pressure add
 * to what `*valid` has, the others set it.
 */
int machine_cpu_parse(const struct source_root *root, const char *text, size_t n,
                      uint64_t cpu[CPU_FIELDS], uint32_t *cpu_valid, uint64_t kernel[KERNEL_FIELDS],
                      uint32_t *kernel_valid, machine_each *each, void *user);
int machine_load_parse(const char *text, size_t n, uint64_t kernel[KERNEL_FIELDS], uint32_t *valid);
int machine_uptime_parse(const char *text, size_t n, uint64_t kernel[KERNEL_FIELDS],
                         uint32_t *valid);
int machine_memory_parse(const char *text, size_t n, uint64_t value[MEMORY_FIELDS],
                         uint32_t *valid);
int machine_paging_parse(const char *text, size_t n, uint64_t value[PAGING_FIELDS],
                         uint32_t *valid);

/* One pressure file: its lines "some" and "full" into these fields; PRESSURE_FIELDS for neither. */
int machine_pressure_parse(const char *text, size_t n, enum pressure_field some,
                           enum pressure_field full, uint64_t value[PRESSURE_FIELDS],
                           uint32_t *valid);
int machine_disks_parse(const char *text, size_t n, machine_each *each, void *user);
int machine_net_parse(const char *text, size_t n, machine_each *each, void *user);

#endif
