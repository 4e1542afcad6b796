#include "cli/stream_sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/stream_tree.h"
#include "export/rows.h"
#include "export/tree_pass.h"

struct stream {
    int fd, error;
    unsigned kind;     /* whose samples make rows */
    struct rows *rows; /* NULL: `tree` is written */
    struct stream_tree tree;
    struct told_processes told;
    struct told_process machine;            /* stands for what is no process */
    struct told_process gpu[TREE_GPUS_MAX]; /* but for GPUs */
    size_t gpus;
    struct buffer out;
    uint64_t group_mask[ENTITY_KINDS][GROUPS_MAX];
    uint64_t now_ns, real_ns, bytes;
};

/* What follows a torn line reads wrong: where it can be, the piece is taken back. */
static void take_back(int fd, size_t n)
{
    struct stat stat;
    off_t end = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) ? lseek(fd, 0, SEEK_CUR) : -1;
    if (n > 0 && end >= (off_t)n && end == stat.st_size && ftruncate(fd, end - (off_t)n) == 0)
        lseek(fd, end - (off_t)n, SEEK_SET);
}

static int write_all(void *user, const void *bytes, size_t n)
{
    struct stream *s = user;
    size_t done = 0;
    while (done < n) {
        ssize_t written = write(s->fd, (const uint8_t *)bytes + done, n - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            int error = written < 0 ? errno : EIO;
            take_back(s->fd, done);
            return -error;
        }
    }
    s->bytes += n;
    return 0;
}

/* The first error ends the stream. */
static void take_error(struct stream *s, int r)
{
    if (r < 0 && s->error == 0)
        s->error = r;
}

static void drain(struct stream *s)
{
    if (s->error == 0 && s->out.len > 0)
        take_error(s, s->out.failed ? -ENOMEM : write_all(s, s->out.data, s->out.len));
    buffer_clear(&s->out);
}

/* Whether it belongs before all ticks. */
static bool is_of_session(const struct record *record)
{
    return record->type == RECORD_FACT ||
           (record->type == RECORD_ENTITY && record->entity.kind == ENTITY_GPU);
}

static void on_record(void *user, const struct record *record)
{
    struct stream *s = user;
    if (s->error != 0)
        return;
    if (is_of_session(record) && s->rows == NULL)
        take_error(s, stream_tree_fact(&s->tree, record));
    else if (s->kind == ENTITY_PROCESS)
        take_error(s, told_processes_take(&s->told, record));
}

static void *on_add(void *user, uint32_t entity, unsigned kind)
{
    struct stream *s = user;
    if (kind == ENTITY_GPU && s->gpus < TREE_GPUS_MAX) {
        s->gpu[s->gpus].process.entity = entity;
        return &s->gpu[s->gpus++];
    }
    if (kind != ENTITY_PROCESS)
        return &s->machine;
    struct told_process *one = told_process_of(&s->told, entity);
    if (one != NULL)
        one->sampled = true;
    return one;
}

static void on_remove(void *user, void *handle, unsigned kind)
{
    (void)user;
    if (kind == ENTITY_PROCESS && handle != NULL)
        ((struct told_process *)handle)->removed = true;
}

static void on_tick(void *user, uint64_t now_ns)
{
    struct stream *s = user;
    s->now_ns = now_ns;
    s->real_ns = clock_real_ns();
    if (s->rows == NULL && s->error == 0)
        take_error(s, stream_tree_tick(&s->tree, now_ns));
}

static void put_row(struct stream *s, const struct told_process *one,
                    const struct tacho_sample *sample)
{
    if (sample->kind == s->kind)
        rows_put(s->rows, &s->out,
                 &(struct row_sample){.time_ns = s->now_ns,
                                      .real_ns = s->real_ns,
                                      .entity = sample->entity,
                                      .pid = one->process.pid,
                                      .comm = one->comm,
                                      .idle = sample->idle,
                                      .known = sample->known,
                                      .fresh = sample->fresh,
                                      .value = sample->value});
}

static void on_put(void *user, void *handle, unsigned kind, uint32_t groups, bool idle,
                   const uint64_t *value, uint64_t known)
{
    struct stream *s = user;
    struct told_process *one = handle;
    if (one == NULL || s->error != 0)
        return;
    uint64_t fresh = 0;
    for (uint32_t left = groups; left != 0; left &= left - 1)
        fresh |= s->group_mask[kind][__builtin_ctz(left)];
    const struct tacho_sample sample = {.time_ns = s->now_ns,
                                        .entity = one->process.entity,
                                        .kind = kind,
                                        .idle = idle,
                                        .known = known,
                                        .fresh = fresh & known,
                                        .value = value};
    if (s->rows != NULL)
        put_row(s, one, &sample);
    else
        take_error(s, stream_tree_put(&s->tree, kind == ENTITY_PROCESS ? one : NULL, &sample));
}

static void on_idle(void *user, void *handle, const uint64_t *value, uint64_t known)
{
    on_put(user, handle, ENTITY_PROCESS, 1u << GROUP_CLOCK, true, value, known);
}

/* Of rows nothing is kept for those of which no more can come. */
static void forget_ended(struct stream *s)
{
    for (struct told_process *one = s->told.first, *after; one != NULL; one = after) {
        after = one->after;
        bool ended = (one->process.flags & TACHO_PROCESS_ENDED) != 0;
        if (!one->removed && (one->sampled || !ended))
            continue;
        rows_forget(s->rows, one->process.entity);
        told_process_forget(&s->told, one);
    }
}

static void on_tick_end(void *user)
{
    struct stream *s = user;
    if (s->rows != NULL) {
        drain(s);
        forget_ended(s);
    } else if (s->error == 0) {
        take_error(s, stream_tree_end_tick(&s->tree));
    }
}

static uint64_t on_bytes_written(void *user)
{
    return ((struct stream *)user)->bytes;
}

struct sample_sink stream_sink(struct stream *s)
{
    return (struct sample_sink){.user = s,
                                .record = on_record,
                                .add = on_add,
                                .remove = on_remove,
                                .tick = on_tick,
                                .put = on_put,
                                .idle = on_idle,
                                .tick_end = on_tick_end,
                                .bytes_written = on_bytes_written};
}

int stream_error(const struct stream *s)
{
    return s->error;
}

void stream_ending(struct stream *s)
{
    if (s != NULL && s->rows == NULL)
        tree_live_ending(s->tree.live);
}

/* ---- beginning and end ---- */

/* Every metric of the machine, which has no process id. */
static void machine_fields(const struct metric_list *metrics, struct buffer *ret)
{
    buffer_put_text(ret, "time");
    for (size_t i = 0; i < metrics->n; i++)
        buffer_printf(ret, ",%s", metrics->metrics[i].name);
    buffer_put_byte(ret, '\0');
}

static int rows_new_of(const struct stream_options *options, unsigned kind, struct rows **ret)
{
    struct metric_list *metrics = calloc(1, sizeof *metrics);
    struct buffer fields = {0};
    struct tacho_error error;
    if (metrics == NULL)
        return -ENOMEM;
    metric_list_of(NULL, kind, metrics);
    machine_fields(metrics, &fields);
    struct rows_options rows = {.format = options->format,
                                .start_ns = options->start_ns,
                                .fields = options->machine ? (const char *)fields.data : NULL};
    int r = fields.failed ? -ENOMEM : rows_new(&rows, metrics, ret, &error);
    buffer_done(&fields);
    free(metrics);
    return r;
}

int stream_new(const struct stream_options *options, struct stream **ret)
{
    struct stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    s->fd = options->fd;
    s->kind = options->machine ? ENTITY_MACHINE : ENTITY_PROCESS;
    s->machine.process.entity = 1;
    s->told.anchor = (struct record_anchor){clock_mono_ns(), clock_real_ns(), clock_boot_ns()};
    for (unsigned kind = kind_after(0); kind != 0; kind = kind_after(kind))
        for (unsigned g = 0; g < kind_info(kind)->group_count; g++)
            s->group_mask[kind][g] = kind_group_mask(kind, g);
    int r;
    if (options->format->tree == NULL) {
        r = rows_new_of(options, s->kind, &s->rows);
    } else {
        struct tree_live_options tree = {options->format, options->folder, options->overwrite,
                                         write_all, s};
        s->tree.told = &s->told;
        r = tree_live_new(&tree, &s->tree.live);
    }
    if (r < 0) {
        free(s);
        return r;
    }
    if (s->rows != NULL) {
        rows_begin(s->rows, &s->out);
        drain(s);
    }
    *ret = s;
    return 0;
}

int stream_free(struct stream *s)
{
    if (s == NULL)
        return 0;
    if (s->rows != NULL) {
        rows_end(s->rows, &s->out);
        drain(s);
    } else if (s->error == 0) {
        take_error(s, stream_tree_finish(&s->tree));
    }
    int r = s->error;
    stream_tree_done(&s->tree);
    told_processes_done(&s->told);
    rows_free(s->rows);
    buffer_done(&s->out);
    free(s);
    return r;
}
