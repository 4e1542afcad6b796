#include "analyse/programs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct named {
    uint64_t hash;
    size_t row;
};

uint64_t process_largest_rss(const struct summary *s, size_t i)
{
    const struct process_row *row = &s->rows[i];
    const struct tacho_process *p = tacho_process(s->rec, i);
    uint64_t largest = 0;
    if (row->value != NULL && (row->known >> PROCESS_RSS & 1) != 0)
        largest = row->value[PROCESS_RSS];
    bool ours = (p->flags & TACHO_PROCESS_FORKED) != 0;
    if (row->value != NULL && (row->known >> PROCESS_PEAK_RSS & 1) != 0 &&
        (ours || row->value[PROCESS_PEAK_RSS] > row->first_peak_rss_bytes) &&
        row->value[PROCESS_PEAK_RSS] > largest)
        largest = row->value[PROCESS_PEAK_RSS];
    if (account_has(p, TACHO_ACCOUNT_PEAK_RSS)) {
        /* It knows this program from those before its exec, where wait4 does not. */
        if (ours && p->account.peak_rss_bytes > largest)
            largest = p->account.peak_rss_bytes;
    } else if ((p->flags & TACHO_PROCESS_RUSAGE) != 0 && !row->has_children &&
               p->exact.peak_rss_bytes > largest) {
        largest = p->exact.peak_rss_bytes;
    }
    return largest > 0 ? largest : SUMMARY_UNKNOWN;
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325); /* FNV-1a */
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001B3);
    return hash;
}

static int by_hash(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    return (left->hash > right->hash) - (left->hash < right->hash);
}

/* Unknown counts as nothing when programs are put in order. */
static uint64_t known_or_0(uint64_t value)
{
    return value == SUMMARY_UNKNOWN ? 0 : value;
}

static int by_use(const void *a, const void *b)
{
    const struct program *left = a, *right = b;
    uint64_t l = known_or_0(left->cpu_ns), r = known_or_0(right->cpu_ns);
    if (l == r) {
        l = known_or_0(left->largest_rss_bytes);
        r = known_or_0(right->largest_rss_bytes);
    }
    return l == r ? strcmp(left->name, right->name) : l < r ? 1 : -1;
}

static void add(const struct summary *s, struct program *program, size_t row)
{
    uint64_t rss = process_largest_rss(s, row), cpu = s->rows[row].cpu_ns;
    program->processes++;
    program->failed += process_failed(tacho_process(s->rec, row));
    if (cpu != SUMMARY_UNKNOWN)
        program->cpu_ns = program->cpu_ns == SUMMARY_UNKNOWN ? cpu : program->cpu_ns + cpu;
    if (rss != SUMMARY_UNKNOWN &&
        (program->largest_rss_bytes == SUMMARY_UNKNOWN || program->largest_rss_bytes < rss))
        program->largest_rss_bytes = rss;
}

int programs_make(const struct summary *s, struct program **ret, size_t *ret_count)
{
    struct named *named = malloc((s->row_count + 1) * sizeof *named);
    struct program *programs = malloc((s->row_count + 1) * sizeof *programs);
    if (named == NULL || programs == NULL) {
        free(named);
        free(programs);
        return -ENOMEM;
    }
    for (size_t i = 0; i < s->row_count; i++)
        named[i] = (struct named){hash_of(tacho_process(s->rec, i)->comm), i};
    qsort(named, s->row_count, sizeof *named, by_hash);
    size_t count = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        if (i == 0 || named[i].hash != named[i - 1].hash)
            programs[count++] = (struct program){.name = tacho_process(s->rec, named[i].row)->comm,
                                                 .cpu_ns = SUMMARY_UNKNOWN,
                                                 .largest_rss_bytes = SUMMARY_UNKNOWN};
        add(s, &programs[count - 1], named[i].row);
    }
    free(named);
    qsort(programs, count, sizeof *programs, by_use);
    *ret = programs;
    *ret_count = count;
    return 0;
}
