#include "export/busy.h"

/* "user" is without guests (format/metric.c), so those are added. */
uint64_t busy_mask(const struct metric_list *metrics, unsigned kind)
{
    static const char *const modes[] = {"user", "nice", "system", "irq", "softirq", "guest"};
    static const char *const clock[] = {"cpu"};
    bool is_clock = kind == TACHO_RECORDER;
    if (!is_clock && kind != TACHO_MACHINE && kind != TACHO_PROCESSOR)
        return 0;
    const char *const *names = is_clock ? clock : modes;
    uint64_t mask = 0;
    for (size_t i = 0; i < (is_clock ? 1 : sizeof modes / sizeof modes[0]); i++) {
        unsigned position = metric_list_find(metrics, names[i]);
        if (position >= METRICS_MAX)
            return 0;
        mask |= UINT64_C(1) << position;
    }
    return mask;
}

bool busy_ns_of(uint64_t mask, const struct tacho_sample *sample, uint64_t *ret_ns)
{
    if (mask == 0 || (sample->known & sample->fresh & mask) != mask)
        return false;
    uint64_t sum = 0;
    for (uint64_t left = mask; left != 0; left &= left - 1)
        sum += sample->value[__builtin_ctzll(left)];
    *ret_ns = sum;
    return true;
}
