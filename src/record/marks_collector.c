#include "record/marks_collector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "mark/marks_file.h"
#include "mark/own_file.h"
#include "mark/shared.h"
#include "mark/site_names.h"

#define UNKNOWN_AFTER_NS (2 * NS_PER_S) /* whose birth is not told by then is nobody known */
#define TELL_LOST_EVERY_NS (NS_PER_S / 2)
#define LABEL_KEPT 128 /* bytes of the last one, for who looks on */
#define PATIENCE_LEAST_NS (NS_PER_MS)
#define PATIENCE_MOST_NS (125 * NS_PER_MS) /* ticks of 100 ms come first */
#define DIRECTORY_SLACK_NS \
    (20 * NS_PER_MS) /* its time of change is in steps of the kernel's tick */

/* A process that the recording told of. */
struct known {
    uint32_t entity, parent;
    uint64_t exec_ns, exit_ns; /* 0: did not */
};

struct source {
    struct marks_file *file;
    char name[32];
    uint32_t key;     /* see `names` */
    uint32_t entity;  /* of the process; 0: not known */
    uint32_t billed;  /* whose marks they are */
    bool is_bound;    /* it is settled who that is */
    uint64_t over_ns; /* since when the process is another program; 0: it is not */
    bool for_parent;  /* only labels are of interest */
    uint64_t found_ns;
    struct marks_file_facts facts;
};

struct total {
    uint32_t entity, site;
    uint64_t count, ns;
};

struct marks_collector {
    struct marks_collector_config config;
    struct recording *recording;
    struct sample_sink sink;
    const struct marks_place *place;
    struct tick_clock clock;
    struct known *known;
    size_t known_count, known_cap;
    struct map by_pid, by_inner_pid, by_entity; /* places in `known` */
    struct source *source;
    size_t source_count, source_cap;
    struct map names; /* of files that are open: pid << 10 | number */
    struct total *total;
    size_t total_count, total_cap;
    struct map total_at; /* by a hash of entity and site, and the next free number */
    struct map lost_at;  /* by entity + 1: a place in `lost` */
    struct record_lost *lost;
    size_t lost_count, lost_cap;
    uint32_t thread; /* the last id */
    uint32_t now_of; /* the entity whose file is read */
    bool no_thread;  /* it tells of none */
    bool execs_are_told;
    uint64_t directory_ns, directory_read_ns, polled_ns, patience_ns, lost_told_ns;
    struct mark room[MARKS_AT_ONCE];
    uint8_t site_told[SITES_MAX / 8];
    bool any_label;
    char last_label[LABEL_KEPT];
};

/* Room for one more. */
static bool grow(void *array, size_t count, size_t *cap, size_t bytes)
{
    void **at = array;
    if (count < *cap)
        return true;
    size_t more = *cap == 0 ? 64 : 2 * *cap;
    void *p = reallocarray(*at, more, bytes);
    if (p == NULL)
        return false;
    *at = p;
    *cap = more;
    return true;
}

/* ---- whose marks they are ---- */

static struct known *known_of(struct marks_collector *c, const struct map *by, uint32_t key)
{
    uint64_t *at = key == 0 ? NULL : map_get(by, key);
    return at == NULL ? NULL : &c->known[*at];
}

/* A later process of the same id takes the place of an earlier one. */
static void see_birth(struct marks_collector *c, const struct record_birth *b)
{
    uint64_t *old = map_get(&c->by_pid, (uint32_t)b->pid), at = old != NULL ? *old : c->known_count;
    if (b->pid == 0 || b->entity == 0 ||
        (old == NULL && !grow(&c->known, c->known_count, &c->known_cap, sizeof *c->known)))
        return;
    if (old != NULL)
        map_remove(&c->by_entity, c->known[at].entity);
    else
        c->known_count++;
    c->known[at] =
        (struct known){.entity = (uint32_t)b->entity, .parent = (uint32_t)b->parent_entity};
    map_put(&c->by_pid, (uint32_t)b->pid, at);
    map_put(&c->by_entity, (uint32_t)b->entity, at);
    if (b->inner_pid != 0 && b->inner_pid != b->pid)
        map_put(&c->by_inner_pid, (uint32_t)b->inner_pid, at);
}

static void see_look(struct marks_collector *c, const struct record_look *l)
{
    uint64_t *at = l->entity == 0 ? NULL : map_get(&c->by_entity, (uint32_t)l->entity);
    if (at != NULL && l->inner_pid != 0)
        map_put(&c->by_inner_pid, (uint32_t)l->inner_pid, *at);
}

static void see_exit(struct marks_collector *c, const struct record_exit *e)
{
    struct known *known = known_of(c, &c->by_entity, (uint32_t)e->entity);
    if (known != NULL)
        known->exit_ns = e->time_ns != 0 ? e->time_ns : clock_mono_ns();
}

static void see_exec(struct marks_collector *c, const struct record_exec *e)
{
    struct known *known = known_of(c, &c->by_entity, (uint32_t)e->entity);
    if (known != NULL && c->execs_are_told)
        known->exec_ns = e->time_ns;
}

static void see(void *user, const struct record *record)
{
    struct marks_collector *c = user;
    if (record->type == RECORD_BIRTH)
        see_birth(c, &record->birth);
    else if (record->type == RECORD_LOOK)
        see_look(c, &record->look);
    else if (record->type == RECORD_EXEC)
        see_exec(c, &record->exec);
    else if (record->type == RECORD_EXIT)
        see_exit(c, &record->exit);
}

/* One that was there when the file was made. */
static const struct known *maker_of(struct marks_collector *c, const struct source *s)
{
    const struct map *const by[] = {&c->by_pid, &c->by_inner_pid};
    for (size_t i = 0; i < ARRAY_LEN(by); i++) {
        const struct known *known = known_of(c, by[i], (uint32_t)s->facts.pid);
        if (known != NULL && (known->exit_ns == 0 || known->exit_ns >= s->facts.created_ns))
            return known;
    }
    return NULL;
}

static void bind(struct marks_collector *c, struct source *s, uint64_t now_ns, bool last)
{
    const struct known *maker = maker_of(c, s);
    if (maker == NULL && c->config.unknown != NULL) {
        c->config.unknown(c->config.user, s->facts.pid, s->facts.created_ns);
        maker = maker_of(c, s);
    }
    if (maker != NULL) {
        s->entity = maker->entity;
        s->billed = s->for_parent ? maker->parent : maker->entity;
    } else if (!last && now_ns - s->found_ns < UNKNOWN_AFTER_NS) {
        return;
    }
    s->is_bound = true;
}

/* It has ended, or its id is another's by now. */
static bool has_ended(struct marks_collector *c, const struct source *s)
{
    const struct known *known = known_of(c, &c->by_entity, s->entity);
    return s->entity != 0 && (known == NULL || known->exit_ns != 0);
}

static void note_exec(struct marks_collector *c, struct source *s)
{
    const struct known *known = known_of(c, &c->by_entity, s->entity);
    if (known != NULL && known->exec_ns > s->facts.created_ns)
        s->over_ns = known->exec_ns;
}

/* ---- what is told of marks becomes records ---- */

static void put(struct marks_collector *c, const struct record *record)
{
    c->sink.record(c->sink.user, record);
}

static void count_lost(struct marks_collector *c, uint64_t scopes, uint64_t others,
                       uint64_t unbalanced)
{
    uint64_t *at = map_get(&c->lost_at, c->now_of + 1);
    if (at == NULL) {
        if (!grow(&c->lost, c->lost_count, &c->lost_cap, sizeof *c->lost) ||
            map_put(&c->lost_at, c->now_of + 1, c->lost_count) != 0)
            return;
        c->lost[c->lost_count++] = (struct record_lost){.entity = c->now_of};
        at = map_get(&c->lost_at, c->now_of + 1);
    }
    struct record_lost *lost = &c->lost[*at];
    lost->scopes += scopes;
    lost->others += others;
    lost->unbalanced += unbalanced;
    put(c, &(struct record){.type = RECORD_LOST, .lost = *lost});
}

static uint32_t on_site(void *user, const char *name, size_t name_bytes, const char *category,
                        size_t category_bytes)
{
    struct marks_collector *c = user;
    char texts[2][NAME_BYTES_MAX + 1];
    memcpy(texts[0], name, name_bytes);
    texts[0][name_bytes] = '\0';
    memcpy(texts[1], category, category_bytes);
    texts[1][category_bytes] = '\0';
    uint32_t id = site_name_id(texts[0], texts[1], own_file_put_site);
    if ((c->site_told[id / 8] >> id % 8 & 1) == 0)
        put(c,
            &(struct record){.type = RECORD_SITE,
                             .site = {.site = id,
                                      .name = {(const uint8_t *)texts[0], strlen(texts[0])},
                                      .category = {(const uint8_t *)texts[1], strlen(texts[1])}}});
    c->site_told[id / 8] |= (uint8_t)(1u << id % 8);
    return id;
}

static uint32_t on_thread(void *user, int tid, uint64_t time_ns)
{
    struct marks_collector *c = user;
    if (c->no_thread)
        return 0;
    put(c, &(struct record){.type = RECORD_THREAD,
                            .thread = {.thread = ++c->thread,
                                       .entity = c->now_of,
                                       .tid = (uint64_t)tid,
                                       .time_ns = time_ns}});
    return c->thread;
}

static void on_thread_end(void *user, uint32_t thread, uint64_t time_ns)
{
    struct marks_collector *c = user;
    put(c, &(struct record){.type = RECORD_THREAD,
                            .thread = {.thread = thread,
                                       .entity = c->now_of,
                                       .time_ns = time_ns,
                                       .flags = THREAD_ENDED}});
}

static void on_thread_name(void *user, uint32_t thread, uint64_t time_ns, const char *name,
                           size_t n)
{
    struct marks_collector *c = user;
    if (!recording_has_room(c->recording)) {
        count_lost(c, 0, 1, 0);
        return;
    }
    put(c, &(struct record){.type = RECORD_THREAD,
                            .thread = {.thread = thread,
                                       .entity = c->now_of,
                                       .time_ns = time_ns,
                                       .name = {(const uint8_t *)name, n}}});
}

static void on_label(void *user, uint32_t thread, uint64_t time_ns, const char *text, size_t n)
{
    struct marks_collector *c = user;
    size_t kept = n < LABEL_KEPT ? n : LABEL_KEPT - 1;
    memcpy(c->last_label, text, kept);
    c->last_label[kept] = '\0';
    c->any_label = true;
    if (!recording_has_room(c->recording)) {
        count_lost(c, 0, 1, 0);
        return;
    }
    put(c, &(struct record){.type = RECORD_LABEL,
                            .label = {.entity = c->now_of,
                                      .thread = thread,
                                      .time_ns = time_ns,
                                      .text = {(const uint8_t *)text, n}}});
}

static void on_marks(void *user, uint32_t thread, uint64_t first_index, const struct mark *mark,
                     size_t n)
{
    struct marks_collector *c = user;
    recording_marks(c->recording, thread, first_index, mark, n);
}

/* The place of a total; NULL without memory. Numbers after its hash are tried one by one. */
static struct total *total_of(struct marks_collector *c, uint32_t entity, uint32_t site)
{
    uint32_t hash = entity * UINT32_C(0x9e3779b1) ^ site * UINT32_C(0x85ebca6b);
    for (uint64_t *at; hash == 0 || (at = map_get(&c->total_at, hash)) != NULL; hash++)
        if (hash != 0 && c->total[*at].entity == entity && c->total[*at].site == site)
            return &c->total[*at];
    if (!grow(&c->total, c->total_count, &c->total_cap, sizeof *c->total) ||
        map_put(&c->total_at, hash, c->total_count) != 0)
        return NULL;
    c->total[c->total_count] = (struct total){.entity = entity, .site = site};
    return &c->total[c->total_count++];
}

static void on_total(void *user, uint32_t site, uint64_t count, uint64_t total_ns)
{
    struct marks_collector *c = user;
    struct total *total = total_of(c, c->now_of, site);
    if (total == NULL)
        return;
    total->count += count;
    total->ns += total_ns;
    put(c, &(struct record){.type = RECORD_TOTAL,
                            .total = {.entity = total->entity,
                                      .site = total->site,
                                      .count = total->count,
                                      .total_ns = total->ns}});
}

static void on_lost(void *user, uint64_t scopes, uint64_t others, uint64_t unbalanced)
{
    count_lost(user, scopes, others, unbalanced);
}

static struct marks_sink sink_of(struct marks_collector *c)
{
    return (struct marks_sink){.user = c,
                               .site = on_site,
                               .thread = on_thread,
                               .thread_end = on_thread_end,
                               .thread_name = on_thread_name,
                               .label = on_label,
                               .marks = on_marks,
                               .total = on_total,
                               .lost = on_lost};
}

/* ---- the files ---- */

static bool key_of(const char *name, uint32_t *ret)
{
    int pid, number;
    char again[32];
    if (sscanf(name, MARKS_FILE_NAME, &pid, &number) != 2 || pid <= 0 || pid >= 1 << 22 ||
        number < 0 || number >= FILES_OF_PID_MAX)
        return false;
    snprintf(again, sizeof again, MARKS_FILE_NAME, pid, number);
    *ret = (uint32_t)pid << 10 | (uint32_t)number;
    return strcmp(name, again) == 0;
}

/* The file that is there before this one, of the same process but another program, is complete. */
static void supersede(struct marks_collector *c, const struct source *newer)
{
    for (size_t i = 0; i < c->source_count; i++) {
        struct source *s = &c->source[i];
        if (s->facts.pid == newer->facts.pid && s->facts.image != newer->facts.image &&
            s->facts.created_ns < newer->facts.created_ns && s->entity == newer->entity)
            s->over_ns = newer->facts.created_ns;
    }
}

/* False: it is not ready, and to be looked for again. */
static bool add_source(struct marks_collector *c, const char *name, uint64_t now_ns)
{
    struct source s = {.found_ns = now_ns};
    if (strlen(name) >= sizeof s.name || !key_of(name, &s.key) || map_get(&c->names, s.key) != NULL)
        return true;
    if (!grow(&c->source, c->source_count, &c->source_cap, sizeof *c->source))
        return true;
    int r = marks_file_open(c->place->fd, name, &s.file);
    if (r == -EPROTO)
        unlinkat(c->place->fd, name, 0);
    if (r != 0)
        return r != -EAGAIN;
    strcpy(s.name, name);
    s.facts = marks_file_facts(s.file);
    s.for_parent = s.facts.for_parent;
    map_put(&c->names, s.key, 1);
    c->source[c->source_count++] = s;
    return true;
}

/* Only when something in it has changed, or may have in the same step of the clock. */
static void look_for_files(struct marks_collector *c, uint64_t now_ns)
{
    struct stat st;
    if (fstat(c->place->fd, &st) != 0)
        return;
    uint64_t changed_ns = (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
    if (changed_ns == c->directory_ns && c->directory_read_ns > changed_ns + DIRECTORY_SLACK_NS)
        return;
    uint64_t read_ns = clock_real_ns();
    int fd = openat(c->place->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool all = dir != NULL;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            all &= add_source(c, entry->d_name, now_ns);
    c->directory_ns = changed_ns;
    c->directory_read_ns = all ? read_ns : 0;
}

static void drop_source(struct marks_collector *c, size_t i, bool over)
{
    struct source *s = &c->source[i];
    marks_file_close(s->file, over);
    if (over)
        unlinkat(c->place->fd, s->name, 0);
    map_remove(&c->names, s->key);
    c->source[i] = c->source[--c->source_count];
}

/* All there is; `*fill` says how full it was. False: no more can be read of it. */
static bool take(struct marks_collector *c, struct source *s, bool tell_lost, unsigned *fill)
{
    const struct marks_sink sink = sink_of(c);
    c->now_of = s->billed;
    c->no_thread = s->for_parent;
    int r = marks_file_drain(s->file, &c->clock, &sink, c->room, fill);
    if (s->over_ns != 0)
        marks_file_end_threads(s->file, &sink, s->over_ns);
    if (tell_lost)
        marks_file_tell_lost(s->file, &c->clock, &sink);
    return r == 0;
}

/* Whether it ended is asked first: what it marked until then is taken after. */
static void poll_source(struct marks_collector *c, size_t i, uint64_t now_ns, bool last,
                        unsigned *fill)
{
    struct source *s = &c->source[i];
    if (!s->is_bound) {
        bind(c, s, now_ns, last);
        if (s->is_bound)
            supersede(c, s);
    }
    if (!s->is_bound)
        return;
    note_exec(c, s);
    bool over = s->over_ns != 0 || has_ended(c, s);
    bool tell_lost = over || last || now_ns - c->lost_told_ns >= TELL_LOST_EVERY_NS;
    if (!take(c, s, tell_lost, fill) || over || last)
        drop_source(c, i, over || !c->config.place_stays);
}

static unsigned poll_all(struct marks_collector *c, bool last)
{
    unsigned fill = 0;
    uint64_t now_ns = clock_mono_ns();
    if (c->place->ticks)
        tick_clock_take(&c->clock);
    look_for_files(c, now_ns);
    for (size_t i = c->source_count; i-- > 0;)
        poll_source(c, i, now_ns, last, &fill);
    if (now_ns - c->lost_told_ns >= TELL_LOST_EVERY_NS)
        c->lost_told_ns = now_ns;
    return fill;
}

/*
 * Rings fill in a millisecond at most speed, in hours at others: how full they were found says how soon
 * to come again. It is waited longer only bit by bit: who marked much a moment ago may go on.
 */
void marks_collector_poll(struct marks_collector *c)
{
    unsigned fill = poll_all(c, false);
    uint64_t next_ns = c->patience_ns;
    if (fill > 64)
        next_ns = PATIENCE_LEAST_NS;
    else if (fill > 16)
        next_ns /= 2;
    else if (fill < 8)
        next_ns += next_ns / 8;
    if (next_ns < PATIENCE_LEAST_NS)
        next_ns = PATIENCE_LEAST_NS;
    c->patience_ns = next_ns < PATIENCE_MOST_NS ? next_ns : PATIENCE_MOST_NS;
}

uint64_t marks_collector_patience_ns(const struct marks_collector *c)
{
    return c->patience_ns >= PATIENCE_MOST_NS && c->source_count == 0 ? UINT64_MAX : c->patience_ns;
}

/* ---- beginning and end ---- */

int marks_collector_new(const struct marks_collector_config *config, struct marks_collector **ret)
{
    struct marks_collector *c = calloc(1, sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    c->config = *config;
    c->recording = config->recording;
    c->place = config->place;
    c->sink = recording_sink(c->recording);
    c->patience_ns = PATIENCE_MOST_NS;
    if (c->place->ticks)
        tick_clock_take(&c->clock);
    recording_watch(c->recording, see, c);
    *ret = c;
    return 0;
}

void marks_collector_execs_are_told(struct marks_collector *c)
{
    c->execs_are_told = true;
}

const char *marks_collector_last_label(const struct marks_collector *c)
{
    return c->any_label ? c->last_label : NULL;
}

void marks_collector_free(struct marks_collector *c)
{
    if (c == NULL)
        return;
    poll_all(c, true);
    recording_watch(c->recording, NULL, NULL);
    map_done(&c->by_pid);
    map_done(&c->by_inner_pid);
    map_done(&c->by_entity);
    map_done(&c->names);
    map_done(&c->total_at);
    map_done(&c->lost_at);
    free(c->known);
    free(c->source);
    free(c->total);
    free(c->lost);
    free(c);
}
