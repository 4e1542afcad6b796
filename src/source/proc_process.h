/*
 * What the kernel says of one process, a function per file. Costs are CPU time per call with kept
 * descriptors (Linux 6.18, 2 GHz). Each `*_parse` is the same without I/O, for fake texts and
 * fuzzing.
 */
#ifndef TACHO_SOURCE_PROC_PROCESS_H
#define TACHO_SOURCE_PROC_PROCESS_H

#include "source/process_files.h"

/*
 * CPU time of the whole thread group in nanoseconds, dead threads included, from the process's CPU
 * clock (clockid ~pid << 3 | 2, see clock_getcpuclockid(3)). No descriptor, no privilege; 0.25 µs.
 * Also reads zombies. -ESRCH when there is no process of that pid (also when it is a thread's id).
 */
int cpu_clock_read(pid_t pid, uint64_t *ret_ns);

/* /proc/PID/stat, proc_pid_stat(5). 1.9 µs. */
enum stat_field {
    STAT_USER,            /* ns, in steps of the kernel's tick */
    STAT_SYSTEM,          /* ns */
    STAT_CHILDREN_USER,   /* ns; of children that were waited for, with theirs */
    STAT_CHILDREN_SYSTEM, /* ns */
    STAT_MINOR_FAULTS,
    STAT_MAJOR_FAULTS,
    STAT_THREADS,
    STAT_STATE,      /* the letter: R S D Z T t X I … */
    STAT_PARENT_PID, /* changes when the parent ends */
    STAT_PROCESSOR,  /* where the main thread last ran */
    STAT_IOWAIT,     /* ns waited for block I/O; valid only with delay accounting on */
    STAT_VMS,        /* bytes */
    STAT_RSS,        /* bytes */
    STAT_FIELDS
};

#define COMM_CAP 64 /* kernel threads may show more than the 15 bytes of a program's */

struct proc_stat {
    uint64_t value[STAT_FIELDS];
    uint32_t valid;
    char comm[COMM_CAP]; /* as it is: any bytes but NUL */
    pid_t parent_pid, process_group, session;
    uint64_t start_ticks; /* since boot; with boot id and pid the process's identity */
    /*
     * Bottom of the main stack: another one means an exec. 0 unknown: only for those who may
     * ptrace.
     */
    uint64_t start_stack;
    uint32_t flags; /* PF_*; 0x00200000 is a kernel thread */
    int exit_code;  /* wait status as in waitpid(2), once it is a zombie and readable; else -1 */
};

/*
 * exit_code: Linux shows it (since 3.5) to those who may ptrace the process and 0 to others, so
 * that 0 is believed only where another file under the same check (ns/user, io) can be read: 3 µs
 * more, for zombies alone. -1 while other threads outlive the main one. `parse` alone gives what
 * the text says. Kernels before some column was added leave its field missing; the columns up to
 * the start time are required.
 */
int proc_stat_read(const struct source_root *root, struct process_files *files,
                   struct proc_stat *ret);
int proc_stat_parse(const struct source_root *root, const char *text, size_t n,
                    struct proc_stat *ret);

/* /proc/PID/statm. 0.7 µs. */
enum statm_field { STATM_VMS, STATM_RSS, STATM_FIELDS };
int proc_statm_read(const struct source_root *root, struct process_files *files,
                    uint64_t value[STATM_FIELDS], uint32_t *valid);
int proc_statm_parse(const struct source_root *root, const char *text, size_t n,
                     uint64_t value[STATM_FIELDS], uint32_t *valid);

/* /proc/PID/io. 0.8 to 1.4 µs; EACCES for another user's process. */
enum io_field {
    IO_READ_CHARS,
    IO_WRITE_CHARS,
    IO_READ_COUNT,
    IO_WRITE_COUNT,
    IO_READ_BYTES,
    IO_WRITE_BYTES,
    IO_FIELDS
};
int proc_io_read(const struct source_root *root, struct process_files *files,
                 uint64_t value[IO_FIELDS], uint32_t *valid);
int proc_io_parse(const char *text, size_t n, uint64_t value[IO_FIELDS], uint32_t *valid);

/*
 * /proc/PID/status. 4.7 µs. Kernel threads and zombies have no memory lines: those stay missing; so
 * do the parts of RSS before Linux 4.5. A text over 8 KB (a user in hundreds of groups) is read
 * again into memory allocated for the call.
 */
enum status_field {
    STATUS_RSS_ANON,             /* bytes */
    STATUS_RSS_FILE,             /* bytes */
    STATUS_RSS_SHMEM,            /* bytes */
    STATUS_SWAP,                 /* bytes */
    STATUS_PEAK_RSS,             /* bytes, VmHWM */
    STATUS_VOLUNTARY_SWITCHES,   /* of the main thread alone, see proc_threads_read */
    STATUS_INVOLUNTARY_SWITCHES, /* of the main thread alone */
    STATUS_FIELDS
};
int proc_status_read(const struct source_root *root, struct process_files *files,
                     uint64_t value[STATUS_FIELDS], uint32_t *valid);
int proc_status_parse(const char *text, size_t n, uint64_t value[STATUS_FIELDS], uint32_t *valid);

/* Also from status, read once per process: the thread group, the user, the innermost pid. 5 µs. */
struct proc_owner {
    pid_t thread_group; /* differs from the pid for a thread's id */
    pid_t inner_pid;    /* the last NSpid: the pid inside its own namespace; 0 unknown */
    uint32_t uid, euid;
};
int proc_owner_read(const struct source_root *root, struct process_files *files,
                    struct proc_owner *ret);
int proc_owner_parse(const char *text, size_t n, struct proc_owner *ret);

/*
 * Number of open descriptors: st_size of /proc/PID/fd since Linux 6.2 (0.8 µs, no privilege),
 * counted by listing before (EACCES for another user's process).
 */
int proc_open_fds(const struct source_root *root, struct process_files *files, uint64_t *ret);

/*
 * Where a process's open descriptors lead, in their order: "/dev/null", "socket:[123]", not terminated, cut
 * at 32 bytes; lent for the call. One that is closed meanwhile is left out. 2.3 µs a descriptor.
 */
struct link_listener {
    void (*each)(void *user, uint64_t fd, const char *target, size_t n);
    void *user;
};
int proc_links_each(const struct source_root *root, const struct process_files *files,
                    const struct link_listener *listener);

/*
 * /proc/PID/smaps_rollup. 23 µs for a small process, 11.7 ms for one with 2 GB resident, and it
 * walks the page table with the process's memory lock held: only for the slow schedule. Opens anew
 * each time. Since Linux 4.14, else -ENOENT; EACCES for another user's process. Kernel threads and
 * zombies have no memory: 0 without valid bits. USS is Private_Clean + Private_Dirty: huge pages of
 * hugetlbfs are in none of RSS, PSS and USS, so that USS <= PSS <= RSS.
 */
enum smaps_field { SMAPS_PSS, SMAPS_USS, SMAPS_SWAP_PSS, SMAPS_FIELDS };
int proc_smaps_read(const struct source_root *root, const struct process_files *files,
                    uint64_t value[SMAPS_FIELDS], uint32_t *valid);
int proc_smaps_parse(const char *text, size_t n, uint64_t value[SMAPS_FIELDS], uint32_t *valid);

/*
 * All threads of a process: on which processors they last ran, and their context switches summed
 * (of the threads alive now; one that ends during the call is left out). About 13 µs a thread: only
 * for the slow schedule. `ran_on` leaves out processors from PROCESSORS_MAX on.
 */
#define PROCESSORS_MAX 4096
struct thread_census {
    uint64_t threads;
    uint64_t voluntary_switches, involuntary_switches;
    uint64_t ran_on[PROCESSORS_MAX / 64]; /* bit p: some thread last ran on processor p */
};
int proc_threads_read(const struct source_root *root, const struct process_files *files,
                      struct thread_census *ret);

struct buffer;

/*
 * Texts of a process, appended to `ret` as raw bytes, at most `cap` of them (the rest is cut and
 * `*ret_cut`, when not NULL, set): the arguments, each ended by a NUL; where exe and cwd point.
 * An empty command line (kernel threads, zombies) appends nothing and returns 0. A cut one does not
 * end with a NUL. A link may lead nowhere (-ENOENT: kernel threads, zombies) or be kept from the
 * caller (-EACCES). On failure `ret` is as it was.
 */
int proc_arguments_read(const struct source_root *root, const struct process_files *files,
                        size_t cap, struct buffer *ret, bool *ret_cut);
int proc_link_read(const struct source_root *root, const struct process_files *files,
                   const char *name /* "exe", "cwd", "ns/net", … */, size_t cap,
                   struct buffer *ret);

/* ---- all processes ---- */

/* Calls `each` for every process below proc, pids ascending. 0.33 µs a process. 0 or -errno. */
int proc_scan(const struct source_root *root, void (*each)(void *user, pid_t pid), void *user);

/*
 * The pid that was given out last in the reader's pid namespace (processes and threads alike), the
 * last field of /proc/loadavg: a birth nobody else reports shows here. `fd` is a kept descriptor of
 * loadavg. 1.5 µs.
 */
int proc_last_pid(int fd, pid_t *ret);
int proc_last_pid_parse(const char *text, size_t n, pid_t *ret);

/* sys/kernel/pid_max, 0 when unknown. */
uint64_t proc_pid_max(const struct source_root *root);

#endif
