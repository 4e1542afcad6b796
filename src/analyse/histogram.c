#include "analyse/histogram.h"

#include <errno.h>
#include <stdlib.h>

#define STEP_BITS 6

/* Octave 0 holds 0 to 63; octave o holds 64 to 127, shifted left by o - 1. */
static unsigned octave_of(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return bits > STEP_BITS ? bits - STEP_BITS : 0;
}

static unsigned shift_of(unsigned octave)
{
    return octave > 0 ? octave - 1 : 0;
}

int histogram_add(struct histogram *h, uint64_t value)
{
    unsigned octave = octave_of(value);
    int bytes = 0;
    if (h->octave[octave] == NULL) {
        h->octave[octave] = calloc(HISTOGRAM_STEPS, sizeof *h->octave[octave]);
        if (h->octave[octave] == NULL)
            return -ENOMEM;
        bytes = HISTOGRAM_STEPS * (int)sizeof *h->octave[octave];
    }
    h->octave[octave][value >> shift_of(octave) & (HISTOGRAM_STEPS - 1)]++;
    return bytes;
}

uint64_t histogram_quantile(const struct histogram *h, uint64_t count, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)count), seen = 0;
    if ((double)wanted < share * (double)count || wanted == 0)
        wanted++;
    for (unsigned o = 0; o < HISTOGRAM_OCTAVES; o++)
        for (unsigned i = 0; h->octave[o] != NULL && i < HISTOGRAM_STEPS; i++) {
            seen += h->octave[o][i];
            if (seen < wanted)
                continue;
            uint64_t low = (o > 0 ? HISTOGRAM_STEPS | (uint64_t)i : i) << shift_of(o);
            return low + (UINT64_C(1) << shift_of(o)) / 2;
        }
    return 0;
}

void histogram_done(struct histogram *h)
{
    for (unsigned o = 0; o < HISTOGRAM_OCTAVES; o++)
        free(h->octave[o]);
    *h = (struct histogram){0};
}
