/* All threads of a process, from /proc/PID/task. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/numbered_entries.h"
#include "source/proc_process.h"

/* Adds one thread to the census. It may end while it is looked at: then it is left out. */
static void thread_take(const struct source_root *task, pid_t thread, struct thread_census *census)
{
    const uint32_t switches = 1 << STATUS_VOLUNTARY_SWITCHES | 1 << STATUS_INVOLUNTARY_SWITCHES;
    struct process_files files = process_files_unkept(thread);
    struct proc_stat stat;
    uint64_t value[STATUS_FIELDS];
    uint32_t valid;
    if (proc_stat_read(task, &files, &stat) != 0 ||
        proc_status_read(task, &files, value, &valid) != 0 || (valid & switches) != switches)
        return;
    census->threads++;
    census->voluntary_switches += value[STATUS_VOLUNTARY_SWITCHES];
    census->involuntary_switches += value[STATUS_INVOLUNTARY_SWITCHES];
    uint64_t processor = stat.value[STAT_PROCESSOR];
    if ((stat.valid & 1 << STAT_PROCESSOR) && processor < PROCESSORS_MAX)
        census->ran_on[processor / 64] |= UINT64_C(1) << processor % 64;
}

int proc_threads_read(const struct source_root *root, const struct process_files *files,
                      struct thread_census *ret)
{
    _close_ int fd = process_files_open_below(root, files, "task", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    struct source_root task = *root; /* TID below task/ is laid out as PID below proc */
    task.proc_fd = fd;
    struct numbered_entries entries;
    numbered_entries_init(&entries, fd);
    struct thread_census census = {0};
    uint64_t thread;
    int rc;
    while ((rc = numbered_entries_next(&entries, &thread)) == 1)
        if (thread <= INT32_MAX)
            thread_take(&task, (pid_t)thread, &census);
    if (rc != 0)
        return process_files_error(root, files, rc);
    if (census.threads == 0)
        return -ESRCH;
    *ret = census;
    return 0;
}
