/* What is read of one process at one tick. */
#include <errno.h>

#include "base/clock.h"
#include "sample/sampler_state.h"

#define BIT(metric) (UINT64_C(1) << (metric))
#define GROUP(group) (UINT32_C(1) << (group))
#define STATUS_EVERY_NS NS_PER_S
#define RSS_EVERY_NS NS_PER_S /* of those that stand still; with many less often: */
#define RSS_EVERY_MANY 256    /* a second more for so many processes */
#define STALE_STAT 1u
#define STALE_IO 2u
#define STALE_STATUS 4u
/* Of many that ran: stat (with RSS), I/O, RSS, nothing; so RSS every other tick, the rest every fourth. */
#define TURNS 4
#define VERY_FEW_RAN 8 /* so few that even the costly files may be read each tick */

/* The catalogue's order within a group is the source's order. */
_Static_assert(PROCESS_IOWAIT - PROCESS_USER == STAT_IOWAIT - STAT_USER, "stat");
_Static_assert(PROCESS_WRITE_BYTES - PROCESS_READ_CHARS + 1 == (int)IO_FIELDS, "io");
_Static_assert(PROCESS_PEAK_RSS - PROCESS_RSS_ANON == STATUS_PEAK_RSS - STATUS_RSS_ANON, "status");
_Static_assert(PROCESS_SWAP_PSS - PROCESS_PSS + 1 == (int)SMAPS_FIELDS, "smaps");
_Static_assert(PROCESS_DRM_MEMORY - PROCESS_DRM_ENGINE + 1 == (int)DRM_FIELDS, "drm");
_Static_assert(PROCESS_TCP_LISTENING - PROCESS_TCP_ESTABLISHED + 1 == (int)TCP_FIELDS, "tcp");

static void set(struct process *p, unsigned metric, uint64_t value)
{
    p->value[metric] = value;
    p->known |= BIT(metric);
}

/* Copies `n` fields of a source to the metrics from `first` on, validity included. */
static void set_fields(struct process *p, unsigned first, const uint64_t *value, uint32_t valid,
                       unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p->value[first + i] = (valid >> i & 1) != 0 ? value[i] : 0; /* the tree adds it up */
    uint64_t span = (BIT(n) - 1) << first;
    p->known = (p->known & ~span) | ((uint64_t)valid << first & span);
}

/*
 * The outcome of reading a group's file: whether to go on. A refusal is counted and not asked for
 * again until an exec; want of descriptors takes the oldest process's.
 */
enum outcome { TAKEN, REFUSED, GONE };

static enum outcome outcome_of(struct sampler *s, struct process *p, unsigned group, int r)
{
    if (r == 0)
        return TAKEN;
    if (r == -ESRCH)
        return GONE;
    if (r == -EMFILE || r == -ENFILE) {
        sampler_make_room(s);
        p->stale = STALE_STAT | STALE_IO | STALE_STATUS;
    } else {
        p->denied |= GROUP(group);
    }
    missing_count(&s->missing, ENTITY_PROCESS, group, r);
    return REFUSED;
}

static bool wanted(const struct process *p, unsigned group)
{
    return (p->denied & GROUP(group)) == 0;
}

/* Where the machine does not tell its topology there are processors, but no cores and packages. */
static uint32_t set_places(struct process *p, const struct detail_result *r)
{
    set(p, PROCESS_PROCESSORS, r->processors);
    const uint64_t count[] = {r->cores, r->packages, r->package_mask};
    set_fields(p, PROCESS_CORES, count, r->cores > 0 ? 7 : 0, 3);
    return GROUP(GROUP_PROCESSORS);
}

/* With one thread its processor is the process's; with more the detail thread takes a census. */
static uint32_t set_single_processor(struct sampler *s, struct process *p, uint64_t processor)
{
    struct detail_result r;
    uint64_t ran_on[PROCESSORS_MAX / 64] = {0};
    if ((p->known & BIT(PROCESS_PROCESSORS)) != 0 && p->value[PROCESS_PROCESSORS] == 1 &&
        p->processor == processor)
        return GROUP(GROUP_PROCESSORS);
    if (processor >= PROCESSORS_MAX)
        return 0;
    ran_on[processor / 64] = UINT64_C(1) << (processor % 64);
    places_count(s->facts, ran_on, &r);
    p->processor = processor;
    return set_places(p, &r);
}

static enum outcome read_stat(struct sampler *s, struct process *p, uint32_t *groups)
{
    struct proc_stat stat;
    enum outcome o = outcome_of(s, p, GROUP_STAT, proc_stat_read(&s->root, &p->files, &stat));
    if (o != TAKEN)
        return o;
    if (p->start_ticks == 0)
        p->start_ticks = stat.start_ticks;
    if (stat.start_ticks != p->start_ticks)
        return GONE; /* the pid is somebody else's */
    sampler_check_exec(s, p, &stat);
    set_fields(p, PROCESS_USER, &stat.value[STAT_USER], stat.valid, STAT_IOWAIT - STAT_USER + 1);
    p->value[PROCESS_VMS] = stat.value[STAT_VMS];
    p->value[PROCESS_RSS] = stat.value[STAT_RSS];
    uint64_t memory = (uint64_t)(stat.valid >> STAT_VMS & 3) << PROCESS_VMS;
    p->known = (p->known & ~(BIT(PROCESS_VMS) | BIT(PROCESS_RSS))) | memory;
    p->rss_ns = s->now_ns;
    *groups |= GROUP(GROUP_STAT) | GROUP(GROUP_MEMORY);
    p->threads = stat.value[STAT_THREADS] > 1;
    if (!p->threads && (stat.valid & 1u << STAT_PROCESSOR) != 0)
        *groups |= set_single_processor(s, p, stat.value[STAT_PROCESSOR]);
    p->zombie = stat.value[STAT_STATE] == 'Z';
    p->zombie_status = stat.exit_code;
    p->stat_due = false;
    return TAKEN;
}

static enum outcome read_memory(struct sampler *s, struct process *p, uint32_t *groups)
{
    uint64_t value[STATM_FIELDS];
    uint32_t valid;
    enum outcome o =
        outcome_of(s, p, GROUP_MEMORY, proc_statm_read(&s->root, &p->files, value, &valid));
    p->rss_ns = s->now_ns;
    if (o == TAKEN) {
        set_fields(p, PROCESS_VMS, value, valid, STATM_FIELDS);
        *groups |= GROUP(GROUP_MEMORY);
    }
    return o;
}

static enum outcome read_io(struct sampler *s, struct process *p, uint32_t *groups)
{
    uint64_t value[IO_FIELDS];
    uint32_t valid;
    enum outcome o = outcome_of(s, p, GROUP_IO, proc_io_read(&s->root, &p->files, value, &valid));
    if (o == TAKEN) {
        set_fields(p, PROCESS_READ_CHARS, value, valid, IO_FIELDS);
        *groups |= GROUP(GROUP_IO);
    }
    return o;
}

static enum outcome read_status(struct sampler *s, struct process *p, uint32_t *groups)
{
    uint64_t value[STATUS_FIELDS];
    uint32_t valid;
    enum outcome o =
        outcome_of(s, p, GROUP_STATUS, proc_status_read(&s->root, &p->files, value, &valid));
    if (o != TAKEN)
        return o;
    set_fields(p, PROCESS_RSS_ANON, value, valid, STATUS_PEAK_RSS + 1);
    *groups |= GROUP(GROUP_STATUS);
    if (!p->threads) { /* the file speaks of the main thread alone */
        set_fields(p, PROCESS_VOLUNTARY_SWITCHES, &value[STATUS_VOLUNTARY_SWITCHES],
                   valid >> STATUS_VOLUNTARY_SWITCHES, 2);
        *groups |= GROUP(GROUP_SWITCHES);
    }
    return TAKEN;
}

static enum outcome read_fds(struct sampler *s, struct process *p, uint32_t *groups)
{
    uint64_t fds;
    enum outcome o = outcome_of(s, p, GROUP_FDS, proc_open_fds(&s->root, &p->files, &fds));
    if (o == TAKEN) {
        set(p, PROCESS_FDS, fds);
        *groups |= GROUP(GROUP_FDS);
    }
    return o;
}

static bool read_status_and_fds(struct sampler *s, struct process *p, uint32_t *groups)
{
    p->stale &= ~STALE_STATUS;
    bool many = s->ran_before > SAMPLER_FEW_RAN;
    p->status_ns = s->now_ns + (many ? 2 * STATUS_EVERY_NS : STATUS_EVERY_NS);
    if (wanted(p, GROUP_STATUS) && read_status(s, p, groups) == GONE)
        return false;
    return !wanted(p, GROUP_FDS) || read_fds(s, p, groups) != GONE;
}

static uint64_t rss_every_ns(const struct sampler *s)
{
    return RSS_EVERY_NS * (1 + s->count / RSS_EVERY_MANY);
}

/*
 * Reads what has gone stale: a process that ran is asked all of it while few ran, by turns with many,
 * and what its last turn left out once it stands still. So all values of an idle process are current.
 * False: gone.
 */
static bool read_stale(struct sampler *s, struct process *p, bool ran, uint32_t *groups)
{
    if (ran)
        p->stale = STALE_STAT | STALE_IO | STALE_STATUS;
    bool by_turns = ran && s->interval_ns < NS_PER_S && s->ran_before > SAMPLER_FEW_RAN;
    unsigned turn = (unsigned)((s->tick + p->entity) % TURNS);
    bool stat = (p->stale & STALE_STAT) != 0 && (!by_turns || turn == 0);
    bool io = (p->stale & STALE_IO) != 0 && (!by_turns || turn == 1);
    bool memory =
        by_turns ? turn == 2 : ran || p->stale != 0 || s->now_ns - p->rss_ns >= rss_every_ns(s);
    bool status = (p->stale & STALE_STATUS) != 0 &&
                  (s->now_ns >= p->status_ns || s->ran_before <= VERY_FEW_RAN);
    bool stat_due = stat || p->stat_due;
    p->stale &= ~((stat ? STALE_STAT : 0u) | (io ? STALE_IO : 0u));
    p->stat_due = false;
    if (stat_due && wanted(p, GROUP_STAT) && read_stat(s, p, groups) == GONE)
        return false;
    if (memory && (*groups & GROUP(GROUP_MEMORY)) == 0 && wanted(p, GROUP_MEMORY) &&
        read_memory(s, p, groups) == GONE)
        return false;
    if (io && wanted(p, GROUP_IO) && read_io(s, p, groups) == GONE)
        return false;
    return !status || read_status_and_fds(s, p, groups);
}

/* What the detail thread brought back since the last tick. */
static uint32_t take_detail(struct sampler *s, struct process *p)
{
    const struct detail_result *r = &p->detail;
    uint32_t groups = 0;
    p->detail_ready = false;
    if (outcome_of(s, p, GROUP_SMAPS, r->smaps_error) == TAKEN) {
        set_fields(p, PROCESS_PSS, r->smaps, r->smaps_valid, SMAPS_FIELDS);
        groups |= GROUP(GROUP_SMAPS);
    }
    if (outcome_of(s, p, GROUP_TCP, r->tcp_error) == TAKEN) {
        set_fields(p, PROCESS_TCP_ESTABLISHED, r->tcp, r->tcp_valid, TCP_FIELDS);
        groups |= GROUP(GROUP_TCP);
    }
    if (r->drm_valid != 0) {
        set_fields(p, PROCESS_DRM_ENGINE, r->drm, r->drm_valid, DRM_FIELDS);
        groups |= GROUP(GROUP_DRM);
    }
    if (r->census_error == 0 && p->threads) {
        set(p, PROCESS_VOLUNTARY_SWITCHES, r->voluntary_switches);
        set(p, PROCESS_INVOLUNTARY_SWITCHES, r->involuntary_switches);
        groups |= GROUP(GROUP_SWITCHES) | set_places(p, r);
    }
    return groups;
}

#define DETAIL_EVERY_NS (NS_PER_S / 5)
#define DETAIL_ASKED_MAX 32 /* a tick; the thread's budget decides how soon they come back */

static bool wants_detail(const struct sampler *s, const struct process *p)
{
    return !p->busy && p->detail_ran && !p->zombie && s->detail != NULL &&
           (wanted(p, GROUP_SMAPS) || wanted(p, GROUP_TCP) || p->threads);
}

static void ask_detail(struct sampler *s, struct process *p)
{
    if (!wants_detail(s, p) || s->now_ns < p->detail_ns)
        return;
    p->detail_ns = s->now_ns + DETAIL_EVERY_NS;
    if (s->asked >= DETAIL_ASKED_MAX) {
        p->detail_ns += p->entity % 8 * DETAIL_EVERY_NS; /* not all of them again at one tick */
        return;
    }
    p->detail_ran = false;
    p->census = p->threads;
    s->asked++;
    detail_ask(s->detail, p);
}

/* When a process that stands still is to be looked at all the same. */
static uint64_t next_look(const struct sampler *s, const struct process *p)
{
    uint64_t due = p->rss_ns + rss_every_ns(s);
    if ((p->stale & (STALE_STAT | STALE_IO)) != 0)
        return 0; /* left out by its turn */
    if ((p->stale & STALE_STATUS) != 0 && p->status_ns < due)
        due = p->status_ns;
    if (wants_detail(s, p) && p->detail_ns < due)
        due = p->detail_ns;
    return due;
}

/* The way of those that ran, or are due. */
static bool look(struct sampler *s, struct process *p, bool ran, uint64_t cpu_ns)
{
    uint32_t groups = GROUP(GROUP_CLOCK);
    set(p, PROCESS_CPU, cpu_ns);
    s->ran += ran;
    p->detail_ran |= ran;
    if (!read_stale(s, p, ran, &groups))
        return false;
    if (p->detail_ready)
        groups |= take_detail(s, p);
    if (p->gpu.changed)
        groups |= GROUP(GROUP_GPU);
    p->gpu.changed = false;
    ask_detail(s, p);
    sampler_count(s, p);
    if (p->handle != NULL)
        s->sink.put(s->sink.user, p->handle, ENTITY_PROCESS, groups, !ran, p->value, p->known);
    return true;
}

bool process_stood_still(struct sampler *s, struct slot *slot, uint64_t cpu_ns)
{
    if (cpu_ns != slot->cpu_ns || s->now_ns >= slot->due_ns)
        return false;
    const struct process *p = slot->process;
    if (s->sink.idle != NULL && p->handle != NULL)
        s->sink.idle(s->sink.user, p->handle, p->value, p->known);
    return true;
}

bool process_sample(struct sampler *s, struct slot *slot)
{
    uint64_t cpu_ns;
    if (cpu_clock_read(slot->pid, &cpu_ns) != 0)
        return false;
    if (process_stood_still(s, slot, cpu_ns))
        return true;
    struct process *p = slot->process;
    bool first = (p->known & BIT(PROCESS_CPU)) == 0;
    if (!look(s, p, first || cpu_ns != slot->cpu_ns, cpu_ns))
        return false;
    slot->cpu_ns = cpu_ns;
    slot->due_ns = next_look(s, p);
    slot->threads = p->threads;
    return true;
}

void process_sample_final(struct sampler *s, struct process *p)
{
    uint64_t cpu_ns;
    uint32_t groups = 0;
    if (cpu_clock_read(p->pid, &cpu_ns) == 0) {
        set(p, PROCESS_CPU, cpu_ns);
        groups |= GROUP(GROUP_CLOCK);
    }
    if (wanted(p, GROUP_STAT))
        read_stat(s, p, &groups);
    if (wanted(p, GROUP_IO))
        read_io(s, p, &groups);
    p->final_groups |= groups;
}
