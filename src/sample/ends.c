/* How processes leave the recording. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "sample/sampler_state.h"
#include "source/pidfd.h"

void sampler_record_exit(struct sampler *s, uint32_t entity, uint64_t time_ns, int status,
                         const struct rusage *usage)
{
    struct record r = {
        .type = RECORD_EXIT,
        .exit = {.entity = entity, .time_ns = time_ns != 0 ? time_ns : clock_mono_ns()}};
    struct record_exit *exit = &r.exit;
    if (status >= 0) {
        exit->flags |= EXIT_STATUS;
        exit->status = (uint64_t)status;
    }
    if (usage != NULL) {
        exit->flags |= EXIT_RUSAGE;
        exit->user_ns = timeval_ns(usage->ru_utime);
        exit->system_ns = timeval_ns(usage->ru_stime);
        exit->peak_rss_bytes = (uint64_t)usage->ru_maxrss * 1024;
        exit->minor_faults = (uint64_t)usage->ru_minflt;
        exit->major_faults = (uint64_t)usage->ru_majflt;
        exit->read_blocks = (uint64_t)usage->ru_inblock;
        exit->write_blocks = (uint64_t)usage->ru_oublock;
        exit->voluntary_switches = (uint64_t)usage->ru_nvcsw;
        exit->involuntary_switches = (uint64_t)usage->ru_nivcsw;
    }
    s->sink.record(s->sink.user, &r);
}

/* Its last parent has, or will have, taken its times: they must be read again. */
static void mark_parent(struct sampler *s, const struct process *p)
{
    bool sampled = (p->known >> PROCESS_PARENT_PID & 1) != 0;
    pid_t pid = sampled ? (pid_t)p->value[PROCESS_PARENT_PID] : p->parent_pid;
    struct process *parent = sampler_process(s, pid);
    if (parent == NULL || parent->stage != STAGE_SAMPLED)
        return;
    parent->stat_due = true;
    s->slots[parent->slot].due_ns = 0;
}

/* The process, as a zombie, may still be there: then its clock says all. */
static bool read_last_clock(struct sampler *s, struct process *p, uint64_t *ret_ns)
{
    struct proc_stat stat;
    return cpu_clock_read(p->pid, ret_ns) == 0 && proc_stat_read(&s->root, &p->files, &stat) == 0 &&
           stat.start_ticks == p->start_ticks && stat.value[STAT_STATE] == 'Z';
}

/* Nobody will tell what it used in the end: what was seen of its clock is its account. */
static void account_young(struct sampler *s, struct process *p)
{
    struct record r = {.type = RECORD_ACCOUNT,
                       .account = {.entity = p->entity, .known = ACCOUNT_EARLY | ACCOUNT_CPU}};
    uint64_t last_ns;
    bool young = young_take(&s->young, p->entity, &r.account.cpu_ns);
    bool last = young && p->start_ticks != 0 && read_last_clock(s, p, &last_ns);
    if (last)
        r.account.cpu_ns = last_ns;
    if (young && r.account.cpu_ns > 0)
        s->sink.record(s->sink.user, &r);
}

void sampler_end(struct sampler *s, struct process *p, uint64_t time_ns, int status,
                 const struct rusage *usage)
{
    if (p->ended) {
        if (usage != NULL) /* its end was told of before we waited for it */
            sampler_record_exit(s, p->entity, time_ns, status, usage);
        return;
    }
    int from_pidfd;
    if (status < 0 && p->pidfd >= 0 && pidfd_exit_status(p->pidfd, &from_pidfd) == 0)
        status = from_pidfd;
    if (status < 0 && p->zombie)
        status = p->zombie_status;
    sampler_record_exit(s, p->entity, time_ns, status, usage);
    if ((s->tells & FOLLOW_TELLS_ACCOUNTS) == 0)
        account_young(s, p);
    mark_parent(s, p);
    p->ended = true;
    sampler_count(s, p);
    if (p->stage == STAGE_SAMPLED)
        s->slots[p->slot].pid = 0;
    if (s->follow != NULL && s->mechanism->forget != NULL)
        s->mechanism->forget(s->follow, p->pid);
    if (p->stage == STAGE_UNLOOKED)
        sampler_drop(s, p);
}

void sampler_drop(struct sampler *s, struct process *p)
{
    const uint64_t *at = map_get(&s->by_pid, (uint32_t)p->pid);
    if (at != NULL && *at == (uint64_t)(uintptr_t)p)
        map_remove(&s->by_pid, (uint32_t)p->pid);
    if (p->handle != NULL)
        s->sink.remove(s->sink.user, p->handle, ENTITY_PROCESS);
    p->handle = NULL;
    if (p->busy) {
        /* The detail thread has it; the list of looked-at processes will bring it back. */
        p->in_limbo = true;
        return;
    }
    s->kept -= p->files.keep ? PROCESS_FILES + 1 : 0;
    s->kept -= p->pidfd >= 0;
    process_files_close(&p->files);
    if (p->pidfd >= 0)
        close(p->pidfd);
    free(p);
}
