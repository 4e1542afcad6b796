#include "export/tree_ticks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/lineage_walk.h"
#include "export/entity_map.h"

struct split {
    uint64_t user_ns, system_ns;
    bool known;
};

struct pass {
    struct export *export;
    const struct tree_listener *listener;
    struct lineage_walk lineage;
    struct positions process, machine, disk;
    struct entity_map places;
    struct split *split; /* by place: when it was last known */
    uint64_t user_ns, system_ns;
    struct tree_tick tick;
    uint64_t disks_ns; /* when they were last sampled */
    bool in_tick;
};

static void take_growth(void *user, const struct lineage_growth *growth)
{
    ((struct pass *)user)->tick.grown[growth->column] += growth->amount;
}

static int end_tick(struct pass *pass)
{
    struct tree_tick *tick = &pass->tick;
    if (!pass->in_tick)
        return 0;
    pass->in_tick = false;
    double parts = (double)pass->user_ns + (double)pass->system_ns;
    double share = parts > 0 ? (double)pass->user_ns / parts : 1;
    tick->user_ns = (uint64_t)((double)tick->grown[LINEAGE_CPU] * share);
    tick->system_ns = tick->grown[LINEAGE_CPU] - tick->user_ns;
    return pass->listener->tick == NULL ? 0 : pass->listener->tick(pass->listener->user, tick);
}

static int begin_tick(struct pass *pass, uint64_t time_ns)
{
    struct tree_tick *tick = &pass->tick;
    int r = end_tick(pass);
    if (r < 0)
        return r;
    tick->time_ns = time_ns;
    export_is_at(pass->export, time_ns);
    pass->in_tick = true;
    tick->processes = 0;
    tick->known = tick->packages = 0;
    memset(tick->sum, 0, sizeof tick->sum);
    memset(tick->most, 0, sizeof tick->most);
    return lineage_walk_tick(&pass->lineage, time_ns);
}

/* What the parts grew by; all of it of a process that began while it was recorded. */
static void take_split(struct pass *pass, size_t place, const struct tacho_sample *sample)
{
    if (!sample_fresh(sample, &pass->process, PROCESS_USER) ||
        !sample_fresh(sample, &pass->process, PROCESS_SYSTEM))
        return;
    struct split *last = &pass->split[place];
    struct split now = {sample_value(sample, &pass->process, PROCESS_USER),
                        sample_value(sample, &pass->process, PROCESS_SYSTEM), true};
    bool forked = (tacho_process(pass->export->rec, place)->flags & TACHO_PROCESS_FORKED) != 0;
    if ((last->known || forked) && now.user_ns >= last->user_ns &&
        now.system_ns >= last->system_ns) {
        pass->user_ns += now.user_ns - last->user_ns;
        pass->system_ns += now.system_ns - last->system_ns;
    }
    *last = now;
}

static void take_values(struct pass *pass, const struct tacho_sample *sample)
{
    struct tree_tick *tick = &pass->tick;
    for (uint64_t left = sample->known; left != 0; left &= left - 1) {
        unsigned m = pass->process.back[__builtin_ctzll(left)];
        if (m >= PROCESS_METRICS)
            continue;
        uint64_t value = sample->value[__builtin_ctzll(left)];
        tick->known |= UINT64_C(1) << m;
        tick->sum[m] += value;
        if (value > tick->most[m])
            tick->most[m] = value;
    }
    if (sample_known(sample, &pass->process, PROCESS_PACKAGE_MASK))
        tick->packages |= sample_value(sample, &pass->process, PROCESS_PACKAGE_MASK);
}

static int take_process(struct pass *pass, const struct tacho_sample *sample)
{
    const uint64_t *place = entity_map_get(&pass->places, sample->entity);
    struct lineage_sample put;
    if (place == NULL)
        return 0; /* samples of something without a birth: lost with a block */
    int r = lineage_walk_process(&pass->lineage, (size_t)*place, sample, &put);
    if (r < 0)
        return r;
    take_split(pass, (size_t)*place, sample);
    if (sample_known(sample, &pass->process, PROCESS_STATE) &&
        sample_value(sample, &pass->process, PROCESS_STATE) == 'Z')
        return 0;
    /* A log tells of one process at a time: the others are as they were. */
    pass->tick.processes++;
    take_values(pass, sample);
    if (pass->listener->process == NULL || (sample->fresh == 0 && !sample->idle))
        return 0;
    return pass->listener->process(pass->listener->user, (size_t)*place, sample);
}

static void take_machine(struct pass *pass, const struct tacho_sample *sample)
{
    for (unsigned m = 0; m < MACHINE_METRICS; m++) {
        if (!sample_known(sample, &pass->machine, m))
            continue;
        pass->tick.machine_known |= UINT64_C(1) << m;
        pass->tick.machine[m] = sample_value(sample, &pass->machine, m);
    }
}

/* Those that are sampled at one tick are added up; until then their last sum holds. */
static void take_disk(struct pass *pass, const struct tacho_sample *sample)
{
    if (pass->disks_ns != sample->time_ns) {
        pass->disks_ns = sample->time_ns;
        memset(pass->tick.disks, 0, sizeof pass->tick.disks);
    }
    for (unsigned m = 0; m < DISK_METRICS; m++) {
        if (!sample_known(sample, &pass->disk, m))
            continue;
        pass->tick.disks_known |= UINT64_C(1) << m;
        pass->tick.disks[m] += sample_value(sample, &pass->disk, m);
    }
}

static int take_sample(struct pass *pass, const struct tacho_sample *sample)
{
    int r = 0;
    if (!pass->in_tick || sample->time_ns != pass->tick.time_ns)
        r = begin_tick(pass, sample->time_ns);
    if (r < 0)
        return r;
    switch (sample->kind) {
    case TACHO_PROCESS: return take_process(pass, sample);
    case TACHO_TREE: lineage_walk_tree(&pass->lineage, sample); return 0;
    case TACHO_MACHINE: take_machine(pass, sample); return 0;
    case TACHO_DISK: take_disk(pass, sample); return 0;
    default: return 0;
    }
}

/* The last tick waits for what is told at the end. */
static int walk_samples(struct pass *pass)
{
    const unsigned kinds =
        1u << TACHO_PROCESS | 1u << TACHO_TREE | 1u << TACHO_MACHINE | 1u << TACHO_DISK;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    int read, r = tacho_walk_open(pass->export->rec, 0, UINT64_MAX, kinds, &walk);
    if (r < 0)
        return r;
    while (r == 0 && (read = tacho_walk_next(walk, &sample)) != 0)
        r = read < 0 ? read : take_sample(pass, &sample);
    tacho_walk_close(walk);
    if (r == 0)
        r = lineage_walk_finish(&pass->lineage);
    return r == 0 ? end_tick(pass) : r;
}

static int prepare(struct pass *pass)
{
    const struct tacho_recording *rec = pass->export->rec;
    size_t n = tacho_process_count(rec);
    positions_find(rec, TACHO_PROCESS, &pass->process);
    positions_find(rec, TACHO_MACHINE, &pass->machine);
    positions_find(rec, TACHO_DISK, &pass->disk);
    pass->split = calloc(n + 1, sizeof *pass->split);
    if (pass->split == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (entity_map_put(&pass->places, tacho_process(rec, i)->entity, i) == -ENOMEM)
            return -ENOMEM;
    return 0;
}

int tree_ticks_run(struct export *export, const struct tree_listener *listener)
{
    struct pass pass = {.export = export, .listener = listener};
    const struct lineage_listener growth = {take_growth, NULL, &pass};
    int r = lineage_walk_open(&pass.lineage, export->rec, export->start_ns, &growth);
    if (r < 0)
        return r;
    r = prepare(&pass);
    if (r == 0)
        r = walk_samples(&pass);
    lineage_walk_done(&pass.lineage);
    entity_map_done(&pass.places);
    free(pass.split);
    return r;
}

bool tree_machine_busy(const struct tree_tick *before, const struct tree_tick *tick,
                       double *ret_share)
{
    static const unsigned modes[] = {MACHINE_USER, MACHINE_NICE,    MACHINE_SYSTEM,
                                     MACHINE_IRQ,  MACHINE_SOFTIRQ, MACHINE_GUEST,
                                     MACHINE_IDLE, MACHINE_IOWAIT,  MACHINE_STEAL};
    uint64_t busy = 0, all = 0;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        unsigned m = modes[i];
        if ((before->machine_known & tick->machine_known & UINT64_C(1) << m) == 0 ||
            tick->machine[m] < before->machine[m])
            return false;
        all += tick->machine[m] - before->machine[m];
        busy += m == MACHINE_IDLE || m == MACHINE_IOWAIT || m == MACHINE_STEAL
                    ? 0
                    : tick->machine[m] - before->machine[m];
    }
    *ret_share = all == 0 ? 0 : (double)busy / (double)all;
    return all > 0;
}
