/*
 * A recording as viewers of traces see it: processes with threads, slices on these, counters, and
 * instants. This walks the recording; a format says how each thing is written.
 *
 * What is kept: some 150 bytes a process, and what scope_stacks.h needs.
 */
#ifndef TACHO_EXPORT_TRACE_H
#define TACHO_EXPORT_TRACE_H

#include "analyse/scope_stacks.h"
#include "export/export_table.h"

/*
 * Viewers know processes and threads by number. Numbers that come again in a recording are replaced
 * by ones that no kernel gives. 0 stands for the recorded processes as a whole, and
 * for the machine.
 */
#define TRACE_NOBODY 0

struct trace_process {
    const struct tacho_process *process;
    uint32_t pid;
    uint64_t from_ns, to_ns; /* its life, as far as it was recorded */
};

struct trace_thread {
    const struct tacho_marking_thread *thread;
    uint32_t pid, tid;
};

struct trace_scope {
    struct trace_thread thread;
    const struct tacho_site *site; /* NULL: lost */
    const struct scope_frame *frame;
    const struct scope_end *end; /* NULL while it begins */
};

struct trace_value {
    uint32_t pid;
    uint32_t entity; /* the process; 0: pid is TRACE_NOBODY */
    uint32_t number; /* of the counter, from 1 on */
    bool first;      /* nothing was told of this counter before */
    const char *name;
    const char *unit; /* "" where none is known */
    uint64_t time_ns;
    struct cell value; /* a number, hundredths, or real */
};

struct trace_label {
    uint32_t pid, tid; /* tid 0: of the process */
    const struct tacho_label *label;
};

struct trace;

/*
 * Each appends to `out`. Processes come first, then threads, then the rest: what belongs to one thread or
 * counter in order of time.
 */
struct trace_writer {
    void (*begin)(struct trace *t, struct buffer *out);
    void (*process)(struct trace *t, struct buffer *out, const struct trace_process *process);
    void (*thread)(struct trace *t, struct buffer *out, const struct trace_thread *thread);
    void (*scope_begin)(struct trace *t, struct buffer *out, const struct trace_scope *scope);
    void (*scope_end)(struct trace *t, struct buffer *out, const struct trace_scope *scope);
    void (*value)(struct trace *t, struct buffer *out, const struct trace_value *value);
    void (*label)(struct trace *t, struct buffer *out, const struct trace_label *label);
    void (*end)(struct trace *t, struct buffer *out);
};

/* 0, -ENOMEM, what the export's `write` said, or why the recording could not be read on. */
int trace_run(struct export *export, const struct trace_writer *writer, void *state);

/* For writers. */
struct tacho_recording *trace_recording(const struct trace *t);
uint64_t trace_start_ns(const struct trace *t); /* where elapsed time begins */
void *trace_state(const struct trace *t);

#endif
