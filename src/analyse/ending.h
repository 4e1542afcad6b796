/*
 * Why the launched command ended as it did: what its status says, and what else was recorded. Not the
 * truth in all cases: nobody tells who sent a signal. docs/SUMMARY.md has the rules.
 */
#ifndef TACHO_ANALYSE_ENDING_H
#define TACHO_ANALYSE_ENDING_H

#include "analyse/summary.h"

enum ending_reason {
    ENDING_UNKNOWN,     /* its end was not recorded */
    ENDING_SUCCESS,     /* exit 0 */
    ENDING_ERROR,       /* another exit code */
    ENDING_SIGNAL,      /* and nothing more is known */
    ENDING_CGROUP_OOM,  /* the memory limit of the control group */
    ENDING_MACHINE_OOM, /* the machine's memory */
    ENDING_CPU_LIMIT,   /* RLIMIT_CPU */
    ENDING_FILE_LIMIT,  /* RLIMIT_FSIZE */
    ENDING_TIME_LIMIT,  /* the batch system's */
};

struct ending {
    enum ending_reason reason;
    int signal; /* that killed the root, or one below it for which a shell says 128 + n; 0 none */
    size_t row; /* the process it killed, SUMMARY_NOBODY */
};

/* About 10 ns a process where a signal killed. */
struct ending ending_of(const struct summary *summary);

/* "cgroup_oom", …; NULL for ENDING_UNKNOWN. */
const char *ending_reason_name(enum ending_reason reason);

#endif
