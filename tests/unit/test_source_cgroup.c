/* Control groups and limits of a process, on trees made here: versions, nesting, moves, nonsense. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/cgroup.h"
#include "source/proc_limits.h"
#include "test_source_tree.h"

#define BIT(field) (UINT32_C(1) << (field))
#define MIB (UINT64_C(1) << 20)
#define STAT                                                                                      \
    "7 (job) S 1 7 7 0 -1 4194304 100 0 0 0 10 20 0 0 20 0 1 0 500 1000000 200 18446744073709551" \
    "615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
/* Killed, and at taking down its memory: no zombie yet, but PF_EXITING. */
#define EXITING                                                                                   \
    "7 (job) R 1 7 7 0 -1 4194308 100 0 0 0 10 20 0 0 20 0 1 0 500 1000000 200 18446744073709551" \
    "615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static void make(struct tree *tree, const char *places)
{
    tree_new(tree, 1);
    tree_put(tree, "proc/7/stat", STAT);
    tree_put(tree, "proc/7/cgroup", places);
}

static struct cgroup_watch watch(const struct tree *tree)
{
    struct cgroup_watch ret;
    assert_int_equal(cgroup_watch_open(&tree->root, 7, &ret), 0);
    return ret;
}

static void put_v2(const struct tree *tree, const char *group, const char *file, const char *text)
{
    char name[256];
    snprintf(name, sizeof name, "sys/fs/cgroup%s/%s", group, file);
    tree_put(tree, name, text);
}

/* A job of 512 MiB and two processors, and a step in it that is limited to less by nothing. */
static void make_v2(struct tree *tree)
{
    make(tree, "0::/job/step\n");
    put_v2(tree, "/job", "memory.current", "400\n");
    put_v2(tree, "/job", "memory.max", "536870912\n");
    put_v2(tree, "/job", "memory.peak", "500\n");
    put_v2(tree, "/job", "memory.events", "low 0\nhigh 2\nmax 30\noom 4\noom_kill 5\n");
    put_v2(tree, "/job", "cpu.max", "200000 100000\n");
    put_v2(tree, "/job", "cpu.stat",
           "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 100\nnr_throttled 40\n"
           "throttled_usec 7000\n");
    put_v2(tree, "/job", "cpuset.cpus.effective", "0-3,8\n");
    put_v2(tree, "/job/step", "memory.current", "300\n");
    put_v2(tree, "/job/step", "memory.max", "max\n");
    put_v2(tree, "/job/step", "memory.high", "1000000\n");
    put_v2(tree, "/job/step", "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n");
    put_v2(tree, "/job/step", "cpu.max", "max 100000\n");
    put_v2(tree, "/job/step", "cpu.stat", "usage_usec 9\nnr_periods 0\nnr_throttled 0\n");
}

static void version_2_with_the_limits_above(void **state)
{
    struct tree tree;
    uint64_t value[CGROUP_FIELDS];
    uint32_t valid;
    make_v2(&tree);
    struct cgroup_watch w = watch(&tree);
    assert_string_equal(w.limits.path, "/job/step");
    assert_int_equal(w.limits.version, 2);
    assert_int_equal(w.limits.memory_max_bytes, 512 * MIB);
    assert_int_equal(w.limits.memory_high_bytes, 1000000);
    assert_true(w.limits.cpu_max == 2);
    assert_int_equal(w.limits.cpuset_processors, 5);
    assert_int_equal(cgroup_watch_read(&w, value, &valid), 0);
    assert_int_equal(valid, BIT(CGROUP_FIELDS) - 1);
    /* Against the limit counts what the job has; who was killed is the step's own. */
    const uint64_t expected[CGROUP_FIELDS] = {400, 500, 30, 4, 1, 100, 40, 7000000};
    assert_memory_equal(value, expected, sizeof expected);
    /* The files are kept open. */
    put_v2(&tree, "/job/step", "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 2\n");
    assert_int_equal(cgroup_watch_read(&w, value, &valid), 0);
    assert_int_equal(value[CGROUP_OOM_KILLS], 2);
    cgroup_watch_close(&w);
    tree_free(&tree);
}

static void version_2_without_limits(void **state)
{
    struct tree tree;
    uint64_t value[CGROUP_FIELDS];
    uint32_t valid;
    make(&tree, "0::/user/app\n");
    /* The controller is not enabled below: memory is charged to the group above. */
    put_v2(&tree, "/user", "memory.current", "900\n");
    put_v2(&tree, "/user", "memory.max", "max\n");
    put_v2(&tree, "/user", "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 3\n");
    put_v2(&tree, "/user/app", "cgroup.procs", "7\n");
    struct cgroup_watch w = watch(&tree);
    assert_int_equal(w.limits.memory_max_bytes, UINT64_MAX);
    assert_int_equal(w.limits.memory_high_bytes, UINT64_MAX);
    assert_int_equal(w.limits.cpuset_processors, 0);
    assert_int_equal(cgroup_watch_read(&w, value, &valid), 0);
    assert_int_equal(valid, BIT(CGROUP_MEMORY) | BIT(CGROUP_LIMIT_HITS) | BIT(CGROUP_OOMS) |
                                BIT(CGROUP_OOM_KILLS)); /* before Linux 5.19: no peak */
    assert_int_equal(value[CGROUP_MEMORY], 900);
    assert_int_equal(value[CGROUP_OOM_KILLS], 3);
    cgroup_watch_close(&w);
    tree_free(&tree);
}

/* As Slurm has it, beside an empty v2. */
static void version_1_and_hybrid(void **state)
{
    struct tree tree;
    uint64_t value[CGROUP_FIELDS];
    uint32_t valid;
    make(&tree, "9:cpuset:/slurm/job_7\n4:memory:/slurm/job_7/step_0\n"
                "2:cpuacct,cpu:/slurm/job_7\n0::/\n");
    put_v2(&tree, "/memory/slurm/job_7", "memory.limit_in_bytes", "1073741824\n");
    put_v2(&tree, "/memory/slurm/job_7", "memory.usage_in_bytes", "111\n");
    put_v2(&tree, "/memory/slurm/job_7", "memory.max_usage_in_bytes", "222\n");
    put_v2(&tree, "/memory/slurm/job_7", "memory.failcnt", "33\n");
    put_v2(&tree, "/memory/slurm/job_7", "memory.oom_control",
           "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    put_v2(&tree, "/memory/slurm/job_7/step_0", "memory.limit_in_bytes", "9223372036854771712\n");
    put_v2(&tree, "/memory/slurm/job_7/step_0", "memory.usage_in_bytes", "99\n");
    put_v2(&tree, "/memory/slurm/job_7/step_0", "memory.oom_control",
           "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n");
    put_v2(&tree, "/cpuacct,cpu/slurm/job_7", "cpu.cfs_quota_us", "150000\n");
    put_v2(&tree, "/cpuacct,cpu/slurm/job_7", "cpu.cfs_period_us", "100000\n");
    put_v2(&tree, "/cpuacct,cpu/slurm/job_7", "cpu.stat",
           "nr_periods 10\nnr_throttled 4\nthrottled_time 5000\n");
    put_v2(&tree, "/cpuset/slurm/job_7", "cpuset.effective_cpus", "\n");
    put_v2(&tree, "/cpuset/slurm", "cpuset.effective_cpus", "4,6\n");
    put_v2(&tree, "/unified", "cgroup.procs", "7\n");
    struct cgroup_watch w = watch(&tree);
    assert_int_equal(w.limits.version, 1);
    assert_string_equal(w.limits.path, "/slurm/job_7/step_0"); /* memory's, not the others' */
    assert_int_equal(w.limits.memory_max_bytes, 1024 * MIB);
    assert_true(w.limits.cpu_max == 1.5);
    assert_int_equal(w.limits.cpuset_processors, 2);
    assert_int_equal(cgroup_watch_read(&w, value, &valid), 0);
    assert_int_equal(valid, (BIT(CGROUP_FIELDS) - 1) & ~BIT(CGROUP_OOMS));
    const uint64_t expected[CGROUP_FIELDS] = {111, 222, 33, value[CGROUP_OOMS], 6, 10, 4, 5000};
    assert_memory_equal(value, expected, sizeof expected);
    cgroup_watch_close(&w);
    tree_free(&tree);
}

/* The host's path below a mount that shows the container's group at its top. */
static void a_container_without_a_namespace(void **state)
{
    struct tree tree;
    uint64_t value[CGROUP_FIELDS];
    uint32_t valid;
    make(&tree, "0::/system.slice/docker-0123.scope\n");
    put_v2(&tree, "", "memory.current", "77\n");
    put_v2(&tree, "", "memory.max", "1048576\n");
    put_v2(&tree, "", "memory.events", "low 0\nhigh 0\nmax 1\noom 2\noom_kill 3\n");
    struct cgroup_watch w = watch(&tree);
    assert_int_equal(w.limits.memory_max_bytes, MIB);
    assert_int_equal(cgroup_watch_read(&w, value, &valid), 0);
    assert_int_equal(value[CGROUP_MEMORY], 77);
    assert_int_equal(value[CGROUP_OOM_KILLS], 3);
    cgroup_watch_close(&w);
    tree_free(&tree);
}

static void nonsense(void **state)
{
    static const char *const texts[] = {
        "",  "\n", "max", "-1\n", "99999999999999999999999\n", "\x01\xff\xfe", "oom_kill \nmax x\n",
        "12" /* cut */};
    static const char *const files[] = {"memory.max", "memory.peak", "memory.events", "cpu.max",
                                        "cpu.stat",   "memory.high", "pids.max"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tree tree;
        uint64_t value[CGROUP_FIELDS];
        uint32_t valid = 0;
        make(&tree, "0::/x\n");
        put_v2(&tree, "/x", "memory.current", "5\n");
        for (size_t j = 0; j < sizeof files / sizeof files[0]; j++)
            put_v2(&tree, "/x", files[j], texts[i]);
        put_v2(&tree, "/x", "cpuset.cpus.effective", texts[i]);
        struct cgroup_watch w = watch(&tree);
        assert_int_equal(w.limits.memory_max_bytes, UINT64_MAX);
        assert_int_equal(w.limits.memory_high_bytes, UINT64_MAX);
        assert_int_equal(w.limits.pids_max, UINT64_MAX);
        assert_true(w.limits.cpu_max == 0);
        assert_int_equal(cgroup_watch_read(&w, value, &valid), 0);
        assert_int_equal(valid, BIT(CGROUP_MEMORY));
        cgroup_watch_close(&w);
        tree_free(&tree);
    }
}

static void no_groups_at_all(void **state)
{
    struct tree tree;
    uint64_t value[CGROUP_FIELDS];
    uint32_t valid = 77;
    struct cgroup_watch w;
    tree_new(&tree, 1);
    assert_int_equal(cgroup_watch_open(&tree.root, 7, &w), -ESRCH);
    tree_put(&tree, "proc/7/stat", STAT);
    assert_int_equal(cgroup_watch_open(&tree.root, 7, &w), -ENOENT);
    tree_put(&tree, "proc/7/cgroup", "0::/gone\n"); /* and nothing is mounted */
    assert_int_equal(cgroup_watch_open(&tree.root, 7, &w), 0);
    assert_int_equal(cgroup_watch_read(&w, value, &valid), -ENOENT);
    assert_int_equal(valid, 77);
    cgroup_watch_close(&w);
    tree_free(&tree);
}

static void a_process_that_moves(void **state)
{
    struct tree tree;
    make_v2(&tree);
    struct cgroup_watch w = watch(&tree);
    assert_false(cgroup_watch_moved(&tree.root, &w));
    tree_put(&tree, "proc/7/stat", EXITING); /* of which v1 says that it is at the top */
    tree_put(&tree, "proc/7/cgroup", "0::/\n");
    assert_false(cgroup_watch_moved(&tree.root, &w));
    tree_put(&tree, "proc/7/stat", STAT);
    assert_true(cgroup_watch_moved(&tree.root, &w));
    tree_remove(&tree, "proc/7");
    assert_false(cgroup_watch_moved(&tree.root, &w));
    cgroup_watch_close(&w);
    tree_free(&tree);
}

static void own_limits(void **state)
{
    static const char text[] =
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max cpu time              10                   20                   seconds   \n"
        "Max file size             4096                 unlimited            bytes     \n"
        "Max data size             1                    1                    bytes     \n";
    static const char none[] = "Max cpu time              unlimited            unlimited      "
                               "      seconds   \n";
    struct proc_limits limits = {1, 2, 3};
    assert_int_equal(proc_limits_parse("", 0, &limits), -EPROTO);
    assert_int_equal(proc_limits_parse("Max cpu time  x y\n", 18, &limits), -EPROTO);
    assert_int_equal(limits.cpu_hard_s, 2); /* as it was */
    assert_int_equal(proc_limits_parse(text, sizeof text - 1, &limits), 0);
    assert_int_equal(limits.cpu_soft_s, 10);
    assert_int_equal(limits.cpu_hard_s, 20);
    assert_int_equal(limits.file_bytes, 4096);
    assert_int_equal(proc_limits_parse(none, sizeof none - 1, &limits), 0);
    assert_int_equal(limits.cpu_soft_s, UINT64_MAX);
    assert_int_equal(limits.cpu_hard_s, UINT64_MAX);
    assert_int_equal(limits.file_bytes, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_2_with_the_limits_above),
        cmocka_unit_test(version_2_without_limits),
        cmocka_unit_test(version_1_and_hybrid),
        cmocka_unit_test(a_container_without_a_namespace),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(no_groups_at_all),
        cmocka_unit_test(a_process_that_moves),
        cmocka_unit_test(own_limits),
    };
    return cmocka_run_group_tests_name("source_cgroup", tests, NULL, NULL);
}
