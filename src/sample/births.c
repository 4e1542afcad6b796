/* How processes enter the recording, change by exec, and leave it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sample/sampler_state.h"
#include "source/pidfd.h"

#define ARGV_CAP \
    (2u << 20) /* the kernel's own bound on arguments and environment is of this size */
#define LINK_CAP 4096
#define DESCRIPTORS_EACH (PROCESS_FILES + 2) /* the files, the directory, the pidfd */

static struct span span_of(const struct buffer *b)
{
    return (struct span){b->data, b->len};
}

/* Reads the command line, exe and, for births, cwd. Returns BIRTH_ARGV_CUT or 0. */
static uint64_t read_texts(struct sampler *s, struct process *p, bool with_cwd)
{
    bool cut = false;
    buffer_clear(&s->argv);
    buffer_clear(&s->exe);
    buffer_clear(&s->cwd);
    proc_arguments_read(&s->root, &p->files, ARGV_CAP, &s->argv, &cut);
    proc_link_read(&s->root, &p->files, "exe", LINK_CAP, &s->exe);
    if (with_cwd)
        proc_link_read(&s->root, &p->files, "cwd", LINK_CAP, &s->cwd);
    return cut ? BIRTH_ARGV_CUT : 0;
}

/* Takes the kept descriptors of the oldest process that still has some; it goes on without. */
void sampler_make_room(struct sampler *s)
{
    for (; s->oldest_kept < s->count; s->oldest_kept++) {
        struct process *p = s->slots[s->oldest_kept].process;
        if (p->busy)
            continue;
        int released = process_files_release(&p->files);
        if (released > 0) {
            s->kept -= DESCRIPTORS_EACH - 1; /* the pidfd stays */
            s->oldest_kept++;
            return;
        }
    }
}

static int append(struct sampler *s, struct process *p)
{
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 64 : s->cap * 2;
        struct slot *grown = realloc(s->slots, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        s->slots = grown;
        s->cap = cap;
    }
    int r = map_put(&s->by_pid, (uint32_t)p->pid, (uint64_t)(uintptr_t)p);
    if (r != 0)
        return r;
    p->slot = s->count++;
    s->slots[p->slot] = (struct slot){.pid = p->pid, .process = p};
    return 0;
}

static uint32_t parent_entity(const struct sampler *s, pid_t parent)
{
    const uint64_t *at = map_get(&s->by_pid, (uint32_t)parent);
    return at == NULL ? 0 : ((const struct process *)(uintptr_t)*at)->entity;
}

static void record_birth(struct sampler *s, struct process *p, const struct follow_birth *birth)
{
    struct proc_owner owner = {0};
    if (proc_owner_read(&s->root, &p->files, &owner) != 0)
        owner.uid = UINT32_MAX;
    uint64_t flags = read_texts(s, p, true);
    flags |= (birth->root ? BIRTH_ROOT : 0) | (birth->forked ? BIRTH_FORKED : 0);
    const struct proc_stat *stat = &birth->stat;
    struct record r = {
        .type = RECORD_BIRTH,
        .birth = {.entity = p->entity,
                  .time_ns = p->born_ns,
                  .pid = (uint64_t)p->pid,
                  .inner_pid = (uint64_t)owner.inner_pid,
                  .parent_entity = parent_entity(s, stat->parent_pid),
                  .parent_pid = (uint64_t)stat->parent_pid,
                  .process_group = (uint64_t)stat->process_group,
                  .session = (uint64_t)stat->session,
                  .uid = owner.uid,
                  .start_boot_ns = stat->start_ticks * s->root.tick_ns,
                  .flags = flags,
                  .comm = {(const uint8_t *)stat->comm, strnlen(stat->comm, COMM_CAP)},
                  .exe = span_of(&s->exe),
                  .cwd = span_of(&s->cwd),
                  .argv = span_of(&s->argv)},
    };
    s->sink.record(s->sink.user, &r);
}

static int pidfd_for(struct sampler *s, pid_t pid)
{
    int fd = pidfd_of(pid);
    if (fd == -EMFILE) {
        sampler_make_room(s);
        fd = pidfd_of(pid);
    }
    return fd < 0 ? -1 : fd;
}

static void open_files(struct sampler *s, struct process *p)
{
    if (s->kept + DESCRIPTORS_EACH > s->descriptors)
        sampler_make_room(s);
    bool keep = s->kept + DESCRIPTORS_EACH <= s->descriptors;
    if (process_files_open(&s->root, p->pid, keep, &p->files) == -EMFILE) {
        sampler_make_room(s);
        process_files_open(&s->root, p->pid, keep, &p->files);
    }
    s->kept += p->files.keep ? DESCRIPTORS_EACH - 1 : 0;
    p->pidfd = s->kept < s->descriptors ? pidfd_for(s, p->pid) : -1;
    s->kept += p->pidfd >= 0;
}

struct process *sampler_admit(struct sampler *s, const struct follow_birth *birth)
{
    struct process *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->pid = birth->pid;
    p->entity = s->next_entity++;
    p->start_ticks = birth->stat.start_ticks;
    p->start_stack = birth->stat.start_stack;
    memcpy(p->comm, birth->stat.comm, sizeof p->comm);
    p->born_ns = clock_mono_ns();
    p->detail_ns =
        p->born_ns + NS_PER_S / 5; /* a process that ends before is not worth a slow look */
    p->detail_ran = true;
    p->files = (struct process_files){.pid = p->pid, .dir_fd = -1};
    for (int f = 0; f < PROCESS_FILES; f++)
        p->files.fd[f] = -1;
    open_files(s, p);
    if (append(s, p) != 0) {
        sampler_drop(s, p);
        return NULL;
    }
    record_birth(s, p, birth);
    p->handle = s->sink.add(s->sink.user, p->entity, ENTITY_PROCESS);
    s->seen++;
    sampler_count(s, p);
    return p;
}

/* A new stack means a new program; without permission to see it, a new name must do. */
void sampler_check_exec(struct sampler *s, struct process *p, const struct proc_stat *stat)
{
    bool stacks = p->start_stack != 0 && stat->start_stack != 0;
    bool renamed = strncmp(p->comm, stat->comm, sizeof p->comm) != 0;
    bool execed = stacks ? p->start_stack != stat->start_stack : renamed;
    if (stat->value[STAT_STATE] == 'Z' || (!execed && !renamed))
        return;
    memcpy(p->comm, stat->comm, sizeof p->comm);
    if (stat->start_stack != 0)
        p->start_stack = stat->start_stack;
    if (!execed)
        return;
    p->denied = 0;
    uint64_t flags = read_texts(s, p, false);
    struct record r = {
        .type = RECORD_EXEC,
        .exec = {.entity = p->entity,
                 .time_ns = s->now_ns,
                 .flags = flags,
                 .comm = {(const uint8_t *)p->comm, strnlen(p->comm, COMM_CAP)},
                 .exe = span_of(&s->exe),
                 .argv = span_of(&s->argv)},
    };
    s->sink.record(s->sink.user, &r);
}

static void record_exit(struct sampler *s, struct process *p, int status,
                        const struct rusage *usage)
{
    struct record r = {.type = RECORD_EXIT,
                       .exit = {.entity = p->entity, .time_ns = clock_mono_ns()}};
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
    const uint64_t *at = map_get(&s->by_pid, (uint32_t)p->value[PROCESS_PARENT_PID]);
    if ((p->known >> PROCESS_PARENT_PID & 1) == 0 || at == NULL)
        return;
    struct process *parent = (struct process *)(uintptr_t)*at;
    parent->stat_due = true;
    s->slots[parent->slot].due_ns = 0;
}

void sampler_end(struct sampler *s, struct process *p, int status, const struct rusage *usage)
{
    if (p->ended)
        return;
    int from_pidfd;
    if (status < 0 && p->pidfd >= 0 && pidfd_exit_status(p->pidfd, &from_pidfd) == 0)
        status = from_pidfd;
    if (status < 0 && p->zombie)
        status = p->zombie_status;
    record_exit(s, p, status, usage);
    mark_parent(s, p);
    p->ended = true;
    s->slots[p->slot].pid = 0;
    sampler_count(s, p);
    const uint64_t *at = map_get(&s->by_pid, (uint32_t)p->pid);
    if (at != NULL && *at == (uint64_t)(uintptr_t)p)
        map_remove(&s->by_pid, (uint32_t)p->pid);
    if (s->follow != NULL)
        s->mechanism->forget(s->follow, p->pid);
}

void sampler_drop(struct sampler *s, struct process *p)
{
    if (p->handle != NULL)
        s->sink.remove(s->sink.user, p->handle, ENTITY_PROCESS);
    p->handle = NULL;
    if (p->busy) {
        /* The detail thread has it; the list of looked-at processes will bring it back. */
        p->in_limbo = true;
        return;
    }
    s->kept -= p->files.keep ? DESCRIPTORS_EACH - 1 : 0;
    s->kept -= p->pidfd >= 0;
    process_files_close(&p->files);
    if (p->pidfd >= 0)
        close(p->pidfd);
    free(p);
}
