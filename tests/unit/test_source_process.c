/* What real processes cost, against a known truth: children of this test. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "source/pidfd.h"
#include "source/proc_process.h"
#include "test_source_child.h"

#define BIT(field) (UINT32_C(1) << (field))
#define MIB (UINT64_C(1024) * 1024)

static struct source_root root;

static int open_root(void **state)
{
    return source_root_open(&root, "/");
}

static int close_root(void **state)
{
    source_root_close(&root);
    return 0;
}

static struct process_files open_files(pid_t pid, bool keep)
{
    struct process_files files;
    assert_int_equal(process_files_open(&root, pid, keep, &files), 0);
    return files;
}

static struct proc_stat stat_of(pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    assert_int_equal(proc_stat_read(&root, &files, &stat), 0);
    return stat;
}

/* ---- CPU time ---- */

static void burn_ms(clockid_t clock, uint64_t ms)
{
    uint64_t end = clock_ns(clock) + ms * NS_PER_MS;
    while (clock_ns(clock) < end)
        ;
}

static void *burn_thread(void *arg)
{
    burn_ms(CLOCK_THREAD_CPUTIME_ID, 60);
    return arg;
}

static uint64_t rusage_ns(const struct rusage *usage)
{
    return (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * NS_PER_S +
           (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * NS_PER_US;
}

/* Burns in the main thread and in two that have ended when it reports. */
static void burner(struct child *child)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, burn_thread, NULL);
    burn_thread(NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    child->number[0] = (int64_t)rusage_ns(&usage);
    child_step(child);
}

static void cpu_clock_has_threads_that_ended(void **state)
{
    struct child *child = child_start(burner);
    child_wait(child);
    uint64_t ns = 0, said = (uint64_t)child->number[0];
    assert_int_equal(cpu_clock_read(child->pid, &ns), 0);
    struct proc_stat stat = stat_of(child->pid);
    child_kill(child);
    assert_true(said >= 180 * NS_PER_MS);
    assert_in_range(ns, said, said + 20 * NS_PER_MS); /* it ran a little on */
    uint64_t ticks_ns = stat.value[STAT_USER] + stat.value[STAT_SYSTEM];
    assert_in_range(ticks_ns, ns - 2 * root.tick_ns, ns + 2 * root.tick_ns);
}

static void *says_its_tid(void *arg)
{
    struct child *child = arg;
    child->number[0] = syscall(SYS_gettid);
    child_step(child);
    return NULL;
}

static void with_a_thread(struct child *child)
{
    pthread_t thread;
    pthread_create(&thread, NULL, says_its_tid, child);
    pthread_join(thread, NULL);
}

static void cpu_clock_of_no_process(void **state)
{
    uint64_t ns = 7;
    assert_int_equal(cpu_clock_read(0, &ns), -ESRCH);
    assert_int_equal(cpu_clock_read(-1, &ns), -ESRCH);
    assert_int_equal(cpu_clock_read(0x3FFFFFFF, &ns), -ESRCH);
    struct child *child = child_start(with_a_thread);
    child_wait(child);
    assert_int_equal(cpu_clock_read((pid_t)child->number[0], &ns), -ESRCH);
    assert_int_equal(pidfd_of((pid_t)child->number[0]), -EINVAL);
    /* proc shows a thread's id as if it were a process; its owner tells. */
    struct process_files files = open_files((pid_t)child->number[0], false);
    struct proc_owner owner;
    assert_int_equal(proc_owner_read(&root, &files, &owner), 0);
    assert_int_equal(owner.thread_group, child->pid);
    assert_int_equal(ns, 7);
    child_kill(child);
}

/* ---- ends ---- */

static void exits_with_7(struct child *child)
{
    child_step(child);
    _exit(7);
}

static void a_zombie_and_what_is_left_of_it(void **state)
{
    struct child *child = child_start(exits_with_7);
    child_wait(child);
    struct process_files files = open_files(child->pid, true);
    uint64_t value[8], ns;
    uint32_t valid;
    assert_int_equal(proc_io_read(&root, &files, value, &valid), 0);
    assert_int_equal(stat_of(child->pid).exit_code, -1);
    int pidfd = pidfd_of(child->pid), status = -1;
    assert_true(pidfd >= 0);
    assert_true(pidfd_exit_status(pidfd, &status) < 0);
    sem_post(&child->go);
    child_wait_zombie(child);

    struct proc_stat stat;
    struct buffer text = {0};
    assert_int_equal(proc_stat_read(&root, &files, &stat), 0);
    assert_int_equal(stat.value[STAT_STATE], 'Z');
    assert_int_equal(stat.exit_code, 7 << 8);
    assert_int_equal(stat.parent_pid, getpid());
    assert_int_equal(cpu_clock_read(child->pid, &ns), 0);
    assert_int_equal(proc_io_read(&root, &files, value, &valid), 0);
    assert_int_equal(proc_statm_read(&root, &files, value, &valid), 0);
    assert_int_equal(value[STATM_RSS], 0);
    assert_int_equal(proc_status_read(&root, &files, value, &valid), 0);
    assert_int_equal(valid, BIT(STATUS_VOLUNTARY_SWITCHES) | BIT(STATUS_INVOLUNTARY_SWITCHES));
    assert_int_equal(proc_smaps_read(&root, &files, value, &valid), 0);
    assert_int_equal(valid, 0);
    int rc = proc_open_fds(&root, &files, value);
    assert_true(rc == 0 ? value[0] == 0 : rc == -EACCES && getuid() != 0); /* before Linux 6.2 */
    assert_int_equal(proc_arguments_read(&root, &files, 100, &text, NULL), 0);
    assert_int_equal(text.len, 0);
    assert_int_equal(proc_link_read(&root, &files, "exe", 100, &text), -ENOENT);
    assert_true(process_files_exist(&root, &files));

    assert_int_equal(child_reap(child), 7 << 8);
    struct process_files unkept = process_files_unkept(child->pid);
    struct thread_census census;
    for (int i = 0; i < 2; i++) {
        struct process_files *each = i == 0 ? &files : &unkept;
        assert_int_equal(proc_stat_read(&root, each, &stat), -ESRCH);
        assert_int_equal(proc_io_read(&root, each, value, &valid), -ESRCH);
        assert_int_equal(proc_statm_read(&root, each, value, &valid), -ESRCH);
        assert_int_equal(proc_status_read(&root, each, value, &valid), -ESRCH);
        assert_int_equal(proc_smaps_read(&root, each, value, &valid), -ESRCH);
        assert_int_equal(proc_open_fds(&root, each, value), -ESRCH);
        assert_int_equal(proc_threads_read(&root, each, &census), -ESRCH);
        assert_int_equal(proc_arguments_read(&root, each, 100, &text, NULL), -ESRCH);
        assert_int_equal(proc_link_read(&root, each, "exe", 100, &text), -ESRCH);
        assert_false(process_files_exist(&root, each));
    }
    assert_int_equal(cpu_clock_read(child->pid, &ns), -ESRCH);
    assert_int_equal(process_files_open(&root, child->pid, true, &unkept), -ESRCH);
    assert_int_equal(process_files_open(&root, child->pid, false, &unkept), -ESRCH);
    assert_int_equal(pidfd_of(child->pid), -ESRCH);
    rc = pidfd_exit_status(pidfd, &status);
    if (rc == 0)
        assert_int_equal(status, 7 << 8);
    else /* before Linux 6.15 */
        assert_true(rc == -ENOTTY || rc == -EINVAL || rc == -ESRCH);
    close(pidfd);
    process_files_close(&files);
    buffer_done(&text);
    child_free(child);
}

static void exit_codes_of_zombies(void **state)
{
    struct child *child = child_start(child_sleeps);
    child_wait(child);
    sem_post(&child->go); /* _exit(0) */
    child_wait_zombie(child);
    assert_int_equal(stat_of(child->pid).exit_code, 0);
    child_reap(child);
    child_free(child);

    child = child_start(child_sleeps);
    child_wait(child);
    kill(child->pid, SIGTERM);
    child_wait_zombie(child);
    assert_int_equal(stat_of(child->pid).exit_code, SIGTERM);
    child_reap(child);
    child_free(child);
}

static void *outlive(void *arg)
{
    struct child *child = arg;
    struct proc_stat stat;
    struct process_files files = process_files_unkept(getpid());
    while (proc_stat_read(&root, &files, &stat) != 0 || stat.value[STAT_STATE] != 'Z')
        sched_yield();
    child_step(child);
    return NULL;
}

static void main_thread_ends_first(struct child *child)
{
    pthread_t thread;
    pthread_create(&thread, NULL, outlive, child);
    pthread_exit(NULL);
}

static void a_zombie_main_thread_is_no_exit(void **state)
{
    struct child *child = child_start(main_thread_ends_first);
    child_wait(child);
    struct proc_stat stat = stat_of(child->pid);
    child_kill(child);
    assert_int_equal(stat.value[STAT_STATE], 'Z');
    assert_int_equal(stat.value[STAT_THREADS], 2);
    assert_int_equal(stat.exit_code, -1);
}

/* ---- descriptors ---- */

static void opens_descriptors(struct child *child)
{
    long max = sysconf(_SC_OPEN_MAX);
    for (int fd = 0; fd < (max < 4096 ? max : 4096); fd++)
        close(fd);
    child_step(child);
    for (int i = 0; i < 300; i++)
        if (open("/dev/null", O_RDONLY) < 0)
            _exit(1);
    child_step(child);
}

static void open_descriptors(void **state)
{
    struct child *child = child_start(opens_descriptors);
    struct process_files files = open_files(child->pid, true);
    struct source_root listing = root; /* counts as before Linux 6.2 */
    listing.sized_fds = 0;
    uint64_t count = 99, listed = 99;
    child_wait(child);
    assert_int_equal(proc_open_fds(&root, &files, &count), 0);
    assert_int_equal(proc_open_fds(&listing, &files, &listed), 0);
    assert_int_equal(count, 0);
    assert_int_equal(listed, 0);
    child_go(child);
    assert_int_equal(proc_open_fds(&root, &files, &count), 0);
    assert_int_equal(proc_open_fds(&listing, &files, &listed), 0);
    assert_int_equal(count, 300);
    assert_int_equal(listed, 300);
    process_files_close(&files);
    child_kill(child);
}

/* ---- memory ---- */

#define SHARED_MIB 16
#define PRIVATE_MIB 24

static char *shared_pages;

static void touches_memory(struct child *child)
{
    child_step(child);
    char *private =
        mmap(NULL, PRIVATE_MIB * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (private == MAP_FAILED)
        _exit(1);
    memset(private, 1, PRIVATE_MIB * MIB);
    unsigned sum = 0;
    for (size_t i = 0; i < SHARED_MIB * MIB; i += 4096)
        sum += (unsigned char)shared_pages[i];
    child->number[0] = sum;
    child_step(child);
}

static void memory_figures_agree(void **state)
{
    shared_pages =
        mmap(NULL, SHARED_MIB * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared_pages != MAP_FAILED);
    memset(shared_pages, 1, SHARED_MIB * MIB);
    struct child *child = child_start(touches_memory);
    child_wait(child);
    struct process_files files = open_files(child->pid, true);
    uint64_t before[STATM_FIELDS], statm[STATM_FIELDS], status[STATUS_FIELDS], smaps[SMAPS_FIELDS];
    uint32_t valid;
    assert_int_equal(proc_statm_read(&root, &files, before, &valid), 0);
    child_go(child);
    assert_int_equal(proc_statm_read(&root, &files, statm, &valid), 0);
    assert_int_equal(valid, BIT(STATM_VMS) | BIT(STATM_RSS));
    struct proc_stat stat = stat_of(child->pid);
    assert_int_equal(proc_status_read(&root, &files, status, &valid), 0);
    assert_int_equal(valid, BIT(STATUS_FIELDS) - 1);
    int rc = proc_smaps_read(&root, &files, smaps, &valid);
    process_files_close(&files);
    child_kill(child);
    munmap(shared_pages, SHARED_MIB * MIB);

    /* Since Linux 6.2 each processor holds back some pages: the figures are a little apart. */
    const uint64_t slack = 4 * MIB;
    uint64_t rss = statm[STATM_RSS];
    assert_in_range(rss - before[STATM_RSS], (PRIVATE_MIB + SHARED_MIB) * MIB - slack,
                    (PRIVATE_MIB + SHARED_MIB) * MIB + slack);
    assert_int_equal(statm[STATM_VMS], stat.value[STAT_VMS]);
    assert_in_range(stat.value[STAT_RSS], rss - slack, rss + slack);
    uint64_t parts = status[STATUS_RSS_ANON] + status[STATUS_RSS_FILE] + status[STATUS_RSS_SHMEM];
    assert_in_range(parts, rss - slack, rss + slack);
    assert_true(status[STATUS_RSS_ANON] >= PRIVATE_MIB * MIB - slack);
    assert_true(status[STATUS_RSS_SHMEM] >= SHARED_MIB * MIB - slack);
    assert_true(status[STATUS_PEAK_RSS] + slack >= rss);
    if (rc == -ENOENT) { /* before Linux 4.14 */
        print_message("# no smaps_rollup\n");
        return;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(valid, BIT(SMAPS_FIELDS) - 1);
    assert_true(smaps[SMAPS_USS] >= PRIVATE_MIB * MIB);
    assert_true(smaps[SMAPS_USS] <= smaps[SMAPS_PSS]);
    assert_true(smaps[SMAPS_PSS] <= rss + slack);
    /* Half of what it shares with this process is not its own. */
    assert_true(smaps[SMAPS_PSS] <= rss - SHARED_MIB * MIB / 2 + slack);
}

/* ---- I/O ---- */

static void writes_known_amounts(struct child *child)
{
    char block[4096] = {0};
    int sink = open("/dev/null", O_WRONLY), spring = open("/dev/zero", O_RDONLY);
    child_step(child);
    for (int i = 0; i < 100; i++)
        if (write(sink, block, sizeof block) < 0)
            _exit(1);
    for (int i = 0; i < 30; i++)
        if (read(spring, block, 1000) < 0)
            _exit(1);
    child_step(child);
}

static void io_counts_exactly(void **state)
{
    struct child *child = child_start(writes_known_amounts);
    child_wait(child);
    struct process_files files = open_files(child->pid, true);
    uint64_t before[IO_FIELDS], after[IO_FIELDS];
    uint32_t valid;
    int rc = proc_io_read(&root, &files, before, &valid);
    if (rc == -ENOENT) {
        child_kill(child);
        print_message("# a kernel without CONFIG_TASK_IO_ACCOUNTING\n");
        skip();
    }
    assert_int_equal(rc, 0);
    child_go(child);
    assert_int_equal(proc_io_read(&root, &files, after, &valid), 0);
    process_files_close(&files);
    child_kill(child);
    assert_int_equal(valid, BIT(IO_FIELDS) - 1);
    assert_int_equal(after[IO_WRITE_CHARS] - before[IO_WRITE_CHARS], 100 * 4096);
    assert_int_equal(after[IO_WRITE_COUNT] - before[IO_WRITE_COUNT], 100);
    assert_int_equal(after[IO_READ_CHARS] - before[IO_READ_CHARS], 30 * 1000);
    assert_int_equal(after[IO_READ_COUNT] - before[IO_READ_COUNT], 30);
    assert_int_equal(after[IO_WRITE_BYTES] - before[IO_WRITE_BYTES], 0); /* no disk */
}

/* ---- threads ---- */

#define PINNED 3

struct pinned {
    struct child *child;
    size_t processor;
    pthread_barrier_t *barrier;
};

static void pin(size_t processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        _exit(1);
}

static void *pinned_thread(void *arg)
{
    struct pinned *pinned = arg;
    pin(pinned->processor);
    pthread_barrier_wait(pinned->barrier);
    pause();
    return NULL;
}

/* The main thread on the first processor of number[], the others round the rest. */
static void pins_threads(struct child *child)
{
    pthread_barrier_t barrier;
    struct pinned pinned[PINNED];
    pthread_barrier_init(&barrier, NULL, PINNED + 1);
    pin((size_t)child->number[0]);
    for (int i = 0; i < PINNED; i++) {
        pthread_t thread;
        pinned[i] = (struct pinned){child, (size_t)child->number[1 + i], &barrier};
        pthread_create(&thread, NULL, pinned_thread, &pinned[i]);
    }
    pthread_barrier_wait(&barrier);
    child_step(child);
}

static void waits_then_pins(struct child *child)
{
    child_step(child);
    pins_threads(child);
}

static void threads_and_their_processors(void **state)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        print_message("# more processors than a cpu_set_t holds\n");
        skip();
    }
    size_t processors[2], n = 0;
    for (size_t i = 0; i < CPU_SETSIZE && n < 2; i++)
        if (CPU_ISSET(i, &allowed))
            processors[n++] = i;
    struct child *child = child_start(waits_then_pins);
    child_wait(child);
    uint64_t expected[PROCESSORS_MAX / 64] = {0};
    for (size_t i = 0; i < 1 + PINNED; i++) {
        size_t processor = processors[i % n];
        child->number[i] = (int64_t)processor;
        expected[processor / 64] |= UINT64_C(1) << processor % 64;
    }
    child_go(child);
    struct process_files files = open_files(child->pid, true);
    struct thread_census census;
    assert_int_equal(proc_threads_read(&root, &files, &census), 0);
    uint64_t main_thread[STATUS_FIELDS];
    uint32_t valid;
    assert_int_equal(proc_status_read(&root, &files, main_thread, &valid), 0);
    assert_int_equal(stat_of(child->pid).value[STAT_THREADS], 1 + PINNED);
    process_files_close(&files);
    child_kill(child);
    assert_int_equal(census.threads, 1 + PINNED);
    assert_memory_equal(census.ran_on, expected, sizeof expected);
    /* Each of the others has waited at least once. */
    assert_true(census.voluntary_switches >= main_thread[STATUS_VOLUNTARY_SWITCHES] + PINNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_clock_has_threads_that_ended),
        cmocka_unit_test(cpu_clock_of_no_process),
        cmocka_unit_test(a_zombie_and_what_is_left_of_it),
        cmocka_unit_test(exit_codes_of_zombies),
        cmocka_unit_test(a_zombie_main_thread_is_no_exit),
        cmocka_unit_test(open_descriptors),
        cmocka_unit_test(memory_figures_agree),
        cmocka_unit_test(io_counts_exactly),
        cmocka_unit_test(threads_and_their_processors),
    };
    return cmocka_run_group_tests_name("source_process", tests, open_root, close_root);
}
