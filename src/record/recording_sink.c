#include "record/recording_sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "format/samples.h"
#include "record/block_file.h"

#define FLUSH_EVERY_NS NS_PER_S
#define KEYFRAME_EVERY 16 /* flushes */
#define METRICS_EVERY 600 /* flushes: one corrupt block must not cost their names */
#define ANCHOR_EVERY_NS (60 * NS_PER_S)
#define ANCHOR_SLACK_NS \
    NS_PER_MS /* clocks that moved by more against each other are told at once */

struct recording {
    struct block_file file;
    struct recording_options options; /* but for the path */
    char *path;
    void *compressor;
    struct buffer journal, payload, out;
    uint64_t journal_first_ns;
    struct stage *processes, *overview;
    struct marks_encoder *encoder; /* NULL until there are marks */
    struct buffer marks;
    uint64_t marks_first_ns, marks_last_ns;
    struct {
        void (*seen)(void *user, const struct record *record);
        void *user;
    } watch;
    uint64_t sequence, flushes, flushed_ns, now_ns;
    unsigned until_keyframe; /* flushes of samples */
    bool journal_dropped;
    struct {
        uint64_t from_ns, to_ns; /* after the tick that was written last, up to this one */
        int error;               /* 0: nothing is lost, or it was told */
    } lost;
    struct record_anchor anchor;
    bool past; /* it has happened before: see recording_options */
};

static uint64_t time_now(const struct recording *r)
{
    return r->past ? r->now_ns : clock_mono_ns();
}

/* ---- the journal ---- */

static void anchor_put(struct recording *r)
{
    if (r->past)
        return;
    struct record_anchor now = {clock_mono_ns(), clock_real_ns(), clock_boot_ns()};
    uint64_t real_drift = (now.real_ns - now.mono_ns) - (r->anchor.real_ns - r->anchor.mono_ns);
    uint64_t boot_drift = (now.boot_ns - now.mono_ns) - (r->anchor.boot_ns - r->anchor.mono_ns);
    bool moved = real_drift + ANCHOR_SLACK_NS > 2 * ANCHOR_SLACK_NS ||
                 boot_drift + ANCHOR_SLACK_NS > 2 * ANCHOR_SLACK_NS;
    if (!moved && now.mono_ns - r->anchor.mono_ns < ANCHOR_EVERY_NS)
        return;
    r->anchor = now;
    record_put(&r->journal, &(struct record){.type = RECORD_ANCHOR, .anchor = now});
}

static void metrics_put(struct buffer *journal)
{
    for (unsigned kind = kind_after(0); kind != 0; kind = kind_after(kind)) {
        const struct kind_info *info = kind_info(kind);
        for (unsigned m = 0; m < info->metric_count; m++) {
            const struct metric *metric = &info->metrics[m];
            struct record r = {
                .type = RECORD_METRIC,
                .metric = {.kind = kind,
                           .position = m,
                           .group = metric->group,
                           .cumulative = metric->cumulative,
                           .name = {(const uint8_t *)metric->name, strlen(metric->name)},
                           .unit = {(const uint8_t *)metric->unit, strlen(metric->unit)}}};
            record_put(journal, &r);
        }
    }
}

static void on_record(void *user, const struct record *record)
{
    struct recording *r = user;
    if (r->watch.seen != NULL)
        r->watch.seen(r->watch.user, record);
    if (r->journal.len > RECORDING_JOURNAL_KEPT) {
        r->journal_dropped = true;
        return;
    }
    size_t before = r->journal.len;
    if (before == 0)
        r->journal_first_ns = time_now(r);
    record_put(&r->journal, record);
    if (r->journal.failed) {
        r->journal.len = before;
        r->journal.failed = false;
        r->journal_dropped = true;
    }
}

void recording_watch(struct recording *r, void (*seen)(void *user, const struct record *record),
                     void *user)
{
    r->watch.seen = seen;
    r->watch.user = user;
}

bool recording_has_room(struct recording *r)
{
    if (r->journal.len > RECORDING_JOURNAL_BYTES && r->file.error == 0)
        recording_flush(r);
    return r->journal.len < RECORDING_JOURNAL_KEPT / 2;
}

/* ---- marks ---- */

void recording_marks(struct recording *r, uint64_t thread, uint64_t first_index,
                     const struct mark *mark, size_t n)
{
    if (n == 0 || (r->encoder == NULL && (r->encoder = marks_encoder_new()) == NULL))
        return;
    if (r->marks.len > RECORDING_STAGE_BYTES && r->file.error == 0)
        recording_flush(r);
    if (r->marks.len > RECORDING_STAGE_BYTES)
        return;
    size_t before = r->marks.len;
    if (before == 0 || mark[0].time_ns < r->marks_first_ns)
        r->marks_first_ns = mark[0].time_ns;
    if (before == 0 || mark[n - 1].time_ns > r->marks_last_ns)
        r->marks_last_ns = mark[n - 1].time_ns;
    marks_put(r->encoder, &r->marks, thread, first_index, mark, n);
    if (r->marks.failed) {
        r->marks.failed = false;
        r->marks.len = before;
    }
}

/* ---- samples ---- */

static struct stage *stage_for(struct recording *r, unsigned kind)
{
    return kind == ENTITY_PROCESS ? r->processes : r->overview;
}

static void *on_add(void *user, uint32_t entity, unsigned kind)
{
    return stage_add(stage_for(user, kind), entity, kind);
}

static void on_remove(void *user, void *handle, unsigned kind)
{
    stage_remove(stage_for(user, kind), handle);
}

static void on_tick(void *user, uint64_t now_ns)
{
    struct recording *r = user;
    r->now_ns = now_ns;
    stage_tick(r->processes, now_ns);
    stage_tick(r->overview, now_ns);
}

static void on_put(void *user, void *handle, unsigned kind, uint32_t groups, bool idle,
                   const uint64_t *value, uint64_t known)
{
    stage_put(stage_for(user, kind), handle, groups, idle, value, known);
}

static void on_tick_end(void *user)
{
    struct recording *r = user;
    size_t staged = stage_bytes(r->processes) > stage_bytes(r->overview) ? stage_bytes(r->processes)
                                                                         : stage_bytes(r->overview);
    /* A little early rather than a tick late: a block is to be at most a second old. */
    bool due = !r->past && r->now_ns + r->options.interval_ns / 2 - r->flushed_ns >= FLUSH_EVERY_NS;
    /* What could not be written is tried again each second, however much it is. */
    bool long_journal = r->journal.len > RECORDING_JOURNAL_BYTES && r->file.error == 0;
    if (due || long_journal || staged > RECORDING_STAGE_BYTES ||
        stage_ticks(r->overview) == TICKS_MAX)
        recording_flush(r);
}

static uint64_t on_bytes_written(void *user)
{
    return recording_bytes(user);
}

struct sample_sink recording_sink(struct recording *r)
{
    return (struct sample_sink){.user = r,
                                .record = on_record,
                                .add = on_add,
                                .remove = on_remove,
                                .tick = on_tick,
                                .put = on_put,
                                .tick_end = on_tick_end,
                                .bytes_written = on_bytes_written};
}

/* ---- writing ---- */

/* Blocks are written one by one: what a live reader has taken in is never taken back. */
static int write_block(struct recording *r, unsigned type, unsigned flags, uint64_t first_ns,
                       uint64_t last_ns, const struct buffer *payload)
{
    struct block_header header = {.type = (uint8_t)type,
                                  .flags = (uint8_t)flags,
                                  .sequence = r->sequence,
                                  .first_ns = first_ns,
                                  .last_ns = last_ns};
    buffer_clear(&r->out);
    int rc = payload->failed ? -ENOMEM
                             : block_append(&r->out, &header, payload->data, payload->len,
                                            r->options.codec, r->compressor);
    if (rc == 0)
        rc = block_file_append(&r->file, r->out.data, r->out.len, time_now(r));
    r->sequence += rc == 0;
    return rc;
}

static int write_samples(struct recording *r, struct stage *stage, unsigned type, bool keyframe,
                         bool wanted)
{
    uint64_t first_ns, last_ns;
    buffer_clear(&r->payload);
    int rc = stage_encode(stage, keyframe, &r->payload, &first_ns, &last_ns);
    if (rc == -ENODATA)
        return 0;
    if (rc == 0 && wanted)
        rc = write_block(r, type, keyframe ? BLOCK_KEYFRAME : 0, first_ns, last_ns, &r->payload);
    return rc;
}

static void put_lost(struct recording *r, uint64_t now_ns)
{
    if (r->lost.error != 0)
        record_put(&r->journal, &(struct record){.type = RECORD_GAP,
                                                 .gap = {.from_ns = r->lost.from_ns,
                                                         .to_ns = r->lost.to_ns,
                                                         .error = (uint64_t)-r->lost.error}});
    static const char lost[] = "births and exits were lost while nothing could be written";
    if (r->journal_dropped)
        record_put(&r->journal,
                   &(struct record){.type = RECORD_NOTE,
                                    .note = {.time_ns = now_ns,
                                             .text = {(const uint8_t *)lost, sizeof lost - 1}}});
}

/* After a failure there is something in it to try with. What is not written is kept. */
static int write_journal(struct recording *r, uint64_t now_ns)
{
    size_t bytes = r->journal.len;
    put_lost(r, now_ns);
    if (r->journal.len == 0)
        return 0;
    int rc = write_block(r, BLOCK_JOURNAL, 0, r->journal_first_ns, now_ns, &r->journal);
    if (rc != 0) {
        r->journal.len = bytes;
        return rc;
    }
    buffer_clear(&r->journal);
    r->journal_dropped = false;
    r->lost.error = 0;
    return 0;
}

/* What is not written is kept. */
static int write_marks(struct recording *r)
{
    if (r->marks.len == 0)
        return 0;
    int rc = write_block(r, BLOCK_MARKS, 0, r->marks_first_ns, r->marks_last_ns, &r->marks);
    if (rc == 0)
        buffer_clear(&r->marks);
    return rc;
}

static void tell_trouble(struct recording *r, int before)
{
    if ((before == 0) != (r->file.error == 0) && r->options.on_trouble != NULL)
        r->options.on_trouble(r->options.user, r->file.error);
}

/* Samples that did not reach the file leave readers with values from before. */
static void note_outcome(struct recording *r, int error, bool keyframe, uint64_t flushed_ns)
{
    if (error == 0) {
        r->until_keyframe = keyframe ? KEYFRAME_EVERY - 1 : r->until_keyframe - 1;
        return;
    }
    if (r->lost.error == 0)
        r->lost.from_ns = flushed_ns;
    r->lost.to_ns = r->now_ns;
    r->lost.error = error;
    r->until_keyframe = 0;
}

int recording_flush(struct recording *r)
{
    uint64_t now_ns = time_now(r), flushed_ns = r->flushed_ns;
    int before = r->file.error;
    if (r->journal.len == 0)
        r->journal_first_ns = now_ns;
    anchor_put(r);
    if (r->flushes % METRICS_EVERY == 1)
        metrics_put(&r->journal);
    bool keyframe = r->until_keyframe == 0, samples = stage_ticks(r->overview) > 0;
    int rc = write_journal(r, now_ns);
    /* Samples and marks without the births and names they belong to would mean nothing. */
    int rc2 = write_samples(r, r->overview, BLOCK_OVERVIEW, keyframe, rc == 0);
    int rc3 = write_samples(r, r->processes, BLOCK_PROCESSES, keyframe, rc == 0 && rc2 == 0);
    r->flushed_ns = r->now_ns != 0 ? r->now_ns : now_ns;
    r->flushes++;
    rc = rc != 0 ? rc : rc2 != 0 ? rc2 : rc3;
    if (samples)
        note_outcome(r, rc, keyframe, flushed_ns);
    if (rc == 0)
        rc = write_marks(r);
    tell_trouble(r, before);
    return rc;
}

/* ---- beginning and end ---- */

static int open_file(struct recording *r)
{
    if (r->path != NULL)
        return block_file_create(&r->file, r->path, r->options.replace);
    return block_file_adopt(&r->file, r->options.fd);
}

static void begin_in_the_past(struct recording *r)
{
    if (r->options.anchor == NULL)
        return;
    r->past = true;
    r->anchor = *r->options.anchor;
    r->now_ns = r->anchor.mono_ns;
    r->options.anchor = NULL; /* the caller's */
    if (r->anchor.real_ns != 0)
        record_put(&r->journal, &(struct record){.type = RECORD_ANCHOR, .anchor = r->anchor});
}

int recording_create(const struct recording_options *options, struct recording **ret)
{
    struct recording *r = calloc(1, sizeof *r);
    if (r == NULL)
        return -ENOMEM;
    r->options = *options;
    begin_in_the_past(r);
    r->path = options->path != NULL ? strdup(options->path) : NULL;
    r->processes = stage_new(ENTITY_PROCESS, options->interval_ns,
                             r->past ? QUIET_UNKNOWN : 1u << GROUP_CLOCK);
    r->overview = stage_new(0, options->interval_ns, 0);
    if (options->codec != NULL)
        r->compressor = options->codec->compressor_new();
    r->flushed_ns = r->journal_first_ns = time_now(r);
    r->file.fd = -1;
    metrics_put(&r->journal);
    bool named = r->path != NULL || options->path == NULL;
    int rc = r->processes == NULL || r->overview == NULL || !named ? -ENOMEM : 0;
    if (options->codec != NULL && r->compressor == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = open_file(r);
    if (rc != 0) {
        recording_close(r);
        return rc;
    }
    *ret = r;
    return 0;
}

uint64_t recording_bytes(const struct recording *r)
{
    return r->file.bytes;
}

bool recording_unlinked(const struct recording *r)
{
    struct stat ours, named;
    return r->path != NULL && fstat(r->file.fd, &ours) == 0 &&
           (lstat(r->path, &named) != 0 || named.st_ino != ours.st_ino ||
            named.st_dev != ours.st_dev);
}

int recording_close(struct recording *r)
{
    int rc = 0;
    if (r == NULL)
        return 0;
    if (r->file.fd >= 0) {
        recording_flush(r);
        rc = block_file_close(&r->file);
    }
    stage_free(r->processes);
    stage_free(r->overview);
    if (r->compressor != NULL)
        r->options.codec->compressor_free(r->compressor);
    marks_encoder_free(r->encoder);
    buffer_done(&r->marks);
    buffer_done(&r->journal);
    buffer_done(&r->payload);
    buffer_done(&r->out);
    free(r->path);
    free(r);
    return rc;
}
