#include "export/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/busy.h"
#include "export/entity_map.h"
#include "export/seen.h"

/* Beyond what any kernel gives (2^22), and within 31 bits for those that read a sign. */
#define PIDS_AGAIN (UINT32_C(1) << 29)
#define TIDS_AGAIN (UINT32_C(1) << 30)

/* What of each process, of all of them, and of the machine is shown over time. */
static const char process_counters[] =
    "cpu_percent,rss,pss,num_threads,read_bytes,write_bytes,gpu_memory";
static const char *const tree_counters[] = {"processes", "num_threads", "rss", "pss"};
#define TREE_COUNTERS (sizeof tree_counters / sizeof tree_counters[0])
#define COUNTERS 8 /* of each, at most */
#define GPUS 64

#define NEVER UINT64_MAX

struct trace {
    struct export *export;
    const struct trace_writer *writer;
    void *state;
    size_t processes;
    struct entity_map of_entity; /* -> place among the processes */
    uint32_t *pid;               /* by place */
    struct map taken;            /* pid -> 1 */
    struct map tids;             /* tid -> entity + 1 */
    uint64_t (*last)[COUNTERS];  /* by place: what was told last; tree, machine and GPUs follow */
    size_t places;               /* with those */
    struct map *marked;          /* by place: id of a site -> number of the counter */
    uint32_t numbers;            /* of counters that are marked */
    struct rows *rows;
};

struct tacho_recording *trace_recording(const struct trace *t)
{
    return t->export->rec;
}

uint64_t trace_start_ns(const struct trace *t)
{
    return t->export->start_ns;
}

void *trace_state(const struct trace *t)
{
    return t->state;
}

static struct buffer *out_of(struct trace *t)
{
    return &t->export->drain.buffer;
}

static size_t place_of(const struct trace *t, uint32_t entity)
{
    const uint64_t *at = entity_map_get(&t->of_entity, entity);
    return at == NULL ? t->processes : (size_t)*at;
}

static uint32_t pid_of(const struct trace *t, uint32_t entity)
{
    size_t place = place_of(t, entity);
    if (place < t->processes)
        return t->pid[place];
    return entity == 0 ? TRACE_NOBODY : PIDS_AGAIN | (entity & (PIDS_AGAIN - 1));
}

static int number_processes(struct trace *t)
{
    for (size_t i = 0; i < t->processes; i++) {
        const struct tacho_process *p = tacho_process(t->export->rec, i);
        bool again = p->pid <= 0 || map_get(&t->taken, (uint32_t)p->pid) != NULL;
        t->pid[i] = again ? PIDS_AGAIN | (p->entity & (PIDS_AGAIN - 1)) : (uint32_t)p->pid;
        if (map_put(&t->taken, t->pid[i], 1) == -ENOMEM ||
            entity_map_put(&t->of_entity, p->entity, i) == -ENOMEM)
            return -ENOMEM;
    }
    return 0;
}

/* The main thread has its process's number. Another's number may come again in another process. */
static struct trace_thread thread_of(struct trace *t, const struct tacho_marking_thread *thread)
{
    const struct tacho_process *p = tacho_process_of(t->export->rec, thread->entity);
    struct trace_thread ret = {thread, pid_of(t, thread->entity), (uint32_t)thread->tid};
    const uint64_t *owner = ret.tid == 0 ? NULL : map_get(&t->tids, ret.tid);
    if (p != NULL && p->pid == thread->tid)
        ret.tid = ret.pid;
    else if (owner == NULL || *owner != thread->entity + UINT64_C(1))
        ret.tid = TIDS_AGAIN | (thread->id & (TIDS_AGAIN - 1));
    return ret;
}

static int tell_tracks(struct trace *t)
{
    const struct tacho_recording *rec = t->export->rec;
    for (size_t i = 0; i < t->processes; i++) {
        const struct tacho_process *p = tacho_process(rec, i);
        bool ended = (p->flags & TACHO_PROCESS_ENDED) != 0 && p->end_ns != TACHO_TIME_UNKNOWN;
        bool began = p->start_ns != 0 && p->start_ns != TACHO_TIME_UNKNOWN;
        struct trace_process told = {p, t->pid[i], began ? p->start_ns : p->seen_ns,
                                     ended ? p->end_ns : tacho_last_ns(rec)};
        if (told.from_ns < t->export->start_ns)
            told.from_ns = t->export->start_ns;
        if (told.to_ns < told.from_ns)
            told.to_ns = told.from_ns;
        t->writer->process(t, out_of(t), &told);
        int r = drain_row(&t->export->drain);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < tacho_marking_thread_count(rec); i++) {
        const struct tacho_marking_thread *thread = tacho_marking_thread(rec, i);
        if (thread->tid > 0 && map_get(&t->tids, (uint32_t)thread->tid) == NULL &&
            map_put(&t->tids, (uint32_t)thread->tid, thread->entity + UINT64_C(1)) != 0)
            return -ENOMEM;
        struct trace_thread told = thread_of(t, thread);
        t->writer->thread(t, out_of(t), &told);
        int r = drain_row(&t->export->drain);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- marks ---- */

static struct trace_scope scope_of(struct trace *t, const struct scope_thread *thread,
                                   const struct scope_frame *frame, const struct scope_end *end)
{
    return (struct trace_scope){thread_of(t, thread->thread),
                                tacho_site(t->export->rec, frame->site), frame, end};
}

static int on_begin(void *user, struct scope_thread *thread, struct scope_frame *frame)
{
    struct trace *t = user;
    if (t->writer->scope_begin == NULL)
        return 0;
    struct trace_scope scope = scope_of(t, thread, frame, NULL);
    t->writer->scope_begin(t, out_of(t), &scope);
    return drain_row(&t->export->drain);
}

static int on_end(void *user, struct scope_thread *thread, struct scope_frame *frame,
                  const struct scope_end *end)
{
    struct trace *t = user;
    struct trace_scope scope = scope_of(t, thread, frame, end);
    t->export->now_ns = end->time_ns;
    t->writer->scope_end(t, out_of(t), &scope);
    return drain_row(&t->export->drain);
}

/* Numbers of marked counters follow those of all sampled ones. 0 without memory. */
static uint32_t marked_number(struct trace *t, size_t place, uint32_t site, bool *ret_first)
{
    const uint64_t *known = map_get(&t->marked[place], site);
    *ret_first = known == NULL;
    if (known != NULL)
        return (uint32_t)*known;
    uint32_t number = (uint32_t)(t->places * COUNTERS) + ++t->numbers;
    return map_put(&t->marked[place], site, number) == 0 ? number : 0;
}

static int on_counter(void *user, struct scope_thread *thread, const struct tacho_mark *mark)
{
    struct trace *t = user;
    const struct tacho_site *site = tacho_site_of(t->export->rec, mark->site);
    struct cell cell = cell_real(mark->value);
    if (site == NULL || site->id == 0 || cell.type == CELL_MISSING)
        return 0;
    struct trace_value value = {.entity = thread->thread->entity,
                                .name = site->name,
                                .unit = "",
                                .time_ns = mark->time_ns,
                                .value = cell};
    value.pid = pid_of(t, value.entity);
    value.number = marked_number(t, place_of(t, thread->thread->entity), site->id, &value.first);
    if (value.number == 0)
        return -ENOMEM;
    t->writer->value(t, out_of(t), &value);
    return drain_row(&t->export->drain);
}

static int tell_labels(struct trace *t)
{
    const struct tacho_recording *rec = t->export->rec;
    int r = 0;
    for (size_t i = 0; r == 0 && i < tacho_label_count(rec); i++) {
        const struct tacho_label *label = tacho_label_at(rec, i);
        const struct tacho_marking_thread *thread = tacho_marking_thread_of(rec, label->thread);
        struct trace_label told = {pid_of(t, label->entity), 0, label};
        if (thread != NULL && thread->entity == label->entity)
            told.tid = thread_of(t, thread).tid;
        t->writer->label(t, out_of(t), &told);
        r = drain_row(&t->export->drain);
    }
    return r;
}

static int tell_marks(struct trace *t)
{
    const struct scope_listener listener = {
        .user = t, .begin = on_begin, .end = on_end, .counter = on_counter};
    struct scope_losses losses;
    int r = tell_labels(t);
    return r == 0 ? scope_stacks_run(t->export->rec, &listener, &losses) : r;
}

/* ---- samples ---- */

/* Only what changed: viewers draw a value until the next. */
static int tell_value(struct trace *t, size_t place, unsigned column, struct trace_value *value)
{
    uint64_t *last = &t->last[place][column];
    if (value->value.type == CELL_MISSING || value->value.number == *last)
        return 0;
    value->first = *last == NEVER;
    value->number = (uint32_t)(place * COUNTERS) + column + 1;
    *last = value->value.number;
    t->writer->value(t, out_of(t), value);
    return drain_row(&t->export->drain);
}

static int on_sample(void *user, const struct row_sample *sample)
{
    struct trace *t = user;
    const struct cell *cells;
    int r = rows_make(t->rows, sample, &cells);
    size_t place = place_of(t, sample->entity);
    if (r <= 0 || place == t->processes)
        return r;
    const struct field_choice *choice = rows_choice(t->rows);
    r = 0;
    for (unsigned i = 0; r == 0 && i < choice->n; i++)
        r = tell_value(t, place, i,
                       &(struct trace_value){.pid = t->pid[place],
                                             .entity = sample->entity,
                                             .name = choice->fields[i].name,
                                             .unit = choice->fields[i].unit,
                                             .time_ns = sample->time_ns,
                                             .value = cells[i]});
    return r;
}

static int tell_samples(struct trace *t)
{
    struct metric_list metrics;
    metric_list_of(t->export->rec, TACHO_PROCESS, &metrics);
    int r = rows_new(&(struct rows_options){.fields = process_counters}, &metrics, &t->rows, NULL);
    if (r == 0)
        r = export_samples(t->export, t, on_sample);
    rows_free(t->rows);
    return r;
}

static int tell_tree(struct trace *t, const struct tacho_sample *sample)
{
    static const char *const names[TREE_COUNTERS] = {"all processes", "all threads", "all rss",
                                                     "all pss"};
    int r = 0;
    for (unsigned i = 0; r == 0 && i < TREE_COUNTERS; i++) {
        int at = tacho_metric_find(t->export->rec, TACHO_TREE, tree_counters[i]);
        if (at >= 0 && (sample->known & sample->fresh) >> at & 1)
            r = tell_value(t, t->processes, i,
                           &(struct trace_value){
                               .name = names[i],
                               .unit = tacho_metric(t->export->rec, TACHO_TREE, (unsigned)at)->unit,
                               .time_ns = sample->time_ns,
                               .value = cell_number(CELL_NUMBER, sample->value[at])});
    }
    return r;
}

static int tell_machine(struct trace *t, const struct tacho_sample *sample, uint64_t busy,
                        struct seen *seen)
{
    uint64_t busy_ns;
    int at = tacho_metric_find(t->export->rec, TACHO_MACHINE, "memory_available"), r = 0;
    if (busy_ns_of(busy, sample, &busy_ns))
        r = tell_value(
            t, t->processes + 1, 0,
            &(struct trace_value){.name = "machine cpu_percent",
                                  .unit = "%",
                                  .time_ns = sample->time_ns,
                                  .value = seen_cpu_percent(seen, sample->time_ns, busy_ns)});
    if (r == 0 && at >= 0 && (sample->known & sample->fresh) >> at & 1)
        r = tell_value(t, t->processes + 1, 1,
                       &(struct trace_value){.name = "machine memory_available",
                                             .unit = "bytes",
                                             .time_ns = sample->time_ns,
                                             .value = cell_number(CELL_NUMBER, sample->value[at])});
    return r;
}

/* The how manieth it is; GPUS and more: too many. */
static size_t gpu_of(const struct tacho_recording *rec, uint32_t entity, const char **ret_name)
{
    size_t place = 0;
    for (size_t i = 0; i < tacho_entity_count(rec); i++) {
        const struct tacho_entity *e = tacho_entity(rec, i);
        *ret_name = e->name;
        if (e->id == entity)
            return place;
        place += e->kind == TACHO_GPU;
    }
    return GPUS;
}

static int tell_gpu(struct trace *t, const struct tacho_sample *sample)
{
    static const struct {
        const char *metric, *unit;
        unsigned scale; /* of a share, to hundredths of a percent */
        enum cell_type type;
    } counters[] = {{"utilization", "%", 10, CELL_HUNDREDTHS},
                    {"memory_used", "bytes", 1, CELL_NUMBER},
                    {"power", "mW", 1, CELL_NUMBER}};
    const char *number;
    size_t place = gpu_of(t->export->rec, sample->entity, &number);
    int r = 0;
    for (unsigned i = 0; place < GPUS && r == 0 && i < sizeof counters / sizeof counters[0]; i++) {
        int at = tacho_metric_find(t->export->rec, TACHO_GPU, counters[i].metric);
        char name[64];
        if (at < 0 || ((sample->known & sample->fresh) >> at & 1) == 0)
            continue;
        snprintf(name, sizeof name, "GPU %.16s %s", number, counters[i].metric);
        r = tell_value(
            t, t->processes + 2 + place, i,
            &(struct trace_value){
                .name = name,
                .unit = counters[i].unit,
                .time_ns = sample->time_ns,
                .value = cell_number(counters[i].type, sample->value[at] * counters[i].scale)});
    }
    return r;
}

static int tell_whole(struct trace *t)
{
    struct metric_list metrics;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    struct seen seen = {0};
    metric_list_of(t->export->rec, TACHO_MACHINE, &metrics);
    uint64_t busy = busy_mask(&metrics, TACHO_MACHINE);
    unsigned kinds = 1u << TACHO_TREE | 1u << TACHO_MACHINE | 1u << TACHO_GPU;
    int r = tacho_walk_open(t->export->rec, 0, UINT64_MAX, kinds, &walk), read = 0;
    if (r < 0)
        return r;
    while (r == 0 && (read = tacho_walk_next(walk, &sample)) > 0) {
        t->export->now_ns = sample.time_ns;
        r = sample.kind == TACHO_TREE  ? tell_tree(t, &sample)
            : sample.kind == TACHO_GPU ? tell_gpu(t, &sample)
                                       : tell_machine(t, &sample, busy, &seen);
    }
    tacho_walk_close(walk);
    return r == 0 ? read : r;
}

/* ---- the whole ---- */

static int tell_all(struct trace *t)
{
    static int (*const walks[])(struct trace *) = {tell_marks, tell_samples, tell_whole};
    struct export *export = t->export;
    t->writer->begin(t, out_of(t));
    int r = tell_tracks(t);
    export->walks = sizeof walks / sizeof walks[0];
    for (size_t i = 0; r == 0 && i < export->walks; i++) {
        export->walk = (unsigned)i;
        r = walks[i](t);
    }
    if (r < 0)
        return r;
    t->writer->end(t, out_of(t));
    return drain_flush(&export->drain);
}

static void trace_done(struct trace *t)
{
    for (size_t i = 0; t->marked != NULL && i <= t->processes; i++)
        map_done(&t->marked[i]);
    free(t->marked);
    free(t->last);
    free(t->pid);
    map_done(&t->taken);
    map_done(&t->tids);
    entity_map_done(&t->of_entity);
}

int trace_run(struct export *export, const struct trace_writer *writer, void *state)
{
    struct trace t = {.export = export,
                      .writer = writer,
                      .state = state,
                      .processes = tacho_process_count(export->rec)};
    size_t n = t.places = t.processes + 2 + GPUS;
    t.pid = calloc(n, sizeof *t.pid);
    t.last = calloc(n, sizeof *t.last);
    t.marked = calloc(n, sizeof *t.marked);
    int r = t.pid == NULL || t.last == NULL || t.marked == NULL ? -ENOMEM : number_processes(&t);
    if (r == 0) {
        memset(t.last, 0xFF, n * sizeof *t.last);
        r = tell_all(&t);
    }
    trace_done(&t);
    return r;
}
