/* What the code marked, for programs. */
#include <math.h>

#include "report/energy_words.h"
#include "report/json.h"
#include "report/summary_parts.h"

#define PROCESSES_MAX 256
#define PARTS_MAX 64 /* of a process; smaller ones are summed */

/* What was started inside scopes that were only counted is not known. */
static void put_use(struct json *j, const struct summary *s, const struct scope_use *use,
                    bool timed)
{
    json_seconds(j, "cpu_s", use->cpu_ns);
    json_seconds(j, "children_cpu_s", use->children_cpu_ns);
    json_bool(j, "cpu_is_estimated", use->cpu_estimated);
    json_number(j, "processes", timed ? use->processes : SUMMARY_UNKNOWN);
    json_number(j, "read_bytes", use->read_bytes);
    json_number(j, "write_bytes", use->write_bytes);
    json_bool(j, "io_is_estimated", use->io_estimated);
    json_number(j, "rss_begin_bytes", use->rss_begin_bytes);
    json_number(j, "rss_end_bytes", use->rss_end_bytes);
    json_number(j, "rss_peak_bytes", use->rss_peak_bytes);
    if (use->rss_delta_known)
        json_signed(j, "rss_delta_bytes", use->rss_delta_bytes);
    else
        json_null(j, "rss_delta_bytes");
    json_number(j, "children_rss_peak_bytes", use->children_rss_peak_bytes);
    json_put_energy_of_cpu(j, s, use->cpu_ns);
}

/* More than 1 where several threads of a process are inside at once. */
static void put_scope(struct json *j, const struct summary *s, const struct scope_row *row,
                      uint64_t wall_ns)
{
    json_begin(j, NULL, '{');
    json_text(j, "name", row->name);
    json_text(j, "category", row->category);
    json_number(j, "count", row->count);
    json_seconds(j, "total_s", row->total_ns);
    json_real(j, "share", wall_ns > 0 ? (double)row->total_ns / (double)wall_ns : NAN);
    json_seconds(j, "self_s", row->timed > 0 ? row->self_ns : SUMMARY_UNKNOWN);
    json_seconds(j, "min_s", row->timed > 0 ? row->min_ns : SUMMARY_UNKNOWN);
    json_seconds(j, "max_s", row->max_ns);
    json_seconds(j, "mean_s", row->sum_ns / row->count);
    json_seconds(j, "p50_s", row->p50_ns);
    json_seconds(j, "p99_s", row->p99_ns);
    put_use(j, s, &row->use, row->timed > 0);
    json_end(j, '}');
}

/* `name` is NULL for smaller ones together. What a category of one process used is its CPU alone. */
static void begin_category(struct json *j, const char *name, uint64_t ns, uint64_t wall_ns)
{
    json_begin(j, NULL, '{');
    j->flat = true;
    json_text(j, "name", name);
    json_seconds(j, "total_s", ns);
    json_real(j, "share", wall_ns > 0 ? (double)ns / (double)wall_ns : NAN);
}

static void end_category(struct json *j)
{
    json_end(j, '}');
    j->flat = false;
}

static void put_part(struct json *j, const char *name, uint64_t ns, uint64_t wall_ns,
                     const struct category_use *use)
{
    begin_category(j, name, ns, wall_ns);
    json_seconds(j, "cpu_s", use->cpu_ns);
    end_category(j);
}

static void put_category(struct json *j, const struct summary *s,
                         const struct scope_category *category, uint64_t wall_ns)
{
    const struct category_use *use = &category->use;
    begin_category(j, category->name, category->total_ns, wall_ns);
    json_number(j, "count", category->count);
    json_seconds(j, "cpu_s", use->cpu_ns);
    json_seconds(j, "children_cpu_s", use->children_cpu_ns);
    json_number(j, "processes", use->processes);
    json_number(j, "read_bytes", use->read_bytes);
    json_number(j, "write_bytes", use->write_bytes);
    json_number(j, "rss_peak_bytes", use->rss_peak_bytes);
    json_put_energy_of_cpu(j, s, use->cpu_ns);
    end_category(j);
}

static void put_categories(struct json *j, const struct summary *summary, const struct scopes *s)
{
    json_begin(j, "categories", '[');
    for (size_t i = 0; s->processes > 0 && i < s->categories; i++)
        put_category(j, summary, &s->category[s->by_time[i]], s->wall_ns);
    json_end(j, ']');
}

/* "Others" is last, and always there. */
static void put_parts(struct json *j, const struct scopes *s, const struct scope_process *p)
{
    uint64_t wall = p->to_ns - p->from_ns, smaller = 0;
    size_t others = p->parts - 1;
    struct category_use use;
    category_use_forget(&use);
    json_begin(j, "categories", '[');
    for (size_t i = 0; i < others; i++) {
        const struct scope_part *part = &p->part[i];
        if (i < PARTS_MAX) {
            put_part(j, s->category[part->category].name, part->ns, wall, &part->use);
            continue;
        }
        smaller += part->ns;
        category_use_add(&use, &part->use);
    }
    if (others > PARTS_MAX)
        put_part(j, NULL, smaller, wall, &use);
    put_part(j, s->category[0].name, p->part[others].ns, wall, &p->part[others].use);
    json_end(j, ']');
}

static void put_processes(struct json *j, const struct scopes *s)
{
    uint64_t all = 0;
    json_begin(j, "category_processes", '[');
    for (size_t i = 0; i < s->processes; i++) {
        const struct scope_process *p = &s->process[i];
        const struct tacho_process *process = tacho_process_of(s->rec, p->entity);
        if (process == NULL || ++all > PROCESSES_MAX)
            continue;
        json_begin(j, NULL, '{');
        json_put_pid(j, process);
        json_text(j, "name", process->comm);
        json_list(j, "command", process->argv, process->argv_bytes);
        json_seconds(j, "wall_s", p->to_ns - p->from_ns);
        put_parts(j, s, p);
        json_end(j, '}');
    }
    json_end(j, ']');
    json_number(j, "marking_processes", all);
}

/* The keys of a label without its brackets. */
static void put_label(struct json *j, const struct summary *s, const struct tacho_label *label)
{
    const struct tacho_process *p = tacho_process_of(s->rec, label->entity);
    json_seconds(j, "at_s", label->time_ns > s->started_ns ? label->time_ns - s->started_ns : 0);
    json_text(j, "text", label->text);
    json_put_pid(j, p);
}

static void put_labels(struct json *j, const struct summary *s)
{
    json_begin(j, "labels", '[');
    for (size_t i = 0; i < tacho_label_count(s->rec); i++) {
        json_begin(j, NULL, '{');
        j->flat = true;
        put_label(j, s, tacho_label_at(s->rec, i));
        json_end(j, '}');
        j->flat = false;
    }
    json_end(j, ']');
}

void json_put_marks(struct json *j, const struct summary *s, const struct scopes *scopes)
{
    json_begin(j, "scopes", '[');
    for (size_t i = 0; i < scopes->rows; i++)
        put_scope(j, s, &scopes->row[i], scopes->wall_ns);
    json_end(j, ']');
    put_categories(j, s, scopes);
    put_processes(j, scopes);
    put_labels(j, s);
}

/* ---- what the owner of the memory's peak was doing ---- */

static void put_stack(struct json *j, const struct summary *s, const struct moment_stack *stack)
{
    json_begin(j, NULL, '{');
    j->flat = true;
    json_signed(j, "tid", stack->thread->tid);
    json_text(j, "thread", stack->thread->name[0] != '\0' ? stack->thread->name : NULL);
    json_number(j, "depth", stack->depth);
    json_begin(j, "scopes", '[');
    for (size_t i = 0; i < stack->scopes; i++) {
        const struct tacho_site *site = tacho_site(s->rec, stack->site[i]);
        json_text(j, NULL, site != NULL ? site->name : NULL);
    }
    json_end(j, ']');
    json_end(j, '}');
    j->flat = false;
}

void json_put_moment(struct json *j, const struct summary *s, const struct moment *moment)
{
    uint64_t at = s->memory.seen_ns;
    if (at != SUMMARY_UNKNOWN)
        at = at > s->started_ns ? at - s->started_ns : 0;
    json_seconds(j, "at_s", at);
    json_number(j, "threads_in_scopes", moment->threads);
    json_begin(j, "stacks", '[');
    for (size_t i = 0; i < moment->stacks; i++)
        put_stack(j, s, &moment->stack[i]);
    json_end(j, ']');
    if (moment->label == NULL) {
        json_null(j, "label");
        return;
    }
    json_begin(j, "label", '{');
    put_label(j, s, moment->label);
    json_end(j, '}');
}
