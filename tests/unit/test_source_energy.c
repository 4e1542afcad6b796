/* Energy counters, on trees made here: Intel's and AMD's, that wrap, that may not be read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/powercap.h"
#include "test_source_instances.h"
#include "test_source_tree.h"

#define ZONES "sys/class/powercap/"

static void put_zone(const struct tree *tree, const char *zone, const char *name,
                     const char *energy, const char *range)
{
    char path[128];
    snprintf(path, sizeof path, ZONES "%s/name", zone);
    tree_put(tree, path, name);
    snprintf(path, sizeof path, ZONES "%s/energy_uj", zone);
    tree_put(tree, path, energy);
    snprintf(path, sizeof path, ZONES "%s/max_energy_range_uj", zone);
    if (range != NULL)
        tree_put(tree, path, range);
}

static void read_into(struct energy_domains *domains, struct instances *ret)
{
    *ret = (struct instances){.n_values = 1};
    assert_int_equal(energy_read(domains, collect, ret), 0);
}

static void two_packages(void **state)
{
    struct tree tree;
    struct energy_domains domains;
    struct instances read;
    tree_new(&tree, 1);
    put_zone(&tree, "intel-rapl:0", "package-0\n", "100\n", "1000\n");
    put_zone(&tree, "intel-rapl:0:0", "core\n", "40\n", "1000\n");
    put_zone(&tree, "intel-rapl:0:2", "dram\n", "50\n", "1000\n"); /* 1 is not there */
    put_zone(&tree, "intel-rapl:1", "package-1\n", "7\n", "1000\n");
    put_zone(&tree, "intel-rapl:2", "psys\n", "9\n", "1000\n");
    put_zone(&tree, "intel-rapl-mmio:0", "package-0\n", "100\n", "1000\n"); /* once more */
    put_zone(&tree, "dtpm:0", "soc\n", "1\n", "1000\n");                    /* another thing */
    assert_int_equal(energy_open(&tree.root, &domains), 0);
    read_into(&domains, &read);
    static const char *const names[] = {"package-0", "package-0/core", "package-0/dram",
                                        "package-1", "psys"};
    static const uint64_t values[] = {100, 40, 50, 7, 9};
    assert_int_equal(read.n, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(read.at[i].name, names[i]);
        assert_int_equal(read.at[i].value[0], values[i]);
        assert_int_equal(read.at[i].valid, 1);
    }
    energy_close(&domains);
    tree_free(&tree);
}

/* The same driver, so that the zones of AMD's processors have Intel's name. */
static void amd(void **state)
{
    struct tree tree;
    struct energy_domains domains;
    struct instances read;
    tree_new(&tree, 1);
    put_zone(&tree, "intel-rapl:0", "package-0\n", "123456789012\n", "65532610987\n");
    put_zone(&tree, "intel-rapl:0:0", "core\n", "5\n", "65532610987\n");
    assert_int_equal(energy_open(&tree.root, &domains), 0);
    read_into(&domains, &read);
    assert_int_equal(read.n, 2);
    assert_int_equal(read.at[0].value[0], UINT64_C(123456789012));
    energy_close(&domains);
    tree_free(&tree);
}

static void a_counter_that_begins_again(void **state)
{
    struct tree tree;
    struct energy_domains domains;
    struct instances read;
    tree_new(&tree, 1);
    put_zone(&tree, "intel-rapl:0", "package-0\n", "900\n", "1000\n");
    put_zone(&tree, "intel-rapl:1", "package-1\n", "900\n", NULL); /* of unknown range */
    assert_int_equal(energy_open(&tree.root, &domains), 0);
    read_into(&domains, &read);
    static const struct {
        const char *now;
        uint64_t total;
    } steps[] = {{"950\n", 950}, {"10\n", 1010}, {"10\n", 1010}, {"1000\n", 2000}, {"0\n", 2000}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        tree_put(&tree, ZONES "intel-rapl:0/energy_uj", steps[i].now);
        tree_put(&tree, ZONES "intel-rapl:1/energy_uj", steps[i].now);
        read_into(&domains, &read);
        assert_int_equal(read.at[0].value[0], steps[i].total);
        /* How far the other one went nobody knows: it is missing from then on. */
        assert_int_equal(read.n, i == 0 ? 2 : 1);
    }
    energy_close(&domains);
    tree_free(&tree);
}

static void nonsense(void **state)
{
    static const char *const texts[] = {
        "", "\n", "12", "x\n", "-1\n", "99999999999999999999\n", "\xff\xfe\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tree tree;
        struct energy_domains domains;
        struct instances read = {.n_values = 1};
        tree_new(&tree, 1);
        put_zone(&tree, "intel-rapl:0", "pack\x1b[31mage\xff-that-has-a-very-long-name-indeed\n",
                 texts[i], texts[i]);
        put_zone(&tree, "intel-rapl:0:0", "\n", "1\n", "1\n"); /* without a name */
        assert_int_equal(energy_open(&tree.root, &domains), 0);
        assert_int_equal(domains.count, 1);
        assert_int_equal(strspn(domains.domain[0].name, "abcdefghijklmnopqrstuvwxyz0123456789-[?"),
                         strlen(domains.domain[0].name));
        assert_int_equal(energy_read(&domains, collect, &read), -EPROTO);
        assert_int_equal(read.n, 0);
        energy_close(&domains);
        tree_free(&tree);
    }
}

static void none(void **state)
{
    struct tree tree;
    struct energy_domains domains;
    struct instances read = {.n_values = 1};
    tree_new(&tree, 0);
    assert_int_equal(energy_open(&tree.root, &domains), -ENOENT); /* not even sys */
    tree_free(&tree);
    tree_new(&tree, 1);
    assert_int_equal(energy_open(&tree.root, &domains), -ENOENT);
    tree_put(&tree, ZONES "dtpm/enabled", "1\n");
    assert_int_equal(energy_open(&tree.root, &domains), -ENOENT);
    assert_int_equal(energy_read(&domains, collect, &read), -ENOENT);
    put_zone(&tree, "intel-rapl-mmio:0", "package-0\n", "3\n", "9\n"); /* this way alone */
    assert_int_equal(energy_open(&tree.root, &domains), 0);
    read_into(&domains, &read);
    assert_int_equal(read.at[0].value[0], 3);
    energy_close(&domains);
    tree_free(&tree);
}

static void one_that_may_not_be_read(void **state)
{
    struct tree tree;
    struct energy_domains domains;
    char path[512];
    bool root = geteuid() == 0;
    tree_new(&tree, 1);
    put_zone(&tree, "intel-rapl:0", "package-0\n", "100\n", "1000\n");
    tree_path(&tree, ZONES "intel-rapl:0/energy_uj", path);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(chmod(tree.path, 0755), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    int r = energy_open(&tree.root, &domains);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, -EACCES);
    assert_int_equal(domains.count, 0);
    tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_packages),
        cmocka_unit_test(amd),
        cmocka_unit_test(a_counter_that_begins_again),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(none),
        cmocka_unit_test(one_that_may_not_be_read),
    };
    return cmocka_run_group_tests_name("source_energy", tests, NULL, NULL);
}
