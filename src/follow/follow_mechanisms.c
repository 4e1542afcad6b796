#include <string.h>

#include "config.h"
#include "follow/follow.h"

const struct follow_mechanism *const follow_mechanisms[] = {
#ifdef HAVE_BPF
    &follow_bpf,
#endif
    &follow_connector_taskstats,
    &follow_connector,
    &follow_perf,
    &follow_poll,
    &follow_ptrace,
    NULL};

const struct follow_mechanism *follow_mechanism_find(const char *name)
{
    for (size_t i = 0; follow_mechanisms[i] != NULL; i++)
        if (strcmp(follow_mechanisms[i]->name, name) == 0)
            return follow_mechanisms[i];
    return NULL;
}
