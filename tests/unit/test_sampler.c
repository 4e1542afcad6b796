/* sample/sampler on real processes: who they are, and what is read of them when. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "test_sampler_sink.h"

/* ---- bodies of children ---- */

static void own_cpu(struct child *child)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    child->number[0] = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void *wait_in_thread(void *arg)
{
    for (;;)
        pause();
    return arg;
}

/* Uses a known amount of everything. */
static void works(struct child *child)
{
    static char bytes[MIB];
    int fds[5];
    pthread_t thread;
    memset(bytes, 1, sizeof bytes);
    fds[0] = open("/dev/null", O_RDWR);
    child_step(child);
    burn_ms(50);
    for (int i = 0; i < 16; i++)
        assert(write(fds[0], bytes, MIB / 16) == (ssize_t)(MIB / 16));
    for (int i = 1; i < 5; i++)
        fds[i] = dup(fds[0]);
    char *memory = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 1, 8 * MIB);
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, wait_in_thread, NULL);
    own_cpu(child);
    child_step(child);
}

static const char *const exec_argv[] = {"an other", "wait", "", "x\ny", NULL};
#define EXEC_ARGV "an other\0wait\0\0x\ny"

static void renames_and_execs(struct child *child)
{
    child_step(child);
    prctl(PR_SET_NAME, "renamed");
    burn_ms(2);
    child_step(child);
    execv("/proc/self/exe", (char *const *)exec_argv);
}

static void await_exec(pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct buffer text = {0};
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    do {
        assert_true(clock_mono_ns() < until);
        buffer_clear(&text);
        assert_int_equal(proc_arguments_read(&root, &files, 64, &text, NULL), 0);
    } while ((text.len < 8 || memcmp(text.data, "an other", 8) != 0) && usleep(1000) == 0);
    buffer_done(&text);
    await_asleep(pid);
}

/* ---- births and execs ---- */

static void moves_and_forks(struct child *child)
{
    assert(chdir("/proc") == 0);
    prctl(PR_SET_NAME, "(a) b");
    child_step(child);
    child->number[0] = fork_sleeper(0);
    child_step(child);
}

static void a_birth_tells_who_it_is(void **state)
{
    struct process_files self = process_files_unkept(getpid());
    struct buffer argv = {0}, exe = {0};
    uint64_t before_ns = clock_boot_ns();
    struct child *child = child_start(moves_and_forks);
    child_wait(child);
    start(true, true, 1000);
    follow(&child->pid, 1, true);
    assert_true(sampler_has(sampler, child->pid));
    assert_int_equal(sampler_alive(sampler), 1);
    struct record_birth birth = only_record(RECORD_BIRTH, 0).birth;
    assert_int_equal(birth.pid, child->pid);
    assert_int_equal(birth.inner_pid, child->pid);
    assert_int_equal(birth.parent_pid, getpid());
    assert_int_equal(birth.parent_entity, 0);
    assert_int_equal(birth.process_group, getpgrp());
    assert_int_equal(birth.session, getsid(0));
    assert_int_equal(birth.uid, getuid());
    assert_int_equal(birth.flags, BIRTH_ROOT | BIRTH_FORKED);
    assert_true(birth.time_ns <= clock_mono_ns());
    assert_true(birth.start_boot_ns + root.tick_ns >= before_ns);
    assert_true(birth.start_boot_ns <= clock_boot_ns());
    assert_true(span_is(birth.comm, "(a) b", 5));
    assert_true(span_is(birth.cwd, "/proc", 5));
    assert_int_equal(proc_arguments_read(&root, &self, 1 << 20, &argv, NULL), 0);
    assert_int_equal(proc_link_read(&root, &self, "exe", 4096, &exe), 0);
    assert_true(span_is(birth.argv, argv.data, argv.len));
    assert_true(span_is(birth.exe, exe.data, exe.len));

    child_go(child);
    tick_at(0);
    pid_t grandchild = (pid_t)child->number[0];
    birth = only_record(RECORD_BIRTH, entity_of(grandchild)).birth;
    assert_int_equal(birth.parent_pid, child->pid);
    assert_int_equal(birth.parent_entity, entity_of(child->pid));
    assert_int_equal(birth.flags, BIRTH_FORKED | BIRTH_INHERITS);
    assert_int_equal(birth.uid, UINT32_MAX); /* what costs is found out by a look */
    assert_int_equal(birth.cwd.n, 0);
    assert_true(span_is(birth.argv, argv.data, argv.len));
    struct record_look look = only_record(RECORD_LOOK, entity_of(grandchild)).look;
    assert_int_equal(look.uid, getuid());
    assert_int_equal(look.inner_pid, grandchild);
    assert_true(span_is(look.cwd, "/proc", 5));
    assert_int_equal(look.argv.n, 0);
    assert_int_equal(sampler_alive(sampler), 2);
    assert_int_equal(count_records(RECORD_EXEC, 0), 0);
    buffer_done(&argv);
    buffer_done(&exe);
    child_kill(child);
}

static void an_exec_is_recorded_and_a_rename_is_none(void **state)
{
    struct child *child = child_start(renames_and_execs);
    struct process_files self = process_files_unkept(getpid());
    struct buffer exe = {0};
    child_wait(child);
    follow_child(child);
    tick_at(0);
    go_and_await(child);
    tick_at(100);
    assert_false(last_put(child->pid)->idle);
    assert_int_equal(count_records(RECORD_EXEC, 0), 0);
    sem_post(&child->go);
    await_exec(child->pid);
    tick_at(200);
    tick_at(300);
    struct record_exec exec = only_record(RECORD_EXEC, entity_of(child->pid)).exec;
    assert_int_equal(exec.time_ns, base_ns + 200 * NS_PER_MS);
    assert_int_equal(exec.flags, 0);
    assert_true(span_is(exec.argv, EXEC_ARGV, sizeof EXEC_ARGV));
    assert_true(span_is(exec.comm, "exe", 3));
    assert_int_equal(proc_link_read(&root, &self, "exe", 4096, &exe), 0);
    assert_true(span_is(exec.exe, exe.data, exe.len));
    assert_int_equal(count_records(RECORD_EXIT, 0), 0);
    assert_int_equal(count_records(RECORD_BIRTH, 0), 1);
    buffer_done(&exe);
    child_kill(child);
}

/* More arguments than are kept. */
static void execs_at_length(struct child *child)
{
    static char *argv[40];
    static char text[100000];
    setrlimit(RLIMIT_STACK, &(struct rlimit){64 * MIB, 64 * MIB});
    memset(text, 'x', sizeof text - 1);
    for (int i = 2; i < 30; i++)
        argv[i] = text;
    argv[0] = (char *)(uintptr_t)exec_argv[0];
    argv[1] = (char *)(uintptr_t)exec_argv[1];
    execv("/proc/self/exe", argv);
}

static void a_long_command_line_is_cut(void **state)
{
    struct child *child = child_start(execs_at_length);
    await_exec(child->pid);
    follow_child(child);
    struct record_birth birth = only_record(RECORD_BIRTH, 0).birth;
    assert_int_equal(birth.flags, BIRTH_ROOT | BIRTH_ARGV_CUT);
    assert_int_equal(birth.argv.n, 2 * MIB);
    assert_memory_equal(birth.argv.bytes, "an other\0wait\0xxx", 17);
    child_kill(child);
}

/* ---- what is read when ---- */

#define SLOW_GROUPS \
    (GROUP(GROUP_SMAPS) | GROUP(GROUP_TCP) | GROUP(GROUP_DRM) | GROUP(GROUP_GPU)) /* or never */

static void who_sleeps_costs_a_clock(void **state)
{
    struct child *child = child_start(waits);
    child_wait(child);
    await_asleep(child->pid);
    follow_child(child);
    tick_at(0);
    const struct put *p = last_put(child->pid);
    assert_false(p->idle);
    assert_int_equal(p->groups & ~SLOW_GROUPS, GROUP(PROCESS_GROUPS) - 1 - SLOW_GROUPS);
    for (uint64_t ms = 50; ms < 200; ms += 50) { /* before the first slow look is due */
        tick_at(ms);
        p = last_put(child->pid);
        assert_true(p->idle);
        assert_int_equal(p->groups, GROUP(GROUP_CLOCK));
        assert_int_equal(p->known, BIT(PROCESS_CPU));
    }
    /* Each second its memory, that others may have taken. */
    for (uint64_t ms = 1000; ms <= 4000; ms += 250) {
        tick_at(ms);
        p = last_put(child->pid);
        assert_true(p->idle);
        uint32_t memory = ms % 1000 == 0 ? GROUP(GROUP_MEMORY) : 0;
        assert_int_equal(p->groups & ~SLOW_GROUPS, GROUP(GROUP_CLOCK) | memory);
    }
    /* One slow look, and then no more. */
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S, ms = 4001;
    while ((entities[entity_of(child->pid)].known & BIT(PROCESS_PSS)) == 0) {
        assert_true(clock_mono_ns() < until);
        usleep(1000);
        tick_at(ms++);
        assert_true(last_put(child->pid)->idle);
    }
    assert_true(value_of(child->pid, PROCESS_USS) <= value_of(child->pid, PROCESS_PSS));
    assert_true(value_of(child->pid, PROCESS_PSS) <= value_of(child->pid, PROCESS_RSS));
    for (int i = 0; i < 20; i++) {
        usleep(1000);
        tick_at(ms += 500);
        assert_int_equal(last_put(child->pid)->groups & SLOW_GROUPS, 0);
    }
    child_kill(child);
}

static void who_runs_is_read(void **state)
{
    struct child *child = child_start(burns);
    child_wait(child);
    follow_child(child);
    tick_at(0);
    uint64_t before = value_of(child->pid, PROCESS_CPU);
    for (int i = 1; i < 4; i++) {
        go_and_await(child);
        tick_at((uint64_t)i * 100);
        const struct put *p = last_put(child->pid);
        assert_false(p->idle);
        const uint32_t all = GROUP(GROUP_CLOCK) | GROUP(GROUP_MEMORY) | GROUP(GROUP_STAT) |
                             GROUP(GROUP_IO) | GROUP(GROUP_STATUS) | GROUP(GROUP_FDS) |
                             GROUP(GROUP_SWITCHES) | GROUP(GROUP_PROCESSORS);
        assert_int_equal(p->groups & all, all);
        assert_true(value_of(child->pid, PROCESS_CPU) >= before + 20 * NS_PER_MS);
        before = value_of(child->pid, PROCESS_CPU);
    }
    assert_int_equal(value_of(child->pid, PROCESS_PROCESSORS), 1);
    assert_int_equal(value_of(child->pid, PROCESS_PARENT_PID), getpid());
    child_kill(child);
}

static void values_are_what_was_done(void **state)
{
    struct rusage usage;
    struct child *child = child_start(works);
    pid_t pid = child->pid;
    child_wait(child);
    await_asleep(pid);
    follow_child(child);
    tick_at(0);
    struct entity before = entities[entity_of(pid)];
    assert_int_equal(before.value[PROCESS_THREADS], 1);
    go_and_await(child);
    tick_at(100);
    struct entity *after = &entities[entity_of(pid)];
    assert_int_equal(after->value[PROCESS_WRITE_CHARS] - before.value[PROCESS_WRITE_CHARS], MIB);
    assert_int_equal(after->value[PROCESS_WRITE_COUNT] - before.value[PROCESS_WRITE_COUNT], 16);
    assert_int_equal(after->value[PROCESS_FDS] - before.value[PROCESS_FDS], 4);
    assert_int_equal(after->value[PROCESS_THREADS], 4);
    assert_true(after->value[PROCESS_RSS] >= before.value[PROCESS_RSS] + 8 * MIB);
    assert_true(after->value[PROCESS_VMS] >= before.value[PROCESS_VMS] + 8 * MIB);
    assert_true(after->value[PROCESS_RSS_ANON] >= before.value[PROCESS_RSS_ANON] + 8 * MIB);
    assert_true(after->value[PROCESS_PEAK_RSS] + MIB >= after->value[PROCESS_RSS]);
    assert_true(after->value[PROCESS_MINOR_FAULTS] > before.value[PROCESS_MINOR_FAULTS]);
    uint64_t cpu_ns = after->value[PROCESS_CPU], ticked_ns = 2 * root.tick_ns;
    assert_true(cpu_ns >= before.value[PROCESS_CPU] + 50 * NS_PER_MS);
    assert_true(cpu_ns + 2 * NS_PER_US >= (uint64_t)child->number[0] * NS_PER_US);
    assert_true(after->value[PROCESS_USER] + after->value[PROCESS_SYSTEM] <= cpu_ns + ticked_ns);
    assert_true(after->value[PROCESS_USER] + after->value[PROCESS_SYSTEM] + ticked_ns >= cpu_ns);
    kill(pid, SIGKILL);
    assert_int_equal(wait4(pid, NULL, 0, &usage), pid);
    uint64_t final_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                        (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    assert_true(cpu_ns <= final_us * NS_PER_US + 2 * NS_PER_US);
    child_free(child);
}

/* With many that ran, one file of each is read a tick at most: all is there after some. */
static void many_are_read_by_turns(void **state)
{
    struct child *child[SAMPLER_FEW_RAN + 8];
    const size_t n = sizeof child / sizeof child[0];
    pid_t pids[sizeof child / sizeof child[0]];
    for (size_t i = 0; i < n; i++) {
        child[i] = child_start(burns);
        child[i]->number[0] = 1;
        child_wait(child[i]);
        pids[i] = child[i]->pid;
    }
    start(true, false, 1000);
    follow(pids, n, false);
    tick_at(0);
    uint32_t seen[sizeof child / sizeof child[0]] = {0};
    const uint32_t turns = GROUP(GROUP_STAT) | GROUP(GROUP_IO) | GROUP(GROUP_MEMORY);
    for (unsigned tick = 1; tick <= 8; tick++) {
        for (size_t i = 0; i < n; i++)
            child_go(child[i]);
        tick_at(tick * 100);
        for (size_t i = 0; i < n; i++) {
            const struct put *p = last_put(pids[i]);
            uint32_t turn = p->groups & turns;
            assert_false(p->idle);
            if (turn != 0 && turn != GROUP(GROUP_IO) && turn != GROUP(GROUP_MEMORY))
                assert_int_equal(turn, GROUP(GROUP_STAT) | GROUP(GROUP_MEMORY)); /* one file */
            seen[i] |= turn;
        }
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(seen[i], turns);
    for (size_t i = 0; i < n; i++)
        child_kill(child[i]);
}

/* Writes 1000 bytes and opens a descriptor a step. */
static void writes(struct child *child)
{
    static const char bytes[1000];
    int fd = open("/dev/null", O_WRONLY);
    for (;;) {
        child_step(child);
        assert(write(fd, bytes, sizeof bytes) == sizeof bytes && dup(fd) > fd);
        burn_ms(1);
    }
}

/*
 * Of a process that is called idle, what is not read is taken for unchanged: so what was left out
 * while it ran has to be read before.
 */
static void who_is_idle_was_read_to_the_end(void **state)
{
    struct child *child[SAMPLER_FEW_RAN + 8];
    const size_t n = sizeof child / sizeof child[0];
    pid_t pids[sizeof child / sizeof child[0]];
    for (size_t i = 0; i < n; i++) {
        child[i] = child_start(writes);
        child_wait(child[i]);
        pids[i] = child[i]->pid;
        await_asleep(pids[i]);
    }
    start(true, false, 1000);
    follow(pids, n, false);
    tick_at(0);
    uint64_t chars = value_of(pids[0], PROCESS_WRITE_CHARS), fds = value_of(pids[0], PROCESS_FDS);
    for (uint64_t tick = 1; tick <= 30; tick++) {
        for (size_t i = 0; tick <= 2 && i < n; i++)
            go_and_await(child[i]);
        tick_at(tick * 100);
        uint64_t steps = tick < 2 ? tick : 2;
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(last_put(pids[i])->idle, tick > 2);
            if (tick <= 2)
                continue;
            assert_int_equal(value_of(pids[i], PROCESS_WRITE_CHARS), chars + 1000 * steps);
            if (tick == 30) /* status and descriptors are read later */
                assert_int_equal(value_of(pids[i], PROCESS_FDS), fds + steps);
        }
    }
    for (size_t i = 0; i < n; i++)
        child_kill(child[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "wait") == 0)
        for (;;)
            pause();
    const struct CMUnitTest tests[] = {
        TEST(a_birth_tells_who_it_is),    TEST(an_exec_is_recorded_and_a_rename_is_none),
        TEST(a_long_command_line_is_cut), TEST(who_sleeps_costs_a_clock),
        TEST(who_runs_is_read),           TEST(values_are_what_was_done),
        TEST(many_are_read_by_turns),     TEST(who_is_idle_was_read_to_the_end),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
