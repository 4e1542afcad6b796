/*
 * Nextflow's trace.txt as `trace.raw = true` has it: a head and a row for the job, tab-separated, in bytes and
 * milliseconds. rss and vmem are means over time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "export/job_totals.h"

/* The command on one line; a tab or line end in it is quoted away. */
static int put_name(struct export *export)
{
    size_t n;
    const char *command = tacho_fact_text(export->rec, "command", &n);
    if (command == NULL)
        buffer_put_byte(&export->drain.buffer, '-');
    else
        text_put_shell(&export->drain.buffer, command, n);
    return export->drain.buffer.failed ? -ENOMEM : 0;
}

static void put_bytes(struct buffer *out, bool known, uint64_t number)
{
    if (known)
        buffer_printf(out, "\t%" PRIu64, number);
    else
        buffer_put_text(out, "\t-");
}

static void put_figures(struct buffer *out, const struct job_totals *t)
{
    static const unsigned io[] = {LINEAGE_READ_CHARS,  LINEAGE_WRITE_CHARS, LINEAGE_READ_COUNT,
                                  LINEAGE_WRITE_COUNT, LINEAGE_READ_BYTES,  LINEAGE_WRITE_BYTES};
    bool rss = t->known >> PROCESS_RSS & 1, vms = t->known >> PROCESS_VMS & 1;
    bool ended = t->exited || t->signalled;
    buffer_printf(out, "\t%s", !ended ? "-" : t->exited && t->code == 0 ? "COMPLETED" : "FAILED");
    put_bytes(out, ended, (uint64_t)(t->signalled ? 128 + t->code : t->code));
    buffer_printf(out, "\t%" PRIu64 "\t%.1f", t->wall_ns / NS_PER_MS, t->mean_cores * 100);
    if (rss && t->memory_bytes > 0)
        buffer_printf(out, "\t%.1f", (double)t->peak_rss_bytes * 100 / (double)t->memory_bytes);
    else
        buffer_put_text(out, "\t-");
    put_bytes(out, rss, (uint64_t)t->mean[PROCESS_RSS]);
    put_bytes(out, vms, (uint64_t)t->mean[PROCESS_VMS]);
    put_bytes(out, t->peak_rss_bytes > 0, t->peak_rss_bytes);
    put_bytes(out, vms, t->peak[PROCESS_VMS]);
    for (size_t i = 0; i < sizeof io / sizeof io[0]; i++)
        put_bytes(out, true, t->last.grown[io[i]]);
    buffer_put_byte(out, '\n');
}

static int nextflow_whole(struct export *export)
{
    struct job_totals *totals = malloc(sizeof *totals);
    int r = totals == NULL ? -ENOMEM : job_totals_gather(export, totals);
    if (r == 0) {
        buffer_put_text(&export->drain.buffer,
                        "name\tstatus\texit\trealtime\t%cpu\t%mem\trss\tvmem\tpeak_rss\tpeak_vmem\t"
                        "rchar\twchar\tsyscr\tsyscw\tread_bytes\twrite_bytes\n");
        r = put_name(export);
        put_figures(&export->drain.buffer, totals);
    }
    if (r == 0)
        r = drain_row(&export->drain);
    free(totals);
    return r == 0 ? drain_flush(&export->drain) : r;
}

const struct export_format export_nextflow = {.name = "nextflow", .whole = nextflow_whole};
