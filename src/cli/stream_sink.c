#include "cli/stream_sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/rows.h"

struct streamed {
    uint32_t entity;
    int pid;
    char comm[64];
};

struct stream {
    int fd, error;
    unsigned kind; /* whose samples make rows */
    struct rows *rows;
    struct buffer out;
    uint64_t group_mask[GROUPS_MAX];
    uint64_t now_ns, real_ns, bytes;
    struct streamed **streamed;
    size_t count, cap;
};

static void drain(struct stream *s)
{
    const uint8_t *at = s->out.data;
    size_t left = s->out.len;
    while (s->error == 0 && left > 0) {
        ssize_t n = write(s->fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            s->error = -errno;
            break;
        }
        at += n;
        left -= (size_t)n;
        s->bytes += (size_t)n;
    }
    buffer_clear(&s->out);
}

static void set_comm(struct streamed *to, const struct span *comm)
{
    size_t n = comm->n < sizeof to->comm - 1 ? comm->n : sizeof to->comm - 1;
    memcpy(to->comm, comm->bytes, n);
    to->comm[n] = '\0';
}

/* The handle of a new process is made when its birth is told, just before it is added. */
static void on_record(void *user, const struct record *record)
{
    struct stream *s = user;
    if (record->type == RECORD_BIRTH && s->count < s->cap) {
        struct streamed *one = calloc(1, sizeof *one);
        if (one == NULL)
            return;
        one->entity = (uint32_t)record->birth.entity;
        one->pid = (int)record->birth.pid;
        set_comm(one, &record->birth.comm);
        s->streamed[s->count++] = one;
    }
    if (record->type == RECORD_EXEC)
        for (size_t i = 0; i < s->count; i++)
            if (s->streamed[i]->entity == record->exec.entity)
                set_comm(s->streamed[i], &record->exec.comm);
}

static bool reserve(struct stream *s)
{
    if (s->count < s->cap)
        return true;
    size_t cap = s->cap == 0 ? 64 : s->cap * 2;
    struct streamed **grown = realloc(s->streamed, cap * sizeof(struct streamed *));
    if (grown == NULL)
        return false;
    s->streamed = grown;
    s->cap = cap;
    return true;
}

static void *on_add(void *user, uint32_t entity, unsigned kind)
{
    struct stream *s = user;
    static struct streamed machine = {.entity = 1};
    reserve(s);
    if (kind != ENTITY_PROCESS)
        return &machine;
    for (size_t i = s->count; i > 0; i--)
        if (s->streamed[i - 1]->entity == entity)
            return s->streamed[i - 1];
    return NULL;
}

static void on_remove(void *user, void *handle, unsigned kind)
{
    struct stream *s = user;
    if (kind != ENTITY_PROCESS)
        return;
    for (size_t i = 0; i < s->count; i++) {
        if (s->streamed[i] != handle)
            continue;
        rows_forget(s->rows, s->streamed[i]->entity);
        free(s->streamed[i]);
        memmove(&s->streamed[i], &s->streamed[i + 1],
                (s->count - i - 1) * sizeof(struct streamed *));
        s->count--;
        return;
    }
}

static void on_tick(void *user, uint64_t now_ns)
{
    struct stream *s = user;
    s->now_ns = now_ns;
    s->real_ns = clock_real_ns();
}

static void on_put(void *user, void *handle, unsigned kind, uint32_t groups, bool idle,
                   const uint64_t *value, uint64_t known)
{
    struct stream *s = user;
    if (kind != s->kind || s->error != 0)
        return;
    uint64_t fresh = 0;
    for (uint32_t left = groups; left != 0; left &= left - 1)
        fresh |= s->group_mask[__builtin_ctz(left)];
    const struct streamed *one = handle;
    rows_put(s->rows, &s->out,
             &(struct row_sample){.time_ns = s->now_ns,
                                  .real_ns = s->real_ns,
                                  .entity = one->entity,
                                  .pid = one->pid,
                                  .comm = one->comm,
                                  .idle = idle,
                                  .known = known,
                                  .fresh = fresh & known,
                                  .value = value});
}

static void on_idle(void *user, void *handle, const uint64_t *value, uint64_t known)
{
    on_put(user, handle, ENTITY_PROCESS, 1u << GROUP_CLOCK, true, value, known);
}

static void on_tick_end(void *user)
{
    drain(user);
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

/* Every metric of the machine, which has no process id. */
static void machine_fields(const struct metric_list *metrics, struct buffer *ret)
{
    buffer_put_text(ret, "time");
    for (size_t i = 0; i < metrics->n; i++)
        buffer_printf(ret, ",%s", metrics->metrics[i].name);
    buffer_put_byte(ret, '\0');
}

int stream_new(const struct export_format *format, bool machine, int fd, uint64_t start_ns,
               struct stream **ret)
{
    struct stream *s = calloc(1, sizeof *s);
    struct metric_list *metrics = calloc(1, sizeof *metrics);
    struct buffer fields = {0};
    int r = s == NULL || metrics == NULL || !reserve(s) ? -ENOMEM : 0;
    if (r == 0) {
        s->fd = fd;
        s->kind = machine ? ENTITY_MACHINE : ENTITY_PROCESS;
        for (unsigned g = 0; g < kind_info(s->kind)->group_count; g++)
            s->group_mask[g] = kind_group_mask(s->kind, g);
        metric_list_of(NULL, s->kind, metrics);
        machine_fields(metrics, &fields);
        struct rows_options options = {.format = format,
                                       .start_ns = start_ns,
                                       .fields = machine ? (const char *)fields.data : NULL};
        struct tacho_error error;
        r = fields.failed ? -ENOMEM : rows_new(&options, metrics, &s->rows, &error);
    }
    if (r == 0) {
        rows_begin(s->rows, &s->out);
        drain(s);
        *ret = s;
    } else {
        stream_free(s);
    }
    buffer_done(&fields);
    free(metrics);
    return r;
}

int stream_free(struct stream *s)
{
    if (s == NULL)
        return 0;
    if (s->rows != NULL) {
        rows_end(s->rows, &s->out);
        drain(s);
    }
    int r = s->error;
    for (size_t i = 0; i < s->count; i++)
        free(s->streamed[i]);
    free(s->streamed);
    rows_free(s->rows);
    buffer_done(&s->out);
    free(s);
    return r;
}
