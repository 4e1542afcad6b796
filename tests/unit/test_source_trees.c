/* The readers on trees made here: a big machine, files that change, break and vanish. */
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
#include "source/processors.h"
#include "test_source_instances.h"
#include "test_source_tree.h"

#define BIT(field) (UINT32_C(1) << (field))
#define KIB UINT64_C(1024)
#define TICK (10 * NS_PER_MS)

/* ---- a big machine ---- */

#define BIG_PROCESSORS 256

static void put_big_stat(const struct tree *tree, size_t n_interrupts)
{
    struct buffer text = {0};
    buffer_printf(&text, "cpu  %u 0 0 %u 0 0 0 0 0 0\n", BIG_PROCESSORS * 10, BIG_PROCESSORS * 20);
    for (unsigned i = 0; i < BIG_PROCESSORS; i++)
        buffer_printf(&text, "cpu%u %u 0 0 20 0 0 0 0 0 0\n", i, i);
    buffer_put_text(&text, "intr 125351");
    for (size_t i = 0; i < n_interrupts; i++)
        buffer_put_text(&text, " 0");
    buffer_put_text(&text, "\nctxt 99\nbtime 1\nprocesses 88\nprocs_running 7\nprocs_blocked 6\n");
    assert_false(text.failed);
    tree_put_bytes(tree, "proc/stat", text.data, text.len);
    buffer_done(&text);
}

static void big_machine_processors(void **state)
{
    struct tree tree;
    struct machine_files *files;
    struct instances processors = {.n_values = CPU_FIELDS};
    uint64_t cpu[CPU_FIELDS], kernel[KERNEL_FIELDS];
    uint32_t valid, kernel_valid;
    tree_new(&tree, 1);
    put_big_stat(&tree, 100);
    assert_int_equal(machine_files_new(&tree.root, &files), 0);
    /* It grows beyond the buffer's first size while it is read. */
    for (size_t n = 100; n <= 1000 * 1000; n *= 100) {
        put_big_stat(&tree, n);
        processors.n = 0;
        assert_int_equal(
            machine_cpu_read(files, cpu, &valid, kernel, &kernel_valid, collect, &processors), 0);
        assert_int_equal(processors.n, BIG_PROCESSORS);
        assert_string_equal(processors.at[255].name, "255");
        assert_int_equal(processors.at[255].value[CPU_USER], 255 * TICK);
        assert_int_equal(cpu[CPU_IDLE], BIG_PROCESSORS * 20 * TICK);
        assert_int_equal(kernel_valid, BIT(KERNEL_INTERRUPTS) | BIT(KERNEL_SWITCHES) |
                                           BIT(KERNEL_FORKS) | BIT(KERNEL_RUNNING) |
                                           BIT(KERNEL_BLOCKED)); /* no loadavg here */
        assert_int_equal(kernel[KERNEL_INTERRUPTS], 125351);
        assert_int_equal(kernel[KERNEL_BLOCKED], 6);
    }
    machine_files_free(files);
    tree_free(&tree);
}

static void big_machine_topology(void **state)
{
    struct tree tree;
    struct host_facts facts;
    tree_new(&tree, 1);
    tree_put(&tree, "sys/devices/system/cpu/online", "0-255\n");
    for (unsigned i = 0; i < BIG_PROCESSORS; i++) {
        char name[128], text[16];
        /* Threads 128 apart share a core; core ids repeat in the second package. */
        snprintf(name, sizeof name, "sys/devices/system/cpu/cpu%u/topology/core_id", i);
        snprintf(text, sizeof text, "%u\n", i % 64);
        tree_put(&tree, name, text);
        snprintf(name, sizeof name, "sys/devices/system/cpu/cpu%u/topology/physical_package_id", i);
        snprintf(text, sizeof text, "%u\n", i / 64 % 2);
        tree_put(&tree, name, text);
    }
    assert_int_equal(host_facts_read(&tree.root, &facts), 0);
    assert_int_equal(facts.processors, 256);
    assert_int_equal(facts.cores, 128);
    assert_int_equal(facts.packages, 2);
    assert_int_equal(facts.place[200].processor, 200);
    assert_int_equal(facts.place[200].core, 8);
    assert_int_equal(facts.place[200].package, 1);
    host_facts_done(&facts);
    /* One unknown place, and no count is made up. */
    tree_remove(&tree, "sys/devices/system/cpu/cpu17");
    assert_int_equal(host_facts_read(&tree.root, &facts), 0);
    assert_int_equal(facts.processors, 256);
    assert_int_equal(facts.cores, 0);
    assert_null(facts.place);
    host_facts_done(&facts);
    tree_free(&tree);
}

static void processor_lists(void **state)
{
    struct processor_place *places = NULL;
    size_t n = 0;
    static const char good[] = "0-1,4,6-7\n";
    assert_int_equal(processor_list_parse(good, strlen(good), &places, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(places[2].processor, 4);
    assert_int_equal(places[4].processor, 7);
    free(places);
    static const char *const bad[] = {
        "",        "\n",    "0-1",  "1-0\n",          "0,0\n",
        "3,1\n",   "0-\n",  ",1\n", "0-1,\n",         "0-65536\n",
        "0 - 1\n", "all\n", "-1\n", "0-4294967295\n", "0-99999999999999999999\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(processor_list_parse(bad[i], strlen(bad[i]), &places, &n), -EPROTO);
}

static void processor_models(void **state)
{
    static const struct {
        const char *text, *model;
    } cases[] = {
        {"processor\t: 0\nmodel name\t: Intel(R) Xeon(R)\nmodel name\t: other\n",
         "Intel(R) Xeon(R)"},
        {"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "ARM Neoverse-N1"},
        {"CPU implementer\t: 0x99\nCPU part\t: 0x123\n", "ARM implementer 0x99 part 0x123"},
        {"processor\t: 0\ncpu\t\t: POWER9, altivec supported\n", "POWER9, altivec supported"},
        {"processor\t: 0\ncpu family\t: 6\nmodel\t\t: 85\n", ""},
        {"model name\t:\n", ""},
        {"model name\t: cut", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char model[HOST_TEXT_CAP];
        processor_model_parse(cases[i].text, strlen(cases[i].text), model);
        assert_string_equal(model, cases[i].model);
    }
}

/* ---- files that change, break, vanish ---- */

#define GOOD_STAT "7 (x) S 1 7 7 0 -1 4 9 0 8 0 300 200 0 0 20 0 1 0 50 1000 10 0\n"

static void counters_that_fall(void **state)
{
    struct tree tree;
    struct process_files files;
    struct proc_stat stat;
    uint64_t value[IO_FIELDS];
    uint32_t valid;
    tree_new(&tree, 0);
    tree_put(&tree, "proc/7/stat", GOOD_STAT);
    tree_put(&tree, "proc/7/io", "rchar: 5000\nwchar: 4000\nread_bytes: 77\nwrite_bytes: 1\n");
    assert_int_equal(process_files_open(&tree.root, 7, true, &files), 0);
    assert_int_equal(proc_stat_read(&tree.root, &files, &stat), 0);
    assert_int_equal(stat.value[STAT_USER], 300 * TICK);
    assert_int_equal(proc_io_read(&tree.root, &files, value, &valid), 0);
    assert_int_equal(value[IO_READ_CHARS], 5000);
    assert_int_equal(valid, BIT(IO_READ_CHARS) | BIT(IO_WRITE_CHARS) | BIT(IO_READ_BYTES) |
                                BIT(IO_WRITE_BYTES));
    /* Shorter texts too: what is left of the longer one must not be seen. */
    tree_put(&tree, "proc/7/stat", "7 (x) S 1 7 7 0 -1 4 9 0 8 0 3 2 0 0 20 0 1 0 50 1 1 0\n");
    tree_put(&tree, "proc/7/io", "rchar: 5\nwchar: 4\n");
    assert_int_equal(proc_stat_read(&tree.root, &files, &stat), 0);
    assert_int_equal(stat.value[STAT_USER], 3 * TICK);
    assert_int_equal(proc_io_read(&tree.root, &files, value, &valid), 0);
    assert_int_equal(value[IO_READ_CHARS], 5);
    assert_int_equal(valid, BIT(IO_READ_CHARS) | BIT(IO_WRITE_CHARS));
    process_files_close(&files);
    tree_free(&tree);
}

static void a_process_that_vanishes(void **state)
{
    struct tree tree;
    struct process_files kept, unkept;
    uint64_t value[16];
    uint32_t valid;
    struct thread_census census;
    struct cgroup_limits limits;
    tree_new(&tree, 0);
    tree_put(&tree, "proc/7/stat", GOOD_STAT);
    assert_int_equal(process_files_open(&tree.root, 7, true, &kept), 0);
    assert_int_equal(process_files_open(&tree.root, 7, false, &unkept), 0);
    assert_int_equal(proc_statm_read(&tree.root, &kept, value, &valid), -ENOENT);
    assert_int_equal(proc_statm_read(&tree.root, &unkept, value, &valid), -ENOENT);
    assert_int_equal(proc_threads_read(&tree.root, &unkept, &census), -ENOENT);
    assert_int_equal(proc_open_fds(&tree.root, &unkept, value), -ENOENT);
    tree_remove(&tree, "proc/7");
    assert_int_equal(proc_statm_read(&tree.root, &kept, value, &valid), -ESRCH);
    assert_int_equal(proc_statm_read(&tree.root, &unkept, value, &valid), -ESRCH);
    assert_int_equal(proc_smaps_read(&tree.root, &kept, value, &valid), -ESRCH);
    assert_int_equal(proc_threads_read(&tree.root, &unkept, &census), -ESRCH);
    assert_int_equal(proc_open_fds(&tree.root, &kept, value), -ESRCH);
    assert_int_equal(cgroup_limits_read(&tree.root, 7, &limits), -ESRCH);
    /* Its pid comes again: what was kept is not that one. */
    tree_put(&tree, "proc/7/stat", GOOD_STAT);
    assert_int_equal(proc_statm_read(&tree.root, &kept, value, &valid), -ESRCH);
    assert_int_equal(proc_statm_read(&tree.root, &unkept, value, &valid), -ENOENT);
    process_files_close(&kept);
    tree_free(&tree);
}

static void broken_files(void **state)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "12",
                                        "999999999999999999999999999",
                                        "\x01\x02\xff\xfe",
                                        "garbage without a newline"};
    struct tree tree;
    tree_new(&tree, 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        static const char *const names[] = {"stat", "statm", "io", "status", "smaps_rollup"};
        struct process_files files;
        struct proc_stat stat;
        struct proc_owner owner;
        uint64_t value[16];
        uint32_t valid;
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
            char name[64];
            snprintf(name, sizeof name, "proc/7/%s", names[j]);
            tree_put(&tree, name, texts[i]);
        }
        assert_int_equal(process_files_open(&tree.root, 7, true, &files), 0);
        assert_int_equal(proc_stat_read(&tree.root, &files, &stat), -EPROTO);
        assert_int_equal(proc_statm_read(&tree.root, &files, value, &valid), -EPROTO);
        assert_int_equal(proc_io_read(&tree.root, &files, value, &valid), -EPROTO);
        assert_int_equal(proc_status_read(&tree.root, &files, value, &valid), -EPROTO);
        assert_int_equal(proc_owner_read(&tree.root, &files, &owner), -EPROTO);
        assert_int_equal(proc_smaps_read(&tree.root, &files, value, &valid), -EPROTO);
        process_files_close(&files);
    }
    tree_free(&tree);
}

static void broken_machine_files(void **state)
{
    static const char *const texts[] = {"\n", "12", "cpu\n", "\x01\x02\xff\xfe", "garbage"};
    static const char *const names[] = {
        "stat",        "meminfo",   "vmstat",  "net/dev", "pressure/cpu", "pressure/memory",
        "pressure/io", "diskstats", "loadavg", "uptime"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tree tree;
        struct machine_files *files;
        struct instances none = {.n_values = 1};
        uint64_t value[16], kernel[KERNEL_FIELDS];
        uint32_t valid = 42, kernel_valid = 42;
        tree_new(&tree, 0);
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
            char name[64];
            snprintf(name, sizeof name, "proc/%s", names[j]);
            tree_put(&tree, name, texts[i]);
        }
        assert_int_equal(machine_files_new(&tree.root, &files), 0);
        assert_int_equal(
            machine_cpu_read(files, value, &valid, kernel, &kernel_valid, collect, &none), -EPROTO);
        assert_int_equal(machine_memory_read(files, value, &valid), -EPROTO);
        assert_int_equal(machine_paging_read(files, value, &valid), -EPROTO);
        assert_int_equal(machine_pressure_read(files, value, &valid), -EPROTO);
        assert_int_equal(machine_disks_read(files, collect, &none), -EPROTO);
        assert_int_equal(machine_net_read(files, collect, &none), -EPROTO);
        assert_int_equal(valid, 42);
        assert_int_equal(kernel_valid, 42);
        assert_int_equal(none.n, 0);
        machine_files_free(files);
        tree_free(&tree);
    }
}

/* Good texts beside broken lines: what can be read is. */
static void machine_files_broken_in_part(void **state)
{
    struct tree tree;
    struct machine_files *files;
    struct instances processors = {.n_values = CPU_FIELDS}, disks = {.n_values = DISK_FIELDS},
                     nets = {.n_values = NET_FIELDS};
    uint64_t cpu[CPU_FIELDS], kernel[KERNEL_FIELDS], value[16];
    uint32_t valid, kernel_valid;
    tree_new(&tree, 1);
    tree_put(&tree, "sys/block/sda/size", "1\n");
    tree_put(&tree, "sys/block/sdb/size", "1\n");
    tree_put(&tree, "proc/stat",
             "cpu  5 0 1 18446744073709551615\ncpu0 5 0 1 7 8 9 1 2 9 0\ncpuX 1 2 3 4\ncpu2\n"
             "cpu3 1 2\nctxt -5\nprocesses 12\nprocs_running 3");
    tree_put(&tree, "proc/loadavg", "0.5 0.18 0.07 1/80 11206\n");
    tree_put(&tree, "proc/uptime", "12.34");
    tree_put(&tree, "proc/diskstats",
             "   8  0 sda 1 2 3 4 5 6 7 8 9 10 11\nnonsense\n   8 16 sdb 1 2 99999999999999999999\n"
             "   8 32 sdc 1 2 3 4 5 6 7 8 9 10 11\n   8 48");
    tree_put(&tree, "proc/net/dev",
             "Inter-|   Receive\n face |bytes\nno colon 1 2 3\n:1 2 3 4 5 6 7 8 9 10 11 12\n"
             "e\xfft\x1b: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n eth1: 1 2 3\n eth2: 1 2");
    tree_put(&tree, "proc/pressure/io", "some avg10=0.00 total=x\nfull avg10=0.00 total=5\n");
    assert_int_equal(machine_files_new(&tree.root, &files), 0);
    assert_int_equal(
        machine_cpu_read(files, cpu, &valid, kernel, &kernel_valid, collect, &processors), -EPROTO);
    tree_put(&tree, "proc/stat",
             "cpu  5 0 1 18\ncpu0 5 0 1 7 8 9 1 2 9 0\ncpuX 1 2 3 4\ncpu2\n"
             "cpu3 1 2\nctxt -5\nprocesses 12\nprocs_running 3");
    assert_int_equal(
        machine_cpu_read(files, cpu, &valid, kernel, &kernel_valid, collect, &processors), 0);
    assert_int_equal(valid, BIT(CPU_IOWAIT) - 1);
    assert_int_equal(processors.n, 2);
    assert_int_equal(processors.at[0].value[CPU_USER], 0); /* more guest than user: never below 0 */
    assert_string_equal(processors.at[1].name, "3");
    assert_int_equal(processors.at[1].valid, BIT(CPU_USER) | BIT(CPU_NICE));
    assert_int_equal(kernel_valid, BIT(KERNEL_FORKS)); /* one decimal is no load, and cut ends */

    assert_int_equal(machine_disks_read(files, collect, &disks), 0);
    assert_int_equal(disks.n, 2);
    assert_string_equal(disks.at[1].name, "sdb");
    assert_int_equal(disks.at[1].valid, BIT(DISK_READ_COUNT));
    assert_int_equal(machine_net_read(files, collect, &nets), 0);
    assert_int_equal(nets.n, 3);
    assert_string_equal(nets.at[0].name, "e?t?");
    assert_string_equal(nets.at[1].name, "eth1");
    assert_int_equal(nets.at[1].valid, BIT(NET_RECEIVED_BYTES) | BIT(NET_RECEIVED_PACKETS));
    assert_int_equal(nets.at[2].valid, BIT(NET_RECEIVED_BYTES)); /* errors need drops */
    assert_int_equal(machine_pressure_read(files, value, &valid), 0);
    assert_int_equal(valid, BIT(PRESSURE_IO_FULL));
    assert_int_equal(value[PRESSURE_IO_FULL], 5000);
    machine_files_free(files);
    tree_free(&tree);
}

static void a_user_in_very_many_groups(void **state)
{
    struct tree tree;
    struct process_files files;
    uint64_t value[STATUS_FIELDS];
    uint32_t valid;
    struct buffer text = {0};
    tree_new(&tree, 0);
    buffer_put_text(&text, "Name:\tx\nTgid:\t7\nPid:\t7\nUid:\t1\t2\t3\t4\nGroups:\t");
    for (unsigned i = 0; i < 65536; i++)
        buffer_printf(&text, "%u ", 1000000000 + i);
    buffer_put_text(&text, "\nVmHWM:\t 12 kB\nRssAnon:\t 5 kB\nvoluntary_ctxt_switches:\t3\n");
    tree_put(&tree, "proc/7/stat", GOOD_STAT);
    tree_put_bytes(&tree, "proc/7/status", text.data, text.len);
    buffer_done(&text);
    assert_int_equal(process_files_open(&tree.root, 7, true, &files), 0);
    assert_int_equal(proc_status_read(&tree.root, &files, value, &valid), 0);
    assert_int_equal(valid,
                     BIT(STATUS_PEAK_RSS) | BIT(STATUS_RSS_ANON) | BIT(STATUS_VOLUNTARY_SWITCHES));
    assert_int_equal(value[STATUS_PEAK_RSS], 12 * KIB);
    process_files_close(&files);
    tree_free(&tree);
}

static void threads_of_a_tree(void **state)
{
    struct tree tree;
    struct process_files files = process_files_unkept(7);
    struct thread_census census;
    tree_new(&tree, 0);
    tree_put(&tree, "proc/7/stat", GOOD_STAT);
    for (unsigned i = 0; i < 40; i++) {
        char name[64], text[256];
        snprintf(name, sizeof name, "proc/7/task/%u/stat", 7 + i);
        snprintf(text, sizeof text,
                 "%u (x) S 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 40 0 50 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 "
                 "17 %u 0\n",
                 7 + i, i * 200);
        tree_put(&tree, name, text);
        snprintf(name, sizeof name, "proc/7/task/%u/status", 7 + i);
        snprintf(text, sizeof text,
                 "Name:\tx\nvoluntary_ctxt_switches:\t%u\nnonvoluntary_ctxt_switches:\t1\n", i);
        tree_put(&tree, name, text);
    }
    tree_remove(&tree, "proc/7/task/9/status"); /* it ends between the two */
    assert_int_equal(proc_threads_read(&tree.root, &files, &census), 0);
    assert_int_equal(census.threads, 39);
    assert_int_equal(census.voluntary_switches, 39 * 40 / 2 - 2);
    assert_int_equal(census.involuntary_switches, 39);
    unsigned ran_on = 0;
    for (size_t i = 0; i < PROCESSORS_MAX / 64; i++)
        ran_on += (unsigned)__builtin_popcountll(census.ran_on[i]);
    assert_int_equal(ran_on, 20); /* 0, 200, … 4000, without 400 */
    assert_true(census.ran_on[4000 / 64] >> 4000 % 64 & 1);
    tree_free(&tree);
}

struct pids {
    pid_t at[16];
    unsigned n;
};

static void take_pid(void *user, pid_t pid)
{
    struct pids *pids = user;
    assert_true(pids->n < 16);
    pids->at[pids->n++] = pid;
}

static void scan_takes_only_pids(void **state)
{
    struct tree tree;
    struct pids pids = {.n = 0};
    tree_new(&tree, 0);
    static const char *const names[] = {"4000000", "1",    "12a", "self",        "77",
                                        "-5",      "9999", "0",   "99999999999", "sys"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "proc/%s/stat", names[i]);
        tree_put(&tree, name, "");
    }
    assert_int_equal(proc_scan(&tree.root, take_pid, &pids), 0);
    static const pid_t expected[] = {1, 77, 9999, 4000000};
    assert_int_equal(pids.n, 4);
    assert_memory_equal(pids.at, expected, sizeof expected);
    tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_machine_processors),
        cmocka_unit_test(big_machine_topology),
        cmocka_unit_test(processor_lists),
        cmocka_unit_test(processor_models),
        cmocka_unit_test(counters_that_fall),
        cmocka_unit_test(a_process_that_vanishes),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(broken_machine_files),
        cmocka_unit_test(machine_files_broken_in_part),
        cmocka_unit_test(a_user_in_very_many_groups),
        cmocka_unit_test(threads_of_a_tree),
        cmocka_unit_test(scan_takes_only_pids),
    };
    return cmocka_run_group_tests_name("source_trees", tests, NULL, NULL);
}
