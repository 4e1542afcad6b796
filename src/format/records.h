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

struct record_birth {
    uint64_t entity, time_ns; /* when it was first seen */
    uint64_t pid, inner_pid, parent_entity, parent_pid, process_group, session, uid;
    uint64_t start_boot_ns; /* CLOCK_BOOTTIME, in steps of the kernel's tick */
    uint64_t flags;
    struct span comm, exe, cwd, argv; /* argv: each argument ended by NUL */
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
