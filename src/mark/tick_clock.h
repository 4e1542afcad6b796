/*
 * The processor's tick counter on CLOCK_MONOTONIC: pairs of both, taken from time to time, and straight
 * lines between them. Between pairs 50 ms apart the error is that of reading a pair, some 20 ns.
 */
#ifndef TACHO_MARK_TICK_CLOCK_H
#define TACHO_MARK_TICK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define TICK_LINES 128 /* the last; about 6 s of them */
#define TICK_LINE_NS UINT64_C(50000000)

/* From its pair on, until that of the next one. */
struct tick_line {
    uint64_t ticks, mono_ns;
    uint64_t ns_per_tick; /* 32.32 fixed point */
};

struct tick_clock {
    struct tick_line
        line[TICK_LINES]; /* by number modulo TICK_LINES; the last one is still moving */
    uint64_t count;       /* lines begun */
};

/* Whether the kernel's own clock is the tick counter: only then is it the same on all processors. */
bool tick_clock_usable(void);

/* A pair taken at one moment. Times that go back are ignored. */
void tick_clock_put(struct tick_clock *clock, uint64_t ticks, uint64_t mono_ns);

/* Takes a pair now: about 200 ns. */
void tick_clock_take(struct tick_clock *clock);

/* Before the first pair and after the last the nearest line is drawn on. 0 where there is no line. */
uint64_t tick_clock_mono_ns(const struct tick_clock *clock, uint64_t ticks);

/* How long so many ticks are, by all lines there are. */
uint64_t tick_clock_length_ns(const struct tick_clock *clock, uint64_t ticks);

/* The line for `ticks`, beginning to look at `*line`, which is moved: for many in ascending order. */
static inline uint64_t tick_line_mono_ns(const struct tick_line *line, uint64_t ticks)
{
    int64_t away = (int64_t)(ticks - line->ticks);
    return line->mono_ns + (uint64_t)(((__int128)away * (int64_t)line->ns_per_tick) >> 32);
}

static inline uint64_t tick_clock_next_ns(const struct tick_clock *clock, uint64_t *line,
                                          uint64_t ticks)
{
    while (*line + 1 < clock->count && ticks >= clock->line[(*line + 1) % TICK_LINES].ticks)
        ++*line;
    return tick_line_mono_ns(&clock->line[*line % TICK_LINES], ticks);
}

/* Where to begin to look. */
static inline uint64_t tick_clock_oldest(const struct tick_clock *clock)
{
    return clock->count > TICK_LINES ? clock->count - TICK_LINES : 0;
}

#endif
