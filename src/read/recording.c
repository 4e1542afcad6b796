/* The calls of <tacho/recording.h> that open a recording and hand out what its journal said. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "read/journal_read.h"
#include "read/opened.h"
#include "read/salvage.h"

/* ---- opening ---- */

int recording_fail(const char *path, struct tacho_error *error, int code, uint64_t offset,
                   const char *format, ...)
{
    if (error == NULL)
        return code;
    error->code = code;
    error->offset = offset;
    /* Of a long path the end says more, but there must be room for what is wrong. */
    size_t length = path != NULL ? strlen(path) : 0;
    int n = 0;
    if (length > 128)
        n = snprintf(error->message, sizeof error->message, "…%s: ", path + length - 125);
    else if (length > 0)
        n = snprintf(error->message, sizeof error->message, "%s: ", path);
    va_list args;
    va_start(args, format);
    vsnprintf(error->message + n, sizeof error->message - (size_t)n, format, args);
    va_end(args);
    return code;
}

static struct tacho_recording *recording_new(int fd, const char *path)
{
    struct tacho_recording *rec = calloc(1, sizeof *rec);
    if (rec == NULL)
        return NULL;
    rec->fd = fd;
    rec->first_lost = NOTHING_LOST;
    rec->sequence.broken[STREAM_OVERVIEW] = rec->sequence.broken[STREAM_PROCESSES] = true;
    for (int i = 0; i < STREAMS; i++)
        rec->stream[i].item_bytes = sizeof(struct block_entry);
    rec->marks.item_bytes = sizeof(struct block_entry);
    rec->window = malloc(WINDOW_BYTES);
    rec->path = path != NULL ? strdup(path) : NULL;
    if (journal_init(rec) == 0 && rec->window != NULL && (path == NULL || rec->path != NULL))
        return rec;
    rec->fd = -1;
    tacho_recording_close(rec);
    return NULL;
}

static int open_fd(int fd, const char *path, struct tacho_recording **ret,
                   struct tacho_error *error)
{
    struct tacho_recording *rec = recording_new(fd, path);
    if (rec == NULL)
        return recording_fail(path, error, -ENOMEM, 0, "%s", strerror(ENOMEM));
    int r = salvage_check_start(rec, error);
    if (r == 0)
        r = salvage_scan(rec, error);
    if (r == 0)
        r = recording_fail(path, error, -EPROTO, 0, "holds no whole block of a tacho recording");
    if (r < 0) {
        rec->fd = -1; /* the caller's still */
        tacho_recording_close(rec);
        return r;
    }
    *ret = rec;
    return 0;
}

int tacho_recording_open_fd(int fd, struct tacho_recording **ret, struct tacho_error *error)
{
    return open_fd(fd, NULL, ret, error);
}

int tacho_recording_open(const char *path, struct tacho_recording **ret, struct tacho_error *error)
{
    /* O_NONBLOCK: a FIFO is refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return recording_fail(path, error, -errno, 0, "%s", strerror(errno));
    int r = open_fd(fd, path, ret, error);
    if (r != 0)
        close(fd);
    return r;
}

int tacho_recording_refresh(struct tacho_recording *rec, struct tacho_error *error)
{
    return salvage_scan(rec, error);
}

void tacho_recording_close(struct tacho_recording *rec)
{
    if (rec == NULL)
        return;
    journal_done(rec);
    for (int i = 0; i < STREAMS; i++)
        chunks_done(&rec->stream[i]);
    chunks_done(&rec->marks);
    if (rec->fd >= 0)
        close(rec->fd);
    free(rec->window);
    free(rec->path);
    free(rec);
}

/* ---- the file ---- */

const struct tacho_salvage *tacho_recording_salvage(const struct tacho_recording *rec)
{
    return &rec->salvage;
}

const struct tacho_block_count *tacho_recording_blocks(const struct tacho_recording *rec,
                                                       unsigned type)
{
    static const struct tacho_block_count none;
    return type < TACHO_BLOCK_TYPES ? &rec->blocks[type] : &none;
}

uint64_t tacho_first_ns(const struct tacho_recording *rec)
{
    return rec->first_ns;
}

uint64_t tacho_last_ns(const struct tacho_recording *rec)
{
    return rec->last_ns;
}

uint64_t tacho_real_ns(const struct tacho_recording *rec, uint64_t mono_ns)
{
    size_t low = 0, high = rec->anchors.count;
    if (high == 0)
        return 0;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        const struct record_anchor *a = chunks_at(&rec->anchors, middle);
        if (a->mono_ns <= mono_ns)
            low = middle;
        else
            high = middle;
    }
    const struct record_anchor *a = chunks_at(&rec->anchors, low);
    if (mono_ns >= a->mono_ns) {
        uint64_t since = mono_ns - a->mono_ns;
        return a->real_ns > UINT64_MAX - since ? UINT64_MAX : a->real_ns + since;
    }
    uint64_t before = a->mono_ns - mono_ns;
    return a->real_ns > before ? a->real_ns - before : 0;
}

/* ---- facts ---- */

static const struct fact *fact_find(const struct tacho_recording *rec, const char *key)
{
    for (size_t i = 0; i < rec->facts; i++)
        if (strcmp(rec->fact[i].key, key) == 0)
            return &rec->fact[i];
    return NULL;
}

const char *tacho_fact_text(const struct tacho_recording *rec, const char *key, size_t *ret_bytes)
{
    const struct fact *fact = fact_find(rec, key);
    if (fact == NULL || fact->text == NULL)
        return NULL;
    if (ret_bytes != NULL)
        *ret_bytes = fact->bytes;
    return fact->text;
}

bool tacho_fact_number(const struct tacho_recording *rec, const char *key, uint64_t *ret)
{
    const struct fact *fact = fact_find(rec, key);
    if (fact == NULL || fact->text != NULL)
        return false;
    *ret = fact->number;
    return true;
}

size_t tacho_fact_count(const struct tacho_recording *rec)
{
    return rec->facts;
}

const char *tacho_fact(const struct tacho_recording *rec, size_t i, const char **ret_text,
                       size_t *ret_bytes, uint64_t *ret_number)
{
    if (i >= rec->facts)
        return NULL;
    const struct fact *fact = &rec->fact[i];
    if (ret_text != NULL)
        *ret_text = fact->text;
    if (ret_bytes != NULL)
        *ret_bytes = fact->bytes;
    if (ret_number != NULL)
        *ret_number = fact->number;
    return fact->key;
}

/* ---- metrics ---- */

unsigned tacho_metric_count(const struct tacho_recording *rec, unsigned kind)
{
    return kind < KINDS_MAX && rec->kind[kind] != NULL ? rec->kind[kind]->count : 0;
}

const struct tacho_metric *tacho_metric(const struct tacho_recording *rec, unsigned kind,
                                        unsigned position)
{
    return position < tacho_metric_count(rec, kind) ? &rec->kind[kind]->metric[position] : NULL;
}

int tacho_metric_find(const struct tacho_recording *rec, unsigned kind, const char *name)
{
    unsigned count = tacho_metric_count(rec, kind);
    for (unsigned i = 0; i < count; i++)
        if ((rec->kind[kind]->defined >> i & 1) != 0 &&
            strcmp(rec->kind[kind]->metric[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* ---- entities ---- */

size_t tacho_entity_count(const struct tacho_recording *rec)
{
    return rec->entities.count;
}

const struct tacho_entity *tacho_entity(const struct tacho_recording *rec, size_t i)
{
    if (i >= rec->entities.count)
        return NULL;
    const struct entity_entry *e = chunks_at(&rec->entities, i);
    return &e->entity;
}

uint32_t tacho_entity_first(const struct tacho_recording *rec, unsigned kind)
{
    return kind < KINDS_MAX ? rec->first_of_kind[kind] : 0;
}

size_t tacho_process_count(const struct tacho_recording *rec)
{
    return rec->processes.count;
}

const struct tacho_process *tacho_process(const struct tacho_recording *rec, size_t i)
{
    if (i >= rec->processes.count)
        return NULL;
    const struct process_entry *p = chunks_at(&rec->processes, i);
    return &p->process;
}

const struct tacho_process *tacho_process_of(const struct tacho_recording *rec, uint32_t entity)
{
    const struct process_entry *p = process_find(rec, entity);
    return p != NULL ? &p->process : NULL;
}

/* ---- what went on ---- */

size_t tacho_happening_count(const struct tacho_recording *rec)
{
    return rec->happenings.count;
}

const struct tacho_happening *tacho_happening(const struct tacho_recording *rec, size_t i)
{
    return i < rec->happenings.count ? chunks_at(&rec->happenings, i) : NULL;
}

size_t tacho_missing_count(const struct tacho_recording *rec)
{
    return rec->causes;
}

const struct tacho_missing *tacho_missing(const struct tacho_recording *rec, size_t i)
{
    return i < rec->causes ? &rec->missing[i] : NULL;
}
