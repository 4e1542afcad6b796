#include "analyse/change.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ONE_IN 40            /* what may be left out on each side: 2.5 % */
#define QUANTILE 1.959963985 /* of the normal distribution, for the same */
#define EXACT_MAX 4096       /* values of U that are counted */

/* ---- how many pairs to leave out ---- */

/* How many arrangements of n + m runs there are; 0 beyond 64 bits. */
static uint64_t arrangements(size_t n, size_t m)
{
    uint64_t all = 1;
    for (uint64_t i = 1; i <= n; i++) {
        /* all * (m + i) / i, which is whole, without overflow on the way. */
        uint64_t more;
        if (__builtin_mul_overflow(all / i, m + i, &more) ||
            __builtin_add_overflow(more, all % i * (m + i) / i, &all))
            return 0;
    }
    return all;
}

/*
 * Multiplies (1 - q^(m + i)) / (1 - q^i) for each i up to n, as power series up to q^most. What
 * overflows on the way is right again in the end: all is modulo 2^64.
 */
static size_t left_out_exactly(size_t n, size_t m, uint64_t all)
{
    uint64_t count[EXACT_MAX] = {1}, sum = 0;
    size_t most = n * m / 2, left = 0;
    for (size_t i = 1; i <= n; i++) {
        for (size_t u = most; u >= m + i; u--)
            count[u] -= count[u - m - i];
        for (size_t u = i; u <= most; u++)
            count[u] += count[u - i];
    }
    for (; left <= most && sum + count[left] <= all / ONE_IN; left++)
        sum += count[left];
    return left;
}

/* U is normal with the mean nm / 2 and the variance nm (n + m + 1) / 12, with 1/2 for its steps. */
static size_t left_out_about(size_t n, size_t m)
{
    double pairs = (double)n * (double)m;
    double far = QUANTILE * QUANTILE * pairs * (double)(n + m + 1) / 12;
    size_t low = 0, high = n * m / 2;
    while (low < high) {
        size_t middle = high - (high - low) / 2;
        double away = pairs / 2 + 0.5 - (double)middle;
        if (away * away >= far)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

size_t change_left_out(size_t n, size_t m)
{
    if (n < 2 || m < 2)
        return 0;
    uint64_t all = n < m ? arrangements(n, m) : arrangements(m, n);
    if (all > 0 && n * m / 2 < EXACT_MAX)
        return n < m ? left_out_exactly(n, m, all) : left_out_exactly(m, n, all);
    return left_out_about(n, m);
}

/* ---- pairs in order ---- */

typedef double pair_value(double b, double a);

static double difference_of(double b, double a)
{
    return b - a;
}

static double share_of(double b, double a)
{
    if (a > 0)
        return b / a - 1;
    return b > 0 ? INFINITY : 0;
}

/* Doubles in order as whole numbers, so that a search halves how many are left. */
static uint64_t place_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

static double at_place(uint64_t place)
{
    uint64_t bits = place >> 63 != 0 ? place & ~(UINT64_C(1) << 63) : ~place;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

struct sides {
    const double *a, *b; /* in order */
    size_t n, m;
};

/* How many pairs have a value up to `most`: the larger b is, the larger a must be. */
static size_t pairs_up_to(const struct sides *s, pair_value *value, double most)
{
    size_t count = 0, first = 0;
    for (size_t j = 0; j < s->m; j++) {
        while (first < s->n && value(s->b[j], s->a[first]) > most)
            first++;
        count += s->n - first;
    }
    return count;
}

/* The value that is the rank-th smallest of all pairs, without having all of them anywhere. */
static double pair_at(const struct sides *s, pair_value *value, size_t rank)
{
    uint64_t low = place_of(value(s->b[0], s->a[s->n - 1]));
    uint64_t high = place_of(value(s->b[s->m - 1], s->a[0]));
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (pairs_up_to(s, value, at_place(middle)) >= rank)
            high = middle;
        else
            low = middle + 1;
    }
    return at_place(low) + 0.0; /* -0 is 0 */
}

static struct change_bound bound_of(const struct sides *s, pair_value *value, size_t left_out,
                                    double medians)
{
    struct change_bound bound = {pair_at(s, value, left_out),
                                 pair_at(s, value, s->n * s->m + 1 - left_out)};
    if (medians < bound.low)
        bound.low = medians;
    if (medians > bound.high)
        bound.high = medians;
    return bound;
}

/* ---- the change ---- */

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void take_side(double *value, size_t n, size_t side, struct change *ret)
{
    ret->runs[side] = n;
    if (n == 0)
        return;
    qsort(value, n, sizeof *value, by_value);
    ret->least[side] = value[0];
    ret->most[side] = value[n - 1];
    ret->median[side] = n % 2 == 1 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

static enum change_verdict verdict_of(const struct change *c)
{
    if (c->least[0] == c->most[0] && c->least[1] == c->most[1] && c->least[0] == c->least[1])
        return CHANGE_NONE;
    return c->by.low > 0 ? CHANGE_MORE : c->by.high < 0 ? CHANGE_LESS : CHANGE_NOT_SEEN;
}

void change_make(double *a, size_t n, double *b, size_t m, struct change *ret)
{
    *ret = (struct change){0};
    take_side(a, n, 0, ret);
    take_side(b, m, 1, ret);
    if (n == 0 || m == 0)
        return;
    const struct sides sides = {a, b, n, m};
    size_t left_out = change_left_out(n, m);
    ret->difference = difference_of(ret->median[1], ret->median[0]);
    ret->share = share_of(ret->median[1], ret->median[0]);
    ret->verdict = CHANGE_UNBOUNDED;
    if (left_out == 0)
        return;
    ret->by = bound_of(&sides, difference_of, left_out, ret->difference);
    ret->share_by = bound_of(&sides, share_of, left_out, ret->share);
    ret->verdict = verdict_of(ret);
}
