#include "read/process_told.h"

#include <limits.h>

/* What a file claims, brought into the API's narrower types. */
int int_of_number(uint64_t v)
{
    if (v > INT64_MAX) /* written from a negative number */
        return v < (uint64_t)INT_MIN ? INT_MIN : (int)(int64_t)v;
    return v > INT_MAX ? INT_MAX : (int)v;
}

static uint32_t u32_of(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* `ns` moved from one clock to another by the distance between two readings of them; 0 below 0. */
static uint64_t moved(uint64_t ns, uint64_t from, uint64_t to)
{
    if (to >= from)
        return ns > UINT64_MAX - (to - from) ? UINT64_MAX : ns + (to - from);
    return ns > from - to ? ns - (from - to) : 0;
}

void process_place_start(struct tacho_process *process, uint64_t start_boot_ns,
                         const struct record_anchor *anchor)
{
    if (start_boot_ns == 0) { /* not told: it was seen as it was born */
        process->start_ns = process->seen_ns;
        process->start_real_ns = moved(process->seen_ns, anchor->mono_ns, anchor->real_ns);
        return;
    }
    process->start_ns = moved(start_boot_ns, anchor->boot_ns, anchor->mono_ns);
    process->start_real_ns = moved(start_boot_ns, anchor->boot_ns, anchor->real_ns);
}

struct tacho_process process_of_birth(const struct record_birth *r)
{
    return (struct tacho_process){
        .entity = (uint32_t)r->entity,
        .parent_entity = id_valid(r->parent_entity) ? (uint32_t)r->parent_entity : 0,
        .flags = (uint32_t)(r->flags & (BIRTH_ROOT | BIRTH_FORKED)),
        .pid = int_of_number(r->pid),
        .inner_pid = int_of_number(r->inner_pid),
        .parent_pid = int_of_number(r->parent_pid),
        .process_group = int_of_number(r->process_group),
        .session = int_of_number(r->session),
        .uid = u32_of(r->uid),
        .start_ns = TACHO_TIME_UNKNOWN,
        .seen_ns = r->time_ns,
        .end_ns = TACHO_TIME_UNKNOWN,
        .comm = "",
        .exe = "",
        .cwd = "",
        .argv = "",
    };
}

/* The bits are the format's. */
_Static_assert(TACHO_ACCOUNT_CPU == ACCOUNT_CPU && TACHO_ACCOUNT_SPLIT == ACCOUNT_SPLIT &&
                   TACHO_ACCOUNT_CHILDREN == ACCOUNT_CHILDREN &&
                   TACHO_ACCOUNT_PEAK_RSS == ACCOUNT_PEAK_RSS &&
                   TACHO_ACCOUNT_FAULTS == ACCOUNT_FAULTS &&
                   TACHO_ACCOUNT_SWITCHES == ACCOUNT_SWITCHES && TACHO_ACCOUNT_IO == ACCOUNT_IO &&
                   TACHO_ACCOUNT_EARLY == ACCOUNT_EARLY,
               "accounts");

void process_take_account(struct tacho_process *process, const struct record_account *r)
{
    process->flags |= TACHO_PROCESS_ACCOUNT;
    process->account = (struct tacho_account){.known = r->known,
                                              .cpu_ns = r->cpu_ns,
                                              .user_ns = r->user_ns,
                                              .system_ns = r->system_ns,
                                              .children_user_ns = r->children_user_ns,
                                              .children_system_ns = r->children_system_ns,
                                              .peak_rss_bytes = r->peak_rss_bytes,
                                              .minor_faults = r->minor_faults,
                                              .major_faults = r->major_faults,
                                              .voluntary_switches = r->voluntary_switches,
                                              .involuntary_switches = r->involuntary_switches,
                                              .read_chars = r->read_chars,
                                              .write_chars = r->write_chars,
                                              .read_count = r->read_count,
                                              .write_count = r->write_count,
                                              .read_bytes = r->read_bytes,
                                              .write_bytes = r->write_bytes};
}

void process_take_exit(struct tacho_process *process, const struct record_exit *r)
{
    if ((process->flags & TACHO_PROCESS_ENDED) == 0)
        process->end_ns = r->time_ns;
    process->flags |= TACHO_PROCESS_ENDED;
    if ((r->flags & EXIT_STATUS) != 0) {
        process->flags |= TACHO_PROCESS_STATUS;
        process->wait_status = int_of_number(r->status);
    }
    if ((r->flags & EXIT_RUSAGE) != 0) {
        process->flags |= TACHO_PROCESS_RUSAGE;
        process->exact = (struct tacho_rusage){.user_ns = r->user_ns,
                                               .system_ns = r->system_ns,
                                               .peak_rss_bytes = r->peak_rss_bytes,
                                               .minor_faults = r->minor_faults,
                                               .major_faults = r->major_faults,
                                               .read_blocks = r->read_blocks,
                                               .write_blocks = r->write_blocks,
                                               .voluntary_switches = r->voluntary_switches,
                                               .involuntary_switches = r->involuntary_switches};
    }
}
