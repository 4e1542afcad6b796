#include "sample/cgroup_sampler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "source/cgroup.h"
#include "source/proc_limits.h"

#define LOOK_EVERY_NS (NS_PER_S / 10) /* for a move */
#define MOVES_MAX 64                  /* one that wanders on for ever is left where it was then */

_Static_assert(CGROUP_METRICS == (int)CGROUP_FIELDS, "the catalogue's order is the source's");

struct cgroup_sampler {
    const struct source_root *root;
    struct sample_sink sink;
    uint32_t *next_entity;
    struct cgroup_watch watch;
    void *handle; /* of its entity; NULL: not made yet */
    unsigned moves;
    uint64_t look_ns; /* when to look for the next */
    /*
     * As it stood before the target began: what a short one has done by the first tick is to be seen as
     * growth. 0: put already, or nothing could be read.
     */
    uint64_t before[CGROUP_METRICS];
    uint32_t before_valid;
    /* As last told. */
    struct cgroup_limits told;
    struct proc_limits told_own;
};

/* A limit that is no more is told as none. */
static void tell_if_new(const struct sample_sink *sink, const char *key, uint64_t now,
                        uint64_t before)
{
    if (now != before)
        sink_fact_number(sink, key, now);
}

static uint64_t milli(double processors)
{
    return processors > 0 ? (uint64_t)(processors * 1000 + 0.5) : UINT64_MAX;
}

static uint64_t or_none(uint32_t number)
{
    return number != 0 ? number : UINT64_MAX;
}

static void tell_group(struct cgroup_sampler *c)
{
    const struct cgroup_limits *now = &c->watch.limits, *before = &c->told;
    const struct sample_sink *sink = &c->sink;
    if (strcmp(now->path, before->path) != 0)
        sink_fact_text(sink, "cgroup_path", now->path);
    if (now->version != before->version)
        sink_fact_number(sink, "cgroup_version", (uint64_t)now->version);
    tell_if_new(sink, "cgroup_memory_max_bytes", now->memory_max_bytes, before->memory_max_bytes);
    tell_if_new(sink, "cgroup_memory_high_bytes", now->memory_high_bytes,
                before->memory_high_bytes);
    tell_if_new(sink, "cgroup_pids_max", now->pids_max, before->pids_max);
    tell_if_new(sink, "cgroup_cpu_max_milli", milli(now->cpu_max), milli(before->cpu_max));
    tell_if_new(sink, "cgroup_cpuset_processors", or_none(now->cpuset_processors),
                or_none(before->cpuset_processors));
    c->told = *now;
}

/* The shell's ulimit, which descendants inherit. */
static void tell_own(struct cgroup_sampler *c)
{
    struct proc_limits now, *before = &c->told_own;
    const struct process_files files = process_files_unkept(c->watch.pid);
    if (proc_limits_read(c->root, &files, &now) != 0)
        return;
    tell_if_new(&c->sink, "limit_cpu_soft_s", now.cpu_soft_s, before->cpu_soft_s);
    tell_if_new(&c->sink, "limit_cpu_hard_s", now.cpu_hard_s, before->cpu_hard_s);
    tell_if_new(&c->sink, "limit_file_bytes", now.file_bytes, before->file_bytes);
    c->told_own = now;
}

static void make_entity(struct cgroup_sampler *c, uint64_t now_ns)
{
    const char *path = c->watch.limits.path;
    uint32_t id = (*c->next_entity)++;
    struct record r = {.type = RECORD_ENTITY,
                       .entity = {.entity = id,
                                  .kind = ENTITY_CGROUP,
                                  .time_ns = now_ns,
                                  .name = {(const uint8_t *)path, strlen(path)}}};
    c->sink.record(c->sink.user, &r);
    c->handle = c->sink.add(c->sink.user, id, ENTITY_CGROUP);
}

static bool go_after(struct cgroup_sampler *c, uint64_t now_ns)
{
    struct cgroup_watch moved;
    if (now_ns < c->look_ns)
        return false;
    c->look_ns = now_ns + LOOK_EVERY_NS - LOOK_EVERY_NS / 16; /* ticks jitter */
    if (c->moves >= MOVES_MAX || !cgroup_watch_moved(c->root, &c->watch) ||
        cgroup_watch_open(c->root, c->watch.pid, &moved) != 0)
        return false;
    c->moves++;
    cgroup_watch_close(&c->watch);
    c->watch = moved;
    if (c->handle != NULL)
        c->sink.remove(c->sink.user, c->handle, ENTITY_CGROUP);
    c->handle = NULL;
    c->before_valid = 0;
    tell_group(c);
    return true;
}

static int take_sample(struct cgroup_sampler *c, uint64_t value[CGROUP_METRICS], uint32_t *valid)
{
    if (c->before_valid == 0)
        return cgroup_watch_read(&c->watch, value, valid);
    memcpy(value, c->before, sizeof c->before);
    *valid = c->before_valid;
    c->before_valid = 0;
    return 0;
}

void cgroup_sample(struct cgroup_sampler *c, uint64_t now_ns, bool alive, bool due,
                   struct missing *missing)
{
    uint64_t value[CGROUP_METRICS];
    uint32_t valid = 0;
    if (!(alive && go_after(c, now_ns)) && !due)
        return;
    if (alive)
        tell_own(c);
    int r = take_sample(c, value, &valid);
    /* No controller at all, or a group that was removed after its last process: nothing is missed. */
    if (r != 0 && r != -ENOENT && alive)
        missing_count(missing, ENTITY_CGROUP, 0, r);
    if (r != 0)
        return;
    if (c->handle == NULL)
        make_entity(c, now_ns);
    if (c->handle != NULL)
        c->sink.put(c->sink.user, c->handle, ENTITY_CGROUP, 1, false, value, valid);
}

int cgroup_sampler_new(const struct source_root *root, pid_t pid, const struct sample_sink *sink,
                       uint32_t *next_entity, struct cgroup_sampler **ret)
{
    struct cgroup_sampler *c = calloc(1, sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    int r = cgroup_watch_open(root, pid, &c->watch);
    if (r != 0) {
        free(c);
        return r;
    }
    c->root = root;
    c->sink = *sink;
    c->next_entity = next_entity;
    c->told = (struct cgroup_limits){
        .memory_max_bytes = UINT64_MAX, .memory_high_bytes = UINT64_MAX, .pids_max = UINT64_MAX};
    c->told_own = (struct proc_limits){UINT64_MAX, UINT64_MAX, UINT64_MAX};
    tell_group(c);
    tell_own(c);
    if (cgroup_watch_read(&c->watch, c->before, &c->before_valid) != 0)
        c->before_valid = 0;
    *ret = c;
    return 0;
}

void cgroup_sampler_free(struct cgroup_sampler *c)
{
    if (c == NULL)
        return;
    cgroup_watch_close(&c->watch);
    free(c);
}
