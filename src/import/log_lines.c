/*
 * Lines of process data in a program's own log (format/log_line.h).
 *
 * A line's moment: the first of a process is taken at its timestamp; those that follow lie as far
 * behind it as elapsed_time has grown, since timestamps are local time and jump when summer begins
 * or ends, or when somebody sets the clock. Where elapsed_time is missing there is only the
 * timestamp. A step back of either clock is taken for one ordinary distance.
 *
 * Which process: the pid, and 0 stands for the one process of logs that name none. A pid is
 * another process when its elapsed_time starts over, or with a -START that does not go on from
 * what was before: containers give out the same few pids again and again.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/map.h"
#include "format/log_line.h"
#include "import/import_format.h"
#include "import/log_table.h"

#define PID_UNKNOWN UINT32_MAX         /* its key in the map */
#define CLOCK_SLACK_NS (10 * NS_PER_S) /* by which two clocks may disagree on a distance */
#define SAME_MOMENT_NS NS_PER_US       /* between two lines with one elapsed_time */
#define TIME_END_NS (UINT64_MAX / 2)
#define ORDINARY_NS NS_PER_S /* a distance, before there was one */

/* A process while its lines come. */
struct life {
    uint32_t entity;
    struct log_line last;
    uint64_t time_ns;     /* of its last point */
    uint64_t distance_ns; /* of its last two that time told */
};

struct log_lines {
    struct gathered *gathered;
    struct array lives;
    struct map by_pid; /* index in lives, plus 1 */
    uint64_t newest_ns;
};

static bool known(const struct log_line *line, enum log_line_field field)
{
    return (line->known >> field & 1) != 0;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* ---- which process ---- */

static bool both_know(const struct log_line *a, const struct log_line *b, enum log_line_field field)
{
    return known(a, field) && known(b, field);
}

static bool fell(const struct log_line *before, const struct log_line *now,
                 enum log_line_field field)
{
    return both_know(before, now, field) && now->value[field] < before->value[field];
}

/* Whether a process that logs anew is still the one that logged before. */
static bool goes_on(const struct log_line *before, const struct log_line *now)
{
    if (!both_know(before, now, LOG_LINE_ELAPSED) || fell(before, now, LOG_LINE_ELAPSED) ||
        fell(before, now, LOG_LINE_USER) || now->time_ns < before->time_ns)
        return false;
    uint64_t elapsed_ns = now->value[LOG_LINE_ELAPSED] - before->value[LOG_LINE_ELAPSED];
    return apart(now->time_ns - before->time_ns, elapsed_ns) < CLOCK_SLACK_NS;
}

/* A clock that was set back moves both times; a counter never falls. */
static bool starts_over(const struct log_line *before, const struct log_line *now)
{
    return fell(before, now, LOG_LINE_USER) ||
           (fell(before, now, LOG_LINE_ELAPSED) && now->time_ns >= before->time_ns);
}

static struct life *life_of(const struct log_lines *l, const struct log_line *line)
{
    uint32_t key = known(line, LOG_LINE_PID) ? (uint32_t)line->value[LOG_LINE_PID] : PID_UNKNOWN;
    const uint64_t *index = map_get(&l->by_pid, key);
    struct life *life = index != NULL ? (struct life *)l->lives.items + (*index - 1) : NULL;
    if (life == NULL || (line->kind == LOG_LINE_FIRST ? !goes_on(&life->last, line)
                                                      : starts_over(&life->last, line)))
        return NULL;
    return life;
}

static struct life *begin_life(struct log_lines *l, const struct log_line *line, uint64_t time_ns)
{
    bool named = known(line, LOG_LINE_PID);
    uint64_t pid = named ? line->value[LOG_LINE_PID] : 0, start_ns = 0;
    if (known(line, LOG_LINE_ELAPSED) && line->value[LOG_LINE_ELAPSED] < time_ns)
        start_ns = time_ns - line->value[LOG_LINE_ELAPSED];
    struct life *life = array_add(&l->lives, sizeof *life);
    if (life == NULL || gathered_begin(l->gathered, pid, start_ns, &life->entity) != 0 ||
        map_put(&l->by_pid, named ? (uint32_t)pid : PID_UNKNOWN, l->lives.count) != 0)
        return NULL;
    life->distance_ns = ORDINARY_NS;
    return life;
}

/* ---- when ---- */

/* By the timestamp: in an hour that comes twice, the moment that fits to the lines before. */
static uint64_t time_by_clock(const struct log_line *line, uint64_t not_before_ns)
{
    uint64_t later_ns = calendar_later_ns(line->time_ns);
    return line->time_ns + CLOCK_SLACK_NS < not_before_ns &&
                   later_ns + CLOCK_SLACK_NS >= not_before_ns
               ? later_ns
               : line->time_ns;
}

static uint64_t time_of(struct life *life, const struct log_line *line)
{
    uint64_t distance_ns = 0;
    bool elapses = both_know(&life->last, line, LOG_LINE_ELAPSED);
    if (elapses && !fell(&life->last, line, LOG_LINE_ELAPSED)) {
        distance_ns = line->value[LOG_LINE_ELAPSED] - life->last.value[LOG_LINE_ELAPSED];
        if (distance_ns == 0)
            return life->time_ns + SAME_MOMENT_NS;
    } else if (!elapses) {
        uint64_t time_ns = time_by_clock(line, life->time_ns);
        distance_ns = time_ns > life->time_ns ? time_ns - life->time_ns : 0;
    }
    if (distance_ns > 0)
        life->distance_ns = distance_ns;
    return sum(life->time_ns, life->distance_ns);
}

/* ---- what ---- */

static const struct {
    enum log_line_field field;
    enum process_metric metric;
} metrics[] = {
    {LOG_LINE_RSS, PROCESS_RSS},
    {LOG_LINE_VMS, PROCESS_VMS},
    {LOG_LINE_MAJOR_FAULTS, PROCESS_MAJOR_FAULTS},
    {LOG_LINE_USER, PROCESS_USER},
    {LOG_LINE_SYSTEM, PROCESS_SYSTEM},
    {LOG_LINE_CHILDREN_USER, PROCESS_CHILDREN_USER},
    {LOG_LINE_CHILDREN_SYSTEM, PROCESS_CHILDREN_SYSTEM},
    {LOG_LINE_IOWAIT, PROCESS_IOWAIT},
};

static uint64_t set(uint64_t *value, enum process_metric metric, uint64_t v)
{
    value[metric] = v;
    return UINT64_C(1) << metric;
}

/* The catalogue's metrics; returns which are known. */
static uint64_t values_of(const struct log_line *line, uint64_t *value)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        if (known(line, metrics[i].field))
            mask |= set(value, metrics[i].metric, line->value[metrics[i].field]);
    table_add_cpu(value, &mask);
    if (known(line, LOG_LINE_FAULTS) && known(line, LOG_LINE_MAJOR_FAULTS) &&
        line->value[LOG_LINE_FAULTS] >= line->value[LOG_LINE_MAJOR_FAULTS])
        mask |= set(value, PROCESS_MINOR_FAULTS,
                    line->value[LOG_LINE_FAULTS] - line->value[LOG_LINE_MAJOR_FAULTS]);
    return mask;
}

/* One label for each line of it. */
static int take_labels(struct gathered *g, struct span label)
{
    const uint8_t *at = label.bytes, *end = label.n > 0 ? at + label.n : at;
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = newline != NULL ? newline : end;
        if (stop > at && gathered_say(g, at, (size_t)(stop - at)) != 0)
            return -ENOMEM;
        at = newline != NULL ? newline + 1 : end;
    }
    return 0;
}

static int take_line(struct log_lines *l, const struct log_line *line)
{
    uint64_t value[PROCESS_METRICS], time_ns;
    struct life *life = life_of(l, line);
    if (life != NULL) {
        time_ns = time_of(life, line);
    } else {
        time_ns = time_by_clock(line, l->newest_ns);
        life = begin_life(l, line, time_ns);
    }
    if (life == NULL)
        return -ENOMEM;
    if (time_ns > TIME_END_NS)
        return -ERANGE;
    uint64_t mask = values_of(line, value);
    int r = gathered_add(l->gathered, life->entity, time_ns, mask, value);
    if (r == 0)
        r = take_labels(l->gathered, line->label);
    gathered_entity(l->gathered, life->entity)->stopped = line->kind == LOG_LINE_LAST;
    life->last = *line;
    life->time_ns = time_ns;
    l->newest_ns = time_ns > l->newest_ns ? time_ns : l->newest_ns;
    return r;
}

/* ---- the log ---- */

/* Such lines may begin anywhere in a log. */
static bool recognises(const char *first, size_t n)
{
    (void)first;
    (void)n;
    return true;
}

static int read_log(struct import_log *log)
{
    struct log_lines l = {.gathered = log->gathered};
    struct buffer scratch = {0};
    const char *text;
    size_t n;
    int r = gathered_use_clock(log->gathered, GATHERED_WALL_CLOCK);
    while (r == 0 && (r = line_stream_next(log->stream, &text, &n)) == 1) {
        struct log_line line;
        struct log_line_error error;
        r = log_line_parse(text, n, &scratch, &line, &error);
        if (r == -EPROTO)
            import_count_wrong(log, error.message);
        if (r == 1 && (r = take_line(&l, &line)) == 0)
            log->result->taken++;
        if (r == -ERANGE)
            import_count_wrong(log, "too long after the line before");
        if (r == -EPROTO || r == -ERANGE)
            r = 0;
    }
    buffer_done(&scratch);
    map_done(&l.by_pid);
    free(l.lives.items);
    return r;
}

const struct import_format import_log_lines = {
    .name = "log-lines",
    .title = "a program's log with lines of process data (" LOG_LINE_MARKER ")",
    .recognises = recognises,
    .read = read_log,
};
