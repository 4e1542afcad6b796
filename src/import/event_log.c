/*
 * The log of events of a tool that sums processes: `time,start|end,name,counter`, on a monotonic clock. The counter numbers
 * the entrances of a name, so each end finds its start. Where an end is missing, an exception left the
 * scope: it ends with the scope in which it began.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "import/import_format.h"
#include "import/log_table.h"

enum { TIME, WHAT, NAME, COUNTER, CELLS };

#define NOWHERE UINT32_MAX

/* An entrance. */
struct entrance {
    uint64_t begin_ns, end_ns; /* GATHERED_UNENDED: not yet */
    uint64_t counter;
    uint32_t site;
    uint32_t outer;     /* the last that was open when it began, NOWHERE: none */
    uint32_t same_hash; /* place, plus 1, of an earlier one with this hash */
};

struct event_log {
    struct import_log *log;
    struct array entrances;
    struct map by_name; /* hash of site and counter: place of the last, plus 1 */
    uint32_t innermost; /* of those that are open */
    uint64_t first_ns, last_ns;
    struct table_row row;
    struct buffer name;
};

static bool recognises(const char *first, size_t n)
{
    struct table_row row;
    uint64_t time_ns;
    table_cells(table_first_line(first, n), ',', &row);
    return row.n == CELLS && cell_seconds(row.cell[TIME], &time_ns) &&
           (cell_is(row.cell[WHAT], "start") || cell_is(row.cell[WHAT], "end"));
}

static struct entrance *entrance(const struct event_log *l, uint32_t place)
{
    return (struct entrance *)l->entrances.items + place;
}

static uint32_t hash_of(uint32_t site, uint64_t counter)
{
    uint64_t mixed =
        (counter * UINT64_C(0x9E3779B97F4A7C15)) ^ (site * UINT64_C(0xC2B2AE3D27D4EB4F));
    uint32_t hash = (uint32_t)(mixed >> 32);
    return hash != 0 ? hash : 1;
}

/* The last entrance of that name and number, or NOWHERE. */
static uint32_t find(const struct event_log *l, uint32_t site, uint64_t counter)
{
    const uint64_t *last = map_get(&l->by_name, hash_of(site, counter));
    for (uint32_t at = last == NULL ? 0 : (uint32_t)*last; at != 0;
         at = entrance(l, at - 1)->same_hash)
        if (entrance(l, at - 1)->site == site && entrance(l, at - 1)->counter == counter)
            return at - 1;
    return NOWHERE;
}

static int take_start(struct event_log *l, uint32_t site, uint64_t counter, uint64_t time_ns)
{
    uint32_t hash = hash_of(site, counter);
    const uint64_t *last = map_get(&l->by_name, hash);
    uint32_t same_hash = last == NULL ? 0 : (uint32_t)*last;
    struct entrance *e =
        l->entrances.count < NOWHERE - 1 ? array_add(&l->entrances, sizeof *e) : NULL;
    if (e == NULL)
        return -ENOMEM;
    *e = (struct entrance){.begin_ns = time_ns,
                           .end_ns = GATHERED_UNENDED,
                           .counter = counter,
                           .site = site,
                           .outer = l->innermost,
                           .same_hash = same_hash};
    l->innermost = (uint32_t)(l->entrances.count - 1);
    return map_put(&l->by_name, hash, l->entrances.count);
}

static const char *take_end(struct event_log *l, uint32_t site, uint64_t counter, uint64_t time_ns)
{
    uint32_t place = find(l, site, counter);
    if (place == NOWHERE || entrance(l, place)->end_ns != GATHERED_UNENDED)
        return "an end without its start";
    if (time_ns < entrance(l, place)->begin_ns)
        return "an end before its start";
    entrance(l, place)->end_ns = time_ns;
    while (l->innermost != NOWHERE && entrance(l, l->innermost)->end_ns != GATHERED_UNENDED)
        l->innermost = entrance(l, l->innermost)->outer;
    return NULL;
}

static int take_line(struct event_log *l, const char **ret_wrong)
{
    uint64_t time_ns, counter;
    uint32_t site;
    bool start = cell_is(l->row.cell[WHAT], "start"), end = cell_is(l->row.cell[WHAT], "end");
    *ret_wrong = "not a start or an end";
    if (l->row.n != CELLS || (!start && !end))
        return 0;
    *ret_wrong = "no time";
    if (!cell_seconds(l->row.cell[TIME], &time_ns))
        return 0;
    *ret_wrong = "no number of the entrance";
    if (!cell_number(l->row.cell[COUNTER], 1, &counter))
        return 0;
    buffer_clear(&l->name);
    cell_put_text(&l->name, l->row.cell[NAME]);
    struct span name = {l->name.data, l->name.len};
    int r =
        l->name.failed ? -ENOMEM : gathered_site(l->log->gathered, name, (struct span){0}, &site);
    *ret_wrong = r == -ENOSPC ? "one name too many" : NULL;
    if (r != 0)
        return r == -ENOSPC ? 0 : r;
    if (start)
        r = take_start(l, site, counter, time_ns);
    else
        *ret_wrong = take_end(l, site, counter, time_ns);
    if (r == 0 && *ret_wrong == NULL) {
        l->first_ns = l->log->result->taken == 0 || time_ns < l->first_ns ? time_ns : l->first_ns;
        l->last_ns = time_ns > l->last_ns ? time_ns : l->last_ns;
        l->log->result->taken++;
    }
    return r;
}

/* When it ended, or the first that ended of those it began in. */
static uint64_t end_of(struct event_log *l, uint32_t place)
{
    struct entrance *e = entrance(l, place);
    /* What it began in began before: its end is settled already. */
    if (e->end_ns == GATHERED_UNENDED && e->outer != NOWHERE &&
        entrance(l, e->outer)->end_ns >= e->begin_ns)
        e->end_ns = entrance(l, e->outer)->end_ns;
    return e->end_ns;
}

static int put_scopes(struct event_log *l)
{
    struct gathered *g = l->log->gathered;
    uint32_t process;
    int r = gathered_shared(g, &process);
    if (r == 0)
        r = gathered_add(g, process, l->first_ns, 0, NULL);
    if (r == 0)
        r = gathered_add(g, process, l->last_ns, 0, NULL);
    for (uint32_t i = 0; i < l->entrances.count && r == 0; i++) {
        uint64_t end_ns = end_of(l, i);
        r = gathered_scope(g, process, entrance(l, i)->site, entrance(l, i)->begin_ns, end_ns);
    }
    return r;
}

static int read_log(struct import_log *log)
{
    struct event_log l = {.log = log, .innermost = NOWHERE};
    struct text line;
    int r = gathered_use_clock(log->gathered, GATHERED_OWN_CLOCK);
    while (r == 0 && (r = import_next_line(log, &line)) == 1) {
        const char *wrong = NULL;
        r = 0;
        if (line.at == line.end)
            continue;
        table_cells(line, ',', &l.row);
        r = take_line(&l, &wrong);
        if (r == 0 && wrong != NULL)
            import_count_wrong(log, wrong);
    }
    if (r == 0 && log->result->taken > 0)
        r = put_scopes(&l);
    free(l.entrances.items);
    map_done(&l.by_name);
    buffer_done(&l.name);
    return r;
}

const struct import_format import_event_log = {
    .name = "event-log",
    .title = "starts and ends of named events (time,start|end,name,counter)",
    .job = "rows",
    .recognises = recognises,
    .read = read_log,
};
