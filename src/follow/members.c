#include "follow/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
    pid_t pid;
    bool belongs;
    struct proc_stat stat;
};

void members_init(struct members *m, const struct follow_config *config,
                  const struct follow_sink *sink)
{
    *m = (struct members){.root = *config->root,
                          .sink = *sink,
                          .subreaper = config->subreaper,
                          .recorder = config->recorder};
}

void members_done(struct members *m)
{
    map_done(&m->alive);
    map_done(&m->past);
    free(m->candidates);
    m->candidates = NULL;
}

static int read_stat(const struct members *m, pid_t pid, struct proc_stat *ret)
{
    struct process_files files = process_files_unkept(pid);
    return proc_stat_read(&m->root, &files, ret);
}

int members_add(struct members *m, pid_t pid, uint64_t start_ticks)
{
    return map_put(&m->alive, (uint32_t)pid, start_ticks);
}

bool members_remove(struct members *m, pid_t pid)
{
    if (!map_remove(&m->alive, (uint32_t)pid))
        return false;
    map_put(&m->past, (uint32_t)pid, m->listings);
    return true;
}

static void announce_end(struct members *m, pid_t pid, uint64_t now_ns)
{
    members_remove(m, pid);
    m->sink.ended(m->sink.user, &(struct follow_end){.pid = pid, .time_ns = now_ns, .status = -1});
}

static int add_candidate(struct members *m, pid_t pid, const struct proc_stat *stat)
{
    if (m->count == m->cap) {
        size_t cap = m->cap == 0 ? 64 : m->cap * 2;
        struct candidate *grown = realloc(m->candidates, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        m->candidates = grown;
        m->cap = cap;
    }
    m->candidates[m->count++] = (struct candidate){.pid = pid, .stat = *stat};
    return 0;
}

int members_consider(struct members *m, pid_t pid)
{
    struct proc_stat stat;
    if (pid == m->recorder)
        return 0;
    int r = read_stat(m, pid, &stat);
    if (r != 0)
        return r;
    uint64_t *session = map_get(&m->past, (uint32_t)stat.session);
    if (session != NULL)
        *session = m->listings;
    uint64_t *start = map_get(&m->alive, (uint32_t)pid);
    if (start != NULL) {
        if (*start == 0)
            *start = stat.start_ticks;
        if (*start == stat.start_ticks)
            return 0;
        announce_end(m, pid, 0);
    }
    map_remove(&m->past, (uint32_t)pid); /* no pid is given out again while it names a session */
    return add_candidate(m, pid, &stat);
}

/* Whether the member is still who has its pid, which is another's a moment after it was waited for. */
static bool is_there(const struct members *m, pid_t pid)
{
    struct proc_stat stat;
    const uint64_t *start = map_get(&m->alive, (uint32_t)pid);
    return start != NULL &&
           (*start == 0 || read_stat(m, pid, &stat) != 0 || stat.start_ticks == *start);
}

static bool belongs(const struct members *m, const struct proc_stat *stat)
{
    if (is_there(m, stat->parent_pid))
        return true;
    if (m->subreaper != 0 && stat->parent_pid == m->subreaper)
        return true;
    return members_has(m, stat->session) || map_get(&m->past, (uint32_t)stat->session) != NULL;
}

static void admit(struct members *m, struct candidate *c, bool root, bool forked)
{
    const struct proc_stat *stat = &c->stat;
    c->belongs = true;
    if (members_has(m, c->pid) || /* considered twice */
        members_add(m, c->pid, stat->start_ticks) != 0)
        return;
    m->births += forked;
    struct follow_birth birth = {.pid = c->pid,
                                 .parent_pid = stat->parent_pid,
                                 .process_group = stat->process_group,
                                 .session = stat->session,
                                 .uid = UINT32_MAX,
                                 .start_boot_ns = stat->start_ticks * m->root.tick_ns,
                                 .start_stack = stat->start_stack,
                                 .root = root,
                                 .forked = forked,
                                 .newborn = forked && !root};
    memcpy(birth.comm, stat->comm, sizeof birth.comm);
    m->sink.birth(m->sink.user, &birth);
}

/* A parent may have a higher pid than its child when pids wrap: repeat until nothing is added. */
void members_resolve(struct members *m, bool forked)
{
    for (bool added = true; added;) {
        added = false;
        for (size_t i = 0; i < m->count; i++) {
            struct candidate *c = &m->candidates[i];
            if (c->belongs || !belongs(m, &c->stat))
                continue;
            admit(m, c, false, forked);
            added = true;
        }
    }
    m->count = 0;
}

void members_admit_all(struct members *m, bool forked)
{
    for (size_t i = 0; i < m->count; i++)
        admit(m, &m->candidates[i], false, forked);
    m->count = 0;
}

int members_admit_roots(struct members *m, const struct follow_config *config)
{
    for (size_t i = 0; i < config->root_count; i++) {
        struct candidate c = {.pid = config->roots[i]};
        if (members_has(m, c.pid))
            continue;
        int r = read_stat(m, c.pid, &c.stat);
        if (r != 0)
            return r;
        admit(m, &c, true, config->launched);
    }
    return 0;
}

static void listed(void *user, pid_t pid)
{
    members_consider(user, pid);
}

/* The pid of a session that no process is in any more may come to name a stranger's. */
static void forget_sessions(struct members *m)
{
    struct map alive = {0};
    for (size_t i = 0; i < m->past.cap; i++)
        if (m->past.slots[i].key != 0 && m->past.slots[i].value == m->listings)
            map_put(&alive, m->past.slots[i].key, m->listings);
    map_done(&m->past);
    m->past = alive;
}

int members_list(struct members *m)
{
    m->listings++;
    int r = proc_scan(&m->root, listed, m);
    if (r == 0)
        forget_sessions(m);
    return r;
}

void members_end_gone(struct members *m, uint64_t now_ns, bool (*gone)(const void *user, pid_t pid),
                      const void *user)
{
    size_t count = 0;
    pid_t *pids = malloc((m->alive.count + 1) * sizeof *pids);
    for (size_t i = 0; pids != NULL && i < m->alive.cap; i++) {
        pid_t pid = (pid_t)m->alive.slots[i].key;
        if (pid != 0 && gone(user, pid))
            pids[count++] = pid;
    }
    for (size_t i = 0; i < count; i++)
        announce_end(m, pids[i], now_ns);
    free(pids);
}

static bool no_clock(const void *user, pid_t pid)
{
    uint64_t cpu_ns;
    (void)user;
    return cpu_clock_read(pid, &cpu_ns) != 0;
}

int members_resync(struct members *m, uint64_t now_ns)
{
    int r = members_list(m); /* before the ends: children of those that are gone still belong */
    members_resolve(m, true);
    members_end_gone(m, now_ns, no_clock, NULL);
    return r;
}
