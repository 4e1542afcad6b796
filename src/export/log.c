/*
 * log: lines of process data (format/log_line.h), as programs write them into their own log: one for
 * each process and tick at which it was there, -START on its first, -STOP at its end with the kernel's
 * last word on its CPU time. A process that was never sampled has these two alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/entity_map.h"
#include "export/tree_ticks.h"
#include "format/log_line.h"

struct life {
    struct log_line last;
    uint64_t start_ns; /* 0 unknown */
    size_t label;      /* the next of its labels that was not told, + 1; 0 none */
    bool begun, stopped;
};

struct log {
    struct export *export;
    int at[LOG_LINE_FIELDS]; /* positions of metrics; -1: none */
    int minor_faults;        /* the field is of all faults */
    struct life *life;       /* by place */
    size_t *label_after;     /* by label: the process's next, + 1 */
    size_t *ending;          /* places in order of their ends */
    size_t ends, next_end;
    struct buffer text;
};

static void find_metrics(struct log *log)
{
    static const char *const names[LOG_LINE_FIELDS] = {[LOG_LINE_RSS] = "rss",
                                                       [LOG_LINE_VMS] = "vms",
                                                       [LOG_LINE_MAJOR_FAULTS] = "major_faults",
                                                       [LOG_LINE_USER] = "user",
                                                       [LOG_LINE_SYSTEM] = "system",
                                                       [LOG_LINE_CHILDREN_USER] = "children_user",
                                                       [LOG_LINE_CHILDREN_SYSTEM] =
                                                           "children_system",
                                                       [LOG_LINE_IOWAIT] = "iowait"};
    for (unsigned f = 0; f < LOG_LINE_FIELDS; f++)
        log->at[f] =
            names[f] == NULL ? -1 : tacho_metric_find(log->export->rec, TACHO_PROCESS, names[f]);
    log->minor_faults = tacho_metric_find(log->export->rec, TACHO_PROCESS, "minor_faults");
}

/* Labels that came up to a moment, one below the other. */
static void take_labels(struct log *log, struct life *life, uint64_t until_ns)
{
    buffer_clear(&log->text);
    while (life->label != 0) {
        const struct tacho_label *label = tacho_label_at(log->export->rec, life->label - 1);
        if (label->time_ns > until_ns)
            break;
        if (log->text.len > 0)
            buffer_put_byte(&log->text, '\n');
        buffer_put_text(&log->text, label->text);
        life->label = log->label_after[life->label - 1];
    }
    life->last.label = (struct span){log->text.data, log->text.len};
}

static int put_line(struct log *log, struct life *life, enum log_line_kind kind, uint64_t time_ns)
{
    struct buffer *out = &log->export->drain.buffer;
    struct log_line *line = &life->last;
    line->kind = kind;
    line->time_ns = tacho_real_ns(log->export->rec, time_ns);
    if (life->start_ns != 0 && time_ns >= life->start_ns) {
        line->known |= 1u << LOG_LINE_ELAPSED;
        line->value[LOG_LINE_ELAPSED] = time_ns - life->start_ns;
    }
    take_labels(log, life, time_ns);
    log_line_put(out, line);
    buffer_put_byte(out, '\n');
    life->begun = true;
    return log->text.failed ? -ENOMEM : drain_row(&log->export->drain);
}

static void take_value(struct log_line *line, unsigned field, uint64_t value)
{
    line->known |= 1u << field;
    line->value[field] = value;
}

/* What the kernel told at the end, which no sample can have. */
static void take_account(struct log_line *line, const struct tacho_process *p)
{
    const struct tacho_account *a = &p->account;
    if ((p->flags & TACHO_PROCESS_ACCOUNT) == 0 || (a->known & TACHO_ACCOUNT_EARLY) != 0)
        return;
    if ((a->known & TACHO_ACCOUNT_SPLIT) != 0) {
        take_value(line, LOG_LINE_USER, a->user_ns);
        take_value(line, LOG_LINE_SYSTEM, a->system_ns);
    }
    if ((a->known & TACHO_ACCOUNT_CHILDREN) != 0) {
        take_value(line, LOG_LINE_CHILDREN_USER, a->children_user_ns);
        take_value(line, LOG_LINE_CHILDREN_SYSTEM, a->children_system_ns);
    }
    if ((a->known & TACHO_ACCOUNT_FAULTS) != 0) {
        take_value(line, LOG_LINE_FAULTS, a->minor_faults + a->major_faults);
        take_value(line, LOG_LINE_MAJOR_FAULTS, a->major_faults);
    }
}

static int stop(struct log *log, size_t place, uint64_t time_ns)
{
    struct life *life = &log->life[place];
    const struct tacho_process *p = tacho_process(log->export->rec, place);
    int r = 0;
    if (life->stopped)
        return 0;
    if (!life->begun)
        r = put_line(log, life, LOG_LINE_FIRST, p->seen_ns < time_ns ? p->seen_ns : time_ns);
    take_account(&life->last, p);
    life->stopped = true;
    return r == 0 ? put_line(log, life, LOG_LINE_LAST, time_ns) : r;
}

static int stop_ended(struct log *log, uint64_t until_ns)
{
    int r = 0;
    for (; r == 0 && log->next_end < log->ends; log->next_end++) {
        size_t place = log->ending[log->next_end];
        uint64_t end_ns = tacho_process(log->export->rec, place)->end_ns;
        if (end_ns > until_ns)
            break;
        r = stop(log, place, end_ns);
    }
    return r;
}

static int on_process(void *user, size_t place, const struct tacho_sample *sample)
{
    struct log *log = user;
    struct life *life = &log->life[place];
    int r = stop_ended(log, sample->time_ns - 1);
    if (r < 0 || life->stopped)
        return r;
    for (unsigned f = 0; f < LOG_LINE_FIELDS; f++)
        if (log->at[f] >= 0 && (sample->known >> log->at[f] & 1) != 0)
            take_value(&life->last, f, sample->value[log->at[f]]);
    if (log->minor_faults >= 0 && (sample->known >> log->minor_faults & 1) != 0)
        take_value(&life->last, LOG_LINE_FAULTS,
                   sample->value[log->minor_faults] + life->last.value[LOG_LINE_MAJOR_FAULTS]);
    return put_line(log, life, life->begun ? LOG_LINE_NEXT : LOG_LINE_FIRST, sample->time_ns);
}

/* Each process's labels in a list, in the order of the file, which is that of time. */
static void thread_labels(struct log *log, const struct entity_map *places)
{
    const struct tacho_recording *rec = log->export->rec;
    for (size_t i = tacho_label_count(rec); i > 0; i--) {
        const uint64_t *at = entity_map_get(places, tacho_label_at(rec, i - 1)->entity);
        struct life *life = at == NULL ? &log->life[0] : &log->life[*at];
        log->label_after[i - 1] = life->label;
        life->label = i;
    }
}

struct ended {
    uint64_t end_ns;
    size_t place;
};

static int by_end(const void *a, const void *b)
{
    uint64_t x = ((const struct ended *)a)->end_ns, y = ((const struct ended *)b)->end_ns;
    return x < y ? -1 : x > y;
}

static int sort_ends(struct log *log)
{
    const struct tacho_recording *rec = log->export->rec;
    size_t n = tacho_process_count(rec);
    struct ended *ended = calloc(n + 1, sizeof *ended);
    if (ended == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct tacho_process *p = tacho_process(rec, i);
        if ((p->flags & TACHO_PROCESS_ENDED) != 0 && p->end_ns != TACHO_TIME_UNKNOWN)
            ended[log->ends++] = (struct ended){p->end_ns, i};
    }
    qsort(ended, log->ends, sizeof *ended, by_end);
    for (size_t i = 0; i < log->ends; i++)
        log->ending[i] = ended[i].place;
    free(ended);
    return 0;
}

static int prepare(struct log *log)
{
    const struct tacho_recording *rec = log->export->rec;
    size_t n = tacho_process_count(rec);
    struct entity_map places = {0};
    int r = 0;
    log->life = calloc(n + 1, sizeof *log->life);
    log->ending = calloc(n + 1, sizeof *log->ending);
    log->label_after = calloc(tacho_label_count(rec) + 1, sizeof *log->label_after);
    if (log->life == NULL || log->ending == NULL || log->label_after == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n && r != -ENOMEM; i++) {
        const struct tacho_process *p = tacho_process(rec, i);
        log->life[i].start_ns = p->start_ns == TACHO_TIME_UNKNOWN ? 0 : p->start_ns;
        if (p->pid > 0)
            take_value(&log->life[i].last, LOG_LINE_PID, (uint64_t)p->pid);
        r = entity_map_put(&places, p->entity, i);
    }
    thread_labels(log, &places);
    entity_map_done(&places);
    find_metrics(log);
    return r == -ENOMEM ? r : sort_ends(log);
}

static int put_all(struct log *log)
{
    struct export *export = log->export;
    int r = prepare(log);
    if (r == 0)
        r = tree_ticks_run(export, &(struct tree_listener){.user = log, .process = on_process});
    if (r == 0)
        r = stop_ended(log, UINT64_MAX - 1);
    /* What lives on when the recording ends. */
    for (size_t i = 0; r == 0 && i < tacho_process_count(export->rec); i++)
        r = stop(log, i, tacho_last_ns(export->rec));
    return r == 0 ? drain_flush(&export->drain) : r;
}

static int log_whole(struct export *export)
{
    struct log log = {.export = export};
    int r = put_all(&log);
    free(log.life);
    free(log.ending);
    free(log.label_after);
    buffer_done(&log.text);
    return r;
}

const struct export_format export_log = {.name = "log", .whole = log_whole, .needs_clock = true};
