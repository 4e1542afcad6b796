/* The parsers on texts as the kernel writes them, and as it never should. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/key_lines.h"
#include "source/machine.h"
#include "source/proc_process.h"
#include "source/processors.h"

#define MS UINT64_C(1000000)
#define BIT(field) (UINT32_C(1) << (field))

static const struct source_root root = {
    .proc_fd = -1, .sys_fd = -1, .tick_ns = 10 * MS, .page_bytes = 4096, .delay_accounting = 1};

/* Texts stand in memory of their own length, so that AddressSanitizer sees a step too far. */
static char *exact(const char *text, size_t n)
{
    char *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    return copy;
}

/* ---- stat ---- */

#define STAT_TAIL                                                                                \
    "R 10 20 30 34816 -1 4194304 101 7 3 2 111 22 333 44 20 0 5 0 87341 3133440 408 "            \
    "18446744073709551615 94036220071936 94036220091817 140733217249552 0 0 0 0 0 0 0 0 0 17 6 " \
    "0 0 9 0 0 94036220107824 94036220109440 94036892495872 140733217258122 140733217258142 "    \
    "140733217258142 140733217259499 0\n"

static int stat_of(const char *text, struct proc_stat *ret)
{
    char *copy = exact(text, strlen(text));
    int rc = proc_stat_parse(&root, copy, strlen(text), ret);
    free(copy);
    return rc;
}

static void stat_has_every_column(void **state)
{
    struct proc_stat stat;
    assert_int_equal(stat_of("3970 (cat) " STAT_TAIL, &stat), 0);
    assert_int_equal(stat.valid, BIT(STAT_FIELDS) - 1);
    assert_string_equal(stat.comm, "cat");
    assert_int_equal(stat.value[STAT_STATE], 'R');
    assert_int_equal(stat.value[STAT_PARENT_PID], 10);
    assert_int_equal(stat.parent_pid, 10);
    assert_int_equal(stat.process_group, 20);
    assert_int_equal(stat.session, 30);
    assert_int_equal(stat.flags, 4194304);
    assert_int_equal(stat.value[STAT_MINOR_FAULTS], 101);
    assert_int_equal(stat.value[STAT_MAJOR_FAULTS], 3);
    assert_int_equal(stat.value[STAT_USER], 1110 * MS);
    assert_int_equal(stat.value[STAT_SYSTEM], 220 * MS);
    assert_int_equal(stat.value[STAT_CHILDREN_USER], 3330 * MS);
    assert_int_equal(stat.value[STAT_CHILDREN_SYSTEM], 440 * MS);
    assert_int_equal(stat.value[STAT_THREADS], 5);
    assert_int_equal(stat.start_ticks, 87341);
    assert_int_equal(stat.value[STAT_VMS], 3133440);
    assert_int_equal(stat.value[STAT_RSS], 408 * 4096);
    assert_int_equal(stat.start_stack, 140733217249552);
    assert_int_equal(stat.value[STAT_PROCESSOR], 6);
    assert_int_equal(stat.value[STAT_IOWAIT], 90 * MS);
    assert_int_equal(stat.exit_code, -1); /* it runs */
}

static void stat_finds_the_last_parenthesis(void **state)
{
    static const char *const comms[] = {"a b) R 1 1", "x\ny) Z 9 9", ")", "(",
                                        "",           "))))) R 1 (", " ", "\xff\x01) S"};
    for (size_t i = 0; i < sizeof comms / sizeof comms[0]; i++) {
        char text[512];
        struct proc_stat stat;
        snprintf(text, sizeof text, "3970 (%s) %s", comms[i], STAT_TAIL);
        assert_int_equal(stat_of(text, &stat), 0);
        assert_string_equal(stat.comm, comms[i]);
        assert_int_equal(stat.value[STAT_STATE], 'R');
        assert_int_equal(stat.parent_pid, 10);
        assert_int_equal(stat.value[STAT_THREADS], 5);
    }
}

static void stat_cuts_a_long_comm(void **state)
{
    char text[1024], comm[200];
    struct proc_stat stat;
    memset(comm, 'k', sizeof comm);
    comm[sizeof comm - 1] = '\0';
    snprintf(text, sizeof text, "1 (%s) %s", comm, STAT_TAIL);
    assert_int_equal(stat_of(text, &stat), 0);
    assert_int_equal(strlen(stat.comm), COMM_CAP - 1);
}

/* At every length: what is there is right, what is cut is missing, never another value. */
static void stat_cut_anywhere(void **state)
{
    static const char text[] = "3970 (cat) " STAT_TAIL;
    struct proc_stat whole;
    size_t n = strlen(text);
    assert_int_equal(proc_stat_parse(&root, text, n, &whole), 0);
    unsigned successes = 0;
    for (size_t cut = 0; cut < n; cut++) {
        struct proc_stat stat;
        char *copy = exact(text, cut);
        int rc = proc_stat_parse(&root, copy, cut, &stat);
        free(copy);
        if (rc != 0) {
            assert_int_equal(rc, -EPROTO);
            assert_int_equal(successes, 0); /* once the start time is there it stays */
            continue;
        }
        successes++;
        assert_int_equal(stat.start_ticks, whole.start_ticks);
        for (unsigned i = 0; i < STAT_FIELDS; i++)
            if (stat.valid & BIT(i))
                assert_int_equal(stat.value[i], whole.value[i]);
        assert_true(stat.start_stack == 0 || stat.start_stack == whole.start_stack);
    }
    assert_true(successes > 100);
}

static void stat_of_older_kernels(void **state)
{
    struct proc_stat stat;
    /* Linux 2.6.17: 41 columns, no blkio delay, no exit code. */
    assert_int_equal(stat_of("1 (init) Z 0 1 1 0 -1 256 13 0 0 0 1 2 3 4 16 0 1 0 55 2072576 166 "
                             "4294967295 134512640 134545028 3221168032 3221167204 3085153282 0 0 "
                             "1475401980 671819267 0 0 0 0 0 0 0\n",
                             &stat),
                     0);
    assert_int_equal(stat.valid, (BIT(STAT_FIELDS) - 1) & ~BIT(STAT_IOWAIT));
    assert_int_equal(stat.exit_code, -1);
    /* 38 columns: before 2.2.8 no processor either. */
    assert_int_equal(stat_of("1 (init) S 0 1 1 0 -1 256 13 0 0 0 1 2 3 4 16 0 1 0 55 2072576 166 "
                             "4294967295 134512640 134545028 3221168032 3221167204 3085153282 0 0 "
                             "1475401980 671819267 0 0 0 17\n",
                             &stat),
                     0);
    assert_false(stat.valid & (BIT(STAT_IOWAIT) | BIT(STAT_PROCESSOR)));
    assert_true(stat.valid & BIT(STAT_RSS));
}

static void stat_without_delay_accounting(void **state)
{
    struct source_root off = root;
    struct proc_stat stat;
    static const char text[] = "3970 (cat) " STAT_TAIL;
    off.delay_accounting = 0;
    assert_int_equal(proc_stat_parse(&off, text, strlen(text), &stat), 0);
    assert_int_equal(stat.valid, (BIT(STAT_FIELDS) - 1) & ~BIT(STAT_IOWAIT));
}

static void stat_exit_codes(void **state)
{
    static const struct {
        const char *state, *threads, *code;
        int expected;
    } cases[] = {
        {"Z", "1", "1792", 1792}, {"Z", "1", "9", 9},     {"Z", "1", "0", 0},
        {"X", "0", "256", 256},   {"Z", "2", "1792", -1}, {"S", "1", "256", -1},
        {"Z", "1", "-1", -1},     {"Z", "1", "x", -1},    {"Z", "1", "99999999999", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        struct proc_stat stat;
        snprintf(text, sizeof text,
                 "7 (z) %s 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 %s 0 9 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 "
                 "17 0 0 0 0 0 0 0 0 0 0 0 0 0 %s\n",
                 cases[i].state, cases[i].threads, cases[i].code);
        assert_int_equal(stat_of(text, &stat), 0);
        assert_int_equal(stat.exit_code, cases[i].expected);
    }
}

static void stat_of_a_process_being_released(void **state)
{
    struct proc_stat stat;
    assert_int_equal(stat_of("7 (z) X 0 -1 -1 0 -1 4 0 0 0 0 0 0 0 0 20 0 0 0 9 0 0 1\n", &stat),
                     0);
    assert_int_equal(stat.process_group, -1);
    assert_int_equal(stat.session, -1);
}

static void stat_refuses_nonsense(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        ")",
        "(",
        "1 (a",
        "1 a) R 1",
        ") (",
        "1 (a)",
        "1 (a) R",
        "1 (a)R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
        "1 (a) R 1 1 1\n",
        /* a parent that is no pid, flags over 32 bits, a start time that is negative or too large
         */
        "1 (a) R 4294967296 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0 1\n",
        "1 (a) R 1 1 1 0 -1 4294967296 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0 1\n",
        "1 (a) R 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 -9 0 0 1\n",
        "1 (a) R 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 18446744073709551616 0 0 1\n",
        "1 (a) R x x x x x x x x x x x x x x x x x x x x x x\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct proc_stat stat = {.exit_code = 77};
        assert_int_equal(stat_of(texts[i], &stat), -EPROTO);
        assert_int_equal(stat.exit_code, 77); /* untouched */
    }
}

static void stat_leaves_out_what_overflows(void **state)
{
    struct proc_stat stat;
    assert_int_equal(stat_of("1 (a) R 1 1 1 0 -1 4 -5 0 99999999999999999999999 0 "
                             "18446744073709551615 5 -7 0 20 0 1 0 9 18446744073709551615 "
                             "18446744073709551615 1\n",
                             &stat),
                     0);
    assert_false(stat.valid & (BIT(STAT_MINOR_FAULTS) | BIT(STAT_MAJOR_FAULTS) | BIT(STAT_USER) |
                               BIT(STAT_CHILDREN_USER) | BIT(STAT_RSS)));
    assert_true(stat.valid & BIT(STAT_SYSTEM));
    assert_int_equal(stat.value[STAT_VMS], UINT64_MAX);
}

/* ---- statm, io ---- */

static void statm_texts(void **state)
{
    uint64_t value[STATM_FIELDS] = {1, 2};
    uint32_t valid = 0;
    static const char good[] = "765 408 395 5 0 90 0\n", huge[] = "18446744073709551615 2 0\n";
    assert_int_equal(proc_statm_parse(&root, good, strlen(good), value, &valid), 0);
    assert_int_equal(valid, 3);
    assert_int_equal(value[STATM_VMS], 765 * 4096);
    assert_int_equal(value[STATM_RSS], 408 * 4096);
    assert_int_equal(proc_statm_parse(&root, huge, strlen(huge), value, &valid), 0);
    assert_int_equal(valid, BIT(STATM_RSS));

    static const char *const bad[] = {"",      "\n",      "765",      "765 40",
                                      "765\n", "x 1 2\n", "-1 4 5\n", "765,408 3\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *copy = exact(bad[i], strlen(bad[i]));
        valid = 42;
        value[0] = 7;
        assert_int_equal(proc_statm_parse(&root, copy, strlen(bad[i]), value, &valid), -EPROTO);
        assert_int_equal(valid, 42);
        assert_int_equal(value[0], 7);
        free(copy);
    }
}

static const char io_text[] = "rchar: 323934931\nwchar: 323929600\nsyscr: 632687\nsyscw: 632675\n"
                              "read_bytes: 12288\nwrite_bytes: 323932160\n"
                              "cancelled_write_bytes: 4096\n";

static void io_texts(void **state)
{
    static const uint64_t expected[IO_FIELDS] = {323934931, 323929600, 632687,
                                                 632675,    12288,     323932160};
    uint64_t value[IO_FIELDS];
    uint32_t valid;
    assert_int_equal(proc_io_parse(io_text, strlen(io_text), value, &valid), 0);
    assert_int_equal(valid, BIT(IO_FIELDS) - 1);
    assert_memory_equal(value, expected, sizeof value);

    for (size_t cut = 0; cut < strlen(io_text); cut++) {
        char *copy = exact(io_text, cut);
        int rc = proc_io_parse(copy, cut, value, &valid);
        free(copy);
        assert_int_equal(rc, cut < strlen("rchar: 323934931\n") ? -EPROTO : 0);
        for (unsigned i = 0; i < IO_FIELDS && rc == 0; i++)
            if (valid & BIT(i))
                assert_int_equal(value[i], expected[i]);
    }
    /* One broken line costs that line alone. */
    static const char broken[] = "rchar: 1\nwchar: many\nsyscr: -3\nsyscw: 99999999999999999999\n"
                                 "read_bytes: 5\n";
    assert_int_equal(proc_io_parse(broken, strlen(broken), value, &valid), 0);
    assert_int_equal(valid, BIT(IO_READ_CHARS) | BIT(IO_READ_BYTES));
}

/* ---- status ---- */

static const char status_text[] =
    "Name:\ta\\nVmHWM:\t9 kB\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t3971\nNgid:\t0\n"
    "Pid:\t3972\nPPid:\t3968\nTracerPid:\t0\nUid:\t1000\t1001\t1002\t1003\nGid:\t0\t0\t0\t0\n"
    "FDSize:\t256\nGroups:\t1 2 3 \nNStgid:\t3971\nNSpid:\t3972\t12\t7\nNSpgid:\t3968\n"
    "VmPeak:\t    3060 kB\nVmSize:\t    3060 kB\nVmHWM:\t    1732 kB\nVmRSS:\t    1700 kB\n"
    "RssAnon:\t     116 kB\nRssFile:\t    1580 kB\nRssShmem:\t       4 kB\nVmSwap:\t      12 kB\n"
    "Threads:\t1\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n";

static void status_texts(void **state)
{
    static const uint64_t expected[STATUS_FIELDS] = {
        [STATUS_RSS_ANON] = 116 * 1024,     [STATUS_RSS_FILE] = 1580 * 1024,
        [STATUS_RSS_SHMEM] = 4 * 1024,      [STATUS_SWAP] = 12 * 1024,
        [STATUS_PEAK_RSS] = 1732 * 1024,    [STATUS_VOLUNTARY_SWITCHES] = 150,
        [STATUS_INVOLUNTARY_SWITCHES] = 545};
    uint64_t value[STATUS_FIELDS];
    uint32_t valid;
    assert_int_equal(proc_status_parse(status_text, strlen(status_text), value, &valid), 0);
    assert_int_equal(valid, BIT(STATUS_FIELDS) - 1);
    assert_memory_equal(value, expected, sizeof value);
    for (size_t cut = 0; cut < strlen(status_text); cut++) {
        char *copy = exact(status_text, cut);
        int rc = proc_status_parse(copy, cut, value, &valid);
        free(copy);
        for (unsigned i = 0; i < STATUS_FIELDS && rc == 0; i++)
            if (valid & BIT(i))
                assert_int_equal(value[i], expected[i]);
    }
    assert_int_equal(proc_status_parse("", 0, value, &valid), -EPROTO);
    assert_int_equal(proc_status_parse("Name:\tx\n", 8, value, &valid), -EPROTO);
}

static void owner_texts(void **state)
{
    struct proc_owner owner;
    assert_int_equal(proc_owner_parse(status_text, strlen(status_text), &owner), 0);
    assert_int_equal(owner.thread_group, 3971);
    assert_int_equal(owner.uid, 1000);
    assert_int_equal(owner.euid, 1001);
    assert_int_equal(owner.inner_pid, 7);
    /* Before Linux 4.1 there is no NSpid; a cut one is not believed. */
    static const char old[] = "Name:\tx\nTgid:\t5\nUid:\t0\t4294967295\t0\t0\n";
    assert_int_equal(proc_owner_parse(old, strlen(old), &owner), 0);
    assert_int_equal(owner.inner_pid, 0);
    assert_int_equal(owner.euid, UINT32_MAX);
    const char *cut = strstr(status_text, "\t7\nNSpgid");
    assert_int_equal(proc_owner_parse(status_text, (size_t)(cut - status_text), &owner), 0);
    assert_int_equal(owner.inner_pid, 0);

    static const char *const bad[] = {"",
                                      "Tgid:\t1\n",
                                      "Uid:\t0\t0\n",
                                      "Tgid:\t1\nUid:\t0",
                                      "Tgid:\t1\nUid:\t0\t99999999999\t0\n",
                                      "Tgid:\t99999999999\nUid:\t0\t0\t0\t0\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(proc_owner_parse(bad[i], strlen(bad[i]), &owner), -EPROTO);
}

/* ---- smaps_rollup ---- */

static void smaps_texts(void **state)
{
    static const char text[] =
        "55c8a1061000-7ffcd7a7c000 ---p 00000000 00:00 0                          [rollup]\n"
        "Rss:                1728 kB\nPss:                 499 kB\nPss_Dirty:           112 kB\n"
        "Pss_Anon:            112 kB\nShared_Clean:       1552 kB\nPrivate_Clean:        64 kB\n"
        "Private_Dirty:       112 kB\nPrivate_Hugetlb:    2048 kB\nSwap:                  0 kB\n"
        "SwapPss:               8 kB\nLocked:                0 kB\n";
    uint64_t value[SMAPS_FIELDS];
    uint32_t valid;
    assert_int_equal(proc_smaps_parse(text, strlen(text), value, &valid), 0);
    assert_int_equal(valid, BIT(SMAPS_FIELDS) - 1);
    assert_int_equal(value[SMAPS_PSS], 499 * 1024);
    assert_int_equal(value[SMAPS_USS], 176 * 1024); /* without the huge pages */
    assert_int_equal(value[SMAPS_SWAP_PSS], 8 * 1024);
    /* Half of a sum is no sum. */
    const char *cut = strstr(text, "Private_Dirty");
    assert_int_equal(proc_smaps_parse(text, (size_t)(cut - text), value, &valid), 0);
    assert_int_equal(valid, BIT(SMAPS_PSS));
    assert_int_equal(proc_smaps_parse(text, 20, value, &valid), -EPROTO);
    assert_int_equal(proc_smaps_parse("", 0, value, &valid), -EPROTO);
}

/* ---- last pid ---- */

static void last_pid_texts(void **state)
{
    pid_t pid = 0;
    static const char good[] = "0.01 0.04 0.01 1/83 3976\n";
    assert_int_equal(proc_last_pid_parse(good, strlen(good), &pid), 0);
    assert_int_equal(pid, 3976);
    static const char *const bad[] = {"",
                                      "\n",
                                      "0.01 0.04 0.01 1/83 3976",
                                      "0.01 0.04 0.01 1/83\n",
                                      "0.01 0.04 0.01 1/83 \n",
                                      "a b c d e\n",
                                      "0.01 0.04 0.01 1/83 99999999999\n",
                                      "1 2 3 4 -5\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *copy = exact(bad[i], strlen(bad[i]));
        assert_int_equal(proc_last_pid_parse(copy, strlen(bad[i]), &pid), -EPROTO);
        free(copy);
    }
    assert_int_equal(pid, 3976);
}

/* ---- garbage ---- */

static void machine_ignore(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    assert_true(strlen(name) < INSTANCE_NAME_CAP);
    for (const char *p = name; *p != '\0'; p++)
        assert_true('!' <= *p && *p <= '~');
}

/* Every parser over `n` bytes: what it returns does not matter here, that it stays inside them
 * does. */
static void parse_everything(const char *text, size_t n)
{
    struct proc_stat stat;
    struct proc_owner owner;
    uint64_t value[32], kernel[KERNEL_FIELDS];
    uint32_t valid = 0, kernel_valid = 0;
    pid_t pid;
    char model[HOST_TEXT_CAP];
    struct processor_place *places = NULL;
    proc_stat_parse(&root, text, n, &stat);
    proc_statm_parse(&root, text, n, value, &valid);
    proc_io_parse(text, n, value, &valid);
    proc_status_parse(text, n, value, &valid);
    proc_owner_parse(text, n, &owner);
    proc_smaps_parse(text, n, value, &valid);
    proc_last_pid_parse(text, n, &pid);
    machine_cpu_parse(&root, text, n, value, &valid, kernel, &kernel_valid, machine_ignore, NULL);
    machine_load_parse(text, n, kernel, &kernel_valid);
    machine_uptime_parse(text, n, kernel, &kernel_valid);
    machine_memory_parse(text, n, value, &valid);
    machine_paging_parse(text, n, value, &valid);
    machine_pressure_parse(text, n, PRESSURE_IO_SOME, PRESSURE_IO_FULL, value, &valid);
    machine_disks_parse(text, n, machine_ignore, NULL);
    machine_net_parse(text, n, machine_ignore, NULL);
    processor_model_parse(text, n, model);
    assert_true(strlen(model) < sizeof model);
    size_t n_places;
    if (processor_list_parse(text, n, &places, &n_places) == 0)
        free(places);
}

static void any_bytes(void **state)
{
    static const char alphabet[] = "0123456789 \n\t():-.,/cpu kBVmPRs\0\xff\x80";
    uint32_t random = 1;
    for (unsigned round = 0; round < 3000; round++) {
        size_t n = round % 200;
        char *text = malloc(n > 0 ? n : 1);
        assert_non_null(text);
        for (size_t i = 0; i < n; i++) {
            random = random * 1664525 + 1013904223;
            text[i] =
                round % 2 ? (char)(random >> 24) : alphabet[(random >> 16) % (sizeof alphabet)];
        }
        parse_everything(text, n);
        free(text);
    }
}

static void broken_texts_of_each_kind(void **state)
{
    static const char *const texts[] = {
        "1 (cat) " STAT_TAIL,
        status_text,
        io_text,
        "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 5 1 2 3\nctxt 7\n",
        "MemTotal:  5 kB\nMemFree: 3 kB\n",
        "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n   8       1 sda1 1 2 3 4\n",
        "Inter-|   Receive\n face |bytes\n    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 total=9\n",
        "processor\t: 0\nmodel name\t: x y\n",
        "0-3,8,10-11\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t n = strlen(texts[i]);
        for (size_t cut = 0; cut <= n; cut++) {
            char *copy = exact(texts[i], cut);
            parse_everything(copy, cut);
            free(copy);
        }
        for (size_t at = 0; at < n; at++) { /* one byte at a time made large, empty, foreign */
            char *copy = exact(texts[i], n);
            for (size_t j = 0; j < 4; j++) {
                copy[at] = "9\0 \xff"[j];
                parse_everything(copy, n);
            }
            free(copy);
        }
    }
}

/* ---- key lines ---- */

static void key_lines_take_the_first_of_a_key(void **state)
{
    static const struct key_line keys[] = {KEY_LINE("a ", 0, 1), KEY_LINE("ab ", 1, 10)};
    static const char text[] = "ab 3\na 1\na 2\nxa 9\nab 4\n";
    uint64_t value[2];
    assert_int_equal(key_lines_parse(text_of(text, strlen(text)), keys, 2, value), 3);
    assert_int_equal(value[0], 1);
    assert_int_equal(value[1], 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_has_every_column),
        cmocka_unit_test(stat_finds_the_last_parenthesis),
        cmocka_unit_test(stat_cuts_a_long_comm),
        cmocka_unit_test(stat_cut_anywhere),
        cmocka_unit_test(stat_of_older_kernels),
        cmocka_unit_test(stat_without_delay_accounting),
        cmocka_unit_test(stat_exit_codes),
        cmocka_unit_test(stat_of_a_process_being_released),
        cmocka_unit_test(stat_refuses_nonsense),
        cmocka_unit_test(stat_leaves_out_what_overflows),
        cmocka_unit_test(statm_texts),
        cmocka_unit_test(io_texts),
        cmocka_unit_test(status_texts),
        cmocka_unit_test(owner_texts),
        cmocka_unit_test(smaps_texts),
        cmocka_unit_test(last_pid_texts),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(broken_texts_of_each_kind),
        cmocka_unit_test(key_lines_take_the_first_of_a_key),
    };
    return cmocka_run_group_tests_name("source_texts", tests, NULL, NULL);
}
