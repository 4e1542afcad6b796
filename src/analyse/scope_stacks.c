#include "analyse/scope_stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED_MAX (1u << 19) /* marks of a block that are put in order */

/* Marks of one thread that stand together. */
struct run {
    size_t at, end;
};

struct stacks {
    struct tacho_recording *rec;
    const struct scope_listener *listener;
    struct scope_losses losses;
    uint32_t *site; /* by id: place + 1, or 0 */
    size_t sites_known, ids;
    struct scope_thread *thread;
    size_t threads;
    struct map thread_of;     /* id -> place + 1 */
    struct scope_thread *now; /* the last one found */
    struct tacho_mark *mark;
    size_t marks;
    struct run *run;
    size_t runs, run_cap;
};

/* ---- what there is ---- */

static int index_sites(struct stacks *s)
{
    s->sites_known = tacho_site_count(s->rec);
    for (size_t i = 0; i < s->sites_known; i++) {
        uint32_t id = tacho_site(s->rec, i)->id;
        s->ids = id >= s->ids ? (size_t)id + 1 : s->ids;
    }
    s->site = calloc(s->ids + 1, sizeof *s->site);
    if (s->site == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->sites_known; i++)
        s->site[tacho_site(s->rec, i)->id] = (uint32_t)i + 1;
    return 0;
}

static uint32_t place_of_site(const struct stacks *s, uint32_t id)
{
    return id < s->ids && s->site[id] != 0 ? s->site[id] - 1 : (uint32_t)s->sites_known;
}

static uint64_t end_of(const struct tacho_recording *rec, const struct tacho_marking_thread *thread)
{
    const struct tacho_process *p = tacho_process_of(rec, thread->entity);
    uint64_t end = tacho_last_ns(rec);
    if (p != NULL && p->end_ns < end)
        end = p->end_ns;
    return thread->end_ns < end ? thread->end_ns : end;
}

static int index_threads(struct stacks *s)
{
    size_t n = tacho_marking_thread_count(s->rec);
    s->thread = calloc(n + 1, sizeof *s->thread);
    if (s->thread == NULL)
        return -ENOMEM;
    for (s->threads = 0; s->threads < n; s->threads++) {
        struct scope_thread *t = &s->thread[s->threads];
        t->thread = tacho_marking_thread(s->rec, s->threads);
        t->limit_ns = end_of(s->rec, t->thread);
        t->look_ns = TACHO_TIME_UNKNOWN;
        int r = map_put(&s->thread_of, t->thread->id, s->threads);
        if (r == 0 && s->listener->thread != NULL)
            r = s->listener->thread(s->listener->user, t);
        if (r != 0)
            return r;
    }
    return 0;
}

static struct scope_thread *thread_of(struct stacks *s, uint32_t id)
{
    if (s->now != NULL && s->now->thread->id == id)
        return s->now;
    const uint64_t *place = map_get(&s->thread_of, id);
    return s->now = place != NULL ? &s->thread[*place] : NULL;
}

/* ---- a thread's stack ---- */

static int push(struct scope_thread *t, uint32_t site, const struct tacho_mark *mark)
{
    if (t->depth == t->cap) {
        size_t cap = t->cap == 0 ? 16 : 2 * t->cap;
        struct scope_frame *grown = realloc(t->frame, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        t->frame = grown;
        t->cap = cap;
    }
    uint64_t *open = map_get(&t->open, site + 1);
    if (open == NULL && map_put(&t->open, site + 1, 1) != 0)
        return -ENOMEM;
    t->frame[t->depth++] = (struct scope_frame){
        .begin_ns = mark->time_ns,
        .cpu_ns = mark->cpu_ns,
        .site = site,
        .outermost = open == NULL || *open == 0,
    };
    if (open != NULL)
        ++*open;
    return 0;
}

static int begin_scope(struct stacks *s, struct scope_thread *t, const struct tacho_mark *mark)
{
    if (t->depth == SCOPE_DEPTH_MAX) {
        t->too_deep++;
        s->losses.too_deep++;
        return 0;
    }
    int r = push(t, place_of_site(s, mark->site), mark);
    if (r != 0 || s->listener->begin == NULL)
        return r;
    return s->listener->begin(s->listener->user, t, &t->frame[t->depth - 1]);
}

static int pop(struct stacks *s, struct scope_thread *t, const struct scope_end *end)
{
    struct scope_frame *frame = &t->frame[t->depth - 1];
    int r = s->listener->end != NULL ? s->listener->end(s->listener->user, t, frame, end) : 0;
    if (t->depth > 1)
        frame[-1].nested_ns += scope_duration(frame, end);
    --*map_get(&t->open, frame->site + 1);
    t->depth--;
    return r;
}

/* Of site 0 the innermost; else all down to the innermost of the site, if there is one. */
static int end_scope(struct stacks *s, struct scope_thread *t, const struct tacho_mark *mark)
{
    struct scope_end end = {mark->time_ns, TACHO_TIME_UNKNOWN, false};
    if (t->too_deep > 0) {
        t->too_deep--;
        return 0;
    }
    uint32_t site = mark->site == 0 ? 0 : place_of_site(s, mark->site);
    const uint64_t *open = mark->site == 0 ? NULL : map_get(&t->open, site + 1);
    if (t->depth == 0 || (mark->site != 0 && (open == NULL || *open == 0))) {
        s->losses.unbalanced++;
        return 0;
    }
    while (mark->site != 0 && t->frame[t->depth - 1].site != site) {
        s->losses.unbalanced++;
        int r = pop(s, t, &end);
        if (r != 0)
            return r;
    }
    end.cpu_ns = mark->cpu_ns;
    end.seen = true;
    return pop(s, t, &end);
}

static int look(struct stacks *s, struct scope_thread *t)
{
    t->look_ns = TACHO_TIME_UNKNOWN;
    return s->listener->look != NULL ? s->listener->look(s->listener->user, t) : 0;
}

static int feed(struct stacks *s, const struct tacho_mark *mark)
{
    struct scope_thread *t = thread_of(s, mark->thread);
    int r = 0;
    if (t == NULL)
        return 0;
    if (mark->time_ns > t->look_ns)
        r = look(s, t);
    if (r != 0)
        return r;
    t->last_ns = mark->time_ns;
    switch (mark->kind) {
    case TACHO_MARK_BEGIN: return begin_scope(s, t, mark);
    case TACHO_MARK_END: return end_scope(s, t, mark);
    case TACHO_MARK_COUNTER: break;
    }
    return s->listener->counter != NULL ? s->listener->counter(s->listener->user, t, mark) : 0;
}

/* What was never ended, ends with its thread; not before its thread's last mark. */
static int close_all(struct stacks *s)
{
    for (size_t i = 0; i < s->threads; i++) {
        struct scope_thread *t = &s->thread[i];
        struct scope_end end = {t->limit_ns, TACHO_TIME_UNKNOWN, false};
        if (end.time_ns < t->last_ns)
            end.time_ns = t->last_ns;
        /* What nobody ended was still open at that very end: memory is often largest there. */
        bool alive = t->look_ns != TACHO_TIME_UNKNOWN && t->look_ns <= end.time_ns;
        int r = alive ? look(s, t) : 0;
        if (r != 0)
            return r;
        while (t->depth > 0) {
            r = pop(s, t, &end);
            if (r != 0)
                return r;
        }
    }
    return 0;
}

/* ---- the marks of a block in order of time, so that threads can be seen side by side ---- */

static uint64_t time_of(const struct stacks *s, size_t i)
{
    return s->mark[s->run[i].at].time_ns;
}

/* Of two that begin at once, the one that stands first: it may be of the same thread. */
static bool earlier(const struct stacks *s, size_t a, size_t b)
{
    uint64_t at = time_of(s, a), bt = time_of(s, b);
    return at < bt || (at == bt && s->run[a].at < s->run[b].at);
}

static void sift_down(struct stacks *s, size_t i)
{
    for (;;) {
        size_t least = i, child = 2 * i + 1;
        for (size_t c = child; c < child + 2 && c < s->runs; c++)
            if (earlier(s, c, least))
                least = c;
        if (least == i)
            return;
        struct run run = s->run[i];
        s->run[i] = s->run[least];
        s->run[least] = run;
        i = least;
    }
}

static int feed_gathered(struct stacks *s)
{
    int r = 0;
    for (size_t i = s->runs / 2; i-- > 0;)
        sift_down(s, i);
    while (r == 0 && s->runs > 0) {
        struct run *first = &s->run[0];
        r = feed(s, &s->mark[first->at++]);
        if (first->at == first->end)
            *first = s->run[--s->runs];
        if (s->runs > 1)
            sift_down(s, 0);
    }
    s->runs = s->marks = 0;
    return r;
}

static int gather(struct stacks *s, const struct tacho_mark *mark)
{
    struct run *last = s->runs > 0 ? &s->run[s->runs - 1] : NULL;
    if (last != NULL && s->mark[last->end - 1].thread == mark->thread) {
        s->mark[s->marks++] = *mark;
        last->end = s->marks;
        return 0;
    }
    if (s->runs == s->run_cap) {
        size_t cap = s->run_cap == 0 ? 64 : 2 * s->run_cap;
        struct run *grown = realloc(s->run, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        s->run = grown;
        s->run_cap = cap;
    }
    s->mark[s->marks] = *mark;
    s->run[s->runs++] = (struct run){s->marks, s->marks + 1};
    s->marks++;
    return 0;
}

static int walk_marks(struct stacks *s)
{
    struct tacho_marks *walk;
    struct tacho_mark mark;
    uint32_t block = 0;
    int r = tacho_marks_open(s->rec, &walk), read;
    if (r != 0)
        return r;
    while ((read = tacho_marks_next(walk, &mark)) == 1) {
        if (mark.block != block || s->marks == GATHERED_MAX)
            r = feed_gathered(s);
        block = mark.block;
        if (r == 0)
            r = gather(s, &mark);
        if (r != 0)
            break;
    }
    s->losses.missing = tacho_marks_missing(walk);
    tacho_marks_close(walk);
    if (r == 0)
        r = read < 0 ? read : feed_gathered(s);
    return r;
}

int scope_stacks_run(struct tacho_recording *rec, const struct scope_listener *listener,
                     struct scope_losses *ret)
{
    struct stacks s = {.rec = rec, .listener = listener};
    s.mark = malloc(GATHERED_MAX * sizeof *s.mark);
    int r = s.mark != NULL ? index_sites(&s) : -ENOMEM;
    if (r == 0)
        r = index_threads(&s);
    if (r == 0)
        r = walk_marks(&s);
    if (r == 0)
        r = close_all(&s);
    *ret = s.losses;
    for (size_t i = 0; i < s.threads; i++) {
        free(s.thread[i].frame);
        map_done(&s.thread[i].open);
    }
    map_done(&s.thread_of);
    free(s.thread);
    free(s.site);
    free(s.mark);
    free(s.run);
    return r;
}
