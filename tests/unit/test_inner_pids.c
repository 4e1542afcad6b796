/* source/inner_pids on made-up processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/inner_pids.h"
#include "test_source_tree.h"

static struct tree tree;
static struct inner_pids pids;

static int begin(void **state)
{
    tree_new(&tree, 0);
    pids = (struct inner_pids){0};
    return 0;
}

static int end(void **state)
{
    inner_pids_done(&pids);
    tree_free(&tree);
    return 0;
}

static void process(int pid, const char *inner)
{
    char name[64], text[200];
    snprintf(name, sizeof name, "proc/%d/status", pid);
    snprintf(text, sizeof text, "Name:\tx\nTgid:\t%d\nUid:\t0\t0\t0\t0\nNSpid:\t%d%s\n", pid, pid,
             inner);
    tree_put(&tree, name, text);
}

static pid_t find(pid_t pid, uint64_t at_s)
{
    return inner_pids_find(&pids, &tree.root, pid, at_s * NS_PER_S);
}

static void an_id_of_here_is_itself(void **state)
{
    process(100, "");
    process(200, "\t100");
    assert_int_equal(find(100, 1), 100);
}

static void an_inner_id_is_its_process(void **state)
{
    process(100, "\t20\t7");
    process(101, "");
    assert_int_equal(find(7, 1), 100);
    assert_int_equal(find(20, 1), 0); /* of a namespace between */
    assert_int_equal(find(8, 1), 0);
}

static void an_id_that_several_have_is_nobodys(void **state)
{
    process(100, "\t7");
    process(101, "\t7");
    process(102, "\t7");
    assert_int_equal(find(7, 1), 0);
}

static void who_comes_later_is_looked_for_once_a_second(void **state)
{
    process(100, "\t7");
    assert_int_equal(find(7, 1), 100);
    process(101, "\t8");
    assert_int_equal(find(8, 1), 0);
    assert_int_equal(find(8, 2), 101);
}

static void who_is_gone_is_not_found(void **state)
{
    process(100, "\t7");
    assert_int_equal(find(7, 1), 100);
    tree_remove(&tree, "proc/100");
    assert_int_equal(find(7, 1), 0);
    assert_int_equal(find(7, 2), 0);
    process(103, "\t7");
    assert_int_equal(find(9, 3), 0); /* a look for another finds it too */
    assert_int_equal(find(7, 3), 103);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_of_here_is_itself, begin, end),
        cmocka_unit_test_setup_teardown(an_inner_id_is_its_process, begin, end),
        cmocka_unit_test_setup_teardown(an_id_that_several_have_is_nobodys, begin, end),
        cmocka_unit_test_setup_teardown(who_comes_later_is_looked_for_once_a_second, begin, end),
        cmocka_unit_test_setup_teardown(who_is_gone_is_not_found, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
