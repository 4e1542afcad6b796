/*
 * A recording in figures: what the whole cost, and what each process did. Made in one pass over the
 * samples of processes, the tree, the recorder and the machine (about 0.2 s per million samples);
 * memory is 100 bytes a process, 300 more for each that was sampled, and up to 24 MB for time lines.
 *
 * Unknown is SUMMARY_UNKNOWN, or NAN where a figure is a double: never 0.
 */
#ifndef TACHO_ANALYSE_SUMMARY_H
#define TACHO_ANALYSE_SUMMARY_H

#include <tacho/recording.h>

#include "analyse/energy.h"
#include "analyse/gpus.h"
#include "analyse/granted.h"
#include "analyse/scope_usage.h"
#include "analyse/scopes.h"
#include "analyse/timeline.h"
#include "base/map.h"
#include "format/metric.h"

#define SUMMARY_UNKNOWN UINT64_MAX
#define SUMMARY_NOBODY SIZE_MAX

/* What is known of one process, in the order of tacho_process(). */
struct process_row {
    uint64_t first_ns, last_ns; /* of its samples; UNKNOWN: it was never sampled */
    uint64_t cpu_ns;            /* its own, without children, while it was recorded; UNKNOWN */
    bool cpu_exact;             /* from the kernel's final account, not from the last sample */
    bool has_children;          /* that were recorded */
    uint64_t unseen_ns;         /* CPU it was handed of children nobody saw */
    uint64_t read_bytes, write_bytes; /* without that of children that were seen */
    uint64_t first_peak_rss_bytes;    /* the kernel's peak when it was first sampled */
    uint64_t largest_rss_ns;          /* when its largest RSS was sampled; UNKNOWN */
    uint64_t known;                   /* bit m: value[m] is valid */
    uint64_t
        *value; /* by enum process_metric: the last of a counter, the largest of a gauge; NULL */
};

enum summary_io {
    SUMMARY_READ_CHARS,
    SUMMARY_WRITE_CHARS,
    SUMMARY_READ_COUNT,
    SUMMARY_WRITE_COUNT,
    SUMMARY_READ_BYTES,
    SUMMARY_WRITE_BYTES,
    SUMMARY_IOS
};

struct summary {
    struct tacho_recording *rec; /* borrowed: the summary's texts are the recording's */

    /* The session. Texts are NULL when unknown. */
    const char *command; /* arguments, each ended by NUL */
    size_t command_bytes;
    const char *host, *follow, *target /* launch, attach, machine */, *end_reason;
    bool of_machine;                      /* and of no process: recorded with -a, or logged so */
    bool waited_for_root;                 /* and not for all descendants */
    bool ended;                           /* the recorder closed the recording */
    uint64_t started_ns, started_real_ns; /* mono; since the epoch */
    uint64_t wall_ns, interval_ns;
    uint64_t root_status;                    /* as waitpid(2) of a launched root; UNKNOWN */
    uint64_t processors, memory_total_bytes; /* of the machine; online */

    struct {
        uint64_t user_ns, system_ns, total_ns;
        bool exact; /* the kernel's account of a tree that has ended; else sums of samples */
        double mean_cores, peak_cores;
        uint64_t peak_window_ns; /* over which the peak is a mean */
    } cpu;

    struct {
        uint64_t peak_rss_bytes, peak_pss_bytes;
        bool peak_from_kernel;    /* of one process; else the sampled sum of all */
        uint64_t peak_after_ns;   /* since the start; UNKNOWN for the kernel's */
        size_t owner;             /* row, or SUMMARY_NOBODY */
        uint64_t owner_rss_bytes; /* at that moment */
        /*
         * A moment of the recording's clock that is as near to the peak as is known: the tick of the
         * sampled sum, or where the peak is the kernel's, that of the owner's largest sample;
         * UNKNOWN. And what was sampled of the owner then.
         */
        uint64_t seen_ns, seen_rss_bytes;
    } memory;

    uint64_t io[SUMMARY_IOS];

    struct {
        /*
         * exact: the kernel told what it used; sampled: known as far as we looked; missed: what it
         * used is not known, be it that it was not seen at all (unseen) or only its birth and end.
         */
        uint64_t total, exact, sampled, missed, unseen, failed, peak_concurrent;
        bool missed_is_bound; /* at most so many */
        uint64_t alive;       /* not known to have ended */
    } processes;
    uint64_t threads_peak, tcp_peak;
    uint64_t drm_engine_ns; /* of GPUs' engines, of all processes; UNKNOWN: nobody's is known */
    uint64_t drm_peak_memory_bytes; /* the most that one process held */

    struct {
        uint64_t accounted_ns,
            unaccounted_ns; /* CPU that is, and is not, some seen process's own */
        uint64_t ticks, late_ticks, skipped_ticks, gaps, gap_ns;
        uint64_t lost_events, resyncs; /* of the kernel's, when following by them */
        uint64_t lost_marks;    /* that the recorder could not keep; UNKNOWN where nobody marked */
        uint64_t task_clock_ns; /* the tree's CPU by another counter of the kernel's; UNKNOWN */
    } completeness;

    struct {
        uint64_t cpu_ns, peak_rss_bytes, bytes_written;
    } recorder;

    /* The machine as a whole, others' use included. */
    struct {
        uint64_t busy_ns, span_ns; /* processor time in use; how long was watched */
        double peak_cores;
        uint64_t peak_used_bytes; /* total less available memory */
        uint64_t oom_kills;       /* meanwhile */
    } machine;

    struct granted granted;
    struct energy_use energy;
    struct gpus gpus; /* none where none were recorded */

    struct process_row *rows;
    size_t row_count;
    struct map row_of; /* entity -> row + 1 */
    uint64_t *value_pool;

    struct usage usage; /* of processes that mark, over time */

    struct timeline cpu_line;   /* ns of CPU, of the tree or, without one, of the machine */
    struct gauge_line rss_line; /* bytes, likewise */
};

/*
 * 0, -ENOMEM, or -EIO. What cannot be decoded is left out and counted in tacho_recording_salvage.
 * `rec` must outlive the summary.
 */
int summary_make(struct tacho_recording *rec, struct summary *ret);
void summary_done(struct summary *summary);

/*
 * A second pass, over the marks: what was marked, with what the owner of the memory's peak was doing
 * at memory.seen_ns. As scopes_make.
 */
int summary_make_scopes(const struct summary *summary, struct scopes *ret);

/* Until when its time lines go: the end, or the last moment of which the recording knows. */
uint64_t summary_last_ns(const struct summary *summary);

/* The row of an entity, NULL for none. */
struct process_row *summary_row_of(const struct summary *summary, uint32_t entity);

/* Whether the kernel's account of a process has these fields, TACHO_ACCOUNT_*. */
static inline bool account_has(const struct tacho_process *process, uint64_t fields)
{
    return (process->flags & TACHO_PROCESS_ACCOUNT) != 0 &&
           (process->account.known & fields) == fields;
}

/* Whether a process is known to have failed: an exit code other than 0, or a signal. */
bool process_failed(const struct tacho_process *process);

#endif
