/*
 * Whom perf events tell of: by whom they are inherited, who was there before, and what is done
 * about those of whom nothing is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "follow/perf_state.h"
#include "source/numbered_entries.h"

#define ROUNDS_MAX 16        /* of listing, of a tree that forks faster than it can be listed */
#define GRACE_MAX 10         /* ms, while attaching; most forks are over by then */
#define FORK_MAX_NS NS_PER_S /* a fork of a process with 100 GB takes as long */
#define SETTLE_EVERY_NS (10 * NS_PER_MS)
#define LOOK_EVERY_NS (100 * NS_PER_MS)
#define FIRST_FREE_PID 300 /* where the kernel starts again after pid_max */
#define TASK_EXITING 4u    /* PF_EXITING in the flags of stat */

/* ---- looking at a process ---- */

int perf_read_stat(const struct follow *f, pid_t pid, struct proc_stat *ret)
{
    struct process_files files = process_files_unkept(pid);
    return proc_stat_read(&f->members.root, &files, ret);
}

static bool is_dead(const struct proc_stat *stat)
{
    uint64_t state = stat->value[STAT_STATE];
    return state == 'Z' || state == 'X';
}

/* Of a process, or of a thread by its id. Its end is not told of before this is so. */
static bool is_ending(const struct proc_stat *stat)
{
    return is_dead(stat) || (stat->flags & TASK_EXITING) != 0;
}

/* What cannot be read for want of descriptors lives, as far as is known. */
static bool task_is_ending(const struct follow *f, pid_t tid)
{
    struct proc_stat stat;
    int r = perf_read_stat(f, tid, &stat);
    return r == -ESRCH || (r == 0 && is_ending(&stat));
}

bool perf_lives_on(const struct follow *f, pid_t pid, uint64_t time_ns, int *ret_status)
{
    struct proc_stat stat;
    uint64_t cpu_ns;
    if (cpu_clock_read(pid, &cpu_ns) != 0 || perf_read_stat(f, pid, &stat) != 0)
        return false;
    /* Somebody else by now? Starts are known to a tick only, but new members are told of. */
    uint64_t ended_boot_ns = clock_boot_ns() - (clock_mono_ns() - time_ns);
    if (stat.start_ticks * f->members.root.tick_ns > ended_boot_ns ||
        perf_rings_hold_birth_of(&f->rings, pid))
        return false;
    if (!is_ending(&stat))
        return true;
    *ret_status = stat.exit_code;
    return false;
}

/* ---- threads that are ending already ---- */

static void note_ending(struct follow *f, pid_t pid, pid_t tid)
{
    if (f->ending_count == f->ending_cap) {
        size_t cap = f->ending_cap == 0 ? 16 : f->ending_cap * 2;
        struct ending *grown = realloc(f->ending, cap * sizeof *grown);
        if (grown == NULL)
            return;
        f->ending = grown;
        f->ending_cap = cap;
    }
    f->ending[f->ending_count++] = (struct ending){pid, tid};
}

/*
 * Those that are gone by now: a record of that has been taken in, or lies before our time. Or it is
 * still to come; then it will be nobody's.
 */
static void check_ending(struct follow *f)
{
    size_t kept = 0, count = f->ending_count;
    for (size_t i = 0; i < count; i++) {
        struct ending e = f->ending[i];
        struct proc_stat stat;
        int r = perf_read_stat(f, e.tid, &stat);
        if (!members_has(&f->members, e.pid))
            continue;
        if (r == -ESRCH || (r == 0 && is_dead(&stat)))
            perf_take_exit(f, e.pid, e.tid, clock_mono_ns());
        else if (r != 0 || is_ending(&stat))
            f->ending[kept++] = e;
    }
    while (count < f->ending_count) /* noted meanwhile */
        f->ending[kept++] = f->ending[count++];
    f->ending_count = kept;
}

/* ---- those of whom nothing is told ---- */

/* How many pids were given out from one to the other; past pid_max the kernel starts again. */
static uint64_t given_out(const struct follow *f, pid_t from, pid_t last)
{
    if (last >= from)
        return (uint64_t)(last - from);
    uint64_t top = proc_pid_max(&f->members.root);
    return (top > (uint64_t)from ? top - (uint64_t)from : 0) +
           (last > FIRST_FREE_PID ? (uint64_t)(last - FIRST_FREE_PID) : 0);
}

/* Whoever got a pid since the last time and was not announced may have been ours. */
static void count_unseen(struct follow *f)
{
    pid_t last;
    if (proc_last_pid(f->loadavg_fd, &last) != 0)
        return;
    uint64_t given = given_out(f, f->last_pid, last), seen = f->births - f->births_then;
    f->unseen += given > seen ? given - seen : 0;
    f->last_pid = last;
    f->births_then = f->births;
}

/* The same with whoever got a pid after that one, and none is known to be ours. */
static void count_unseen_after(struct follow *f, pid_t pid)
{
    pid_t last;
    if (proc_last_pid(f->loadavg_fd, &last) == 0)
        f->unseen += given_out(f, pid, last);
}

static void go_blind(struct follow *f, pid_t pid, uint64_t since_ns)
{
    if (f->blind.count == 0) {
        f->last_pid = f->newest;
        f->births_then = f->births;
    }
    map_put(&f->blind, (uint32_t)pid, since_ns);
}

void perf_see_again(struct follow *f, pid_t pid)
{
    if (map_remove(&f->blind, (uint32_t)pid) && f->blind.count == 0)
        count_unseen(f);
}

/* ---- events for threads ---- */

/* 0, -ESRCH, or why it was refused. */
static int cover_thread(struct follow *f, pid_t pid, pid_t tid, bool with_events)
{
    int r = task_is_ending(f, tid) ? -ESRCH : 0;
    if (r == 0 && with_events)
        r = perf_rings_add_thread(&f->rings, tid);
    if (r == 0)
        live_threads_add(&f->threads, pid, tid);
    if (r == 0 && with_events) {
        f->opened_ns = clock_mono_ns();
        map_put(&f->opened, (uint32_t)tid, f->opened_ns);
    }
    if (task_is_ending(f, tid)) { /* maybe before all events were there */
        note_ending(f, pid, tid);
        return 0;
    }
    return r;
}

/* Takes a process's threads into account, opening events for each if so wanted. */
static int cover_process(struct follow *f, pid_t pid, bool with_events)
{
    struct process_files files = process_files_unkept(pid);
    _close_ int fd =
        process_files_open_below(&f->members.root, &files, "task", O_RDONLY | O_DIRECTORY);
    if (fd < 0 && fd != -ESRCH)
        return fd;
    struct numbered_entries entries;
    uint64_t tid;
    numbered_entries_init(&entries, fd);
    while (fd >= 0 && numbered_entries_next(&entries, &tid) == 1) {
        if (tid > INT32_MAX || live_threads_has(&f->threads, (pid_t)tid))
            continue;
        int r = cover_thread(f, pid, (pid_t)tid, with_events);
        if (r == -ESRCH)
            note_ending(f, pid, (pid_t)tid);
        else if (r != 0)
            return r;
    }
    if (!live_threads_of(&f->threads, pid)) /* it went while we looked */
        note_ending(f, pid, pid);
    return 0;
}

int perf_cover_early(struct follow *f, pid_t pid)
{
    return cover_process(f, pid, true);
}

void perf_cover_again(struct follow *f, pid_t pid)
{
    if (cover_process(f, pid, !f->rings.whole_machine) != 0) {
        go_blind(f, pid, clock_mono_ns());
    } else if (!f->rings.whole_machine) {
        count_unseen_after(f, f->newest);
        f->unsure = true;
    }
}

/* ---- forks that were under way ---- */

/*
 * When a thread is given events while it forks, the child may have inherited none of them, or only
 * some processors', and its birth is told of all the same, or not at all, and only the child's
 * children's are. Threads do one thing after the other: the first birth after all events were there
 * proves the later ones.
 */
static bool doubts(struct follow *f, const struct perf_record *r)
{
    if (f->rings.whole_machine) /* not all rings were there yet */
        return r->time_ns < f->opened_ns;
    const uint64_t *opened_ns = map_get(&f->opened, (uint32_t)r->parent_tid);
    if (opened_ns == NULL)
        return r->time_ns < f->opened_ns + FORK_MAX_NS &&
               !live_threads_has(&f->threads, r->parent_tid);
    bool doubtful = r->time_ns < *opened_ns + FORK_MAX_NS;
    if (r->time_ns > *opened_ns)
        map_remove(&f->opened, (uint32_t)r->parent_tid);
    return doubtful;
}

void perf_cover_born(struct follow *f, const struct perf_record *r)
{
    if (!doubts(f, r)) {
        live_threads_add(&f->threads, r->pid, r->tid);
        return;
    }
    f->unsure = true;
    if (live_threads_has(&f->threads, r->tid))
        return;
    if (f->attached)
        count_unseen_after(f, r->tid);
    if (cover_thread(f, r->pid, r->tid, !f->rings.whole_machine) != 0)
        go_blind(f, r->pid, clock_mono_ns() + NS_PER_S);
}

/* Whether it waits for something other than the end of a fork. */
static bool sleeps(const struct follow *f, pid_t tid)
{
    struct proc_stat stat;
    int r = perf_read_stat(f, tid, &stat);
    return r == -ESRCH || (r == 0 && stat.value[STAT_STATE] == 'S');
}

/* Those who sleep have no fork under way, once the records from before that are taken in. */
static void settle_doubts(struct follow *f)
{
    pid_t settled[64];
    size_t n = 0;
    uint64_t now_ns = clock_mono_ns();
    for (size_t i = 0; i < f->opened.cap && n < ARRAY_LEN(settled); i++) {
        struct map_slot slot = f->opened.slots[i];
        if (slot.key != 0 && (slot.value + 2 * FORK_MAX_NS < now_ns || sleeps(f, (pid_t)slot.key)))
            settled[n++] = (pid_t)slot.key;
    }
    perf_drain(f);
    while (n > 0)
        map_remove(&f->opened, (uint32_t)settled[--n]);
}

/* ---- looking at all processes ---- */

/*
 * One that has begun to end may have been announced before, and its end too: if not it is too late
 * for that. Until the end of the listing its children belong by it.
 */
void perf_on_found(void *user, const struct follow_birth *birth)
{
    struct follow *f = user;
    if (!birth->root && task_is_ending(f, birth->pid)) {
        map_put(&f->passing, (uint32_t)birth->pid, 1);
        return;
    }
    if (birth->forked && !birth->root) {
        bool orphan = !members_has(&f->members, birth->parent_pid);
        f->births++;
        if (f->blind.count > 0 &&
            (orphan || map_get(&f->blind, (uint32_t)birth->parent_pid) != NULL))
            go_blind(f, birth->pid, clock_mono_ns() + NS_PER_S);
        else if (f->looking && map_put(&f->found, (uint32_t)birth->pid, 1) == 0)
            f->found_late++;
    }
    f->sink.birth(f->sink.user, birth);
}

uint32_t perf_on_gone(void *user, const struct follow_end *end)
{
    struct follow *f = user;
    if (map_remove(&f->passing, (uint32_t)end->pid))
        return 0;
    perf_forget(f, end->pid);
    return f->sink.ended(f->sink.user, end);
}

static void let_pass(struct follow *f)
{
    for (size_t i = 0; i < f->passing.cap; i++)
        if (f->passing.slots[i].key != 0)
            map_remove(&f->members.alive, f->passing.slots[i].key);
    map_done(&f->passing);
}

/* Who is there; again until nobody is found of whom nothing is told. */
static int find_members(struct follow *f, bool forked)
{
    int r = 0;
    f->unsure = true;
    for (int i = 0; i < ROUNDS_MAX && r == 0 && f->unsure; i++) {
        size_t before = f->rings.event_count;
        f->unsure = false;
        r = members_list(&f->members);
        members_resolve(&f->members, forked);
        let_pass(f);
        perf_drain(f); /* those whom the rings tell of need no events */
        for (size_t at = 0; at < f->members.alive.cap; at++) {
            pid_t pid = (pid_t)f->members.alive.slots[at].key;
            if (pid != 0 && cover_process(f, pid, !f->rings.whole_machine) != 0)
                go_blind(f, pid, clock_mono_ns() + NS_PER_S);
        }
        f->unsure |= !f->rings.whole_machine && f->rings.event_count != before;
    }
    return r;
}

int perf_attach(struct follow *f)
{
    int r = find_members(f, false);
    for (int i = 0; i < GRACE_MAX && r == 0 && f->opened.count > 0; i++) {
        settle_doubts(f);
        if (f->unsure)
            r = find_members(f, false);
        if (f->opened.count > 0)
            usleep(1000);
    }
    return r;
}

/* Who was found below a blind one may be one of those who can be told of. */
static void cover_blind(struct follow *f)
{
    for (size_t i = 0; i < f->blind.cap;) {
        pid_t pid = (pid_t)f->blind.slots[i].key;
        if (pid != 0 && cover_process(f, pid, true) == 0 && live_threads_of(&f->threads, pid))
            perf_see_again(f, pid); /* another may take its place */
        else
            i++;
    }
}

static void count_threads_anew(struct follow *f)
{
    live_threads_done(&f->threads);
    for (size_t i = 0; i < f->members.alive.cap; i++) {
        pid_t pid = (pid_t)f->members.alive.slots[i].key;
        if (pid != 0 && map_get(&f->blind, (uint32_t)pid) == NULL)
            cover_process(f, pid, false);
    }
}

static int look_at_all(struct follow *f, uint64_t now_ns)
{
    f->look_ns = now_ns;
    f->looking = f->stale;
    f->resyncs += f->stale;
    int r = members_resync(&f->members, now_ns);
    let_pass(f);
    if (f->looking)
        count_threads_anew(f);
    f->looking = f->stale = false;
    if (f->blind.count == 0)
        return r;
    perf_drain(f); /* not everybody who was found before it was told of is blind */
    cover_blind(f);
    if (f->blind.count > 0)
        count_unseen(f);
    return r;
}

uint64_t perf_look_due(const struct follow *f)
{
    return f->stale || f->blind.count > 0 ? f->look_ns + LOOK_EVERY_NS : 0;
}

int perf_look_after(struct follow *f, uint64_t now_ns)
{
    int r = 0;
    check_ending(f);
    if (f->opened.count > 0 && now_ns - f->settle_ns >= SETTLE_EVERY_NS) {
        f->settle_ns = now_ns;
        settle_doubts(f);
    }
    uint64_t due_ns = perf_look_due(f);
    if (due_ns != 0 && now_ns >= due_ns)
        r = look_at_all(f, now_ns);
    return f->unsure ? find_members(f, true) : r;
}
