#include "source/inner_pids.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "source/proc_process.h"

struct scan {
    struct inner_pids *pids;
    const struct source_root *root;
};

static void take_process(void *user, pid_t pid)
{
    const struct scan *scan = user;
    struct process_files files = process_files_unkept(pid);
    struct proc_owner owner;
    if (proc_owner_read(scan->root, &files, &owner) != 0 || owner.inner_pid <= 0 ||
        owner.inner_pid == pid)
        return;
    bool taken = map_get(&scan->pids->outer, (uint32_t)owner.inner_pid) != NULL;
    map_put(&scan->pids->outer, (uint32_t)owner.inner_pid, taken ? 0 : (uint64_t)pid);
}

static bool is_here(const struct source_root *root, pid_t pid)
{
    char name[16];
    snprintf(name, sizeof name, "%d", (int)pid);
    return faccessat(root->proc_fd, name, F_OK, 0) == 0;
}

/* The one who had that id inside when all were last looked at, if he is still there; 0 else. */
static pid_t known(const struct inner_pids *pids, const struct source_root *root, pid_t pid)
{
    const uint64_t *outer = map_get(&pids->outer, (uint32_t)pid);
    return outer != NULL && *outer != 0 && is_here(root, (pid_t)*outer) ? (pid_t)*outer : 0;
}

pid_t inner_pids_find(struct inner_pids *pids, const struct source_root *root, pid_t pid,
                      uint64_t now_ns)
{
    if (is_here(root, pid))
        return pid;
    pid_t found = known(pids, root, pid);
    const uint64_t *outer = map_get(&pids->outer, (uint32_t)pid);
    bool in_vain = outer != NULL && *outer == 0; /* looked for before */
    bool due = pids->scanned_ns == 0 || now_ns - pids->scanned_ns >= NS_PER_S;
    if (found != 0 || in_vain || !due)
        return found;
    struct scan scan = {.pids = pids, .root = root};
    map_done(&pids->outer);
    pids->outer = (struct map){0};
    pids->scanned_ns = now_ns;
    proc_scan(root, take_process, &scan);
    if (map_get(&pids->outer, (uint32_t)pid) == NULL)
        map_put(&pids->outer, (uint32_t)pid, 0);
    return known(pids, root, pid);
}

void inner_pids_done(struct inner_pids *pids)
{
    map_done(&pids->outer);
}
