/* Snakemake's benchmark file: a head and a row, tab-separated; memory and I/O in MB of 2^20. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "export/job_totals.h"

static void put_mb(struct buffer *out, bool known, uint64_t bytes)
{
    if (known)
        buffer_printf(out, "\t%.2f", (double)bytes / (1 << 20));
    else
        buffer_put_text(out, "\t-");
}

static void put_row(struct buffer *out, const struct job_totals *t)
{
    static const unsigned peaks[] = {PROCESS_VMS, PROCESS_USS, PROCESS_PSS};
    uint64_t s = t->wall_ns / NS_PER_S;
    buffer_printf(out, "%.4f\t%" PRIu64 ":%02" PRIu64 ":%02" PRIu64,
                  (double)t->wall_ns / (double)NS_PER_S, s / 3600, s / 60 % 60, s % 60);
    put_mb(out, t->peak_rss_bytes > 0, t->peak_rss_bytes);
    for (size_t i = 0; i < sizeof peaks / sizeof peaks[0]; i++)
        put_mb(out, t->known >> peaks[i] & 1, t->peak[peaks[i]]);
    put_mb(out, true, t->last.grown[LINEAGE_READ_BYTES]);
    put_mb(out, true, t->last.grown[LINEAGE_WRITE_BYTES]);
    buffer_printf(out, "\t%.2f\t%.2f\n", t->mean_cores * 100,
                  (double)t->last.grown[LINEAGE_CPU] / (double)NS_PER_S);
}

static int snakemake_whole(struct export *export)
{
    struct job_totals *totals = malloc(sizeof *totals);
    int r = totals == NULL ? -ENOMEM : job_totals_gather(export, totals);
    if (r == 0) {
        buffer_put_text(&export->drain.buffer,
                        "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\t"
                        "cpu_time\n");
        put_row(&export->drain.buffer, totals);
        r = drain_row(&export->drain);
    }
    free(totals);
    return r == 0 ? drain_flush(&export->drain) : r;
}

const struct export_format export_snakemake = {.name = "snakemake", .whole = snakemake_whole};
