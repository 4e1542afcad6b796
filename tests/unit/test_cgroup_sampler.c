/* Samples of the target's control group, on a tree made here: what is told when, and of a move. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sample/cgroup_sampler.h"
#include "test_source_tree.h"

#define STAT                                                                                      \
    "7 (job) S 1 7 7 0 -1 4194304 100 0 0 0 10 20 0 0 20 0 1 0 500 1000000 200 18446744073709551" \
    "615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static struct {
    unsigned entities, removed, puts;
    char path[64];
    uint64_t memory_max, cpu_hard_s; /* facts as last told; 0: not told */
    unsigned facts;
    uint64_t oom_kills;
} seen;

static bool is(struct span text, const char *word)
{
    return text.n == strlen(word) && memcmp(text.bytes, word, text.n) == 0;
}

static void on_record(void *user, const struct record *r)
{
    if (r->type == RECORD_ENTITY) {
        assert_int_equal(r->entity.kind, ENTITY_CGROUP);
        assert_int_equal(r->entity.entity, 40 + seen.entities);
        assert_true(r->entity.name.n < sizeof seen.path);
        memcpy(seen.path, r->entity.name.bytes, r->entity.name.n);
        seen.path[r->entity.name.n] = '\0';
        seen.entities++;
    } else if (r->type == RECORD_FACT) {
        seen.facts++;
        if (is(r->fact.key, "cgroup_memory_max_bytes"))
            seen.memory_max = r->fact.number;
        if (is(r->fact.key, "limit_cpu_hard_s"))
            seen.cpu_hard_s = r->fact.number;
    }
}

static void *on_add(void *user, uint32_t entity, unsigned kind)
{
    return &seen;
}

static void on_remove(void *user, void *handle, unsigned kind)
{
    seen.removed++;
}

static void on_put(void *user, void *handle, unsigned kind, uint32_t groups, bool idle,
                   const uint64_t *value, uint64_t known)
{
    seen.puts++;
    assert_true((known >> CGROUP_METRIC_OOM_KILLS & 1) != 0);
    seen.oom_kills = value[CGROUP_METRIC_OOM_KILLS];
}

static const struct sample_sink sink = {
    .record = on_record, .add = on_add, .remove = on_remove, .put = on_put};

static void put_group(const struct tree *tree, const char *name, const char *max,
                      const char *events)
{
    char path[128];
    snprintf(path, sizeof path, "sys/fs/cgroup/%s/memory.current", name);
    tree_put(tree, path, "5\n");
    snprintf(path, sizeof path, "sys/fs/cgroup/%s/memory.max", name);
    tree_put(tree, path, max);
    snprintf(path, sizeof path, "sys/fs/cgroup/%s/memory.events", name);
    tree_put(tree, path, events);
}

static void a_root_that_moves(void **state)
{
    struct tree tree;
    struct cgroup_sampler *c;
    struct missing missing = {0};
    uint32_t next_entity = 40;
    memset(&seen, 0, sizeof seen);
    tree_new(&tree, 1);
    assert_int_equal(cgroup_sampler_new(&tree.root, 7, &sink, &next_entity, &c), -ESRCH);
    tree_put(&tree, "proc/7/stat", STAT);
    tree_put(&tree, "proc/7/cgroup", "0::/a\n");
    put_group(&tree, "a", "1000\n", "max 0\noom 0\noom_kill 1\n");
    put_group(&tree, "b", "max\n", "max 0\noom 0\noom_kill 2\n");
    assert_int_equal(cgroup_sampler_new(&tree.root, 7, &sink, &next_entity, &c), 0);
    assert_int_equal(seen.memory_max, 1000);
    unsigned told = seen.facts;
    /* It is killed before the first tick: that is growth all the same. */
    put_group(&tree, "a", "1000\n", "max 0\noom 0\noom_kill 3\n");
    cgroup_sample(c, 1 * NS_PER_S, true, true, &missing);
    assert_int_equal(seen.oom_kills, 1);
    cgroup_sample(c, 2 * NS_PER_S, true, true, &missing);
    assert_int_equal(seen.oom_kills, 3);
    cgroup_sample(c, 2 * NS_PER_S, true, false, &missing);
    assert_string_equal(seen.path, "/a");
    assert_int_equal(seen.entities, 1);
    assert_int_equal(seen.puts, 2);
    assert_int_equal(seen.facts, told); /* what has not changed is not told again */

    tree_put(&tree, "proc/7/cgroup", "0::/b\n");
    tree_put(&tree, "proc/7/limits", "Max cpu time  3  4  seconds\n");
    cgroup_sample(c, 2 * NS_PER_S + 1, true, false, &missing); /* just looked */
    assert_int_equal(seen.entities, 1);
    cgroup_sample(c, 3 * NS_PER_S, true, false, &missing); /* a move is worth one at once */
    assert_string_equal(seen.path, "/b");
    assert_int_equal(seen.entities, 2);
    assert_int_equal(seen.removed, 1);
    assert_int_equal(seen.oom_kills, 2);
    assert_int_equal(seen.memory_max, UINT64_MAX); /* the limit is none any more */
    assert_int_equal(seen.cpu_hard_s, 4);

    /* The root has ended, and somebody else has its pid. */
    tree_put(&tree, "proc/7/cgroup", "0::/a\n");
    cgroup_sample(c, 4 * NS_PER_S, false, true, &missing);
    assert_int_equal(seen.entities, 2);
    assert_int_equal(seen.oom_kills, 2);
    assert_int_equal(missing.count, 0);
    cgroup_sampler_free(c);
    tree_free(&tree);
}

static void one_that_moves_for_ever(void **state)
{
    struct tree tree;
    struct cgroup_sampler *c;
    struct missing missing = {0};
    uint32_t next_entity = 40;
    memset(&seen, 0, sizeof seen);
    tree_new(&tree, 1);
    tree_put(&tree, "proc/7/stat", STAT);
    tree_put(&tree, "proc/7/cgroup", "0::/a\n");
    put_group(&tree, "a", "max\n", "oom_kill 1\n");
    put_group(&tree, "b", "max\n", "oom_kill 2\n");
    assert_int_equal(cgroup_sampler_new(&tree.root, 7, &sink, &next_entity, &c), 0);
    for (unsigned i = 0; i < 200; i++) {
        tree_put(&tree, "proc/7/cgroup", i % 2 == 0 ? "0::/b\n" : "0::/a\n");
        cgroup_sample(c, i * NS_PER_S, true, true, &missing);
    }
    assert_int_equal(seen.puts, 200);
    assert_in_range(seen.entities, 2, 65);
    cgroup_sampler_free(c);
    tree_free(&tree);
}

static void nothing_to_read(void **state)
{
    struct tree tree;
    struct cgroup_sampler *c;
    struct missing missing = {0};
    uint32_t next_entity = 40;
    memset(&seen, 0, sizeof seen);
    tree_new(&tree, 1);
    tree_put(&tree, "proc/7/cgroup", "0::/a\n");
    tree_put(&tree, "proc/7/stat", STAT);
    assert_int_equal(cgroup_sampler_new(&tree.root, 7, &sink, &next_entity, &c), 0);
    cgroup_sample(c, 1 * NS_PER_S, true, true, &missing);
    cgroup_sample(c, 2 * NS_PER_S, true, true, &missing);
    assert_int_equal(seen.entities, 0);
    assert_int_equal(seen.puts, 0);
    assert_int_equal(missing.count, 0); /* a group without controllers lacks nothing */
    cgroup_sampler_free(c);
    tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_root_that_moves),
        cmocka_unit_test(one_that_moves_for_ever),
        cmocka_unit_test(nothing_to_read),
    };
    return cmocka_run_group_tests_name("cgroup_sampler", tests, NULL, NULL);
}
