#include "mark/tick_clock.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "mark/shared.h"

bool tick_clock_usable(void)
{
    char name[16] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                  O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof name - 1);
    if (fd >= 0)
        close(fd);
    return HAVE_TSC && n > 0 && strcmp(name, "tsc\n") == 0;
}

/* The last line turns to go through the pair; when it is long enough another begins there. */
void tick_clock_put(struct tick_clock *clock, uint64_t ticks, uint64_t mono_ns)
{
    if (clock->count == 0) {
        clock->line[0] = (struct tick_line){ticks, mono_ns, UINT64_C(1) << 32};
        clock->count = 1;
        return;
    }
    struct tick_line *last = &clock->line[(clock->count - 1) % TICK_LINES];
    if (ticks <= last->ticks || mono_ns <= last->mono_ns)
        return;
    uint64_t length_ns = mono_ns - last->mono_ns;
    last->ns_per_tick = (uint64_t)(((unsigned __int128)length_ns << 32) / (ticks - last->ticks));
    if (length_ns < TICK_LINE_NS)
        return;
    uint64_t slope = last->ns_per_tick;
    clock->line[clock->count++ % TICK_LINES] = (struct tick_line){ticks, mono_ns, slope};
}

/* Of three tries the one that was least in between. */
void tick_clock_take(struct tick_clock *clock)
{
    uint64_t best = UINT64_MAX, ticks = 0, mono_ns = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t before = tsc_now(), now_ns = clock_mono_ns(), after = tsc_now();
        if (after - before >= best)
            continue;
        best = after - before;
        ticks = before + best / 2;
        mono_ns = now_ns;
    }
    tick_clock_put(clock, ticks, mono_ns);
}

uint64_t tick_clock_mono_ns(const struct tick_clock *clock, uint64_t ticks)
{
    uint64_t line = tick_clock_oldest(clock);
    return clock->count == 0 ? 0 : tick_clock_next_ns(clock, &line, ticks);
}

uint64_t tick_clock_length_ns(const struct tick_clock *clock, uint64_t ticks)
{
    if (clock->count == 0)
        return 0;
    const struct tick_line *oldest = &clock->line[tick_clock_oldest(clock) % TICK_LINES];
    return (uint64_t)(((unsigned __int128)ticks * oldest->ns_per_tick) >> 32);
}
