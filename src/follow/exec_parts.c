#include <stdlib.h>

#include "base/buffer.h"
#include "follow/exec_parts.h"

struct exec_part {
    struct follow_exec exec;
    struct buffer exe, argv;
    size_t wanted;
};

static struct exec_part *pointer(uint64_t value)
{
    return (struct exec_part *)(uintptr_t)value; /* NOLINT */
}

static struct span span_of(const struct buffer *b)
{
    return (struct span){b->data, b->len};
}

static void part_free(struct exec_part *p)
{
    buffer_done(&p->exe);
    buffer_done(&p->argv);
    free(p);
}

void exec_parts_done(struct exec_parts *parts)
{
    for (size_t i = 0; i < parts->begun.cap; i++)
        if (parts->begun.slots[i].key != 0)
            part_free(pointer(parts->begun.slots[i].value));
    map_done(&parts->begun);
}

void exec_parts_finish(struct exec_parts *parts, pid_t pid)
{
    const uint64_t *at = map_get(&parts->begun, (uint32_t)pid);
    if (at == NULL)
        return;
    struct exec_part *p = pointer(*at);
    map_remove(&parts->begun, (uint32_t)pid);
    p->exec.exe = span_of(&p->exe);
    p->exec.argv = span_of(&p->argv);
    p->exec.argv_cut = p->argv.len < p->wanted || p->argv.failed;
    parts->sink.exec(parts->sink.user, &p->exec);
    part_free(p);
}

void exec_parts_begin(struct exec_parts *parts, const struct follow_exec *exec, size_t wanted)
{
    exec_parts_finish(parts, exec->pid);
    struct exec_part *p = calloc(1, sizeof *p);
    if (p == NULL || map_put(&parts->begun, (uint32_t)exec->pid, (uintptr_t)p) != 0) {
        free(p);
        struct follow_exec cut = *exec;
        cut.argv_cut = true;
        parts->sink.exec(parts->sink.user, &cut);
        return;
    }
    p->exec = *exec;
    p->wanted = wanted;
    buffer_put(&p->exe, exec->exe.bytes, exec->exe.n);
    buffer_put(&p->argv, exec->argv.bytes, exec->argv.n);
}

void exec_parts_more(struct exec_parts *parts, pid_t pid, const void *bytes, size_t n)
{
    const uint64_t *at = map_get(&parts->begun, (uint32_t)pid);
    if (at == NULL)
        return;
    struct exec_part *p = pointer(*at);
    size_t left = p->wanted - p->argv.len;
    buffer_put(&p->argv, bytes, n < left ? n : left);
    if (p->argv.len >= p->wanted || p->argv.failed)
        exec_parts_finish(parts, pid);
}
