/*
 * What the kernel's side of following (events.bpf.c) puts into the ring, and follow_bpf.c takes out.
 * Both are built together: the layout is nobody else's. Also included by BPF code: no other headers.
 *
 * Pids are those of the recorder's pid namespace.
 */
#ifndef TACHO_FOLLOW_BPF_EVENTS_H
#define TACHO_FOLLOW_BPF_EVENTS_H

#define EVENT_COMM_CAP 16
#define EVENT_EXE_CAP 256    /* a power of two; a longer name is cut */
#define EVENT_ARGV_CAP 4096  /* a power of two: of the command line in one event */
#define EVENT_ARGV_PARTS 512 /* so that 2 MiB of it are taken: what the kernel itself allows */

/* What the kernel's side keeps of each process that belongs. */
struct member {
    unsigned pid, id; /* id: 0 until it has ended */
    unsigned long long
        peak_before; /* pages: of the programs this process was before its last exec */
    unsigned long long peak_rss_bytes; /* once it has ended; 0 unknown */
    unsigned long long start_boot_ns;  /* its own: places are used again */
};

enum event_type {
    EVENT_BIRTH = 1,
    EVENT_EXEC = 2,   /* with the first part of the command line */
    EVENT_ARGV = 3,   /* more of it, in order */
    EVENT_EXIT = 4,   /* its last thread has begun to exit */
    EVENT_ACCOUNT = 5 /* it is gone and all it used is known: a grace period after it was reaped */
};

#define EVENT_NO_ARGV 1 /* the command line could not be read */

struct event {
    unsigned short type, flags;
    unsigned pid;
    unsigned long long time_ns; /* CLOCK_MONOTONIC */
};

struct event_birth {
    struct event event;
    unsigned parent_pid, process_group, session, inner_pid, uid, unused;
    unsigned long long start_boot_ns;
    char comm[EVENT_COMM_CAP];
};

struct event_exec {
    struct event event;
    unsigned argv_bytes; /* of the whole command line */
    unsigned exe_bytes;  /* in `bytes`, before the command line */
    char comm[EVENT_COMM_CAP];
    char bytes[EVENT_EXE_CAP + EVENT_ARGV_CAP]; /* as many as are used */
};
#define EVENT_EXEC_HEAD (sizeof(struct event) + 2 * sizeof(unsigned) + EVENT_COMM_CAP)

struct event_argv {
    struct event event;
    char bytes[EVENT_ARGV_CAP];
};

struct event_exit {
    struct event event;
    unsigned long long start_boot_ns;
    unsigned long long cpu_ns, peak_rss_bytes; /* so far; 0 unknown */
    unsigned id;                               /* ties the account to it; never 0 */
    unsigned parent_pid;
    int status; /* as waitpid(2) gives it */
    unsigned unused;
    char comm[EVENT_COMM_CAP];
};

struct event_account {
    struct event event;
    unsigned id, unused;
    unsigned long long cpu_ns;
    unsigned long long user_ns, system_ns; /* by the kernel's ticks: only their ratio counts */
    unsigned long long children_user_ns, children_system_ns;
    unsigned long long peak_rss_bytes; /* 0 unknown */
    unsigned long long minor_faults, major_faults, voluntary_switches, involuntary_switches;
    unsigned long long read_chars, write_chars, read_count, write_count, read_bytes, write_bytes;
};

#endif
