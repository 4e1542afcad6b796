/*
 * con-duct's logs: PREFIXusage.jsonl, an object a line with the processes of one report, and PREFIXinfo.json, which says
 * what was run, where, and how it ended.
 *
 * Its figures are those of ps: pcpu is CPU time in percent of the process's age, so CPU time is their product. A
 * report of several samples has the largest of each figure, and CPU time from it is a bound from above.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/json_reader.h"
#include "import/command_words.h"
#include "import/import_format.h"
#include "import/log_table.h"

#define SLACK_NS (5 * NS_PER_S) /* by which ages, in whole seconds, may disagree on a start */

static const char *const endings[] = {"usage.jsonl", "usage.json", "info.json", NULL};

/* A process in a report. */
struct report_process {
    uint64_t pid;
    uint64_t thousandths, rss, vsz, age_ns, letter;
    bool has_percent, has_rss, has_vsz, has_age;
    struct text command;
};

struct life {
    uint32_t entity;
    uint64_t start_ns, cpu_ns;
};

struct usage {
    struct import_log *log;
    struct array processes, lives;
    struct map by_pid; /* place in lives, plus 1 */
    struct buffer words;
};

static bool has(const char *first, size_t n, const char *word)
{
    return memmem(first, n, word, strlen(word)) != NULL;
}

static bool begins_object(const char *first, size_t n)
{
    struct text t = text_of(first, n);
    text_skip_blanks(&t);
    return text_take_literal(&t, "{");
}

static bool recognises_usage(const char *first, size_t n)
{
    return begins_object(first, n) && has(first, n, "\"processes\"") && has(first, n, "\"pcpu\"");
}

static bool recognises_info(const char *first, size_t n)
{
    return begins_object(first, n) && has(first, n, "\"execution_summary\"");
}

/* ---- a line of usage.jsonl ---- */

/* "[[days-]hours:]minutes:seconds" */
static bool parse_age(struct text t, uint64_t *ret_ns)
{
    uint64_t seconds = 0, number;
    for (int parts = 0; parts < 4 && text_take_u64(&t, &number) && number < 1000000; parts++) {
        seconds = seconds * (parts == 0 ? 1 : 60) + number;
        if (t.at == t.end) {
            *ret_ns = seconds * NS_PER_S;
            return parts > 0;
        }
        if (parts == 0 && text_take_literal(&t, "-")) {
            if (!text_take_u64(&t, &number) || number > 24)
                return false;
            seconds = seconds * 24 + number;
        }
        if (!text_take_literal(&t, ":"))
            return false;
    }
    return false;
}

static struct report_process *process_of(struct usage *u, struct text pid)
{
    uint64_t number;
    struct report_process *last = u->processes.items;
    if (!text_take_u64(&pid, &number) || pid.at != pid.end || number == 0 || number > INT_MAX)
        return NULL;
    if (u->processes.count > 0 && last[u->processes.count - 1].pid == number)
        return &last[u->processes.count - 1];
    struct report_process *p = array_add(&u->processes, sizeof *p);
    if (p != NULL)
        p->pid = number;
    return p;
}

/* False for what cannot be. */
static bool take_figure(struct report_process *p, const struct json_value *v)
{
    bool number = v->type == JSON_NUMBER;
    if (json_is(v->key, "pcpu"))
        return p->has_percent = number && json_scaled(v->text, 1000, &p->thousandths);
    if (json_is(v->key, "rss"))
        return p->has_rss = number && json_scaled(v->text, 1, &p->rss);
    if (json_is(v->key, "vsz"))
        return p->has_vsz = number && json_scaled(v->text, 1, &p->vsz);
    if (json_is(v->key, "etime"))
        return p->has_age = v->type == JSON_STRING && parse_age(v->text, &p->age_ns);
    if (json_is(v->key, "cmd") && v->type == JSON_STRING)
        p->command = v->text;
    return true;
}

static const char *take_value(struct usage *u, const struct json_reader *reader,
                              const struct json_value *v, uint64_t *time_ns)
{
    if (v->depth == 1 && json_is(v->key, "timestamp"))
        return calendar_parse(v->text, time_ns) ? NULL : "a timestamp that is no time";
    if (v->depth < 3 || !json_is(reader->key[1], "processes"))
        return NULL;
    struct report_process *p = process_of(u, reader->key[2]);
    if (p == NULL)
        return "a pid that cannot be";
    if (v->depth == 4 && json_is(v->outer, "stat") && v->key.at < v->key.end)
        p->letter = (uint8_t)*v->key.at;
    return v->depth != 3 || take_figure(p, v) ? NULL : "a number that cannot be";
}

static const char *parse_line(struct usage *u, struct text line, uint64_t *ret_ns)
{
    struct json_reader reader = json_read(line);
    struct json_value value;
    uint64_t time_ns = 0;
    int r;
    u->processes.count = 0;
    while ((r = json_next(&reader, &value)) == 1) {
        const char *wrong = take_value(u, &reader, &value, &time_ns);
        if (wrong != NULL)
            return wrong;
    }
    *ret_ns = time_ns;
    return r < 0 ? "not JSON" : time_ns == 0 ? "no timestamp" : NULL;
}

/* ---- processes ---- */

static int name_process(struct usage *u, uint32_t entity, struct text command)
{
    struct gathered *g = u->log->gathered;
    struct buffer line = {0};
    buffer_clear(&u->words);
    json_string_put(&line, command);
    if (!line.failed)
        command_words_put(&u->words, text_of(line.data, line.len));
    bool failed = line.failed || u->words.failed;
    buffer_done(&line);
    if (failed)
        return -ENOMEM;
    struct text name = command_name(u->words.data, u->words.len);
    struct gathered_entity *e = gathered_entity(g, entity);
    int r = gathered_keep(g, u->words.data, u->words.len, &e->argv);
    return r == 0 ? gathered_keep(g, name.at, (size_t)(name.end - name.at), &e->name) : r;
}

/* The life of that pid; a new one where it is younger than it should be. */
static struct life *life_of(struct usage *u, const struct report_process *p, uint64_t time_ns)
{
    const uint64_t *at = map_get(&u->by_pid, (uint32_t)p->pid);
    struct life *life = at == NULL ? NULL : (struct life *)u->lives.items + (*at - 1);
    uint64_t start_ns = p->has_age && p->age_ns < time_ns ? time_ns - p->age_ns : 0;
    if (life != NULL && (start_ns == 0 || start_ns <= life->start_ns + SLACK_NS)) {
        /* Ages are cut to whole seconds: the earliest start is nearest to the truth. */
        if (start_ns != 0 && start_ns < life->start_ns)
            life->start_ns = gathered_entity(u->log->gathered, life->entity)->start_ns = start_ns;
        return life;
    }
    uint32_t entity;
    if (gathered_begin(u->log->gathered, p->pid, start_ns, &entity) != 0 ||
        name_process(u, entity, p->command) != 0 ||
        (life = array_add(&u->lives, sizeof *life)) == NULL ||
        map_put(&u->by_pid, (uint32_t)p->pid, u->lives.count) != 0)
        return NULL;
    *life = (struct life){.entity = entity, .start_ns = start_ns};
    return life;
}

static int add_process(struct usage *u, const struct report_process *p, uint64_t time_ns)
{
    uint64_t value[METRICS_MAX], known = 0;
    struct life *life = life_of(u, p, time_ns);
    if (life == NULL)
        return -ENOMEM;
    if (p->has_percent && p->has_age && life->start_ns != 0 && life->start_ns <= time_ns) {
        uint64_t cpu_ns = cpu_of_percent(p->thousandths, time_ns - life->start_ns);
        life->cpu_ns = cpu_ns > life->cpu_ns ? cpu_ns : life->cpu_ns;
        value[PROCESS_CPU] = life->cpu_ns;
        known |= UINT64_C(1) << PROCESS_CPU;
    }
    const struct {
        bool is;
        unsigned metric;
        uint64_t number;
    } figures[] = {{p->has_rss, PROCESS_RSS, p->rss},
                   {p->has_vsz, PROCESS_VMS, p->vsz},
                   {p->letter != 0, PROCESS_STATE, p->letter}};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        if (figures[i].is) {
            value[figures[i].metric] = figures[i].number;
            known |= UINT64_C(1) << figures[i].metric;
        }
    return gathered_add(u->log->gathered, life->entity, time_ns, known, value);
}

static int read_usage(struct import_log *log)
{
    struct usage u = {.log = log};
    struct text line;
    int r = gathered_use_clock(log->gathered, GATHERED_WALL_CLOCK);
    log->gathered->unrelated = true; /* no figure of a process has its children's in it */
    while (r == 0 && (r = import_next_line(log, &line)) == 1) {
        uint64_t time_ns;
        r = 0;
        if (line.at == line.end)
            continue;
        const char *wrong = parse_line(&u, line, &time_ns);
        if (wrong != NULL) {
            import_count_wrong(log, wrong);
            continue;
        }
        const struct report_process *p = u.processes.items;
        for (size_t i = 0; i < u.processes.count && r == 0; i++)
            r = add_process(&u, &p[i], time_ns);
        log->result->taken++;
    }
    free(u.processes.items);
    free(u.lives.items);
    map_done(&u.by_pid);
    buffer_done(&u.words);
    return r;
}

/* ---- info.json ---- */

static void put_text_fact(struct gathered *g, const char *key, struct text string)
{
    struct buffer text = {0};
    json_string_put(&text, string);
    if (!text.failed)
        record_put_text(&g->facts, key, text.data, text.len);
    buffer_done(&text);
}

static void put_command(struct gathered *g, struct text string)
{
    struct buffer text = {0}, words = {0};
    json_string_put(&text, string);
    command_words_put(&words, text_of(text.data, text.len));
    if (!text.failed && !words.failed && words.len > 0)
        record_put_text(&g->facts, "command", words.data, words.len);
    buffer_done(&text);
    buffer_done(&words);
}

static void put_exit(struct gathered *g, struct text number)
{
    uint64_t code;
    bool signalled = text_take_literal(&number, "-");
    if (!json_scaled(number, 1, &code) || code > (signalled ? 127 : 255))
        return;
    record_put_number(&g->facts, "root_wait_status", signalled ? code : code << 8);
    g->ended = true;
}

static void take_info(struct gathered *g, const struct json_value *v)
{
    uint64_t number;
    bool string = v->type == JSON_STRING;
    bool is_number = v->type == JSON_NUMBER && json_scaled(v->text, 1, &number);
    bool system = v->depth == 2 && json_is(v->outer, "system");
    bool summary = v->depth == 2 && json_is(v->outer, "execution_summary");
    if (v->depth == 1 && json_is(v->key, "command") && string)
        put_command(g, v->text);
    else if (v->depth == 1 && json_is(v->key, "working_directory") && string)
        put_text_fact(g, "cwd", v->text);
    else if (system && json_is(v->key, "hostname") && string)
        put_text_fact(g, "hostname", v->text);
    else if (system && json_is(v->key, "cpu_total") && is_number)
        record_put_number(&g->facts, "processors", number);
    else if (system && json_is(v->key, "memory_total") && is_number && number > 0)
        record_put_number(&g->facts, "memory_bytes", number);
    else if (system && json_is(v->key, "uid") && is_number)
        record_put_number(&g->facts, "uid", number);
    else if (summary && json_is(v->key, "exit_code") && v->type == JSON_NUMBER)
        put_exit(g, v->text);
    else if (summary && v->type == JSON_NUMBER && json_is(v->key, "start_time"))
        cell_seconds(v->text, &g->begin_ns);
    else if (summary && v->type == JSON_NUMBER && json_is(v->key, "end_time"))
        cell_seconds(v->text, &g->end_ns);
}

static int read_info(struct import_log *log)
{
    struct buffer text = {0};
    struct json_value value;
    int r = import_read_text(log, &text);
    struct json_reader reader = json_read(text_of(text.data, text.len));
    while (r == 0 && (r = json_next(&reader, &value)) == 1) {
        take_info(log->gathered, &value);
        r = 0;
    }
    if (r == -EPROTO) {
        import_count_wrong(log, "not JSON");
        r = 0;
    } else {
        log->result->taken++;
    }
    buffer_done(&text);
    return r;
}

const struct import_format import_duct_usage = {
    .name = "duct",
    .title = "con-duct's PREFIXusage.jsonl, with PREFIXinfo.json; PREFIX names both",
    .job = "duct",
    .endings = endings,
    .recognises = recognises_usage,
    .read = read_usage,
};

const struct import_format import_duct_info = {
    .name = "duct-info",
    .title = "con-duct's PREFIXinfo.json",
    .job = "duct",
    .adds = true,
    .endings = endings,
    .recognises = recognises_info,
    .read = read_info,
};
