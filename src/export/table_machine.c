/*
 * A row for each tick and thing that is no process: the machine, its processors, disks, networks and
 * GPUs, the tree of recorded processes as a whole, the recorder, the target's control group, domains of
 * energy. One column for each name of a
 * metric: where kinds share a name (user, read_bytes, …) it means the same of each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/busy.h"
#include "export/entity_map.h"
#include "export/export_table.h"
#include "export/seen.h"

/* Codes of fields; from FIELD_METRIC on, metrics by name: see the list of names below. */
enum { FIELD_TIME, FIELD_KIND, FIELD_NAME, FIELD_ENTITY, FIELD_CPU_PERCENT, FIELD_METRIC };

static const uint8_t kinds[] = {TACHO_MACHINE, TACHO_TREE,    TACHO_PROCESSOR,
                                TACHO_DISK,    TACHO_NETWORK, TACHO_RECORDER,
                                TACHO_GPU,     TACHO_CGROUP,  TACHO_ENERGY};
#define KINDS (sizeof kinds / sizeof kinds[0])
#define KINDS_END (TACHO_ENERGY + 1)

/* Few machines have GPUs: their columns are there only where they have something in them. */
static bool has_kind(const struct tacho_recording *rec, unsigned kind)
{
    return kind != TACHO_GPU || rec == NULL || tacho_entity_first(rec, kind) != 0;
}

static const struct field leading[] = {
    {"time", "s", "moment of the sample, see --time", FIELD_TIME, 0, true},
    {"kind", "text", "machine, tree, processor, disk, network, recorder, gpu, cgroup or energy",
     FIELD_KIND, 0, true},
    {"name", "text", "which processor, disk, network, GPU, control group or domain of energy",
     FIELD_NAME, 0, true},
    {"entity", "id", "its number in this recording", FIELD_ENTITY, 0, false},
    {"cpu_percent", "%", "CPU time used, of one processor, since the sample before",
     FIELD_CPU_PERCENT, 0, true},
};

static void machine_fields(const struct tacho_recording *rec, struct field_list *ret)
{
    struct metric_list metrics;
    for (size_t i = 0; i < sizeof leading / sizeof leading[0]; i++)
        field_list_add(ret, "", leading[i].name, &leading[i]);
    for (size_t k = 0; k < KINDS; k++) {
        metric_list_of(rec, kinds[k], &metrics);
        for (size_t i = 0; has_kind(rec, kinds[k]) && i < metrics.n; i++)
            field_list_add(ret, "", metrics.metrics[i].name,
                           &(struct field){.unit = field_unit_of(metrics.metrics[i].unit),
                                           .help = metrics.metrics[i].help,
                                           .code = FIELD_METRIC,
                                           .by_default = true});
    }
}

/* What a kind has in each column. */
struct kind_columns {
    const char *name;
    uint8_t position[FIELDS_MAX]; /* METRICS_MAX: nothing */
    uint8_t type[FIELDS_MAX];
    uint64_t cpu; /* positions whose sum is CPU time used; all must be there */
};

struct machine_rows {
    struct kind_columns kinds[KINDS_END];
    struct seen_entities entities;
    struct entity_map names; /* entity -> position in the recording's entities */
    struct cell cells[FIELDS_MAX];
};

static void learn_kind(struct kind_columns *columns, const struct export *export, unsigned kind)
{
    struct metric_list metrics;
    metric_list_of(export->rec, kind, &metrics);
    columns->name = kind_info(kind)->name;
    columns->cpu = busy_mask(&metrics, kind);
    for (size_t f = 0; f < export->choice.n; f++) {
        const struct field *field = &export->choice.fields[f];
        columns->position[f] = METRICS_MAX;
        for (size_t i = 0; field->code == FIELD_METRIC && i < metrics.n; i++) {
            if (strcmp(metrics.metrics[i].name, field->name) != 0)
                continue;
            columns->position[f] = (uint8_t)metrics.metrics[i].position;
            columns->type[f] = (uint8_t)field_type_of_unit(metrics.metrics[i].unit);
            break;
        }
    }
}

static int machine_rows_init(struct machine_rows *rows, const struct export *export)
{
    for (size_t k = 0; k < KINDS; k++)
        learn_kind(&rows->kinds[kinds[k]], export, kinds[k]);
    for (size_t i = 0; i < tacho_entity_count(export->rec); i++) {
        const struct tacho_entity *entity = tacho_entity(export->rec, i);
        if (entity->kind == TACHO_PROCESS || entity->id == 0)
            continue;
        if (entity_map_put(&rows->names, entity->id, i) != 0)
            return -ENOMEM;
    }
    return 0;
}

static struct cell name_cell(const struct machine_rows *rows, const struct export *export,
                             uint32_t id)
{
    const uint64_t *at = entity_map_get(&rows->names, id);
    const char *name = at == NULL ? NULL : tacho_entity(export->rec, (size_t)*at)->name;
    return name == NULL || name[0] == '\0' ? cell_missing() : cell_text(name, strlen(name));
}

static struct cell percent_cell(struct machine_rows *rows, const struct tacho_sample *sample)
{
    uint64_t busy_ns;
    if (!busy_ns_of(rows->kinds[sample->kind].cpu, sample, &busy_ns))
        return cell_missing();
    struct seen *seen = seen_of(&rows->entities, sample->entity);
    return seen == NULL ? cell_missing() : seen_cpu_percent(seen, sample->time_ns, busy_ns);
}

static struct cell cell_of(struct machine_rows *rows, const struct export *export, size_t f,
                           const struct tacho_sample *sample, uint64_t shown)
{
    const struct kind_columns *columns = &rows->kinds[sample->kind];
    switch (export->choice.fields[f].code) {
    case FIELD_TIME: return export_moment(export, sample->time_ns);
    case FIELD_KIND: return cell_text(columns->name, strlen(columns->name));
    case FIELD_NAME: return name_cell(rows, export, sample->entity);
    case FIELD_ENTITY: return cell_number(CELL_NUMBER, sample->entity);
    case FIELD_CPU_PERCENT: return percent_cell(rows, sample);
    default: break;
    }
    unsigned position = columns->position[f];
    if (position >= METRICS_MAX || (shown >> position & 1) == 0)
        return cell_missing();
    return cell_value(columns->type[f], sample->value[position]);
}

static int put_all(struct export *export, struct machine_rows *rows, struct tacho_walk *walk)
{
    struct tacho_sample sample;
    int r;
    while ((r = tacho_walk_next(walk, &sample)) > 0) {
        export->now_ns = sample.time_ns;
        uint64_t shown = sample.known & (export->options.fill ? UINT64_MAX : sample.fresh);
        if (shown == 0 || sample.kind >= KINDS_END || rows->kinds[sample.kind].name == NULL)
            continue;
        for (size_t f = 0; f < export->choice.n; f++)
            rows->cells[f] = cell_of(rows, export, f, &sample, shown);
        r = export_row(export, rows->cells);
        if (r < 0)
            return r;
    }
    return r;
}

static int machine_run(struct export *export)
{
    unsigned wanted = 0;
    for (size_t k = 0; k < KINDS; k++)
        wanted |= 1u << kinds[k];
    struct machine_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return -ENOMEM;
    struct tacho_walk *walk;
    int r = machine_rows_init(rows, export);
    if (r == 0)
        r = tacho_walk_open(export->rec, 0, UINT64_MAX, wanted, &walk);
    if (r == 0) {
        r = export_begin(export);
        if (r == 0)
            r = put_all(export, rows, walk);
        tacho_walk_close(walk);
    }
    if (r == 0)
        r = export_end(export);
    seen_done(&rows->entities);
    entity_map_done(&rows->names);
    free(rows);
    return r;
}

const struct export_table table_machine = {"machine", machine_fields, machine_run};
