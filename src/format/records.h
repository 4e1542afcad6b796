/*
 * Records: what a journal block holds, one after another. Each is type (varint), length of the rest
 * (varint), and fields in the order of the structs below: numbers as varints, texts as length
 * (varint) and bytes. A reader skips types it does not know and ignores bytes after the fields it
 * knows, so fields are added only at the end.
 */
#ifndef TACHO_FORMAT_RECORDS_H
#define TACHO_FORMAT_RECORDS_H

#include "format/varint.h"

enum record_type {
    RECORD_FACT = 1,   /* something about the session; a later one of the same key replaces it */
    RECORD_METRIC = 2, /* the catalogue of this recording */
    RECORD_ENTITY = 3, /* an entity that is no process */
    RECORD_BIRTH = 4,  /* a process */
    RECORD_EXEC = 5,
    RECORD_EXIT = 6,
    RECORD_ANCHOR = 7,   /* the same moment on three clocks */
    RECORD_LATE = 8,     /* a tick came late or was skipped */
    RECORD_GAP = 9,      /* nothing could be written for a while */
    RECORD_MISSING = 10, /* how often values were missing for one cause, so far */
    RECORD_NOTE = 11,    /* the recorder's own words */
    RECORD_LOOK = 12,    /* what the first look at a process found, whose birth an event had told */
    RECORD_ACCOUNT = 13, /* the kernel's account of a process that has ended */
    RECORD_SITE = 14,    /* a name that the code gave: of scopes, or of a counter */
    RECORD_THREAD = 15,  /* a thread that marks, or what became known of it */
    RECORD_LABEL = 16,   /* a message of the code */
    RECORD_TOTAL = 17,   /* scopes that were counted, but not kept one by one */
    RECORD_LOST = 18,    /* marks of a process that mean nothing, or that there was no room for */
};

/* Borrowed bytes, not terminated. */
struct span {
    const uint8_t *bytes;
    size_t n;
};

enum fact_type { FACT_NUMBER = 0, FACT_TEXT = 1 };

struct record_fact {
    struct span key;
    uint64_t type;
    uint64_t number;  /* FACT_NUMBER */
    struct span text; /* FACT_TEXT; lists are NUL-separated */
};

struct record_metric {
    uint64_t kind, position, group, cumulative;
    struct span name, unit;
};

struct record_entity {
    uint64_t entity, kind, time_ns;
    struct span name;
};

#define BIRTH_ROOT 1     /* launched, or named with -p */
#define BIRTH_FORKED 2   /* began while we recorded: the recording has its whole life */
#define BIRTH_ARGV_CUT 4 /* the command line was longer than is kept */
#define BIRTH_INHERITS 8 /* just forked: texts that are empty here are those of its parent */

struct record_birth {
    uint64_t entity, time_ns; /* when it was first seen, or told of by the kernel */
    uint64_t pid, inner_pid, parent_entity, parent_pid, process_group, session, uid;
    uint64_t start_boot_ns; /* CLOCK_BOOTTIME, in steps of the kernel's tick */
    uint64_t flags;
    struct span comm, exe, cwd, argv; /* argv: each argument ended by NUL */
};

/* Texts that are empty and numbers that are 0 (uid: UINT32_MAX) were not found out. */
struct record_look {
    uint64_t entity, flags; /* BIRTH_ARGV_CUT */
    uint64_t inner_pid, process_group, session, uid;
    struct span comm, exe, cwd, argv;
};

struct record_exec {
    uint64_t entity, time_ns, flags;
    struct span comm, exe, argv;
};

#define EXIT_STATUS 1 /* `status` is known */
#define EXIT_RUSAGE 2 /* the rusage fields are: the kernel's final account (wait4) */

struct record_exit {
    uint64_t entity, time_ns, flags;
    uint64_t status; /* as waitpid(2) gives it */
    uint64_t user_ns, system_ns, peak_rss_bytes, minor_faults, major_faults;
    uint64_t read_blocks, write_blocks; /* of 512 bytes */
    uint64_t voluntary_switches, involuntary_switches;
};

/* Which fields of an account are known. */
#define ACCOUNT_CPU 1      /* cpu_ns, of all its threads and nobody else */
#define ACCOUNT_SPLIT 2    /* user_ns, system_ns: cpu_ns divided as the kernel's ticks fell */
#define ACCOUNT_CHILDREN 4 /* children_*: of those it waited for, and theirs */
#define ACCOUNT_PEAK_RSS 8
#define ACCOUNT_FAULTS 16
#define ACCOUNT_SWITCHES 32
#define ACCOUNT_IO 64 /* with that of children it waited for, as in /proc/PID/io */
/* Taken as it began to exit: the CPU of its last slice and of taking it down is missing. */
#define ACCOUNT_EARLY 128

struct record_account {
    uint64_t entity, known; /* ACCOUNT_* */
    uint64_t cpu_ns, user_ns, system_ns, children_user_ns, children_system_ns;
    uint64_t peak_rss_bytes, minor_faults, major_faults;
    uint64_t voluntary_switches, involuntary_switches;
    uint64_t read_chars, write_chars, read_count, write_count, read_bytes, write_bytes;
};

struct record_anchor {
    uint64_t mono_ns, real_ns, boot_ns;
};

struct record_late {
    uint64_t time_ns, late_ns, skipped;
};

struct record_gap {
    uint64_t from_ns, to_ns, error; /* errno, positive */
};

struct record_missing {
    uint64_t kind, group, error, count;
};

struct record_note {
    uint64_t time_ns;
    struct span text;
};

/* Sites of the same name and category are one, in all processes. Ids from 1, before their first use. */
struct record_site {
    uint64_t site;
    struct span name, category; /* category: empty when the code gave none */
};

#define THREAD_ENDED 1 /* at time_ns: scopes that are open end there */

/* Later ones of the same thread add what they know: a name, its end. */
struct record_thread {
    uint64_t thread; /* from 1, of the whole recording, never used twice */
    uint64_t entity, tid, time_ns, flags;
    struct span name; /* empty: not told */
};

struct record_label {
    uint64_t entity, thread, time_ns; /* thread: 0 when no marking thread said it (tacho label) */
    struct span text;
};

/* Of scopes for whose marks there was no room. A later one for entity and site replaces it. */
struct record_total {
    uint64_t entity, site, count, total_ns;
};

/* So far, of one process; a later one replaces it. */
struct record_lost {
    uint64_t entity;
    uint64_t scopes;     /* in the totals only */
    uint64_t others;     /* labels and counters that were dropped */
    uint64_t unbalanced; /* ends without a begin */
};

struct record {
    uint64_t type;
    union {
        struct record_fact fact;
        struct record_metric metric;
        struct record_entity entity;
        struct record_birth birth;
        struct record_exec exec;
        struct record_exit exit;
        struct record_anchor anchor;
        struct record_late late;
        struct record_gap gap;
        struct record_missing missing;
        struct record_note note;
        struct record_look look;
        struct record_account account;
        struct record_site site;
        struct record_thread thread;
        struct record_label label;
        struct record_total total;
        struct record_lost lost;
    };
};

/* Appends one record. Failure shows in `ret->failed`. */
void record_put(struct buffer *ret, const struct record *record);

/* Shorthands for facts. */
void record_put_number(struct buffer *ret, const char *key, uint64_t number);
void record_put_text(struct buffer *ret, const char *key, const void *text, size_t n);

/*
 * Takes the next record. 1, 0 at the end, -EPROTO for bytes that are no record. Texts point into
 * the payload. Types this code does not know come back with only `type` set.
 */
int record_next(struct cursor *payload, struct record *ret);

#endif
