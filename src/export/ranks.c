/*
 * ranks: the log of one rank of a parallel job, logproc_START_RANK_SIZE.log in the folder OUT, a line for
 * each scope as it ended: rank//size//@function//t_in//t_out//mem_in//mem_out//field. Times are seconds since
 * the epoch, memory is the largest so far in MB of 2^20. Logs of several ranks may lie in one folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/positions.h"
#include "analyse/scope_stacks.h"
#include "base/clock.h"
#include "base/map.h"
#include "export/digits.h"
#include "export/export_table.h"
#include "export/folder.h"

/* When the peak of a process rose, and to what: rises under a thousandth are left out. */
struct rise {
    uint64_t time_ns, bytes;
};
struct rises {
    struct rise *rise;
    size_t n, cap;
};

struct ranks {
    struct export *export;
    struct folder folder;
    int file;
    uint64_t rank, size;
    struct map marking; /* entity -> place in `rises` */
    struct rises *rises;
    size_t processes;
};

/* ---- memory ---- */

static int find_marking(struct ranks *s)
{
    const struct tacho_recording *rec = s->export->rec;
    size_t n = tacho_marking_thread_count(rec);
    s->rises = calloc(n + 1, sizeof *s->rises);
    if (s->rises == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        uint32_t entity = tacho_marking_thread(rec, i)->entity;
        if (entity == 0 || map_get(&s->marking, entity) != NULL)
            continue;
        if (map_put(&s->marking, entity, s->processes++) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int take_peak(struct rises *rises, uint64_t time_ns, uint64_t bytes)
{
    if (rises->n > 0 &&
        bytes <= rises->rise[rises->n - 1].bytes + rises->rise[rises->n - 1].bytes / 1000)
        return 0;
    if (rises->n == rises->cap) {
        size_t cap = rises->cap == 0 ? 16 : rises->cap * 2;
        struct rise *grown = reallocarray(rises->rise, cap, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        rises->rise = grown;
        rises->cap = cap;
    }
    rises->rise[rises->n++] = (struct rise){time_ns, bytes};
    return 0;
}

static int find_peaks(struct ranks *s)
{
    static const unsigned peaks[] = {PROCESS_RSS, PROCESS_PEAK_RSS};
    struct positions position;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    positions_find(s->export->rec, TACHO_PROCESS, &position);
    int r = tacho_walk_open(s->export->rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk), read = 0;
    if (r < 0)
        return r;
    while (r == 0 && (read = tacho_walk_next(walk, &sample)) > 0) {
        const uint64_t *place = map_get(&s->marking, sample.entity);
        s->export->now_ns = sample.time_ns;
        for (size_t i = 0; place != NULL && i < 2 && r == 0; i++)
            if (sample_fresh(&sample, &position, peaks[i]))
                r = take_peak(&s->rises[*place], sample.time_ns,
                              sample_value(&sample, &position, peaks[i]));
    }
    tacho_walk_close(walk);
    return r == 0 ? read : r;
}

/* The largest so far; before the first sample that of the first. False where none is known. */
static bool peak_at(const struct ranks *s, uint32_t entity, uint64_t time_ns, uint64_t *ret)
{
    const uint64_t *place = map_get(&s->marking, entity);
    const struct rises *rises = place == NULL ? NULL : &s->rises[*place];
    if (rises == NULL || rises->n == 0)
        return false;
    size_t from = 0, to = rises->n;
    while (to - from > 1) {
        size_t middle = from + (to - from) / 2;
        if (rises->rise[middle].time_ns <= time_ns)
            from = middle;
        else
            to = middle;
    }
    *ret = rises->rise[from].bytes;
    return true;
}

/* ---- lines ---- */

/* What would end the field, or the line, becomes a blank or a single slash. */
static void put_name(struct buffer *out, const char *name)
{
    for (; *name != '\0'; name++) {
        bool doubled = *name == '/' && (name[1] == '/' || name[1] == '\0');
        if (!doubled)
            buffer_put_byte(out, (uint8_t)*name < 0x20 ? ' ' : (uint8_t)*name);
    }
}

static void put_time(struct ranks *s, struct buffer *out, uint64_t mono_ns)
{
    char digits[DIGITS_MAX];
    uint64_t real_ns = tacho_real_ns(s->export->rec, mono_ns);
    buffer_put_text(out, "//");
    buffer_put(out, digits, (size_t)(digits_write_seconds(digits, real_ns) - digits));
}

static void put_memory(struct ranks *s, struct buffer *out, uint32_t entity, uint64_t mono_ns)
{
    uint64_t bytes;
    bool known = peak_at(s, entity, mono_ns, &bytes);
    buffer_printf(out, "//%.3f", known ? (double)bytes / (1 << 20) : 0.0);
}

static int on_end(void *user, struct scope_thread *t, struct scope_frame *frame,
                  const struct scope_end *end)
{
    struct ranks *s = user;
    const struct tacho_site *site = tacho_site(s->export->rec, frame->site);
    const char *name = site == NULL ? "(lost)" : site->name;
    struct buffer *out = folder_out(&s->folder, s->file);
    uint64_t end_ns = frame->begin_ns + scope_duration(frame, end);
    export_is_at(s->export, end_ns);
    buffer_printf(out, "%" PRIu64 "//%" PRIu64 "//@", s->rank, s->size);
    put_name(out, name);
    put_time(s, out, frame->begin_ns);
    put_time(s, out, end_ns);
    put_memory(s, out, t->thread->entity, frame->begin_ns);
    put_memory(s, out, t->thread->entity, end_ns);
    buffer_put_text(out, "//");
    if (site == NULL || site->category[0] == '\0')
        buffer_put_byte(out, '@');
    put_name(out, site == NULL || site->category[0] == '\0' ? name : site->category);
    buffer_put_byte(out, '\n');
    return folder_put(&s->folder, s->file);
}

static int open_file(struct ranks *s)
{
    const struct export_options *options = &s->export->options;
    const struct tacho_recording *rec = s->export->rec;
    char name[128];
    if (!tacho_fact_number(rec, "rank", &s->rank))
        s->rank = 0;
    if (!tacho_fact_number(rec, "rank_size", &s->size))
        s->size = 1;
    snprintf(name, sizeof name, "logproc_%" PRIu64 "_%" PRIu64 "_%" PRIu64 ".log",
             tacho_real_ns(rec, s->export->start_ns) / NS_PER_S, s->rank, s->size);
    int r = folder_open(&s->folder, AT_FDCWD, options->output, options->overwrite);
    if (r == 0)
        r = s->file = folder_make(&s->folder, name);
    return r < 0 ? r : 0;
}

static int put_all(struct ranks *s)
{
    const struct scope_listener listener = {.user = s, .end = on_end};
    struct scope_losses losses;
    s->export->walks = 2;
    int r = open_file(s);
    if (r == 0)
        r = find_marking(s);
    if (r == 0)
        r = find_peaks(s);
    s->export->walk = 1;
    return r == 0 ? scope_stacks_run(s->export->rec, &listener, &losses) : r;
}

static int ranks_whole(struct export *export)
{
    struct ranks s = {.export = export, .folder = {.fd = -1}};
    int r = put_all(&s), closed = folder_close(&s.folder);
    export->drain.refused |= s.folder.refused;
    for (size_t i = 0; i < s.processes; i++)
        free(s.rises[i].rise);
    free(s.rises);
    map_done(&s.marking);
    return r < 0 ? r : closed;
}

const struct export_format export_ranks = {.name = "ranks",
                                           .whole = ranks_whole,
                                           .needs_marks = true,
                                           .needs_clock = true,
                                           .makes_files = true};
