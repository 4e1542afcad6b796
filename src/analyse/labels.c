#include "analyse/labels.h"

#include <errno.h>
#include <stdlib.h>

const struct tacho_label *labels_last(const struct tacho_recording *rec, uint32_t entity,
                                      uint64_t time_ns)
{
    const struct tacho_label *own = NULL, *any = NULL;
    for (size_t i = 0; i < tacho_label_count(rec); i++) {
        const struct tacho_label *label = tacho_label_at(rec, i);
        if (label->time_ns > time_ns)
            continue;
        if (any == NULL || label->time_ns >= any->time_ns)
            any = label;
        if (label->entity == entity && (own == NULL || label->time_ns >= own->time_ns))
            own = label;
    }
    return own != NULL ? own : any;
}

/* ---- a few of many ---- */

struct at {
    uint64_t time_ns;
    size_t place;
    bool chosen;
};

static int by_time(const void *a, const void *b)
{
    const struct at *left = a, *right = b;
    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

/* Returns how many. `to` is the stretches' end. */
static size_t choose_by_time(struct at *at, size_t n, uint64_t from_ns, uint64_t to_ns,
                             size_t stretches)
{
    uint64_t width = to_ns > from_ns ? (to_ns - from_ns) / stretches + 1 : 1;
    size_t next = 0, chosen = 1;
    at[n - 1].chosen = true;
    for (size_t i = 0; i + 1 < n && next < stretches; i++) {
        uint64_t after = at[i].time_ns > from_ns ? at[i].time_ns - from_ns : 0;
        size_t stretch = after / width < stretches ? (size_t)(after / width) : stretches - 1;
        if (stretch < next)
            continue;
        at[i].chosen = true;
        chosen++;
        next = stretch + 1;
    }
    return chosen;
}

static void choose_by_number(struct at *at, size_t n, size_t left, size_t more)
{
    size_t passed = 0, taken = 0;
    for (size_t i = 0; i < n && taken < more; i++) {
        if (at[i].chosen)
            continue;
        if (passed++ == (2 * taken + 1) * left / (2 * more)) {
            at[i].chosen = true;
            taken++;
        }
    }
}

int labels_spread(const struct tacho_recording *rec, uint64_t from_ns, uint64_t to_ns, size_t most,
                  size_t *ret, size_t *ret_count)
{
    size_t n = tacho_label_count(rec);
    struct at *at = malloc((n + 1) * sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        at[i] = (struct at){tacho_label_at(rec, i)->time_ns, i, n <= most};
    qsort(at, n, sizeof *at, by_time);
    if (n > most) {
        size_t chosen = choose_by_time(at, n, from_ns, to_ns, most - 1);
        choose_by_number(at, n, n - chosen, most - chosen);
    }
    *ret_count = 0;
    for (size_t i = 0; i < n; i++)
        if (at[i].chosen)
            ret[(*ret_count)++] = at[i].place;
    free(at);
    return 0;
}
