/*
 * follow/follow_perf when it gets difficult: storms, attaching in the middle of one, full rings,
 * programs that gain privileges, and where it is refused.
 */
#include "test_follow_perf.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/map.h"

/* ---- many ---- */

static struct map alive; /* pid -> 1 */
static uint64_t births_heard, births_since, ends_heard, execs_heard, since_ns;

static void count_birth(void *user, const struct follow_birth *birth)
{
    assert_null(map_get(&alive, (uint32_t)birth->pid));
    assert_true(birth->root || map_get(&alive, (uint32_t)birth->parent_pid) != NULL ||
                !birth->fresh);
    assert_int_equal(map_put(&alive, (uint32_t)birth->pid, 1), 0);
    births_heard++;
    births_since += since_ns != 0 && (birth->time_ns >= since_ns || birth->time_ns == 0);
}

static void count_exec(void *user, const struct follow_exec *exec)
{
    assert_non_null(map_get(&alive, (uint32_t)exec->pid));
    execs_heard++;
}

static uint32_t count_end(void *user, const struct follow_end *end)
{
    assert_true(map_remove(&alive, (uint32_t)end->pid));
    ends_heard++;
    return 1;
}

static void open_counting(pid_t pid, bool launched)
{
    const struct follow_sink sink = {.birth = count_birth, .exec = count_exec, .ended = count_end};
    const struct follow_config config = {.root = &root,
                                         .roots = &pid,
                                         .root_count = 1,
                                         .subreaper = launched ? getpid() : 0,
                                         .launched = launched,
                                         .recorder = getpid()};
    map_done(&alive);
    births_heard = births_since = ends_heard = execs_heard = since_ns = 0;
    assert_int_equal(follow_perf.open(&config, &sink, &follow, &why), 0);
}

#define SHORT_ONES 5000
#define SHORT_AT_ONCE 250 /* so that no ring is full, however late we come */

static void run_short_one(bool execs_too)
{
    pid_t pid = vfork();
    if (pid == 0) {
        if (execs_too)
            execl("/bin/true", "true", NULL);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void run_short_ones(void)
{
    for (int i = 0; i < SHORT_ONES; i++) {
        run_short_one(i % 10 == 0);
        if (i % SHORT_AT_ONCE == SHORT_AT_ONCE - 1)
            script_step();
    }
}

static void all_short_ones_are_seen(void **state)
{
    open_counting(script_fork(run_short_ones), true);
    script_go();
    for (int i = 0; i < SHORT_ONES / SHORT_AT_ONCE; i++) {
        while (!sem_wait_patiently(&script->done, 0))
            poll_follow();
        poll_follow();
        assert_int_equal(births_heard, 1 + SHORT_AT_ONCE * (i + 1));
        script_go();
    }
    script_reap();
    poll_follow();
    assert_int_equal(births_heard, 1 + SHORT_ONES);
    assert_int_equal(ends_heard, 1 + SHORT_ONES);
    assert_int_equal(execs_heard, SHORT_ONES / 10);
    assert_receipt(SHORT_ONES);
}

#define WORKERS 3

/* Forks until it is told to stop; counts those that it began once the flag was up. */
static void work(int self)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (bool counts = script->flag; script->pipe[0] >= 0; counts = script->flag) {
        pid_t pid = fork();
        if (pid == 0) {
            if (fork() == 0)
                _exit(0);
            wait(NULL);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
        script->number[self] += counts;
    }
    _exit(0);
}

static void run_workers(void)
{
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0)
            work(i);
    script_step();
    while (wait(NULL) > 0)
        ;
}

/* Two processes for each turn of a worker; of the turns under way some count. */
static void attaching_in_a_storm(void **state)
{
    int held = script->pipe[0];
    pid_t pid = script_fork(run_workers);
    script_go();
    script_await();
    usleep(5000);
    open_counting(pid, false);
    since_ns = clock_mono_ns();
    births_since = 0;
    script->flag = true;
    uint64_t turns = 0;
    POLL_UNTIL((turns = script->number[0] + script->number[1] + script->number[2]) >= 300);
    script->pipe[0] = -1; /* they stop */
    script_go();
    POLL_UNTIL(ends_heard == births_heard);
    script_reap();
    script->pipe[0] = held;
    turns = script->number[0] + script->number[1] + script->number[2];
    assert_int_equal(alive.count, 0);
    struct follow_receipt receipt = receipt_now();
    assert_int_equal(receipt.missed_is_bound, receipt.missed > 0);
    assert_true(births_since + receipt.missed >= 2 * turns);
    assert_true(births_since <= 2 * (turns + WORKERS));
}

/* Those that stay are each announced once, whether they were found or told of. */
static void attaching_to_a_forking_tree(void **state)
{
    const int n = 1000;
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    puppets[1].act = ACT_FORK_MANY;
    puppets[1].arg = n;
    sem_post(&puppets[1].go);
    while (((volatile pid_t *)list)[20] == 0)
        sched_yield();
    attach_perf(puppets[0].pid);
    while (sem_trywait(&puppets[1].done) != 0)
        poll_follow();
    POLL_UNTIL(announcements >= 2 + (size_t)n);
    for (int i = 0; i < n; i++)
        if (births_of(list[i]) != 1)
            fail_msg("%zu births of child %d", births_of(list[i]), i);
    assert_count(2 + (size_t)n);
}

/* ---- when records are lost ---- */

/* Each change of the name is a record; all on one processor, so that its ring is full. */
static void run_noisily(void)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    sched_getaffinity(0, sizeof all, &all);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    sched_setaffinity(0, sizeof one, &one);
    fork_to(wait_for_ever, &list[0]);
    script_step();
    for (int i = 0; i < 20000; i++)
        prctl(PR_SET_NAME, "noise");
    kill(list[0], SIGKILL);
    waitpid(list[0], NULL, 0);
    for (int i = 1; i < 20; i++)
        fork_to(wait_for_ever, &list[i]);
    waitpid(fork_to(nothing, &script->pid), NULL, 0);
    script_step();
    sched_setaffinity(0, sizeof all, &all);
    for (int i = 1; i < 20; i++)
        kill(list[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
}

static void a_full_ring(void **state)
{
    script_launch(run_noisily);
    script_await();
    poll_follow();
    assert_int_equal(births_of(list[0]), 1);
    assert_receipt(1);
    script_go();
    script_await();
    POLL_UNTIL(receipt_now().resyncs > 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(births_of(list[i]), 1);
    POLL_UNTIL(ends_of(list[0]) == 1);
    assert_count(22);
    struct follow_receipt receipt = receipt_now();
    assert_int_equal(receipt.births, 20);
    assert_true(receipt.lost_events >= 20);
    assert_true(receipt.missed_is_bound);
    assert_true(receipt.missed >= 1 && receipt.missed + 19 <= receipt.lost_events);
    pid_t pid = script->root;
    script_go();
    POLL_UNTIL(ends_of(pid) == 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(births_of(list[i]), 1);
        assert_int_equal(ends_of(list[i]), 1);
        list[i] = 0;
    }
    script_reap();
}

/* ---- programs that gain privileges ---- */

static char programs[] = "/tmp/test-follow-perf-XXXXXX"; /* made by root before all */
static bool have_programs;

static const char *program(const char *name)
{
    static char path[sizeof programs + 16];
    snprintf(path, sizeof path, "%s/%s", programs, name);
    return path;
}

static bool copy_program(const char *from, const char *name, uid_t owner)
{
    char bytes[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(program(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    ssize_t n = -1;
    while (in >= 0 && out >= 0 && (n = read(in, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)n) != n)
            break;
    bool copied = n == 0 && fchown(out, owner, owner) == 0 && fchmod(out, 04755) == 0;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return copied;
}

static void make_programs(void)
{
    have_programs =
        getuid() == 0 && mkdtemp(programs) != NULL && chmod(programs, 0755) == 0 &&
        copy_program("/bin/cat", "cat-root", 0) && copy_program("/bin/cat", "cat-other", 99999) &&
        copy_program("/bin/sh", "sh-root", 0) && copy_program("/bin/sh", "sh-other", 99999);
}

static void remove_programs(void)
{
    static const char *const names[] = {"cat-root", "cat-other", "sh-root", "sh-other"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(program(names[i]));
    rmdir(programs);
}

static void skip_without_programs(void)
{
    struct statvfs fs;
    if (!have_programs) {
        print_message("# not root: no set-user-ID programs can be made\n");
        skip();
    }
    if (statvfs(programs, &fs) != 0 || (fs.f_flag & ST_NOSUID) != 0 ||
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0) {
        print_message("# set-user-ID programs gain nothing here\n");
        skip();
    }
}

static void exec_privileged_cat(void)
{
    execl(program(privileged ? "cat-other" : "cat-root"), "cat", "-u", "-", NULL);
}

static void run_privileged_cat(void)
{
    waitpid(fork_to(exec_privileged_cat, &script->pid), NULL, 0);
    script_step();
}

/* Its events are taken from it as if it had ended. */
static void a_program_that_gains_privileges(void **state)
{
    skip_without_programs();
    script_launch(run_privileged_cat);
    POLL_UNTIL(exec_count == 1 && execs[0].argv_bytes > 0);
    pid_t pid = execs[0].pid;
    for (int i = 0; i < 20; i++) {
        follow_perf.poll(follow, clock_mono_ns() + 100 * NS_PER_MS * (uint64_t)i);
        assert_int_equal(ends_of(pid), 0);
    }
    assert_int_equal(births_of(pid), 1);
    script_close_pipe();
    script_await();
    POLL_UNTIL(ends_of(pid) == 1);
    assert_int_equal(births_of(pid), 1);
    script_go();
    pid = script->root;
    POLL_UNTIL(ends_of(pid) == 1);
    assert_count(4);
    struct follow_receipt receipt = receipt_now();
    assert_int_equal(receipt.births, 1);
    assert_int_equal(receipt.missed_is_bound, receipt.missed > 0);
    script_reap();
}

static void exec_privileged_shell(void)
{
    execl(program(privileged ? "sh-other" : "sh-root"), "sh", "-pc",
          "read go; cat -u -; /bin/true; exit 0", NULL);
}

static void run_privileged_shell(void)
{
    waitpid(fork_to(exec_privileged_shell, &script->pid), NULL, 0);
    script_step();
}

static pid_t newborn_of(pid_t parent)
{
    for (size_t i = 0; i < announcements; i++)
        if (announced[i].birth.parent_pid == parent && !announced[i].ended)
            return announced[i].birth.pid;
    return 0;
}

/* Who is born below it is told of, or found. */
static void children_of_a_program_that_gains_privileges(void **state)
{
    skip_without_programs();
    script_launch(run_privileged_shell);
    POLL_UNTIL(exec_count >= 1 && execs[0].argv_bytes > 0);
    pid_t shell = execs[0].pid;
    assert_int_equal(write(script->pipe[1], "\n", 1), 1);
    POLL_UNTIL(newborn_of(shell) != 0);
    pid_t cat = newborn_of(shell);
    assert_int_equal(births_of(cat), 1);
    assert_int_equal(ends_of(shell), 0);
    script_close_pipe();
    script_await();
    POLL_UNTIL(ends_of(cat) == 1 && ends_of(shell) == 1);
    struct follow_receipt receipt = receipt_now();
    assert_true(receipt.births >= 2);
    assert_true(receipt.births + receipt.missed >= 3);
    script_go();
    script_reap();
}

/* ---- where it does not work ---- */

static void in_child(void (*body)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(wait_for(pid), 0);
}

static void check_or_exit(bool holds)
{
    if (!holds)
        _exit(9);
}

static void open_without_permission(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    check_or_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    const struct follow_config config = {
        .roots = &puppets[0].pid, .root_count = 1, .launched = true};
    check_or_exit(try_open_perf(&config) == -EPERM);
    check_or_exit(strstr(why.text, "--cap-add PERFMON") != NULL && announcements == 0);
}

static void kept_from_by_a_container(void **state)
{
    puppet_fork(0);
    in_child(open_without_permission);
}

static void open_with_few_descriptors(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct rlimit few = {.rlim_cur = (rlim_t)(4 * processors * 3), .rlim_max = 1024};
    check_or_exit(setrlimit(RLIMIT_NOFILE, &few) == 0);
    const struct follow_config config = {.roots = &puppets[0].pid, .root_count = 1};
    int r = try_open_perf(&config);
    if (privileged)
        check_or_exit(r == 0); /* one for each processor is enough */
    else
        check_or_exit(r == -EMFILE && strstr(why.text, "ulimit -n") != NULL && announcements == 0);
}

static void too_few_descriptors(void **state)
{
    start_elsewhere(0);
    act(0, ACT_THREADS, 4);
    in_child(open_with_few_descriptors);
}

/* A ring of somebody else's; MAP_FAILED when there is no memory for it. */
static void *lock_ring(size_t pages)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_SW_DUMMY,
                                   .exclude_kernel = 1};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    check_or_exit(fd >= 0);
    return mmap(NULL, (1 + pages) * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* Leaves memory for so many rings of one page. */
static void use_up_memory(size_t rings)
{
    const struct rlimit none = {0, 0};
    void *kept[1024];
    check_or_exit(setrlimit(RLIMIT_MEMLOCK, &none) == 0 && rings <= 1024);
    for (size_t i = 0; i < rings; i++)
        check_or_exit((kept[i] = lock_ring(1)) != MAP_FAILED);
    for (size_t pages = 256; pages > 0;)
        if (lock_ring(pages) == MAP_FAILED)
            pages /= 2;
    for (size_t i = 0; i < rings; i++)
        munmap(kept[i], 2 * (size_t)sysconf(_SC_PAGESIZE));
}

static void open_without_memory(void)
{
    use_up_memory(0);
    const struct follow_config config = {
        .roots = &puppets[0].pid, .root_count = 1, .launched = true};
    check_or_exit(try_open_perf(&config) == -ENOBUFS);
    check_or_exit(strstr(why.text, "perf_event_mlock_kb") != NULL && announcements == 0);
}

static void skip_for_root(void)
{
    if (privileged) {
        print_message("# root may lock as much as it likes\n");
        skip();
    }
}

static void no_memory_for_rings(void **state)
{
    skip_for_root();
    puppet_fork(0);
    in_child(open_without_memory);
}

/* 100 records fit each: more are forked at once than there is room for. */
static void follow_with_small_rings(void)
{
    const int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    const int n = processors > 20 ? 4000 : 200 * processors;
    use_up_memory((size_t)processors);
    const struct follow_config config = {.roots = &puppets[0].pid,
                                         .root_count = 1,
                                         .subreaper = getppid(),
                                         .launched = true,
                                         .recorder = getpid()};
    check_or_exit(try_open_perf(&config) == 0);
    check_or_exit(try_act(0, ACT_FORK, 1) == 0);
    follow_perf.poll(follow, clock_mono_ns());
    check_or_exit(births_of(puppets[1].pid) == 1 && receipt_now().lost_events == 0);
    check_or_exit(try_act(0, ACT_FORK_MANY, n) == 0);
    for (int i = 0; i < 3; i++)
        follow_perf.poll(follow, clock_mono_ns());
    for (int i = 0; i < n; i++)
        check_or_exit(births_of(list[i]) == 1);
    struct follow_receipt receipt = receipt_now();
    check_or_exit(receipt.births == 1 + (uint64_t)n && receipt.missed <= receipt.lost_events);
    if (processors <= 20)
        check_or_exit(receipt.lost_events > 0 && receipt.resyncs > 0);
    follow_perf.close(follow);
}

static void small_rings(void **state)
{
    skip_for_root();
    puppet_fork(0);
    in_child(follow_with_small_rings);
}

static size_t count_descriptors(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void nothing_is_left_open(void **state)
{
    start_elsewhere(0);
    act(0, ACT_THREADS, 2);
    size_t before = count_descriptors();
    attach_perf(puppets[0].pid);
    assert_true(count_descriptors() > before);
    follow_perf.close(follow);
    follow = NULL;
    assert_int_equal(count_descriptors(), before);
    follow_perf.close(NULL);
}

/* ---- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_perf, clean_up_perf)

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        TEST(all_short_ones_are_seen),
        TEST(attaching_in_a_storm),
        TEST(attaching_to_a_forking_tree),
        TEST(a_full_ring),
        TEST(a_program_that_gains_privileges),
        TEST(children_of_a_program_that_gains_privileges),
        TEST(kept_from_by_a_container),
        TEST(too_few_descriptors),
        TEST(no_memory_for_rings),
        TEST(small_rings),
        TEST(nothing_is_left_open),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    make_programs();
    int failed = run_everywhere(run_group);
    if (have_programs)
        remove_programs();
    return failed;
}
