#include "import/gathered.h"

#include <errno.h>
#include <stdlib.h>

void *array_add(struct array *array, size_t item_bytes)
{
    if (array->count == array->cap) {
        size_t cap = array->cap == 0 ? 64 : 2 * array->cap;
        void *grown = reallocarray(array->items, cap, item_bytes);
        if (grown == NULL)
            return NULL;
        array->items = grown;
        array->cap = cap;
    }
    return memset((char *)array->items + item_bytes * array->count++, 0, item_bytes);
}

void gathered_done(struct gathered *g)
{
    free(g->processes.items);
    free(g->points.items);
    free(g->values.items);
    free(g->labels.items);
    buffer_done(&g->texts);
    buffer_done(&g->names);
    *g = (struct gathered){0};
}

int gathered_begin(struct gathered *g, uint64_t pid, uint64_t start_ns, uint32_t *ret_process)
{
    struct gathered_process *p = array_add(&g->processes, sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    *p = (struct gathered_process){.pid = pid, .start_ns = start_ns};
    *ret_process = (uint32_t)(g->processes.count - 1);
    return 0;
}

struct gathered_process *gathered_process(const struct gathered *g, uint32_t process)
{
    return (struct gathered_process *)g->processes.items + process;
}

int gathered_add(struct gathered *g, uint32_t process, uint64_t time_ns, uint64_t known,
                 const uint64_t *value)
{
    struct gathered_process *p = gathered_process(g, process);
    if (g->points.count >= UINT32_MAX - 1)
        return -EOVERFLOW;
    size_t values = g->values.count;
    for (uint64_t left = known; left != 0; left &= left - 1) {
        uint64_t *at = array_add(&g->values, sizeof *at);
        if (at == NULL)
            return -ENOMEM;
        *at = value[__builtin_ctzll(left)];
    }
    struct gathered_point *point = array_add(&g->points, sizeof *point);
    if (point == NULL)
        return -ENOMEM;
    *point = (struct gathered_point){.time_ns = time_ns,
                                     .known = known,
                                     .values = values,
                                     .process = process,
                                     .number = (uint32_t)(g->points.count - 1)};
    if (p->points++ == 0)
        p->first_ns = time_ns;
    p->last_ns = time_ns;
    return 0;
}

int gathered_say(struct gathered *g, const void *text, size_t n)
{
    size_t at = g->texts.len;
    if (buffer_put(&g->texts, text, n) != 0)
        return -ENOMEM;
    struct gathered_label *label = array_add(&g->labels, sizeof *label);
    if (label == NULL)
        return -ENOMEM;
    *label = (struct gathered_label){
        .point = (uint32_t)(g->points.count - 1), .bytes = (uint32_t)n, .at = at};
    return 0;
}
