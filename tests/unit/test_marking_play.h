/*
 * For the tests of marking: a forked child marks as the test says, and what it left in its files is read
 * as the recorder would.
 */
#ifndef TACHO_TEST_MARKING_PLAY_H
#define TACHO_TEST_MARKING_PLAY_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <tacho/tacho.h>

#include "base/clock.h"
#include "mark/marking.h"
#include "mark/marks_file.h"
#include "mark/own_file.h"
#include "mark/shared.h"

#define SEEN_SITES 70000
#define SEEN_THREADS 4096
#define SEEN_DEPTH 32768
#define SEEN_LABELS 64

struct seen_site {
    char name[64], category[64];
    uint64_t begun, ended, counted, counted_ns; /* counted: not recorded one by one */
    uint64_t kept_ns;                           /* inside scopes that were recorded */
    double value;
};

struct seen {
    struct seen_site *site; /* by our id, from 1 */
    uint32_t sites, threads, ended_threads, labels, files;
    struct {
        uint32_t depth, deepest, site[SEEN_DEPTH];
        uint64_t begin_ns[SEEN_DEPTH], next_index, last_ns, cpu_ns;
        char name[64];
        int tid;
    } * thread; /* by id, from 1 */
    char label[SEEN_LABELS][4200];
    uint64_t lost_scopes, lost_others, unbalanced, marks;
    int pid[64]; /* of the files */
};

static inline uint32_t saw_site(void *user, const char *name, size_t n, const char *category,
                                size_t m)
{
    struct seen *s = user;
    for (uint32_t i = 1; i <= s->sites && i < 64; i++)
        if (strlen(s->site[i].name) == n && memcmp(s->site[i].name, name, n) == 0 &&
            strlen(s->site[i].category) == m && memcmp(s->site[i].category, category, m) == 0)
            return i;
    assert_true(s->sites + 1 < SEEN_SITES);
    struct seen_site *site = &s->site[++s->sites];
    snprintf(site->name, sizeof site->name, "%.*s", (int)n, name);
    snprintf(site->category, sizeof site->category, "%.*s", (int)m, category);
    return s->sites;
}

static inline uint32_t saw_thread(void *user, int tid, uint64_t time_ns)
{
    struct seen *s = user;
    assert_true(s->threads + 1 < SEEN_THREADS);
    s->thread[++s->threads].tid = tid;
    s->thread[s->threads].last_ns = time_ns;
    return s->threads;
}

static inline void saw_thread_end(void *user, uint32_t thread, uint64_t time_ns)
{
    struct seen *s = user;
    assert_true(thread <= s->threads && time_ns >= s->thread[thread].last_ns);
    s->ended_threads++;
}

static inline void saw_thread_name(void *user, uint32_t thread, uint64_t time_ns, const char *name,
                                   size_t n)
{
    struct seen *s = user;
    snprintf(s->thread[thread].name, sizeof s->thread[thread].name, "%.*s", (int)n, name);
}

static inline void saw_label(void *user, uint32_t thread, uint64_t time_ns, const char *text,
                             size_t n)
{
    struct seen *s = user;
    assert_true(n < sizeof s->label[0]);
    memcpy(s->label[s->labels % SEEN_LABELS], text, n);
    s->label[s->labels++ % SEEN_LABELS][n] = '\0';
}

static inline void saw_mark(struct seen *s, uint32_t thread, const struct mark *m)
{
    struct seen_site *site = &s->site[m->site];
    if (m->kind == MARK_COUNTER) {
        memcpy(&site->value, &m->value, sizeof site->value);
    } else if (m->kind == MARK_BEGIN || m->kind == MARK_BEGIN_CPU) {
        uint32_t depth = s->thread[thread].depth++;
        if (depth < SEEN_DEPTH) {
            s->thread[thread].site[depth] = m->site;
            s->thread[thread].begin_ns[depth] = m->time_ns;
        }
        if (s->thread[thread].depth > s->thread[thread].deepest)
            s->thread[thread].deepest = s->thread[thread].depth;
        s->thread[thread].cpu_ns = m->value;
        site->begun++;
    } else {
        assert_true(s->thread[thread].depth > 0);
        uint32_t depth = --s->thread[thread].depth;
        uint32_t of = depth < SEEN_DEPTH ? s->thread[thread].site[depth] : m->site;
        assert_true(m->site == 0 || m->site == of);
        if (depth < SEEN_DEPTH)
            s->site[of].kept_ns += m->time_ns - s->thread[thread].begin_ns[depth];
        s->thread[thread].cpu_ns = m->value - s->thread[thread].cpu_ns;
        s->site[of].ended++;
    }
}

static inline void saw_marks(void *user, uint32_t thread, uint64_t first_index,
                             const struct mark *mark, size_t n)
{
    struct seen *s = user;
    assert_true(thread > 0 && thread <= s->threads);
    assert_int_equal(first_index, s->thread[thread].next_index);
    for (size_t i = 0; i < n; i++) {
        assert_true(mark[i].time_ns >= s->thread[thread].last_ns);
        s->thread[thread].last_ns = mark[i].time_ns;
        saw_mark(s, thread, &mark[i]);
    }
    s->thread[thread].next_index += n;
    s->marks += n;
}

static inline void saw_total(void *user, uint32_t site, uint64_t count, uint64_t total_ns)
{
    struct seen *s = user;
    s->site[site].counted += count;
    s->site[site].counted_ns += total_ns;
}

static inline void saw_lost(void *user, uint64_t scopes, uint64_t others, uint64_t unbalanced)
{
    struct seen *s = user;
    s->lost_scopes += scopes;
    s->lost_others += others;
    s->unbalanced += unbalanced;
}

static inline struct marks_sink seen_sink(struct seen *s)
{
    return (struct marks_sink){s,         saw_site,  saw_thread, saw_thread_end, saw_thread_name,
                               saw_label, saw_marks, saw_total,  saw_lost};
}

static inline struct seen *seen_new(void)
{
    struct seen *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->site = calloc(SEEN_SITES, sizeof *s->site);
    /* Mostly never touched. */
    s->thread = mmap(NULL, SEEN_THREADS * sizeof *s->thread, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(s->site != NULL && s->thread != MAP_FAILED);
    return s;
}

static inline void seen_free(struct seen *s)
{
    munmap(s->thread, SEEN_THREADS * sizeof *s->thread);
    free(s->site);
    free(s);
}

/* By name; must be there. */
static inline struct seen_site *seen_site(struct seen *s, const char *name)
{
    for (uint32_t i = 1; i <= s->sites; i++)
        if (strcmp(s->site[i].name, name) == 0)
            return &s->site[i];
    fail_msg("no site %s", name);
    return NULL;
}

/* ---- the place ---- */

struct play {
    char path[64], variable[80];
    int fd;
    struct tick_clock clock;
};

static bool
    play_without_ticks; /* stamps are the system's clock, as where there is no tick counter */

static inline struct play play_open(void)
{
    struct play p;
    strcpy(p.path, "/dev/shm/tacho-test-XXXXXX");
    assert_non_null(mkdtemp(p.path));
    p.clock = (struct tick_clock){0};
    bool ticks = !play_without_ticks && tick_clock_usable();
    snprintf(p.variable, sizeof p.variable, "%s%s", ticks ? MARKS_TSC : MARKS_MONO, p.path);
    p.fd = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p.fd >= 0);
    tick_clock_take(&p.clock);
    return p;
}

/* In the child. */
static inline void play_join(const struct play *p)
{
    if (!own_file_place(p->variable))
        abort();
    marking_begin();
}

/* All files there are, read to their end. */
static inline struct seen *play_read(struct play *p)
{
    struct seen *s = seen_new();
    struct marks_sink sink = seen_sink(s);
    struct mark *room = malloc(MARKS_AT_ONCE * sizeof *room);
    DIR *dir = fdopendir(openat(p->fd, ".", O_RDONLY | O_DIRECTORY));
    assert_true(room != NULL && dir != NULL);
    tick_clock_take(&p->clock);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct marks_file *file;
        unsigned fill = 0;
        if (entry->d_name[0] == '.')
            continue;
        assert_int_equal(marks_file_open(p->fd, entry->d_name, &file), 0);
        s->pid[s->files++] = marks_file_facts(file).pid;
        assert_int_equal(marks_file_drain(file, &p->clock, &sink, room, &fill), 0);
        marks_file_tell_lost(file, &p->clock, &sink);
        marks_file_close(file, true);
    }
    closedir(dir);
    free(room);
    return s;
}

static inline void play_close(struct play *p)
{
    DIR *dir = fdopendir(p->fd);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            unlinkat(p->fd, entry->d_name, 0);
    closedir(dir);
    rmdir(p->path);
}

/* A child marks and ends as `act` does, or well; then all is read. */
static inline struct seen *play(void (*act)(void), int *ret_status)
{
    struct play p = play_open();
    pid_t pid = fork();
    if (pid == 0) {
        play_join(&p);
        act();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (ret_status != NULL)
        *ret_status = status;
    else
        assert_int_equal(status, 0);
    struct seen *s = play_read(&p);
    play_close(&p);
    return s;
}

#endif
