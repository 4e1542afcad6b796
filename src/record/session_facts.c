#include "record/session_facts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/number.h"

static void put_text(const struct sample_sink *sink, const char *key, const char *text)
{
    if (text[0] != '\0')
        sink_fact_text(sink, key, text);
}

static void put_number(const struct sample_sink *sink, const char *key, uint64_t number)
{
    if (number != 0)
        sink_fact_number(sink, key, number);
}

/* "processor:core:package", blanks between. */
static void put_topology(const struct sample_sink *sink, const struct host_facts *facts)
{
    struct buffer text = {0};
    for (uint32_t i = 0; facts->place != NULL && i < facts->processors; i++)
        buffer_printf(&text, "%s%" PRIu32 ":%" PRIu32 ":%" PRIu32, i > 0 ? " " : "",
                      facts->place[i].processor, facts->place[i].core, facts->place[i].package);
    if (text.len > 0 && !text.failed)
        sink_fact_bytes(sink, "topology", text.data, text.len);
    buffer_done(&text);
}

void session_facts_host(const struct sample_sink *sink, const struct source_root *root,
                        const struct host_facts *facts)
{
    put_text(sink, "hostname", facts->hostname);
    put_text(sink, "kernel", facts->kernel);
    put_text(sink, "machine", facts->machine);
    put_text(sink, "boot_id", facts->boot_id);
    put_text(sink, "cpu_model", facts->cpu_model);
    put_text(sink, "clocksource", facts->clocksource);
    put_number(sink, "processors", facts->processors);
    put_number(sink, "cores", facts->cores);
    put_number(sink, "packages", facts->packages);
    put_number(sink, "allowed_processors", facts->allowed_processors);
    put_number(sink, "memory_bytes", facts->memory_bytes);
    sink_fact_number(sink, "swap_bytes", facts->swap_bytes);
    sink_fact_number(sink, "tick_ns", root->tick_ns);
    sink_fact_number(sink, "page_bytes", root->page_bytes);
    put_topology(sink, facts);
}

void session_facts_job(const struct sample_sink *sink)
{
    const char *end = getenv("SLURM_JOB_END_TIME"); /* seconds since the epoch */
    uint64_t end_s;
    if (end != NULL && parse_u64(end, &end_s))
        sink_fact_number(sink, "job_end_real_s", end_s);
}

static void put_rank_number(const struct sample_sink *sink, const char *key, uint64_t number)
{
    if (number != RANK_UNKNOWN)
        sink_fact_number(sink, key, number);
}

void session_facts_rank(const struct sample_sink *sink, const struct rank *rank)
{
    if (rank->rank == RANK_UNKNOWN)
        return;
    put_rank_number(sink, "rank", rank->rank);
    put_rank_number(sink, "rank_size", rank->size);
    put_rank_number(sink, "rank_local", rank->local_rank);
    put_rank_number(sink, "rank_local_size", rank->local_size);
    put_text(sink, "job", rank->job);
    if (rank->launcher != NULL)
        sink_fact_text(sink, "launcher", rank->launcher);
}
