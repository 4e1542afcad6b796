#include "report/receipt.h"

#include <string.h>

#include "report/quantity.h"

static void put_counts(struct buffer *ret, const struct summary *s)
{
    uint64_t seen = s->row_count;
    put_count(ret, seen);
    buffer_put_text(ret, seen == 1 ? " process seen" : " processes seen");
    if (seen > 0 && s->processes.exact == seen) {
        buffer_put_text(ret, seen == 1 ? ", with the kernel's final account"
                                       : ", all with the kernel's final account");
        return;
    }
    if (s->processes.exact > 0) {
        buffer_put_text(ret, ", ");
        put_count(ret, s->processes.exact);
        buffer_put_text(ret, " with the kernel's final account");
    }
    if (s->processes.sampled > 0) {
        buffer_put_text(ret, ", ");
        put_count(ret, s->processes.sampled);
        buffer_put_text(ret, " as last sampled");
    }
    uint64_t blank = seen - s->processes.exact - s->processes.sampled;
    if (blank > 0) {
        buffer_put_text(ret, ", ");
        put_count(ret, blank);
        buffer_put_text(ret, " by birth and end alone");
    }
}

static void put_cpu(struct buffer *ret, const struct summary *s)
{
    if (s->cpu.total_ns == SUMMARY_UNKNOWN || s->completeness.accounted_ns == SUMMARY_UNKNOWN)
        return;
    buffer_put_text(ret, "; they account for ");
    put_duration(ret, s->completeness.accounted_ns);
    buffer_put_text(ret, " of ");
    put_duration(ret, s->cpu.total_ns);
    buffer_put_text(ret, " of CPU");
    if (s->cpu.total_ns > 0) {
        buffer_put_text(ret, " (");
        put_percent(ret, (double)s->completeness.accounted_ns / (double)s->cpu.total_ns);
        buffer_put_text(ret, ")");
    }
}

void put_receipt(struct buffer *ret, const struct summary *s)
{
    if (s->follow == NULL)
        return;
    buffer_put_text(ret, "Followed by ");
    buffer_put_text(ret, s->follow);
    buffer_put_text(ret, ": ");
    put_counts(ret, s);
    if (s->processes.unseen != SUMMARY_UNKNOWN && s->processes.unseen > 0) {
        buffer_put_text(ret, s->processes.missed_is_bound ? ", at most " : ", ");
        put_count(ret, s->processes.unseen);
        buffer_put_text(ret, " not seen");
    }
    put_cpu(ret, s);
    if (s->completeness.lost_events > 0) {
        buffer_put_text(ret, "; the kernel lost ");
        put_count(ret, s->completeness.lost_events);
        buffer_put_text(ret, s->completeness.lost_events == 1 ? " event" : " events");
    }
    if (s->completeness.task_clock_ns != SUMMARY_UNKNOWN) {
        buffer_put_text(ret, "; the tree's task clock says ");
        put_duration(ret, s->completeness.task_clock_ns);
    }
}

/* ---- JSON ---- */

static void put_processes(struct json *j, const struct summary *s)
{
    json_begin(j, "processes", '{');
    json_number(j, "total", s->processes.total);
    json_number(j, "exact", s->processes.exact);
    json_number(j, "sampled", s->processes.sampled);
    json_number(j, "missed", s->processes.missed);
    json_bool(j, "missed_is_bound", s->processes.missed_is_bound);
    json_number(j, "unseen", s->processes.unseen);
    json_number(j, "failed", s->processes.failed);
    json_number(j, "peak_concurrent", s->processes.peak_concurrent);
    json_end(j, '}');
}

static void put_completeness(struct json *j, const struct summary *s)
{
    const struct tacho_salvage *salvage = tacho_recording_salvage(s->rec);
    json_begin(j, "completeness", '{');
    json_text(j, "follow", s->follow);
    json_seconds(j, "cpu_accounted_s", s->completeness.accounted_ns);
    json_seconds(j, "cpu_total_s", s->cpu.total_ns);
    json_seconds(j, "unaccounted_s", s->completeness.unaccounted_ns);
    json_seconds(j, "task_clock_s", s->completeness.task_clock_ns);
    json_number(j, "lost_events", s->completeness.lost_events);
    json_number(j, "resyncs", s->completeness.resyncs);
    json_number(j, "lost_marks", s->completeness.lost_marks);
    json_number(j, "ticks", s->completeness.ticks);
    json_number(j, "late_ticks", s->completeness.late_ticks);
    json_number(j, "skipped_ticks", s->completeness.skipped_ticks);
    json_number(j, "gaps", s->completeness.gaps);
    json_seconds(j, "gap_s", s->completeness.gap_ns);
    json_number(j, "lost_bytes", salvage->lost_bytes);
    json_number(j, "missing_blocks", salvage->missing_blocks);
    json_end(j, '}');
}

void json_put_receipt(struct json *j, const struct summary *s)
{
    put_processes(j, s);
    put_completeness(j, s);
}
