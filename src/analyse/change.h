/*
 * How a figure differs between two sets of runs, A and B, and how much of that is their noise.
 *
 * The change is that of the medians. Its bound is the Mann-Whitney interval of 95 %: of all pairs of
 * a run of A and a run of B the differences b - a are put in order, and at both ends as many are left
 * out as the test allows; so are the shares b / a - 1. What remains is the bound. A change is seen
 * where the bound leaves out 0.
 *
 *   U counts pairs with b < a. Where nothing differs, each arrangement of the n + m runs is as
 *   likely as any other, and the number of those with U = u is the coefficient of q^u in the
 *   Gaussian binomial (n + m over n). The bound goes from the L-th smallest pair to the L-th
 *   largest; L is the largest number for which P(U < L) is 2.5 % at most.
 *
 * Sources: Mann and Whitney, Annals of Mathematical Statistics 18 (1947), 50-60, for U; Hodges and
 * Lehmann, the same 34 (1963), 598-611, and Bauer, J. Am. Stat. Assoc. 67 (1972), 687-690, for the
 * interval. It is exact for however few runs and whatever the noise looks like, and ties only make it
 * wider. Above that the normal approximation of U is taken where arrangements exceed 64 bits, which
 * is beyond 33 runs on each side. A bootstrap was not taken: of five runs its medians have few values,
 * so its bounds are too narrow, and it needs a seed.
 *
 * Where medians of skewed runs disagree with the pairs, the bound is widened to hold their change.
 */
#ifndef TACHO_ANALYSE_CHANGE_H
#define TACHO_ANALYSE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

enum change_verdict {
    CHANGE_UNKNOWN,   /* the figure is known of no run of a side */
    CHANGE_UNBOUNDED, /* too few runs to tell it from noise */
    CHANGE_NONE,      /* all runs of both sides have the same value */
    CHANGE_NOT_SEEN,  /* the bound holds 0: noise hides it, if there is any */
    CHANGE_LESS,
    CHANGE_MORE
};

struct change_bound {
    double low, high;
};

struct change {
    enum change_verdict verdict;
    size_t runs[2]; /* of which the figure is known */
    double median[2], least[2], most[2];
    double difference;                /* of the medians, B less A */
    double share;                     /* of A's median; INFINITY where that is 0 and B's is not */
    struct change_bound by, share_by; /* unless unbounded: of difference, of share */
};

/*
 * Of values from 0 on, which are put in order. Without a value on a side only `runs` is set. Takes
 * some microseconds, no memory.
 */
void change_make(double *a, size_t n, double *b, size_t m, struct change *ret);

/* L of above; 0: so few runs have no bound. A side of one run has none, whatever the other has. */
size_t change_left_out(size_t n, size_t m);

static inline bool change_seen(const struct change *change)
{
    return change->verdict == CHANGE_LESS || change->verdict == CHANGE_MORE;
}

/* Whether it is certain that B is larger by more than this share: its whole bound lies above. */
static inline bool change_exceeds(const struct change *change, double share)
{
    return change->verdict > CHANGE_UNBOUNDED && change->share_by.low > share;
}

#endif
