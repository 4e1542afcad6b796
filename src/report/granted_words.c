#include "report/granted_words.h"

#include <inttypes.h>
#include <math.h>
#include <sys/wait.h>

#include "report/quantity.h"
#include "report/summary_parts.h"

static void put_limit(struct buffer *ret, const struct summary *s, const char *key, uint64_t scale,
                      void (*put)(struct buffer *ret, uint64_t value))
{
    uint64_t limit;
    if (!tacho_fact_number(s->rec, key, &limit) || limit > UINT64_MAX / scale)
        return;
    buffer_put_text(ret, " (");
    put(ret, limit * scale);
    buffer_put_text(ret, ")");
}

static void put_reason(struct buffer *ret, const struct summary *s, enum ending_reason reason)
{
    switch (reason) {
    case ENDING_CGROUP_OOM:
        buffer_put_text(ret, ", at the memory limit of its control group");
        put_limit(ret, s, "cgroup_memory_max_bytes", 1, put_bytes);
        break;
    case ENDING_MACHINE_OOM: buffer_put_text(ret, ", for want of memory on the machine"); break;
    case ENDING_CPU_LIMIT:
        buffer_put_text(ret, ", at its limit of CPU time");
        put_limit(ret, s, "limit_cpu_hard_s", UINT64_C(1000000000), put_interval);
        break;
    case ENDING_FILE_LIMIT:
        buffer_put_text(ret, ", at its limit of a file's size");
        put_limit(ret, s, "limit_file_bytes", 1, put_bytes);
        break;
    case ENDING_TIME_LIMIT: buffer_put_text(ret, ", at the end of the job's time"); break;
    default: return;
    }
    buffer_put_text(ret, ",");
}

void put_ending(struct buffer *ret, const struct summary *s)
{
    struct ending ending = ending_of(s);
    if (ending.signal != 0 && !WIFSIGNALED((int)s->root_status)) {
        buffer_put_text(ret, ": ");
        put_process_name(ret, tacho_process(s->rec, ending.row));
        buffer_put_text(ret, " was killed by ");
        put_signal(ret, ending.signal);
        if (ending.reason == ENDING_SIGNAL)
            buffer_put_text(ret, ",");
    }
    put_reason(ret, s, ending.reason);
}

void put_processors_of(struct buffer *ret, const struct summary *s)
{
    double granted = s->granted.cores;
    if (s->processors == SUMMARY_UNKNOWN)
        return;
    if (isnan(granted) || granted >= (double)s->processors) {
        buffer_printf(ret, " of %" PRIu64, s->processors);
        return;
    }
    buffer_put_text(ret, " of ");
    put_decimal(ret, granted, granted == floor(granted) ? 0 : 2);
    buffer_put_text(ret, " granted");
}

void put_group_memory(struct buffer *ret, const struct granted *g)
{
    if (g->memory_max_bytes == SUMMARY_UNKNOWN)
        return;
    if (g->memory_peak_bytes != SUMMARY_UNKNOWN) {
        buffer_put_text(ret, "its control group came to ");
        put_bytes(ret, g->memory_peak_bytes);
        buffer_put_text(ret, " of ");
    }
    put_bytes(ret, g->memory_max_bytes);
    buffer_put_text(ret, " granted");
}

void put_group_throttling(struct buffer *ret, const struct granted *g)
{
    if (g->throttled_ns == SUMMARY_UNKNOWN || g->throttled_ns == 0 || isnan(g->cpu_max))
        return;
    buffer_put_text(ret, "held back for ");
    put_duration(ret, g->throttled_ns);
    buffer_put_text(ret, " by the limit of ");
    put_decimal(ret, g->cpu_max, g->cpu_max == floor(g->cpu_max) ? 0 : 2);
    buffer_put_text(ret, g->cpu_max == 1 ? " core" : " cores");
    if (g->periods != SUMMARY_UNKNOWN && g->periods > 0) {
        buffer_put_text(ret, ", in ");
        put_percent(ret, (double)g->throttled_periods / (double)g->periods);
        buffer_put_text(ret, " of its periods");
    }
}
