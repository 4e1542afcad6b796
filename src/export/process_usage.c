#include "export/process_usage.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "export/entity_map.h"

#define BIT(position) (UINT64_C(1) << (position))

/* Metrics that the kernel's final account has too. */
enum exact {
    EXACT_NOT,
    EXACT_CPU,
    EXACT_USER,
    EXACT_SYSTEM,
    EXACT_PEAK_RSS,
    EXACT_MINOR_FAULTS,
    EXACT_MAJOR_FAULTS,
    EXACT_VOLUNTARY,
    EXACT_INVOLUNTARY,
    /* From here on the kernel's own account alone has them. */
    EXACT_CHILDREN_USER,
    EXACT_CHILDREN_SYSTEM,
    EXACT_READ_CHARS,
    EXACT_WRITE_CHARS,
    EXACT_READ_COUNT,
    EXACT_WRITE_COUNT,
    EXACT_READ_BYTES,
    EXACT_WRITE_BYTES,
    EXACTS
};

struct process_usage {
    struct tacho_recording *rec;
    size_t processes;
    size_t n;                   /* metrics kept of each process */
    uint64_t mask;              /* their positions */
    uint64_t cumulative;        /* positions of counters */
    uint64_t handed;            /* positions of CPU time of children */
    uint8_t place[METRICS_MAX]; /* 0 to n - 1, by position */
    uint8_t exact[METRICS_MAX]; /* enum exact, by position */
    struct entity_map index;    /* -> process */
    uint64_t *value;            /* process * n + place */
    uint64_t *known;            /* by process: positions */
    uint64_t *samples;          /* by process: ticks */
    bool *has_children;         /* by process: that were recorded */
};

void process_usage_free(struct process_usage *usage)
{
    if (usage == NULL)
        return;
    entity_map_done(&usage->index);
    free(usage->value);
    free(usage->known);
    free(usage->samples);
    free(usage->has_children);
    free(usage);
}

static enum exact exact_of(const char *name)
{
    static const struct {
        const char *name;
        enum exact exact;
    } names[] = {
        {"cpu", EXACT_CPU},
        {"user", EXACT_USER},
        {"system", EXACT_SYSTEM},
        {"peak_rss", EXACT_PEAK_RSS},
        {"minor_faults", EXACT_MINOR_FAULTS},
        {"major_faults", EXACT_MAJOR_FAULTS},
        {"voluntary_ctx_switches", EXACT_VOLUNTARY},
        {"involuntary_ctx_switches", EXACT_INVOLUNTARY},
        {"children_user", EXACT_CHILDREN_USER},
        {"children_system", EXACT_CHILDREN_SYSTEM},
        {"read_chars", EXACT_READ_CHARS},
        {"write_chars", EXACT_WRITE_CHARS},
        {"read_count", EXACT_READ_COUNT},
        {"write_count", EXACT_WRITE_COUNT},
        {"read_bytes", EXACT_READ_BYTES},
        {"write_bytes", EXACT_WRITE_BYTES},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].exact;
    return EXACT_NOT;
}

static void choose_metrics(struct process_usage *usage, uint64_t wanted)
{
    bool any_exact = false;
    for (unsigned m = 0; m < METRICS_MAX; m++) {
        const struct tacho_metric *metric = tacho_metric(usage->rec, TACHO_PROCESS, m);
        if (metric == NULL)
            break;
        usage->cumulative |= metric->cumulative ? BIT(m) : 0;
        usage->exact[m] = (uint8_t)exact_of(metric->name);
        any_exact |= (wanted & BIT(m)) != 0 && usage->exact[m] != EXACT_NOT;
        if (strcmp(metric->name, "children_user") == 0 ||
            strcmp(metric->name, "children_system") == 0)
            usage->handed |= BIT(m);
    }
    usage->mask = wanted | (any_exact ? usage->handed : 0);
    for (uint64_t left = usage->mask; left != 0; left &= left - 1)
        usage->place[__builtin_ctzll(left)] = (uint8_t)usage->n++;
}

static int index_processes(struct process_usage *usage)
{
    for (size_t i = 0; i < usage->processes; i++) {
        int r = entity_map_put(&usage->index, tacho_process(usage->rec, i)->entity, i);
        if (r == -ENOMEM)
            return r;
    }
    for (size_t i = 0; i < usage->processes; i++) {
        uint32_t parent = tacho_process(usage->rec, i)->parent_entity;
        const uint64_t *at = entity_map_get(&usage->index, parent);
        if (at != NULL)
            usage->has_children[*at] = true;
    }
    return 0;
}

int process_usage_new(struct tacho_recording *rec, uint64_t wanted, struct process_usage **ret)
{
    struct process_usage *usage = calloc(1, sizeof *usage);
    if (usage == NULL)
        return -ENOMEM;
    usage->rec = rec;
    usage->processes = tacho_process_count(rec);
    choose_metrics(usage, wanted);
    size_t rows = usage->processes + 1;
    usage->value = calloc(rows, (usage->n + 1) * sizeof *usage->value);
    usage->known = calloc(rows, sizeof *usage->known);
    usage->samples = calloc(rows, sizeof *usage->samples);
    usage->has_children = calloc(rows, sizeof *usage->has_children);
    if (usage->value == NULL || usage->known == NULL || usage->samples == NULL ||
        usage->has_children == NULL || index_processes(usage) != 0) {
        process_usage_free(usage);
        return -ENOMEM;
    }
    *ret = usage;
    return 0;
}

static void take_sample(struct process_usage *usage, const struct tacho_sample *sample)
{
    const uint64_t *at = entity_map_get(&usage->index, sample->entity);
    if (at == NULL)
        return;
    usage->samples[*at] += sample->fresh != 0 || sample->idle;
    uint64_t *known = &usage->known[*at];
    uint64_t *values = usage->value + *at * usage->n;
    for (uint64_t left = sample->fresh & sample->known & usage->mask; left != 0; left &= left - 1) {
        unsigned position = (unsigned)__builtin_ctzll(left);
        uint64_t *value = &values[usage->place[position]];
        bool replaces = ((usage->cumulative | ~*known) & BIT(position)) != 0;
        if (replaces || sample->value[position] > *value)
            *value = sample->value[position];
        *known |= BIT(position);
    }
}

int process_usage_gather(struct process_usage *usage)
{
    struct tacho_walk *walk;
    struct tacho_sample sample;
    int r = tacho_walk_open(usage->rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk);
    if (r < 0)
        return r;
    while ((r = tacho_walk_next(walk, &sample)) > 0)
        take_sample(usage, &sample);
    tacho_walk_close(walk);
    return r;
}

static bool sampled_value(const struct process_usage *usage, size_t i, unsigned position,
                          uint64_t *ret)
{
    if ((usage->known[i] & BIT(position)) == 0)
        return false;
    *ret = usage->value[i * usage->n + usage->place[position]];
    return true;
}

/* The final account is of the process and the children it waited for: its own where it had none. */
static bool account_is_own(const struct process_usage *usage, size_t i)
{
    uint64_t used;
    if ((tacho_process(usage->rec, i)->flags & TACHO_PROCESS_RUSAGE) == 0 || usage->has_children[i])
        return false;
    for (uint64_t left = usage->handed; left != 0; left &= left - 1)
        if (sampled_value(usage, i, (unsigned)__builtin_ctzll(left), &used) && used > 0)
            return false;
    return true;
}

static uint64_t exact_value(const struct tacho_rusage *r, enum exact exact)
{
    switch (exact) {
    case EXACT_CPU: return r->user_ns + r->system_ns;
    case EXACT_USER: return r->user_ns;
    case EXACT_SYSTEM: return r->system_ns;
    case EXACT_PEAK_RSS: return r->peak_rss_bytes;
    case EXACT_MINOR_FAULTS: return r->minor_faults;
    case EXACT_MAJOR_FAULTS: return r->major_faults;
    case EXACT_VOLUNTARY: return r->voluntary_switches;
    case EXACT_INVOLUNTARY: return r->involuntary_switches;
    default: return 0;
    }
}

/* What the kernel's own account says: it is of the process alone, but for I/O. */
static bool account_value(const struct tacho_process *p, enum exact exact, uint64_t *ret)
{
    static const struct {
        uint16_t known, offset;
    } fields[EXACTS] = {
#define FIELD(bit, member) {TACHO_ACCOUNT_##bit, offsetof(struct tacho_account, member)}
        [EXACT_CPU] = FIELD(CPU, cpu_ns),
        [EXACT_USER] = FIELD(SPLIT, user_ns),
        [EXACT_SYSTEM] = FIELD(SPLIT, system_ns),
        [EXACT_PEAK_RSS] = FIELD(PEAK_RSS, peak_rss_bytes),
        [EXACT_MINOR_FAULTS] = FIELD(FAULTS, minor_faults),
        [EXACT_MAJOR_FAULTS] = FIELD(FAULTS, major_faults),
        [EXACT_VOLUNTARY] = FIELD(SWITCHES, voluntary_switches),
        [EXACT_INVOLUNTARY] = FIELD(SWITCHES, involuntary_switches),
        [EXACT_CHILDREN_USER] = FIELD(CHILDREN, children_user_ns),
        [EXACT_CHILDREN_SYSTEM] = FIELD(CHILDREN, children_system_ns),
        [EXACT_READ_CHARS] = FIELD(IO, read_chars),
        [EXACT_WRITE_CHARS] = FIELD(IO, write_chars),
        [EXACT_READ_COUNT] = FIELD(IO, read_count),
        [EXACT_WRITE_COUNT] = FIELD(IO, write_count),
        [EXACT_READ_BYTES] = FIELD(IO, read_bytes),
        [EXACT_WRITE_BYTES] = FIELD(IO, write_bytes),
#undef FIELD
    };
    if (exact == EXACT_NOT || (p->flags & TACHO_PROCESS_ACCOUNT) == 0 ||
        (p->account.known & fields[exact].known) == 0)
        return false;
    memcpy(ret, (const char *)&p->account + fields[exact].offset, sizeof *ret);
    return true;
}

bool process_usage_value(const struct process_usage *usage, size_t i, unsigned position,
                         uint64_t *ret)
{
    if (position >= METRICS_MAX || (usage->mask & BIT(position)) == 0)
        return false;
    enum exact exact = usage->exact[position];
    const struct tacho_process *p = tacho_process(usage->rec, i);
    uint64_t sampled = 0;
    bool was_sampled = sampled_value(usage, i, position, &sampled);
    bool waited = exact != EXACT_NOT && exact < EXACT_CHILDREN_USER && account_is_own(usage, i);
    bool early = (p->account.known & TACHO_ACCOUNT_EARLY) != 0;
    if (!(early && waited) && account_value(p, exact, ret)) {
        /* An early one may lag behind the last sample; peaks of the kernel are some pages off. */
        bool rough = early || exact == EXACT_PEAK_RSS;
        if (was_sampled && rough && sampled > *ret)
            *ret = sampled;
        return true;
    }
    if (waited)
        *ret = exact_value(&p->exact, exact);
    else if (was_sampled)
        *ret = sampled;
    else
        return false;
    return true;
}

uint64_t process_usage_samples(const struct process_usage *usage, size_t i)
{
    return usage->samples[i];
}
