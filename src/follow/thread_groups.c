#include "follow/thread_groups.h"

#include <stdlib.h>
#include <string.h>

#define CORE_DUMPED 0x80 /* in a wait status: only the thread that dumped has it */

/* ---- places ---- */

void thread_groups_done(struct thread_groups *groups)
{
    map_done(&groups->by_pid);
    map_done(&groups->awaiting);
    free(groups->places);
    free(groups->vacant);
    *groups = (struct thread_groups){0};
}

static struct thread_group *at_place(const struct thread_groups *groups, const uint64_t *place)
{
    return place == NULL ? NULL : &groups->places[*place];
}

struct thread_group *thread_groups_find(const struct thread_groups *groups, pid_t pid)
{
    return at_place(groups, map_get(&groups->by_pid, (uint32_t)pid));
}

/* As many may be vacant as there are places: room is made for both at once. */
static bool grow(struct thread_groups *groups)
{
    size_t cap = groups->cap == 0 ? 64 : groups->cap * 2;
    struct thread_group *places = realloc(groups->places, cap * sizeof *places);
    if (places == NULL)
        return false;
    groups->places = places;
    uint32_t *vacant = realloc(groups->vacant, cap * sizeof *vacant);
    if (vacant == NULL)
        return false;
    groups->vacant = vacant;
    groups->cap = cap;
    return true;
}

struct thread_group *thread_groups_add(struct thread_groups *groups, pid_t pid, uint64_t found_ns)
{
    if (groups->vacant_count == 0 && groups->count == groups->cap && !grow(groups))
        return NULL;
    bool reused = groups->vacant_count > 0;
    size_t place = reused ? groups->vacant[groups->vacant_count - 1] : groups->count;
    if (map_put(&groups->by_pid, (uint32_t)pid, place) != 0)
        return NULL;
    groups->vacant_count -= reused;
    groups->count += !reused;
    struct thread_group *g = &groups->places[place];
    *g = (struct thread_group){.pid = pid,
                               .threads = found_ns == 0,
                               .found_ns = found_ns,
                               .whole = found_ns == 0,
                               .leader_ended = found_ns != 0};
    return g;
}

static void vacate(struct thread_groups *groups, const struct thread_group *g)
{
    groups->vacant[groups->vacant_count++] = (uint32_t)(g - groups->places);
}

void thread_groups_drop(struct thread_groups *groups, struct thread_group *g)
{
    map_remove(&groups->by_pid, (uint32_t)g->pid);
    vacate(groups, g);
}

/* One of the same pid may wait already, when its pid came round within one look: it is given up. */
void thread_groups_await(struct thread_groups *groups, struct thread_group *g, uint32_t entity)
{
    struct thread_group *before = at_place(groups, map_get(&groups->awaiting, (uint32_t)g->pid));
    map_remove(&groups->by_pid, (uint32_t)g->pid);
    if (before != NULL)
        vacate(groups, before);
    g->entity = entity;
    if (map_put(&groups->awaiting, (uint32_t)g->pid, (uint64_t)(g - groups->places)) != 0)
        vacate(groups, g);
}

void thread_groups_settle(struct thread_groups *groups,
                          void (*each)(void *user, const struct thread_group *g), void *user)
{
    struct map *awaiting = &groups->awaiting;
    for (size_t i = 0; awaiting->count > 0 && i < awaiting->cap; i++)
        if (awaiting->slots[i].key != 0) {
            const struct thread_group *g = &groups->places[awaiting->slots[i].value];
            each(user, g);
            vacate(groups, g);
            awaiting->slots[i].key = 0;
            awaiting->count--;
        }
}

void thread_groups_doubt(struct thread_groups *groups)
{
    for (size_t i = 0; i < groups->by_pid.cap; i++) {
        if (groups->by_pid.slots[i].key == 0)
            continue;
        struct thread_group *g = &groups->places[groups->by_pid.slots[i].value];
        g->threads = 0;
        g->whole = false;
        g->leader_ended = true;
    }
}

/* ---- one of them ---- */

void thread_group_grows(struct thread_group *g)
{
    g->threads += g->threads > 0;
}

static void note_status(int *known, int status)
{
    if (((*known ^ status) & ~CORE_DUMPED) == 0)
        *known |= status;
    else if (status != 0)
        *known = status;
}

enum thread_group_state thread_group_shrinks(struct thread_group *g, const struct task_event *e)
{
    bool leader = e->tid == e->process;
    note_status(leader ? &g->leader_status : &g->thread_status, e->status);
    g->exited++;
    if (g->threads > 0)
        return --g->threads == 0 ? GROUP_ENDED : GROUP_LIVES;
    g->leader_ended |= leader;
    return g->leader_ended ? GROUP_UNSURE : GROUP_LIVES;
}

int thread_group_status(const struct thread_group *g)
{
    int status = g->leader_status;
    if (g->thread_status == 0)
        return status;
    note_status(&status, g->thread_status);
    return ((g->leader_status ^ status) & ~CORE_DUMPED) == 0 ? status : -1;
}

/* ---- accounts ---- */

static void add(struct task_account *sum, const struct task_account *a)
{
    sum->cpu_ns += a->cpu_ns;
    sum->user_ns += a->user_ns;
    sum->system_ns += a->system_ns;
    sum->minor_faults += a->minor_faults;
    sum->major_faults += a->major_faults;
    sum->voluntary_switches += a->voluntary_switches;
    sum->involuntary_switches += a->involuntary_switches;
}

/* All threads have the same memory but those that an exec has ended, which had that before. */
static void take_peak(struct thread_group *g, const struct task_account *a)
{
    if (a->last || (!g->final_peak && a->peak_rss_bytes > g->sum.peak_rss_bytes))
        g->sum.peak_rss_bytes = a->peak_rss_bytes;
    g->final_peak |= a->last;
}

/* Before Linux 5.19 other threads than the main one are not recognised. */
struct thread_group *thread_groups_take_account(struct thread_groups *groups,
                                                const struct task_account *a)
{
    uint32_t pid = (uint32_t)(a->process != 0 ? a->process : a->tid);
    struct thread_group *g = at_place(groups, map_get(&groups->awaiting, pid));
    if (g == NULL || g->accounts >= g->exited)
        g = thread_groups_find(groups, (pid_t)pid);
    if (g == NULL)
        return NULL;
    g->accounts++;
    add(&g->sum, a);
    take_peak(g, a);
    return g;
}

void thread_group_take_clock(struct thread_group *g, uint64_t clock_ns)
{
    if (clock_ns > g->clock_ns)
        g->clock_ns = clock_ns;
    g->has_clock = true;
}

/* As fs/proc divides it: where no tick fell it is all user's. */
static uint64_t user_part(uint64_t cpu_ns, uint64_t user_ns, uint64_t system_ns)
{
    if (system_ns == 0)
        return cpu_ns;
    double all = (double)cpu_ns,
           part = all * ((double)user_ns / ((double)user_ns + (double)system_ns));
    return part < all ? (uint64_t)part : cpu_ns;
}

void thread_group_account(const struct thread_group *g, struct record_account *ret)
{
    const struct task_account *sum = &g->sum;
    bool all = g->whole && g->accounts > 0 && g->accounts >= g->exited;
    uint64_t cpu_ns = g->has_clock ? g->clock_ns : 0;
    if (all && sum->cpu_ns > cpu_ns)
        cpu_ns = sum->cpu_ns;
    uint64_t known = (cpu_ns > 0 ? ACCOUNT_CPU : 0) | (all && cpu_ns > 0 ? ACCOUNT_SPLIT : 0) |
                     (all ? ACCOUNT_FAULTS | ACCOUNT_SWITCHES : 0) |
                     (sum->peak_rss_bytes > 0 ? ACCOUNT_PEAK_RSS : 0);
    uint64_t user_ns = user_part(cpu_ns, sum->user_ns, sum->system_ns);
    *ret = (struct record_account){
        .entity = g->entity,
        .known = known != 0 ? known | ACCOUNT_EARLY : 0,
        .cpu_ns = cpu_ns,
        .user_ns = user_ns,
        .system_ns = cpu_ns - user_ns,
        .minor_faults = sum->minor_faults,
        .major_faults = sum->major_faults,
        .voluntary_switches = sum->voluntary_switches,
        .involuntary_switches = sum->involuntary_switches,
        .peak_rss_bytes = sum->peak_rss_bytes,
    };
}
