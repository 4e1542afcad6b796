#include "source/drm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/key_lines.h"

#define FDINFO_CAP 8192
#define DESCRIPTORS_MAX 64
#define CLIENTS_MAX 4096
#define VICTIMS_TRIED 8 /* for a place, once there are so many */

/* ---- one text ---- */

static uint64_t hash_of(struct text t)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; t.at < t.end; t.at++)
        hash = (hash ^ (uint8_t)*t.at) * UINT64_C(1099511628211);
    return hash;
}

static void add(uint64_t *to, uint64_t amount)
{
    *to = amount > UINT64_MAX - *to ? UINT64_MAX : *to + amount;
}

/* "1234 KiB", or bytes without a unit. */
static bool take_bytes(struct text *t, uint64_t *ret)
{
    uint64_t amount, scale = 1;
    text_skip_blanks(t);
    if (!text_take_u64(t, &amount) || t->at == t->end) /* the last may be a cut one */
        return false;
    text_skip_blanks(t);
    if (text_take_literal(t, "KiB"))
        scale = 1024;
    else if (text_take_literal(t, "MiB"))
        scale = 1024 * 1024;
    return !__builtin_mul_overflow(amount, scale, ret);
}

/* Moves behind the colon of "drm-engine-render:"; false where there is none in the line. */
static bool skip_name(struct text *line)
{
    const char *colon = memchr(line->at, ':', (size_t)(line->end - line->at));
    if (colon == NULL)
        return false;
    line->at = colon + 1;
    return true;
}

/* Sums of one text, by the kind of line. */
struct sums {
    uint64_t resident, memory, total;
    bool has_resident, has_memory, has_total;
};

static void take_sum(struct text line, uint64_t *sum, bool *has)
{
    uint64_t amount;
    if (!skip_name(&line) || !take_bytes(&line, &amount))
        return;
    add(sum, amount);
    *has = true;
}

/* All engines of a GPU share one clock of cycles that passed: the first one's is enough. */
static void take_total_cycles(struct text line, struct drm_client *c)
{
    if (!c->has_cycles)
        take_sum(line, &c->total_cycles, &c->has_cycles);
}

static void take_line(struct text line, struct drm_client *c, struct sums *sums)
{
    bool has_some; /* cycles mean nothing without those that passed */
    if (text_take_literal(&line, "engine-capacity-"))
        return;
    if (text_take_literal(&line, "engine-"))
        take_sum(line, &c->engine_ns, &c->has_engine);
    else if (text_take_literal(&line, "cycles-"))
        take_sum(line, &c->cycles, &has_some);
    else if (text_take_literal(&line, "total-cycles-"))
        take_total_cycles(line, c);
    else if (text_take_literal(&line, "resident-"))
        take_sum(line, &sums->resident, &sums->has_resident);
    else if (text_take_literal(&line, "memory-"))
        take_sum(line, &sums->memory, &sums->has_memory);
    else if (text_take_literal(&line, "total-"))
        take_sum(line, &sums->total, &sums->has_total);
}

/* What is resident, as drivers tell it since Linux 6.5; as they did before; or all that is allocated. */
static void choose_memory(const struct sums *sums, struct drm_client *c)
{
    c->has_memory = sums->has_resident || sums->has_memory || sums->has_total;
    c->memory_bytes = sums->has_resident ? sums->resident
                      : sums->has_memory ? sums->memory
                                         : sums->total;
}

int drm_fdinfo_parse(const char *text, size_t n, struct drm_client *ret)
{
    struct text t = text_of(text, n), device = t, driver = t;
    struct drm_client client = {0};
    struct sums sums = {0};
    bool has_id = false, has_driver = false, has_device = false;
    for (;;) {
        struct text line = t;
        if (!text_skip_past_newline(&t))
            break; /* one without an end may be cut */
        line.end = t.at;
        if (!text_take_literal(&line, "drm-"))
            continue;
        if (text_take_literal(&line, "client-id:")) {
            text_skip_blanks(&line);
            has_id = text_take_column(&line, &client.id);
        } else if (text_take_literal(&line, "driver:")) {
            driver = line;
            has_driver = true;
        } else if (text_take_literal(&line, "pdev:")) {
            device = line;
            has_device = true;
        } else {
            take_line(line, &client, &sums);
        }
    }
    if (!has_id || !has_driver)
        return -ENOENT;
    client.device = hash_of(has_device ? device : driver);
    choose_memory(&sums, &client);
    *ret = client;
    return 0;
}

/* ---- whose they are ---- */

struct known_client {
    struct drm_client last;
    uint64_t time_ns; /* of `last` */
    pid_t owner;
    uint64_t round; /* of the last look that counted it */
};

struct drm_table {
    const struct source_root *root;
    struct known_client *client;
    size_t count, cap;
    size_t victim; /* whose place is given away next, if its owner has gone */
    uint64_t fd[DESCRIPTORS_MAX];
    size_t fds;
    uint64_t round;
};

int drm_table_new(const struct source_root *root, struct drm_table **ret)
{
    if (root->sys_fd < 0 || (faccessat(root->sys_fd, "class/drm", F_OK, 0) != 0 &&
                             faccessat(root->sys_fd, "class/accel", F_OK, 0) != 0))
        return -ENOENT;
    struct drm_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return -ENOMEM;
    table->root = root;
    *ret = table;
    return 0;
}

void drm_table_free(struct drm_table *table)
{
    if (table == NULL)
        return;
    free(table->client);
    free(table);
}

void drm_table_begin(struct drm_table *table)
{
    table->fds = 0;
    table->round++;
}

void drm_table_see(struct drm_table *table, uint64_t fd, const char *target, size_t n)
{
    struct text t = text_of(target, n);
    if (table->fds < DESCRIPTORS_MAX &&
        (text_take_literal(&t, "/dev/dri/") || text_take_literal(&t, "/dev/accel/")))
        table->fd[table->fds++] = fd;
}

static bool exists(const struct drm_table *table, pid_t pid)
{
    const struct process_files files = process_files_unkept(pid);
    return process_files_exist(table->root, &files);
}

/* NULL: all that were tried live on, and a new client is not counted. */
static struct known_client *place_of_the_dead(struct drm_table *table)
{
    for (unsigned i = 0; i < VICTIMS_TRIED; i++) {
        struct known_client *known = &table->client[table->victim++ % table->count];
        if (!exists(table, known->owner))
            return known;
    }
    return NULL;
}

static struct known_client *new_place(struct drm_table *table)
{
    if (table->count == CLIENTS_MAX)
        return place_of_the_dead(table);
    if (table->count == table->cap) {
        size_t cap = table->cap == 0 ? 16 : 2 * table->cap;
        struct known_client *grown = realloc(table->client, cap * sizeof *grown);
        if (grown == NULL)
            return NULL;
        table->client = grown;
        table->cap = cap;
    }
    return &table->client[table->count++];
}

static struct known_client *known_of(struct drm_table *table, const struct drm_client *c)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->client[i].last.device == c->device && table->client[i].last.id == c->id)
            return &table->client[i];
    struct known_client *known = new_place(table);
    if (known != NULL)
        *known = (struct known_client){.last = {.device = c->device, .id = c->id}};
    return known;
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/*
 * Engine time since the last look. Where the driver counts cycles it is the time since then by the share
 * of cycles: nothing at the first look.
 */
static uint64_t engine_growth(const struct known_client *known, const struct drm_client *c,
                              uint64_t now_ns)
{
    if (c->has_engine)
        return grown(c->engine_ns, known->last.engine_ns);
    uint64_t passed = grown(c->total_cycles, known->last.total_cycles);
    uint64_t busy = grown(c->cycles, known->last.cycles);
    if (!c->has_cycles || known->time_ns == 0 || passed == 0)
        return 0;
    return (uint64_t)((double)grown(now_ns, known->time_ns) * ((double)busy / (double)passed));
}

/* One client of the process, unless it has been counted: in this look, or with another process. */
static void count_client(struct drm_table *table, const struct drm_client *c, pid_t pid,
                         uint64_t now_ns, uint64_t *total_ns, uint64_t *memory_bytes)
{
    struct known_client *known = known_of(table, c);
    if (known == NULL || known->round == table->round)
        return;
    if (known->owner != pid && known->owner != 0 && exists(table, known->owner))
        return;
    add(total_ns, engine_growth(known, c, now_ns));
    add(memory_bytes, c->memory_bytes);
    *known =
        (struct known_client){.last = *c, .time_ns = now_ns, .owner = pid, .round = table->round};
}

static ssize_t fdinfo_read(const struct drm_table *table, const struct process_files *files,
                           uint64_t number, char text[FDINFO_CAP])
{
    char name[32] = "fdinfo/", digits[24], *digit = digits + sizeof digits;
    *--digit = '\0';
    do
        *--digit = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    strcat(name, digit);
    _close_ int fd = process_files_open_below(table->root, files, name, O_RDONLY);
    return fd < 0 ? fd : source_read_kept(fd, text, FDINFO_CAP);
}

void drm_table_take(struct drm_table *table, const struct process_files *files, uint64_t now_ns,
                    struct drm_process *process, uint64_t value[DRM_FIELDS], uint32_t *valid)
{
    uint64_t memory_bytes = 0;
    for (size_t i = 0; i < table->fds; i++) {
        char text[FDINFO_CAP];
        struct drm_client client;
        ssize_t n = fdinfo_read(table, files, table->fd[i], text);
        if (n <= 0 || drm_fdinfo_parse(text, (size_t)n, &client) != 0)
            continue;
        if (client.has_engine || client.has_cycles)
            process->valid |= 1u << DRM_ENGINE;
        if (client.has_memory)
            process->valid |= 1u << DRM_MEMORY;
        count_client(table, &client, files->pid, now_ns, &process->engine_ns, &memory_bytes);
    }
    value[DRM_ENGINE] = process->engine_ns;
    value[DRM_MEMORY] = memory_bytes;
    *valid = process->valid;
}
