/* The machine's own files against what other calls say of it. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/cgroup.h"
#include "source/host.h"
#include "source/machine.h"

#define BIT(field) (UINT32_C(1) << (field))

static struct source_root root;
static struct machine_files *files;

static int open_machine(void **state)
{
    int rc = source_root_open(&root, "/");
    return rc != 0 ? rc : machine_files_new(&root, &files);
}

static int close_machine(void **state)
{
    machine_files_free(files);
    source_root_close(&root);
    return 0;
}

struct cpu_sum {
    uint64_t value[CPU_FIELDS];
    unsigned n;
};

static void add_cpu(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    struct cpu_sum *sum = user;
    assert_int_equal(valid, BIT(CPU_FIELDS) - 1);
    for (unsigned i = 0; i < CPU_FIELDS; i++)
        sum->value[i] += value[i];
    sum->n++;
}

static void processors_add_up(void **state)
{
    uint64_t cpu[CPU_FIELDS], kernel[KERNEL_FIELDS];
    uint32_t valid, kernel_valid;
    struct cpu_sum sum = {.n = 0};
    assert_int_equal(machine_cpu_read(files, cpu, &valid, kernel, &kernel_valid, add_cpu, &sum), 0);
    assert_int_equal(valid, BIT(CPU_FIELDS) - 1);
    assert_int_equal(kernel_valid, BIT(KERNEL_FIELDS) - 1);
    assert_int_equal(sum.n, get_nprocs());
    /* Each is rounded down to a tick; idle and iowait may move between the two passes. */
    uint64_t slack = (sum.n + 2) * root.tick_ns;
    static const unsigned fields[] = {CPU_USER, CPU_NICE, CPU_SYSTEM, CPU_IRQ, CPU_SOFTIRQ};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        assert_in_range(sum.value[fields[i]] + slack, cpu[fields[i]], cpu[fields[i]] + 2 * slack);

    uint64_t boot_ns = clock_boot_ns();
    assert_in_range(kernel[KERNEL_UPTIME], boot_ns - NS_PER_S, boot_ns);
    double load;
    assert_int_equal(getloadavg(&load, 1), 1);
    assert_true(load * 1000 - (double)kernel[KERNEL_LOAD1] < 1000);
    assert_true((double)kernel[KERNEL_LOAD1] - load * 1000 < 1000);
    assert_true(kernel[KERNEL_RUNNING] >= 1); /* this process */
}

static void work_shows(void **state)
{
    uint64_t before[CPU_FIELDS], after[CPU_FIELDS], kernel[2][KERNEL_FIELDS];
    uint32_t valid, kernel_valid;
    const uint64_t work_ns = 150 * NS_PER_MS;
    assert_int_equal(machine_cpu_read(files, before, &valid, kernel[0], &kernel_valid, NULL, NULL),
                     0);
    uint64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + work_ns;
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
        ;
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        assert_true(pid > 0);
        waitpid(pid, NULL, 0);
    }
    assert_int_equal(machine_cpu_read(files, after, &valid, kernel[1], &kernel_valid, NULL, NULL),
                     0);
    uint64_t busy = 0;
    static const unsigned fields[] = {CPU_USER, CPU_NICE, CPU_SYSTEM, CPU_GUEST};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        busy += after[fields[i]] - before[fields[i]];
    assert_true(busy >= work_ns / 2); /* by ticks, and stolen time is not busy */
    assert_true(kernel[1][KERNEL_FORKS] >= kernel[0][KERNEL_FORKS] + 20);
    assert_true(kernel[1][KERNEL_SWITCHES] >= kernel[0][KERNEL_SWITCHES] + 20);
    assert_true(kernel[1][KERNEL_INTERRUPTS] > kernel[0][KERNEL_INTERRUPTS]);
    assert_true(kernel[1][KERNEL_UPTIME] >= kernel[0][KERNEL_UPTIME]);
}

static void memory_adds_up(void **state)
{
    uint64_t value[MEMORY_FIELDS];
    uint32_t valid;
    struct sysinfo info;
    assert_int_equal(machine_memory_read(files, value, &valid), 0);
    assert_int_equal(sysinfo(&info), 0);
    assert_int_equal(valid, BIT(MEMORY_FIELDS) - 1);
    assert_int_equal(value[MEMORY_TOTAL], (uint64_t)info.totalram * info.mem_unit);
    assert_int_equal(value[MEMORY_SWAP_TOTAL], (uint64_t)info.totalswap * info.mem_unit);
    assert_true(value[MEMORY_FREE] + value[MEMORY_CACHED] + value[MEMORY_BUFFERS] <=
                value[MEMORY_TOTAL]);
    assert_true(value[MEMORY_AVAILABLE] <= value[MEMORY_TOTAL]);
    assert_true(value[MEMORY_SWAP_FREE] <= value[MEMORY_SWAP_TOTAL]);
}

static void page_faults_show(void **state)
{
    uint64_t before[PAGING_FIELDS], after[PAGING_FIELDS];
    uint32_t valid;
    const size_t pages = 2000;
    assert_int_equal(machine_paging_read(files, before, &valid), 0);
    assert_true(valid & BIT(PAGING_FAULTS));
    for (int i = 0; i < 4; i++) {
        char *block = aligned_alloc(4096, pages * 4096);
        assert_non_null(block);
        for (size_t j = 0; j < pages; j++)
            ((volatile char *)block)[j * 4096] = 1;
        free(block);
    }
    assert_int_equal(machine_paging_read(files, after, &valid), 0);
    assert_true(after[PAGING_FAULTS] > before[PAGING_FAULTS]);
    assert_true(after[PAGING_MAJOR_FAULTS] >= before[PAGING_MAJOR_FAULTS]);
}

static void pressure_is_read_or_missing(void **state)
{
    uint64_t first[PRESSURE_FIELDS], second[PRESSURE_FIELDS];
    uint32_t valid = 0;
    int rc = machine_pressure_read(files, first, &valid);
    if (rc != 0) {
        assert_true(rc == -ENOENT || rc == -EOPNOTSUPP);
        assert_int_equal(valid, 0);
        print_message("# a kernel without PSI\n");
        skip();
    }
    assert_int_equal(valid, BIT(PRESSURE_FIELDS) - 1);
    assert_int_equal(machine_pressure_read(files, second, &valid), 0);
    uint64_t up_ns = clock_boot_ns();
    for (unsigned i = 0; i < PRESSURE_FIELDS; i++) {
        assert_true(second[i] >= first[i]);
        assert_true(second[i] <= up_ns);
    }
    assert_true(second[PRESSURE_MEMORY_FULL] <= second[PRESSURE_MEMORY_SOME]);
}

static void see_disk(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    char path[128];
    assert_true(valid & BIT(DISK_READ_BYTES));
    if (access("/sys/block", F_OK) == 0 && strchr(name, '/') == NULL) {
        snprintf(path, sizeof path, "/sys/block/%s", name);
        assert_int_equal(access(path, F_OK), 0);
    }
    ++*(unsigned *)user;
}

static void disks_are_whole(void **state)
{
    unsigned n = 0, again = 0;
    assert_int_equal(machine_disks_read(files, see_disk, &n), 0);
    assert_int_equal(machine_disks_read(files, see_disk, &again), 0);
    assert_int_equal(n, again);
}

struct loopback {
    uint64_t value[NET_FIELDS];
    unsigned found;
};

static void take_loopback(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    struct loopback *loopback = user;
    assert_int_equal(valid, BIT(NET_FIELDS) - 1);
    if (strcmp(name, "lo") == 0) {
        memcpy(loopback->value, value, sizeof loopback->value);
        loopback->found++;
    }
}

static void sent_bytes_show(void **state)
{
    struct loopback before = {.found = 0}, after = {.found = 0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof to;
    char bytes[1000] = {0};
    int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(in >= 0 && out >= 0);
    assert_int_equal(machine_net_read(files, take_loopback, &before), 0);
    bool sent = bind(in, (struct sockaddr *)&to, sizeof to) == 0 &&
                getsockname(in, (struct sockaddr *)&to, &length) == 0;
    for (int i = 0; i < 10 && sent; i++)
        sent = sendto(out, bytes, sizeof bytes, 0, (struct sockaddr *)&to, sizeof to) > 0 &&
               recv(in, bytes, sizeof bytes, 0) == sizeof bytes;
    close(in);
    close(out);
    if (!sent || before.found != 1) {
        print_message("# no loopback network here\n");
        skip();
    }
    assert_int_equal(machine_net_read(files, take_loopback, &after), 0);
    assert_true(after.value[NET_SENT_BYTES] >= before.value[NET_SENT_BYTES] + 10 * 1000);
    assert_true(after.value[NET_RECEIVED_BYTES] >= before.value[NET_RECEIVED_BYTES] + 10 * 1000);
    assert_true(after.value[NET_SENT_PACKETS] >= before.value[NET_SENT_PACKETS] + 10);
}

static void the_host(void **state)
{
    struct host_facts facts;
    struct utsname names;
    struct sysinfo info;
    cpu_set_t allowed;
    assert_int_equal(host_facts_read(&root, &facts), 0);
    assert_int_equal(uname(&names), 0);
    assert_int_equal(sysinfo(&info), 0);
    assert_string_equal(facts.hostname, names.nodename);
    assert_string_equal(facts.kernel, names.release);
    assert_string_equal(facts.machine, names.machine);
    assert_int_equal(strlen(facts.boot_id), 36);
    assert_int_equal(facts.memory_bytes, (uint64_t)info.totalram * info.mem_unit);
    assert_int_equal(facts.processors, get_nprocs());
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        assert_int_equal(facts.allowed_processors, CPU_COUNT(&allowed));
    if (facts.place != NULL) {
        assert_in_range(facts.cores, 1, facts.processors);
        assert_in_range(facts.packages, 1, facts.cores);
        for (unsigned i = 1; i < facts.processors; i++)
            assert_true(facts.place[i].processor > facts.place[i - 1].processor);
    }
    host_facts_done(&facts);
    host_facts_done(&facts);
}

static void own_limits(void **state)
{
    struct cgroup_limits limits;
    int rc = cgroup_limits_read(&root, getpid(), &limits);
    if (rc == -ENOENT) {
        print_message("# a kernel without control groups\n");
        skip();
    }
    assert_int_equal(rc, 0);
    assert_in_range(limits.version, 0, 2);
    assert_true(limits.version == 0 || limits.path[0] == '/');
    assert_true(limits.memory_max_bytes > 1024 * 1024);
    assert_true(limits.pids_max > 0);
    assert_int_equal(cgroup_limits_read(&root, 0x3FFFFFFF, &limits), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors_add_up),
        cmocka_unit_test(work_shows),
        cmocka_unit_test(memory_adds_up),
        cmocka_unit_test(page_faults_show),
        cmocka_unit_test(pressure_is_read_or_missing),
        cmocka_unit_test(disks_are_whole),
        cmocka_unit_test(sent_bytes_show),
        cmocka_unit_test(the_host),
        cmocka_unit_test(own_limits),
    };
    return cmocka_run_group_tests_name("source_machine", tests, open_machine, close_machine);
}
