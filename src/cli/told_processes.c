#include "cli/told_processes.h"

#include <errno.h>
#include <stdlib.h>

#include "read/process_told.h"

struct told_process *told_process_of(const struct told_processes *told, uint32_t entity)
{
    const uint64_t *at = map_get(&told->by_entity, entity);
    return at == NULL ? NULL : (struct told_process *)(uintptr_t)*at;
}

static void set_comm(struct told_process *one, struct span comm)
{
    size_t n = comm.n < sizeof one->comm - 1 ? comm.n : sizeof one->comm - 1;
    if (n > 0) { /* what is empty was not found out */
        memcpy(one->comm, comm.bytes, n);
        one->comm[n] = '\0';
    }
    one->process.comm = one->comm;
}

static int set_argv(struct told_process *one, const void *argv, size_t n)
{
    if (n == one->argv.len && (n == 0 || memcmp(one->argv.data, argv, n) == 0))
        return 0;
    buffer_clear(&one->argv);
    buffer_put(&one->argv, argv, n);
    one->process.argv = (const char *)one->argv.data;
    one->process.argv_bytes = one->argv.len;
    one->changed = true;
    return one->argv.failed ? -ENOMEM : 0;
}

/* A process just forked is what its parent was at that moment. */
static int inherit(const struct told_processes *told, struct told_process *one)
{
    const struct told_process *parent = told_process_of(told, one->process.parent_entity);
    if (parent == NULL)
        return 0;
    if (one->comm[0] == '\0')
        memcpy(one->comm, parent->comm, sizeof one->comm);
    return one->argv.len > 0 ? 0 : set_argv(one, parent->argv.data, parent->argv.len);
}

static void link_last(struct told_processes *told, struct told_process *one)
{
    one->before = told->last;
    *(told->last != NULL ? &told->last->after : &told->first) = one;
    told->last = one;
}

static int take_birth(struct told_processes *told, const struct record_birth *birth)
{
    if (!id_valid(birth->entity))
        return 0;
    struct told_process *one = calloc(1, sizeof *one);
    if (one == NULL)
        return -ENOMEM;
    if (map_put(&told->by_entity, (uint32_t)birth->entity, (uint64_t)(uintptr_t)one) != 0) {
        free(one);
        return -ENOMEM;
    }
    link_last(told, one);
    one->process = process_of_birth(birth);
    process_place_start(&one->process, birth->start_boot_ns, &told->anchor);
    set_comm(one, birth->comm);
    int r = set_argv(one, birth->argv.bytes, birth->argv.n);
    return r == 0 && (birth->flags & BIRTH_INHERITS) != 0 ? inherit(told, one) : r;
}

static int take_program(const struct told_processes *told, uint64_t entity, struct span comm,
                        struct span argv, bool exec)
{
    struct told_process *one = told_process_of(told, (uint32_t)entity);
    if (one == NULL)
        return 0;
    set_comm(one, comm);
    return exec || argv.n > 0 ? set_argv(one, argv.bytes, argv.n) : 0;
}

int told_processes_take(struct told_processes *told, const struct record *r)
{
    struct told_process *one;
    switch (r->type) {
    case RECORD_BIRTH: return take_birth(told, &r->birth);
    case RECORD_EXEC: return take_program(told, r->exec.entity, r->exec.comm, r->exec.argv, true);
    case RECORD_LOOK: return take_program(told, r->look.entity, r->look.comm, r->look.argv, false);
    case RECORD_ACCOUNT:
        if ((one = told_process_of(told, (uint32_t)r->account.entity)) != NULL)
            process_take_account(&one->process, &r->account);
        return 0;
    case RECORD_EXIT:
        if ((one = told_process_of(told, (uint32_t)r->exit.entity)) != NULL)
            process_take_exit(&one->process, &r->exit);
        return 0;
    default: return 0;
    }
}

void told_process_forget(struct told_processes *told, struct told_process *one)
{
    *(one->before != NULL ? &one->before->after : &told->first) = one->after;
    *(one->after != NULL ? &one->after->before : &told->last) = one->before;
    map_remove(&told->by_entity, one->process.entity);
    buffer_done(&one->argv);
    free(one);
}

void told_processes_done(struct told_processes *told)
{
    while (told->first != NULL)
        told_process_forget(told, told->first);
    map_done(&told->by_entity);
}
