#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/snapshot.h"

/* By place of a site: what was last set of it. */
struct marks_taking {
    struct tacho_recording *rec;
    struct snapshot_marks *ret;
    struct map place; /* id of a site -> place in `counter` */
    struct snapshot_counter *counter;
    size_t count, cap;
};

static int on_thread(void *user, struct scope_thread *t)
{
    const struct marks_taking *taking = user;
    const struct tacho_process *p = tacho_process_of(taking->rec, t->thread->entity);
    t->main = p != NULL && (p->pid == t->thread->tid || p->inner_pid == t->thread->tid);
    t->look_ns = moment_look_ns(&taking->ret->moment, t);
    return 0;
}

static int on_look(void *user, struct scope_thread *t)
{
    moment_take(&((struct marks_taking *)user)->ret->moment, t);
    return 0;
}

static int on_counter(void *user, struct scope_thread *t, const struct tacho_mark *mark)
{
    struct marks_taking *taking = user;
    (void)t;
    if (mark->time_ns > taking->ret->moment.time_ns)
        return 0;
    const uint64_t *place = map_get(&taking->place, mark->site);
    if (place == NULL) {
        const struct tacho_site *site = tacho_site_of(taking->rec, mark->site);
        if (site == NULL)
            return 0; /* what told of its name is lost */
        if (taking->count == taking->cap) {
            size_t cap = taking->cap == 0 ? 16 : taking->cap * 2;
            struct snapshot_counter *grown = realloc(taking->counter, cap * sizeof *grown);
            if (grown == NULL)
                return -ENOMEM;
            taking->counter = grown;
            taking->cap = cap;
        }
        if (map_put(&taking->place, mark->site, taking->count) != 0)
            return -ENOMEM;
        taking->counter[taking->count++] = (struct snapshot_counter){site, 0, 0};
        place = map_get(&taking->place, mark->site);
    }
    struct snapshot_counter *counter = &taking->counter[*place];
    if (mark->time_ns >= counter->time_ns) {
        counter->time_ns = mark->time_ns;
        counter->value = mark->value;
    }
    return 0;
}

static int later_first(const void *a, const void *b)
{
    const struct snapshot_counter *left = a, *right = b;
    if (left->time_ns != right->time_ns)
        return left->time_ns > right->time_ns ? -1 : 1;
    return left->site->id < right->site->id ? -1 : left->site->id > right->site->id;
}

int snapshot_take_marks(struct tacho_recording *rec, uint64_t time_ns, struct snapshot_marks *ret)
{
    struct marks_taking taking = {.rec = rec, .ret = ret};
    const struct scope_listener listener = {
        .user = &taking, .thread = on_thread, .look = on_look, .counter = on_counter};
    struct scope_losses losses;
    *ret = (struct snapshot_marks){0};
    moment_ask_all(&ret->moment, rec, time_ns);
    if (tacho_marking_thread_count(rec) == 0)
        return 0;
    int r = scope_stacks_run(rec, &listener, &losses);
    if (r == 0 && taking.count > 0) {
        qsort(taking.counter, taking.count, sizeof *taking.counter, later_first);
        ret->all_counters = taking.count;
        ret->counters = taking.count < SNAPSHOT_COUNTERS_MAX ? taking.count : SNAPSHOT_COUNTERS_MAX;
        memcpy(ret->counter, taking.counter, ret->counters * sizeof *taking.counter);
    }
    map_done(&taking.place);
    free(taking.counter);
    return r;
}
