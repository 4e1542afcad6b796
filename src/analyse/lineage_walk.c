#include "analyse/lineage_walk.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool target_is(const struct tacho_recording *rec, const char *target)
{
    const char *is = tacho_fact_text(rec, "target", NULL);
    return is != NULL && strcmp(is, target) == 0;
}

static int compare_ends(const void *a, const void *b)
{
    const struct lineage_end *left = a, *right = b;
    return (left->end_ns > right->end_ns) - (left->end_ns < right->end_ns);
}

static int collect_ends(struct lineage_walk *walk)
{
    size_t n = tacho_process_count(walk->rec);
    walk->ends = malloc((n + 1) * sizeof *walk->ends);
    if (walk->ends == NULL)
        return -ENOMEM;
    bool sorted = true;
    for (size_t i = 0; i < n; i++) {
        const struct tacho_process *p = tacho_process(walk->rec, i);
        if ((p->flags & TACHO_PROCESS_ENDED) == 0 || p->end_ns == TACHO_TIME_UNKNOWN)
            continue;
        struct lineage_end *end = &walk->ends[walk->end_count++];
        *end = (struct lineage_end){p->end_ns, p->entity};
        sorted &= walk->end_count == 1 || end[-1].end_ns <= end->end_ns;
    }
    if (!sorted)
        qsort(walk->ends, walk->end_count, sizeof *walk->ends, compare_ends);
    return 0;
}

static bool account_has(const struct tacho_process *p, uint64_t fields)
{
    return (p->account.known & fields) == fields;
}

static bool is_all_told(const struct tacho_recording *rec)
{
    const char *follow = tacho_fact_text(rec, "follow", NULL);
    uint64_t missed = 0;
    size_t n = tacho_process_count(rec);
    tacho_fact_number(rec, "follow_missed", &missed);
    /* Of processes that are told as they come nobody knows it beforehand. */
    if (follow == NULL || strcmp(follow, "bpf") != 0 || missed > 0 || n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct tacho_process *p = tacho_process(rec, i);
        if ((p->flags & TACHO_PROCESS_ENDED) != 0 && !account_has(p, TACHO_ACCOUNT_CPU))
            return false;
    }
    return true;
}

static void pass_on(void *user, const struct lineage_growth *growth)
{
    const struct lineage_walk *walk = user;
    if (!growth->unseen || !walk->all_told)
        walk->listener.grown(walk->listener.user, growth);
}

int lineage_walk_open(struct lineage_walk *walk, struct tacho_recording *rec, uint64_t started_ns,
                      const struct lineage_listener *listener)
{
    uint64_t recorder_pid = 0;
    *walk = (struct lineage_walk){.rec = rec, .started_ns = started_ns, .listener = *listener};
    positions_find(rec, TACHO_PROCESS, &walk->process);
    positions_find(rec, TACHO_TREE, &walk->tree);
    if (walk->tree.at[TREE_REAPED_USER] >= 0 && target_is(rec, "launch"))
        tacho_fact_number(rec, "recorder_pid", &recorder_pid);
    /*
     * A log does not say whose child a process is. Those that write into one log are most often the
     * first one's; what it is handed at their ends would else count twice. Where it is known that nobody is
     * anybody's child, the fact says so.
     */
    uint64_t unrelated = 0;
    tacho_fact_number(rec, "unrelated", &unrelated);
    if (target_is(rec, "log") && unrelated == 0 && tacho_process_count(rec) > 1)
        walk->presumed_parent_pid = (uint32_t)tacho_process(rec, 0)->pid;
    walk->all_told = is_all_told(rec);
    walk->lineage = lineage_new((uint32_t)recorder_pid, pass_on, walk);
    if (walk->lineage != NULL)
        lineage_presume_parent(walk->lineage, walk->presumed_parent_pid);
    int r = walk->lineage == NULL ? -ENOMEM : collect_ends(walk);
    if (r != 0)
        lineage_walk_done(walk);
    return r;
}

void lineage_walk_done(struct lineage_walk *walk)
{
    lineage_free(walk->lineage);
    free(walk->ends);
    *walk = (struct lineage_walk){0};
}

/* ---- births and ends ---- */

int lineage_walk_born(struct lineage_walk *walk, const struct tacho_process *p)
{
    bool forked = (p->flags & TACHO_PROCESS_FORKED) != 0;
    uint64_t start_ns = p->start_ns < p->seen_ns ? p->start_ns : p->seen_ns;
    uint32_t pid = (uint32_t)p->pid, parent_pid = (uint32_t)p->parent_pid;
    if (parent_pid == 0 && pid != walk->presumed_parent_pid)
        parent_pid = walk->presumed_parent_pid;
    return lineage_birth(walk->lineage, p->entity, pid, parent_pid, forked, start_ns);
}

/* What the kernel said of a process at its end is its last sample. */
static void feed_account(struct lineage_walk *walk, const struct tacho_process *p)
{
    const struct tacho_account *a = &p->account;
    struct lineage_sample put = {
        .cpu_known = account_has(p, TACHO_ACCOUNT_CPU),
        .cpu_ns = a->cpu_ns,
        .handed_known = account_has(p, TACHO_ACCOUNT_CHILDREN),
        .handed_ns = sum(a->children_user_ns, a->children_system_ns),
        .io_known = account_has(p, TACHO_ACCOUNT_IO),
    };
    if (put.io_known) {
        const uint64_t io[] = {a->read_chars,  a->write_chars, a->read_count,
                               a->write_count, a->read_bytes,  a->write_bytes};
        memcpy(&put.io[LINEAGE_READ_CHARS], io, sizeof io);
        put.io_mask = ((1u << LINEAGE_COLUMNS) - 1) & ~(1u << LINEAGE_CPU);
    }
    if (walk->listener.told != NULL)
        walk->listener.told(walk->listener.user, p, &put);
    lineage_put(walk->lineage, p->entity, &put);
}

void lineage_walk_ended(struct lineage_walk *walk, const struct tacho_process *p)
{
    if ((p->flags & TACHO_PROCESS_ACCOUNT) != 0)
        feed_account(walk, p);
    lineage_end(walk->lineage, p->entity);
}

/* Births and ends up to `now_ns`, for the tick that begins. */
static int catch_up(struct lineage_walk *walk, uint64_t now_ns)
{
    for (size_t n = tacho_process_count(walk->rec); walk->next_birth < n; walk->next_birth++) {
        const struct tacho_process *p = tacho_process(walk->rec, walk->next_birth);
        if (p->seen_ns > now_ns)
            break;
        int r = lineage_walk_born(walk, p);
        if (r != 0)
            return r;
    }
    for (; walk->next_end < walk->end_count && walk->ends[walk->next_end].end_ns <= now_ns;
         walk->next_end++) {
        const struct tacho_process *p =
            tacho_process_of(walk->rec, walk->ends[walk->next_end].entity);
        if (p != NULL)
            lineage_walk_ended(walk, p);
    }
    return 0;
}

int lineage_walk_tick(struct lineage_walk *walk, uint64_t time_ns)
{
    walk->tick_ns = time_ns;
    int r = lineage_tick(walk->lineage, time_ns);
    return r != 0 ? r : catch_up(walk, time_ns);
}

/* ---- samples ---- */

int lineage_walk_seen(struct lineage_walk *walk, size_t place)
{
    return place >= walk->next_birth ? lineage_walk_born(walk, tacho_process(walk->rec, place)) : 0;
}

void lineage_walk_sample(struct lineage_walk *walk, const struct tacho_sample *sample,
                         struct lineage_sample *ret_put)
{
    const struct positions *p = &walk->process;
    struct lineage_sample put = {
        .idle = sample->idle,
        .cpu_known = sample_fresh(sample, p, PROCESS_CPU),
        .handed_known = sample_fresh(sample, p, PROCESS_CHILDREN_USER) &&
                        sample_fresh(sample, p, PROCESS_CHILDREN_SYSTEM),
    };
    if (put.cpu_known)
        put.cpu_ns = sample_value(sample, p, PROCESS_CPU);
    if (put.handed_known)
        put.handed_ns = sum(sample_value(sample, p, PROCESS_CHILDREN_USER),
                            sample_value(sample, p, PROCESS_CHILDREN_SYSTEM));
    if (sample_fresh(sample, p, PROCESS_PARENT_PID))
        put.parent_pid = (uint32_t)sample_value(sample, p, PROCESS_PARENT_PID);
    for (unsigned c = LINEAGE_READ_CHARS; c < LINEAGE_COLUMNS; c++) {
        unsigned metric = PROCESS_READ_CHARS + (c - LINEAGE_READ_CHARS);
        if (!sample_fresh(sample, p, metric))
            continue;
        put.io[c] = sample_value(sample, p, metric);
        put.io_mask |= 1u << c;
    }
    put.io_known = put.io_mask != 0;
    lineage_put(walk->lineage, sample->entity, &put);
    *ret_put = put;
}

int lineage_walk_process(struct lineage_walk *walk, size_t place, const struct tacho_sample *sample,
                         struct lineage_sample *ret_put)
{
    int r = lineage_walk_seen(walk, place);
    if (r == 0)
        lineage_walk_sample(walk, sample, ret_put);
    return r;
}

static void put_reaped(struct lineage_walk *walk, uint64_t user_ns, uint64_t system_ns)
{
    uint64_t base = sum(walk->base_user_ns, walk->base_system_ns), all = sum(user_ns, system_ns);
    lineage_put(
        walk->lineage, LINEAGE_RECORDER,
        &(struct lineage_sample){.handed_known = true, .handed_ns = all > base ? all - base : 0});
}

void lineage_walk_tree(struct lineage_walk *walk, const struct tacho_sample *sample)
{
    const struct positions *p = &walk->tree;
    if (!sample_fresh(sample, p, TREE_REAPED_USER) || !sample_fresh(sample, p, TREE_REAPED_SYSTEM))
        return;
    uint64_t user = sample_value(sample, p, TREE_REAPED_USER);
    uint64_t system = sample_value(sample, p, TREE_REAPED_SYSTEM);
    if (!walk->reaped_known) {
        walk->reaped_known = true;
        /* A recorder may have had children before it became one (exec keeps them). */
        bool at_start = sample->time_ns < walk->started_ns + NS_PER_S;
        walk->base_user_ns = at_start ? user : 0;
        walk->base_system_ns = at_start ? system : 0;
    }
    put_reaped(walk, user, system);
}

int lineage_walk_finish(struct lineage_walk *walk)
{
    uint64_t user, system, last_ns = tacho_last_ns(walk->rec);
    int r = lineage_tick(walk->lineage, last_ns > walk->tick_ns ? last_ns : walk->tick_ns);
    if (r == 0)
        r = catch_up(walk, UINT64_MAX);
    if (r != 0)
        return r;
    if (tacho_fact_number(walk->rec, "reaped_user_ns", &user) &&
        tacho_fact_number(walk->rec, "reaped_system_ns", &system))
        put_reaped(walk, user, system);
    return lineage_finish(walk->lineage);
}
