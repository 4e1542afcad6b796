/*
 * prmon's time series: tab-separated, a row a tick, memory in kB of 1024, reads and writes in bytes,
 * times in seconds. Where prmon has whole seconds there are fractions here.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "export/digits.h"
#include "export/tree_ticks.h"

static void put_seconds(struct buffer *out, uint64_t ns)
{
    char digits[DIGITS_MAX];
    buffer_put_byte(out, '\t');
    buffer_put(out, digits, (size_t)(digits_write_fraction(digits, ns / NS_PER_MS, 3) - digits));
}

/* prmon has no way to say that something is not known: 0. */
static int put_row(void *user, const struct tree_tick *tick)
{
    static const unsigned memory[] = {PROCESS_PSS, PROCESS_RSS, PROCESS_SWAP, PROCESS_VMS};
    static const unsigned io[] = {LINEAGE_READ_CHARS, LINEAGE_READ_BYTES, LINEAGE_WRITE_CHARS,
                                  LINEAGE_WRITE_BYTES};
    struct export *export = user;
    struct buffer *out = &export->drain.buffer;
    uint64_t start_ns = export->start_ns < tick->time_ns ? export->start_ns : tick->time_ns;
    buffer_printf(out, "%" PRIu64, tacho_real_ns(export->rec, tick->time_ns) / NS_PER_S);
    put_seconds(out, tick->time_ns - start_ns);
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++)
        buffer_printf(out, "\t%" PRIu64, tick->sum[memory[i]] / 1024);
    for (size_t i = 0; i < sizeof io / sizeof io[0]; i++)
        buffer_printf(out, "\t%" PRIu64, tick->grown[io[i]]);
    put_seconds(out, tick->system_ns);
    put_seconds(out, tick->user_ns);
    buffer_printf(out, "\t%zu\t%" PRIu64 "\n", tick->processes, tick->sum[PROCESS_THREADS]);
    return drain_row(&export->drain);
}

static int prmon_whole(struct export *export)
{
    buffer_put_text(&export->drain.buffer,
                    "Time\twtime\tpss\trss\tswap\tvmem\trchar\tread_bytes\twchar\twrite_bytes\t"
                    "stime\tutime\tnprocs\tnthreads\n");
    int r = tree_ticks_run(export, &(struct tree_listener){.user = export, .tick = put_row});
    return r == 0 ? drain_flush(&export->drain) : r;
}

const struct export_format export_prmon = {
    .name = "prmon", .whole = prmon_whole, .needs_clock = true};
