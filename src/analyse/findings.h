/*
 * What is worth knowing first of a recording, each with the figures it rests on; report/findings_words
 * puts them into words. What is not known gives no finding. About 0.1 µs a process.
 */
#ifndef TACHO_ANALYSE_FINDINGS_H
#define TACHO_ANALYSE_FINDINGS_H

#include "analyse/scopes.h"
#include "analyse/summary.h"

enum finding_kind {
    FINDING_ROOT_FAILED, /* status */
    FINDING_UNFINISHED,  /* the recording ends without its end */
    FINDING_FAILED,      /* count of `of` processes; name: the program of most of them */
    FINDING_GROUP_OOM, /* count of the target's; of 1: at its limit, of_bytes; 0: the machine's memory */
    FINDING_OOM,       /* count of processes on this machine, killed for want of memory */
    FINDING_MEMORY_FULL,  /* bytes of of_bytes of the machine's memory were in use */
    FINDING_GROUP_MEMORY, /* bytes of of_bytes, its limit, were charged to the control group */
    FINDING_GPU_ERRORS,   /* count of memory errors of the GPU `name` */
    FINDING_SWAP,         /* bytes of the tree were swapped out at once */
    FINDING_IO_WAIT,      /* ns that processes waited for disks, a share of the wall time */
    FINDING_THROTTLED,    /* ns held back by the limit of cores, in share of the periods */
    FINDING_OTHERS,       /* cores that others used, of `of` processors */
    FINDING_GAPS,         /* count of gaps of ns in all, or, count 0, `of` skipped ticks */
    FINDING_GPU_HELD,  /* the clocks of the GPU `name` were held down for ns, share of the time */
    FINDING_GPU_IDLE,  /* the GPU `name` was in use for share of the time; bytes of it were held */
    FINDING_ONE_CORE,  /* share of the time with about one of `of` processors in use */
    FINDING_ALL_CORES, /* share of the time with nearly all of them */
    FINDING_WAITING,   /* cores in use on average: next to none */
    FINDING_SHORT,     /* count of `of` processes were short, and took share of the CPU */
    FINDING_MEMORY_OWNER, /* row had bytes of the peak's of_bytes */
    FINDING_CATEGORY,     /* name took share of the time of those that mark, ns of it */
    FINDING_KINDS
};

enum severity { SEVERITY_BAD, SEVERITY_WARNING, SEVERITY_NOTE };

struct finding {
    enum finding_kind kind;
    enum severity severity;
    uint64_t count, of, ns, bytes, of_bytes;
    double share, cores;
    const char *name; /* the recording's */
    size_t row;
    int status; /* as waitpid(2) */
};

/* One of each kind at most; the worst first, otherwise in the order of the kinds. */
struct findings {
    struct finding finding[FINDING_KINDS];
    size_t count;
};

/* `scopes` is NULL where nobody looked for them. 0 or -ENOMEM. */
int findings_make(const struct summary *summary, const struct scopes *scopes, struct findings *ret);

/* Processes of a shorter life are short: starting one costs about as much. */
#define FINDING_SHORT_NS UINT64_C(100000000)

#endif
