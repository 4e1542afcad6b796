/* What drivers of GPUs tell of a process's descriptors, on trees made here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/drm.h"
#include "source/proc_process.h"
#include "test_source_tree.h"

#define KIB UINT64_C(1024)
#define BOTH (1u << DRM_ENGINE | 1u << DRM_MEMORY)

static struct drm_client parsed(const char *text)
{
    struct drm_client ret;
    assert_int_equal(drm_fdinfo_parse(text, strlen(text), &ret), 0);
    return ret;
}

static void texts(void **state)
{
    struct drm_client amd = parsed("pos:\t0\nflags:\t02100002\nmnt_id:\t29\nino:\t1\n"
                                   "drm-driver:\tamdgpu\ndrm-client-id:\t7\n"
                                   "drm-pdev:\t0000:03:00.0\npasid:\t32770\n"
                                   "drm-total-vram:\t9 MiB\ndrm-resident-vram:\t3 MiB\n"
                                   "drm-resident-gtt:\t1 MiB\ndrm-memory-vram:\t5000 KiB\n"
                                   "drm-engine-gfx:\t1000 ns\ndrm-engine-compute:\t500 ns\n"
                                   "drm-engine-capacity-compute:\t4\n");
    assert_int_equal(amd.id, 7);
    assert_int_equal(amd.engine_ns, 1500);
    assert_int_equal(amd.memory_bytes, 4096 * KIB);
    assert_true(amd.has_engine && amd.has_memory && !amd.has_cycles);
    struct drm_client old = parsed("drm-driver: amdgpu\ndrm-pdev: 0000:04:00.0\n"
                                   "drm-client-id: 7\ndrm-memory-vram: 20 KiB\n"
                                   "drm-memory-gtt: 4 KiB\n");
    assert_int_equal(old.memory_bytes, 24 * KIB);
    assert_false(old.has_engine);
    assert_true(old.device != amd.device); /* the same number of another card's */
    struct drm_client xe = parsed("drm-driver:\txe\ndrm-client-id:\t3\n"
                                  "drm-cycles-rcs:\t28257900\ndrm-total-cycles-rcs:\t7655183225\n"
                                  "drm-cycles-ccs:\t100\ndrm-total-cycles-ccs:\t7655183225\n"
                                  "drm-total-system:\t5 KiB\n");
    assert_true(xe.has_cycles && !xe.has_engine);
    assert_int_equal(xe.cycles, 28258000);
    assert_int_equal(xe.total_cycles, 7655183225);
    assert_int_equal(xe.memory_bytes, 5 * KIB);
}

static void texts_that_are_none(void **state)
{
    static const char *const bad[] = {"",
                                      "pos:\t0\n",
                                      "drm-driver:\ti915\n",
                                      "drm-client-id:\t1\n",
                                      "drm-driver:\ti915\ndrm-client-id:\t1", /* cut */
                                      "drm-driver:\ti915\ndrm-client-id:\tx\n",
                                      "drm-driver:\ti915\ndrm-client-id:\t-1\n",
                                      "drm-driver:\ti915\ndrm-client-id:\t99999999999999999999\n"};
    struct drm_client client = {.id = 5};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(drm_fdinfo_parse(bad[i], strlen(bad[i]), &client), -ENOENT);
    assert_int_equal(client.id, 5);
    client = parsed("drm-driver:\ti915\ndrm-client-id:\t1\ndrm-engine-:\t\ndrm-engine-x\t5 ns\n"
                    "drm-engine-render:\t99999999999999999999 ns\n"
                    "drm-total-x:\t18446744073709551615 KiB\ndrm-\n\n");
    assert_false(client.has_engine || client.has_memory);
    client = parsed("drm-driver:\ti915\ndrm-client-id:\t1\n"
                    "drm-engine-a:\t18446744073709551615 ns\ndrm-engine-b:\t9 ns\n");
    assert_int_equal(client.engine_ns, UINT64_MAX);
}

/* ---- of processes ---- */

static void put_fd(const struct tree *tree, unsigned pid, unsigned fd, const char *target,
                   const char *text)
{
    char name[64];
    snprintf(name, sizeof name, "proc/%u/stat", pid);
    tree_put(tree, name, "1 (x) S\n");
    snprintf(name, sizeof name, "proc/%u/fd/%u", pid, fd);
    tree_remove(tree, name); /* a link that is there would be followed */
    tree_link(tree, name, target);
    snprintf(name, sizeof name, "proc/%u/fdinfo/%u", pid, fd);
    tree_put(tree, name, text);
}

static void put_client(const struct tree *tree, unsigned pid, unsigned fd, unsigned id,
                       unsigned engine_ns, unsigned memory_kib)
{
    char text[256];
    snprintf(text, sizeof text,
             "drm-driver:\tamdgpu\ndrm-client-id:\t%u\ndrm-pdev:\t0000:03:00.0\n"
             "drm-engine-gfx:\t%u ns\ndrm-memory-vram:\t%u KiB\n",
             id, engine_ns, memory_kib);
    put_fd(tree, pid, fd, "/dev/dri/renderD128", text);
}

struct looked {
    struct drm_process process;
    uint64_t value[DRM_FIELDS];
    uint32_t valid;
};

static void see(void *user, uint64_t fd, const char *target, size_t n)
{
    drm_table_see(user, fd, target, n);
}

static void look(const struct tree *tree, struct drm_table *table, pid_t pid, uint64_t now_ns,
                 struct looked *ret)
{
    struct process_files files = process_files_unkept(pid);
    const struct link_listener listener = {see, table};
    drm_table_begin(table);
    assert_int_equal(proc_links_each(&tree->root, &files, &listener), 0);
    drm_table_take(table, &files, now_ns, &ret->process, ret->value, &ret->valid);
}

static struct drm_table *begin(struct tree *tree)
{
    struct drm_table *table;
    tree_new(tree, 1);
    assert_int_equal(drm_table_new(&tree->root, &table), -ENOENT); /* a machine without */
    tree_put(tree, "sys/class/drm/version", "drm 1.1.0\n");
    assert_int_equal(drm_table_new(&tree->root, &table), 0);
    return table;
}

static void one_client_counts_once(void **state)
{
    struct tree tree;
    struct looked p = {0}, child = {0}, other = {0};
    struct drm_table *table = begin(&tree);
    put_client(&tree, 7, 4, 11, 1000, 100);
    put_client(&tree, 7, 5, 11, 1000, 100); /* dup(2) */
    put_client(&tree, 7, 6, 12, 50, 1);     /* opened once more */
    put_fd(&tree, 7, 9, "/dev/null", "drm-driver:\tx\ndrm-client-id:\t9\ndrm-engine-x:\t7 ns\n");
    put_client(&tree, 8, 4, 11, 1000, 100); /* fork(2) */
    put_fd(&tree, 9, 0, "/dev/null", "pos:\t0\n");
    look(&tree, table, 7, 1, &p);
    look(&tree, table, 8, 1, &child);
    look(&tree, table, 9, 1, &other);
    assert_int_equal(p.valid, BOTH);
    assert_int_equal(p.value[DRM_ENGINE], 1050);
    assert_int_equal(p.value[DRM_MEMORY], 101 * KIB);
    assert_int_equal(child.value[DRM_ENGINE], 0);
    assert_int_equal(child.value[DRM_MEMORY], 0);
    assert_int_equal(other.valid, 0);

    put_client(&tree, 7, 4, 11, 1600, 40);
    put_client(&tree, 7, 5, 11, 1600, 40);
    look(&tree, table, 7, 2, &p);
    assert_int_equal(p.value[DRM_ENGINE], 1650);
    assert_int_equal(p.value[DRM_MEMORY], 41 * KIB);

    /* The first ends: who has the client still is counted from here on. */
    tree_remove(&tree, "proc/7");
    put_client(&tree, 8, 4, 11, 1900, 40);
    look(&tree, table, 8, 3, &child);
    assert_int_equal(child.value[DRM_ENGINE], 300);
    assert_int_equal(child.value[DRM_MEMORY], 40 * KIB);
    drm_table_free(table);
    tree_free(&tree);
}

/* What was used stays used when the device is closed; memory is given back. */
static void a_device_that_is_closed(void **state)
{
    struct tree tree;
    struct looked p = {0};
    struct drm_table *table = begin(&tree);
    put_client(&tree, 7, 4, 1, 800, 10);
    look(&tree, table, 7, 1, &p);
    put_fd(&tree, 7, 4, "/dev/null", "pos:\t0\n");
    look(&tree, table, 7, 2, &p);
    assert_int_equal(p.valid, BOTH);
    assert_int_equal(p.value[DRM_ENGINE], 800);
    assert_int_equal(p.value[DRM_MEMORY], 0);
    put_client(&tree, 7, 4, 2, 50, 3); /* and opened anew */
    look(&tree, table, 7, 3, &p);
    assert_int_equal(p.value[DRM_ENGINE], 850);
    drm_table_free(table);
    tree_free(&tree);
}

static void cycles(void **state)
{
    struct tree tree;
    struct looked p = {0};
    struct drm_table *table = begin(&tree);
    put_fd(&tree, 7, 3, "/dev/accel/accel0",
           "drm-driver:\txe\ndrm-client-id:\t3\ndrm-cycles-rcs:\t500\n"
           "drm-total-cycles-rcs:\t10000\n");
    look(&tree, table, 7, NS_PER_S, &p);
    assert_int_equal(p.valid, 1u << DRM_ENGINE);
    assert_int_equal(p.value[DRM_ENGINE], 0); /* how long 10,000 were nobody knows */
    put_fd(&tree, 7, 3, "/dev/accel/accel0",
           "drm-driver:\txe\ndrm-client-id:\t3\ndrm-cycles-rcs:\t750\n"
           "drm-total-cycles-rcs:\t11000\n");
    look(&tree, table, 7, 3 * NS_PER_S, &p);
    assert_int_equal(p.value[DRM_ENGINE], NS_PER_S / 2); /* a quarter of the 2 s */
    drm_table_free(table);
    tree_free(&tree);
}

/* Places are given on once their owner has ended. */
static void very_many_clients(void **state)
{
    struct tree tree;
    struct drm_table *table = begin(&tree);
    tree_put(&tree, "proc/7/stat", "7 (x) S\n");
    tree_put(&tree, "proc/8/stat", "8 (x) S\n");
    for (unsigned i = 0; i < 4200; i++) {
        struct looked p = {0};
        pid_t pid = i < 4096 ? 7 : 8;
        struct process_files files = process_files_unkept(pid);
        char name[64], text[128];
        if (i == 4150)
            tree_remove(&tree, "proc/7");
        snprintf(name, sizeof name, "proc/%d/fdinfo/4", (int)pid);
        snprintf(text, sizeof text, "drm-driver:\ti915\ndrm-client-id:\t%u\ndrm-engine-x:\t10 ns\n",
                 i);
        tree_put(&tree, name, text);
        drm_table_begin(table);
        drm_table_see(table, 4, "/dev/dri/card0", 14);
        drm_table_take(table, &files, i + 1, &p.process, p.value, &p.valid);
        assert_int_equal(p.value[DRM_ENGINE], i < 4096 || i >= 4150 ? 10 : 0);
    }
    drm_table_free(table);
    tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(texts_that_are_none),
        cmocka_unit_test(one_client_counts_once),
        cmocka_unit_test(a_device_that_is_closed),
        cmocka_unit_test(cycles),
        cmocka_unit_test(very_many_clients),
    };
    return cmocka_run_group_tests_name("source_drm", tests, NULL, NULL);
}
