#include "analyse/scope_moment.h"

#include <string.h>

#include "analyse/labels.h"

void moment_ask(struct moment *m, const struct tacho_recording *rec, uint32_t entity,
                uint64_t time_ns)
{
    *m = (struct moment){.entity = entity, .time_ns = time_ns};
    if (entity != 0)
        m->label = labels_last(rec, entity, time_ns);
}

void moment_ask_all(struct moment *m, const struct tacho_recording *rec, uint64_t time_ns)
{
    *m = (struct moment){.everybody = true, .time_ns = time_ns};
    m->label = labels_last(rec, UINT32_MAX, time_ns);
}

uint64_t moment_look_ns(const struct moment *m, const struct scope_thread *t)
{
    bool asked = m->everybody || (m->entity != 0 && t->thread->entity == m->entity);
    return asked ? m->time_ns : TACHO_TIME_UNKNOWN;
}

static bool comes_before(const struct moment_stack *a, const struct moment_stack *b)
{
    if (a->main != b->main)
        return a->main;
    if (a->begin_ns != b->begin_ns)
        return a->begin_ns > b->begin_ns;
    return a->thread->id < b->thread->id;
}

static void describe(struct moment_stack *stack, const struct scope_thread *t)
{
    size_t half = MOMENT_SCOPES_MAX / 2;
    *stack = (struct moment_stack){
        .thread = t->thread,
        .main = t->main,
        .begin_ns = t->frame[t->depth - 1].begin_ns,
        .depth = t->depth + t->too_deep,
    };
    for (size_t i = 0; i < t->depth; i++)
        if (t->depth <= MOMENT_SCOPES_MAX || i < half || i >= t->depth - half)
            stack->site[stack->scopes++] = t->frame[i].site;
}

void moment_take(struct moment *m, const struct scope_thread *t)
{
    struct moment_stack stack;
    if (t->depth == 0)
        return;
    m->threads++;
    describe(&stack, t);
    size_t at = m->stacks;
    while (at > 0 && comes_before(&stack, &m->stack[at - 1]))
        at--;
    if (at == MOMENT_STACKS_MAX)
        return;
    if (m->stacks < MOMENT_STACKS_MAX)
        m->stacks++;
    memmove(&m->stack[at + 1], &m->stack[at], (m->stacks - 1 - at) * sizeof stack);
    m->stack[at] = stack;
}
