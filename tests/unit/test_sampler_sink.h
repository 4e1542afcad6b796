/*
 * For the tests of the sampler: a sink that keeps what it is given and holds the sampler to its
 * promises, times that are told, and a sum that is checked at every tick.
 */
#ifndef TACHO_TEST_SAMPLER_SINK_H
#define TACHO_TEST_SAMPLER_SINK_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "sample/sampler.h"
#include "test_source_child.h"

#define BIT(metric) (UINT64_C(1) << (metric))
#define GROUP(group) (UINT32_C(1) << (group))
#define MIB (UINT64_C(1) << 20)
#define INTERVAL_NS (100 * NS_PER_MS)
#define PATIENCE_S 30 /* for what happens at once */

/* ---- the sink ---- */

struct put {
    unsigned tick, kind;
    uint32_t entity, groups;
    bool idle;
    uint64_t value[METRICS_MAX], known;
};

/* What is known of an entity from all its puts, as a reader would have it. */
struct entity {
    unsigned kind, last_tick;
    bool announced, added, removed, ended;
    uint64_t value[METRICS_MAX], known;
};

#define ENTITIES_MAX 1024
#define PUTS_MAX 16384

static struct buffer journal;
static struct entity entities[ENTITIES_MAX]; /* by id */
static struct put *kept;                     /* all puts */
static size_t put_count;
static unsigned ticks; /* counts from 1 */
static bool in_tick;

static inline void on_record(void *user, const struct record *record)
{
    record_put(&journal, record);
    uint64_t id = record->type == RECORD_BIRTH    ? record->birth.entity
                  : record->type == RECORD_ENTITY ? record->entity.entity
                                                  : 0;
    assert_true(id < ENTITIES_MAX);
    if (id != 0) {
        assert_false(entities[id].announced);
        entities[id].announced = true;
    }
    if (record->type == RECORD_EXIT) {
        assert_true(entities[record->exit.entity].announced);
        assert_false(entities[record->exit.entity].ended); /* nobody ends twice */
        entities[record->exit.entity].ended = true;
    }
}

static inline void *on_add(void *user, uint32_t entity, unsigned kind)
{
    assert_true(entity < ENTITIES_MAX && !entities[entity].added);
    entities[entity].added = true;
    entities[entity].kind = kind;
    return &entities[entity];
}

static inline void on_remove(void *user, void *handle, unsigned kind)
{
    struct entity *e = handle;
    assert_int_equal(e->kind, kind);
    assert_false(e->removed);
    e->removed = true;
}

static inline void on_tick(void *user, uint64_t now_ns)
{
    assert_false(in_tick);
    in_tick = true;
    ticks++;
}

static inline void on_put(void *user, void *handle, unsigned kind, uint32_t groups, bool idle,
                          const uint64_t *value, uint64_t known)
{
    struct entity *e = handle;
    const struct kind_info *info = kind_info(kind);
    assert_true(in_tick && e->announced && !e->removed && put_count < PUTS_MAX);
    assert_int_equal(e->kind, kind);
    assert_true(e->last_tick < ticks); /* once a tick */
    assert_int_equal(groups >> info->group_count, 0);
    e->last_tick = ticks;
    struct put *p = &kept[put_count++];
    *p = (struct put){ticks, kind, (uint32_t)(e - entities), groups, idle, {0}, 0};
    for (unsigned m = 0; m < info->metric_count; m++) {
        if ((groups >> info->metrics[m].group & 1) == 0)
            continue;
        e->known &= ~BIT(m);
        e->value[m] = 0;
        if ((known & BIT(m)) == 0)
            continue;
        if ((e->known & BIT(m)) != 0 && info->metrics[m].cumulative)
            assert_true(value[m] >= e->value[m]);
        p->value[m] = e->value[m] = value[m];
        p->known |= BIT(m);
        e->known |= BIT(m);
    }
}

/* The same, told in short. */
static inline void on_idle(void *user, void *handle, const uint64_t *value, uint64_t known)
{
    on_put(user, handle, ENTITY_PROCESS, GROUP(GROUP_CLOCK), true, value, known);
}

static inline void on_tick_end(void *user)
{
    assert_true(in_tick);
    in_tick = false;
}

static inline uint64_t on_bytes_written(void *user)
{
    return 4711;
}

static const struct sample_sink sink = {.record = on_record,
                                        .add = on_add,
                                        .remove = on_remove,
                                        .tick = on_tick,
                                        .put = on_put,
                                        .idle = on_idle,
                                        .tick_end = on_tick_end,
                                        .bytes_written = on_bytes_written};

/* ---- what was kept ---- */

/* The n-th record of a type (of an entity, where not 0). False when there are fewer. */
static inline bool record_of(uint64_t type, uint32_t entity, unsigned n, struct record *ret)
{
    struct cursor c = {journal.data, journal.data + journal.len, false};
    while (record_next(&c, ret) == 1) {
        uint64_t id = ret->type == RECORD_BIRTH  ? ret->birth.entity
                      : ret->type == RECORD_EXEC ? ret->exec.entity
                      : ret->type == RECORD_EXIT ? ret->exit.entity
                      : ret->type == RECORD_LOOK ? ret->look.entity
                                                 : 0;
        if (ret->type == type && (entity == 0 || id == entity) && n-- == 0)
            return true;
    }
    return false;
}

static inline unsigned count_records(uint64_t type, uint32_t entity)
{
    struct record r;
    unsigned n = 0;
    while (record_of(type, entity, n, &r))
        n++;
    return n;
}

static inline struct record only_record(uint64_t type, uint32_t entity)
{
    struct record r = {0};
    assert_int_equal(count_records(type, entity), 1);
    record_of(type, entity, 0, &r);
    return r;
}

/* The entity of a pid born only once; 0 for none. */
static inline uint32_t entity_of(pid_t pid)
{
    struct record r;
    uint32_t found = 0;
    for (unsigned n = 0; record_of(RECORD_BIRTH, 0, n, &r); n++) {
        if (r.birth.pid != (uint64_t)pid)
            continue;
        assert_int_equal(found, 0);
        found = (uint32_t)r.birth.entity;
    }
    return found;
}

/* What was put of a process at the last tick, or NULL. */
static inline const struct put *last_put(pid_t pid)
{
    uint32_t entity = entity_of(pid);
    assert_int_not_equal(entity, 0);
    for (size_t i = put_count; i-- > 0 && kept[i].tick == ticks;)
        if (kept[i].entity == entity)
            return &kept[i];
    return NULL;
}

static inline uint64_t value_of(pid_t pid, unsigned metric)
{
    const struct entity *e = &entities[entity_of(pid)];
    assert_true((e->known & BIT(metric)) != 0);
    return e->value[metric];
}

static inline const struct entity *only_entity(unsigned kind)
{
    const struct entity *found = NULL;
    for (size_t i = 0; i < ENTITIES_MAX; i++) {
        if (!entities[i].added || entities[i].kind != kind)
            continue;
        assert_null(found);
        found = &entities[i];
    }
    assert_non_null(found);
    return found;
}

static inline bool span_is(struct span span, const void *bytes, size_t n)
{
    return span.n == n && memcmp(span.bytes, bytes, n) == 0;
}

static inline bool fact_number(const char *key, uint64_t *ret)
{
    struct record r;
    bool found = false;
    for (unsigned n = 0; record_of(RECORD_FACT, 0, n, &r); n++) {
        if (!span_is(r.fact.key, key, strlen(key)) || r.fact.type != FACT_NUMBER)
            continue;
        *ret = r.fact.number;
        found = true;
    }
    return found;
}

/* How often values of a group were missing for that reason, as last told. */
static inline uint64_t missing_of(unsigned group, int error)
{
    struct record r;
    uint64_t count = 0;
    for (unsigned n = 0; record_of(RECORD_MISSING, 0, n, &r); n++) {
        if (r.missing.kind != ENTITY_PROCESS || r.missing.group != group ||
            r.missing.error != (uint64_t)error)
            continue;
        assert_true(r.missing.count > count);
        count = r.missing.count;
    }
    return count;
}

/* ---- every test ---- */

static struct source_root root;
static struct host_facts facts;
static struct sampler *sampler;
static uint64_t base_ns;

static inline int begin(void **state)
{
    memset(entities, 0, sizeof entities);
    kept = calloc(PUTS_MAX, sizeof *kept);
    put_count = 0;
    ticks = 0;
    in_tick = false;
    base_ns = 0;
    return kept == NULL || source_root_open(&root, "/") != 0 || host_facts_read(&root, &facts) != 0;
}

static inline int clean_up(void **state)
{
    sampler_free(sampler);
    sampler = NULL;
    host_facts_done(&facts);
    source_root_close(&root);
    buffer_done(&journal);
    free(kept);
    return 0;
}

static inline void start(bool processes, bool reaps, uint64_t descriptors)
{
    struct sampler_config config = {.root = &root,
                                    .facts = &facts,
                                    .sink = &sink,
                                    .interval_ns = INTERVAL_NS,
                                    .reaps = reaps,
                                    .processes = processes,
                                    .descriptors = descriptors};
    assert_int_equal(sampler_new(&config, &sampler), 0);
    base_ns = clock_mono_ns();
}

static inline void follow(const pid_t *pids, size_t n, bool launched)
{
    struct follow_config config = {.root = &root,
                                   .roots = pids,
                                   .root_count = n,
                                   .subreaper = launched ? getpid() : 0,
                                   .launched = launched,
                                   .recorder = getpid()};
    struct follow_reason why;
    assert_int_equal(sampler_follow(sampler, follow_mechanisms, &follow_poll, &config, &why), 0);
}

static inline void follow_child(const struct child *child)
{
    start(true, false, 1000);
    follow(&child->pid, 1, false);
}

/* The tree is the sum of what is known of those that live. */
static inline void assert_tree(void)
{
    static const struct {
        unsigned tree, process;
    } sums[] = {{TREE_THREADS, PROCESS_THREADS},
                {TREE_RSS, PROCESS_RSS},
                {TREE_PSS, PROCESS_PSS},
                {TREE_SWAP, PROCESS_SWAP},
                {TREE_FDS, PROCESS_FDS},
                {TREE_TCP_ESTABLISHED, PROCESS_TCP_ESTABLISHED},
                {TREE_TCP_LISTENING, PROCESS_TCP_LISTENING}};
    const struct entity *tree = only_entity(ENTITY_TREE);
    uint64_t processes = 0, sum[METRICS_MAX] = {0}, known = 0;
    assert_int_equal(tree->last_tick, ticks);
    for (size_t i = 0; i < ENTITIES_MAX; i++) {
        const struct entity *e = &entities[i];
        if (e->kind != ENTITY_PROCESS || e->ended || e->value[PROCESS_STATE] == 'Z')
            continue;
        assert_int_equal(e->last_tick, ticks);
        processes++;
        known |= e->known;
        for (unsigned m = 0; m < PROCESS_METRICS; m++)
            sum[m] += e->value[m];
        sum[PROCESS_THREADS] += (e->known & BIT(PROCESS_THREADS)) == 0;
    }
    assert_int_equal(tree->value[TREE_PROCESSES], processes);
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        if ((known & BIT(sums[i].process)) != 0)
            assert_true((tree->known & BIT(sums[i].tree)) != 0);
        if ((tree->known & BIT(sums[i].tree)) != 0)
            assert_int_equal(tree->value[sums[i].tree], sum[sums[i].process]);
    }
    assert_int_equal(sampler_alive(sampler), processes);
}

/* A tick so many milliseconds after the first. */
static inline void tick_at(uint64_t ms)
{
    sampler_tick(sampler, base_ns + ms * NS_PER_MS, 0, 0);
    assert_false(in_tick);
    for (size_t i = 0; i < ENTITIES_MAX; i++)
        if (entities[i].kind == ENTITY_TREE)
            assert_tree();
}

/* Runs `body` where it may ruin the process: it ends with the body's failed assertion. */
static inline void in_child(void (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* Until the process sleeps: then its CPU clock stands still. */
static inline void await_asleep(pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    do {
        assert_true(clock_mono_ns() < until);
        assert_int_equal(proc_stat_read(&root, &files, &stat), 0);
    } while (stat.value[STAT_STATE] != 'S' && usleep(100) == 0);
}

static inline void go_and_await(struct child *child)
{
    child_go(child);
    await_asleep(child->pid);
}

static inline void burn_ms(uint64_t ms)
{
    uint64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ms * NS_PER_MS;
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
        ;
}

/* ---- bodies of children ---- */

/* A child's child that burns and then sleeps as long as its parent lives. */
static inline pid_t fork_sleeper(uint64_t burnt_ms)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    burn_ms(burnt_ms);
    while (getppid() == parent)
        pause();
    _exit(0);
}

static inline void waits(struct child *child)
{
    for (;;)
        child_step(child);
}

/* Burns 20 ms a step, or as many as it is told. */
static inline void burns(struct child *child)
{
    for (;;) {
        child_step(child);
        burn_ms(child->number[0] != 0 ? (uint64_t)child->number[0] : 20);
    }
}

#endif
