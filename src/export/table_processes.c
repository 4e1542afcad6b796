/* A row for each process: who it was, how it ended, what it used in all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "export/export_table.h"
#include "export/process_usage.h"

/* Codes of fields; from FIELD_METRIC on, positions of metrics, where METRICS_MAX is none. */
enum {
    FIELD_ENTITY,
    FIELD_PID,
    FIELD_PARENT_PID,
    FIELD_PARENT,
    FIELD_INNER_PID,
    FIELD_GROUP,
    FIELD_SESSION,
    FIELD_UID,
    FIELD_START,
    FIELD_SEEN,
    FIELD_END,
    FIELD_EXIT_CODE,
    FIELD_SIGNAL,
    FIELD_EXECS,
    FIELD_COMM,
    FIELD_COMMAND,
    FIELD_EXE,
    FIELD_CWD,
    FIELD_FLAGS,
    FIELD_ACCOUNTING,
    FIELD_SAMPLES,
    FIELD_RUSAGE_USER,
    FIELD_RUSAGE_SYSTEM,
    FIELD_RUSAGE_PEAK_RSS,
    FIELD_RUSAGE_MINOR_FAULTS,
    FIELD_RUSAGE_MAJOR_FAULTS,
    FIELD_RUSAGE_READ_BLOCKS,
    FIELD_RUSAGE_WRITE_BLOCKS,
    FIELD_RUSAGE_VOLUNTARY,
    FIELD_RUSAGE_INVOLUNTARY,
    FIELD_METRIC
};

static const struct field leading[] = {
    {"entity", "id", "number of the process in this recording", FIELD_ENTITY, 0, true},
    {"pid", "id", "process id", FIELD_PID, 0, true},
    {"ppid", "id", "parent when it was first seen", FIELD_PARENT_PID, 0, true},
    {"parent", "id", "entity of the parent, where that is recorded", FIELD_PARENT, 0, true},
    {"inner_pid", "id", "its pid in its own namespace", FIELD_INNER_PID, 0, false},
    {"process_group", "id", "process group", FIELD_GROUP, 0, false},
    {"session", "id", "session", FIELD_SESSION, 0, false},
    {"uid", "id", "user id", FIELD_UID, 0, true},
    {"start", "s", "when it began, in kernel ticks; see --time", FIELD_START, 0, true},
    {"seen", "s", "when it was first seen", FIELD_SEEN, 0, false},
    {"end", "s", "when it was found to have ended", FIELD_END, 0, true},
    {"exit_code", "number", "where it exited", FIELD_EXIT_CODE, 0, true},
    {"signal", "number", "where a signal killed it", FIELD_SIGNAL, 0, true},
    {"execs", "count", "programs that it became", FIELD_EXECS, 0, false},
    {"comm", "text", "name", FIELD_COMM, 0, true},
    {"command", "text", "arguments, quoted for a shell", FIELD_COMMAND, 0, true},
    {"exe", "text", "program file", FIELD_EXE, 0, true},
    {"cwd", "text", "working directory", FIELD_CWD, 0, true},
    {"flags", "text", "root, forked, argv_cut, with blanks between", FIELD_FLAGS, 0, true},
    {"accounting", "text",
     "exact: the kernel told at its end; sampled; or missed: nothing is known", FIELD_ACCOUNTING, 0,
     true},
    {"samples", "count", "ticks at which it was there", FIELD_SAMPLES, 0, true},
};

/* After the metrics. */
static const struct field rusage[] = {
    {"rusage_user", "s", "user CPU time, reaped children included", FIELD_RUSAGE_USER, 0, true},
    {"rusage_system", "s", "system CPU time, reaped children included", FIELD_RUSAGE_SYSTEM, 0,
     true},
    {"rusage_peak_rss", "bytes", "largest resident set, its own or of a reaped child",
     FIELD_RUSAGE_PEAK_RSS, 0, false},
    {"rusage_minor_faults", "count", "faults without I/O", FIELD_RUSAGE_MINOR_FAULTS, 0, false},
    {"rusage_major_faults", "count", "faults that read a disk", FIELD_RUSAGE_MAJOR_FAULTS, 0,
     false},
    {"rusage_read_blocks", "count", "of 512 bytes, from storage", FIELD_RUSAGE_READ_BLOCKS, 0,
     false},
    {"rusage_write_blocks", "count", "of 512 bytes, to storage", FIELD_RUSAGE_WRITE_BLOCKS, 0,
     false},
    {"rusage_voluntary_ctx_switches", "count", "waits", FIELD_RUSAGE_VOLUNTARY, 0, false},
    {"rusage_involuntary_ctx_switches", "count", "preemptions", FIELD_RUSAGE_INVOLUNTARY, 0, false},
};

static bool is_default_metric(const char *name)
{
    static const char *const names[] = {"cpu",         "user",       "system",      "rss",
                                        "peak_rss",    "pss",        "num_threads", "read_chars",
                                        "write_chars", "read_bytes", "write_bytes"};
    return name_among(name, names, sizeof names / sizeof names[0]);
}

/* What the largest value of means something. */
static bool is_quantity(const char *unit)
{
    static const char *const others[] = {"letter", "id", "mask"};
    return !name_among(unit, others, sizeof others / sizeof others[0]);
}

static void add_fields(struct field_list *ret, const struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        field_list_add(ret, "", fields[i].name, &fields[i]);
}

static void processes_fields(const struct tacho_recording *rec, struct field_list *ret)
{
    struct metric_list metrics;
    metric_list_of(rec, TACHO_PROCESS, &metrics);
    add_fields(ret, leading, sizeof leading / sizeof leading[0]);
    for (size_t i = 0; i < metrics.n; i++) {
        const struct metric_field *m = &metrics.metrics[i];
        if (!m->cumulative && !is_quantity(m->unit))
            continue;
        bool is_peak = strncmp(m->name, "peak_", 5) == 0;
        field_list_add(ret, m->cumulative || is_peak ? "" : "max_", m->name,
                       &(struct field){.unit = field_unit_of(m->unit),
                                       .help = m->help,
                                       .code = (uint16_t)(FIELD_METRIC + m->position),
                                       .type = (uint8_t)field_type_of_unit(m->unit),
                                       .by_default = is_default_metric(m->name)});
    }
    add_fields(ret, rusage, sizeof rusage / sizeof rusage[0]);
}

/* Texts of a row that are made for it. */
struct row_texts {
    struct buffer command;
    char flags[64];
};

static struct cell id_cell(int id)
{
    return id > 0 ? cell_number(CELL_NUMBER, (uint64_t)id) : cell_missing();
}

static struct cell text_cell(const char *text)
{
    return text == NULL || text[0] == '\0' ? cell_missing() : cell_text(text, strlen(text));
}

static struct cell status_cell(const struct tacho_process *p, bool signal)
{
    bool signalled = WIFSIGNALED(p->wait_status);
    if ((p->flags & TACHO_PROCESS_STATUS) == 0 || signalled != signal ||
        (!signal && !WIFEXITED(p->wait_status)))
        return cell_missing();
    int number = signal ? WTERMSIG(p->wait_status) : WEXITSTATUS(p->wait_status);
    return cell_number(CELL_NUMBER, (uint64_t)number);
}

/* The start is known on the wall clock by itself: anchors need not reach back that far. */
static struct cell start_cell(const struct export *export, const struct tacho_process *p)
{
    if (p->start_ns == 0 || p->start_ns == TACHO_TIME_UNKNOWN)
        return cell_missing();
    return moment_cell(export->options.time, export->start_ns, p->start_ns, p->start_real_ns);
}

static struct cell moment_or_missing(const struct export *export, uint64_t mono_ns)
{
    return mono_ns == TACHO_TIME_UNKNOWN ? cell_missing() : export_moment(export, mono_ns);
}

static struct cell command_cell(const struct tacho_process *p, struct row_texts *texts)
{
    if (p->argv_bytes == 0)
        return cell_missing();
    buffer_clear(&texts->command);
    text_put_shell(&texts->command, p->argv, p->argv_bytes);
    return cell_text((const char *)texts->command.data, texts->command.len);
}

static struct cell flags_cell(const struct tacho_process *p, struct row_texts *texts)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } flags[] = {{TACHO_PROCESS_ROOT, "root"},
                 {TACHO_PROCESS_FORKED, "forked"},
                 {TACHO_PROCESS_ARGV_CUT, "argv_cut"}};
    char *at = texts->flags;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((p->flags & flags[i].bit) == 0)
            continue;
        if (at != texts->flags)
            *at++ = ' ';
        at = stpcpy(at, flags[i].name);
    }
    return cell_text(texts->flags, (size_t)(at - texts->flags));
}

static struct cell accounting_cell(const struct tacho_process *p, uint64_t samples)
{
    bool known = samples > 0 || (p->flags & TACHO_PROCESS_ACCOUNT) != 0;
    const char *word = tacho_process_is_exact(p) ? "exact" : known ? "sampled" : "missed";
    return cell_text(word, strlen(word));
}

static struct cell rusage_cell(const struct tacho_process *p, unsigned code)
{
    const struct tacho_rusage *r = &p->exact;
    if ((p->flags & TACHO_PROCESS_RUSAGE) == 0)
        return cell_missing();
    switch (code) {
    case FIELD_RUSAGE_USER: return cell_number(CELL_SECONDS, r->user_ns);
    case FIELD_RUSAGE_SYSTEM: return cell_number(CELL_SECONDS, r->system_ns);
    case FIELD_RUSAGE_PEAK_RSS: return cell_number(CELL_NUMBER, r->peak_rss_bytes);
    case FIELD_RUSAGE_MINOR_FAULTS: return cell_number(CELL_NUMBER, r->minor_faults);
    case FIELD_RUSAGE_MAJOR_FAULTS: return cell_number(CELL_NUMBER, r->major_faults);
    case FIELD_RUSAGE_READ_BLOCKS: return cell_number(CELL_NUMBER, r->read_blocks);
    case FIELD_RUSAGE_WRITE_BLOCKS: return cell_number(CELL_NUMBER, r->write_blocks);
    case FIELD_RUSAGE_VOLUNTARY: return cell_number(CELL_NUMBER, r->voluntary_switches);
    case FIELD_RUSAGE_INVOLUNTARY: return cell_number(CELL_NUMBER, r->involuntary_switches);
    default: return cell_missing();
    }
}

static struct cell metric_cell(const struct field *field, const struct process_usage *usage,
                               size_t process)
{
    uint64_t value;
    if (!process_usage_value(usage, process, field->code - (unsigned)FIELD_METRIC, &value))
        return cell_missing();
    return cell_value(field->type, value);
}

static struct cell identity_cell(const struct export *export, const struct tacho_process *p,
                                 unsigned code, struct row_texts *texts)
{
    switch (code) {
    case FIELD_ENTITY: return cell_number(CELL_NUMBER, p->entity);
    case FIELD_PID: return id_cell(p->pid);
    case FIELD_PARENT_PID: return id_cell(p->parent_pid);
    case FIELD_PARENT:
        return p->parent_entity == 0 ? cell_missing() : cell_number(CELL_NUMBER, p->parent_entity);
    case FIELD_INNER_PID: return id_cell(p->inner_pid);
    case FIELD_GROUP: return id_cell(p->process_group);
    case FIELD_SESSION: return id_cell(p->session);
    case FIELD_UID: return p->uid == UINT32_MAX ? cell_missing() : cell_number(CELL_NUMBER, p->uid);
    case FIELD_START: return start_cell(export, p);
    case FIELD_SEEN: return moment_or_missing(export, p->seen_ns);
    case FIELD_END:
        return (p->flags & TACHO_PROCESS_ENDED) == 0 ? cell_missing()
                                                     : moment_or_missing(export, p->end_ns);
    case FIELD_EXIT_CODE: return status_cell(p, false);
    case FIELD_SIGNAL: return status_cell(p, true);
    case FIELD_EXECS: return cell_number(CELL_NUMBER, p->execs);
    case FIELD_COMM: return text_cell(p->comm);
    case FIELD_COMMAND: return command_cell(p, texts);
    case FIELD_EXE: return text_cell(p->exe);
    case FIELD_CWD: return text_cell(p->cwd);
    case FIELD_FLAGS: return flags_cell(p, texts);
    default: return rusage_cell(p, code);
    }
}

static int put_rows(struct export *export, const struct process_usage *usage)
{
    struct cell cells[FIELDS_MAX];
    struct row_texts texts = {0};
    int r = export_begin(export);
    for (size_t i = 0; r == 0 && i < tacho_process_count(export->rec); i++) {
        const struct tacho_process *p = tacho_process(export->rec, i);
        for (size_t f = 0; f < export->choice.n; f++) {
            const struct field *field = &export->choice.fields[f];
            if (field->code >= FIELD_METRIC)
                cells[f] = metric_cell(field, usage, i);
            else if (field->code == FIELD_ACCOUNTING)
                cells[f] = accounting_cell(p, process_usage_samples(usage, i));
            else if (field->code == FIELD_SAMPLES)
                cells[f] = cell_number(CELL_NUMBER, process_usage_samples(usage, i));
            else
                cells[f] = identity_cell(export, p, field->code, &texts);
        }
        r = texts.command.failed ? -ENOMEM : export_row(export, cells);
    }
    buffer_done(&texts.command);
    return r == 0 ? export_end(export) : r;
}

static int processes_run(struct export *export)
{
    struct process_usage *usage;
    uint64_t wanted = 0;
    bool wants_samples = false; /* they need not be read for names and ends alone */
    for (size_t i = 0; i < export->choice.n; i++) {
        unsigned code = export->choice.fields[i].code;
        wants_samples |= code == FIELD_SAMPLES || code == FIELD_ACCOUNTING || code >= FIELD_METRIC;
        if (code >= FIELD_METRIC && code - (unsigned)FIELD_METRIC < METRICS_MAX)
            wanted |= UINT64_C(1) << (code - (unsigned)FIELD_METRIC);
    }
    int r = process_usage_new(export->rec, wanted, &usage);
    if (r < 0)
        return r;
    if (wants_samples)
        r = process_usage_gather(usage);
    if (r == 0)
        r = put_rows(export, usage);
    process_usage_free(usage);
    return r;
}

const struct export_table table_processes = {"processes", processes_fields, processes_run};
