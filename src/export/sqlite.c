/*
 * A database of SQLite: a table for each of ours with all fields, facts of the session, key figures, and
 * views in which series have their last known values. Written in one transaction without a journal:
 * what is cut off is no database, and the CLI says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "analyse/summary.h"
#include "base/clock.h"
#include "base/text.h"
#include "export/export_table.h"

#define ROWS_BETWEEN_LOOKS 4096

struct database {
    struct export *export;
    sqlite3 *db;
    const char *table;
    sqlite3_stmt *insert;
    struct buffer sql;
    struct buffer text;
    uint64_t rows;
    size_t n;
    bool seen[FIELDS_MAX]; /* columns that have any value */
};

/* The last error of the database as one of ours. */
static int error_of(const struct database *d)
{
    int system = sqlite3_system_errno(d->db);
    int code = sqlite3_errcode(d->db) & 0xFF;
    d->export->drain.refused = code != SQLITE_NOMEM;
    if (code == SQLITE_NOMEM)
        return -ENOMEM;
    if (code == SQLITE_FULL)
        return -ENOSPC;
    return system > 0 ? -system : -EIO;
}

static int execute(struct database *d, const char *sql)
{
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : error_of(d);
}

/* What stands in `sql`, which is emptied. */
static int execute_made(struct database *d)
{
    buffer_put_byte(&d->sql, '\0');
    int r = d->sql.failed ? -ENOMEM : execute(d, (const char *)d->sql.data);
    buffer_clear(&d->sql);
    return r;
}

static int prepare(struct database *d, const char *sql)
{
    return sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &d->insert, NULL) ==
                   SQLITE_OK
               ? 0
               : error_of(d);
}

/* 0, or negative errno; the statement can be bound and run again. */
static int insert_row(struct database *d)
{
    int code = sqlite3_step(d->insert);
    sqlite3_reset(d->insert);
    return code == SQLITE_DONE ? 0 : error_of(d);
}

static void finish_inserts(struct database *d)
{
    sqlite3_finalize(d->insert);
    d->insert = NULL;
}

/* ---- cells ---- */

/* Readers such as Python's refuse text that is not UTF-8. */
static void bind_text(struct database *d, int column, const char *text, size_t n)
{
    if (n > INT32_MAX)
        n = INT32_MAX;
    if (utf8_valid(text, n)) {
        sqlite3_bind_text(d->insert, column, text, (int)n, SQLITE_TRANSIENT);
        return;
    }
    buffer_clear(&d->text);
    for (const uint8_t *p = (const uint8_t *)text, *end = p + n; p < end;) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        utf8_put(&d->text, c);
    }
    sqlite3_bind_text(d->insert, column, (const char *)d->text.data, (int)d->text.len,
                      SQLITE_TRANSIENT);
}

static void bind_cell(struct database *d, int column, const struct cell *cell)
{
    char letter;
    double sign = cell->negative ? -1 : 1;
    switch (cell->type) {
    case CELL_MISSING: sqlite3_bind_null(d->insert, column); break;
    case CELL_SECONDS:
        sqlite3_bind_double(d->insert, column, sign * (double)cell->number / (double)NS_PER_S);
        break;
    case CELL_HUNDREDTHS: sqlite3_bind_double(d->insert, column, (double)cell->number / 100); break;
    case CELL_THOUSANDTHS:
        sqlite3_bind_double(d->insert, column, (double)cell->number / 1000);
        break;
    case CELL_REAL: sqlite3_bind_double(d->insert, column, cell->real); break;
    case CELL_LETTER:
        letter = (char)cell->number;
        sqlite3_bind_text(d->insert, column, &letter, 1, SQLITE_TRANSIENT);
        break;
    case CELL_TEXT: bind_text(d, column, cell->text, cell->n); break;
    default: /* integers are signed there */
        if (cell->number <= INT64_MAX)
            sqlite3_bind_int64(d->insert, column, (sqlite3_int64)cell->number);
        else
            sqlite3_bind_double(d->insert, column, (double)cell->number);
    }
}

/* ---- tables ---- */

static const char *type_of(const struct field *field)
{
    static const char *const texts[] = {"text", "letter"};
    static const char *const reals[] = {"s", "%"};
    if (name_among(field->unit, texts, sizeof texts / sizeof texts[0]))
        return "text";
    if (name_among(field->unit, reals, sizeof reals / sizeof reals[0]))
        return "real";
    return field->unit[0] == '\0' ? "numeric" : "integer";
}

static int begin_table(void *user, const struct field_choice *choice)
{
    struct database *d = user;
    d->n = choice->n;
    memset(d->seen, 0, sizeof d->seen);
    buffer_printf(&d->sql, "create table %s(", d->table);
    for (size_t i = 0; i < choice->n; i++)
        buffer_printf(&d->sql, "%s\"%s\" %s", i == 0 ? "" : ", ", choice->fields[i].name,
                      type_of(&choice->fields[i]));
    buffer_put_text(&d->sql, ")");
    int r = execute_made(d);
    buffer_printf(&d->sql, "insert into %s values(", d->table);
    for (size_t i = 0; i < choice->n; i++)
        buffer_put_text(&d->sql, i == 0 ? "?" : ",?");
    buffer_put(&d->sql, ")", 2);
    if (r == 0)
        r = d->sql.failed ? -ENOMEM : prepare(d, (const char *)d->sql.data);
    buffer_clear(&d->sql);
    return r;
}

static int take_row(void *user, const struct cell *cells)
{
    struct database *d = user;
    const struct export_options *options = &d->export->options;
    for (size_t i = 0; i < d->n; i++) {
        bind_cell(d, (int)i + 1, &cells[i]);
        d->seen[i] |= cells[i].type != CELL_MISSING;
    }
    if (++d->rows % ROWS_BETWEEN_LOOKS == 0 && options->waiting != NULL)
        options->waiting(options->waiting_user);
    return d->text.failed ? -ENOMEM : insert_row(d);
}

static int end_table(void *user)
{
    finish_inserts(user);
    return 0;
}

/* ---- views ---- */

/* What is of its moment alone is not repeated. */
static bool is_filled(const char *name)
{
    static const char *const own[] = {"time", "pid",  "entity",     "comm",
                                      "kind", "name", "cpu_percent"};
    return !name_among(name, own, sizeof own / sizeof own[0]);
}

/* Looks back from row to row by the index; only for the columns that a query asks for. */
static int make_filled(struct database *d)
{
    const struct field_choice *choice = &d->export->choice;
    buffer_printf(&d->sql,
                  "create index %s_by_entity on %s(entity, time);"
                  "create view %s_filled as select ",
                  d->table, d->table, d->table);
    for (size_t i = 0; i < choice->n; i++) {
        const char *name = choice->fields[i].name;
        buffer_put_text(&d->sql, i == 0 ? "" : ", ");
        if (is_filled(name) && d->seen[i])
            buffer_printf(&d->sql,
                          "coalesce(\"%s\", (select before.\"%s\" from %s before where "
                          "before.entity = now.entity and before.time < now.time and "
                          "before.\"%s\" is not null order by before.time desc limit 1)) \"%s\"",
                          name, name, d->table, name, name);
        else
            buffer_printf(&d->sql, "\"%s\"", name);
    }
    buffer_printf(&d->sql, " from %s now", d->table);
    return execute_made(d);
}

static int make_tables(struct database *d)
{
    static const struct {
        const char *name;
        bool filled;
    } tables[] = {{"processes", false}, {"samples", true},   {"machine", true},
                  {"scopes", false},    {"counters", false}, {"labels", false}};
    const struct export_taker taker = {d, begin_table, take_row, end_table};
    int r = 0;
    d->export->walks = sizeof tables / sizeof tables[0];
    for (unsigned i = 0; r == 0 && i < d->export->walks; i++) {
        d->table = tables[i].name;
        d->export->walk = i;
        r = export_table_run(d->export, export_table_find(d->table), "all", &taker);
        if (r == 0 && tables[i].filled)
            r = make_filled(d);
    }
    return r == 0 ? execute(d, "create index processes_by_entity on processes(entity)") : r;
}

/* ---- facts and key figures ---- */

static int put_facts(struct database *d)
{
    const struct tacho_recording *rec = d->export->rec;
    int r = execute(d, "create table facts(key text, value)");
    if (r == 0)
        r = prepare(d, "insert into facts values(?, ?)");
    for (size_t i = 0; r == 0 && i < tacho_fact_count(rec); i++) {
        const char *text;
        size_t n;
        uint64_t number;
        const char *key = tacho_fact(rec, i, &text, &n, &number);
        struct cell cell = text != NULL ? cell_text(text, n) : cell_number(CELL_NUMBER, number);
        struct buffer line = {0};
        if (text != NULL && memchr(text, '\0', n) != NULL) {
            text_put_shell(&line, text, n); /* a list: the command */
            cell = cell_text((const char *)line.data, line.len);
        }
        bind_text(d, 1, key, strlen(key));
        bind_cell(d, 2, &cell);
        r = line.failed ? -ENOMEM : insert_row(d);
        buffer_done(&line);
    }
    finish_inserts(d);
    return r;
}

static int put_figure(struct database *d, const char *key, struct cell cell)
{
    if (cell.type != CELL_REAL && cell.type != CELL_MISSING && cell.number == SUMMARY_UNKNOWN)
        cell = cell_missing();
    bind_text(d, 1, key, strlen(key));
    bind_cell(d, 2, &cell);
    return insert_row(d);
}

/* Under the names that tacho report --json gives them. */
static int put_summary(struct database *d, const struct summary *s)
{
    const struct {
        const char *key;
        struct cell cell;
    } figures[] = {
        {"wall_s", cell_number(CELL_SECONDS, s->wall_ns)},
        {"cpu.user_s", cell_number(CELL_SECONDS, s->cpu.user_ns)},
        {"cpu.system_s", cell_number(CELL_SECONDS, s->cpu.system_ns)},
        {"cpu.total_s", cell_number(CELL_SECONDS, s->cpu.total_ns)},
        {"cpu.mean_cores", cell_real(s->cpu.mean_cores)},
        {"cpu.peak_cores", cell_real(s->cpu.peak_cores)},
        {"memory.peak_rss_bytes", cell_number(CELL_NUMBER, s->memory.peak_rss_bytes)},
        {"memory.peak_pss_bytes", cell_number(CELL_NUMBER, s->memory.peak_pss_bytes)},
        {"memory.peak_at_s", cell_number(CELL_SECONDS, s->memory.peak_after_ns)},
        {"io.read_bytes", cell_number(CELL_NUMBER, s->io[SUMMARY_READ_BYTES])},
        {"io.write_bytes", cell_number(CELL_NUMBER, s->io[SUMMARY_WRITE_BYTES])},
        {"io.read_chars", cell_number(CELL_NUMBER, s->io[SUMMARY_READ_CHARS])},
        {"io.write_chars", cell_number(CELL_NUMBER, s->io[SUMMARY_WRITE_CHARS])},
        {"io.read_count", cell_number(CELL_NUMBER, s->io[SUMMARY_READ_COUNT])},
        {"io.write_count", cell_number(CELL_NUMBER, s->io[SUMMARY_WRITE_COUNT])},
        {"processes.total", cell_number(CELL_NUMBER, s->processes.total)},
        {"processes.exact", cell_number(CELL_NUMBER, s->processes.exact)},
        {"processes.sampled", cell_number(CELL_NUMBER, s->processes.sampled)},
        {"processes.missed", cell_number(CELL_NUMBER, s->processes.missed)},
        {"processes.failed", cell_number(CELL_NUMBER, s->processes.failed)},
        {"processes.peak_concurrent", cell_number(CELL_NUMBER, s->processes.peak_concurrent)},
        {"threads.peak", cell_number(CELL_NUMBER, s->threads_peak)},
        {"tcp.peak", cell_number(CELL_NUMBER, s->tcp_peak)},
        {"recorder.cpu_s", cell_number(CELL_SECONDS, s->recorder.cpu_ns)},
        {"recorder.peak_rss_bytes", cell_number(CELL_NUMBER, s->recorder.peak_rss_bytes)},
    };
    int r = execute(d, "create table summaries(key text, value)");
    if (r == 0)
        r = prepare(d, "insert into summaries values(?, ?)");
    for (size_t i = 0; r == 0 && i < sizeof figures / sizeof figures[0]; i++)
        r = put_figure(d, figures[i].key, figures[i].cell);
    finish_inserts(d);
    return r;
}

static int put_figures(struct database *d)
{
    struct summary summary;
    int r = summary_make(d->export->rec, &summary);
    if (r < 0)
        return r;
    r = put_summary(d, &summary);
    summary_done(&summary);
    return r;
}

static int fill(struct database *d)
{
    int r = execute(d, "pragma journal_mode = off; pragma synchronous = off;"
                       "pragma locking_mode = exclusive; begin");
    if (r == 0)
        r = put_facts(d);
    if (r == 0)
        r = make_tables(d);
    if (r == 0)
        r = put_figures(d);
    return r == 0 ? execute(d, "commit") : r;
}

static int sqlite_whole(struct export *export)
{
    struct database *d = calloc(1, sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    d->export = export;
    int code = sqlite3_open_v2(export->options.output, &d->db, SQLITE_OPEN_READWRITE, NULL);
    int r = code == SQLITE_OK ? fill(d) : d->db == NULL ? -ENOMEM : error_of(d);
    finish_inserts(d);
    if (sqlite3_close(d->db) != SQLITE_OK && r == 0)
        r = -EIO;
    buffer_done(&d->sql);
    buffer_done(&d->text);
    free(d);
    return r;
}

const struct export_format export_sqlite = {
    .name = "sqlite", .whole = sqlite_whole, .makes_file = true};
