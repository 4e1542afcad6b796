#include "analyse/together.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/together_parts.h"
#include "base/text.h"

#define COMMAND_BYTES 1024 /* of a command line that are kept */

/* ---- one more ---- */

char *together_text(const char *text, bool *ret_failed)
{
    char *own = text != NULL ? strdup(text) : NULL;
    *ret_failed |= text != NULL && own == NULL;
    return own;
}

static const struct tacho_process *root_of(const struct summary *s)
{
    for (size_t i = 0; i < s->row_count; i++)
        if ((tacho_process(s->rec, i)->flags & TACHO_PROCESS_ROOT) != 0)
            return tacho_process(s->rec, i);
    return s->row_count > 0 ? tacho_process(s->rec, 0) : NULL;
}

char *together_command(const struct summary *s, bool *ret_failed)
{
    const struct tacho_process *root = root_of(s);
    struct buffer text = {0};
    const char *argv = s->command;
    size_t n = s->command_bytes;
    if (argv == NULL && root != NULL) {
        argv = root->argv;
        n = root->argv_bytes;
    }
    if (argv == NULL || n == 0)
        return together_text(root != NULL ? root->comm : s->target, ret_failed);
    /* Where the program lies matters less than what it was told to do. */
    size_t program = strnlen(argv, n), skip = 0;
    for (size_t i = 0; argv[0] == '/' && i + 1 < program; i++)
        if (argv[i] == '/')
            skip = i + 1;
    n -= skip;
    text_put_shell(&text, argv + skip, n < COMMAND_BYTES ? n : COMMAND_BYTES);
    buffer_put_byte(&text, 0);
    *ret_failed |= text.failed;
    if (!text.failed)
        return (char *)text.data;
    buffer_done(&text);
    return NULL;
}

static uint64_t number_of(const struct summary *s, const char *key)
{
    uint64_t number;
    return tacho_fact_number(s->rec, key, &number) ? number : SUMMARY_UNKNOWN;
}

static int fill(struct together_member *m, const char *path, const struct summary *s)
{
    const struct tacho_process *root = root_of(s);
    bool failed = false;
    m->path = together_text(path, &failed);
    m->host = together_text(s->host, &failed);
    m->job = together_text(tacho_fact_text(s->rec, "job", NULL), &failed);
    m->command = together_command(s, &failed);
    m->pid = root != NULL ? root->pid : 0;
    m->rank = number_of(s, "rank");
    m->rank_size = number_of(s, "rank_size");
    m->started_real_ns = s->started_real_ns;
    m->wall_ns = s->wall_ns;
    m->cpu_ns = s->cpu.total_ns;
    m->peak_rss_bytes = s->memory.peak_rss_bytes;
    m->root_status = s->root_status;
    m->ended = s->ended;
    return failed ? -ENOMEM : together_take_line(m, s);
}

static void member_done(struct together_member *m)
{
    free(m->path);
    free(m->host);
    free(m->job);
    free(m->command);
    gauge_line_done(&m->rss);
}

int together_add(struct together *t, const char *path, const struct summary *s,
                 const struct scopes *scopes)
{
    if (t->members == t->room) {
        size_t room = t->room * 2 + 16;
        struct together_member *more = reallocarray(t->member, room, sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        t->member = more;
        t->room = room;
    }
    struct together_member *m = &t->member[t->members];
    *m = (struct together_member){.place = t->members};
    int r = fill(m, path, s);
    if (r != 0) {
        member_done(m);
        return r;
    }
    t->members++;
    return together_add_marks(t, scopes, t->members - 1);
}

/* ---- spreads ---- */

void together_spread_begin(struct together_spread *spread)
{
    *spread = (struct together_spread){.min = SUMMARY_UNKNOWN};
}

void together_spread_put(struct together_spread *spread, uint64_t value, size_t member)
{
    if (value == SUMMARY_UNKNOWN)
        return;
    spread->sum = together_sum(spread->sum, value);
    spread->min = value < spread->min ? value : spread->min;
    if (spread->of == 0 || value > spread->max) {
        spread->max = value;
        spread->most = member;
    }
    spread->of++;
}

double together_mean(const struct together_spread *spread)
{
    return spread->of > 0 ? (double)spread->sum / (double)spread->of : NAN;
}

double together_imbalance(const struct together_spread *spread)
{
    return spread->sum > 0 ? (double)spread->max / together_mean(spread) : NAN;
}

/* ---- all of them ---- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Those of a job together; unknown ranks last. */
static int by_rank(const void *a, const void *b)
{
    const struct together_member *left = a, *right = b;
    int order = (left->job == NULL) - (right->job == NULL);
    if (order == 0 && left->job != NULL)
        order = strcmp(left->job, right->job);
    if (order == 0)
        order = compare(left->rank, right->rank);
    if (order == 0)
        order = compare(left->started_real_ns, right->started_real_ns);
    return order != 0 ? order : compare(left->place, right->place);
}

static bool differ(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a != b : strcmp(a, b) != 0;
}

static int by_host(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static int count_hosts(struct together *t)
{
    const char **host = calloc(t->members + 1, sizeof *host);
    size_t n = 0;
    if (host == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < t->members; i++)
        if (t->member[i].host != NULL)
            host[n++] = t->member[i].host;
    if (n > 0)
        qsort(host, n, sizeof *host, by_host);
    for (size_t i = 0; i < n; i++)
        t->hosts += i == 0 || strcmp(host[i - 1], host[i]) != 0;
    free(host);
    return 0;
}

/* Members are in order: those of a job stand together. */
static void count_ranks(struct together *t)
{
    const struct together_member *before = NULL;
    t->rank_size = t->missing = SUMMARY_UNKNOWN;
    for (size_t i = 0; i < t->members; i++) {
        const struct together_member *m = &t->member[i];
        if (m->rank == SUMMARY_UNKNOWN)
            continue;
        t->jobs += before == NULL || differ(before->job, m->job);
        t->rank_size =
            before == NULL || t->rank_size == m->rank_size ? m->rank_size : SUMMARY_UNKNOWN;
        before = m;
        t->ranks++;
    }
}

static void miss(struct together *t, uint64_t from, uint64_t to)
{
    for (uint64_t rank = from; rank < to && t->missing + (rank - from) < TOGETHER_MISSING_MAX;
         rank++)
        t->missing_rank[t->missing + (rank - from)] = rank;
    t->missing += to > from ? to - from : 0;
}

static void find_missing(struct together *t)
{
    uint64_t next = 0;
    if (t->jobs != 1 || t->rank_size == SUMMARY_UNKNOWN)
        return;
    t->missing = 0;
    for (size_t i = 0; i < t->members; i++) {
        uint64_t rank = t->member[i].rank;
        if (rank == SUMMARY_UNKNOWN || rank < next || rank >= t->rank_size)
            continue;
        miss(t, next, rank);
        next = rank + 1;
    }
    miss(t, next, t->rank_size);
}

static void spread(struct together *t)
{
    t->started_real_ns = t->ended_real_ns = SUMMARY_UNKNOWN;
    together_spread_begin(&t->wall);
    together_spread_begin(&t->cpu);
    together_spread_begin(&t->peak_rss);
    for (size_t i = 0; i < t->members; i++) {
        const struct together_member *m = &t->member[i];
        together_spread_put(&t->wall, m->wall_ns, i);
        together_spread_put(&t->cpu, m->cpu_ns, i);
        together_spread_put(&t->peak_rss, m->peak_rss_bytes, i);
        if (m->started_real_ns == SUMMARY_UNKNOWN || m->wall_ns == SUMMARY_UNKNOWN)
            continue;
        uint64_t end = together_sum(m->started_real_ns, m->wall_ns);
        if (t->started_real_ns > m->started_real_ns)
            t->started_real_ns = m->started_real_ns;
        if (t->ended_real_ns == SUMMARY_UNKNOWN || t->ended_real_ns < end)
            t->ended_real_ns = end;
    }
}

int together_finish(struct together *t)
{
    size_t *at = calloc(t->members + 1, sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    if (t->members > 0)
        qsort(t->member, t->members, sizeof *t->member, by_rank);
    for (size_t i = 0; i < t->members; i++)
        at[t->member[i].place] = i;
    int r = together_group(t, at);
    free(at);
    if (r == 0)
        r = count_hosts(t);
    if (r != 0)
        return r;
    count_ranks(t);
    find_missing(t);
    spread(t);
    return together_sum_lines(t);
}

void together_done(struct together *t)
{
    for (size_t i = 0; i < t->members; i++)
        member_done(&t->member[i]);
    free(t->member);
    together_forget_marks(&t->categories);
    together_forget_marks(&t->scopes);
    gauge_line_done(&t->rss);
    *t = (struct together){0};
}
