/* The readers on other machines' files: tests/roots, and trees made here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "source/cgroup.h"
#include "source/host.h"
#include "source/machine.h"
#include "source/proc_process.h"
#include "test_source_instances.h"
#include "test_source_tree.h"

#define BIT(field) (UINT32_C(1) << (field))
#define KIB UINT64_C(1024)
#define TICK (10 * NS_PER_MS)

static struct source_root open_root(const char *name)
{
    char path[512];
    struct source_root root;
    snprintf(path, sizeof path, "%s/roots/%s", TESTS_DIR, name);
    assert_int_equal(source_root_open(&root, path), 0);
    root.tick_ns = TICK; /* as the texts have it */
    root.page_bytes = 4096;
    return root;
}

/* ---- an old kernel ---- */

static void old_kernel_process(void **state)
{
    struct source_root root = open_root("old-kernel");
    for (int keep = 0; keep < 2; keep++) {
        struct process_files files;
        struct proc_stat stat;
        struct proc_owner owner;
        struct buffer text = {0};
        uint64_t value[16];
        uint32_t valid;
        assert_int_equal(process_files_open(&root, 1234, keep, &files), 0);
        assert_int_equal(proc_stat_read(&root, &files, &stat), 0);
        assert_string_equal(stat.comm, "old (daemon)");
        assert_int_equal(stat.valid, (BIT(STAT_FIELDS) - 1) & ~BIT(STAT_IOWAIT));
        assert_int_equal(stat.value[STAT_USER], 250 * TICK);
        assert_int_equal(stat.value[STAT_RSS], 1042 * 4096);
        assert_int_equal(stat.value[STAT_PROCESSOR], 1);
        assert_int_equal(stat.exit_code, -1);
        assert_int_equal(proc_statm_read(&root, &files, value, &valid), 0);
        assert_int_equal(value[STATM_VMS], 14677 * 4096);
        assert_int_equal(proc_status_read(&root, &files, value, &valid), 0);
        assert_int_equal(valid, BIT(STATUS_PEAK_RSS));
        assert_int_equal(value[STATUS_PEAK_RSS], 4168 * KIB);
        assert_int_equal(proc_owner_read(&root, &files, &owner), 0);
        assert_int_equal(owner.thread_group, 1234);
        assert_int_equal(owner.inner_pid, 0);
        assert_int_equal(proc_open_fds(&root, &files, value), 0);
        assert_int_equal(value[0], 3);
        assert_int_equal(proc_arguments_read(&root, &files, 100, &text, NULL), 0);
        assert_int_equal(text.len, sizeof "old\0--daemon");
        /* The process is there: it is the kernel that has no such file. */
        assert_int_equal(proc_io_read(&root, &files, value, &valid), -ENOENT);
        assert_int_equal(proc_smaps_read(&root, &files, value, &valid), -ENOENT);
        assert_int_equal(proc_link_read(&root, &files, "exe", 100, &text), -ENOENT);
        buffer_done(&text);
        process_files_close(&files);
        assert_int_equal(process_files_open(&root, 1235, keep, &files), -ESRCH);
    }
    source_root_close(&root);
}

static void old_kernel_machine(void **state)
{
    struct source_root root = open_root("old-kernel");
    struct machine_files *files;
    uint64_t cpu[CPU_FIELDS], kernel[KERNEL_FIELDS], value[16];
    uint32_t valid, kernel_valid;
    struct instances processors = {.n_values = CPU_FIELDS}, disks = {.n_values = DISK_FIELDS},
                     nets = {.n_values = NET_FIELDS};
    assert_int_equal(root.delay_accounting, 0);
    assert_int_equal(root.procfs, 0);
    assert_int_equal(machine_files_new(&root, &files), 0);
    assert_int_equal(
        machine_cpu_read(files, cpu, &valid, kernel, &kernel_valid, collect, &processors), 0);
    assert_int_equal(valid, BIT(CPU_GUEST) - 1); /* no guest before 2.6.24 */
    assert_int_equal(cpu[CPU_USER], 84282 * TICK);
    assert_int_equal(processors.n, 2);
    assert_int_equal(processors.at[1].value[CPU_SOFTIRQ], 105 * TICK);
    assert_int_equal(kernel_valid, BIT(KERNEL_FIELDS) - 1);
    assert_int_equal(kernel[KERNEL_INTERRUPTS], 114930548);
    assert_int_equal(kernel[KERNEL_FORKS], 2915);
    assert_int_equal(kernel[KERNEL_LOAD15], 12070);
    assert_int_equal(kernel[KERNEL_UPTIME], UINT64_C(35073547) * 10 * NS_PER_MS);

    assert_int_equal(machine_memory_read(files, value, &valid), 0);
    assert_int_equal(valid,
                     (BIT(MEMORY_FIELDS) - 1) & ~(BIT(MEMORY_AVAILABLE) | BIT(MEMORY_SHMEM)));
    assert_int_equal(value[MEMORY_CACHED], 3000000 * KIB); /* not SwapCached */
    assert_int_equal(machine_paging_read(files, value, &valid), 0);
    assert_int_equal(valid, (BIT(PAGING_FIELDS) - 1) & ~BIT(PAGING_OOM_KILLS));
    assert_int_equal(machine_pressure_read(files, value, &valid), -ENOENT);

    /* No sys: nobody can tell partitions, all but the idle pseudo-disk are kept. */
    assert_int_equal(machine_disks_read(files, collect, &disks), 0);
    assert_int_equal(disks.n, 3);
    assert_string_equal(disks.at[0].name, "sda");
    assert_int_equal(disks.at[0].value[DISK_WRITE_BYTES], UINT64_C(5922052) * 512);
    assert_string_equal(disks.at[1].name, "sda1");
    assert_string_equal(disks.at[2].name, "loop0");
    assert_int_equal(machine_net_read(files, collect, &nets), 0);
    assert_int_equal(nets.n, 2);
    assert_string_equal(nets.at[1].name, "eth0"); /* no blank behind its colon */
    assert_int_equal(nets.at[1].value[NET_RECEIVED_BYTES], 15475140);
    assert_int_equal(nets.at[1].value[NET_SENT_ERRORS], 11);
    machine_files_free(files);
    source_root_close(&root);
}

static void old_kernel_host(void **state)
{
    struct source_root root = open_root("old-kernel");
    struct host_facts facts;
    struct cgroup_limits limits;
    assert_int_equal(host_facts_read(&root, &facts), 0);
    assert_string_equal(facts.hostname, "oldhost");
    assert_string_equal(facts.kernel, "2.6.18-8.el5");
    assert_string_equal(facts.cpu_model, "BCM2835");
    assert_string_equal(facts.clocksource, "");
    assert_string_equal(facts.boot_id, "8d4d3a40-1f63-4b5a-9ad3-2f4d6b1c7f11");
    assert_int_equal(facts.memory_bytes, 4043664 * KIB);
    assert_int_equal(facts.swap_bytes, 2031608 * KIB);
    assert_int_equal(facts.processors, 0); /* of this fake nothing is known */
    assert_int_equal(facts.cores, 0);
    assert_null(facts.place);
    host_facts_done(&facts);
    assert_int_equal(proc_pid_max(&root), 32768);
    assert_int_equal(cgroup_limits_read(&root, 1234, &limits), -ENOENT);
    assert_int_equal(cgroup_limits_read(&root, 1235, &limits), -ESRCH);
    source_root_close(&root);
}

/* ---- a current one ---- */

static void current_machine(void **state)
{
    struct source_root root = open_root("current");
    struct machine_files *files;
    uint64_t cpu[CPU_FIELDS], kernel[KERNEL_FIELDS], value[16];
    uint32_t valid, kernel_valid;
    struct instances processors = {.n_values = CPU_FIELDS};
    assert_int_equal(root.delay_accounting, 1);
    assert_int_equal(machine_files_new(&root, &files), 0);
    assert_int_equal(
        machine_cpu_read(files, cpu, &valid, kernel, &kernel_valid, collect, &processors), 0);
    static const uint64_t expected[CPU_FIELDS] = {
        [CPU_USER] = 910 * TICK, /* guest taken out */
        [CPU_NICE] = 180 * TICK,  [CPU_SYSTEM] = 300 * TICK, [CPU_IDLE] = 4000 * TICK,
        [CPU_IOWAIT] = 50 * TICK, [CPU_IRQ] = 6 * TICK,      [CPU_SOFTIRQ] = 7 * TICK,
        [CPU_STEAL] = 8 * TICK,   [CPU_GUEST] = 110 * TICK};
    assert_int_equal(valid, BIT(CPU_FIELDS) - 1);
    assert_memory_equal(cpu, expected, sizeof expected);
    assert_int_equal(processors.n, 2);
    assert_string_equal(processors.at[0].name, "0");
    assert_string_equal(processors.at[1].name, "2"); /* 1 is offline */
    assert_int_equal(processors.at[1].value[CPU_GUEST], 0);
    assert_int_equal(kernel[KERNEL_SWITCHES], 258430);
    assert_int_equal(kernel[KERNEL_RUNNING], 3);
    assert_int_equal(kernel[KERNEL_BLOCKED], 1);
    assert_int_equal(kernel[KERNEL_LOAD1], 1250);
    assert_int_equal(kernel[KERNEL_UPTIME], 87342 * TICK);

    assert_int_equal(machine_memory_read(files, value, &valid), 0);
    assert_int_equal(valid, BIT(MEMORY_FIELDS) - 1);
    assert_int_equal(value[MEMORY_AVAILABLE], 22000000 * KIB);
    assert_int_equal(value[MEMORY_SHMEM], 8192 * KIB);
    assert_int_equal(value[MEMORY_SLAB], 120000 * KIB);
    assert_int_equal(machine_paging_read(files, value, &valid), 0);
    static const uint64_t paging[PAGING_FIELDS] = {333, 44, 11, 22, 5};
    assert_int_equal(valid, BIT(PAGING_FIELDS) - 1);
    assert_memory_equal(value, paging, sizeof paging);
    assert_int_equal(machine_pressure_read(files, value, &valid), 0);
    static const uint64_t pressure[PRESSURE_FIELDS] = {1122334000, 55000, 44000, 777000, 666000};
    assert_int_equal(valid, BIT(PRESSURE_FIELDS) - 1);
    assert_memory_equal(value, pressure, sizeof pressure);
    machine_files_free(files);
    source_root_close(&root);
}

static void current_devices(void **state)
{
    struct source_root root = open_root("current");
    struct machine_files *files;
    assert_int_equal(machine_files_new(&root, &files), 0);
    for (int round = 0; round < 2; round++) { /* looked up, then remembered */
        struct instances disks = {.n_values = DISK_FIELDS}, nets = {.n_values = NET_FIELDS};
        assert_int_equal(machine_disks_read(files, collect, &disks), 0);
        static const char *const expected[] = {"loop1", "nvme0n1", "cciss/c0d0", "dm-0"};
        assert_int_equal(disks.n, 4);
        for (unsigned i = 0; i < 4; i++) {
            assert_string_equal(disks.at[i].name, expected[i]);
            assert_int_equal(disks.at[i].valid, BIT(DISK_FIELDS) - 1);
        }
        static const uint64_t values[DISK_FIELDS] = {28961, UINT64_C(2509570) * 512, 7598,
                                                     UINT64_C(529720) * 512, 8260 * NS_PER_MS};
        assert_memory_equal(disks.at[1].value, values, sizeof values);
        assert_int_equal(machine_net_read(files, collect, &nets), 0);
        assert_int_equal(nets.n, 2);
        assert_string_equal(nets.at[1].name, "eth0.100");
        static const uint64_t net[NET_FIELDS] = {27815077, 664, 3, 543210, 321, 7};
        assert_memory_equal(nets.at[1].value, net, sizeof net);
    }
    machine_files_free(files);
    source_root_close(&root);
}

static void current_host(void **state)
{
    struct source_root root = open_root("current");
    struct host_facts facts;
    assert_int_equal(host_facts_read(&root, &facts), 0);
    assert_string_equal(facts.cpu_model, "AMD EPYC 9R14 96-Core Processor");
    assert_string_equal(facts.clocksource, "tsc");
    assert_int_equal(facts.processors, 3);
    assert_int_equal(facts.cores, 2); /* 0 and 2 share one; core 0 of another package is another */
    assert_int_equal(facts.packages, 2);
    assert_int_equal(facts.place[2].processor, 3);
    assert_int_equal(facts.place[2].package, 1);
    assert_true(facts.allowed_processors > 0);
    host_facts_done(&facts);
    source_root_close(&root);
}

static void cgroups_of_version_2(void **state)
{
    struct source_root root = open_root("current");
    struct cgroup_limits limits;
    assert_int_equal(cgroup_limits_read(&root, 42, &limits), 0);
    assert_int_equal(limits.version, 2);
    assert_string_equal(limits.path, "/job.slice/step.scope");
    assert_int_equal(limits.memory_max_bytes, UINT64_C(8) << 30); /* the parent's */
    assert_int_equal(limits.pids_max, 100);                       /* its own */
    assert_true(limits.cpu_max == 1.5);
    assert_int_equal(cgroup_limits_read(&root, 43, &limits), 0);
    assert_string_equal(limits.path, "/");
    assert_int_equal(limits.memory_max_bytes, UINT64_MAX);
    assert_true(limits.cpu_max == 0);
    /* Outside the reader's namespace. */
    assert_int_equal(cgroup_limits_read(&root, 44, &limits), 0);
    assert_string_equal(limits.path, "/../outside");
    assert_int_equal(limits.pids_max, UINT64_MAX);
    /* Its group is gone, the parent's limits hold. */
    assert_int_equal(cgroup_limits_read(&root, 45, &limits), 0);
    assert_int_equal(limits.pids_max, 4096);
    assert_true(limits.cpu_max == 4);
    assert_int_equal(cgroup_limits_read(&root, 46, &limits), 0); /* nonsense, and a cut line */
    assert_int_equal(limits.version, 0);
    assert_string_equal(limits.path, "");
    source_root_close(&root);
}

static void cgroups_of_version_1(void **state)
{
    struct source_root root = open_root("cgroup-v1");
    struct cgroup_limits limits;
    assert_int_equal(cgroup_limits_read(&root, 42, &limits), 0);
    assert_int_equal(limits.version, 1);
    assert_string_equal(limits.path, "/slurm/job_7/step_0"); /* memory's, of all of them */
    assert_int_equal(limits.memory_max_bytes, UINT64_C(4) << 30);
    assert_int_equal(limits.pids_max, 2000);
    assert_true(limits.cpu_max == 2.5);
    /* In a container the path is the host's: the mount's top is the container's group. */
    assert_int_equal(cgroup_limits_read(&root, 43, &limits), 0);
    assert_int_equal(limits.version, 1);
    assert_int_equal(limits.memory_max_bytes, UINT64_C(32) << 30);
    assert_int_equal(limits.pids_max, UINT64_MAX);
    source_root_close(&root);
}

static void roots(void **state)
{
    struct source_root root;
    assert_int_equal(source_root_open(&root, TESTS_DIR "/roots/no-such-root"), -ENOENT);
    assert_int_equal(source_root_open(&root, TESTS_DIR), -ENOENT); /* no proc */
    root = open_root("old-kernel");
    assert_int_equal(root.sys_fd, -1);
    source_root_close(&root);
    source_root_close(&root); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_kernel_process),
        cmocka_unit_test(old_kernel_machine),
        cmocka_unit_test(old_kernel_host),
        cmocka_unit_test(current_machine),
        cmocka_unit_test(current_devices),
        cmocka_unit_test(current_host),
        cmocka_unit_test(cgroups_of_version_2),
        cmocka_unit_test(cgroups_of_version_1),
        cmocka_unit_test(roots),
    };
    return cmocka_run_group_tests_name("source_roots", tests, NULL, NULL);
}
