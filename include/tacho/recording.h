/*
 * tacho/recording.h: read recordings.
 *
 *     struct tacho_error error;
 *     struct tacho_recording *rec;
 *     if (tacho_recording_open("run.tacho", &rec, &error) != 0)
 *         errx(1, "%s", error.message);
 *     for (size_t i = 0; i < tacho_process_count(rec); i++)
 *         puts(tacho_process(rec, i)->comm);
 *     tacho_recording_close(rec);
 *
 * A recording may be read while it is being written (tacho_recording_refresh), and after its writer
 * was killed: what cannot be read is left out and counted in tacho_salvage. Any bytes whatever are
 * either read or refused with an error; nothing in a file makes these functions allocate more than
 * TACHO_RECORDING_MEMORY_RATIO times the file's size plus 32 MiB.
 *
 * Times are CLOCK_MONOTONIC nanoseconds of the recorded machine; tacho_real_ns turns them into wall
 * clock. Values are unsigned 64-bit in the metric's unit; counters are cumulative.
 *
 * A struct tacho_recording may be used by one thread at a time; different ones are independent.
 * Nothing here touches global state, so all of it is fork-safe. Pointers returned stay valid until
 * tacho_recording_refresh or tacho_recording_close unless said otherwise.
 */
#ifndef TACHO_RECORDING_H
#define TACHO_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define TACHO_READ_API __attribute__((visibility("default")))
#else
#define TACHO_READ_API
#endif

#define TACHO_RECORDING_MEMORY_RATIO 64

/* Why a call failed. `message` is one line for a person: what is wrong and where. */
struct tacho_error {
    int code;        /* negative errno */
    uint64_t offset; /* byte in the file, where that means something */
    char message[256];
};

struct tacho_recording;

/*
 * Opens `path` and reads all but the samples: facts, processes, what was lost. Costs about 0.5 µs a
 * process and one read per block. 0 or negative errno with `error` (may be NULL) filled in:
 * -ENOENT, -EACCES, … as open(2); -ENODATA empty; -EPROTO not a recording; -EPROTONOSUPPORT made by
 * a newer tacho, or compressed with a codec this build lacks.
 */
TACHO_READ_API int tacho_recording_open(const char *path, struct tacho_recording **ret,
                                        struct tacho_error *error);

/* The same from a descriptor, which is taken over on success. It must allow pread(2). */
TACHO_READ_API int tacho_recording_open_fd(int fd, struct tacho_recording **ret,
                                           struct tacho_error *error);

/* Takes in what was appended since. Number of new blocks, or negative errno. Invalidates pointers.
 */
TACHO_READ_API int tacho_recording_refresh(struct tacho_recording *rec, struct tacho_error *error);

/* NULL is allowed. */
TACHO_READ_API void tacho_recording_close(struct tacho_recording *rec);

/* What of the file could be read. */
struct tacho_salvage {
    uint64_t file_bytes;
    uint64_t read_bytes;     /* in valid blocks */
    uint64_t lost_bytes;     /* file_bytes - read_bytes */
    uint64_t lost_offset;    /* where the first lost byte lies; file_bytes if none */
    uint64_t lost_stretches; /* of lost bytes that are no torn tail */
    uint64_t missing_blocks; /* sequence numbers that never came */
    /* Samples and marks found corrupt by walks so far, and samples without their keyframe. */
    uint64_t undecodable_blocks;
    bool ended; /* the recorder closed the file properly */
};
TACHO_READ_API const struct tacho_salvage *tacho_recording_salvage(
    const struct tacho_recording *rec);

/* Blocks by type (1 journal, 2 processes, 3 overview, 4 marks; others are counted under 0). */
#define TACHO_BLOCK_TYPES 16
struct tacho_block_count {
    uint64_t blocks, raw_bytes, stored_bytes;
};
TACHO_READ_API const struct tacho_block_count *tacho_recording_blocks(
    const struct tacho_recording *rec, unsigned type);

/*
 * Facts of the session by key, see docs/FORMAT.md for the list: "command" (NUL-separated),
 * "hostname", "kernel", "boot_id", "interval_ns", "started_ns", "ended_ns", "follow", …. NULL /
 * false when unknown.
 */
TACHO_READ_API const char *tacho_fact_text(const struct tacho_recording *rec, const char *key,
                                           size_t *ret_bytes /* may be NULL */);
TACHO_READ_API bool tacho_fact_number(const struct tacho_recording *rec, const char *key,
                                      uint64_t *ret);
TACHO_READ_API size_t tacho_fact_count(const struct tacho_recording *rec);
/* The i-th in order of first appearance. *ret_text is NULL for numbers. Always terminated. */
TACHO_READ_API const char *tacho_fact(const struct tacho_recording *rec, size_t i,
                                      const char **ret_text, size_t *ret_bytes,
                                      uint64_t *ret_number);

/* Wall clock (ns since the epoch) of a moment, by the anchor before it. 0 without anchors. */
TACHO_READ_API uint64_t tacho_real_ns(const struct tacho_recording *rec, uint64_t mono_ns);

/* First and last moment of which the recording knows anything. */
TACHO_READ_API uint64_t tacho_first_ns(const struct tacho_recording *rec);
TACHO_READ_API uint64_t tacho_last_ns(const struct tacho_recording *rec);

/* ---- metrics ---- */

enum tacho_kind {
    TACHO_PROCESS = 1,
    TACHO_TREE = 2,
    TACHO_RECORDER = 3,
    TACHO_MACHINE = 4,
    TACHO_PROCESSOR = 5,
    TACHO_DISK = 6,
    TACHO_NETWORK = 7,
    TACHO_GPU = 8,
    TACHO_CGROUP = 16,
    TACHO_ENERGY = 17
};

struct tacho_metric {
    const char *name; /* psutil's where it has one; docs/METRICS.md lists all */
    const char *unit; /* "ns", "bytes", "count", … */
    bool cumulative;
    unsigned group; /* metrics of a group were sampled together */
};

/* Metrics of a kind have positions 0 to count - 1, at most 64. They are those of the file, not of
 * this build. */
TACHO_READ_API unsigned tacho_metric_count(const struct tacho_recording *rec, unsigned kind);
TACHO_READ_API const struct tacho_metric *tacho_metric(const struct tacho_recording *rec,
                                                       unsigned kind, unsigned position);
/* Position of a metric by name, -1 when this recording has none of that name. */
TACHO_READ_API int tacho_metric_find(const struct tacho_recording *rec, unsigned kind,
                                     const char *name);

/* ---- entities ---- */

/* Anything with series. Processes are entities too. */
struct tacho_entity {
    uint32_t id;
    unsigned kind;
    const char *name; /* "0", "sda", "eth0"; empty for the tree, the machine, and processes */
};
TACHO_READ_API size_t tacho_entity_count(const struct tacho_recording *rec);
TACHO_READ_API const struct tacho_entity *tacho_entity(const struct tacho_recording *rec, size_t i);
/* The first of a kind, 0 when there is none: for the tree, the recorder, the machine. */
TACHO_READ_API uint32_t tacho_entity_first(const struct tacho_recording *rec, unsigned kind);

#define TACHO_PROCESS_ROOT 1   /* launched, or named with -p */
#define TACHO_PROCESS_FORKED 2 /* began while it was recorded */
#define TACHO_PROCESS_ARGV_CUT 4
#define TACHO_PROCESS_ENDED 8    /* end_ns is known */
#define TACHO_PROCESS_STATUS 16  /* wait_status is known */
#define TACHO_PROCESS_RUSAGE 32  /* exact is known */
#define TACHO_PROCESS_ACCOUNT 64 /* account is known, as far as its own bits say */

/* Bits of tacho_account.known. */
#define TACHO_ACCOUNT_CPU 1
#define TACHO_ACCOUNT_SPLIT 2    /* user_ns, system_ns: cpu_ns divided as the kernel's ticks fell */
#define TACHO_ACCOUNT_CHILDREN 4 /* children_*_ns: of those it waited for, and theirs */
#define TACHO_ACCOUNT_PEAK_RSS 8 /* of the last program it was */
#define TACHO_ACCOUNT_FAULTS 16
#define TACHO_ACCOUNT_SWITCHES 32
#define TACHO_ACCOUNT_IO 64 /* with that of children it waited for, as /proc/PID/io has it */
#define TACHO_ACCOUNT_EARLY \
    128 /* taken as it began to exit: the last of its CPU is missing, and no account is exact */

#define TACHO_TIME_UNKNOWN UINT64_MAX

struct tacho_process {
    uint32_t entity;
    uint32_t parent_entity; /* 0: not recorded */
    uint32_t flags;
    int pid, inner_pid, parent_pid, process_group, session;
    uint32_t uid;
    uint64_t start_ns;      /* mono; may lie before the recording; in steps of the kernel's tick */
    uint64_t start_real_ns; /* since the epoch, 0 unknown */
    uint64_t seen_ns;       /* first seen */
    uint64_t end_ns;        /* found to have ended, TACHO_TIME_UNKNOWN */
    int wait_status;        /* as waitpid(2) */
    unsigned execs;
    const char *comm, *exe, *cwd; /* any bytes, terminated; of the last exec */
    const char *argv;             /* arguments, each ended by NUL */
    size_t argv_bytes;
    struct tacho_rusage { /* the kernel's final account, with TACHO_PROCESS_RUSAGE; includes reaped
                             children */
        uint64_t user_ns, system_ns, peak_rss_bytes, minor_faults, major_faults, read_blocks,
            write_blocks, voluntary_switches, involuntary_switches;
    } exact;
    struct tacho_account { /* the kernel's, of this process from its birth on, with
                              TACHO_PROCESS_ACCOUNT */
        uint64_t known;    /* TACHO_ACCOUNT_* */
        uint64_t cpu_ns, user_ns, system_ns, children_user_ns, children_system_ns;
        uint64_t peak_rss_bytes, minor_faults, major_faults;
        uint64_t voluntary_switches, involuntary_switches;
        uint64_t read_chars, write_chars, read_count, write_count, read_bytes, write_bytes;
    } account;
};

/* Whether the kernel told at its end what it used: by an account that is not early, or by wait4. */
static inline bool tacho_process_is_exact(const struct tacho_process *p)
{
    return (p->flags & TACHO_PROCESS_RUSAGE) != 0 ||
           ((p->flags & TACHO_PROCESS_ACCOUNT) != 0 &&
            (p->account.known & TACHO_ACCOUNT_CPU) != 0 &&
            (p->account.known & TACHO_ACCOUNT_EARLY) == 0);
}

/* In the order in which they were first seen. */
TACHO_READ_API size_t tacho_process_count(const struct tacho_recording *rec);
TACHO_READ_API const struct tacho_process *tacho_process(const struct tacho_recording *rec,
                                                         size_t i);
/* By entity id; NULL for none. */
TACHO_READ_API const struct tacho_process *tacho_process_of(const struct tacho_recording *rec,
                                                            uint32_t entity);

/* ---- what went on, in the order of the file ---- */

enum tacho_happening_type {
    TACHO_BORN,  /* entity */
    TACHO_EXEC,  /* entity; text: the new command line, blanks between */
    TACHO_ENDED, /* entity */
    TACHO_LATE,  /* a tick came a late_ns too late; b ticks were skipped */
    TACHO_GAP,   /* nothing recorded from time_ns to a; b: errno */
    TACHO_NOTE   /* text: the recorder's words */
};

struct tacho_happening {
    enum tacho_happening_type type;
    uint32_t entity;
    uint64_t time_ns, a, b;
    const char *text; /* NULL where there is none */
};
TACHO_READ_API size_t tacho_happening_count(const struct tacho_recording *rec);
TACHO_READ_API const struct tacho_happening *tacho_happening(const struct tacho_recording *rec,
                                                             size_t i);

/* Values that could not be had, by kind, group and cause. */
struct tacho_missing {
    unsigned kind, group;
    int error; /* errno, positive */
    uint64_t count;
};
TACHO_READ_API size_t tacho_missing_count(const struct tacho_recording *rec);
TACHO_READ_API const struct tacho_missing *tacho_missing(const struct tacho_recording *rec,
                                                         size_t i);

/* ---- samples ---- */

/*
 * What was seen of one entity at one tick. `value[i]` is valid where `known` has bit i; `fresh`
 * says which were sampled at this tick, the others are carried from before. With `idle` the process
 * did not run since the tick before: values that are not fresh are known to be unchanged, but for
 * what others can change (memory, connections, the parent) and what is read seldom (peak_rss,
 * switches, descriptors, processors).
 */
struct tacho_sample {
    uint64_t time_ns;
    uint64_t tick; /* counts ticks met by this walk, from 0 */
    uint32_t entity;
    unsigned kind;
    bool idle;
    uint64_t known, fresh;
    const uint64_t *value; /* until the next call */
};

struct tacho_walk;

/*
 * Walks samples in order of time from `from_ns` to `to_ns` inclusive (0 and UINT64_MAX: all), for
 * the kinds whose bit (1 << kind) is in `kinds`. At one tick: entities other than processes first,
 * then processes by id. Blocks without a wanted kind are not read. Several walks may be open at
 * once. 0 or negative errno.
 */
TACHO_READ_API int tacho_walk_open(struct tacho_recording *rec, uint64_t from_ns, uint64_t to_ns,
                                   unsigned kinds, struct tacho_walk **ret);
/* 1, 0 at the end, or negative errno (-EIO). Corrupt blocks are skipped and counted in salvage. */
TACHO_READ_API int tacho_walk_next(struct tacho_walk *walk, struct tacho_sample *ret);
TACHO_READ_API void tacho_walk_close(struct tacho_walk *walk);

/* One metric of one entity over time: the ticks at which it was sampled, or known to be unchanged.
 */
struct tacho_series {
    size_t count;
    uint64_t *time_ns; /* owned; freed by tacho_series_done */
    uint64_t *value;
};
/* 0; -ENOENT for an unknown entity or position; -ENOMEM; -EIO. */
TACHO_READ_API int tacho_series_read(struct tacho_recording *rec, uint32_t entity,
                                     unsigned position, uint64_t from_ns, uint64_t to_ns,
                                     struct tacho_series *ret);
TACHO_READ_API void tacho_series_done(struct tacho_series *series);

/*
 * The largest sampled value of a gauge and when. For kinds other than TACHO_PROCESS the samples of
 * processes are not read. 0, -ENODATA when it was never sampled, or as tacho_series_read.
 */
TACHO_READ_API int tacho_peak(struct tacho_recording *rec, uint32_t entity, unsigned position,
                              uint64_t *ret_value, uint64_t *ret_time_ns);

/* ---- marks: what the code said of itself ---- */

/*
 * A name of scopes, or of a counter. Sites with the same name and category are one, in all
 * processes. Any bytes, terminated; the category is "" where the code gave none.
 */
struct tacho_site {
    uint32_t id;
    const char *name, *category;
};
TACHO_READ_API size_t tacho_site_count(const struct tacho_recording *rec);
TACHO_READ_API const struct tacho_site *tacho_site(const struct tacho_recording *rec, size_t i);
/* By id; NULL for none: the record that told of it is lost. */
TACHO_READ_API const struct tacho_site *tacho_site_of(const struct tacho_recording *rec,
                                                      uint32_t id);

/*
 * Sites of functions that were compiled with -finstrument-functions say where their names are found, as
 * `@0x1139 6f0c2b1d94a35e77 /usr/bin/prog` (docs/FUNCTIONS.md). This opens these modules, here on this
 * machine, and names the sites after the functions; `prog+0x1139` where the module is gone, of another
 * build, or without symbols. Of several with one name each is told apart, as `name (prog+0x1139)`. C++
 * names stay mangled. Again after tacho_recording_refresh.
 *
 * Where there are no such sites nothing is opened. About 10 ns for each symbol of the modules. 0,
 * -ENOMEM, or -E2BIG: the recording has used up its memory.
 */
TACHO_READ_API int tacho_name_functions(struct tacho_recording *rec);

/* A thread that marked. */
struct tacho_marking_thread {
    uint32_t id;     /* of the whole recording, never used twice */
    uint32_t entity; /* its process; that may be unknown to the recording */
    int tid;
    uint64_t begin_ns; /* when it was first heard of, or TACHO_TIME_UNKNOWN */
    uint64_t end_ns;   /* or TACHO_TIME_UNKNOWN: scopes that are open then end then */
    const char *name;  /* any bytes; "" where none was told */
};
TACHO_READ_API size_t tacho_marking_thread_count(const struct tacho_recording *rec);
TACHO_READ_API const struct tacho_marking_thread *tacho_marking_thread(
    const struct tacho_recording *rec, size_t i);
/* By id; NULL for none. */
TACHO_READ_API const struct tacho_marking_thread *tacho_marking_thread_of(
    const struct tacho_recording *rec, uint32_t id);

/* A message of the code at one moment, in the order of the file. */
struct tacho_label {
    uint32_t entity; /* the process that said it; 0: none that is recorded */
    uint32_t thread; /* 0: no marking thread */
    uint64_t time_ns;
    const char *text; /* any bytes */
};
TACHO_READ_API size_t tacho_label_count(const struct tacho_recording *rec);
TACHO_READ_API const struct tacho_label *tacho_label_at(const struct tacho_recording *rec,
                                                        size_t i);

/* Scopes that were only counted, since there was no room for their begins and ends. */
struct tacho_total {
    uint32_t entity, site;
    uint64_t count, total_ns;
};
TACHO_READ_API size_t tacho_total_count(const struct tacho_recording *rec);
TACHO_READ_API const struct tacho_total *tacho_total(const struct tacho_recording *rec, size_t i);

/* What the recorder says of marks that it could not keep as they came. */
struct tacho_lost_marks {
    uint32_t entity;     /* 0 in the sum */
    uint64_t scopes;     /* that are in the totals only */
    uint64_t others;     /* labels and values of counters that were dropped */
    uint64_t unbalanced; /* ends without a begin, as far as the recorder saw them */
};
/* Of a process, by entity: NULL where nothing was said. Entity 0: the sum over all, never NULL. */
TACHO_READ_API const struct tacho_lost_marks *tacho_lost_marks(const struct tacho_recording *rec,
                                                               uint32_t entity);

enum tacho_mark_kind {
    TACHO_MARK_BEGIN,  /* of a scope of the site */
    TACHO_MARK_END,    /* of the innermost open scope of the site; without one, of any */
    TACHO_MARK_COUNTER /* the site's value from now on */
};

struct tacho_mark {
    uint64_t time_ns; /* not before the thread's mark before it */
    uint64_t cpu_ns;  /* BEGIN, END: the thread's CPU clock, or TACHO_TIME_UNKNOWN */
    double value;     /* COUNTER */
    uint32_t thread;  /* id */
    uint32_t site;    /* id; 0 in ends that name none */
    uint32_t block;   /* counts the blocks met by this walk, from 0 */
    enum tacho_mark_kind kind;
};

struct tacho_marks;

/*
 * Walks all marks. Those of one thread come in order of time; threads come by turns, some marks of
 * each, block by block of the file: all marks of a block were made at about the same time (a
 * second). What stands twice in the file comes once. Several walks may be open at once; one takes 6
 * MiB, a block of the file, and 16 bytes a thread. 0 or negative errno.
 */
TACHO_READ_API int tacho_marks_open(struct tacho_recording *rec, struct tacho_marks **ret);
/*
 * 1, 0 at the end, or negative errno (-EIO and the like). Corrupt blocks are skipped and counted in
 * salvage. About 15 ns.
 */
TACHO_READ_API int tacho_marks_next(struct tacho_marks *walk, struct tacho_mark *ret);
/*
 * How many marks are missing, so far: a thread's next one has a higher number than it should. Marks
 * that are missing at the end of a thread are not known of.
 */
TACHO_READ_API uint64_t tacho_marks_missing(const struct tacho_marks *walk);
/* NULL is allowed. */
TACHO_READ_API void tacho_marks_close(struct tacho_marks *walk);

#ifdef __cplusplus
}
#endif

#endif
