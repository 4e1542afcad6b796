#include "export/tree_pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

static void take_growth(void *user, const struct lineage_growth *growth)
{
    ((struct tree_pass *)user)->tick.grown[growth->column] += growth->amount;
}

int tree_pass_end_tick(struct tree_pass *pass)
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

int tree_pass_tick(struct tree_pass *pass, uint64_t time_ns)
{
    struct tree_tick *tick = &pass->tick;
    int r = tree_pass_end_tick(pass);
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
static void take_split(struct tree_pass *pass, size_t place, bool forked,
                       const struct tacho_sample *sample)
{
    if (!sample_fresh(sample, &pass->process, PROCESS_USER) ||
        !sample_fresh(sample, &pass->process, PROCESS_SYSTEM))
        return;
    struct tree_split *last = &pass->split[place];
    struct tree_split now = {sample_value(sample, &pass->process, PROCESS_USER),
                             sample_value(sample, &pass->process, PROCESS_SYSTEM), true};
    if ((last->known || forked) && now.user_ns >= last->user_ns &&
        now.system_ns >= last->system_ns) {
        pass->user_ns += now.user_ns - last->user_ns;
        pass->system_ns += now.system_ns - last->system_ns;
    }
    *last = now;
}

static void take_values(struct tree_pass *pass, const struct tacho_sample *sample)
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

int tree_pass_process(struct tree_pass *pass, size_t place, bool forked,
                      const struct tacho_sample *sample)
{
    struct lineage_sample put;
    lineage_walk_sample(&pass->lineage, sample, &put);
    take_split(pass, place, forked, sample);
    if (sample_known(sample, &pass->process, PROCESS_STATE) &&
        sample_value(sample, &pass->process, PROCESS_STATE) == 'Z')
        return 0;
    /* A log tells of one process at a time: the others are as they were. */
    pass->tick.processes++;
    take_values(pass, sample);
    if (pass->listener->process == NULL || (sample->fresh == 0 && !sample->idle))
        return 0;
    return pass->listener->process(pass->listener->user, place, sample);
}

static void take_machine(struct tree_pass *pass, const struct tacho_sample *sample)
{
    for (unsigned m = 0; m < MACHINE_METRICS; m++) {
        if (!sample_known(sample, &pass->machine, m))
            continue;
        pass->tick.machine_known |= UINT64_C(1) << m;
        pass->tick.machine[m] = sample_value(sample, &pass->machine, m);
    }
}

/* Those that are sampled at one tick are added up; until then their last sum holds. */
static void take_disk(struct tree_pass *pass, const struct tacho_sample *sample)
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

/* What is missing now is not known any more. */
static void take_gpu(struct tree_pass *pass, const struct tacho_sample *sample)
{
    struct tree_gpu *gpu = pass->gpus, *end = gpu + pass->tick.gpus;
    while (gpu < end && gpu->entity != sample->entity)
        gpu++;
    if (gpu == end)
        return;
    gpu->known = 0;
    for (unsigned m = 0; m < GPU_METRICS; m++) {
        if (!sample_known(sample, &pass->gpu, m))
            continue;
        gpu->known |= UINT64_C(1) << m;
        gpu->value[m] = sample_value(sample, &pass->gpu, m);
    }
}

void tree_pass_other(struct tree_pass *pass, const struct tacho_sample *sample)
{
    switch (sample->kind) {
    case TACHO_TREE: lineage_walk_tree(&pass->lineage, sample); break;
    case TACHO_MACHINE: take_machine(pass, sample); break;
    case TACHO_DISK: take_disk(pass, sample); break;
    case TACHO_GPU: take_gpu(pass, sample); break;
    default: break;
    }
}

static int reserve(struct tree_pass *pass, size_t place)
{
    if (place < pass->places)
        return 0;
    size_t places = place < 32 ? 64 : 2 * place;
    struct tree_split *grown = reallocarray(pass->split, places, sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    pass->split = grown;
    pass->places = places;
    return 0;
}

int tree_pass_born(struct tree_pass *pass, size_t place, const struct tacho_process *process)
{
    int r = reserve(pass, place);
    if (r < 0)
        return r;
    pass->split[place] = (struct tree_split){0};
    return pass->listener->born == NULL
               ? 0
               : pass->listener->born(pass->listener->user, place, process);
}

/* All that the recording has from its beginning to its end. */
static void find_gpus(struct tree_pass *pass)
{
    const struct tacho_recording *rec = pass->export->rec;
    struct tree_tick *tick = &pass->tick;
    positions_find(rec, TACHO_GPU, &pass->gpu);
    for (size_t i = 0; i < tacho_entity_count(rec) && tick->gpus < TREE_GPUS_MAX; i++) {
        const struct tacho_entity *e = tacho_entity(rec, i);
        if (e->kind != TACHO_GPU)
            continue;
        struct text t = text_of(e->name, strlen(e->name));
        uint64_t number;
        bool named = text_take_u64(&t, &number) && t.at == t.end;
        pass->gpus[tick->gpus] =
            (struct tree_gpu){.entity = e->id, .number = named ? number : tick->gpus};
        tick->gpus++;
    }
    tick->gpu = pass->gpus;
}

int tree_pass_open(struct tree_pass *pass, struct export *export,
                   const struct tree_listener *listener)
{
    *pass = (struct tree_pass){.export = export, .listener = listener};
    positions_find(export->rec, TACHO_PROCESS, &pass->process);
    positions_find(export->rec, TACHO_MACHINE, &pass->machine);
    positions_find(export->rec, TACHO_DISK, &pass->disk);
    find_gpus(pass);
    return lineage_walk_open(&pass->lineage, export->rec, export->start_ns,
                             &(struct lineage_listener){take_growth, NULL, pass});
}

int tree_pass_finish(struct tree_pass *pass)
{
    int r = lineage_walk_finish(&pass->lineage);
    return r == 0 ? tree_pass_end_tick(pass) : r;
}

void tree_pass_done(struct tree_pass *pass)
{
    lineage_walk_done(&pass->lineage);
    free(pass->split);
    pass->split = NULL;
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
