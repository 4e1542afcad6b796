#include "record/own_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "mark/marking.h"
#include "source/proc_process.h"

#define LABELS_KEPT (64u << 10) /* bytes, between two lines */

struct own_log {
    void (*write)(void *user, const char *line);
    void *user;
    struct source_root root;
    struct own_log *next;        /* that hears labels; under the lock, as are the next two */
    struct buffer labels, taken; /* since the line before; those of the line that is made */
    size_t dropped;              /* labels there was no room for */
    struct buffer line;
};

/* All logs of the process hear all labels, whoever of it has begun them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct own_log *hearers;

/* ---- hearing labels ---- */

static void keep_label(struct own_log *log, const char *text, size_t n)
{
    if (log->labels.len + n + 1 > LABELS_KEPT) {
        log->dropped++;
        return;
    }
    if (log->labels.len > 0)
        buffer_put_byte(&log->labels, '\n');
    buffer_put(&log->labels, text, n);
}

static void hear(const char *text, size_t n)
{
    pthread_mutex_lock(&lock);
    for (struct own_log *log = hearers; log != NULL; log = log->next)
        keep_label(log, text, n);
    pthread_mutex_unlock(&lock);
}

/* Nothing is locked before a fork: of what the lock protects the child has no use. */
static void forget_in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    hearers = NULL;
    marking_hear_labels(NULL);
}

static void prepare_forks(void)
{
    pthread_atfork(NULL, NULL, forget_in_child);
}

static void begin_hearing(struct own_log *log)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_forks);
    pthread_mutex_lock(&lock);
    log->next = hearers;
    hearers = log;
    marking_hear_labels(hear);
    pthread_mutex_unlock(&lock);
}

static void end_hearing(struct own_log *log)
{
    pthread_mutex_lock(&lock);
    struct own_log **at = &hearers;
    while (*at != log)
        at = &(*at)->next;
    *at = log->next;
    if (hearers == NULL)
        marking_hear_labels(NULL);
    pthread_mutex_unlock(&lock);
}

/* ---- lines ---- */

int own_log_new(void (*write)(void *user, const char *line), void *user, struct own_log **ret)
{
    struct own_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return -ENOMEM;
    log->write = write;
    log->user = user;
    int r = source_root_open(&log->root, "/");
    if (r != 0) {
        free(log);
        return r;
    }
    begin_hearing(log);
    *ret = log;
    return 0;
}

static void take_labels(struct own_log *log)
{
    buffer_clear(&log->taken);
    pthread_mutex_lock(&lock);
    struct buffer empty = log->taken;
    log->taken = log->labels;
    log->labels = empty;
    size_t dropped = log->dropped;
    log->dropped = 0;
    pthread_mutex_unlock(&lock);
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
    end_hearing(log);
    source_root_close(&log->root);
    buffer_done(&log->labels);
    buffer_done(&log->taken);
    buffer_done(&log->line);
    free(log);
}
