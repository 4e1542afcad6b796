/* Who a process is, how all are found, and who may look: on real processes. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/buffer.h"
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

/* ---- texts ---- */

static const char expected_arguments[] = "sh\0-c\0echo ready; read x\0\0two words\0\xff\n";

static void executes(struct child *child)
{
    int in[2];
    child->number[0] = pipe(in); /* nobody writes: the shell waits */
    dup2(in[0], 0);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    child_step(child);
    if (chdir("/usr") == 0)
        execl("/bin/sh", "sh", "-c", "echo ready; read x", "", "two words", "\xff\n", (char *)NULL);
    _exit(127);
}

static void arguments_and_links(void **state)
{
    struct child *child = child_start(executes);
    child_wait(child);
    struct process_files files = open_files(child->pid, true);
    struct buffer text = {0}, exe = {0};
    uint64_t stack = stat_of(child->pid).start_stack;
    struct proc_stat stat;
    assert_int_not_equal(stack, 0);
    sem_post(&child->go);
    /* No step to wait for: until the program is another one, and has another stack. */
    do {
        sched_yield();
        stat = stat_of(child->pid);
        assert_int_not_equal(stat.value[STAT_STATE], 'Z');
    } while (strcmp(stat.comm, "sh") != 0 || stat.start_stack == stack || stat.start_stack == 0);
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
    struct child *child = child_start(child_sleeps);
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
        struct child *child = child_start(child_sleeps);
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
    struct child *child = child_start(child_sleeps);
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
    struct child *zombie = child_start(child_sleeps), *child = child_start(looks_as_nobody);
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
        cmocka_unit_test(names_that_mislead),
        cmocka_unit_test(arguments_and_links),
        cmocka_unit_test(overwritten_arguments_end_with_nul),
        cmocka_unit_test(scan_finds_processes),
        cmocka_unit_test(last_pid_is_a_new_childs),
        cmocka_unit_test(released_files_read_on),
        cmocka_unit_test(out_of_descriptors),
        cmocka_unit_test(another_users_process),
        cmocka_unit_test(a_kernel_thread),
    };
    return cmocka_run_group_tests_name("source_identity", tests, open_root, close_root);
}
