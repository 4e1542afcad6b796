#include "sample/gpu_sampler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sample/sampler_state.h"

_Static_assert(GPU_PROCESSES == (int)GPU_FIELDS &&
                   GPU_ECC_UNCORRECTED == (int)GPU_FIELD_ECC_UNCORRECTED &&
                   GPU_ENERGY == (int)GPU_FIELD_ENERGY,
               "the catalogue's order is the source's");

#define BIT(metric) (UINT64_C(1) << (metric))
#define USE_METRICS (BIT(GPU_FIELDS) - 1 - GPU_SLOW_FIELDS)

struct recorded_gpu {
    void *handle; /* the sink's */
    uint64_t value[GPU_METRICS], known;
    bool lost;
};

struct gpu_sampler {
    struct gpu_thread *thread;
    uint64_t stale_ns;
    bool began, failed;
    unsigned count;
    struct recorded_gpu gpu[GPUS_MAX];
    uint64_t reading; /* how many there were */
    uint64_t read_ns; /* when the last was taken */
    bool held;        /* by recorded processes, at the last */
    bool stale;
    size_t left_out; /* told so far */
};

/* ---- beginning ---- */

static void tell_gpu(struct gpu_sampler *g, struct sampler *s, unsigned place)
{
    const struct gpu_facts *facts = gpu_thread_facts(g->thread, place);
    unsigned index = gpu_thread_index(g->thread, place);
    char name[16], key[32];
    snprintf(name, sizeof name, "%u", index);
    struct record r = {.type = RECORD_ENTITY,
                       .entity = {.entity = s->next_entity,
                                  .kind = ENTITY_GPU,
                                  .time_ns = clock_mono_ns(),
                                  .name = {(const uint8_t *)name, strlen(name)}}};
    s->sink.record(s->sink.user, &r);
    g->gpu[place].handle = s->sink.add(s->sink.user, s->next_entity++, ENTITY_GPU);
    snprintf(key, sizeof key, "gpu_%u_name", index);
    if (facts->name[0] != '\0')
        sink_fact_text(&s->sink, key, facts->name);
    snprintf(key, sizeof key, "gpu_%u_uuid", index);
    if (facts->uuid[0] != '\0')
        sink_fact_text(&s->sink, key, facts->uuid);
    snprintf(key, sizeof key, "gpu_%u_divided", index);
    if (facts->divided)
        sink_fact_number(&s->sink, key, 1);
}

/* Whether there are GPUs to sample by now. */
static bool begin(struct gpu_sampler *g, struct sampler *s)
{
    const char *why;
    if (g->began || g->failed)
        return g->began;
    int state = gpu_thread_wait(g->thread, 0, &why);
    if (state == -EAGAIN)
        return false;
    if (state != 0) {
        g->failed = true;
        if (state != -ENOENT) /* of a machine without the library there is nothing to say */
            sink_fact_text(&s->sink, "gpu_error", why);
        return false;
    }
    g->began = true;
    g->count = gpu_thread_count(g->thread);
    g->read_ns = clock_mono_ns();
    sink_fact_number(&s->sink, "gpus", g->count);
    sink_fact_text(&s->sink, "gpu_driver", gpu_thread_driver_version(g->thread));
    for (unsigned i = 0; i < g->count; i++)
        tell_gpu(g, s, i);
    return true;
}

/* ---- processes ---- */

static void set(struct process *p, unsigned metric, bool known, uint64_t value)
{
    uint64_t bit = BIT(metric);
    if (((p->known & bit) != 0) == known && (!known || p->value[metric] == value))
        return;
    p->known = known ? p->known | bit : p->known & ~bit;
    p->value[metric] = known ? value : 0;
    p->gpu.changed = true;
}

/* One that stands still is then looked at as well. */
static void say_if_changed(struct sampler *s, const struct process *p)
{
    if (p->gpu.changed)
        s->slots[p->slot].due_ns = 0;
}

/* The recorded process, NULL where it is none, or was not looked at yet. */
static struct process *holder(const struct sampler *s, const struct gpu_use *use)
{
    struct process *p = use->pid == 0 ? NULL : sampler_process(s, use->pid);
    return p == NULL || p->stage != STAGE_SAMPLED ? NULL : p;
}

static void add_use(const struct gpu_sampler *g, struct process *p, const struct gpu_use *use)
{
    if (p->gpu.reading != g->reading) {
        p->gpu.reading = g->reading;
        p->gpu.memory = p->gpu.utilization = 0;
        p->gpu.memory_known = true;
        p->gpu.utilization_known = false;
    }
    p->gpu.memory += use->memory_bytes;
    p->gpu.memory_known &= use->memory_known;
    p->gpu.utilization += use->utilization;
    p->gpu.utilization_known |= use->utilization_known;
}

/* Those that were on a GPU at the reading before, and are no more. */
static void take_leavers(struct gpu_sampler *g, struct sampler *s, bool whole, bool held)
{
    bool before = g->held;
    g->held = held;
    for (size_t i = 0; before && i < s->count; i++) {
        struct process *p = s->slots[i].pid == 0 ? NULL : s->slots[i].process;
        if (p == NULL || p->gpu.reading == 0 || p->gpu.reading == g->reading)
            continue;
        p->gpu.reading = 0;
        set(p, PROCESS_GPU_MEMORY, whole, 0);
        set(p, PROCESS_GPU_UTILIZATION, whole && (p->known & BIT(PROCESS_GPU_UTILIZATION)) != 0, 0);
        say_if_changed(s, p);
    }
}

/* What the recorded processes have of all GPUs, and of each. */
static void take_uses(struct gpu_sampler *g, struct sampler *s, const struct gpu_snapshot *now)
{
    bool whole = true, held = false;
    for (unsigned i = 0; i < g->count; i++) {
        int error = now->uses_error[i];
        whole &= error == 0 || error == -ENOTSUP || error == -ENODEV;
        g->gpu[i].value[GPU_TARGET_MEMORY] = 0;
    }
    for (size_t i = 0; i < now->use_count; i++) {
        struct process *p = holder(s, &now->use[i]);
        if (p == NULL)
            continue;
        held = true;
        add_use(g, p, &now->use[i]);
        g->gpu[now->use[i].gpu].value[GPU_TARGET_MEMORY] += now->use[i].memory_bytes;
    }
    for (size_t i = 0; i < now->use_count; i++) {
        struct process *p = holder(s, &now->use[i]);
        if (p == NULL)
            continue;
        set(p, PROCESS_GPU_MEMORY, whole && p->gpu.memory_known, p->gpu.memory);
        if (p->gpu.utilization_known)
            set(p, PROCESS_GPU_UTILIZATION, true, p->gpu.utilization);
        say_if_changed(s, p);
    }
    take_leavers(g, s, whole, held);
}

/* ---- GPUs ---- */

static void note_gpu(struct sampler *s, unsigned index, const char *words)
{
    char text[96];
    snprintf(text, sizeof text, "GPU %u %s", index, words);
    sink_note(&s->sink, s->now_ns, text);
}

/* Which of a GPU's groups a reading brought, and what of them is known. */
static uint32_t take_gpu(struct gpu_sampler *g, struct sampler *s, unsigned place,
                         const struct gpu_snapshot *now)
{
    const struct gpu_values *values = &now->gpu[place];
    struct recorded_gpu *gpu = &g->gpu[place];
    uint64_t fields = now->slow ? BIT(GPU_FIELDS) - 1 : USE_METRICS;
    uint32_t groups = 1u << GPU_GROUP_USE | (now->slow ? 1u << GPU_GROUP_LINK : 0);
    for (unsigned i = 0; i < GPU_FIELDS; i++)
        if ((fields >> i & 1) != 0)
            gpu->value[i] = values->value[i];
    gpu->known = (gpu->known & ~fields) | (values->valid & fields);
    if (values->error != 0)
        missing_count(&s->missing, ENTITY_GPU, GPU_GROUP_USE, values->error);
    if (values->error == -ENODEV && !gpu->lost)
        note_gpu(s, gpu_thread_index(g->thread, place), "was lost: its driver cannot reach it");
    gpu->lost = values->error == -ENODEV;
    const uint64_t of_processes =
        BIT(GPU_PROCESSES) | BIT(GPU_TARGET_MEMORY) | BIT(GPU_UNMAPPED_MEMORY);
    int error = now->uses_error[place];
    if (error == -ENOTSUP)
        return groups;
    if (error != 0 && error != -ENODEV)
        missing_count(&s->missing, ENTITY_GPU, GPU_GROUP_PROCESSES, error);
    gpu->known = error == 0 ? gpu->known | of_processes : gpu->known & ~of_processes;
    if (!s->processes)
        gpu->known &= ~BIT(GPU_TARGET_MEMORY);
    gpu->value[GPU_PROCESSES] = now->processes[place];
    gpu->value[GPU_UNMAPPED_MEMORY] = now->unmapped_bytes[place];
    return groups | 1u << GPU_GROUP_PROCESSES;
}

static void put_gpu(struct gpu_sampler *g, struct sampler *s, unsigned place, uint32_t groups)
{
    struct recorded_gpu *gpu = &g->gpu[place];
    if (gpu->handle != NULL)
        s->sink.put(s->sink.user, gpu->handle, ENTITY_GPU, groups, false, gpu->value, gpu->known);
}

/* The driver has not answered for long: what was last read is not known to hold any more. */
static void forget_all(struct gpu_sampler *g, struct sampler *s)
{
    sink_note(&s->sink, s->now_ns,
              "the driver of the GPUs does not answer: their values are missing");
    missing_count(&s->missing, ENTITY_GPU, GPU_GROUP_USE, -ETIMEDOUT);
    g->stale = true;
    g->reading++;
    take_leavers(g, s, false, false);
    for (unsigned i = 0; i < g->count; i++) {
        g->gpu[i].known = 0;
        put_gpu(g, s, i, (1u << GPU_GROUPS) - 1);
    }
}

static void tick(void *user, struct sampler *s)
{
    struct gpu_sampler *g = user;
    if (!begin(g, s))
        return;
    const struct gpu_snapshot *now = gpu_thread_take(g->thread);
    if (now == NULL) {
        if (!g->stale && s->now_ns - g->read_ns > g->stale_ns)
            forget_all(g, s);
        return;
    }
    g->stale = false;
    g->read_ns = s->now_ns;
    g->reading++;
    take_uses(g, s, now);
    for (unsigned i = 0; i < g->count; i++)
        put_gpu(g, s, i, take_gpu(g, s, i, now));
    if (now->left_out > g->left_out) {
        g->left_out = now->left_out;
        sink_fact_number(&s->sink, "gpu_processes_left_out", now->left_out);
    }
}

struct gpu_sampler *gpu_sampler_new(struct gpu_thread *thread, uint64_t interval_ns)
{
    struct gpu_sampler *g = calloc(1, sizeof *g);
    if (g == NULL) {
        gpu_thread_free(thread);
        return NULL;
    }
    g->thread = thread;
    g->stale_ns = GPU_STALE_NS + 10 * interval_ns;
    return g;
}

void gpu_sampler_free(struct gpu_sampler *g)
{
    if (g == NULL)
        return;
    gpu_thread_free(g->thread);
    free(g);
}

void gpu_sampler_announce(struct gpu_sampler *g, struct sampler *s)
{
    begin(g, s);
}

struct sampler_guest gpu_sampler_guest(struct gpu_sampler *g)
{
    return (struct sampler_guest){.user = g, .tick = tick};
}
