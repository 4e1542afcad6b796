/*
 * Tables of what the code marked: a row for each scope that was open, in order of their ends; for
 * each value of a counter; for each label.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/scope_kin.h"
#include "analyse/scope_stacks.h"
#include "export/export_table.h"

/* Codes of fields, of all three tables. */
enum {
    FIELD_TIME,
    FIELD_START,
    FIELD_END,
    FIELD_DURATION,
    FIELD_SELF,
    FIELD_CPU,
    FIELD_PROCESSES,
    FIELD_CHILDREN_CPU,
    FIELD_PID,
    FIELD_ENTITY,
    FIELD_TID,
    FIELD_THREAD,
    FIELD_NAME,
    FIELD_CATEGORY,
    FIELD_DEPTH,
    FIELD_END_SEEN,
    FIELD_VALUE,
    FIELD_TEXT
};

/* One row, of any of the tables; what does not apply is not asked for. */
struct marked {
    uint64_t time_ns, end_ns;
    uint64_t duration_ns, self_ns, cpu_ns; /* cpu_ns: TACHO_TIME_UNKNOWN */
    struct kin_use started;                /* inside; of no process: not looked for */
    uint32_t entity;
    const struct tacho_marking_thread *thread; /* NULL: none */
    const struct tacho_site *site;             /* NULL: lost */
    size_t depth;
    bool end_seen;
    double value;
    const char *text;
};

struct marked_rows {
    struct export *export;
    bool wants_started;
    struct summary summary; /* those two only then */
    struct kin kin;
    struct cell cells[FIELDS_MAX];
};

static struct cell text_cell(const char *text)
{
    return text == NULL ? cell_missing() : cell_text(text, strlen(text));
}

static struct cell seconds_cell(uint64_t ns)
{
    return ns == TACHO_TIME_UNKNOWN ? cell_missing() : cell_number(CELL_SECONDS, ns);
}

static struct cell children_cpu_cell(const struct kin_use *started)
{
    bool none_known = started->processes > 0 && started->unknown == started->processes;
    if (started->processes == SCOPES_UNKNOWN || (none_known && started->cpu_ns == 0))
        return cell_missing();
    return seconds_cell(started->cpu_ns);
}

static struct cell cell_of(const struct export *export, unsigned code, const struct marked *row)
{
    const struct tacho_process *p;
    switch (code) {
    case FIELD_TIME:
    case FIELD_START: return export_moment(export, row->time_ns);
    case FIELD_END: return export_moment(export, row->end_ns);
    case FIELD_DURATION: return seconds_cell(row->duration_ns);
    case FIELD_SELF: return seconds_cell(row->self_ns);
    case FIELD_CPU: return seconds_cell(row->cpu_ns);
    case FIELD_PROCESSES:
        return row->started.processes == SCOPES_UNKNOWN
                   ? cell_missing()
                   : cell_number(CELL_NUMBER, row->started.processes);
    case FIELD_CHILDREN_CPU: return children_cpu_cell(&row->started);
    case FIELD_PID:
        p = tacho_process_of(export->rec, row->entity);
        return p == NULL ? cell_missing() : cell_number(CELL_NUMBER, (uint64_t)p->pid);
    case FIELD_ENTITY:
        return row->entity == 0 ? cell_missing() : cell_number(CELL_NUMBER, row->entity);
    case FIELD_TID:
        return row->thread == NULL ? cell_missing()
                                   : cell_number(CELL_NUMBER, (uint64_t)row->thread->tid);
    case FIELD_THREAD: return text_cell(row->thread == NULL ? NULL : row->thread->name);
    case FIELD_NAME: return text_cell(row->site == NULL ? NULL : row->site->name);
    case FIELD_CATEGORY: return text_cell(row->site == NULL ? NULL : row->site->category);
    case FIELD_DEPTH: return cell_number(CELL_NUMBER, row->depth);
    case FIELD_END_SEEN: return cell_number(CELL_NUMBER, row->end_seen);
    case FIELD_VALUE: return cell_real(row->value);
    case FIELD_TEXT: return text_cell(row->text);
    default: return cell_missing();
    }
}

static int put_row(struct marked_rows *rows, const struct marked *row)
{
    struct export *export = rows->export;
    for (size_t f = 0; f < export->choice.n; f++)
        rows->cells[f] = cell_of(export, export->choice.fields[f].code, row);
    return export_row(export, rows->cells);
}

static void add_fields(struct field_list *ret, const struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        field_list_add(ret, "", fields[i].name, &fields[i]);
}

/* Between head and end of the table. 0 or negative errno. */
static int run_table(struct export *export, int (*put_all)(struct marked_rows *rows))
{
    struct marked_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return -ENOMEM;
    rows->export = export;
    int r = export_begin(export);
    if (r == 0)
        r = put_all(rows);
    if (r == 0)
        r = export_end(export);
    free(rows);
    return r;
}

/* ---- scopes ---- */

static const struct field scope_fields[] = {
    {"start", "s", "when it began, see --time", FIELD_START, 0, true},
    {"end", "s", "when it ended", FIELD_END, 0, true},
    {"duration", "s", "between the two", FIELD_DURATION, 0, true},
    {"self", "s", "the same without scopes right inside it", FIELD_SELF, 0, false},
    {"cpu", "s", "of its thread, where the marks carry its clock", FIELD_CPU, 0, false},
    {"processes", "", "started inside by its process, with their descendants", FIELD_PROCESSES, 0,
     false},
    {"children_cpu", "s", "of those, from birth to end", FIELD_CHILDREN_CPU, 0, false},
    {"pid", "", "process id", FIELD_PID, 0, true},
    {"entity", "id", "its process's number in this recording", FIELD_ENTITY, 0, false},
    {"tid", "", "thread id", FIELD_TID, 0, true},
    {"thread", "text", "the thread's name", FIELD_THREAD, 0, true},
    {"name", "text", "as the code has it", FIELD_NAME, 0, true},
    {"category", "text", "as the code has it", FIELD_CATEGORY, 0, true},
    {"depth", "", "scopes that were open around it on its thread", FIELD_DEPTH, 0, true},
    {"end_seen", "", "1: by its own end; 0: it ended with an outer one, or its thread",
     FIELD_END_SEEN, 0, true},
};

static void scopes_fields(const struct tacho_recording *rec, struct field_list *ret)
{
    (void)rec;
    add_fields(ret, scope_fields, sizeof scope_fields / sizeof scope_fields[0]);
}

static struct kin_use started_inside(struct marked_rows *rows, uint32_t entity, uint64_t begin_ns,
                                     uint64_t end_ns)
{
    const uint64_t *marker =
        rows->wants_started ? map_get(&rows->summary.usage.of_entity, entity) : NULL;
    if (marker == NULL)
        return (struct kin_use){.processes = SCOPES_UNKNOWN};
    uint32_t from = kin_from(&rows->kin, (uint32_t)*marker, begin_ns);
    uint32_t to = kin_from(&rows->kin, (uint32_t)*marker, end_ns);
    return kin_used(&rows->kin, from, to);
}

static int put_scope(void *user, struct scope_thread *t, struct scope_frame *frame,
                     const struct scope_end *end)
{
    struct marked_rows *rows = user;
    bool clocks = frame->cpu_ns != TACHO_TIME_UNKNOWN && end->cpu_ns != TACHO_TIME_UNKNOWN &&
                  end->cpu_ns >= frame->cpu_ns;
    uint64_t duration = scope_duration(frame, end);
    rows->export->now_ns = end->time_ns;
    return put_row(rows, &(struct marked){
                             .time_ns = frame->begin_ns,
                             .end_ns = frame->begin_ns + duration,
                             .duration_ns = duration,
                             .self_ns = scope_self(frame, end),
                             .cpu_ns = clocks ? end->cpu_ns - frame->cpu_ns : TACHO_TIME_UNKNOWN,
                             .started = started_inside(rows, t->thread->entity, frame->begin_ns,
                                                       frame->begin_ns + duration),
                             .entity = t->thread->entity,
                             .thread = t->thread,
                             .site = tacho_site(rows->export->rec, frame->site),
                             .depth = t->depth - 1,
                             .end_seen = end->seen,
                         });
}

/* They need a pass over the samples, which nobody pays who does not ask. 0 or negative errno. */
static int find_started(struct marked_rows *rows)
{
    for (size_t f = 0; f < rows->export->choice.n; f++) {
        unsigned code = rows->export->choice.fields[f].code;
        rows->wants_started |= code == FIELD_PROCESSES || code == FIELD_CHILDREN_CPU;
    }
    if (!rows->wants_started)
        return 0;
    int r = summary_make(rows->export->rec, &rows->summary);
    const struct usage *usage = &rows->summary.usage;
    uint32_t *entity = r == 0 ? calloc(usage->processes + 1, sizeof *entity) : NULL;
    if (entity == NULL)
        return r != 0 ? r : -ENOMEM;
    for (size_t i = 0; i < usage->processes; i++)
        entity[i] = usage->process[i].entity;
    r = kin_open(&rows->kin, &rows->summary, entity, usage->processes);
    free(entity);
    return r;
}

static int put_scopes(struct marked_rows *rows)
{
    struct scope_losses losses;
    const struct scope_listener listener = {.user = rows, .end = put_scope};
    int r = find_started(rows);
    if (r == 0)
        r = scope_stacks_run(rows->export->rec, &listener, &losses);
    kin_done(&rows->kin);
    summary_done(&rows->summary);
    return r;
}

static int scopes_run(struct export *export)
{
    return run_table(export, put_scopes);
}

const struct export_table table_scopes = {"scopes", scopes_fields, scopes_run};

/* ---- counters ---- */

static const struct field counter_fields[] = {
    {"time", "s", "when it was set, see --time", FIELD_TIME, 0, true},
    {"pid", "", "process id", FIELD_PID, 0, true},
    {"entity", "id", "its process's number in this recording", FIELD_ENTITY, 0, false},
    {"tid", "", "thread id", FIELD_TID, 0, true},
    {"thread", "text", "the thread's name", FIELD_THREAD, 0, false},
    {"name", "text", "as the code has it", FIELD_NAME, 0, true},
    {"category", "text", "as the code has it", FIELD_CATEGORY, 0, false},
    {"value", "", "from then on", FIELD_VALUE, 0, true},
};

static void counters_fields(const struct tacho_recording *rec, struct field_list *ret)
{
    (void)rec;
    add_fields(ret, counter_fields, sizeof counter_fields / sizeof counter_fields[0]);
}

static int put_counters(struct marked_rows *rows)
{
    struct tacho_recording *rec = rows->export->rec;
    struct tacho_marks *walk;
    struct tacho_mark mark;
    int r = tacho_marks_open(rec, &walk), read = 0;
    if (r != 0)
        return r;
    while (r == 0 && (read = tacho_marks_next(walk, &mark)) == 1) {
        rows->export->now_ns = mark.time_ns;
        if (mark.kind != TACHO_MARK_COUNTER)
            continue;
        const struct tacho_marking_thread *thread = tacho_marking_thread_of(rec, mark.thread);
        r = put_row(rows, &(struct marked){.time_ns = mark.time_ns,
                                           .entity = thread != NULL ? thread->entity : 0,
                                           .thread = thread,
                                           .site = tacho_site_of(rec, mark.site),
                                           .value = mark.value});
    }
    tacho_marks_close(walk);
    return r == 0 && read < 0 ? read : r;
}

static int counters_run(struct export *export)
{
    return run_table(export, put_counters);
}

const struct export_table table_counters = {"counters", counters_fields, counters_run};

/* ---- labels ---- */

static const struct field label_fields[] = {
    {"time", "s", "when it was said, see --time", FIELD_TIME, 0, true},
    {"pid", "", "process id of who said it, where that is known", FIELD_PID, 0, true},
    {"entity", "id", "its process's number in this recording", FIELD_ENTITY, 0, false},
    {"tid", "", "thread id", FIELD_TID, 0, false},
    {"text", "text", "what was said", FIELD_TEXT, 0, true},
};

static void labels_fields(const struct tacho_recording *rec, struct field_list *ret)
{
    (void)rec;
    add_fields(ret, label_fields, sizeof label_fields / sizeof label_fields[0]);
}

static int put_labels(struct marked_rows *rows)
{
    const struct tacho_recording *rec = rows->export->rec;
    int r = 0;
    for (size_t i = 0; r == 0 && i < tacho_label_count(rec); i++) {
        const struct tacho_label *label = tacho_label_at(rec, i);
        r = put_row(rows, &(struct marked){.time_ns = label->time_ns,
                                           .entity = label->entity,
                                           .thread = tacho_marking_thread_of(rec, label->thread),
                                           .text = label->text});
    }
    return r;
}

static int labels_run(struct export *export)
{
    return run_table(export, put_labels);
}

const struct export_table table_labels = {"labels", labels_fields, labels_run};
