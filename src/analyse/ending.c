#include "analyse/ending.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"

#define SHELL_SIGNAL_BASE 128 /* sh says 128 + n of a command that signal n killed */
#define TIME_LIMIT_SLACK (2 * NS_PER_S)

const char *ending_reason_name(enum ending_reason reason)
{
    static const char *const names[] = {
        [ENDING_SUCCESS] = "success",         [ENDING_ERROR] = "error",
        [ENDING_SIGNAL] = "signal",           [ENDING_CGROUP_OOM] = "cgroup_oom",
        [ENDING_MACHINE_OOM] = "machine_oom", [ENDING_CPU_LIMIT] = "cpu_limit",
        [ENDING_FILE_LIMIT] = "file_limit",   [ENDING_TIME_LIMIT] = "time_limit",
    };
    return names[reason];
}

static uint64_t number_fact(const struct summary *s, const char *key)
{
    uint64_t number;
    return tacho_fact_number(s->rec, key, &number) ? number : SUMMARY_UNKNOWN;
}

/* ---- who was killed ---- */

static bool killed_by(const struct tacho_process *p, int signal)
{
    return (p->flags & TACHO_PROCESS_STATUS) != 0 && WIFSIGNALED(p->wait_status) &&
           WTERMSIG(p->wait_status) == signal;
}

/* The last of them: that is whom a shell waited for. */
static size_t row_killed_by(const struct summary *s, int signal)
{
    size_t ret = SUMMARY_NOBODY;
    for (size_t i = 0; i < s->row_count; i++) {
        const struct tacho_process *p = tacho_process(s->rec, i);
        if (killed_by(p, signal) &&
            (ret == SUMMARY_NOBODY || p->end_ns >= tacho_process(s->rec, ret)->end_ns))
            ret = i;
    }
    return ret;
}

static void find_signal(const struct summary *s, int status, struct ending *ret)
{
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - SHELL_SIGNAL_BASE;
    if (signal <= 0)
        return;
    size_t row = row_killed_by(s, signal);
    if (!WIFSIGNALED(status) && row == SUMMARY_NOBODY)
        return; /* just a large exit code */
    ret->signal = signal;
    ret->row = row;
}

/* ---- by what ---- */

static enum ending_reason oom(const struct summary *s)
{
    const struct granted *g = &s->granted;
    if (g->oom_kills != SUMMARY_UNKNOWN) {
        if (g->oom_kills == 0)
            return ENDING_UNKNOWN;
        return granted_oom_is_own(g) ? ENDING_CGROUP_OOM : ENDING_MACHINE_OOM;
    }
    return s->machine.oom_kills != SUMMARY_UNKNOWN && s->machine.oom_kills > 0 ? ENDING_MACHINE_OOM
                                                                               : ENDING_UNKNOWN;
}

/*
 * For this limit the kernel counts whole ticks: on a busy machine, more so a virtual one, it sees up to
 * twice the CPU that its accounts show.
 */
static bool over_hard_limit(const struct summary *s, size_t row)
{
    uint64_t limit_s = number_fact(s, "limit_cpu_hard_s");
    if (row == SUMMARY_NOBODY || limit_s > UINT64_MAX / NS_PER_S)
        return false;
    uint64_t cpu_ns = s->rows[row].cpu_ns;
    return cpu_ns != SUMMARY_UNKNOWN && cpu_ns >= limit_s * NS_PER_S / 2;
}

static bool over_time(const struct summary *s)
{
    uint64_t end_s = number_fact(s, "job_end_real_s");
    if (end_s > UINT64_MAX / NS_PER_S || s->started_real_ns == SUMMARY_UNKNOWN ||
        s->wall_ns == SUMMARY_UNKNOWN)
        return false;
    return s->started_real_ns + s->wall_ns + TIME_LIMIT_SLACK >= end_s * NS_PER_S;
}

static enum ending_reason reason_of(const struct summary *s, const struct ending *e)
{
    if (e->signal == SIGXCPU)
        return ENDING_CPU_LIMIT;
    if (e->signal == SIGXFSZ)
        return ENDING_FILE_LIMIT;
    enum ending_reason memory = e->signal == SIGKILL ? oom(s) : ENDING_UNKNOWN;
    if (memory != ENDING_UNKNOWN)
        return memory;
    if (e->signal == SIGKILL && over_hard_limit(s, e->row))
        return ENDING_CPU_LIMIT;
    if ((e->signal == SIGKILL || e->signal == SIGTERM) && over_time(s))
        return ENDING_TIME_LIMIT;
    return ENDING_SIGNAL;
}

struct ending ending_of(const struct summary *s)
{
    struct ending ret = {.row = SUMMARY_NOBODY};
    if (s->root_status == SUMMARY_UNKNOWN)
        return ret;
    int status = (int)s->root_status;
    find_signal(s, status, &ret);
    if (ret.signal != 0)
        ret.reason = reason_of(s, &ret);
    else
        ret.reason = status == 0 ? ENDING_SUCCESS : ENDING_ERROR;
    return ret;
}
