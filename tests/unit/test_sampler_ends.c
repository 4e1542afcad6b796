/* sample/sampler on real processes: how they end, what is refused, the machine, the last words. */
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>

#include "source/pidfd.h"
#include "test_sampler_sink.h"

/* ---- bodies of children ---- */

static void exits_with_7(struct child *child)
{
    child_step(child);
    burn_ms(30);
    _exit(7);
}

static void *wait_in_thread(void *arg)
{
    for (;;)
        pause();
    return arg;
}

/* Threads, descriptors and MiB as many as `number[1]` says, and a listening socket. */
static void holds(struct child *child)
{
    child_step(child);
    size_t n = (size_t)child->number[1];
    pthread_t thread;
    for (size_t i = 0; i < n; i++) {
        pthread_create(&thread, NULL, wait_in_thread, NULL);
        open("/dev/null", O_RDONLY);
    }
    void *memory = mmap(NULL, n * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 1, n * MIB);
    listen(socket(AF_INET, SOCK_STREAM, 0), 1);
    burns(child);
}

static struct child *started(void (*body)(struct child *child))
{
    struct child *child = child_start(body);
    child_wait(child);
    return child;
}

static void end_and_reap(struct child *child)
{
    sem_post(&child->go);
    child_reap(child);
    child_free(child);
}

/* ---- ends ---- */

/* Whether this kernel tells the status of a process that somebody has reaped. */
static bool kernel_tells_status(void)
{
    struct child *child = started(exits_with_7);
    int fd = pidfd_of(child->pid), status;
    end_and_reap(child);
    bool tells = fd >= 0 && pidfd_exit_status(fd, &status) == 0;
    close(fd);
    return tells;
}

static void an_end_is_recorded_once(void **state)
{
    bool told = kernel_tells_status();
    struct child *first = started(exits_with_7), *second = started(waits);
    const pid_t pids[] = {first->pid, second->pid};
    start(true, false, 1000);
    follow(pids, 2, false);
    tick_at(0);
    assert_int_equal(sampler_alive(sampler), 2);
    uint64_t before_ns = clock_mono_ns();
    end_and_reap(first);
    tick_at(100);
    assert_int_equal(sampler_alive(sampler), 1);
    assert_false(sampler_has(sampler, pids[0]));
    assert_true(sampler_has(sampler, pids[1]));
    assert_null(last_put(pids[0]));
    assert_true(entities[entity_of(pids[0])].removed);
    tick_at(200);
    child_kill(second);
    tick_at(300);
    tick_at(400);
    assert_int_equal(sampler_alive(sampler), 0);
    struct record_exit exit[2];
    for (int i = 0; i < 2; i++) {
        exit[i] = only_record(RECORD_EXIT, entity_of(pids[i])).exit;
        assert_true(exit[i].time_ns >= before_ns && exit[i].time_ns <= clock_mono_ns());
        assert_int_equal(exit[i].flags & EXIT_RUSAGE, 0);
    }
    if (!told) {
        print_message("# the status of a reaped process is told since Linux 6.15\n");
        skip();
    }
    assert_int_equal(exit[0].flags, EXIT_STATUS);
    assert_int_equal(exit[0].status, 7 << 8);
    assert_int_equal(exit[1].flags, EXIT_STATUS);
    assert_int_equal(exit[1].status, SIGKILL);
}

/* Its stat tells the status; while nobody has waited for it, it is not over, but does not live. */
static void a_zombie_does_not_live(void **state)
{
    struct child *child = started(exits_with_7), *other = started(waits);
    const pid_t pids[] = {child->pid, other->pid};
    start(true, false, 0); /* none to spare for a pidfd, that would tell the status too */
    follow(pids, 2, false);
    tick_at(0);
    sem_post(&child->go);
    child_wait_zombie(child);
    tick_at(100);
    assert_int_equal(value_of(pids[0], PROCESS_STATE), 'Z');
    assert_int_equal(count_records(RECORD_EXIT, 0), 0);
    assert_int_equal(sampler_alive(sampler), 1);
    assert_true(sampler_has(sampler, pids[0]));
    tick_at(200);
    assert_true(last_put(pids[0])->idle);
    child_reap(child);
    child_free(child);
    tick_at(300);
    struct record_exit exit = only_record(RECORD_EXIT, entity_of(pids[0])).exit;
    assert_int_equal(exit.flags, EXIT_STATUS);
    assert_int_equal(exit.status, 7 << 8);
    child_kill(other);
}

static void assert_rusage(const struct record_exit *exit, const struct rusage *usage)
{
    assert_int_equal(exit->user_ns,
                     usage->ru_utime.tv_sec * 1000000000L + usage->ru_utime.tv_usec * 1000L);
    assert_int_equal(exit->system_ns,
                     usage->ru_stime.tv_sec * 1000000000L + usage->ru_stime.tv_usec * 1000L);
    assert_int_equal(exit->peak_rss_bytes, usage->ru_maxrss * 1024);
    assert_int_equal(exit->minor_faults, usage->ru_minflt);
    assert_int_equal(exit->major_faults, usage->ru_majflt);
    assert_int_equal(exit->read_blocks, usage->ru_inblock);
    assert_int_equal(exit->write_blocks, usage->ru_oublock);
    assert_int_equal(exit->voluntary_switches, usage->ru_nvcsw);
    assert_int_equal(exit->involuntary_switches, usage->ru_nivcsw);
    assert_true(exit->peak_rss_bytes > 0 && exit->user_ns + exit->system_ns >= 29 * NS_PER_MS);
}

/* Waits for a zombie as the session does; returns its final CPU time. */
static uint64_t reap(pid_t pid, int *status, struct rusage *usage)
{
    uint64_t cpu_ns, before_ns;
    do { /* a zombie still has some microseconds to go */
        assert_int_equal(cpu_clock_read(pid, &before_ns), 0);
        usleep(1000);
        assert_int_equal(cpu_clock_read(pid, &cpu_ns), 0);
    } while (cpu_ns != before_ns);
    sampler_before_reap(sampler, pid);
    assert_int_equal(wait4(pid, status, 0, usage), pid);
    sampler_reaped(sampler, pid, *status, usage);
    return cpu_ns;
}

static void who_is_reaped_has_exact_figures(void **state)
{
    struct child *child = started(exits_with_7), *other = started(waits);
    pid_t pid = child->pid;
    const pid_t pids[] = {pid, other->pid};
    struct rusage usage;
    int status;
    start(true, true, 1000);
    follow(pids, 2, true);
    tick_at(0);
    sem_post(&child->go);
    child_wait_zombie(child);
    tick_at(100); /* a tick that sees the zombie */
    assert_int_equal(sampler_alive(sampler), 1);
    uint64_t cpu_ns = reap(pid, &status, &usage);
    assert_int_equal(sampler_alive(sampler), 1);
    assert_false(sampler_has(sampler, pid));
    struct record_exit exit = only_record(RECORD_EXIT, 0).exit;
    assert_int_equal(exit.flags, EXIT_STATUS | EXIT_RUSAGE);
    assert_int_equal(exit.status, status);
    assert_int_equal(status, 7 << 8);
    assert_rusage(&exit, &usage);

    tick_at(200);
    const struct put *p = last_put(pid);
    const uint32_t final = GROUP(GROUP_CLOCK) | GROUP(GROUP_STAT) | GROUP(GROUP_IO);
    assert_false(p->idle);
    assert_int_equal(p->groups & final, final);
    assert_int_equal(p->value[PROCESS_CPU], cpu_ns);
    const struct entity *tree = only_entity(ENTITY_TREE);
    assert_true((tree->known & BIT(TREE_REAPED_USER)) != 0);
    assert_true(tree->value[TREE_REAPED_USER] + tree->value[TREE_REAPED_SYSTEM] >=
                exit.user_ns + exit.system_ns);
    tick_at(300);
    assert_null(last_put(pid));
    assert_int_equal(count_records(RECORD_EXIT, 0), 1);
    child_free(child);
    child_kill(other);
}

/* A parent's children times are read when a child of it ends, though it sleeps. */
static void waits_for_two(struct child *child)
{
    for (int i = 0; i < 2; i++)
        child->number[i] = fork_sleeper(40);
    child_step(child);
    for (int i = 0; i < 2; i++)
        waitpid((pid_t)child->number[i], NULL, 0);
    child_step(child);
}

static void a_parent_gets_its_childrens_times(void **state)
{
    struct child *child = started(waits_for_two);
    follow_child(child);
    tick_at(0);
    assert_int_equal(sampler_alive(sampler), 3);
    await_asleep((pid_t)child->number[0]);
    await_asleep((pid_t)child->number[1]);
    tick_at(100);
    kill((pid_t)child->number[0], SIGKILL);
    kill((pid_t)child->number[1], SIGKILL);
    go_and_await(child);
    tick_at(200);
    tick_at(300);
    assert_int_equal(sampler_alive(sampler), 1);
    assert_true(value_of(child->pid, PROCESS_CHILDREN_USER) +
                    value_of(child->pid, PROCESS_CHILDREN_SYSTEM) >=
                80 * NS_PER_MS - 4 * root.tick_ns);
    child_kill(child);
}

/* It was born and ended between two ticks. */
static void an_unseen_child_is_born_and_ends(void **state)
{
    struct child *root_child = started(waits);
    struct rusage usage;
    int status;
    start(true, true, 1000);
    follow(&root_child->pid, 1, true);
    tick_at(0);
    struct child *child = started(exits_with_7);
    pid_t pid = child->pid;
    sem_post(&child->go);
    child_wait_zombie(child);
    uint64_t cpu_ns = reap(pid, &status, &usage);
    struct record_birth birth = only_record(RECORD_BIRTH, entity_of(pid)).birth;
    assert_int_equal(birth.flags, BIRTH_FORKED);
    assert_int_equal(birth.parent_pid, getpid());
    struct record_exit exit = only_record(RECORD_EXIT, entity_of(pid)).exit;
    assert_int_equal(exit.flags, EXIT_STATUS | EXIT_RUSAGE);
    assert_int_equal(exit.status, 7 << 8);
    assert_rusage(&exit, &usage);
    assert_int_equal(sampler_alive(sampler), 1);
    tick_at(100);
    assert_int_equal(last_put(pid)->value[PROCESS_CPU], cpu_ns);
    tick_at(200);
    assert_int_equal(count_records(RECORD_BIRTH, 0), 2);
    assert_int_equal(count_records(RECORD_EXIT, 0), 1);
    /* Nobody knows this one. */
    sampler_before_reap(sampler, pid);
    sampler_reaped(sampler, pid, status, &usage);
    assert_int_equal(count_records(RECORD_BIRTH, 0), 2);
    assert_int_equal(count_records(RECORD_EXIT, 0), 1);
    child_free(child);
    child_kill(root_child);
}

/* Those that are being looked at slowly end, and so does the sampler. */
static void ends_during_slow_looks(void **state)
{
    struct child *child[20];
    pid_t pids[20];
    for (int i = 0; i < 20; i++) {
        child[i] = started(waits);
        pids[i] = child[i]->pid;
    }
    start(true, false, 1000);
    follow(pids, 20, false);
    tick_at(0);
    tick_at(500); /* asks */
    for (int i = 0; i < 10; i++)
        child_kill(child[i]);
    tick_at(600);
    assert_int_equal(sampler_alive(sampler), 10);
    tick_at(1000);
    for (int i = 10; i < 20; i++)
        child_kill(child[i]);
    tick_at(1100);
    assert_int_equal(count_records(RECORD_EXIT, 0), 20);
}

/* ---- the tree ---- */

static void the_tree_is_the_sum(void **state)
{
    struct child *child[3];
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        child[i] = started(holds);
        child[i]->number[0] = 2;
        child[i]->number[1] = 2 * i + 1;
        child_go(child[i]);
        pids[i] = child[i]->pid;
    }
    start(true, true, 1000);
    follow(pids, 3, true);
    const struct entity *tree = NULL;
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    for (unsigned i = 0; tree == NULL || tree->value[TREE_TCP_LISTENING] < 3; i++) {
        assert_true(clock_mono_ns() < until);
        tick_at(i * 100); /* compares the sums, each time */
        child_go(child[i % 3]);
        tree = only_entity(ENTITY_TREE);
    }
    assert_int_equal(tree->value[TREE_PROCESSES], 3);
    assert_int_equal(tree->value[TREE_THREADS], 3 + 1 + 3 + 5);
    assert_true(tree->value[TREE_RSS] >= 9 * MIB);
    assert_true(tree->value[TREE_PSS] >= 9 * MIB);
    assert_true(tree->value[TREE_FDS] >= 9);
    child_kill(child[1]);
    tick_at(1000000);
    assert_int_equal(tree->value[TREE_PROCESSES], 2);
    assert_int_equal(tree->value[TREE_THREADS], 2 + 1 + 5);
    assert_int_equal(tree->value[TREE_TCP_LISTENING], 2);
    child_kill(child[0]);
    child_kill(child[2]);
    tick_at(1000100);
    assert_int_equal(tree->value[TREE_PROCESSES], 0);
    assert_int_equal(tree->value[TREE_RSS], 0);
}

/* Kernel threads have no memory lines in their status: what is missing adds nothing. */
static void kernel_threads_add_nothing(void **state)
{
    struct process_files files = process_files_unkept(2);
    struct proc_stat stat;
    if (proc_stat_read(&root, &files, &stat) != 0 || strcmp(stat.comm, "kthreadd") != 0) {
        print_message("# no kernel threads are to be seen here\n");
        skip();
    }
    struct child *child = started(burns);
    start(true, false, 1000);
    follow((const pid_t[]){2, child->pid}, 2, false);
    for (unsigned i = 0; i < 5; i++) {
        child_go(child);
        tick_at(i * 100);
        assert_int_equal(entities[entity_of(2)].known & BIT(PROCESS_SWAP), 0);
    }
    child_kill(child);
}

/* ---- what is refused ---- */

static struct child *refused;

static void sample_as_nobody(void)
{
    assert_int_equal(setgroups(0, NULL), 0);
    assert_int_equal(setresgid(65534, 65534, 65534), 0);
    assert_int_equal(setresuid(65534, 65534, 65534), 0);
    follow_child(refused);
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    unsigned tick = 0;
    for (; tick < 20 || missing_of(GROUP_SMAPS, EACCES) == 0; tick++) {
        assert_true(clock_mono_ns() < until);
        child_go(refused);
        tick_at(tick * 100);
        const struct put *p = last_put(refused->pid);
        assert_int_equal(p->groups & (GROUP(GROUP_IO) | GROUP(GROUP_SMAPS)), 0);
        assert_true((p->known & BIT(PROCESS_RSS)) != 0);
    }
    for (unsigned i = 0; i < 15; i++) {
        child_go(refused);
        tick_at(++tick * 100);
        usleep(1000);
    }
    assert_int_equal(missing_of(GROUP_IO, EACCES), 1);
    assert_int_equal(missing_of(GROUP_SMAPS, EACCES), 1);
    const struct entity *e = &entities[entity_of(refused->pid)];
    const uint64_t never =
        kind_group_mask(ENTITY_PROCESS, GROUP_IO) | kind_group_mask(ENTITY_PROCESS, GROUP_SMAPS);
    assert_int_equal(e->known & never, 0);
    assert_true((e->known & BIT(PROCESS_CPU)) != 0 && e->value[PROCESS_CPU] > 0);
    assert_true((e->known & BIT(PROCESS_RSS)) != 0 && e->value[PROCESS_RSS] > 0);
    assert_int_equal(only_entity(ENTITY_TREE)->known & BIT(TREE_PSS), 0);
    struct record_birth birth = only_record(RECORD_BIRTH, 0).birth;
    assert_int_equal(birth.exe.n, 0);
    assert_int_equal(birth.cwd.n, 0);
    assert_true(birth.argv.n > 0 && birth.comm.n > 0);
    assert_int_equal(birth.uid, 0);
    assert_int_equal(count_records(RECORD_EXEC, 0), 0);
}

static void what_is_refused_is_missing(void **state)
{
    if (getuid() != 0) {
        print_message("# only root can become somebody whom root's processes refuse\n");
        skip();
    }
    refused = started(burns);
    refused->number[0] = 1;
    in_child(sample_as_nobody);
    child_kill(refused);
}

/* ---- few descriptors ---- */

static uint64_t open_descriptors(void)
{
    struct process_files self = process_files_unkept(getpid());
    uint64_t n;
    assert_int_equal(proc_open_fds(&root, &self, &n), 0);
    return n;
}

static void few_descriptors_are_enough(void **state)
{
    struct child *child[30];
    pid_t pids[30];
    const uint32_t all =
        GROUP(GROUP_CLOCK) | GROUP(GROUP_MEMORY) | GROUP(GROUP_STAT) | GROUP(GROUP_IO);
    for (int i = 0; i < 30; i++) {
        child[i] = started(burns);
        child[i]->number[0] = 1;
        pids[i] = child[i]->pid;
    }
    start(true, false, 12);
    uint64_t before = open_descriptors();
    follow(pids, 30, false);
    for (unsigned tick = 0; tick < 6; tick++) {
        tick_at(tick * 10); /* before slow looks, that have descriptors of their own */
        assert_true(open_descriptors() <= before + 12 + 2 /* loadavg, and polling's timer */);
        for (int i = 0; i < 30; i++) {
            const struct put *p = last_put(pids[i]);
            /* Only the first 8 run from tick to tick. */
            assert_int_equal(p->groups & all, tick == 0 || i < 8 ? all : GROUP(GROUP_CLOCK));
            assert_int_equal(value_of(pids[i], PROCESS_PARENT_PID), getpid());
            assert_true(value_of(pids[i], PROCESS_RSS) > 0);
            assert_true(value_of(pids[i], PROCESS_CPU) >= (i < 8 ? tick : 0) * NS_PER_MS);
        }
        for (int i = 0; i < 8; i++)
            go_and_await(child[i]);
    }
    for (unsigned group = 0; group < PROCESS_GROUPS; group++)
        assert_int_equal(missing_of(group, EMFILE), 0);
    for (int i = 0; i < 30; i++)
        child_kill(child[i]);
}

static struct child *left[3];

/* The first of the list is gone when the next finds no descriptor and takes the oldest one's. */
static void sample_without_descriptors(void)
{
    struct rlimit limit, none;
    pid_t pids[3];
    for (int i = 0; i < 3; i++)
        pids[i] = (left[i] = started(waits))->pid;
    for (int i = 0; i < 3; i++)
        await_asleep(pids[i]);
    start(true, false, 1000);
    follow(pids, 3, false);
    tick_at(0);
    child_kill(left[0]);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    tick_at(1000); /* the resident memory of who sleeps, from a file not opened before */
    tick_at(2000);
    setrlimit(RLIMIT_NOFILE, &limit);
    tick_at(3000);
    tick_at(4000);
    assert_true(missing_of(GROUP_MEMORY, EMFILE) >= 2);
    for (int i = 1; i < 3; i++) {
        const struct put *p = last_put(pids[i]);
        assert_true((p->groups & GROUP(GROUP_MEMORY)) != 0);
        assert_true(p->value[PROCESS_RSS] > 0);
    }
    assert_int_equal(sampler_alive(sampler), 2);
    sampler_free(sampler);
}

static void no_descriptors_for_a_while(void **state)
{
    in_child(sample_without_descriptors);
}

/* ---- the machine, and the rest ---- */

static void the_machine_and_its_processors(void **state)
{
    start(false, false, 0);
    tick_at(0);
    struct entity before = *only_entity(ENTITY_MACHINE);
    uint64_t busy_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    burn_ms(5 * root.tick_ns / NS_PER_MS);
    busy_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - busy_ns;
    tick_at(1000);
    const struct entity *machine = only_entity(ENTITY_MACHINE);
    struct sysinfo info;
    sysinfo(&info);
    assert_int_equal(machine->value[MACHINE_MEMORY_TOTAL], info.totalram * info.mem_unit);
    assert_true(machine->value[MACHINE_MEMORY_AVAILABLE] > 0);
    assert_true(machine->value[MACHINE_MEMORY_AVAILABLE] < machine->value[MACHINE_MEMORY_TOTAL]);
    assert_true(machine->value[MACHINE_FORKS] >= before.value[MACHINE_FORKS]);
    assert_true(machine->value[MACHINE_UPTIME] > before.value[MACHINE_UPTIME]);
    uint64_t more = 0;
    for (unsigned m = MACHINE_USER; m <= MACHINE_GUEST; m++)
        more += machine->value[m] - before.value[m];
    assert_true(more + 2 * root.tick_ns >= busy_ns);

    unsigned processors = 0;
    uint64_t user_ns = 0;
    struct record r;
    for (unsigned n = 0; record_of(RECORD_ENTITY, 0, n, &r); n++) {
        if (r.entity.kind != ENTITY_PROCESSOR)
            continue;
        char name[16];
        snprintf(name, sizeof name, "%u", processors++);
        assert_true(span_is(r.entity.name, name, strlen(name)));
        const struct entity *e = &entities[r.entity.entity];
        assert_int_equal(e->last_tick, ticks);
        user_ns += e->value[MACHINE_USER];
    }
    assert_int_equal(processors, sysconf(_SC_NPROCESSORS_ONLN));
    assert_true(user_ns <= machine->value[MACHINE_USER] + processors * root.tick_ns);
    assert_true(user_ns + processors * root.tick_ns >= machine->value[MACHINE_USER]);
    assert_int_equal(count_records(RECORD_BIRTH, 0), 0);
    for (size_t i = 0; i < ENTITIES_MAX; i++)
        assert_int_not_equal(entities[i].kind, ENTITY_TREE);
}

static void the_recorder_records_itself(void **state)
{
    start(false, false, 0);
    tick_at(0);
    const struct entity *recorder = only_entity(ENTITY_RECORDER);
    uint64_t before = recorder->value[RECORDER_CPU];
    assert_true(before > 0 && before <= clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    assert_true(recorder->value[RECORDER_RSS] >= MIB / 4);
    assert_int_equal(recorder->value[RECORDER_BYTES_WRITTEN], 4711);
    tick_at(500);
    assert_int_equal(recorder->last_tick, 1);
    burn_ms(2);
    tick_at(1000);
    assert_true(recorder->value[RECORDER_CPU] >= before + 2 * NS_PER_MS);
}

static void a_late_tick_is_told(void **state)
{
    start(false, false, 0);
    sampler_tick(sampler, base_ns, 0, 0);
    sampler_tick(sampler, base_ns + INTERVAL_NS, INTERVAL_NS / 2, 0);
    assert_int_equal(count_records(RECORD_LATE, 0), 0);
    sampler_tick(sampler, base_ns + 3 * INTERVAL_NS, INTERVAL_NS / 2 + 1, 0);
    struct record_late late = only_record(RECORD_LATE, 0).late;
    assert_int_equal(late.time_ns, base_ns + 3 * INTERVAL_NS);
    assert_int_equal(late.late_ns, INTERVAL_NS / 2 + 1);
    assert_int_equal(late.skipped, 0);
    sampler_tick(sampler, base_ns + 9 * INTERVAL_NS, 5, 4);
    struct record r;
    assert_true(record_of(RECORD_LATE, 0, 1, &r));
    assert_int_equal(r.late.late_ns, 5);
    assert_int_equal(r.late.skipped, 4);
}

static void the_end_tells_the_sums(void **state)
{
    struct child *child = started(exits_with_7), *other = started(waits);
    const pid_t pids[] = {child->pid, other->pid};
    uint64_t value = 0, told = 0;
    struct rusage usage;
    int status;
    start(true, true, 1000);
    follow(pids, 2, true);
    tick_at(0);
    struct record r;
    bool names_it = false;
    for (unsigned n = 0; record_of(RECORD_FACT, 0, n, &r); n++)
        names_it |= span_is(r.fact.key, "follow", 6) && span_is(r.fact.text, "poll", 4);
    assert_true(names_it);
    assert_false(fact_number("processes_seen", &value));
    sem_post(&child->go);
    child_wait_zombie(child);
    reap(pids[0], &status, &usage);
    tick_at(100);
    sampler_finish(sampler);
    assert_true(fact_number("processes_seen", &value));
    assert_int_equal(value, 2);
    getrusage(RUSAGE_CHILDREN, &usage);
    assert_true(fact_number("reaped_user_ns", &value) && fact_number("reaped_system_ns", &told));
    assert_int_equal(value, usage.ru_utime.tv_sec * 1000000000L + usage.ru_utime.tv_usec * 1000L);
    assert_int_equal(told, usage.ru_stime.tv_sec * 1000000000L + usage.ru_stime.tv_usec * 1000L);
    assert_true(fact_number("recorder_cpu_ns", &value));
    assert_true(value > 0 && value <= clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    assert_true(fact_number("recorder_peak_rss_bytes", &value) && value >= MIB / 4);
    child_free(child);
    child_kill(other);
}

static void who_does_not_reap_tells_no_sums(void **state)
{
    uint64_t value;
    start(false, false, 0);
    sampler_finish(sampler);
    assert_false(fact_number("reaped_user_ns", &value));
    assert_true(fact_number("processes_seen", &value));
    assert_int_equal(value, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_end_is_recorded_once),
        TEST(a_zombie_does_not_live),
        TEST(who_is_reaped_has_exact_figures),
        TEST(a_parent_gets_its_childrens_times),
        TEST(an_unseen_child_is_born_and_ends),
        TEST(ends_during_slow_looks),
        TEST(the_tree_is_the_sum),
        TEST(kernel_threads_add_nothing),
        TEST(what_is_refused_is_missing),
        TEST(few_descriptors_are_enough),
        TEST(no_descriptors_for_a_while),
        TEST(the_machine_and_its_processors),
        TEST(the_recorder_records_itself),
        TEST(a_late_tick_is_told),
        TEST(the_end_tells_the_sums),
        TEST(who_does_not_reap_tells_no_sums),
    };
    return cmocka_run_group_tests_name("sampler_ends", tests, NULL, NULL);
}
