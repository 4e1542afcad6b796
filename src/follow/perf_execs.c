#include "follow/perf_execs.h"

#include <string.h>

#include "base/clock.h"

#define AFTER_NS (80 * NS_PER_US) /* when most are laid out */
#define TRIES_MAX 9               /* each after twice the time: 40 ms in all */
#define TWICE_NS (10 * NS_PER_US) /* nobody calls exec twice within this */
#define ARGV_CAP (2u << 20)       /* the kernel's own bound is of this size */
#define LINK_CAP 4096

void perf_execs_done(struct perf_execs *execs)
{
    buffer_done(&execs->argv);
    buffer_done(&execs->exe);
}

static struct span span_of(const struct buffer *b)
{
    return (struct span){b->data, b->len};
}

/* Takes one out of the row and announces it with what was read. */
static void tell(struct perf_execs *execs, size_t i, bool has_argv, bool cut)
{
    const struct perf_exec *e = &execs->waiting[i];
    struct follow_exec exec = {.pid = e->pid,
                               .time_ns = e->time_ns,
                               .exe = span_of(&execs->exe),
                               .has_argv = has_argv,
                               .argv_cut = cut,
                               .argv = span_of(&execs->argv)};
    memcpy(exec.comm, e->comm, PERF_COMM_CAP);
    execs->count--;
    memmove(&execs->waiting[i], &execs->waiting[i + 1],
            (execs->count - i) * sizeof *execs->waiting);
    execs->sink.exec(execs->sink.user, &exec);
}

/* Empty arguments, for nobody can say any more what they were. */
static void tell_without(struct perf_execs *execs, size_t i)
{
    buffer_clear(&execs->argv);
    buffer_clear(&execs->exe);
    tell(execs, i, true, false);
}

/*
 * Announces it if its arguments can be read. What is read may be those of the next program already,
 * or of the next process of that pid: then there is a record of that by now. Whether it did.
 */
static bool try_one(struct perf_execs *execs, size_t i)
{
    pid_t pid = execs->waiting[i].pid;
    struct process_files files = process_files_unkept(pid);
    bool cut = false;
    buffer_clear(&execs->argv);
    buffer_clear(&execs->exe);
    if (proc_arguments_read(&execs->root, &files, ARGV_CAP, &execs->argv, &cut) != 0 ||
        execs->argv.len == 0)
        return false;
    proc_link_read(&execs->root, &files, "exe", LINK_CAP, &execs->exe);
    if (perf_rings_hold_more_of(execs->rings, pid))
        return false;
    tell(execs, i, true, cut);
    return true;
}

static bool find(const struct perf_execs *execs, pid_t pid, size_t *ret)
{
    for (*ret = 0; *ret < execs->count; ++*ret)
        if (execs->waiting[*ret].pid == pid)
            return true;
    return false;
}

void perf_execs_hurry(struct perf_execs *execs, pid_t pid)
{
    size_t i;
    if (find(execs, pid, &i) && !try_one(execs, i))
        tell_without(execs, i);
}

void perf_execs_hurry_all(struct perf_execs *execs)
{
    while (execs->count > 0)
        perf_execs_hurry(execs, execs->waiting[0].pid);
}

void perf_execs_give_up(struct perf_execs *execs, pid_t pid)
{
    size_t i;
    if (find(execs, pid, &i))
        tell_without(execs, i);
}

void perf_execs_add(struct perf_execs *execs, const struct perf_record *record)
{
    size_t i;
    if (find(execs, record->pid, &i)) {
        /* A thread with two sets of events, its own and inherited ones, is told of twice. */
        if (record->time_ns - execs->waiting[i].time_ns < TWICE_NS)
            return;
        tell_without(execs, i); /* what could be read are the new arguments */
    }
    if (execs->count == PERF_EXECS_MAX)
        perf_execs_hurry(execs, execs->waiting[0].pid);
    struct perf_exec *e = &execs->waiting[execs->count++];
    *e = (struct perf_exec){
        .pid = record->pid, .time_ns = record->time_ns, .due_ns = record->time_ns + AFTER_NS};
    memcpy(e->comm, record->comm, PERF_COMM_CAP);
}

void perf_execs_try(struct perf_execs *execs)
{
    uint64_t now_ns = clock_mono_ns();
    for (size_t i = 0; i < execs->count;) {
        struct perf_exec *e = &execs->waiting[i];
        if (e->due_ns > now_ns) {
            i++;
        } else if (!try_one(execs, i)) {
            if (++e->tries == TRIES_MAX) {
                tell(execs, i, false, false); /* wiped out, or a very slow start: others may look */
                continue;
            }
            e->due_ns = now_ns + (AFTER_NS << e->tries);
            i++;
        }
    }
}

uint64_t perf_execs_due(const struct perf_execs *execs)
{
    uint64_t due_ns = 0;
    for (size_t i = 0; i < execs->count; i++)
        if (due_ns == 0 || execs->waiting[i].due_ns < due_ns)
            due_ns = execs->waiting[i].due_ns;
    return due_ns;
}
