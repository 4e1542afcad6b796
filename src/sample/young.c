#include "sample/young.h"

#include "source/proc_process.h"

#define YOUNG_NS (250 * NS_PER_MS) /* by then ticks have met it */

void young_add(struct young_list *list, pid_t pid, uint32_t entity, uint64_t now_ns)
{
    if (list->count < YOUNG_MAX)
        list->at[list->count++] = (struct young){
            .pid = pid, .entity = entity, .born_ns = now_ns, .look_over_age_ns = YOUNG_EXEC_NS};
}

size_t young_look(struct young_list *list, uint64_t now_ns, pid_t *ret_gone)
{
    size_t kept = 0, gone = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct young young = list->at[i];
        bool there = cpu_clock_read(young.pid, &young.cpu_ns) == 0;
        if (!there)
            ret_gone[gone++] = young.pid;
        if (!there || now_ns < young.born_ns + YOUNG_NS)
            list->at[kept++] = young;
    }
    list->count = kept;
    return gone;
}

const struct young *young_to_look_over(struct young_list *list, uint64_t now_ns)
{
    for (size_t i = 0; i < list->count; i++) {
        struct young *young = &list->at[i];
        if (now_ns < young->born_ns + young->look_over_age_ns)
            continue;
        young->look_over_age_ns *= 4;
        return young;
    }
    return NULL;
}

bool young_take(struct young_list *list, uint32_t entity, uint64_t *ret_cpu_ns)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i].entity != entity)
            continue;
        *ret_cpu_ns = list->at[i].cpu_ns;
        list->at[i] = list->at[--list->count];
        return true;
    }
    return false;
}
