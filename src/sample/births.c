/* How processes enter the recording, and change by exec. */
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
#define DETAIL_AFTER_NS (NS_PER_S / 5)       /* what ends before is not worth a slow look */

static struct span span_of(const struct buffer *b)
{
    return (struct span){b->data, b->len};
}

static struct span comm_of(const struct process *p)
{
    return (struct span){(const uint8_t *)p->comm, strnlen(p->comm, COMM_CAP)};
}

#define TEXT_ARGV 1u
#define TEXT_EXE 2u
#define TEXT_CWD 4u

/* Reads what is wanted of the command line, exe and cwd; the others become empty. BIRTH_ARGV_CUT or
 * 0. */
static uint64_t read_texts(struct sampler *s, const struct process *p, unsigned wanted)
{
    bool cut = false;
    buffer_clear(&s->argv);
    buffer_clear(&s->exe);
    buffer_clear(&s->cwd);
    if ((wanted & TEXT_ARGV) != 0)
        proc_arguments_read(&s->root, &p->files, ARGV_CAP, &s->argv, &cut);
    if ((wanted & TEXT_EXE) != 0)
        proc_link_read(&s->root, &p->files, "exe", LINK_CAP, &s->exe);
    if ((wanted & TEXT_CWD) != 0)
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
    p->slot = s->count++;
    p->stage = STAGE_SAMPLED;
    s->slots[p->slot] = (struct slot){.pid = p->pid, .process = p};
    return 0;
}

static int append_told(struct sampler *s, struct process *p)
{
    if (s->told_count == s->told_cap) {
        size_t cap = s->told_cap == 0 ? 64 : s->told_cap * 2;
        struct process **grown = realloc(s->told, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        s->told = grown;
        s->told_cap = cap;
    }
    p->stage = STAGE_TOLD;
    s->told[s->told_count++] = p;
    if ((s->tells & FOLLOW_TELLS_ACCOUNTS) == 0)
        young_add(&s->young, p->pid, p->entity, p->born_ns);
    return 0;
}

/* ---- descriptors ---- */

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
    bool wants_status = (s->tells & FOLLOW_TELLS_STATUS) == 0;
    p->pidfd = wants_status && s->kept < s->descriptors ? pidfd_for(s, p->pid) : -1;
    s->kept += p->pidfd >= 0;
}

/* ---- births ---- */

static uint32_t parent_entity(const struct sampler *s, pid_t parent)
{
    const struct process *p = sampler_process_lately(s, parent);
    return p == NULL ? 0 : p->entity;
}

static void record_birth(struct sampler *s, struct process *p, const struct follow_birth *birth)
{
    struct proc_owner owner = {.uid = birth->uid, .inner_pid = birth->inner_pid};
    bool later = p->stage == STAGE_TOLD;
    if (!later && s->processes && proc_owner_read(&s->root, &p->files, &owner) != 0)
        owner.uid = UINT32_MAX;
    unsigned wanted = birth->fresh ? 0 : TEXT_ARGV | TEXT_EXE | (later ? 0 : TEXT_CWD);
    uint64_t flags = read_texts(s, p, wanted);
    p->argv_unknown = (wanted & TEXT_ARGV) != 0 && s->argv.len == 0;
    flags |= birth->fresh || later ? BIRTH_INHERITS : 0;
    flags |= (birth->root ? BIRTH_ROOT : 0) | (birth->forked ? BIRTH_FORKED : 0);
    struct record r = {
        .type = RECORD_BIRTH,
        .birth = {.entity = p->entity,
                  .time_ns = p->born_ns,
                  .pid = (uint64_t)p->pid,
                  .inner_pid = (uint64_t)owner.inner_pid,
                  .parent_entity = parent_entity(s, birth->parent_pid),
                  .parent_pid = (uint64_t)birth->parent_pid,
                  .process_group = (uint64_t)birth->process_group,
                  .session = (uint64_t)birth->session,
                  .uid = owner.uid,
                  .start_boot_ns = birth->start_boot_ns,
                  .flags = flags,
                  .comm = comm_of(p),
                  .exe = span_of(&s->exe),
                  .cwd = span_of(&s->cwd),
                  .argv = span_of(&s->argv)},
    };
    s->sink.record(s->sink.user, &r);
}

static struct process *process_new(struct sampler *s, const struct follow_birth *birth)
{
    struct process *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->pid = birth->pid;
    p->parent_pid = birth->parent_pid;
    p->uid = birth->uid;
    p->session = birth->session;
    p->start_ticks = birth->start_boot_ns / s->root.tick_ns;
    p->start_stack = birth->start_stack;
    memcpy(p->comm, birth->comm, sizeof p->comm);
    p->born_ns = birth->time_ns != 0 ? birth->time_ns : clock_mono_ns();
    p->detail_ns = p->born_ns + DETAIL_AFTER_NS;
    p->detail_ran = true;
    p->files = process_files_unkept(p->pid);
    p->pidfd = -1;
    p->stage = STAGE_UNLOOKED;
    if (map_put(&s->by_pid, (uint32_t)p->pid, (uint64_t)(uintptr_t)p) != 0) {
        free(p);
        return NULL;
    }
    p->entity = s->next_entity++;
    return p;
}

/*
 * Where it is to stand: told of, with a slot, or neither. The newly born may be gone in no time:
 * what costs is left until the next tick. 0 or -ENOMEM.
 */
static int place(struct sampler *s, struct process *p, bool newborn)
{
    if (!s->processes)
        return 0;
    if (newborn)
        return append_told(s, p);
    sampler_take_told(s); /* they have the lower numbers: those are added in order */
    open_files(s, p);
    return append(s, p);
}

struct process *sampler_admit(struct sampler *s, const struct follow_birth *birth)
{
    map_remove(&s->to_reap, (uint32_t)birth->pid);
    struct process *before = sampler_process(s, birth->pid);
    if (before != NULL)
        sampler_end(s, before, birth->time_ns, -1, NULL);
    struct process *p = process_new(s, birth);
    if (p == NULL)
        return NULL;
    if (place(s, p, birth->fresh || birth->newborn) != 0) {
        sampler_drop(s, p);
        return NULL;
    }
    record_birth(s, p, birth);
    if (p->stage == STAGE_SAMPLED)
        p->handle = s->sink.add(s->sink.user, p->entity, ENTITY_PROCESS);
    s->seen++;
    sampler_count(s, p);
    return p;
}

/* ---- the first look at those that were told of ---- */

static void record_look(struct sampler *s, struct process *p)
{
    struct proc_owner owner = {.uid = UINT32_MAX};
    struct proc_stat stat = {0};
    if (p->uid == UINT32_MAX && proc_owner_read(&s->root, &p->files, &owner) != 0)
        owner.uid = UINT32_MAX;
    if (p->session == 0 && proc_stat_read(&s->root, &p->files, &stat) == 0)
        p->session = stat.session;
    unsigned wanted = TEXT_CWD | (p->execed ? TEXT_EXE : 0) | (p->argv_unknown ? TEXT_ARGV : 0);
    uint64_t flags = read_texts(s, p, wanted);
    struct record r = {.type = RECORD_LOOK,
                       .look = {.entity = p->entity,
                                .flags = flags,
                                .inner_pid = (uint64_t)owner.inner_pid,
                                .process_group = (uint64_t)stat.process_group,
                                .session = (uint64_t)stat.session,
                                .uid = owner.uid,
                                .exe = span_of(&s->exe),
                                .cwd = span_of(&s->cwd),
                                .argv = span_of(&s->argv)}};
    s->sink.record(s->sink.user, &r);
}

void sampler_take_told(struct sampler *s)
{
    for (size_t i = 0; i < s->told_count; i++) {
        struct process *p = s->told[i];
        if (p->ended) {
            sampler_drop(s, p);
            continue;
        }
        open_files(s, p);
        if (append(s, p) != 0) {
            p->stage = STAGE_UNLOOKED;
            continue;
        }
        record_look(s, p);
        p->handle = s->sink.add(s->sink.user, p->entity, ENTITY_PROCESS);
    }
    s->told_count = 0;
}

/* ---- execs ---- */

static void record_exec(struct sampler *s, const struct process *p, uint64_t time_ns,
                        uint64_t flags, struct span exe, struct span argv)
{
    struct record r = {.type = RECORD_EXEC,
                       .exec = {.entity = p->entity,
                                .time_ns = time_ns,
                                .flags = flags,
                                .comm = comm_of(p),
                                .exe = exe,
                                .argv = argv}};
    s->sink.record(s->sink.user, &r);
}

void sampler_exec(struct sampler *s, struct process *p, const struct follow_exec *exec)
{
    if (exec->comm[0] != '\0')
        memcpy(p->comm, exec->comm, sizeof p->comm);
    p->start_stack = 0;
    p->denied = 0;
    p->execed = true;
    unsigned wanted = (exec->has_argv ? 0 : TEXT_ARGV) | (exec->exe.n == 0 ? TEXT_EXE : 0);
    uint64_t flags = read_texts(s, p, wanted);
    struct span exe = exec->exe.n > 0 ? exec->exe : span_of(&s->exe);
    if (exec->has_argv) {
        flags = exec->argv_cut ? BIRTH_ARGV_CUT : 0;
    } else {
        p->argv_unknown = s->argv.len == 0;
    }
    record_exec(s, p, exec->time_ns, flags, exe, exec->has_argv ? exec->argv : span_of(&s->argv));
}

/* A process may rename itself. */
void sampler_rename(struct sampler *s, struct process *p, const char comm[COMM_CAP])
{
    if (strncmp(p->comm, comm, sizeof p->comm) == 0 || p->ended)
        return;
    memcpy(p->comm, comm, sizeof p->comm);
    struct record r = {
        .type = RECORD_LOOK,
        .look = {.entity = p->entity, .uid = UINT32_MAX, .comm = comm_of(p)},
    };
    s->sink.record(s->sink.user, &r);
}

/* An exec that nobody told of. */
static void record_seen_exec(struct sampler *s, struct process *p, const struct proc_stat *stat)
{
    if (stat->start_stack != 0)
        p->start_stack = stat->start_stack;
    memcpy(p->comm, stat->comm, sizeof p->comm);
    p->denied = 0;
    uint64_t flags = read_texts(s, p, TEXT_ARGV | TEXT_EXE);
    p->argv_unknown = s->argv.len == 0;
    record_exec(s, p, s->now_ns, flags, span_of(&s->exe), span_of(&s->argv));
}

/* A new stack means a new program; without permission to see it, a new name must do. */
void sampler_check_exec(struct sampler *s, struct process *p, const struct proc_stat *stat)
{
    bool told = (s->tells & FOLLOW_TELLS_EXECS) != 0;
    bool stacks = p->start_stack != 0 && stat->start_stack != 0;
    bool renamed = strncmp(p->comm, stat->comm, sizeof p->comm) != 0;
    bool execed = !told && (stacks ? p->start_stack != stat->start_stack : renamed);
    if (stat->value[STAT_STATE] == 'Z')
        return;
    if (execed)
        record_seen_exec(s, p, stat);
    else if (renamed)
        sampler_rename(s, p, stat->comm);
}

void sampler_look_over(struct sampler *s, struct process *p, const struct proc_stat *stat)
{
    if (p->argv_unknown && stat->start_stack != 0)
        record_seen_exec(s, p, stat);
    else
        sampler_check_exec(s, p, stat);
}
