/*
 * The log of one rank of a parallel job, a line for each call as it ended:
 * rank//size//@function//t_in//t_out//mem_in//mem_out//field. Seconds, since the epoch or on a clock of the rank's own;
 * memory is the largest RSS so far in MB of 2^20, and 0 where it is not known. A field that is `@` and the function
 * is no category.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "import/import_format.h"
#include "import/log_table.h"

#define MB (UINT64_C(1) << 20)
#define EPOCH_SINCE_NS \
    (UINT64_C(300000000) * NS_PER_S) /* 1979: no clock of a rank's own has run that long */
#define RANKS_MAX 10000000

enum { RANK, SIZE, FUNCTION, T_IN, T_OUT, MEM_IN, MEM_OUT, FIELD, PARTS };

struct call {
    uint64_t rank, size, begin_ns, end_ns;
    uint64_t bytes[2]; /* at both; 0 unknown */
    struct text function, category;
};

/* Splits at "//"; the last part takes the rest. How many there are. */
static size_t split(struct text line, struct text part[PARTS])
{
    size_t n = 0;
    while (n < PARTS - 1) {
        const char *end = memmem(line.at, (size_t)(line.end - line.at), "//", 2);
        if (end == NULL)
            break;
        part[n++] = (struct text){line.at, end};
        line.at = end + 2;
    }
    part[n++] = line;
    return n;
}

static bool same(struct text a, struct text b)
{
    size_t n = (size_t)(a.end - a.at);
    return n == (size_t)(b.end - b.at) && memcmp(a.at, b.at, n) == 0;
}

/* NULL, or what is wrong with it. */
static const char *parse(struct text line, struct call *ret)
{
    struct text part[PARTS];
    if (split(line, part) != PARTS)
        return "not rank//size//@function//t_in//t_out//mem_in//mem_out//field";
    if (!cell_number(part[RANK], 1, &ret->rank) || !cell_number(part[SIZE], 1, &ret->size) ||
        ret->size > RANKS_MAX || ret->rank >= ret->size)
        return "a rank that cannot be";
    if (!cell_seconds(part[T_IN], &ret->begin_ns) || !cell_seconds(part[T_OUT], &ret->end_ns) ||
        ret->end_ns < ret->begin_ns)
        return "a time that cannot be";
    if (!cell_number(part[MEM_IN], MB, &ret->bytes[0]) ||
        !cell_number(part[MEM_OUT], MB, &ret->bytes[1]))
        return "a number that cannot be";
    if (!text_take_literal(&part[FUNCTION], "@"))
        return "a function without @";
    struct text field = part[FIELD];
    ret->function = part[FUNCTION];
    if (text_take_literal(&field, "@") && same(field, ret->function))
        field.at = field.end;
    else
        field = part[FIELD];
    ret->category = field;
    return NULL;
}

static bool recognises(const char *first, size_t n)
{
    struct call call;
    return parse(table_first_line(first, n), &call) == NULL;
}

static int begin(struct import_log *log, const struct call *call, uint32_t *ret_process)
{
    char name[32];
    struct gathered *g = log->gathered;
    int r = gathered_use_clock(g, call->begin_ns >= EPOCH_SINCE_NS ? GATHERED_WALL_CLOCK
                                                                   : GATHERED_OWN_CLOCK);
    if (r == 0)
        r = gathered_begin(g, 0, 0, ret_process);
    int n = snprintf(name, sizeof name, "rank %" PRIu64, call->rank);
    if (r == 0)
        r = gathered_keep(g, name, (size_t)n, &gathered_entity(g, *ret_process)->name);
    gathered_rank(g, call->rank, call->size);
    return r;
}

/* Memory over time is what that tool draws: a metric for the peak, and a counter for the curve. */
static int add_memory(struct gathered *g, uint32_t process, uint64_t time_ns, uint64_t bytes)
{
    static const char name[] = "largest RSS so far, MB";
    uint64_t value[METRICS_MAX];
    uint32_t site;
    value[PROCESS_PEAK_RSS] = bytes;
    if (bytes == 0)
        return gathered_add(g, process, time_ns, 0, NULL);
    int r = gathered_add(g, process, time_ns, UINT64_C(1) << PROCESS_PEAK_RSS, value);
    if (r == 0)
        r = gathered_site(g, (struct span){(const uint8_t *)name, sizeof name - 1},
                          (struct span){0}, &site);
    return r == 0 ? gathered_count(g, process, site, time_ns, (double)bytes / (double)MB) : r;
}

static int take_call(struct gathered *g, uint32_t process, const struct call *call)
{
    struct span name = {(const uint8_t *)call->function.at,
                        (size_t)(call->function.end - call->function.at)};
    struct span category = {(const uint8_t *)call->category.at,
                            (size_t)(call->category.end - call->category.at)};
    uint32_t site;
    int r = gathered_site(g, name, category, &site);
    if (r == 0)
        r = gathered_scope(g, process, site, call->begin_ns, call->end_ns);
    if (r == 0)
        r = add_memory(g, process, call->begin_ns, call->bytes[0]);
    return r == 0 ? add_memory(g, process, call->end_ns, call->bytes[1]) : r;
}

static int read_log(struct import_log *log)
{
    struct text line;
    uint32_t process = 0;
    uint64_t rank = 0;
    int r;
    while ((r = import_next_line(log, &line)) == 1) {
        struct call call;
        if (line.at == line.end)
            continue;
        const char *wrong = parse(line, &call);
        r = 0;
        if (wrong == NULL && log->result->taken > 0 && call.rank != rank)
            wrong = "another rank";
        if (wrong == NULL && log->result->taken == 0)
            r = begin(log, &call, &process);
        rank = wrong == NULL ? call.rank : rank;
        if (wrong == NULL && r == 0)
            r = take_call(log->gathered, process, &call);
        if (r == -ENOSPC)
            wrong = "one name too many";
        else if (r != 0)
            return r;
        if (wrong != NULL)
            import_count_wrong(log, wrong);
        else
            log->result->taken++;
    }
    return r;
}

const struct import_format import_rank_log = {
    .name = "rank-log",
    .title = "calls of one MPI rank (rank//size//@function//t_in//t_out//mem_in//mem_out//field)",
    .in_folders = true,
    .recognises = recognises,
    .read = read_log,
};
