/* Why the kernel refuses to let a process be traced. */
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "follow/tracer.h"
#include "source/key_lines.h"

struct tracer_thread tracer_thread(const struct source_root *root, pid_t tid)
{
    static const struct key_line lines[] = {KEY_LINE("Tgid:", 0, 1), KEY_LINE("TracerPid:", 1, 1)};
    char text[8192];
    struct process_files files = process_files_unkept(tid);
    ssize_t n = process_files_read(root, &files, FILE_STATUS, text, sizeof text);
    uint64_t value[2];
    if (n <= 0 || key_lines_parse(text_of(text, (size_t)n), lines, 2, value) != 3)
        return (struct tracer_thread){0};
    return (struct tracer_thread){(pid_t)value[0], (pid_t)value[1]};
}

/* Of a process that is not traced the kernel says so; who says something else is in between. */
static bool is_filtered(void)
{
    return ptrace(PTRACE_CONT, getpid(), NULL, NULL) != 0 && errno != ESRCH;
}

static uint32_t owner_of(const struct source_root *root, pid_t tid)
{
    struct process_files files = process_files_unkept(tid);
    struct proc_owner owner;
    return proc_owner_read(root, &files, &owner) == 0 ? owner.uid : UINT32_MAX;
}

int tracer_refusal(const struct source_root *root, pid_t tid, int error,
                   struct follow_reason *ret_why)
{
    uint64_t scope = 0;
    pid_t by = tracer_thread(root, tid).tracer;
    if (is_filtered())
        return follow_fail(ret_why, error,
                           "a seccomp filter keeps ptrace from us; in a container: --cap-add "
                           "SYS_PTRACE, or --security-opt seccomp=unconfined");
    if (by != 0)
        return follow_fail(ret_why, error,
                           "process %d is traced already, by %d: there can be but one tracer",
                           (int)tid, (int)by);
    source_number_at(root->proc_fd, "sys/kernel/yama/ptrace_scope", &scope);
    if (scope >= 3)
        return follow_fail(ret_why, error,
                           "kernel.yama.ptrace_scope is %llu: nobody may trace until the next boot",
                           (unsigned long long)scope);
    if (scope == 2)
        return follow_fail(ret_why, error,
                           "kernel.yama.ptrace_scope is 2: run as root or with CAP_SYS_PTRACE");
    if (owner_of(root, tid) != getuid())
        return follow_fail(ret_why, error,
                           "process %d is another user's: run as root or with CAP_SYS_PTRACE",
                           (int)tid);
    if (scope == 1)
        return follow_fail(ret_why, error,
                           "kernel.yama.ptrace_scope is 1: only what tacho launches may be traced; "
                           "or run as root or with CAP_SYS_PTRACE");
    return follow_fail(ret_why, error,
                       "process %d may not be traced (%s): it keeps its memory to itself, or a "
                       "security module forbids it",
                       (int)tid, strerror(-error));
}
