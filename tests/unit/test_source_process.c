/* The readers on real processes whose truth is known: children of this test. */
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

static void sleeper(struct child *child)
{
    child_step(child);
}

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
    struct child *child = child_start(sleeper);
    child_wait(child);
    sem_post(&child->go); /* _exit(0) */
    child_wait_zombie(child);
    assert_int_equal(stat_of(child->pid).exit_code, 0);
    child_reap(child);
    child_free(child);

    child = child_start(sleeper);
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

/* ---- names ---- */

static const char *const nasty_names[] = {"a b) R 1 1", "x\ny) Z (", ")", "\x1b[31m"};

static void renames_itself(struct child *child)
{
    for (size_t i = 0; i < sizeof nasty_names / sizeof nasty_names[0]; i++) {
        prctl(PR_SET_NAME, nasty_names[i]);
        child_step(child);
    }
}

static void names_that_mislead(void **state)
{
    struct child *child = child_start(renames_itself);
    for (size_t i = 0; i < sizeof nasty_names / sizeof nasty_names[0]; i++) {
        i == 0 ? child_wait(child) : child_go(child);
        struct proc_stat stat = stat_of(child->pid);
        assert_string_equal(stat.comm, nasty_names[i]);
        assert_int_equal(stat.parent_pid, getpid());
        assert_int_equal(stat.value[STAT_THREADS], 1);
        assert_true(stat.start_ticks > 0);
        struct process_files files = process_files_unkept(child->pid);
        struct proc_owner owner;
        assert_int_equal(proc_owner_read(&root, &files, &owner), 0);
        assert_int_equal(owner.thread_group, child->pid);
        assert_int_equal(owner.inner_pid, child->pid);
        assert_int_equal(owner.uid, getuid());
    }
    child_kill(child);
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

/* ---- texts ---- */

static const char expected_arguments[] = "sh\0-c\0echo ready; read x\0\0two words\0\xff\n";

static void executes(struct child *child)
{
    int in[2];
    child->number[0] = pipe(in); /* nobody writes: the shell waits */
    dup2(in[0], 0);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    if (chdir("/usr") == 0)
        execl("/bin/sh", "sh", "-c", "echo ready; read x", "", "two words", "\xff\n", (char *)NULL);
    _exit(127);
}

static void arguments_and_links(void **state)
{
    struct child *child = child_start(executes);
    struct process_files files = open_files(child->pid, true);
    struct buffer text = {0}, exe = {0};
    /* No step to wait for: until the program is another one. */
    uint64_t stack = stat_of(child->pid).start_stack;
    struct proc_stat stat;
    do {
        sched_yield();
        stat = stat_of(child->pid);
        assert_int_not_equal(stat.value[STAT_STATE], 'Z');
    } while (strcmp(stat.comm, "sh") != 0);
    assert_int_not_equal(stat.start_stack, stack);
    assert_int_not_equal(stat.start_stack, 0);
    do
        buffer_clear(&text);
    while (proc_arguments_read(&root, &files, 4096, &text, NULL) == 0 && text.len == 0);
    assert_int_equal(text.len, sizeof expected_arguments);
    assert_memory_equal(text.data, expected_arguments, text.len);

    bool cut = true;
    size_t whole = sizeof expected_arguments;
    buffer_clear(&text);
    assert_int_equal(proc_arguments_read(&root, &files, whole, &text, &cut), 0);
    assert_int_equal(text.len, whole);
    assert_false(cut);
    buffer_clear(&text);
    assert_int_equal(proc_arguments_read(&root, &files, whole - 1, &text, &cut), 0);
    assert_int_equal(text.len, whole - 1);
    assert_true(cut);
    assert_int_equal(proc_arguments_read(&root, &files, 2, &text, &cut), 0); /* appends */
    assert_int_equal(text.len, whole + 1);
    assert_memory_equal(text.data + whole - 1, "sh", 2);

    char own[4096];
    ssize_t n = readlink("/bin/sh", own, sizeof own - 1);
    assert_int_equal(proc_link_read(&root, &files, "exe", 4096, &exe), 0);
    if (n > 0) { /* /bin/sh is a link to dash, bash, … */
        own[n] = '\0';
        const char *name = strrchr(own, '/') != NULL ? strrchr(own, '/') + 1 : own;
        assert_true(exe.len > strlen(name));
        assert_memory_equal(exe.data + exe.len - strlen(name), name, strlen(name));
    }
    buffer_clear(&text);
    assert_int_equal(proc_link_read(&root, &files, "cwd", 4096, &text), 0);
    assert_int_equal(text.len, 4);
    assert_memory_equal(text.data, "/usr", 4);
    assert_int_equal(proc_link_read(&root, &files, "cwd", 2, &text), 0);
    assert_int_equal(text.len, 6);
    assert_int_equal(proc_link_read(&root, &files, "no-such-link", 10, &text), -ENOENT);
    buffer_done(&text);
    buffer_done(&exe);
    process_files_close(&files);
    child_kill(child);
}

static void overwrites_arguments(struct child *child)
{
    /* The kernel shows what stands between the first argument's begin and the last one's end. */
    FILE *f = fopen("/proc/self/stat", "r");
    char text[2048];
    unsigned long begin = 0, end = 0;
    size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    char *at = strrchr(text, ')');
    for (int column = 2; at != NULL && column < 48; column++)
        at = strchr(at + 1, ' ');
    if (at == NULL || sscanf(at, "%lu %lu", &begin, &end) != 2)
        _exit(1);
    memset((char *)begin, 'x', end - begin); /* NUL and all, like some setproctitle */
    child->number[0] = (int64_t)(end - begin);
    child_step(child);
}

static void overwritten_arguments_end_with_nul(void **state)
{
    struct child *child = child_start(overwrites_arguments);
    child_wait(child);
    struct process_files files = process_files_unkept(child->pid);
    struct buffer text = {0};
    assert_int_equal(proc_arguments_read(&root, &files, 1 << 20, &text, NULL), 0);
    assert_true(text.len > (size_t)child->number[0]);
    assert_int_equal(text.data[0], 'x');
    assert_int_equal(text.data[text.len - 1], '\0');
    buffer_done(&text);
    child_kill(child);
}

/* ---- all processes ---- */

struct seen {
    pid_t last, wanted[2];
    bool ascending;
    unsigned found, count;
};

static void see(void *user, pid_t pid)
{
    struct seen *seen = user;
    seen->ascending &= pid > seen->last;
    seen->last = pid;
    seen->count++;
    seen->found += pid == seen->wanted[0] || pid == seen->wanted[1];
}

static void scan_finds_processes(void **state)
{
    struct child *child = child_start(sleeper);
    child_wait(child);
    struct seen seen = {.wanted = {getpid(), child->pid}, .ascending = true};
    assert_int_equal(proc_scan(&root, see, &seen), 0);
    child_kill(child);
    assert_int_equal(seen.found, 2);
    assert_true(seen.ascending);
    assert_true(seen.count >= 2);
}

static void last_pid_is_a_new_childs(void **state)
{
    int fd = openat(root.proc_fd, "loadavg", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    bool equal = false;
    for (int i = 0; i < 50 && !equal; i++) { /* others fork too */
        struct child *child = child_start(sleeper);
        pid_t pid = 0;
        assert_int_equal(proc_last_pid(fd, &pid), 0);
        equal = pid == child->pid;
        child_wait(child);
        child_kill(child);
    }
    close(fd);
    assert_true(equal);
    assert_true(proc_pid_max(&root) > (uint64_t)getpid());
}

/* ---- descriptors kept and not ---- */

static void released_files_read_on(void **state)
{
    struct child *child = child_start(sleeper);
    child_wait(child);
    struct process_files files = open_files(child->pid, true);
    uint64_t value[8];
    uint32_t valid;
    struct proc_stat stat;
    assert_int_equal(process_files_release(&files), 1); /* the directory alone */
    process_files_close(&files);
    files = open_files(child->pid, true);
    assert_int_equal(proc_stat_read(&root, &files, &stat), 0);
    assert_int_equal(proc_statm_read(&root, &files, value, &valid), 0);
    assert_int_equal(process_files_release(&files), 3);
    assert_int_equal(process_files_release(&files), 0);
    assert_int_equal(proc_stat_read(&root, &files, &stat), 0);
    assert_int_equal(stat.parent_pid, getpid());
    assert_int_equal(process_files_release(&files), 0); /* not kept again */
    process_files_close(&files);
    child_kill(child);
}

static void out_of_descriptors(void **state)
{
    struct process_files files = open_files(getpid(), true), more;
    struct rlimit limit, low;
    struct proc_stat stat;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    low = limit;
    low.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int read_rc = proc_stat_read(&root, &files, &stat);
    int open_rc = process_files_open(&root, getpid(), true, &more);
    int released = process_files_release(&files);
    int again_rc = proc_stat_read(&root, &files, &stat);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(read_rc, -EMFILE);
    assert_int_equal(open_rc, -EMFILE);
    assert_int_equal(released, 1);
    assert_int_equal(again_rc, 0);
}

/* ---- rights ---- */

struct seen_as_nobody {
    int stat, statm, status, clock, owner, arguments, io, smaps, fds, link, threads, zombie;
    int exit_code, zombie_stat;
};

/* As uid 65534 against the parent, root's, and against root's zombie `number[7]`. */
static void looks_as_nobody(struct child *child)
{
    struct seen_as_nobody seen;
    struct proc_stat stat;
    struct proc_owner owner;
    struct thread_census census;
    struct buffer text = {0};
    uint64_t value[8];
    uint32_t valid;
    pid_t parent = getppid();
    while (child->number[7] == 0)
        sched_yield();
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        _exit(1);
    struct process_files files = process_files_unkept(parent);
    seen.stat = proc_stat_read(&root, &files, &stat);
    seen.statm = proc_statm_read(&root, &files, value, &valid);
    seen.status = proc_status_read(&root, &files, value, &valid);
    seen.owner = proc_owner_read(&root, &files, &owner);
    seen.clock = cpu_clock_read(parent, value);
    seen.arguments = proc_arguments_read(&root, &files, 100, &text, NULL);
    seen.threads = proc_threads_read(&root, &files, &census);
    seen.io = proc_io_read(&root, &files, value, &valid);
    seen.smaps = proc_smaps_read(&root, &files, value, &valid);
    seen.link = proc_link_read(&root, &files, "exe", 100, &text);
    seen.fds = proc_open_fds(&root, &files, value);
    files = process_files_unkept((pid_t)child->number[7]);
    seen.zombie_stat = proc_stat_read(&root, &files, &stat);
    seen.zombie = (int)stat.value[STAT_STATE];
    seen.exit_code = stat.exit_code;
    memcpy(child->number, &seen, sizeof seen);
    child_step(child);
}

static void another_users_process(void **state)
{
    if (getuid() != 0) {
        print_message("# needs root to become another user\n");
        skip();
    }
    static_assert(sizeof(struct seen_as_nobody) <= sizeof((struct child *)0)->number, "room");
    struct child *zombie = child_start(sleeper), *child = child_start(looks_as_nobody);
    child_wait(zombie);
    sem_post(&zombie->go);
    child_wait_zombie(zombie);
    child->number[7] = zombie->pid;
    child_wait(child);
    struct seen_as_nobody seen;
    memcpy(&seen, child->number, sizeof seen);
    child_kill(child);
    child_reap(zombie);
    child_free(zombie);
    assert_int_equal(seen.stat, 0);
    assert_int_equal(seen.statm, 0);
    assert_int_equal(seen.status, 0);
    assert_int_equal(seen.owner, 0);
    assert_int_equal(seen.clock, 0);
    assert_int_equal(seen.arguments, 0);
    assert_int_equal(seen.threads, 0);
    assert_int_equal(seen.io, -EACCES);
    assert_int_equal(seen.smaps, -EACCES);
    assert_int_equal(seen.link, -EACCES);
    assert_true(seen.fds == 0 || seen.fds == -EACCES); /* 0 since Linux 6.2 */
    /* It ended with 0, but the kernel says 0 to strangers whatever it was. */
    assert_int_equal(seen.zombie_stat, 0);
    assert_int_equal(seen.zombie, 'Z');
    assert_int_equal(seen.exit_code, -1);
}

static void a_kernel_thread(void **state)
{
    struct process_files files;
    struct proc_stat stat;
    if (process_files_open(&root, 2, false, &files) != 0 ||
        proc_stat_read(&root, &files, &stat) != 0 || !(stat.flags & 0x00200000)) {
        print_message("# no kernel thread to be seen here\n");
        skip();
    }
    struct buffer text = {0};
    uint64_t value[8];
    uint32_t valid;
    assert_string_equal(stat.comm, "kthreadd");
    assert_int_equal(proc_status_read(&root, &files, value, &valid), 0);
    assert_false(valid & (BIT(STATUS_RSS_ANON) | BIT(STATUS_PEAK_RSS)));
    assert_int_equal(proc_arguments_read(&root, &files, 100, &text, NULL), 0);
    assert_int_equal(text.len, 0);
    if (getuid() == 0) {
        assert_int_equal(proc_smaps_read(&root, &files, value, &valid), 0);
        assert_int_equal(valid, 0);
        assert_int_equal(proc_link_read(&root, &files, "exe", 100, &text), -ENOENT);
    }
    buffer_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_clock_has_threads_that_ended),
        cmocka_unit_test(cpu_clock_of_no_process),
        cmocka_unit_test(a_zombie_and_what_is_left_of_it),
        cmocka_unit_test(exit_codes_of_zombies),
        cmocka_unit_test(a_zombie_main_thread_is_no_exit),
        cmocka_unit_test(names_that_mislead),
        cmocka_unit_test(open_descriptors),
        cmocka_unit_test(memory_figures_agree),
        cmocka_unit_test(io_counts_exactly),
        cmocka_unit_test(threads_and_their_processors),
        cmocka_unit_test(arguments_and_links),
        cmocka_unit_test(overwritten_arguments_end_with_nul),
        cmocka_unit_test(scan_finds_processes),
        cmocka_unit_test(last_pid_is_a_new_childs),
        cmocka_unit_test(released_files_read_on),
        cmocka_unit_test(out_of_descriptors),
        cmocka_unit_test(another_users_process),
        cmocka_unit_test(a_kernel_thread),
    };
    return cmocka_run_group_tests_name("source_process", tests, open_root, close_root);
}
