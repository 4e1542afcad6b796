#include "sample/machine_sampler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source/powercap.h"

#define INSTANCES_MAX 8192 /* processors, disks, interfaces of one machine; more are left out */

/*
 * The catalogue's order within a group is the source's order: one copy moves a whole file's values.
 */
_Static_assert(MACHINE_GUEST - MACHINE_USER + 1 == CPU_FIELDS, "processor modes");
_Static_assert(MACHINE_UPTIME - MACHINE_SWITCHES + 1 == KERNEL_FIELDS, "kernel counters");
_Static_assert(MACHINE_SWAP_FREE - MACHINE_MEMORY_TOTAL + 1 == MEMORY_FIELDS, "memory");
_Static_assert(MACHINE_OOM_KILLS - MACHINE_FAULTS + 1 == PAGING_FIELDS, "paging");
_Static_assert(MACHINE_PRESSURE_IO_FULL - MACHINE_PRESSURE_CPU_SOME + 1 == PRESSURE_FIELDS, "psi");
_Static_assert(PROCESSOR_METRICS == (int)CPU_FIELDS && DISK_METRICS == (int)DISK_FIELDS &&
                   NETWORK_METRICS == (int)NET_FIELDS,
               "instances");

struct instance {
    char name[INSTANCE_NAME_CAP];
    unsigned kind;
    void *handle;
};

struct machine_sampler {
    struct machine_files *files;
    struct energy_domains energy;
    int energy_error; /* of opening them */
    struct sample_sink sink;
    uint32_t *next_entity;
    uint64_t now_ns;
    unsigned kind; /* of the instances being listed */
    size_t cursor; /* where the next instance is expected: listings keep their order */
    struct instance *instances;
    size_t count, cap;
    void *machine;
    uint64_t value[MACHINE_METRICS];
    uint64_t known;
};

static void *entity_new(struct machine_sampler *s, unsigned kind, const char *name)
{
    uint32_t id = (*s->next_entity)++;
    struct record r = {.type = RECORD_ENTITY,
                       .entity = {.entity = id,
                                  .kind = kind,
                                  .time_ns = s->now_ns,
                                  .name = {(const uint8_t *)name, strlen(name)}}};
    s->sink.record(s->sink.user, &r);
    return s->sink.add(s->sink.user, id, kind);
}

/*
 * Finds an instance, first where the last listing had it. NULL when there is no room for a new one.
 */
static struct instance *instance_of(struct machine_sampler *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        struct instance *in = &s->instances[(s->cursor + i) % s->count];
        if (in->kind == s->kind && strcmp(in->name, name) == 0) {
            s->cursor = (size_t)(in - s->instances) + 1;
            return in;
        }
    }
    if (s->count == INSTANCES_MAX)
        return NULL;
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 16 : s->cap * 2;
        struct instance *grown = realloc(s->instances, cap * sizeof *grown);
        if (grown == NULL)
            return NULL;
        s->instances = grown;
        s->cap = cap;
    }
    struct instance *in = &s->instances[s->count++];
    *in = (struct instance){.kind = s->kind, .handle = entity_new(s, s->kind, name)};
    strncpy(in->name, name, sizeof in->name - 1);
    s->cursor = s->count;
    return in;
}

static void each_instance(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    struct machine_sampler *s = user;
    struct instance *in = instance_of(s, name);
    if (in != NULL && in->handle != NULL)
        s->sink.put(s->sink.user, in->handle, s->kind, 1, false, value, valid);
}

static machine_each *listing(struct machine_sampler *s, unsigned kind)
{
    s->kind = kind;
    return each_instance;
}

/* Notes what a read of one group brought: the mask of the group to put, 0 where it failed. */
static uint32_t group_result(struct machine_sampler *s, struct missing *missing, int r,
                             unsigned group, unsigned first, unsigned fields, uint32_t valid)
{
    if (r != 0) {
        missing_count(missing, ENTITY_MACHINE, group, r);
        return 0;
    }
    uint64_t span = ((UINT64_C(1) << fields) - 1) << first;
    s->known = (s->known & ~span) | ((uint64_t)valid << first & span);
    return UINT32_C(1) << group;
}

static uint32_t sample_cpu(struct machine_sampler *s, struct missing *missing)
{
    uint32_t cpu = 0, kernel = 0;
    int r = machine_cpu_read(s->files, &s->value[MACHINE_USER], &cpu, &s->value[MACHINE_SWITCHES],
                             &kernel, listing(s, ENTITY_PROCESSOR), s);
    return group_result(s, missing, r, MACHINE_GROUP_CPU, MACHINE_USER, CPU_FIELDS, cpu) |
           group_result(s, missing, r, MACHINE_GROUP_KERNEL, MACHINE_SWITCHES, KERNEL_FIELDS,
                        kernel);
}

static uint32_t sample_memory(struct machine_sampler *s, struct missing *missing)
{
    uint32_t valid = 0;
    int r = machine_memory_read(s->files, &s->value[MACHINE_MEMORY_TOTAL], &valid);
    return group_result(s, missing, r, MACHINE_GROUP_MEMORY, MACHINE_MEMORY_TOTAL, MEMORY_FIELDS,
                        valid);
}

static uint32_t sample_rest(struct machine_sampler *s, struct missing *missing)
{
    uint32_t paging = 0, pressure = 0;
    int r = machine_paging_read(s->files, &s->value[MACHINE_FAULTS], &paging);
    uint32_t groups =
        group_result(s, missing, r, MACHINE_GROUP_PAGING, MACHINE_FAULTS, PAGING_FIELDS, paging);
    r = machine_pressure_read(s->files, &s->value[MACHINE_PRESSURE_CPU_SOME], &pressure);
    groups |= group_result(s, missing, r, MACHINE_GROUP_PRESSURE, MACHINE_PRESSURE_CPU_SOME,
                           PRESSURE_FIELDS, pressure);
    r = machine_disks_read(s->files, listing(s, ENTITY_DISK), s);
    if (r != 0)
        missing_count(missing, ENTITY_DISK, 0, r);
    r = machine_net_read(s->files, listing(s, ENTITY_NETWORK), s);
    if (r != 0)
        missing_count(missing, ENTITY_NETWORK, 0, r);
    return groups;
}

void machine_sample_energy(struct machine_sampler *s, uint64_t now_ns, struct missing *missing)
{
    s->now_ns = now_ns;
    int r = s->energy_error;
    if (r == 0)
        r = energy_read(&s->energy, listing(s, ENTITY_ENERGY), s);
    if (r != 0 && r != -ENOENT) /* most machines have none, or have them in the host */
        missing_count(missing, ENTITY_ENERGY, 0, r);
}

void machine_sample(struct machine_sampler *s, uint64_t now_ns, bool all, struct missing *missing)
{
    s->now_ns = now_ns;
    if (s->machine == NULL)
        s->machine = entity_new(s, ENTITY_MACHINE, "");
    uint32_t groups = sample_cpu(s, missing) | sample_memory(s, missing);
    if (all)
        groups |= sample_rest(s, missing);
    if (s->machine != NULL && groups != 0)
        s->sink.put(s->sink.user, s->machine, ENTITY_MACHINE, groups, false, s->value, s->known);
}

int machine_sampler_new(const struct source_root *root, const struct sample_sink *sink,
                        uint32_t *next_entity, struct machine_sampler **ret)
{
    struct machine_sampler *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    int r = machine_files_new(root, &s->files);
    if (r != 0) {
        free(s);
        return r;
    }
    s->energy_error = energy_open(root, &s->energy);
    s->sink = *sink;
    s->next_entity = next_entity;
    *ret = s;
    return 0;
}

void machine_sampler_free(struct machine_sampler *s)
{
    if (s == NULL)
        return;
    machine_files_free(s->files);
    energy_close(&s->energy);
    free(s->instances);
    free(s);
}
