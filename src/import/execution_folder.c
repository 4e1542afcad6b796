/*
 * A folder per execution: metrics-PID_CREATE.csv for each process, with command-PID_CREATE.json or .txt beside it,
 * reference_pid.txt, core_affinity.json and cpu_details.json. CREATE is when the process began, in
 * seconds since the epoch. Sizes are bytes, CPU times seconds. agg_metrics.tsv tells how many ticks a second
 * had; pids.txt says nothing more.
 *
 * Times are local, and whole seconds: the ticks of a second are spread evenly over it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_reader.h"
#include "import/command_words.h"
#include "import/import_format.h"
#include "import/log_table.h"

#define CLOCK_SLACK_NS (10 * NS_PER_S) /* by which a clock may err without having been set */

enum { TIME, PACKAGES, STATUS };

static const struct table_column columns[] = {
    [TIME] = {"Time", TABLE_NO_METRIC, 0},
    [PACKAGES] = {"cpu_ids", TABLE_NO_METRIC, 0},
    [STATUS] = {"process_status", TABLE_NO_METRIC, 0},
    {"Virt", PROCESS_VMS, 1},
    {"Res", PROCESS_RSS, 1},
    {"TCP Connections", PROCESS_TCP_ESTABLISHED, 1},
    {"Thread Count", PROCESS_THREADS, 1},
    {"User", PROCESS_USER, NS_PER_S},
    {"System", PROCESS_SYSTEM, NS_PER_S},
    {"Children_User", PROCESS_CHILDREN_USER, NS_PER_S},
    {"Children_System", PROCESS_CHILDREN_SYSTEM, NS_PER_S},
    {"IO", PROCESS_IOWAIT, NS_PER_S},
    {"uss", PROCESS_USS, 1},
    {"swap", PROCESS_SWAP, 1},
    {"processor_num", PROCESS_PROCESSORS, 1},
    {"core_num", PROCESS_CORES, 1},
    {"cpu_num", PROCESS_PACKAGES, 1},
    {"read_count", PROCESS_READ_COUNT, 1},
    {"write_count", PROCESS_WRITE_COUNT, 1},
    {"read_bytes", PROCESS_READ_BYTES, 1},
    {"write_bytes", PROCESS_WRITE_BYTES, 1},
    {"read_chars", PROCESS_READ_CHARS, 1},
    {"write_chars", PROCESS_WRITE_CHARS, 1},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

/* A process of the folder, by its file's name. */
struct member {
    uint64_t pid, start_ns;
    char file[NAME_MAX + 1];
    bool reference; /* the folder is of its execution */
};

struct second {
    uint64_t time_ns;
    size_t ticks;
};

struct execution {
    struct import_log *log;
    struct array members;
    struct array seconds; /* of the sums */
    size_t most_ticks;
};

/* ---- the folder ---- */

/* "metrics-4711_1714979289.12.csv" */
static bool parse_name(const char *name, struct member *ret)
{
    struct text t = text_of(name, strlen(name));
    if (!text_take_literal(&t, "metrics-") || !text_take_u64(&t, &ret->pid) || ret->pid > INT_MAX ||
        !text_take_literal(&t, "_") || t.end - t.at < 4 || memcmp(t.end - 4, ".csv", 4) != 0)
        return false;
    t.end -= 4;
    return cell_seconds(t, &ret->start_ns) && t.end - name < NAME_MAX;
}

static bool recognises_folder(int folder)
{
    struct member member;
    bool found = false;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (struct dirent *e; !found && (e = readdir(dir)) != NULL;)
        found = parse_name(e->d_name, &member);
    closedir(dir);
    return found;
}

static int by_start(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    if (left->reference != right->reference)
        return left->reference ? -1 : 1;
    if (left->start_ns != right->start_ns)
        return left->start_ns < right->start_ns ? -1 : 1;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static int open_in(const struct execution *x, const char *name)
{
    int fd = openat(x->log->folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* A small file, whole; empty where there is none. */
static int read_small(const struct execution *x, const char *name, struct buffer *ret)
{
    char bytes[4096];
    ssize_t n = 0;
    _close_ int fd = open_in(x, name);
    while (fd >= 0 && ret->len < LINE_STREAM_MAX && (n = read(fd, bytes, sizeof bytes)) > 0)
        buffer_put(ret, bytes, (size_t)n);
    return ret->failed ? -ENOMEM : 0;
}

static int find_members(struct execution *x)
{
    struct buffer reference = {0};
    uint64_t pid = 0;
    int r = read_small(x, "reference_pid.txt", &reference);
    struct text t = text_of(reference.data, reference.len);
    text_take_u64(&t, &pid);
    buffer_done(&reference);
    int fd = r == 0 ? openat(x->log->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : r;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL)
        return r != 0 ? r : -errno;
    for (struct dirent *e; r == 0 && (e = readdir(dir)) != NULL;) {
        struct member found = {0}, *member;
        if (!parse_name(e->d_name, &found))
            continue;
        member = array_add(&x->members, sizeof *member);
        if (member == NULL) {
            r = -ENOMEM;
            continue;
        }
        *member = found;
        member->reference = found.pid == pid;
        snprintf(member->file, sizeof member->file, "%s", e->d_name);
    }
    closedir(dir);
    if (x->members.count > 0)
        qsort(x->members.items, x->members.count, sizeof(struct member), by_start);
    return r;
}

/* ---- commands ---- */

/* The array of arguments that the .json has, or else the words of the .txt. */
static int read_command(const struct execution *x, const struct member *m, struct buffer *ret_argv)
{
    char name[NAME_MAX + 16];
    struct buffer text = {0};
    struct json_value value;
    const char *create = strchr(m->file, '-');
    int n = (int)strlen(create) - 4; /* .csv */
    int next = 0;
    snprintf(name, sizeof name, "command%.*s.json", n, create);
    int r = read_small(x, name, &text);
    struct json_reader reader = json_read(text_of(text.data, text.len));
    while (r == 0 && text.len > 0 && (next = json_next(&reader, &value)) == 1)
        if (value.type == JSON_STRING && value.depth == 1) {
            json_string_put(ret_argv, value.text);
            buffer_put_byte(ret_argv, '\0');
        }
    if (r == 0 && (text.len == 0 || next < 0)) {
        buffer_clear(ret_argv);
        buffer_clear(&text);
        snprintf(name, sizeof name, "command%.*s.txt", n, create);
        r = read_small(x, name, &text);
        command_words_put(ret_argv, text_of(text.data, text.len));
    }
    buffer_done(&text);
    return r != 0 ? r : ret_argv->failed ? -ENOMEM : 0;
}

static int name_process(const struct execution *x, const struct member *m, uint32_t process)
{
    struct gathered *g = x->log->gathered;
    struct buffer argv = {0};
    int r = read_command(x, m, &argv);
    if (r == 0 && argv.len > 0) {
        struct text name = command_name(argv.data, argv.len);
        struct gathered_entity *e = gathered_entity(g, process);
        r = gathered_keep(g, argv.data, argv.len, &e->argv);
        if (r == 0)
            r = gathered_keep(g, name.at, (size_t)(name.end - name.at), &e->name);
        if (m->reference)
            record_put_text(&g->facts, "command", argv.data, argv.len);
    }
    buffer_done(&argv);
    return r;
}

/* ---- rows ---- */

static uint64_t letter_of(struct text status)
{
    static const struct {
        const char *word;
        char letter;
    } words[] = {
        {"running", 'R'}, {"sleeping", 'S'},     {"disk-sleep", 'D'},
        {"stopped", 'T'}, {"tracing-stop", 't'}, {"zombie", 'Z'},
        {"dead", 'X'},    {"idle", 'I'},         {"parked", 'P'},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct text t = status;
        if (text_take_literal(&t, words[i].word) && t.at == t.end)
            return (uint64_t)words[i].letter;
    }
    return 0;
}

/* Numbers with whatever between them: the first 64 packages. */
static uint64_t packages_of(struct text cell)
{
    uint64_t mask = 0, number;
    while (cell.at < cell.end)
        if (!text_take_u64(&cell, &number))
            cell.at++;
        else if (number < 64)
            mask |= UINT64_C(1) << number;
    return mask;
}

static const char *take_row(const struct log_table *table, const struct table_row *row,
                            uint64_t *ret_ns, uint64_t *value, uint64_t *known)
{
    uint64_t letter = letter_of(table_cell(table, row, STATUS));
    struct text packages = table_cell(table, row, PACKAGES);
    if (!calendar_parse(table_cell(table, row, TIME), ret_ns))
        return "no time";
    const char *wrong = table_metrics(table, row, value, known);
    table_add_cpu(value, known);
    if (letter != 0) {
        value[PROCESS_STATE] = letter;
        *known |= UINT64_C(1) << PROCESS_STATE;
    }
    if (!cell_is_blank(packages)) {
        value[PROCESS_PACKAGE_MASK] = packages_of(packages);
        *known |= UINT64_C(1) << PROCESS_PACKAGE_MASK;
    }
    return wrong;
}

static int read_rows(struct import_log *log, uint32_t process)
{
    struct log_table table = {columns, COLUMNS, ',', {0}};
    struct table_row row;
    struct text line;
    bool head = false;
    int r = 0;
    while (r == 0 && (r = import_next_line(log, &line)) == 1) {
        uint64_t value[METRICS_MAX], known = 0, time_ns;
        r = 0;
        if (line.at == line.end)
            continue;
        table_cells(line, ',', &row);
        if (!head) {
            head = true;
            if (table_head(&table, &row) < 3 || table.at[TIME] < 0)
                return import_count_wrong(log, "not a head with Time and metrics"), 0;
            continue;
        }
        const char *wrong = take_row(&table, &row, &time_ns, value, &known);
        if (wrong != NULL) {
            import_count_wrong(log, wrong);
            continue;
        }
        r = gathered_add(log->gathered, process, time_ns, known, value);
        log->result->taken++;
    }
    return r;
}

/* ---- times ---- */

/* How many ticks the sums have in a second: 1 where they do not have it. */
static size_t ticks_in(const struct execution *x, uint64_t second_ns)
{
    const struct second *seconds = x->seconds.items;
    size_t from = 0, to = x->seconds.count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (seconds[middle].time_ns < second_ns)
            from = middle + 1;
        else
            to = middle;
    }
    return from < x->seconds.count && seconds[from].time_ns == second_ns ? seconds[from].ticks : 1;
}

static int find_seconds(struct execution *x)
{
    struct line_stream stream;
    const char *line;
    size_t n;
    _close_ int fd = open_in(x, "agg_metrics.tsv");
    int r = fd < 0 ? 0 : line_stream_open(fd, &stream);
    x->most_ticks = 1;
    if (fd < 0 || r < 0)
        return r;
    while (r == 0 && (r = line_stream_next(&stream, &line, &n)) == 1) {
        struct second *last = x->seconds.items;
        const char *tab = memchr(line, '\t', n);
        uint64_t time_ns;
        r = 0;
        if (tab == NULL || !calendar_parse(text_of(line, (size_t)(tab - line)), &time_ns))
            continue;
        if (x->seconds.count > 0)
            last += x->seconds.count - 1;
        if (x->seconds.count == 0 || time_ns > last->time_ns) {
            if ((last = array_add(&x->seconds, sizeof *last)) == NULL)
                r = -ENOMEM;
            else
                last->time_ns = time_ns;
        }
        if (r == 0 && last->time_ns == time_ns && ++last->ticks > x->most_ticks)
            x->most_ticks = last->ticks;
    }
    line_stream_close(&stream);
    return r;
}

static size_t same_second(const struct gathered_point *points, size_t from, size_t end)
{
    size_t next = from + 1;
    while (next < end && points[next].time_ns == points[from].time_ns)
        next++;
    return next - from;
}

/*
 * At which of a second's ticks the first of a process's `n` rows in it was taken. The first second of a process has
 * its last ticks, unless it ended in it: then those from its start on. That of the job may lack ticks before.
 */
static size_t first_tick(const struct execution *x, uint64_t second_ns, size_t n, uint64_t start_ns,
                         bool first, bool only)
{
    const struct second *seconds = x->seconds.items;
    size_t ticks = ticks_in(x, second_ns), before = 0;
    ticks = ticks > n ? ticks : n;
    if (x->seconds.count > 0 && seconds[0].time_ns == second_ns && x->most_ticks > ticks)
        before = x->most_ticks - ticks;
    if (!first)
        return before;
    uint64_t since_ns = start_ns > second_ns ? start_ns - second_ns : 0;
    size_t from = (size_t)((since_ns * x->most_ticks + NS_PER_S - 1) / NS_PER_S);
    from = from > before ? from - before : 0;
    return before + (only && from < ticks - n ? from : ticks - n);
}

/* Not before the row before, nor before the process began. Far before: the clock was set back. */
static uint64_t moment_of(const struct execution *x, uint64_t time_ns, uint64_t not_before_ns)
{
    if (time_ns + CLOCK_SLACK_NS < not_before_ns)
        time_ns = calendar_later_ns(time_ns);
    if (time_ns + CLOCK_SLACK_NS < not_before_ns)
        return not_before_ns + NS_PER_S / x->most_ticks;
    return time_ns > not_before_ns ? time_ns : not_before_ns;
}

/* The rows of a process, from `first` on, each at its tick; none before the process began. */
static void spread(const struct execution *x, struct gathered *g, size_t first, uint32_t process)
{
    struct gathered_point *points = g->points.items;
    struct gathered_entity *e = gathered_entity(g, process);
    size_t end = g->points.count;
    uint64_t not_before_ns = e->start_ns;
    for (size_t i = first, n; i < end; i += n) {
        n = same_second(points, i, end);
        uint64_t second_ns = points[i].time_ns;
        size_t tick = first_tick(x, second_ns, n, e->start_ns, i == first, i + n == end);
        size_t most = x->most_ticks > tick + n ? x->most_ticks : tick + n;
        for (size_t k = 0; k < n; k++) {
            points[i + k].time_ns =
                moment_of(x, second_ns + (tick + k) * NS_PER_S / most, not_before_ns);
            not_before_ns = points[i + k].time_ns + NS_PER_US;
        }
    }
    for (size_t i = first; i < end; i++) {
        e->first_ns =
            i == first || points[i].time_ns < e->first_ns ? points[i].time_ns : e->first_ns;
        e->last_ns = i == first || points[i].time_ns > e->last_ns ? points[i].time_ns : e->last_ns;
    }
}

static int read_member(struct execution *x, const struct member *m)
{
    struct gathered *g = x->log->gathered;
    struct import_log file = *x->log;
    struct line_stream stream;
    uint32_t process;
    size_t first = g->points.count;
    _close_ int fd = open_in(x, m->file);
    int r = fd < 0 ? fd : line_stream_open(fd, &stream);
    if (r < 0)
        return r;
    file.stream = &stream;
    file.file = m->file;
    r = gathered_begin(g, m->pid, m->start_ns, &process);
    if (r == 0)
        r = name_process(x, m, process);
    if (r == 0)
        r = read_rows(&file, process);
    if (r == 0)
        spread(x, g, first, process);
    x->log->result->lines += stream.line;
    line_stream_close(&stream);
    return r;
}

/* ---- the machine ---- */

static int take_processors(struct execution *x)
{
    struct buffer text = {0}, details = {0};
    struct json_value value;
    uint64_t processors = 0;
    int r = read_small(x, "core_affinity.json", &text);
    if (r == 0)
        r = read_small(x, "cpu_details.json", &details);
    struct json_reader reader = json_read(text_of(text.data, text.len));
    while (r == 0 && text.len > 0 && json_next(&reader, &value) == 1)
        processors += json_is(value.key, "processor_id");
    if (processors > 0)
        record_put_number(&x->log->gathered->facts, "processors", processors);
    reader = json_read(text_of(details.data, details.len));
    for (bool told = false; r == 0 && details.len > 0 && json_next(&reader, &value) == 1;) {
        if (told || value.type != JSON_STRING || !json_is(value.key, "model name"))
            continue;
        buffer_clear(&text);
        json_string_put(&text, value.text);
        record_put_text(&x->log->gathered->facts, "cpu_model", text.data, text.len);
        told = true;
    }
    buffer_done(&text);
    buffer_done(&details);
    return r;
}

static int read_folder(struct import_log *log)
{
    struct execution x = {.log = log};
    int r = gathered_use_clock(log->gathered, GATHERED_WALL_CLOCK);
    if (r == 0)
        r = find_members(&x);
    if (r == 0)
        r = find_seconds(&x);
    const struct member *members = x.members.items;
    for (size_t i = 0; i < x.members.count && r == 0; i++)
        r = read_member(&x, &members[i]);
    if (r == 0)
        r = take_processors(&x);
    free(x.members.items);
    free(x.seconds.items);
    return r;
}

const struct import_format import_execution_folder = {
    .name = "directory",
    .title = "a folder of one execution (metrics-PID_CREATE.csv, …)",
    .in_folders = true,
    .recognises_folder = recognises_folder,
    .read = read_folder,
};
