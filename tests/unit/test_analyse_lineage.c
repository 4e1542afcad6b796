/* analyse/lineage: what a tree used, added up from counters that the kernel hands upwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyse/lineage.h"

#define MS UINT64_C(1000000)
#define TICK (100 * MS)
#define RECORDER_PID 1000000
#define SPREAD_MAX 4096 /* ticks of a test */

/* Entities and pids are the same number here, but for the recorder. */
static struct fixture {
    struct lineage *h;
    uint64_t now_ns;
    uint64_t total[LINEAGE_COLUMNS], unseen_ns;
    double spread[SPREAD_MAX]; /* CPU by the tick interval in which it was used */
} f;

static void take_growth(void *user, const struct lineage_growth *g)
{
    struct fixture *fixture = user;
    fixture->total[g->column] += g->amount;
    if (g->column != LINEAGE_CPU)
        return;
    fixture->unseen_ns += g->unseen ? g->amount : 0;
    assert_true(g->from_ns <= g->to_ns);
    assert_true(g->to_ns - g->from_ns <= 60 * TICK);
    uint64_t from = g->from_ns, length = g->to_ns - from;
    do {
        uint64_t i = from / TICK, stop = (i + 1) * TICK < g->to_ns ? (i + 1) * TICK : g->to_ns;
        double share = length == 0 ? 1 : (double)(stop - from) / (double)length;
        assert_true(i < SPREAD_MAX);
        fixture->spread[i] += (double)g->amount * share;
        from = stop;
    } while (from < g->to_ns);
}

static void begin(uint32_t recorder_pid)
{
    f = (struct fixture){.h = lineage_new(recorder_pid, take_growth, &f)};
    assert_non_null(f.h);
}

static void tick(void)
{
    f.now_ns += TICK;
    assert_int_equal(lineage_tick(f.h, f.now_ns), 0);
}

static void born(uint32_t id, uint32_t parent)
{
    assert_int_equal(lineage_birth(f.h, id, id, parent, true, f.now_ns), 0);
}

static void attached(uint32_t id, uint32_t parent)
{
    assert_int_equal(lineage_birth(f.h, id, id, parent, false, 0), 0);
}

/* CPU of its own and of its children, in ms. */
static void cpu(uint32_t id, uint64_t own, uint64_t children)
{
    lineage_put(f.h, id,
                &(struct lineage_sample){.cpu_known = true,
                                         .cpu_ns = own * MS,
                                         .handed_known = true,
                                         .handed_ns = children * MS});
}

static void recorder(uint64_t reaped)
{
    lineage_put(f.h, LINEAGE_RECORDER,
                &(struct lineage_sample){.handed_known = true, .handed_ns = reaped * MS});
}

static void io(uint32_t id, uint64_t bytes)
{
    struct lineage_sample s = {.io_known = true, .io_mask = 1u << LINEAGE_READ_BYTES};
    s.io[LINEAGE_READ_BYTES] = bytes;
    lineage_put(f.h, id, &s);
}

static void moved(uint32_t id, uint32_t parent_pid)
{
    lineage_put(f.h, id, &(struct lineage_sample){.parent_pid = parent_pid});
}

static void ended(uint32_t id)
{
    lineage_end(f.h, id);
}

/* Total in ms; ends the recording. */
static uint64_t total(void)
{
    assert_int_equal(lineage_finish(f.h), 0);
    return f.total[LINEAGE_CPU] / MS;
}

static uint64_t unpaid(void)
{
    return lineage_unpaid_ns(f.h) / MS;
}

static int end(void **state)
{
    lineage_free(f.h);
    f.h = NULL;
    return 0;
}

/* ---- */

static void adds_own_cpu(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID);
    tick(), recorder(0), cpu(1, 90, 0);
    tick(), recorder(0), cpu(1, 180, 0);
    tick(), recorder(200), ended(1);
    assert_int_equal(total(), 200); /* the last 20 ms are known from the recorder's rusage alone */
    assert_int_equal(f.unseen_ns / MS, 20);
    assert_int_equal(unpaid(), 0);
}

static void counts_children_that_were_never_seen(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID);
    /* 300 children of 10 ms each, five between two ticks; the shell itself uses 1 ms for each. */
    for (uint64_t i = 1; i <= 60; i++)
        tick(), recorder(0), cpu(1, 5 * i, 50 * i);
    tick(), recorder(3301), ended(1);
    assert_int_equal(total(), 3301);
    assert_int_equal(unpaid(), 0);
    for (size_t i = 0; i < 60; i++)
        assert_true(f.spread[i] <= 57.0 * MS); /* no spikes */
}

static void child_reaped_in_the_tick_in_which_it_ends(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID);
    tick(), recorder(0), cpu(1, 1, 0);
    born(2, 1);
    for (uint64_t i = 1; i <= 50; i++)
        tick(), recorder(0), cpu(1, 1, 0), cpu(2, 100 * i, 0);
    tick(), recorder(0), cpu(1, 2, 5030), ended(2);
    tick(), recorder(0), cpu(1, 2, 5030);
    tick(), recorder(5032), ended(1);
    assert_int_equal(total(), 5032);
    assert_int_equal(f.unseen_ns / MS, 30);
    for (size_t i = 0; i < SPREAD_MAX; i++)
        assert_true(f.spread[i] <= 101.0 * MS);
}

/* 3 is 2's child and 2 is 1's, but all are taken for children of 1. */
static void a_parent_that_is_only_presumed(void **state)
{
    begin(0);
    lineage_presume_parent(f.h, 1);
    born(1, 0), born(2, 1), born(3, 1);
    tick(), cpu(1, 10, 0), cpu(2, 20, 0), cpu(3, 500, 0), io(2, 100), io(3, 4000), io(1, 0);
    tick(), cpu(1, 10, 0), cpu(2, 30, 500), io(2, 4100), io(1, 0), ended(3);
    tick(), cpu(1, 10, 0), cpu(2, 30, 500), io(2, 4100), io(1, 0);
    tick(), cpu(1, 10, 530), io(1, 4100), ended(2);
    tick(), cpu(1, 20, 530), io(1, 4200);
    assert_int_equal(total(), 550);
    assert_int_equal(f.total[LINEAGE_READ_BYTES], 4200);
}

static void child_reaped_one_tick_later(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1);
    tick(), recorder(0), cpu(1, 1, 0), cpu(2, 1000, 0);
    tick(), recorder(0), cpu(1, 1, 0), ended(2);
    tick(), recorder(0), cpu(1, 2, 1000);
    tick(), recorder(0), cpu(1, 3, 1000);
    tick(), recorder(1003), ended(1);
    assert_int_equal(total(), 1003);
    assert_int_equal(unpaid(), 0);
}

/* The parent was sampled after it had reaped, the child's end is noticed at the next tick only. */
static void child_reaped_one_tick_earlier(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1);
    tick(), recorder(0), cpu(1, 1, 0), cpu(2, 1000, 0);
    tick(), recorder(0), cpu(1, 2, 1020), cpu(2, 1010, 0);
    tick(), recorder(0), cpu(1, 3, 1020), ended(2);
    tick(), recorder(1023), ended(1);
    assert_int_equal(total(), 1023);
    assert_int_equal(f.unseen_ns / MS, 10);
    assert_int_equal(unpaid(), 0);
}

static void zombie_reaped_much_later(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1), born(3, 1);
    tick(), recorder(0), cpu(1, 1, 0), cpu(2, 1000, 0), cpu(3, 500, 0);
    tick(), recorder(0), cpu(1, 2, 0), ended(2), ended(3);
    for (uint64_t i = 0; i < 20; i++)
        tick(), recorder(0), cpu(1, 10 + i, 10 * i); /* unseen children meanwhile */
    tick(), recorder(0), cpu(1, 31, 190 + 500);
    tick(), recorder(0), cpu(1, 32, 190 + 1510);
    tick(), recorder(1732), ended(1);
    assert_int_equal(total(), 32 + 190 + 1510);
    assert_int_equal(unpaid(), 0);
}

/* A parent that ignores SIGCHLD: the kernel hands nothing over, so the rusage lacks it. */
static void child_that_reaps_itself(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID);
    for (uint32_t child = 2; child < 12; child++) {
        born(child, 1);
        tick(), recorder(0), cpu(1, child, 0), cpu(child, 100, 0);
        tick(), recorder(0), cpu(1, child, 0), ended(child);
    }
    tick(), recorder(11), ended(1);
    tick(), recorder(11);
    assert_int_equal(total(), 11 + 10 * 100);
    assert_int_equal(unpaid(), 10 * 100);
}

static void many_small_children_that_reap_themselves(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID);
    for (uint32_t child = 2; child < 102; child++) {
        born(child, 1);
        tick(), recorder(0), cpu(1, child, 0), cpu(child, 10, 0), ended(child);
    }
    tick(), recorder(101), ended(1);
    tick(), recorder(101);
    assert_int_equal(total(), 101 + 100 * 10);
    /* What could be rounding is taken for it. */
    assert_in_range(unpaid(), 100 * 10 - 3 * 20, 100 * 10);
}

static void parent_and_child_end_together(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1), born(3, 2);
    tick(), recorder(0), cpu(1, 1, 0), cpu(2, 2, 0), cpu(3, 1000, 0);
    tick(), recorder(0), cpu(1, 2, 1020), ended(2), ended(3);
    tick(), recorder(0), cpu(1, 3, 1020);
    tick(), recorder(1023), ended(1);
    assert_int_equal(total(), 1023);
    assert_int_equal(unpaid(), 0);
}

/* Both killed at once; the orphan is reaped by the recorder, not by its grandparent. */
static void parent_and_child_are_killed_together(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1), born(3, 2);
    tick(), recorder(0), cpu(1, 1, 0), cpu(2, 50, 0), cpu(3, 1000, 0);
    tick(), recorder(1010), cpu(1, 2, 0), ended(2), ended(3);
    tick(), recorder(1010), cpu(1, 3, 50);
    tick(), recorder(1010), cpu(1, 4, 50);
    tick(), recorder(1064), ended(1);
    assert_int_equal(total(), 1064);
    assert_int_equal(unpaid(), 0);
}

/* The root is reaped by the recorder at once; that its child is gone is noticed by polling. */
static void childs_end_noticed_after_its_parents(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1);
    tick(), recorder(0), cpu(1, 1, 0), cpu(2, 5000, 0);
    tick(), recorder(5041), cpu(1, 1, 5030), ended(1);
    tick(), recorder(5041), ended(2);
    assert_int_equal(total(), 5041);
    assert_int_equal(unpaid(), 0);
}

static void parent_ends_first(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1), born(3, 2);
    tick(), recorder(0), cpu(1, 1, 0), cpu(2, 50, 0), cpu(3, 100, 0);
    tick(), recorder(0), cpu(1, 1, 50), cpu(3, 200, 0), moved(3, RECORDER_PID), ended(2);
    tick(), recorder(0), cpu(1, 2, 50), cpu(3, 300, 0);
    tick(), recorder(310), cpu(1, 3, 50), ended(3);
    tick(), recorder(310), cpu(1, 3, 50);
    tick(), recorder(363), ended(1);
    assert_int_equal(total(), 363);
    assert_int_equal(unpaid(), 0);
}

/* It slept through its parent's end, so that its new parent was never read. */
static void orphan_with_a_stale_parent(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1), born(3, 2);
    tick(), recorder(0), cpu(1, 1, 0), cpu(2, 50, 0), cpu(3, 100, 0);
    tick(), recorder(0), cpu(1, 1, 50), ended(2);
    tick(), recorder(0), cpu(1, 2, 50);
    tick(), recorder(100), cpu(1, 3, 50), ended(3);
    tick(), recorder(100), cpu(1, 3, 50);
    tick(), recorder(153), ended(1);
    assert_int_equal(total(), 153);
    assert_int_equal(unpaid(), 0);
}

static void attached_processes_count_from_their_first_sample(void **state)
{
    begin(0);
    attached(1, 42), attached(2, 1);
    tick(), cpu(1, 5000, 70000), cpu(2, 9000, 400);
    tick(), cpu(1, 5010, 70000), cpu(2, 9100, 400);
    born(3, 1);
    tick(), cpu(1, 5020, 70000), cpu(2, 9150, 410), cpu(3, 40, 0);
    /* 2 is handed over with all it used before we came; 410 ms were its children's. */
    tick(), cpu(1, 5030, 70000 + 9160 + 410), cpu(3, 90, 0), ended(2);
    tick(), cpu(1, 5040, 70000 + 9160 + 410 + 90), ended(3);
    tick(), ended(1);
    /* 40 of 1; 150 + 10 handed of 2, 10 after its last sample; 90 of 3. */
    assert_int_equal(total(), 40 + 150 + 10 + 10 + 90);
}

/* 15 ms show as 10 or 20: neither lost nor counted twice in the long run. */
static void roundings_do_not_add_up(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID);
    uint64_t true_ms = 0;
    tick(), recorder(0), cpu(1, 0, 0);
    for (uint32_t child = 2; child < 202; child++) {
        born(child, 1);
        tick(), recorder(0), cpu(1, 0, true_ms / 20 * 10 * 2), cpu(child, 15, 0);
        true_ms += 15;
        tick(), recorder(0), cpu(1, 0, true_ms / 20 * 10 * 2), ended(child);
    }
    tick(), cpu(1, 0, true_ms / 20 * 10 * 2);
    tick(), recorder(true_ms), ended(1);
    assert_in_range(total(), true_ms, true_ms + 20);
    assert_int_equal(unpaid(), 0);
}

static void io_of_children_is_in_the_parents(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID);
    tick(), cpu(1, 1, 0), io(1, 8000);
    born(2, 1);
    tick(), cpu(1, 1, 0), io(1, 8000), cpu(2, 1, 0), io(2, 20000000);
    tick(), cpu(1, 2, 0), io(1, 8100), cpu(2, 2, 0), io(2, 21000000);
    tick(), cpu(1, 3, 0), io(1, 8200 + 21500000), ended(2);
    tick(), cpu(1, 4, 0), io(1, 8300 + 21500000 + 700); /* 700 by a child never seen */
    tick(), ended(1);
    total();
    assert_int_equal(f.total[LINEAGE_READ_BYTES], 8300 + 21500000 + 700);
}

static void io_that_may_not_be_read_is_no_debt(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID), born(2, 1);
    tick(), cpu(1, 1, 0), cpu(2, 1, 0), io(2, 5000);
    tick(), cpu(1, 2, 0), ended(2);
    tick(), cpu(1, 3, 0), io(1, 100);
    tick(), ended(1);
    total();
    assert_int_equal(f.total[LINEAGE_READ_BYTES], 5100);
}

static void odd_input_is_left_out(void **state)
{
    begin(RECORDER_PID);
    born(1, RECORDER_PID);
    born(1, RECORDER_PID);
    tick(), cpu(1, 50, 20), cpu(7, 1000, 1000);
    tick(), cpu(1, 40, 10); /* falling counters */
    tick(), cpu(1, 60, 20);
    ended(7), ended(1), ended(1);
    tick(), cpu(1, 9000, 0);
    assert_int_equal(total(), 80);
    end(NULL);

    /* Parents in a ring. */
    begin(RECORDER_PID);
    born(1, 2), born(2, 1), born(3, 2);
    tick(), cpu(1, 1, 0), cpu(2, 2, 0), cpu(3, 3, 0);
    tick(), ended(1), ended(2);
    tick(), ended(3);
    assert_int_equal(total(), 6);
    end(NULL);

    begin(RECORDER_PID);
    born(1, 1); /* its own parent */
    tick(), lineage_put(f.h, 1,
                        &(struct lineage_sample){.cpu_known = true,
                                                 .cpu_ns = UINT64_MAX,
                                                 .handed_known = true,
                                                 .handed_ns = UINT64_MAX});
    tick(), ended(1);
    total();
}

/* ---- against a kernel in miniature ---- */

#define SIM_PROCESSES 4000
#define PROCESSORS 4

struct sim {
    uint32_t id, parent; /* 0: the recorder */
    bool alive, zombie, gone, known_dead, sampled, deaf /* ignores SIGCHLD */;
    uint64_t own, handed_user, handed_system; /* µs, exact */
    double user_share;
};

static struct sim sim[SIM_PROCESSES];
static uint32_t sim_count;
static uint64_t sim_true_us, sim_reaped_us;

static unsigned chance(unsigned of)
{
    return (unsigned)rand() % of;
}

static void sim_hand_over(struct sim *p)
{
    uint64_t user = p->handed_user + (uint64_t)((double)p->own * p->user_share);
    uint64_t system = p->own + p->handed_user + p->handed_system - user;
    if (p->parent == 0) {
        sim_reaped_us += user + system;
    } else {
        sim[p->parent].handed_user += user;
        sim[p->parent].handed_system += system;
    }
    p->zombie = false;
}

static void sim_exit(struct sim *p)
{
    p->alive = false;
    p->zombie = true;
    for (uint32_t i = 1; i < sim_count; i++)
        if (sim[i].parent == p->id && (sim[i].alive || sim[i].zombie)) {
            sim[i].parent = 0;
            if (sim[i].zombie)
                sim_hand_over(&sim[i]);
        }
    if (p->parent == 0)
        sim_hand_over(p);
    else if (sim[p->parent].deaf)
        p->zombie = false;
}

static uint32_t sim_fork(uint32_t parent)
{
    if (sim_count == SIM_PROCESSES)
        return 0;
    sim[sim_count] = (struct sim){.id = sim_count,
                                  .parent = parent,
                                  .alive = true,
                                  .deaf = chance(20) == 0,
                                  .user_share = chance(101) / 100.0};
    return sim_count++;
}

/* One of a handful of things, at a random moment between two ticks. */
static void sim_step(uint64_t us)
{
    uint32_t running[SIM_PROCESSES], n = 0;
    for (uint32_t i = 1; i < sim_count; i++)
        if (sim[i].alive)
            running[n++] = i;
    for (uint32_t i = 0; i < PROCESSORS && n > 0; i++) {
        struct sim *p = &sim[running[(running[0] + i + chance(2)) % n]];
        uint64_t used = chance((unsigned)us + 1);
        p->own += used;
        sim_true_us += used;
    }
    for (uint32_t i = 1; i < sim_count; i++) {
        struct sim *p = &sim[i];
        if (p->alive && chance(12) == 0 && n < 30)
            sim_fork(p->id);
        if (p->alive && i > 1 && chance(30) == 0)
            sim_exit(p);
        if (p->zombie && chance(4) == 0)
            sim_hand_over(p);
    }
}

static void sim_sample(struct sim *p, uint32_t recorder_pid)
{
    if (!p->sampled)
        lineage_birth(f.h, p->id, p->id, p->parent == 0 ? recorder_pid : p->parent, true,
                      f.now_ns - TICK);
    p->sampled = true;
    struct lineage_sample s = {.cpu_known = true,
                               .cpu_ns = p->own * 1000,
                               .handed_known = true,
                               .handed_ns =
                                   (p->handed_user / 10000 + p->handed_system / 10000) * 10 * MS,
                               .parent_pid = p->parent == 0 ? recorder_pid : p->parent};
    lineage_put(f.h, p->id, &s);
}

/*
 * When an end is noticed: as soon as it is gone; one tick later unless it is the recorder's own
 * child, as polling does; already when it is a zombie, as event sources do.
 */
enum noticing { AT_ONCE, LATE, EARLY, NOTICINGS };

static void sim_tick(enum noticing noticing)
{
    for (int step = 0; step < 5; step++)
        sim_step(TICK / 1000 / 5);
    tick();
    lineage_put(f.h, LINEAGE_RECORDER,
                &(struct lineage_sample){.handed_known = true, .handed_ns = sim_reaped_us * 1000});
    for (uint32_t i = 1; i < sim_count; i++) {
        struct sim *p = &sim[i];
        bool gone = !p->alive && (!p->zombie || noticing == EARLY);
        bool noticed = gone && (p->gone || noticing != LATE || p->parent == 0);
        p->gone = gone;
        if (!gone)
            sim_sample(p, RECORDER_PID);
        else if (noticed && p->sampled && !p->known_dead) {
            p->known_dead = true;
            ended(i);
        }
    }
}

static void sim_run(unsigned seed, enum noticing noticing)
{
    srand(seed);
    begin(RECORDER_PID);
    sim_count = 1;
    sim_true_us = sim_reaped_us = 0;
    sim_fork(0);
    sim[1].deaf = false;
    for (int t = 0; t < 400; t++) {
        sim_tick(noticing);
        /* At every moment. Missing may be what waits, is still a zombie, or reaped itself. */
        double now = (double)f.total[LINEAGE_CPU] / 1e3, truth = (double)sim_true_us;
        assert_true(now > 0.98 * truth - 0.6e6 && now < truth + 0.1e6);
    }
    for (uint32_t i = 2; i < sim_count; i++)
        if (sim[i].alive)
            sim_exit(&sim[i]);
    for (uint32_t i = 2; i < sim_count; i++)
        if (sim[i].zombie)
            sim_hand_over(&sim[i]);
    sim_exit(&sim[1]);
    for (int t = 0; t < 3; t++) {
        tick();
        lineage_put(
            f.h, LINEAGE_RECORDER,
            &(struct lineage_sample){.handed_known = true, .handed_ns = sim_reaped_us * 1000});
        for (uint32_t i = 1; t == 0 && i < sim_count; i++)
            if (sim[i].sampled && !sim[i].known_dead)
                ended(i);
    }
    double t_end = (double)total() / 1e3, truth = (double)sim_true_us / 1e6;
    double exact = (double)(sim_reaped_us / 1000 + unpaid()) / 1e3;
    assert_true(t_end > 0.98 * truth && t_end < 1.02 * truth);
    assert_true(exact > 0.98 * truth && exact < 1.02 * truth);
    end(NULL);
}

static void agrees_with_a_small_kernel(void **state)
{
    for (unsigned seed = 1; seed <= 30; seed++)
        sim_run(seed, seed % NOTICINGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(adds_own_cpu, end),
        cmocka_unit_test_teardown(counts_children_that_were_never_seen, end),
        cmocka_unit_test_teardown(child_reaped_in_the_tick_in_which_it_ends, end),
        cmocka_unit_test_teardown(child_reaped_one_tick_later, end),
        cmocka_unit_test_teardown(child_reaped_one_tick_earlier, end),
        cmocka_unit_test_teardown(zombie_reaped_much_later, end),
        cmocka_unit_test_teardown(child_that_reaps_itself, end),
        cmocka_unit_test_teardown(many_small_children_that_reap_themselves, end),
        cmocka_unit_test_teardown(parent_and_child_end_together, end),
        cmocka_unit_test_teardown(parent_and_child_are_killed_together, end),
        cmocka_unit_test_teardown(childs_end_noticed_after_its_parents, end),
        cmocka_unit_test_teardown(parent_ends_first, end),
        cmocka_unit_test_teardown(orphan_with_a_stale_parent, end),
        cmocka_unit_test_teardown(attached_processes_count_from_their_first_sample, end),
        cmocka_unit_test_teardown(roundings_do_not_add_up, end),
        cmocka_unit_test_teardown(io_of_children_is_in_the_parents, end),
        cmocka_unit_test_teardown(io_that_may_not_be_read_is_no_debt, end),
        cmocka_unit_test_teardown(a_parent_that_is_only_presumed, end),
        cmocka_unit_test_teardown(odd_input_is_left_out, end),
        cmocka_unit_test_teardown(agrees_with_a_small_kernel, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
