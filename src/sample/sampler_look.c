#include "sample/sampler_state.h"

void sampler_look(const struct sampler *s, struct sampler_now *ret)
{
    *ret = (struct sampler_now){s->sums.processes, s->sums.rss, s->ended_cpu_ns};
    for (size_t i = 0; i < s->count; i++)
        ret->cpu_ns += s->slots[i].cpu_ns;
}
