#include "report/summary_json.h"

#include <math.h>
#include <sys/wait.h>

#include "analyse/ending.h"
#include "report/energy_words.h"
#include "report/finding_words.h"
#include "report/json.h"
#include "report/quantity.h"
#include "report/receipt.h"
#include "report/summary_parts.h"

void json_put_pid(struct json *j, const struct tacho_process *p)
{
    if (p != NULL && p->pid != 0)
        json_signed(j, "pid", p->pid);
    else
        json_null(j, "pid");
}

static void put_started(struct json *j, const struct summary *s)
{
    struct buffer text = {0};
    if (s->started_real_ns == SUMMARY_UNKNOWN) {
        json_null(j, "started");
        return;
    }
    put_rfc3339(&text, s->started_real_ns);
    json_bytes(j, "started", text.data, text.len);
    buffer_done(&text);
}

static void json_put_status(struct json *j, int status)
{
    json_number(j, "code", WIFEXITED(status) ? (uint64_t)WEXITSTATUS(status) : SUMMARY_UNKNOWN);
    json_number(j, "signal", WIFSIGNALED(status) ? (uint64_t)WTERMSIG(status) : SUMMARY_UNKNOWN);
}

void json_put_exit(struct json *j, uint64_t root_status)
{
    int status = (int)root_status;
    if (root_status == SUMMARY_UNKNOWN) {
        json_null(j, "exit");
        return;
    }
    json_begin(j, "exit", '{');
    json_put_status(j, status);
    json_end(j, '}');
}

static void put_exit(struct json *j, const struct summary *s)
{
    int status = (int)s->root_status;
    struct ending ending = ending_of(s);
    if (s->root_status == SUMMARY_UNKNOWN) {
        json_null(j, "exit");
        return;
    }
    json_begin(j, "exit", '{');
    json_put_status(j, status);
    json_text(j, "reason", ending_reason_name(ending.reason));
    if (ending.row != SUMMARY_NOBODY) {
        json_begin(j, "killed", '{');
        json_put_pid(j, tacho_process(s->rec, ending.row));
        json_text(j, "name", tacho_process(s->rec, ending.row)->comm);
        json_number(j, "signal", (uint64_t)ending.signal);
        json_end(j, '}');
    } else {
        json_null(j, "killed");
    }
    json_end(j, '}');
}

static void put_session(struct json *j, const struct summary *s)
{
    json_text(j, "schema", "tacho.summary/1");
    json_list(j, "command", s->command, s->command_bytes);
    json_text(j, "target", s->target);
    json_text(j, "host", s->host);
    put_started(j, s);
    json_seconds(j, "wall_s", s->wall_ns);
    json_seconds(j, "interval_s", s->interval_ns);
    put_exit(j, s);
    json_bool(j, "ended", s->ended);
}

static void put_cpu(struct json *j, const struct summary *s)
{
    json_begin(j, "cpu", '{');
    json_seconds(j, "user_s", s->cpu.user_ns);
    json_seconds(j, "system_s", s->cpu.system_ns);
    json_seconds(j, "total_s", s->cpu.total_ns);
    json_bool(j, "total_is_exact", s->cpu.exact);
    json_real(j, "mean_cores", s->cpu.mean_cores);
    json_real(j, "peak_cores", s->cpu.peak_cores);
    json_seconds(j, "peak_window_s", s->cpu.peak_window_ns);
    json_end(j, '}');
}

static void put_memory(struct json *j, const struct summary *s, const struct scopes *scopes)
{
    json_begin(j, "memory", '{');
    json_number(j, "peak_rss_bytes", s->memory.peak_rss_bytes);
    if (s->memory.peak_rss_bytes == SUMMARY_UNKNOWN)
        json_null(j, "peak_rss_is");
    else
        json_text(j, "peak_rss_is", s->memory.peak_from_kernel ? "largest_process" : "sampled_sum");
    json_number(j, "peak_pss_bytes", s->memory.peak_pss_bytes);
    json_seconds(j, "peak_at_s", s->memory.peak_after_ns);
    if (s->memory.owner == SUMMARY_NOBODY) {
        json_null(j, "peak_owner");
    } else {
        const struct tacho_process *p = tacho_process(s->rec, s->memory.owner);
        json_begin(j, "peak_owner", '{');
        json_put_pid(j, p);
        json_text(j, "name", p->comm);
        json_list(j, "command", p->argv, p->argv_bytes);
        json_number(j, "rss_bytes", s->memory.owner_rss_bytes);
        json_put_moment(j, s, &scopes->moment);
        json_end(j, '}');
    }
    json_end(j, '}');
}

static void put_granted(struct json *j, const struct summary *s)
{
    const struct granted *g = &s->granted;
    if (g->path == NULL) {
        json_null(j, "cgroup");
        return;
    }
    json_begin(j, "cgroup", '{');
    json_text(j, "path", g->path);
    json_number(j, "version", g->version);
    json_real(j, "granted_cores", g->cores);
    json_real(j, "cpu_max", g->cpu_max);
    json_number(j, "cpuset_processors", g->cpuset_processors);
    json_number(j, "periods", g->periods);
    json_number(j, "throttled_periods", g->throttled_periods);
    json_seconds(j, "throttled_s", g->throttled_ns);
    json_number(j, "memory_max_bytes", g->memory_max_bytes);
    json_number(j, "memory_high_bytes", g->memory_high_bytes);
    json_number(j, "memory_peak_bytes", g->memory_peak_bytes);
    json_number(j, "limit_hits", g->limit_hits);
    json_number(j, "ooms", g->ooms);
    json_number(j, "oom_kills", g->oom_kills);
    json_number(j, "pids_max", g->pids_max);
    json_end(j, '}');
}

static void put_io(struct json *j, const struct summary *s)
{
    json_begin(j, "io", '{');
    json_number(j, "read_bytes", s->io[SUMMARY_READ_BYTES]);
    json_number(j, "write_bytes", s->io[SUMMARY_WRITE_BYTES]);
    json_number(j, "read_chars", s->io[SUMMARY_READ_CHARS]);
    json_number(j, "write_chars", s->io[SUMMARY_WRITE_CHARS]);
    json_number(j, "read_count", s->io[SUMMARY_READ_COUNT]);
    json_number(j, "write_count", s->io[SUMMARY_WRITE_COUNT]);
    json_end(j, '}');
}

static void put_peaks(struct json *j, const struct summary *s)
{
    json_begin(j, "threads", '{');
    json_number(j, "peak", s->threads_peak);
    json_end(j, '}');
    json_begin(j, "tcp", '{');
    json_number(j, "peak", s->tcp_peak);
    json_end(j, '}');
}

static void put_drm(struct json *j, const struct summary *s)
{
    json_begin(j, "drm", '{');
    json_seconds(j, "engine_s", s->drm_engine_ns);
    json_number(j, "peak_memory_bytes", s->drm_peak_memory_bytes);
    json_end(j, '}');
}

static void put_recorder(struct json *j, const struct summary *s)
{
    json_begin(j, "recorder", '{');
    json_seconds(j, "cpu_s", s->recorder.cpu_ns);
    json_number(j, "peak_rss_bytes", s->recorder.peak_rss_bytes);
    json_number(j, "bytes_written", s->recorder.bytes_written);
    json_end(j, '}');
}

static void put_machine(struct json *j, const struct summary *s)
{
    double mean = NAN;
    if (s->machine.span_ns != SUMMARY_UNKNOWN && s->machine.span_ns > 0)
        mean = (double)s->machine.busy_ns / (double)s->machine.span_ns;
    json_begin(j, "machine", '{');
    json_number(j, "processors", s->processors);
    json_number(j, "memory_bytes", s->memory_total_bytes);
    json_seconds(j, "busy_s", s->machine.busy_ns);
    json_real(j, "mean_cores", mean);
    json_real(j, "peak_cores", s->machine.peak_cores);
    json_number(j, "peak_used_bytes", s->machine.peak_used_bytes);
    json_end(j, '}');
}

static void put_number_fact(struct json *j, const char *name, const struct summary *s,
                            const char *key)
{
    uint64_t number;
    json_number(j, name, tacho_fact_number(s->rec, key, &number) ? number : SUMMARY_UNKNOWN);
}

/* A recording is of one rank, or of none. */
static void put_rank(struct json *j, const struct summary *s)
{
    uint64_t rank;
    if (!tacho_fact_number(s->rec, "rank", &rank))
        return;
    json_begin(j, NULL, '{');
    json_number(j, "rank", rank);
    put_number_fact(j, "size", s, "rank_size");
    put_number_fact(j, "local_rank", s, "rank_local");
    put_number_fact(j, "local_size", s, "rank_local_size");
    json_text(j, "job", tacho_fact_text(s->rec, "job", NULL));
    json_text(j, "launcher", tacho_fact_text(s->rec, "launcher", NULL));
    json_end(j, '}');
}

static void put_findings(struct json *j, const struct summary *s, const struct scopes *scopes)
{
    struct findings findings;
    struct buffer words = {0};
    json_begin(j, "findings", '[');
    j->out->failed |= findings_make(s, scopes, &findings) != 0;
    for (size_t i = 0; i < findings.count; i++) {
        json_begin(j, NULL, '{');
        json_text(j, "severity", severity_name(findings.finding[i].severity));
        buffer_clear(&words);
        put_finding(&words, &findings.finding[i], s);
        json_bytes(j, "text", words.data, words.len);
        buffer_clear(&words);
        put_finding_advice(&words, &findings.finding[i]);
        if (words.len > 0)
            json_bytes(j, "advice", words.data, words.len);
        else
            json_null(j, "advice");
        json_end(j, '}');
    }
    json_end(j, ']');
    j->out->failed |= words.failed;
    buffer_done(&words);
}

static void put_rest(struct json *j, const struct summary *s, const struct scopes *scopes)
{
    json_put_gpus(j, s);
    json_put_marks(j, s, scopes);
    json_begin(j, "ranks", '[');
    put_rank(j, s);
    json_end(j, ']');
    put_findings(j, s, scopes);
}

void json_put_summary(struct json *j, const struct summary *s, const struct scopes *scopes)
{
    json_begin(j, NULL, '{');
    put_session(j, s);
    put_cpu(j, s);
    put_memory(j, s, scopes);
    put_granted(j, s);
    json_put_energy(j, s);
    put_io(j, s);
    json_put_receipt(j, s);
    put_peaks(j, s);
    put_drm(j, s);
    put_recorder(j, s);
    put_machine(j, s);
    put_rest(j, s, scopes);
    json_end(j, '}');
}

void summary_put_json(struct buffer *ret, const struct summary *s, const struct scopes *scopes)
{
    struct json j = {.out = ret};
    json_put_summary(&j, s, scopes);
}
