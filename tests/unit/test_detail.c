/* sample/detail: slow looks by a thread of its own, within a budget. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sample/detail.h"
#include "test_source_child.h"
#include "test_source_tree.h"

#define MIB (UINT64_C(1) << 20)
#define PATIENCE_S 30  /* for what happens at once */
#define ASKED_MAX 30   /* so few that all looks fit the thread's savings, where they are slow too */
#define QUEUE_MAX 2000 /* so many that the thread never gets through them */

static struct source_root root;
static struct host_facts facts;
static struct detail *detail;
static struct process *processes; /* as the sampler would have them */

static int begin(void **state)
{
    processes = calloc(QUEUE_MAX, sizeof *processes);
    return processes == NULL || source_root_open(&root, "/") != 0 ||
           host_facts_read(&root, &facts) != 0;
}

static int clean_up(void **state)
{
    detail_free(detail);
    detail = NULL;
    for (int i = 0; i < QUEUE_MAX; i++)
        if (processes[i].pid != 0)
            process_files_close(&processes[i].files);
    free(processes);
    host_facts_done(&facts);
    source_root_close(&root);
    return 0;
}

static struct process *process_init(int i, pid_t pid)
{
    struct process *p = &processes[i];
    assert_int_equal(process_files_open(&root, pid, true, &p->files), 0);
    p->pid = pid;
    return p;
}

static void detail_start(void)
{
    assert_int_equal(detail_new(&root, &facts, &detail), 0);
}

/* What the sampler writes while somebody is looked at: for ThreadSanitizer. */
static void sampler_goes_on(void)
{
    for (int i = 0; i < ASKED_MAX; i++) {
        struct process *p = &processes[i];
        p->threads = !p->threads;
        p->zombie = !p->zombie;
        p->stale++;
        p->detail_ready = false;
        p->value[PROCESS_CPU]++;
        p->known |= 1;
    }
}

/* Takes back until `n` have come, each once and none of them busy. */
static void take(size_t n)
{
    static bool back[ASKED_MAX];
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    memset(back, 0, sizeof back);
    while (n > 0) {
        assert_true(clock_mono_ns() < until);
        struct process *p = detail_take(detail);
        if (p == NULL) {
            sampler_goes_on();
            usleep(500);
        }
        for (struct process *next; p != NULL; p = next) {
            next = p->next_detail;
            size_t i = (size_t)(p - processes);
            assert_true(i < ASKED_MAX && !back[i] && n > 0);
            assert_false(p->busy);
            back[i] = true;
            n--;
        }
    }
    assert_null(detail_take(detail));
    assert_true(detail_idle(detail));
}

static const struct detail_result *look_at(struct process *p)
{
    detail_ask(detail, p);
    assert_true(p->busy);
    take(1);
    return &p->detail;
}

/* ---- bodies of children ---- */

static void waits(struct child *child)
{
    for (;;)
        child_step(child);
}

static char *shared_memory;

/* Sanitizers use memory for each byte of the program's. */
static uint64_t memory_slack(void)
{
    const char *sanitize = getenv("SANITIZE");
    return sanitize == NULL || strcmp(sanitize, "none") == 0 ? MIB / 2 : 256 * MIB;
}

static void uses_memory(struct child *child)
{
    child_step(child);
    char *own = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(own, 1, 4 * MIB);
    child_step(child);
    memset(shared_memory, 1, 8 * MIB);
    waits(child);
}

static void *waits_in_thread(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void starts_threads(struct child *child)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, waits_in_thread, NULL);
    waits(child);
}

static void listens(struct child *child)
{
    child_step(child);
    for (int i = 0; i < 2; i++)
        assert(listen(socket(AF_INET, SOCK_STREAM, 0), 1) == 0);
    waits(child);
}

static struct child *started(void (*body)(struct child *child))
{
    struct child *child = child_start(body);
    child_wait(child);
    return child;
}

/* ---- asking and taking ---- */

static void all_come_back_once(void **state)
{
    struct child *child[8];
    for (int i = 0; i < 8; i++)
        child[i] = started(waits);
    for (int i = 0; i < ASKED_MAX; i++)
        process_init(i, child[i % 8]->pid);
    detail_start();
    assert_null(detail_take(detail));
    assert_true(detail_idle(detail));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < ASKED_MAX; i++)
            detail_ask(detail, &processes[i]);
        for (int i = 0; i < ASKED_MAX; i++)
            assert_true(processes[i].busy);
        take(ASKED_MAX);
        for (int i = 0; i < ASKED_MAX; i++) {
            const struct detail_result *r = &processes[i].detail;
            assert_int_equal(r->smaps_error, 0);
            assert_true(r->smaps[SMAPS_PSS] > 0);
            assert_true(r->smaps[SMAPS_USS] <= r->smaps[SMAPS_PSS]);
        }
    }
    for (int i = 0; i < 8; i++)
        child_kill(child[i]);
}

/* What is asked while it looks, and taken bit by bit. */
static void asking_and_taking_by_turns(void **state)
{
    struct child *child = started(waits);
    for (int i = 0; i < ASKED_MAX; i++)
        process_init(i, child->pid);
    detail_start();
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    size_t asked = 0, taken = 0, looks = 0;
    for (; asked < 2 * ASKED_MAX; looks++) {
        assert_true(clock_mono_ns() < until);
        struct process *p = &processes[looks % ASKED_MAX];
        if (!p->busy) {
            detail_ask(detail, p);
            asked++;
        }
        for (p = detail_take(detail); p != NULL; p = p->next_detail)
            taken++;
    }
    take(asked - taken);
    child_kill(child);
}

static void free_while_asked(void **state)
{
    struct child *child = started(waits);
    for (int round = 0; round < 20; round++) {
        size_t n = 0;
        detail_start();
        for (int i = 0; i < ASKED_MAX; i++) {
            if (round == 0)
                process_init(i, child->pid);
            detail_ask(detail, &processes[i]);
        }
        uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
        while (round % 3 == 2 && !detail_idle(detail)) /* some are done, and not taken */
            assert_true(clock_mono_ns() < until);
        if (round % 3 == 1)
            for (struct process *p = detail_take(detail); p != NULL; p = p->next_detail)
                n++;
        struct process *left = detail_free(detail);
        detail = NULL;
        for (; left != NULL; left = left->next_detail)
            n++;
        assert_int_equal(n, ASKED_MAX);
        for (int i = 0; i < ASKED_MAX; i++)
            assert_false(processes[i].busy);
    }
    assert_null(detail_free(NULL));
    child_kill(child);
}

static void who_has_ended_is_an_error(void **state)
{
    struct child *child = started(waits);
    struct process *p = process_init(0, child->pid);
    child_kill(child);
    detail_start();
    const struct detail_result *r = look_at(p);
    assert_int_not_equal(r->smaps_error, 0);
    assert_int_not_equal(r->tcp_error, 0);
    assert_int_not_equal(r->census_error, 0);
    assert_int_equal(r->smaps_valid, 0);
}

/* ---- what is seen ---- */

static void memory_is_shared_or_own(void **state)
{
    shared_memory = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared_memory != MAP_FAILED);
    struct child *first = started(uses_memory), *second = started(uses_memory);
    struct process *p = process_init(0, first->pid);
    detail_start();
    struct detail_result before = *look_at(p);
    assert_int_equal(before.smaps_error, 0);
    assert_int_equal(before.smaps_valid & 7, 7);
    child_go(first);
    struct detail_result own = *look_at(p);
    assert_true(own.smaps[SMAPS_USS] >= before.smaps[SMAPS_USS] + 4 * MIB);
    assert_true(own.smaps[SMAPS_USS] <= before.smaps[SMAPS_USS] + 4 * MIB + memory_slack());
    assert_true(own.smaps[SMAPS_PSS] >= before.smaps[SMAPS_PSS] + 4 * MIB - MIB / 2);
    child_go(first);
    child_go(second);
    child_go(second);
    struct detail_result both = *look_at(p);
    /* Two have the 8 MiB in use: half of them each, and of nobody alone. */
    assert_true(both.smaps[SMAPS_PSS] >= own.smaps[SMAPS_PSS] + 4 * MIB - MIB / 2);
    assert_true(both.smaps[SMAPS_PSS] <= own.smaps[SMAPS_PSS] + 4 * MIB + memory_slack());
    assert_true(both.smaps[SMAPS_USS] <= own.smaps[SMAPS_USS] + memory_slack());
    child_kill(first);
    child_kill(second);
    munmap(shared_memory, 8 * MIB);
}

static void threads_are_counted_when_asked(void **state)
{
    struct child *child = started(starts_threads);
    struct process *p = process_init(0, child->pid);
    detail_start();
    assert_int_equal(look_at(p)->census_error, -EAGAIN);
    p->census = true;
    const struct detail_result *r = look_at(p);
    assert_int_equal(r->census_error, 0);
    assert_in_range(r->processors, 1, 4);
    assert_in_range(r->cores, 1, r->processors);
    assert_in_range(r->packages, 1, r->cores);
    assert_int_not_equal(r->package_mask, 0);
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (look_at(p)->voluntary_switches < 3) { /* each goes to sleep at last */
        assert_true(clock_mono_ns() < until);
        usleep(1000);
    }
    child_kill(child);
}

static void sockets_are_counted(void **state)
{
    struct child *child = started(listens);
    struct process *p = process_init(0, child->pid);
    detail_start();
    const struct detail_result *r = look_at(p);
    if (r->tcp_error != 0) {
        print_message("# no TCP sockets are to be seen here: %s\n", strerror(-r->tcp_error));
        child_kill(child);
        skip();
    }
    assert_int_equal(r->tcp[TCP_LISTENING], 0);
    child_go(child);
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (look_at(p)->tcp[TCP_LISTENING] != 2) { /* one dump of all sockets serves for a while */
        assert_true(clock_mono_ns() < until);
        usleep(20000);
    }
    assert_int_equal(r->tcp[TCP_ESTABLISHED], 0);
    child_kill(child);
}

/* ---- the budget ---- */

/* Asks again for all that came back. */
static void ask_again(void)
{
    for (struct process *p = detail_take(detail), *next; p != NULL; p = next) {
        next = p->next_detail;
        detail_ask(detail, p);
    }
}

/* However many wait, the thread takes little of a processor once its savings are used. */
static void the_budget_holds(void **state)
{
    struct child *child = started(waits);
    detail_start();
    for (int i = 0; i < QUEUE_MAX; i++) {
        processes[i].files = process_files_unkept(child->pid);
        processes[i].pid = child->pid;
        detail_ask(detail, &processes[i]);
    }
    uint64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns < DETAIL_BURST_NS) {
        assert_true(clock_mono_ns() < until);
        ask_again();
        usleep(200);
    }
    usleep(50000);
    uint64_t from_ns = clock_mono_ns();
    cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < 20; i++) {
        ask_again();
        assert_false(detail_idle(detail)); /* there always is somebody to look at */
        usleep(20000);
    }
    cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
    /* 0.5 % is meant; this thread's own work and a loaded machine are in it. */
    assert_true(cpu_ns < (clock_mono_ns() - from_ns) / 5);
    child_kill(child);
}

/* ---- places ---- */

static void run_on(uint64_t ran_on[PROCESSORS_MAX / 64], const int *processors, size_t n)
{
    memset(ran_on, 0, PROCESSORS_MAX / 8);
    for (size_t i = 0; i < n; i++)
        ran_on[processors[i] / 64] |= UINT64_C(1) << processors[i] % 64;
}

/* Two packages of two cores of two processors each; core ids are those of the package. */
static void places_are_counted(void **state)
{
    struct processor_place place[] = {{0, 0, 0},  {1, 1, 0},  {2, 0, 1},  {3, 1, 1},
                                      {64, 0, 0}, {65, 1, 0}, {66, 0, 1}, {67, 1, 1}};
    const struct host_facts two = {.processors = 8, .place = place};
    static const struct {
        int on[8];
        size_t n;
        uint64_t processors, cores, packages, mask;
    } cases[] = {
        {{0}, 0, 0, 0, 0, 0},
        {{0}, 1, 1, 1, 1, 1},
        {{3}, 1, 1, 1, 1, 2},
        {{0, 64}, 2, 2, 1, 1, 1},
        {{0, 1}, 2, 2, 2, 1, 1},
        {{0, 2}, 2, 2, 2, 2, 3},
        {{1, 65, 66}, 3, 3, 2, 2, 3},
        {{0, 1, 2, 3}, 4, 4, 4, 2, 3},
        {{0, 1, 2, 3, 64, 65, 66, 67}, 8, 8, 4, 2, 3},
        {{5}, 1, 1, 0, 0, 0}, /* a processor whose place is unknown */
    };
    uint64_t ran_on[PROCESSORS_MAX / 64];
    struct detail_result r;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_on(ran_on, cases[i].on, cases[i].n);
        places_count(&two, ran_on, &r);
        assert_int_equal(r.processors, cases[i].processors);
        assert_int_equal(r.cores, cases[i].cores);
        assert_int_equal(r.packages, cases[i].packages);
        assert_int_equal(r.package_mask, cases[i].mask);
    }
    const struct host_facts unknown = {.processors = 0, .place = NULL};
    run_on(ran_on, (const int[]){0, 1}, 2);
    places_count(&unknown, ran_on, &r);
    assert_int_equal(r.processors, 2);
    assert_int_equal(r.cores, 0);
}

/* On a tree made here: this machine may have none, and then nobody looks for them. */
static void devices_of_gpus(void **state)
{
    struct tree tree;
    struct process *p = &processes[0];
    tree_new(&tree, 1);
    tree_put(&tree, "proc/7/stat", "7 (x) S\n");
    tree_put(&tree, "proc/7/fdinfo/3",
             "drm-driver:\ti915\ndrm-client-id:\t1\ndrm-engine-render:\t500 ns\n"
             "drm-total-system0:\t2 KiB\n");
    tree_link(&tree, "proc/7/fd/3", "/dev/dri/renderD128");
    assert_int_equal(process_files_open(&tree.root, 7, true, &p->files), 0);
    p->pid = 7;
    for (int has = 0; has < 2; has++) {
        if (has)
            tree_put(&tree, "sys/class/drm/version", "drm 1.1.0\n");
        assert_int_equal(detail_new(&tree.root, &facts, &detail), 0);
        const struct detail_result *r = look_at(p);
        assert_int_equal(r->drm_valid, has ? 1u << DRM_ENGINE | 1u << DRM_MEMORY : 0);
        if (has) {
            assert_int_equal(r->drm[DRM_ENGINE], 500);
            assert_int_equal(r->drm[DRM_MEMORY], 2048);
        }
        detail_free(detail);
        detail = NULL;
    }
    tree_free(&tree);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_come_back_once),      TEST(asking_and_taking_by_turns),
        TEST(free_while_asked),        TEST(who_has_ended_is_an_error),
        TEST(memory_is_shared_or_own), TEST(threads_are_counted_when_asked),
        TEST(sockets_are_counted),     TEST(the_budget_holds),
        TEST(places_are_counted),      TEST(devices_of_gpus),
    };
    return cmocka_run_group_tests_name("detail", tests, NULL, NULL);
}
