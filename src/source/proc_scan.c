/* All processes, and the pid given out last. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "source/numbered_entries.h"
#include "source/proc_process.h"

static int compare_pids(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
    return (left > right) - (left < right);
}

/* A test's directory comes in any order. */
static int scan_sorted(struct numbered_entries *entries, void (*each)(void *user, pid_t pid),
                       void *user)
{
    _free_ pid_t *pids = NULL;
    size_t n = 0, cap = 0;
    uint64_t number;
    int rc;
    while ((rc = numbered_entries_next(entries, &number)) == 1) {
        if (number == 0 || number > INT_MAX)
            continue;
        if (n == cap) {
            cap = cap == 0 ? 64 : 2 * cap;
            pid_t *grown = realloc(pids, cap * sizeof *pids);
            if (grown == NULL)
                return -ENOMEM;
            pids = grown;
        }
        pids[n++] = (pid_t)number;
    }
    if (rc != 0)
        return rc;
    if (n > 0)
        qsort(pids, n, sizeof *pids, compare_pids);
    for (size_t i = 0; i < n; i++)
        each(user, pids[i]);
    return 0;
}

int proc_scan(const struct source_root *root, void (*each)(void *user, pid_t pid), void *user)
{
    _close_ int fd = openat(root->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct numbered_entries entries;
    numbered_entries_init(&entries, fd);
    if (!root->procfs)
        return scan_sorted(&entries, each, user);
    uint64_t number;
    int rc;
    while ((rc = numbered_entries_next(&entries, &number)) == 1)
        each(user, (pid_t)number);
    return rc;
}

/* "0.01 0.04 0.01 1/83 3976\n" */
int proc_last_pid_parse(const char *bytes, size_t n, pid_t *ret)
{
    struct text t = text_of(bytes, n);
    uint64_t pid;
    for (unsigned column = 0; column < 4; column++) {
        while (t.at < t.end && *t.at != ' ')
            t.at++;
        if (t.at == t.end)
            return -EPROTO;
        t.at++;
    }
    if (!text_take_u64(&t, &pid) || t.at == t.end || *t.at != '\n' || pid > INT_MAX)
        return -EPROTO;
    *ret = (pid_t)pid;
    return 0;
}

int proc_last_pid(int fd, pid_t *ret)
{
    char text[128];
    ssize_t n = pread(fd, text, sizeof text, 0);
    return n < 0 ? -errno : proc_last_pid_parse(text, (size_t)n, ret);
}

uint64_t proc_pid_max(const struct source_root *root)
{
    uint64_t value;
    return source_number_at(root->proc_fd, "sys/kernel/pid_max", &value) == 0 ? value : 0;
}
