#include "analyse/timeline.h"

#include <errno.h>
#include <stdlib.h>

static size_t bucket_count(uint64_t from_ns, uint64_t to_ns, uint64_t *bucket_ns)
{
    uint64_t length = to_ns > from_ns ? to_ns - from_ns : 1;
    uint64_t least = length / TIMELINE_BUCKETS_MAX + 1;
    if (*bucket_ns < least)
        *bucket_ns = least;
    return (size_t)((length - 1) / *bucket_ns + 1);
}

static size_t bucket_of(uint64_t from_ns, uint64_t bucket_ns, size_t count, uint64_t time_ns)
{
    if (time_ns <= from_ns)
        return 0;
    uint64_t i = (time_ns - from_ns) / bucket_ns;
    return i < count ? (size_t)i : count - 1;
}

int timeline_init(struct timeline *t, uint64_t from_ns, uint64_t to_ns, uint64_t bucket_ns)
{
    struct timeline new = {.from_ns = from_ns, .bucket_ns = bucket_ns};
    new.count = bucket_count(from_ns, to_ns, &new.bucket_ns);
    new.amount = calloc(new.count, sizeof *new.amount);
    new.slope = calloc(new.count, sizeof *new.slope);
    if (new.amount == NULL || new.slope == NULL) {
        timeline_done(&new);
        return -ENOMEM;
    }
    *t = new;
    return 0;
}

void timeline_done(struct timeline *t)
{
    free(t->amount);
    free(t->slope);
    *t = (struct timeline){0};
}

void timeline_add(struct timeline *t, uint64_t from_ns, uint64_t to_ns, double amount)
{
    uint64_t end_ns = t->from_ns + t->count * t->bucket_ns;
    from_ns = from_ns < t->from_ns ? t->from_ns : from_ns;
    to_ns = to_ns > end_ns ? end_ns : to_ns;
    size_t last = bucket_of(t->from_ns, t->bucket_ns, t->count, to_ns);
    if (from_ns >= to_ns) {
        t->amount[last] += amount;
        return;
    }
    size_t first = bucket_of(t->from_ns, t->bucket_ns, t->count, from_ns);
    if (first == last) {
        t->amount[first] += amount;
        return;
    }
    double rate = amount / (double)(to_ns - from_ns);
    t->amount[first] += rate * (double)(t->from_ns + (first + 1) * t->bucket_ns - from_ns);
    t->amount[last] += rate * (double)(to_ns - (t->from_ns + last * t->bucket_ns));
    if (last - first > 1) {
        double full = rate * (double)t->bucket_ns;
        t->slope[first + 1] += full;
        t->slope[last] -= full;
    }
}

void timeline_finish(struct timeline *t, double capacity)
{
    double full = 0, most = capacity * (double)t->bucket_ns, carry = 0;
    for (size_t i = 0; i < t->count; i++) {
        full += t->slope[i];
        t->amount[i] += full > 0 ? full : 0; /* below 0 only by rounding */
    }
    free(t->slope);
    t->slope = NULL;
    if (capacity <= 0)
        return;
    for (size_t i = t->count; i-- > 0;) {
        t->amount[i] += carry;
        carry = t->amount[i] > most ? t->amount[i] - most : 0;
        t->amount[i] -= carry;
    }
    for (size_t i = 0; i < t->count && carry > 0; i++) {
        t->amount[i] += carry;
        carry = t->amount[i] > most ? t->amount[i] - most : 0;
        t->amount[i] -= carry;
    }
}

static size_t window_buckets(const struct timeline *t, uint64_t window_ns)
{
    uint64_t n = window_ns / t->bucket_ns + (window_ns % t->bucket_ns != 0);
    return n == 0 ? 1 : n < t->count ? (size_t)n : t->count;
}

/* The largest sum of `window` neighbours that end between `first` and `last`. */
static double largest_window(const double *amount, size_t first, size_t last, size_t window)
{
    double largest = 0, now = 0;
    size_t start = first + 1 >= window ? first + 1 - window : 0;
    for (size_t i = start; i <= last; i++) {
        now += amount[i];
        if (i - start >= window)
            now -= amount[i - window];
        if (i >= first && now > largest)
            largest = now;
    }
    return largest;
}

double timeline_peak_rate(const struct timeline *t, uint64_t window_ns)
{
    size_t window = window_buckets(t, window_ns);
    return largest_window(t->amount, window - 1, t->count - 1, window) /
           ((double)window * (double)t->bucket_ns);
}

/* Where the window begins that has bucket `i` in its middle, or as near as the ends allow. */
static size_t window_around(const struct timeline *t, size_t window, size_t i)
{
    size_t begin = i > window / 2 ? i - window / 2 : 0;
    return begin + window <= t->count ? begin : t->count - window;
}

void timeline_cells(const struct timeline *t, uint64_t window_ns, size_t cells, double *ret)
{
    size_t window = window_buckets(t, window_ns);
    for (size_t c = 0; c < cells; c++) {
        size_t first = t->count * c / cells, end = t->count * (c + 1) / cells;
        if (end <= first)
            end = first + 1;
        size_t from = window_around(t, window, first) + window - 1;
        size_t to = window_around(t, window, end - 1) + window - 1;
        ret[c] =
            largest_window(t->amount, from, to, window) / ((double)window * (double)t->bucket_ns);
    }
}

int gauge_line_init(struct gauge_line *g, uint64_t from_ns, uint64_t to_ns, uint64_t bucket_ns)
{
    struct gauge_line new = {.from_ns = from_ns, .bucket_ns = bucket_ns};
    new.count = bucket_count(from_ns, to_ns, &new.bucket_ns);
    new.largest = malloc(new.count * sizeof *new.largest);
    if (new.largest == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < new.count; i++)
        new.largest[i] = TIMELINE_UNKNOWN;
    *g = new;
    return 0;
}

void gauge_line_done(struct gauge_line *g)
{
    free(g->largest);
    *g = (struct gauge_line){0};
}

bool gauge_line_known(const struct gauge_line *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->largest[i] != TIMELINE_UNKNOWN)
            return true;
    return false;
}

void gauge_line_put(struct gauge_line *g, uint64_t time_ns, uint64_t value)
{
    uint64_t *at = &g->largest[bucket_of(g->from_ns, g->bucket_ns, g->count, time_ns)];
    if (*at == TIMELINE_UNKNOWN || *at < value)
        *at = value;
}

void gauge_line_cells(const struct gauge_line *g, size_t cells, uint64_t *ret)
{
    uint64_t before = TIMELINE_UNKNOWN;
    for (size_t c = 0; c < cells; c++) {
        size_t first = g->count * c / cells, end = g->count * (c + 1) / cells;
        ret[c] = TIMELINE_UNKNOWN;
        for (size_t i = first; i < end; i++)
            if (g->largest[i] != TIMELINE_UNKNOWN) {
                before = g->largest[i];
                if (ret[c] == TIMELINE_UNKNOWN || ret[c] < before)
                    ret[c] = before;
            }
        if (ret[c] == TIMELINE_UNKNOWN)
            ret[c] = before;
    }
}
