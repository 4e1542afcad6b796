#include "sample/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sample/sampler_state.h"
#include "source/task_clock.h"

#define MACHINE_EVERY_NS (NS_PER_S / 2)
#define MACHINE_ALL_EVERY_NS NS_PER_S
#define CGROUP_EVERY_NS NS_PER_S
#define TELL_EVERY_NS NS_PER_S
#define TO_REAP_MAX 65536
#define CLOCKS_FROM 64 /* processes from which on their clocks are worth a program of their own */
#define SETTLE_NS (NS_PER_S / 2) /* for the last accounts: a grace period of the kernel, or two */
#define BIT(metric) (UINT64_C(1) << (metric))

struct process *sampler_process_lately(const struct sampler *s, pid_t pid)
{
    const uint64_t *at = map_get(&s->by_pid, (uint32_t)pid);
    return at == NULL ? NULL : (struct process *)(uintptr_t)*at;
}

struct process *sampler_process(const struct sampler *s, pid_t pid)
{
    struct process *p = sampler_process_lately(s, pid);
    return p == NULL || p->ended ? NULL : p;
}

/* ---- what the mechanism tells ---- */

static void on_birth(void *user, const struct follow_birth *birth)
{
    sampler_admit(user, birth);
}

static void on_exec(void *user, const struct follow_exec *exec)
{
    struct sampler *s = user;
    struct process *p = sampler_process(s, exec->pid);
    if (p != NULL)
        sampler_exec(s, p, exec);
}

/* Most are waited for by their own parents: the map is let go when it has grown. */
static void remember_to_reap(struct sampler *s, pid_t pid, uint32_t entity)
{
    if (s->to_reap.count >= TO_REAP_MAX)
        map_done(&s->to_reap);
    map_put(&s->to_reap, (uint32_t)pid, entity);
}

static uint32_t on_ended(void *user, const struct follow_end *end)
{
    struct sampler *s = user;
    struct process *p = sampler_process_lately(s, end->pid);
    if (p == NULL)
        return 0;
    uint32_t entity = p->entity;
    if (end->comm[0] != '\0')
        sampler_rename(s, p, end->comm);
    if (s->reaps && !p->ended)
        remember_to_reap(s, end->pid, entity);
    sampler_end(s, p, end->time_ns, end->status, NULL);
    return entity;
}

static void on_account(void *user, const struct record_account *account)
{
    struct sampler *s = user;
    s->sink.record(s->sink.user, &(struct record){.type = RECORD_ACCOUNT, .account = *account});
}

struct follow_sink sampler_follow_sink(struct sampler *s)
{
    return (struct follow_sink){
        .user = s, .birth = on_birth, .exec = on_exec, .ended = on_ended, .account = on_account};
}

int sampler_follow(struct sampler *s, const struct follow_mechanism *const *among,
                   const struct follow_mechanism *mechanism, const struct follow_config *config,
                   struct follow_reason *ret_why)
{
    struct follow_sink sink = sampler_follow_sink(s);
    s->now_ns = clock_mono_ns();
    int r = follow_open(among, mechanism, config, &sink, &s->mechanism, &s->follow, ret_why);
    if (r != 0)
        return r;
    s->tells = s->mechanism->tells;
    sink_fact_text(&s->sink, "follow", s->mechanism->name);
    /* A check on sums of samples, at some microseconds a process: accounts need none. */
    if (config->launched && (s->tells & FOLLOW_TELLS_ACCOUNTS) == 0)
        s->task_clock_fd = task_clock_open(config->roots[0]);
    return 0;
}

bool sampler_knows_execs(const struct sampler *s)
{
    return (s->tells & FOLLOW_TELLS_EXECS) != 0;
}

int sampler_follow_fd(const struct sampler *s)
{
    return s->follow == NULL || s->mechanism->fd == NULL ? -1 : s->mechanism->fd(s->follow);
}

int sampler_stopped_by(struct sampler *s)
{
    bool traces = s->follow != NULL && s->mechanism->stopped_by != NULL;
    return traces ? s->mechanism->stopped_by(s->follow) : -1;
}

void sampler_hear(struct sampler *s, uint64_t now_ns)
{
    if (s->follow == NULL || s->mechanism->poll(s->follow, now_ns) == 0 || s->follow_failed)
        return;
    s->follow_failed = true;
    sink_note(&s->sink, now_ns, "births could not be looked for: processes may be missing");
}

/* ---- one tick ---- */

/* A value that was never known is 0 in `value`, and so adds nothing. */
static struct tree_sums sums_of(const struct process *p)
{
    if (p->ended || p->zombie)
        return (struct tree_sums){0};
    return (struct tree_sums){
        .processes = 1,
        .threads = (p->known & BIT(PROCESS_THREADS)) != 0 ? p->value[PROCESS_THREADS] : 1,
        .rss = p->value[PROCESS_RSS],
        .pss = p->value[PROCESS_PSS],
        .swap = p->value[PROCESS_SWAP],
        .fds = p->value[PROCESS_FDS],
        .tcp_established = p->value[PROCESS_TCP_ESTABLISHED],
        .tcp_listening = p->value[PROCESS_TCP_LISTENING],
    };
}

void sampler_count(struct sampler *s, struct process *p)
{
    struct tree_sums now = sums_of(p), *sums = &s->sums;
    const struct tree_sums *before = &p->counted;
    sums->processes += now.processes - before->processes;
    sums->threads += now.threads - before->threads;
    sums->rss += now.rss - before->rss;
    sums->pss += now.pss - before->pss;
    sums->swap += now.swap - before->swap;
    sums->fds += now.fds - before->fds;
    sums->tcp_established += now.tcp_established - before->tcp_established;
    sums->tcp_listening += now.tcp_listening - before->tcp_listening;
    s->sums_known |= p->known;
    p->counted = now;
}

static void put_tree(struct sampler *s)
{
    const struct tree_sums *sums = &s->sums;
    uint64_t *v = s->tree_value;
    v[TREE_PROCESSES] = sums->processes;
    v[TREE_THREADS] = sums->threads;
    v[TREE_RSS] = sums->rss;
    v[TREE_PSS] = sums->pss;
    v[TREE_SWAP] = sums->swap;
    v[TREE_FDS] = sums->fds;
    v[TREE_TCP_ESTABLISHED] = sums->tcp_established;
    v[TREE_TCP_LISTENING] = sums->tcp_listening;
    uint64_t known = BIT(TREE_PROCESSES) | BIT(TREE_THREADS) | BIT(TREE_RSS);
    known |= (s->sums_known & BIT(PROCESS_PSS)) != 0 ? BIT(TREE_PSS) : 0;
    known |= (s->sums_known & BIT(PROCESS_SWAP)) != 0 ? BIT(TREE_SWAP) : 0;
    known |= (s->sums_known & BIT(PROCESS_FDS)) != 0 ? BIT(TREE_FDS) : 0;
    if ((s->sums_known & BIT(PROCESS_TCP_ESTABLISHED)) != 0)
        known |= BIT(TREE_TCP_ESTABLISHED) | BIT(TREE_TCP_LISTENING);
    uint32_t groups = 1u << TREE_GROUP_SUMS;
    struct rusage usage;
    if (s->reaps && getrusage(RUSAGE_CHILDREN, &usage) == 0) {
        v[TREE_REAPED_USER] = timeval_ns(usage.ru_utime);
        v[TREE_REAPED_SYSTEM] = timeval_ns(usage.ru_stime);
        known |= BIT(TREE_REAPED_USER) | BIT(TREE_REAPED_SYSTEM);
        groups |= 1u << TREE_GROUP_REAPED;
    }
    s->sink.put(s->sink.user, s->tree, ENTITY_TREE, groups, false, v, known);
}

static uint64_t own_cpu_ns(const struct sampler *s)
{
    return clock_ns(s->in_program ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID);
}

static void put_recorder(struct sampler *s)
{
    uint64_t value[RECORDER_METRICS] = {0}, statm[STATM_FIELDS];
    uint64_t known = BIT(RECORDER_CPU) | BIT(RECORDER_BYTES_WRITTEN);
    char text[128];
    uint32_t valid = 0;
    value[RECORDER_CPU] = own_cpu_ns(s);
    value[RECORDER_BYTES_WRITTEN] = s->sink.bytes_written(s->sink.user);
    ssize_t n = s->in_program ? 0 : source_read_kept(s->statm_fd, text, sizeof text);
    if (n > 0 && proc_statm_parse(&s->root, text, (size_t)n, statm, &valid) == 0 &&
        (valid & 1u << STATM_RSS) != 0) {
        value[RECORDER_RSS] = statm[STATM_RSS];
        known |= BIT(RECORDER_RSS);
    }
    s->sink.put(s->sink.user, s->recorder, ENTITY_RECORDER, 1, false, value, known);
}

/* Results of slow looks become part of this tick; what ended meanwhile is freed. */
static void take_details(struct sampler *s)
{
    if (s->detail == NULL)
        return;
    for (struct process *p = detail_take(s->detail), *next; p != NULL; p = next) {
        next = p->next_detail;
        if (p->in_limbo) {
            sampler_drop(s, p);
            continue;
        }
        p->detail_ready = true;
        s->slots[p->slot].due_ns = 0;
    }
}

/* A process that ended since the last tick: its final values are put, then it is dropped. */
static void put_final(struct sampler *s, struct process *p)
{
    if (p->final_groups != 0 && p->handle != NULL)
        s->sink.put(s->sink.user, p->handle, ENTITY_PROCESS, p->final_groups, false, p->value,
                    p->known);
}

/* Takes those that ended out of the slots. */
static void drop_ended(struct sampler *s)
{
    size_t kept = 0, oldest_kept = s->oldest_kept;
    for (size_t i = 0; i < s->count; i++) {
        struct process *p = s->slots[i].process;
        if (s->slots[i].pid == 0) {
            s->ended_cpu_ns += s->slots[i].cpu_ns;
            put_final(s, p);
            sampler_drop(s, p);
            oldest_kept -= i < s->oldest_kept;
            continue;
        }
        if (kept != i) {
            s->slots[kept] = s->slots[i];
            p->slot = kept;
        }
        kept++;
    }
    s->count = kept;
    s->oldest_kept = oldest_kept;
}

/* Where ends are told, this one's lies ready: it knows the moment and the status. */
static void end_vanished(struct sampler *s, struct process *p)
{
    if ((s->tells & FOLLOW_TELLS_ENDS) != 0)
        sampler_hear(s, s->now_ns);
    sampler_end(s, p, 0, -1, NULL);
}

/*
 * What a clock found before serves again for the same process while it has one thread and no exec
 * can have gone unnoticed.
 */
static void ask_clock(const struct sampler *s, const struct slot *slot, struct cpu_clock *clock)
{
    bool known = clock->pid == (uint32_t)slot->pid && clock->cpu_ns == slot->cpu_ns;
    if (!known || slot->threads || (s->tells & FOLLOW_TELLS_EXECS) == 0)
        clock->task = 0;
    clock->pid = (uint32_t)slot->pid;
}

/* Fills in the clocks of the slots from `first` on. */
static void read_clocks(struct sampler *s, size_t first)
{
    if (!s->clocks_tried && !s->in_program && s->count >= CLOCKS_FROM) {
        s->clocks_tried = true;
        cpu_clocks_open(&s->clocks); /* where it does not work each clock is read by itself */
    }
    s->clocks_first = s->clocks_end = first;
    if (s->clocks.programs == NULL || s->count < CLOCKS_FROM)
        return;
    size_t n = s->count - first < CPU_CLOCKS_MAX ? s->count - first : CPU_CLOCKS_MAX;
    for (size_t i = 0; i < n; i++)
        ask_clock(s, &s->slots[first + i], &s->clocks.clock[i]);
    if (cpu_clocks_read(&s->clocks, n) == 0)
        s->clocks_end = first + n;
}

/* False when the process of the slot is gone. */
static bool sample_slot(struct sampler *s, size_t i)
{
    if (i >= s->clocks_end)
        read_clocks(s, i);
    if (i < s->clocks_end &&
        process_stood_still(s, &s->slots[i], s->clocks.clock[i - s->clocks_first].cpu_ns))
        return true;
    return process_sample(s, &s->slots[i]);
}

static void sample_processes(struct sampler *s)
{
    bool any_ended = false;
    s->asked = s->detail != NULL && detail_idle(s->detail) ? 0 : SIZE_MAX;
    s->ran = 0;
    s->clocks_end = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->slots[i].pid != 0 && !sample_slot(s, i))
            end_vanished(s, s->slots[i].process);
        any_ended |= s->slots[i].pid == 0;
    }
    if (any_ended)
        drop_ended(s);
    s->ran_before = s->ran;
}

static void record_late(struct sampler *s, uint64_t late_ns, uint64_t skipped)
{
    struct record r = {.type = RECORD_LATE,
                       .late = {.time_ns = s->now_ns, .late_ns = late_ns, .skipped = skipped}};
    s->sink.record(s->sink.user, &r);
}

static bool due(uint64_t *at_ns, uint64_t now_ns, uint64_t every_ns)
{
    if (now_ns < *at_ns)
        return false;
    *at_ns = now_ns + every_ns - every_ns / 16; /* ticks jitter: never skip to the one after */
    return true;
}

int sampler_patience_ms(const struct sampler *s)
{
    return s->young.count > 0 ? YOUNG_LOOK_MS : -1;
}

/* Where nobody tells execs: one that was seen just before its exec need not live to see a tick. */
static void look_over(struct sampler *s, uint64_t now_ns)
{
    const struct young *young;
    while ((young = young_to_look_over(&s->young, now_ns)) != NULL) {
        struct process *p = sampler_process(s, young->pid);
        struct process_files files = process_files_unkept(young->pid);
        struct proc_stat stat;
        if (p != NULL && p->entity == young->entity &&
            proc_stat_read(&s->root, &files, &stat) == 0 &&
            (p->start_ticks == 0 || p->start_ticks == stat.start_ticks)) {
            s->now_ns = now_ns;
            sampler_look_over(s, p, &stat);
        }
    }
}

void sampler_look_at_young(struct sampler *s, uint64_t now_ns)
{
    if ((s->tells & FOLLOW_TELLS_EXECS) == 0)
        look_over(s, now_ns);
    pid_t gone[YOUNG_MAX];
    size_t n = young_look(&s->young, now_ns, gone);
    if (n > 0 && (s->tells & FOLLOW_TELLS_ENDS) != 0)
        sampler_hear(s, now_ns); /* their ends lie ready */
    for (size_t i = 0; i < n; i++) {
        struct process *p = sampler_process(s, gone[i]);
        if (p != NULL && p->stage == STAGE_TOLD)
            sampler_end(s, p, now_ns, -1, NULL);
    }
}

static void tell_if_new(struct sampler *s, const char *key, uint64_t now, uint64_t *before)
{
    if (now != *before)
        sink_fact_number(&s->sink, key, now);
    *before = now;
}

static void tell(struct sampler *s)
{
    uint64_t clock_ns;
    missing_tell(&s->missing, &s->sink);
    if (s->follow == NULL)
        return;
    if (s->task_clock_fd >= 0 && task_clock_read(s->task_clock_fd, &clock_ns) == 0)
        tell_if_new(s, "task_clock_ns", clock_ns, &s->task_clock_ns);
    struct follow_receipt now, *told = &s->receipt;
    s->mechanism->receipt(s->follow, &now);
    tell_if_new(s, "follow_births", now.births, &told->births);
    tell_if_new(s, "follow_missed", now.missed, &told->missed);
    tell_if_new(s, "pids_given_out", now.pids_given_out, &told->pids_given_out);
    tell_if_new(s, "follow_lost_events", now.lost_events, &told->lost_events);
    tell_if_new(s, "follow_resyncs", now.resyncs, &told->resyncs);
    if (now.missed_is_bound && !told->missed_is_bound)
        sink_fact_number(&s->sink, "follow_missed_is_bound", 1);
    told->missed_is_bound = now.missed_is_bound;
}

void sampler_tick(struct sampler *s, uint64_t now_ns, uint64_t late_ns, uint64_t skipped)
{
    s->now_ns = now_ns;
    s->tick++;
    s->sink.tick(s->sink.user, now_ns);
    if (skipped > 0 || late_ns > s->interval_ns / 2)
        record_late(s, late_ns, skipped);
    sampler_hear(s, now_ns);
    sampler_take_told(s);
    take_details(s);
    if (s->guest.tick != NULL)
        s->guest.tick(s->guest.user, s);
    if (s->processes) {
        sample_processes(s);
        put_tree(s);
    }
    uint64_t times = s->in_program ? 4 : 1;
    if (due(&s->machine_ns, now_ns, times * MACHINE_EVERY_NS))
        machine_sample(s->machine, now_ns,
                       due(&s->machine_all_ns, now_ns, times * MACHINE_ALL_EVERY_NS), &s->missing);
    if (due(&s->energy_ns, now_ns, times * NS_PER_S))
        machine_sample_energy(s->machine, now_ns, &s->missing);
    if (s->cgroup != NULL)
        cgroup_sample(s->cgroup, now_ns, sampler_process(s, s->cgroup_pid) != NULL,
                      due(&s->cgroup_ns, now_ns, times * CGROUP_EVERY_NS), &s->missing);
    if (due(&s->recorder_ns, now_ns, NS_PER_S))
        put_recorder(s);
    if (due(&s->told_ns, now_ns, TELL_EVERY_NS))
        tell(s);
    s->sink.tick_end(s->sink.user);
}

void sampler_last_tick(struct sampler *s, uint64_t now_ns)
{
    s->cgroup_ns = s->energy_ns = 0;
    sampler_tick(s, now_ns, 0, 0);
}

int sampler_watch_cgroup(struct sampler *s, pid_t pid)
{
    s->cgroup_pid = pid;
    return cgroup_sampler_new(&s->root, pid, &s->sink, &s->next_entity, &s->cgroup);
}

/* ---- our own children ---- */

/* One that nobody told of; NULL when it cannot be read. */
static struct process *admit_untold(struct sampler *s, pid_t pid, bool root)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    if (proc_stat_read(&s->root, &files, &stat) != 0)
        return NULL;
    struct follow_birth birth = {.pid = pid,
                                 .parent_pid = stat.parent_pid,
                                 .process_group = stat.process_group,
                                 .session = stat.session,
                                 .uid = UINT32_MAX,
                                 .start_boot_ns = stat.start_ticks * s->root.tick_ns,
                                 .start_stack = stat.start_stack,
                                 .root = root,
                                 .forked = !root};
    memcpy(birth.comm, stat.comm, sizeof birth.comm);
    if (!root) /* in steps of the kernel's tick, down: not after what it did first */
        birth.time_ns = s->now_ns - (clock_boot_ns() - birth.start_boot_ns);
    return sampler_admit(s, &birth);
}

/* Gone by now: all that is known of it is that it was there. */
static void admit_gone(struct sampler *s, pid_t pid, uint64_t since_ns)
{
    const struct follow_birth birth = {.pid = pid,
                                       .parent_pid = getpid(),
                                       .uid = UINT32_MAX,
                                       .time_ns = since_ns,
                                       .forked = true,
                                       .fresh = true};
    sampler_admit(s, &birth);
}

void sampler_found(struct sampler *s, pid_t pid, uint64_t since_ns)
{
    s->now_ns = clock_mono_ns();
    if (sampler_process(s, pid) == NULL && admit_untold(s, pid, since_ns == 0) == NULL)
        admit_gone(s, pid, since_ns);
}

void sampler_before_reap(struct sampler *s, pid_t pid)
{
    if ((s->tells & FOLLOW_TELLS_ENDS) != 0)
        sampler_hear(s, clock_mono_ns());
    struct process *p = sampler_process_lately(s, pid);
    if ((p != NULL && p->ended) || map_get(&s->to_reap, (uint32_t)pid) != NULL)
        return;
    if (p == NULL && (p = admit_untold(s, pid, false)) == NULL)
        return;
    s->now_ns = clock_mono_ns();
    if (p->stage == STAGE_SAMPLED)
        process_sample_final(s, p);
}

void sampler_reaped(struct sampler *s, pid_t pid, int status, const struct rusage *usage)
{
    struct process *p = sampler_process_lately(s, pid);
    const uint64_t *ended = map_get(&s->to_reap, (uint32_t)pid);
    if (p != NULL)
        sampler_end(s, p, 0, status, usage);
    else if (ended != NULL)
        sampler_record_exit(s, (uint32_t)*ended, 0, status, usage);
    map_remove(&s->to_reap, (uint32_t)pid);
}

size_t sampler_alive(const struct sampler *s)
{
    return s->sums.processes;
}

bool sampler_has(const struct sampler *s, pid_t pid)
{
    return sampler_process(s, pid) != NULL;
}

/* ---- beginning and end ---- */

static void *entity_new(struct sampler *s, unsigned kind)
{
    struct record r = {
        .type = RECORD_ENTITY,
        .entity = {.entity = s->next_entity, .kind = kind, .time_ns = clock_mono_ns()}};
    s->sink.record(s->sink.user, &r);
    return s->sink.add(s->sink.user, s->next_entity++, kind);
}

int sampler_new(const struct sampler_config *config, struct sampler **ret)
{
    struct sampler *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    s->root = *config->root;
    s->facts = config->facts;
    s->sink = *config->sink;
    s->interval_ns = config->interval_ns;
    s->reaps = config->reaps;
    s->processes = config->processes;
    s->in_program = config->in_program;
    s->descriptors = config->descriptors;
    if (config->guest != NULL)
        s->guest = *config->guest;
    s->next_entity = 1;
    s->task_clock_fd = -1;
    s->statm_fd = openat(s->root.proc_fd, "self/statm", O_RDONLY | O_CLOEXEC);
    int r = machine_sampler_new(&s->root, &s->sink, &s->next_entity, &s->machine);
    if (r == 0 && s->processes && !s->in_program)
        r = detail_new(&s->root, s->facts, &s->detail);
    s->tree = s->processes ? entity_new(s, ENTITY_TREE) : NULL;
    s->recorder = entity_new(s, ENTITY_RECORDER);
    if (r == 0 && ((s->processes && s->tree == NULL) || s->recorder == NULL))
        r = -ENOMEM;
    if (r != 0) {
        sampler_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

/* Only those are left in the map by now. */
static void drop_unlooked(struct sampler *s)
{
    struct map left = s->by_pid;
    s->by_pid = (struct map){0};
    for (size_t i = 0; i < left.cap; i++)
        if (left.slots[i].key != 0)
            sampler_drop(s, (struct process *)(uintptr_t)left.slots[i].value); /* NOLINT */
    map_done(&left);
}

void sampler_free(struct sampler *s)
{
    if (s == NULL)
        return;
    if (s->follow != NULL)
        s->mechanism->close(s->follow);
    for (struct process *p = detail_free(s->detail), *next; p != NULL; p = next) {
        next = p->next_detail;
        if (p->in_limbo)
            sampler_drop(s, p);
    }
    for (size_t i = 0; i < s->count; i++) {
        s->slots[i].process->handle = NULL; /* it was there at the last tick: it is not removed */
        sampler_drop(s, s->slots[i].process);
    }
    for (size_t i = 0; i < s->told_count; i++)
        sampler_drop(s, s->told[i]);
    drop_unlooked(s);
    machine_sampler_free(s->machine);
    cgroup_sampler_free(s->cgroup);
    cpu_clocks_close(&s->clocks);
    map_done(&s->by_pid);
    map_done(&s->to_reap);
    buffer_done(&s->argv);
    buffer_done(&s->exe);
    buffer_done(&s->cwd);
    free(s->slots);
    free(s->told);
    if (s->statm_fd >= 0)
        close(s->statm_fd);
    if (s->task_clock_fd >= 0)
        close(s->task_clock_fd);
    free(s);
}

/* VmHWM, which begins anew with exec, where rusage remembers the program before. 0 unknown. */
static uint64_t own_peak_rss(const struct sampler *s)
{
    char text[4096];
    uint64_t value[STATUS_FIELDS];
    uint32_t valid = 0;
    ssize_t n = source_read_at(s->root.proc_fd, "self/status", text, sizeof text);
    if (n <= 0 || proc_status_parse(text, (size_t)n, value, &valid) != 0 ||
        (valid & 1u << STATUS_PEAK_RSS) == 0)
        return 0;
    return value[STATUS_PEAK_RSS];
}

void sampler_finish(struct sampler *s)
{
    struct rusage usage;
    if (s->follow != NULL && s->mechanism->settle != NULL)
        s->mechanism->settle(s->follow, SETTLE_NS);
    tell(s);
    sink_fact_number(&s->sink, "processes_seen", s->seen);
    if (s->reaps && getrusage(RUSAGE_CHILDREN, &usage) == 0) {
        sink_fact_number(&s->sink, "reaped_user_ns", timeval_ns(usage.ru_utime));
        sink_fact_number(&s->sink, "reaped_system_ns", timeval_ns(usage.ru_stime));
    }
    uint64_t peak_rss = s->in_program ? 0 : own_peak_rss(s);
    if (peak_rss != 0)
        sink_fact_number(&s->sink, "recorder_peak_rss_bytes", peak_rss);
    sink_fact_number(&s->sink, "recorder_cpu_ns", own_cpu_ns(s));
}
