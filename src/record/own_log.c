#include "record/own_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "source/proc_process.h"

#define LABELS_KEPT (64u << 10) /* bytes, between two lines */

struct own_log {
    void (*write)(void *user, const char *line);
    void *user;
    struct source_root root;
    pthread_mutex_t lock;
    struct buffer labels, taken; /* under the lock; and those of the line that is made */
    size_t dropped;              /* labels there was no room for, under the lock */
    struct buffer line;
};

int own_log_new(void (*write)(void *user, const char *line), void *user, struct own_log **ret)
{
    struct own_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return -ENOMEM;
    *log = (struct own_log){.write = write, .user = user, .lock = PTHREAD_MUTEX_INITIALIZER};
    int r = source_root_open(&log->root, "/");
    if (r != 0) {
        free(log);
        return r;
    }
    *ret = log;
    return 0;
}

void own_log_hear(struct own_log *log, const char *text, size_t n)
{
    pthread_mutex_lock(&log->lock);
    if (log->labels.len + n + 1 > LABELS_KEPT) {
        log->dropped++;
    } else {
        if (log->labels.len > 0)
            buffer_put_byte(&log->labels, '\n');
        buffer_put(&log->labels, text, n);
    }
    pthread_mutex_unlock(&log->lock);
}

static void take_labels(struct own_log *log)
{
    buffer_clear(&log->taken);
    pthread_mutex_lock(&log->lock);
    struct buffer empty = log->taken;
    log->taken = log->labels;
    log->labels = empty;
    size_t dropped = log->dropped;
    log->dropped = 0;
    pthread_mutex_unlock(&log->lock);
    if (dropped > 0)
        buffer_printf(&log->taken, "\n(%zu more labels)", dropped);
}

static void set(struct log_line *line, enum log_line_field field, uint64_t value)
{
    line->value[field] = value;
    line->known |= 1u << field;
}

static void read_process(struct own_log *log, struct log_line *line)
{
    static const struct {
        enum stat_field from;
        enum log_line_field to;
    } fields[] = {{STAT_RSS, LOG_LINE_RSS},
                  {STAT_VMS, LOG_LINE_VMS},
                  {STAT_MAJOR_FAULTS, LOG_LINE_MAJOR_FAULTS},
                  {STAT_USER, LOG_LINE_USER},
                  {STAT_SYSTEM, LOG_LINE_SYSTEM},
                  {STAT_CHILDREN_USER, LOG_LINE_CHILDREN_USER},
                  {STAT_CHILDREN_SYSTEM, LOG_LINE_CHILDREN_SYSTEM},
                  {STAT_IOWAIT, LOG_LINE_IOWAIT}};
    struct process_files files = process_files_unkept(getpid());
    struct proc_stat stat;
    if (proc_stat_read(&log->root, &files, &stat) != 0)
        return;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if ((stat.valid >> fields[i].from & 1) != 0)
            set(line, fields[i].to, stat.value[fields[i].from]);
    if ((stat.valid >> STAT_MINOR_FAULTS & 1) != 0)
        set(line, LOG_LINE_FAULTS, stat.value[STAT_MINOR_FAULTS] + stat.value[STAT_MAJOR_FAULTS]);
    set(line, LOG_LINE_ELAPSED, clock_boot_ns() - stat.start_ticks * log->root.tick_ns);
}

void own_log_put(struct own_log *log, enum log_line_kind kind)
{
    struct log_line line = {.kind = kind, .time_ns = clock_real_ns()};
    set(&line, LOG_LINE_PID, (uint64_t)getpid());
    read_process(log, &line);
    take_labels(log);
    line.label = (struct span){log->taken.data, log->taken.len};
    buffer_clear(&log->line);
    log_line_put(&log->line, &line);
    buffer_put_byte(&log->line, '\0');
    if (!log->line.failed)
        log->write(log->user, (const char *)log->line.data);
}

void own_log_free(struct own_log *log)
{
    if (log == NULL)
        return;
    source_root_close(&log->root);
    pthread_mutex_destroy(&log->lock);
    buffer_done(&log->labels);
    buffer_done(&log->taken);
    buffer_done(&log->line);
    free(log);
}
