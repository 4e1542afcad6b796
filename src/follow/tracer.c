#include "follow/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "source/numbered_entries.h"

/* Never EXITKILL: the job outlives the recorder. */
#define OPTIONS                                                                            \
    (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | \
     PTRACE_O_TRACEEXIT)
#define OURS (__WALL | __WNOTHREAD) /* what this thread traces, and nothing else */
#define ARGV_CAP (2u << 20)         /* the kernel's own bound is of this size */
#define LINK_CAP 4096
#define LEFT_NS (NS_PER_MS / 5)
#define ALL(n) ((UINT32_C(1) << (n)) - 1)
#define COUNTED ALL(STAT_MAJOR_FAULTS + 1)
#define SWITCHES (1u << STATUS_VOLUNTARY_SWITCHES | 1u << STATUS_INVOLUNTARY_SWITCHES)

/* A process that is traced. */
struct traced {
    pid_t pid;
    unsigned threads;              /* seized, and none that has begun to exit */
    unsigned stopped;              /* of these by a signal */
    bool awaited;                  /* its main thread has, and is to become a zombie */
    struct record_account account; /* so far: of threads as they exited */
};

static void *pointer(uintptr_t number)
{
    return (void *)number; /* NOLINT: ptrace(2) takes numbers as pointers */
}

/* ---- who is traced ---- */

static struct traced *process_of_pid(const struct tracer *t, pid_t pid)
{
    const uint64_t *at = map_get(&t->processes, (uint32_t)pid);
    return at == NULL ? NULL : pointer((uintptr_t)*at);
}

static struct traced *process_of_thread(const struct tracer *t, pid_t tid)
{
    const uint64_t *pid = map_get(&t->threads, (uint32_t)tid);
    return pid == NULL ? NULL : process_of_pid(t, (pid_t)*pid);
}

static struct traced *process_new(struct tracer *t, pid_t pid)
{
    struct traced *p = calloc(1, sizeof *p);
    if (p != NULL && map_put(&t->processes, (uint32_t)pid, (uintptr_t)p) != 0) {
        free(p);
        return NULL;
    }
    if (p != NULL)
        p->pid = pid;
    return p;
}

static void process_free(struct tracer *t, struct traced *p)
{
    map_remove(&t->processes, (uint32_t)p->pid);
    free(p);
}

static int thread_add(struct tracer *t, struct traced *p, pid_t tid)
{
    int r = map_put(&t->threads, (uint32_t)tid, (uint64_t)p->pid);
    p->threads += r == 0;
    return r;
}

static void thread_remove(struct tracer *t, struct traced *p, pid_t tid)
{
    p->threads -= map_remove(&t->threads, (uint32_t)tid);
}

static void threads_remove_all(struct tracer *t, struct traced *p)
{
    struct map kept = {0};
    for (size_t i = 0; i < t->threads.cap; i++) {
        const struct map_slot *slot = &t->threads.slots[i];
        if (slot->key != 0 && slot->value != (uint64_t)p->pid)
            map_put(&kept, slot->key, slot->value);
    }
    map_done(&t->threads);
    t->threads = kept;
    p->threads = 0;
}

/* ---- births ---- */

static void announce_birth(struct tracer *t, pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    struct follow_birth birth = {
        .pid = pid, .time_ns = clock_mono_ns(), .uid = UINT32_MAX, .forked = true, .fresh = true};
    if (proc_stat_read(&t->root, &files, &stat) == 0) {
        birth.parent_pid = stat.parent_pid;
        birth.process_group = stat.process_group;
        birth.session = stat.session;
        birth.start_boot_ns = stat.start_ticks * t->root.tick_ns;
        birth.start_stack = stat.start_stack;
        memcpy(birth.comm, stat.comm, sizeof birth.comm);
    }
    t->sink.birth(t->sink.user, &birth);
}

static bool is_process(pid_t tid)
{
    uint64_t cpu_ns;
    return cpu_clock_read(tid, &cpu_ns) == 0;
}

/*
 * One that is not known by its id. NULL for the last thread of a dying process. An ended process that
 * is still awaited was reaped behind our back, as a child of the recorder's that it had become.
 */
static struct traced *introduce(struct tracer *t, pid_t tid)
{
    bool leads = is_process(tid);
    pid_t pid = leads ? tid : tracer_thread(&t->root, tid).pid;
    struct traced *p = process_of_pid(t, pid);
    if (p != NULL && leads && p->threads == 0) {
        t->sink.end(t->sink.user, &(struct follow_end){.pid = pid, .status = -1}, &p->account);
        process_free(t, p);
        p = NULL;
    }
    if (p == NULL && leads) {
        p = process_new(t, pid);
        announce_birth(t, pid);
    }
    return p != NULL && thread_add(t, p, tid) == 0 ? p : NULL;
}

/*
 * The maker of a thread stops before that has stopped for the first time, or after it has been let go
 * of. A process introduces itself, but a thread must be known before its maker can exit, as the last
 * one perhaps.
 */
static void introduce_thread(struct tracer *t, struct traced *p, pid_t maker)
{
    unsigned long tid = 0;
    if (p == NULL || ptrace(PTRACE_GETEVENTMSG, maker, NULL, &tid) != 0 ||
        map_get(&t->threads, (uint32_t)tid) != NULL || is_process((pid_t)tid))
        return;
    struct tracer_thread thread = tracer_thread(&t->root, (pid_t)tid);
    if (thread.pid == p->pid && thread.tracer == gettid())
        thread_add(t, p, (pid_t)tid);
}

/* ---- execs ---- */

static struct span span_of(const struct buffer *b)
{
    return (struct span){b->data, b->len};
}

/* It stands still: there is always time to read all of it. */
static void announce_exec(struct tracer *t, pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct follow_exec exec = {.pid = pid, .time_ns = clock_mono_ns()};
    struct proc_stat stat;
    buffer_clear(&t->argv);
    buffer_clear(&t->exe);
    exec.has_argv = proc_arguments_read(&t->root, &files, ARGV_CAP, &t->argv, &exec.argv_cut) == 0;
    proc_link_read(&t->root, &files, "exe", LINK_CAP, &t->exe);
    exec.argv = span_of(&t->argv);
    exec.exe = span_of(&t->exe);
    if (proc_stat_read(&t->root, &files, &stat) == 0)
        memcpy(exec.comm, stat.comm, sizeof exec.comm);
    t->sink.exec(t->sink.user, &exec);
}

/*
 * Of the process's threads the one that called exec is left, and has the process's id from now on.
 * The stop must be consumed: while it is not, the kernel takes requests for it to be meant for the
 * thread that had this id before.
 */
static void take_exec(struct tracer *t, struct traced *p, pid_t pid)
{
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG | OURS);
    if (p == NULL)
        return;
    unsigned long former = 0;
    ptrace(PTRACE_GETEVENTMSG, pid, NULL, &former);
    if ((pid_t)former != pid || p->threads != 1) {
        threads_remove_all(t, p);
        thread_add(t, p, pid);
    }
    p->awaited = false;
    announce_exec(t, pid);
}

/* ---- ends ---- */

static void count_io(const struct tracer *t, struct traced *p, pid_t tid)
{
    struct process_files files = process_files_unkept(tid);
    struct record_account *a = &p->account;
    uint64_t value[IO_FIELDS];
    uint32_t valid;
    if (proc_io_read(&t->root, &files, value, &valid) != 0 || valid != ALL(IO_FIELDS))
        return;
    a->read_chars = value[IO_READ_CHARS];
    a->write_chars = value[IO_WRITE_CHARS];
    a->read_count = value[IO_READ_COUNT];
    a->write_count = value[IO_WRITE_COUNT];
    a->read_bytes = value[IO_READ_BYTES];
    a->write_bytes = value[IO_WRITE_BYTES];
    a->known |= ACCOUNT_IO;
}

/* The peak is that of the memory, which all threads share; switches are each thread's own. */
static void count_thread(const struct tracer *t, struct traced *p, pid_t tid)
{
    struct process_files files = process_files_unkept(tid);
    struct record_account *a = &p->account;
    uint64_t value[STATUS_FIELDS];
    uint32_t valid;
    if (proc_status_read(&t->root, &files, value, &valid) != 0)
        return;
    if ((valid & 1u << STATUS_PEAK_RSS) != 0) {
        if (value[STATUS_PEAK_RSS] > a->peak_rss_bytes)
            a->peak_rss_bytes = value[STATUS_PEAK_RSS];
        a->known |= ACCOUNT_PEAK_RSS;
    }
    if ((valid & SWITCHES) == SWITCHES) {
        a->voluntary_switches += value[STATUS_VOLUNTARY_SWITCHES];
        a->involuntary_switches += value[STATUS_INVOLUNTARY_SWITCHES];
        a->known |= ACCOUNT_SWITCHES;
    }
}

/*
 * Of all the process, asked by way of one thread: the main one may be gone before the last. And what
 * it is called.
 */
static void count_cpu(const struct tracer *t, struct traced *p, pid_t tid, char ret_comm[COMM_CAP])
{
    struct process_files files = process_files_unkept(tid);
    struct record_account *a = &p->account;
    struct proc_stat stat;
    if (cpu_clock_read(p->pid, &a->cpu_ns) == 0)
        a->known |= ACCOUNT_CPU;
    if (proc_stat_read(&t->root, &files, &stat) != 0)
        return;
    if (tid == p->pid) /* threads have names of their own */
        memcpy(ret_comm, stat.comm, COMM_CAP);
    if ((stat.valid & COUNTED) != COUNTED)
        return;
    a->user_ns = stat.value[STAT_USER];
    a->system_ns = stat.value[STAT_SYSTEM];
    a->children_user_ns = stat.value[STAT_CHILDREN_USER];
    a->children_system_ns = stat.value[STAT_CHILDREN_SYSTEM];
    a->minor_faults = stat.value[STAT_MINOR_FAULTS];
    a->major_faults = stat.value[STAT_MAJOR_FAULTS];
    a->known |= ACCOUNT_SPLIT | ACCOUNT_CHILDREN | ACCOUNT_FAULTS;
}

/* `tid`: of its threads one whose files can be read. */
static void announce_end(struct tracer *t, struct traced *p, pid_t tid, int status, bool early)
{
    struct follow_end end = {.pid = p->pid, .time_ns = clock_mono_ns(), .status = status};
    count_cpu(t, p, tid, end.comm);
    p->account.known |= early ? ACCOUNT_EARLY : 0;
    t->sink.end(t->sink.user, &end, &p->account);
    map_remove(&t->threads, (uint32_t)p->pid);
    process_free(t, p);
}

static bool is_our_child(const struct tracer *t, pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    return proc_stat_read(&t->root, &files, &stat) == 0 && stat.parent_pid == getpid();
}

/*
 * A thread begins to exit. Whether it is to be let go of: all but the main thread of a process that
 * is not the recorder's to reap. The status of a process is what its last thread exits with.
 */
static bool take_exit(struct tracer *t, struct traced *p, pid_t tid)
{
    unsigned long status = 0;
    if (p == NULL)
        return true;
    ptrace(PTRACE_GETEVENTMSG, tid, NULL, &status);
    count_thread(t, p, tid);
    thread_remove(t, p, tid);
    if (p->threads == 0)
        count_io(t, p, tid);
    if (tid == p->pid)
        p->awaited = !is_our_child(t, tid);
    bool keep = tid == p->pid && p->awaited;
    if (p->threads == 0 && !p->awaited)
        announce_end(t, p, tid, (int)status, true);
    return !keep;
}

static int wait_status(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        return (info->si_status & 0xff) << 8;
    return info->si_status | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

/*
 * A zombie: a process whose every thread has ended, or a thread that was killed once more as it
 * exited and so did not stop to say so. Having been waited for by us it is shown to its parent. But
 * one whose parent is the recorder itself by now is left to it.
 */
static void take_dead(struct tracer *t, const siginfo_t *info)
{
    pid_t tid = info->si_pid;
    siginfo_t taken;
    struct traced *p = process_of_pid(t, tid);
    if (p == NULL && (p = process_of_thread(t, tid)) == NULL)
        p = introduce(t, tid);
    bool leads = p == NULL ? is_process(tid) : p->pid == tid;
    bool ours = leads && is_our_child(t, tid);
    if (leads && p != NULL) {
        threads_remove_all(t, p);
        announce_end(t, p, tid, wait_status(info), false);
    } else if (p != NULL) {
        thread_remove(t, p, tid);
        if (p->threads == 0 && !p->awaited)
            announce_end(t, p, tid, wait_status(info), true);
    }
    if (ours)
        t->left = tid;
    else
        waitid(P_PID, (id_t)tid, &taken, WEXITED | WNOHANG | OURS);
}

/* ---- stops ---- */

/*
 * Fails where it was killed in this stop. It may be in another one by now, which is then the next that
 * is seen.
 */
static void request(enum __ptrace_request what, pid_t tid, int signal)
{
    ptrace(what, tid, NULL, pointer((uintptr_t)signal));
}

static bool stops(int signal)
{
    return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/*
 * Of a process that a signal stops each thread comes, and stays until SIGCONT; each then comes again,
 * with SIGTRAP, as does a new one. It is stopped once the last has come.
 */
static void take_group_stop(struct tracer *t, struct traced *p, pid_t tid, int signal)
{
    if (p != NULL && stops(signal)) {
        if (++p->stopped >= p->threads)
            t->sink.stop(t->sink.user, p->pid, signal);
    } else if (p != NULL) {
        p->stopped = 0;
        t->sink.stop(t->sink.user, p->pid, 0);
    }
    request(stops(signal) ? PTRACE_LISTEN : PTRACE_CONT, tid, 0);
}

static void take_stop(struct tracer *t, pid_t tid, int status)
{
    int event = status >> 8, signal = status & 0xff;
    struct traced *p = process_of_thread(t, tid);
    if (p == NULL)
        p = introduce(t, tid);
    switch (event) {
    case 0: /* about to get a signal, which stays as it is, sender and all */
        request(PTRACE_CONT, tid, signal);
        return;
    case PTRACE_EVENT_STOP: take_group_stop(t, p, tid, signal); return;
    case PTRACE_EVENT_EXIT:
        request(take_exit(t, p, tid) ? PTRACE_DETACH : PTRACE_CONT, tid, 0);
        return;
    case PTRACE_EVENT_CLONE: introduce_thread(t, p, tid); break;
    case PTRACE_EVENT_EXEC: take_exec(t, p, tid); break;
    }
    request(PTRACE_CONT, tid, 0);
}

/* While the recorder has not reaped its child, waiting for ends would give that one again and again. */
static int wait_beside(struct tracer *t, siginfo_t *ret)
{
    if (waitid(P_PID, (id_t)t->left, ret, WEXITED | WNOWAIT | WNOHANG | OURS) != 0 ||
        ret->si_pid == 0)
        t->left = 0;
    ret->si_pid = 0;
    int r = waitid(P_ALL, 0, ret, WSTOPPED | WNOWAIT | WNOHANG | OURS);
    if (r == 0 && ret->si_pid == 0 && t->left != 0)
        nanosleep(&(struct timespec){.tv_nsec = LEFT_NS}, NULL);
    return r;
}

void tracer_run(struct tracer *t, const atomic_bool *stop)
{
    while (!atomic_load(stop)) {
        siginfo_t info = {0};
        int r = t->left != 0 ? wait_beside(t, &info)
                             : waitid(P_ALL, 0, &info, WSTOPPED | WEXITED | WNOWAIT | OURS);
        if (r != 0 && errno == EINTR)
            continue;
        if (r != 0)
            return; /* ECHILD: nobody is left */
        if (info.si_pid == 0)
            continue;
        if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
            take_stop(t, info.si_pid, info.si_status);
        else
            take_dead(t, &info);
    }
}

/* ---- the beginning ---- */

static void on_found(void *user, const struct follow_birth *birth)
{
    struct tracer *t = user;
    if (t->found_count == t->found_cap) {
        size_t cap = t->found_cap == 0 ? 64 : t->found_cap * 2;
        pid_t *grown = realloc(t->found, cap * sizeof *grown);
        if (grown == NULL)
            return;
        t->found = grown;
        t->found_cap = cap;
    }
    t->found[t->found_count++] = birth->pid;
    t->sink.birth(t->sink.user, birth);
}

static uint32_t on_lost(void *user, const struct follow_end *end)
{
    struct tracer *t = user;
    t->sink.end(t->sink.user, end, &(struct record_account){0});
    return 0;
}

static bool is_traced_by_us(const struct tracer *t, pid_t tid)
{
    return tracer_thread(&t->root, tid).tracer == gettid();
}

static bool is_dead(const struct tracer *t, pid_t tid)
{
    struct process_files files = process_files_unkept(tid);
    struct proc_stat stat;
    return proc_stat_read(&t->root, &files, &stat) != 0 || stat.value[STAT_STATE] == 'Z' ||
           stat.value[STAT_STATE] == 'X';
}

/* 1 when it is traced now, be it that a clone came in first; 0 when it is gone; -errno. */
static int seize(struct tracer *t, struct traced *p, pid_t tid)
{
    if (ptrace(PTRACE_SEIZE, tid, NULL, pointer(OPTIONS)) != 0) {
        int error = errno;
        if (error == ESRCH || (!is_traced_by_us(t, tid) && is_dead(t, tid)))
            return 0;
        if (!is_traced_by_us(t, tid))
            return -error;
    }
    return thread_add(t, p, tid) == 0 ? 1 : -ENOMEM;
}

/* Seizes those of its threads that are not yet. How many, or -errno with a reason. */
static int seize_listed(struct tracer *t, struct traced *p, struct follow_reason *ret_why)
{
    struct numbered_entries entries;
    struct process_files files = process_files_unkept(p->pid);
    _close_ int fd = process_files_open_below(&t->root, &files, "task", O_RDONLY | O_DIRECTORY);
    uint64_t tid;
    int seized = 0;
    if (fd < 0)
        return 0;
    numbered_entries_init(&entries, fd);
    while (numbered_entries_next(&entries, &tid) == 1) {
        if (map_get(&t->threads, (uint32_t)tid) != NULL)
            continue;
        int r = seize(t, p, (pid_t)tid);
        if (r < 0)
            return tracer_refusal(&t->root, (pid_t)tid, r, ret_why);
        seized += r;
    }
    return seized;
}

/* Until a whole listing had nobody new: who is made from then on is made by one that is seized. */
static int seize_process(struct tracer *t, pid_t pid, struct follow_reason *ret_why)
{
    struct traced *p = process_new(t, pid);
    int r;
    if (p == NULL)
        return follow_fail(ret_why, -ENOMEM, "no memory");
    do
        r = seize_listed(t, p, ret_why);
    while (r > 0);
    if (p->threads == 0)
        process_free(t, p);
    return r;
}

static int seize_found(struct tracer *t, struct follow_reason *ret_why)
{
    int r = 0;
    for (size_t i = 0; i < t->found_count && r == 0; i++)
        r = seize_process(t, t->found[i], ret_why);
    t->found_count = 0;
    return r;
}

static int seize_tree(struct tracer *t, const struct follow_config *config,
                      struct follow_reason *ret_why)
{
    int r = members_admit_roots(&t->members, config);
    if (r != 0)
        return follow_fail(ret_why, r, "cannot read /proc: %s", strerror(-r));
    r = seize_found(t, ret_why);
    while (r == 0 && !config->launched) {
        r = members_list(&t->members);
        if (r != 0)
            return follow_fail(ret_why, r, "cannot read /proc: %s", strerror(-r));
        members_resolve(&t->members, false);
        if (t->found_count == 0)
            break;
        r = seize_found(t, ret_why);
    }
    return r;
}

int tracer_begin(struct tracer *t, const struct follow_config *config,
                 const struct tracer_sink *sink, struct follow_reason *ret_why)
{
    struct follow_sink found = {.user = t, .birth = on_found, .ended = on_lost};
    *t = (struct tracer){.root = *config->root, .sink = *sink};
    members_init(&t->members, config, &found);
    int r = seize_tree(t, config, ret_why);
    members_done(&t->members);
    free(t->found);
    t->found = NULL;
    return r;
}

void tracer_done(struct tracer *t)
{
    for (size_t i = 0; i < t->processes.cap; i++)
        if (t->processes.slots[i].key != 0)
            free(pointer((uintptr_t)t->processes.slots[i].value));
    map_done(&t->processes);
    map_done(&t->threads);
    buffer_done(&t->exe);
    buffer_done(&t->argv);
}
