/* The top of the page: what one wants to know within ten seconds. */
#include <math.h>

#include "report/finding_words.h"
#include "report/granted_words.h"
#include "report/html_parts.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

static void put_session(struct buffer *ret, const struct summary *s)
{
    struct buffer words = {0};
    html_put(ret, "<header class=\"session\">\n<h1>");
    put_summary_title(&words, s);
    html_words(ret, &words);
    html_put(ret, "</h1>\n<p>");
    if (s->host != NULL) {
        html_put(ret, "on ");
        html_text(ret, s->host, strlen(s->host));
        html_put(ret, ", ");
    }
    if (s->started_real_ns != SUMMARY_UNKNOWN) {
        html_put(ret, "from <time datetime=\"");
        put_rfc3339(ret, s->started_real_ns);
        html_put(ret, "\">");
        put_local_time(ret, s->started_real_ns);
        html_put(ret, "</time>, ");
    }
    if (s->interval_ns != SUMMARY_UNKNOWN) {
        html_put(ret, "sampled every ");
        html_seconds(ret, "interval_s", s->interval_ns, put_interval);
    }
    html_put(ret, "</p>\n</header>\n");
    buffer_done(&words);
}

static void put_verdict_line(struct buffer *ret, const struct summary *s)
{
    struct buffer words = {0};
    enum ink ink = put_summary_verdict(&words, s);
    buffer_printf(ret, "<p class=\"verdict %s\">",
                  ink == INK_BAD       ? "bad"
                  : ink == INK_WARNING ? "warning"
                                       : "good");
    html_words(ret, &words);
    html_put(ret, "</p>\n");
    buffer_done(&words);
}

/* ---- cards ---- */

static void card(struct buffer *ret)
{
    html_put(ret, "<li>");
}

static void card_words(struct buffer *ret, const char *words)
{
    html_put(ret, " <span>");
    html_put(ret, words);
    html_put(ret, "</span></li>\n");
}

static void bytes_card(struct buffer *ret, const char *key, uint64_t bytes, const char *words)
{
    if (bytes == SUMMARY_UNKNOWN)
        return;
    card(ret);
    html_number(ret, key, bytes, put_bytes);
    card_words(ret, words);
}

static void count_card(struct buffer *ret, const char *key, uint64_t count, const char *words)
{
    if (count == SUMMARY_UNKNOWN)
        return;
    card(ret);
    html_number(ret, key, count, put_count);
    card_words(ret, words);
}

static void put_times(struct buffer *ret, const struct summary *s)
{
    if (s->wall_ns != SUMMARY_UNKNOWN) {
        card(ret);
        html_seconds(ret, "wall_s", s->wall_ns, put_duration);
        card_words(ret, "wall time");
    }
    if (s->cpu.total_ns != SUMMARY_UNKNOWN) {
        card(ret);
        html_seconds(ret, "cpu.total_s", s->cpu.total_ns, put_duration);
        card_words(ret, "CPU time");
    }
    if (!isnan(s->cpu.mean_cores)) {
        card(ret);
        struct buffer words = {0};
        html_real(ret, "cpu.mean_cores", s->cpu.mean_cores, 2);
        html_put(ret, " <span>");
        put_processors_of(&words, s);
        html_words(ret, &words);
        html_put(ret, " processors in use on average</span></li>\n");
        buffer_done(&words);
    }
}

static void put_machine_cards(struct buffer *ret, const struct summary *s)
{
    if (s->machine.busy_ns != SUMMARY_UNKNOWN) {
        card(ret);
        html_seconds(ret, "machine.busy_s", s->machine.busy_ns, put_duration);
        card_words(ret, "CPU time of the machine");
    }
    bytes_card(ret, "machine.peak_used_bytes", s->machine.peak_used_bytes, "memory in use at most");
}

static void put_cards(struct buffer *ret, const struct summary *s)
{
    html_put(ret, "<ul class=\"cards\">\n");
    put_times(ret, s);
    if (s->of_machine) {
        put_machine_cards(ret, s);
    } else {
        bytes_card(ret, "memory.peak_rss_bytes", s->memory.peak_rss_bytes, "resident at the peak");
        bytes_card(ret, "memory.peak_pss_bytes", s->memory.peak_pss_bytes,
                   "at the peak, shared memory once");
        bytes_card(ret, "cgroup.memory_max_bytes", s->granted.memory_max_bytes,
                   "memory granted to its control group");
        bytes_card(ret, "io.read_bytes", s->io[SUMMARY_READ_BYTES], "read from storage");
        bytes_card(ret, "io.write_bytes", s->io[SUMMARY_WRITE_BYTES], "written to storage");
        count_card(ret, "processes.total", s->processes.total,
                   s->processes.total == 1 ? "process" : "processes");
        count_card(ret, "threads.peak", s->threads_peak,
                   s->threads_peak == 1 ? "thread" : "threads at once");
        if (s->processes.failed > 0)
            count_card(ret, "processes.failed", s->processes.failed, "failed");
    }
    html_put(ret, "</ul>\n");
}

/* ---- findings ---- */

static void put_finding_item(struct buffer *ret, const struct finding *f, const struct summary *s)
{
    struct buffer words = {0};
    buffer_printf(ret, "<li class=\"%s\"><strong>", severity_name(f->severity));
    put_finding(&words, f, s);
    html_words(ret, &words);
    html_put(ret, "</strong>");
    put_finding_advice(&words, f);
    if (words.len > 0)
        html_put(ret, ". ");
    html_words(ret, &words);
    html_put(ret, "</li>\n");
    buffer_done(&words);
}

static void put_findings(struct buffer *ret, const struct summary *s, const struct scopes *scopes)
{
    struct findings findings;
    ret->failed |= findings_make(s, scopes, &findings) != 0;
    if (findings.count == 0)
        return;
    html_section(ret, "findings", "Findings");
    html_put(ret, "<ul class=\"findings\">\n");
    for (size_t i = 0; i < findings.count; i++)
        put_finding_item(ret, &findings.finding[i], s);
    html_put(ret, "</ul>\n");
    html_section_end(ret);
}

void html_put_head(struct buffer *ret, const struct summary *s, const struct scopes *scopes)
{
    put_session(ret, s);
    html_put(ret, "<main>\n");
    put_verdict_line(ret, s);
    put_cards(ret, s);
    put_findings(ret, s, scopes);
}
