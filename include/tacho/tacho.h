/*
 * tacho/tacho.h: say what the code is doing.
 *
 *     #include <tacho/tacho.h>
 *
 *     void load(const char *path)
 *     {
 *         TACHO_SCOPE("load matrix", "I/O");
 *         ...
 *         TACHO_LABEL("read %zu rows", rows);
 *     }
 *
 * A scope is a named stretch of one thread's time, from begin to end; scopes nest. Its category says
 * what kind of work it is ("I/O", "Communication"); a scope without one counts as the scope around it.
 * A label is a message at one moment, a counter a value over time.
 *
 * Where they go: under `tacho record` they stand in its recording, beside the samples of CPU, memory
 * and I/O, and the report tells what each scope cost. Without it a program records itself: from
 * tacho_start on, or with TACHO=FILE.tacho in its environment. Else nobody listens, and a mark is a
 * load and a branch. Link with -ltacho (pkg-config: tacho), static or shared; it needs libc and pthread
 * only. What links it statically and may be closed by dlclose: also with -Wl,-z,nodelete, as the shared
 * library is, because threads that have marked come back to it as they end.
 *
 * Cost, while recorded: two readings of the clock and a few ns for a scope. No system call, lock or
 * allocation, but for the first mark of a process, a thread or a name, and as a thread's ring grows to
 * its 1 MiB. Rings lie in memory shared with the recorder, so marks outlive the program, however it
 * ends. When the recorder cannot keep up the newest marks are dropped; how many scopes there were of
 * each name and how long they took together stays exact.
 *
 * All functions may be called from any thread, from signal handlers (but for labels, whose printf is
 * not made for that, and start, stop, flush), before main and after it. None of the marks fails: what
 * goes wrong is counted and stands in the report. A forked child marks for itself; scopes that were open
 * in its parent are the parent's. A child of vfork marks as its parent. A thread made without
 * pthread_create must not mark. At most 1,024 threads of a process mark at a time; scopes of more are
 * counted, not timed.
 *
 * C99 to C17, C++11 to C++20; <tacho/tacho.hpp> has scopes as objects, tacho.f90 beside it is for Fortran.
 */
#ifndef TACHO_TACHO_H
#define TACHO_TACHO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define TACHO_API __attribute__((visibility("default")))
#define TACHO_PRINTF_(text_at, values_at) __attribute__((format(printf, text_at, values_at)))
#define TACHO_RARELY_(x) __builtin_expect(!!(x), 0)
#else
#define TACHO_API
#define TACHO_PRINTF_(text_at, values_at)
#define TACHO_RARELY_(x) (x)
#endif

/* Not 0 while marks are recorded. Read it, never write it: for what would cost to prepare in vain. */
TACHO_API extern int tacho_marking;

/* The same, for languages that call functions only. */
TACHO_API int tacho_is_marking(void);

#if defined __GNUC__
#define TACHO_MARKING_() TACHO_RARELY_(__atomic_load_n(&tacho_marking, __ATOMIC_RELAXED) != 0)
#endif

/*
 * Begins a scope on this thread, until tacho_end. `category` may be NULL. The texts are copied when they
 * are seen first, and may be of any bytes; what is over 1,023 bytes is cut. A process may give 65,535
 * names; scopes of further ones are called "(too many names)". Some 10 ns more than TACHO_SCOPE, for
 * finding the names again.
 */
TACHO_API void tacho_begin(const char *name, const char *category);

/* Ends the innermost scope of this thread. Without one it is counted as unbalanced, no more. */
TACHO_API void tacho_end(void);

/* A message at this moment; over 4,095 bytes it is cut. Some 100 ns and what printf takes. */
TACHO_API void tacho_label(const char *text, ...) TACHO_PRINTF_(1, 2);

/* The same of so many bytes of text as they are, at most up to a NUL: % has no meaning. */
TACHO_API void tacho_label_text(const char *text, size_t bytes);

/* A value at this moment. */
TACHO_API void tacho_counter(const char *name, double value);

/* What this thread is called in reports. */
TACHO_API void tacho_thread_name(const char *name);

/* ---- a program that records itself ---- */

/* Zero-initialise, set `size`, and what is wanted otherwise than said here. */
struct tacho_options {
    size_t size; /* sizeof(struct tacho_options): what a later version adds counts as zero */
    /*
     * The recording. NULL: tacho-PROGRAM-TIME-PID.tacho in the working directory. One that exists is not
     * touched, but with `replace`.
     */
    const char *path;
    int replace;
    int no_recording;  /* lines only */
    double interval_s; /* between samples; 0: 0.1 s; at least 0.001 s */
    /*
     * Not 0: a line every so many seconds (at least 0.01) with what the process uses and the labels since
     * the line before, as `ProcessLoggingThread-JSON {...}` (docs/LOGS.md). It is given to `log`, without
     * a newline and on the library's thread; or else written to `log_file` (NULL: stderr), behind
     * `log_prefix` (copied; NULL: nothing). `tacho report` finds such lines in any log.
     */
    double log_interval_s;
    void (*log)(void *user, const char *line);
    void *log_user;
    FILE *log_file;
    const char *log_prefix;
    /*
     * Of a parallel job: which of how many ranks this is, by MPI_Comm_rank and MPI_Comm_size, where its
     * launcher does not tell by the environment (docs/SUMMARY.md has which do). 0 and 0: not known.
     */
    int rank, ranks;
};

/*
 * Begins to record this process, and forked children that mark, from a thread of its own, at about 0.05 %
 * of a processor at ten samples a second. NULL is as zeroed options. Under `tacho record`, or where a
 * parent records, the marks have their recording already: nothing more is begun but lines.
 *
 * 0; -EALREADY: it records already; -EINVAL for impossible options; -EEXIST, -ENOSPC, -EACCES, ... when the
 * file cannot be created. Then marks cost no more than before.
 */
TACHO_API int tacho_start(const struct tacho_options *options);

/*
 * Ends it: all that was marked before is in the file. A program that exits without it does it then; what
 * was recorded up to a second before stands in the file however the program ends. 0; -ENOENT: nothing was
 * begun; or the last error of writing.
 */
TACHO_API int tacho_stop(void);

/*
 * Takes a sample and writes all that was marked so far. 0, also under `tacho record`, where what is marked
 * is safe as it is; -ENOENT; or the error of writing.
 */
TACHO_API int tacho_flush(void);

/*
 * The environment does it without a line of code, for a program that is linked with the library:
 *
 *   TACHO=FILE.tacho  from before main to the end, into that file, or FILE.2.tacho, ... where it exists;
 *   TACHO=DIRECTORY/  or there, under a name of its own;
 *   TACHO_INTERVAL=S  seconds between samples;
 *   TACHO_LOG=S       lines on stderr every S seconds.
 */

/* ---- scopes of a place in the code ---- */

/* A place that marks: static, and never written but by the library. */
struct tacho_place {
    const char *name, *category;
    uint32_t id; /* 0 until it has marked */
    uint32_t reserved;
};

/* What the macros below are made of. `_cpu`: also the thread's CPU clock, a system call each. */
TACHO_API void tacho_place_begin(struct tacho_place *place);
TACHO_API void tacho_place_end(struct tacho_place *place);
TACHO_API void tacho_place_begin_cpu(struct tacho_place *place);
TACHO_API void tacho_place_end_cpu(struct tacho_place *place);
TACHO_API void tacho_place_counter(struct tacho_place *place, double value);

#if defined __GNUC__

static inline struct tacho_place *tacho_scope_enter_(struct tacho_place *place)
{
    if (!TACHO_MARKING_())
        return NULL;
    tacho_place_begin(place);
    return place;
}

static inline void tacho_scope_leave_(struct tacho_place **place)
{
    if (TACHO_RARELY_(*place != NULL))
        tacho_place_end(*place);
}

static inline struct tacho_place *tacho_scope_enter_cpu_(struct tacho_place *place)
{
    if (!TACHO_MARKING_())
        return NULL;
    tacho_place_begin_cpu(place);
    return place;
}

static inline void tacho_scope_leave_cpu_(struct tacho_place **place)
{
    if (TACHO_RARELY_(*place != NULL))
        tacho_place_end_cpu(*place);
}

#define TACHO_JOIN2_(a, b) a##b
#define TACHO_JOIN_(a, b) TACHO_JOIN2_(a, b)
#define TACHO_FIRST_(first, ...) first
#define TACHO_SECOND_(first, second, ...) second

#define TACHO_SCOPE_AT_(enter, leave, id, title, kind)                                          \
    static struct tacho_place TACHO_JOIN_(tacho_place_, id) = {(title), (kind), 0, 0};          \
    __attribute__((cleanup(leave), unused)) struct tacho_place *TACHO_JOIN_(tacho_scope_, id) = \
        enter(&TACHO_JOIN_(tacho_place_, id))

/*
 * TACHO_SCOPE(name) or TACHO_SCOPE(name, category): from here to the end of the block, however it is
 * left (longjmp skips it: the scope then ends with the one around it). Both are string literals.
 */
#define TACHO_SCOPE(...)                                                 \
    TACHO_SCOPE_AT_(tacho_scope_enter_, tacho_scope_leave_, __COUNTER__, \
                    TACHO_FIRST_(__VA_ARGS__, NULL), TACHO_SECOND_(__VA_ARGS__, NULL, NULL))

/* The same with this thread's CPU time inside it, exactly, at some 0.5 µs more. */
#define TACHO_SCOPE_CPU(...)                                                     \
    TACHO_SCOPE_AT_(tacho_scope_enter_cpu_, tacho_scope_leave_cpu_, __COUNTER__, \
                    TACHO_FIRST_(__VA_ARGS__, NULL), TACHO_SECOND_(__VA_ARGS__, NULL, NULL))

/* A scope with the name of the function it stands in: TACHO_FUNCTION() or TACHO_FUNCTION(category). */
#define TACHO_FUNCTION(...)                                                        \
    TACHO_SCOPE_AT_(tacho_scope_enter_, tacho_scope_leave_, __COUNTER__, __func__, \
                    sizeof(#__VA_ARGS__) > 1 ? __VA_ARGS__ "" : NULL)

/* A message, made only while somebody listens. */
#define TACHO_LABEL(...)              \
    do {                              \
        if (TACHO_MARKING_())         \
            tacho_label(__VA_ARGS__); \
    } while (0)

/* TACHO_COUNTER(name, value): `name` is a string literal; `value` is not evaluated in vain. */
#define TACHO_COUNTER(title, number)                                            \
    do {                                                                        \
        static struct tacho_place tacho_counter_place_ = {(title), NULL, 0, 0}; \
        if (TACHO_MARKING_())                                                   \
            tacho_place_counter(&tacho_counter_place_, (number));               \
    } while (0)

#endif

#ifdef __cplusplus
}
#endif

#endif
