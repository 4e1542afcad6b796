#include "report/top_state.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"

#define STEP_DEFAULT_NS NS_PER_S
#define HUNDREDTHS 100

uint64_t top_first_ns(const struct top *top)
{
    return top->summary.cpu_line.from_ns;
}

uint64_t top_last_ns(const struct top *top)
{
    uint64_t last = tacho_last_ns(top->summary.rec);
    return last > top_first_ns(top) ? last : top_first_ns(top);
}

bool top_is_of_machine(const struct top *top)
{
    return top->summary.target != NULL && strcmp(top->summary.target, "machine") == 0;
}

void top_go(struct top *top, uint64_t time_ns)
{
    uint64_t first = top_first_ns(top), last = top_last_ns(top);
    top->time_ns = time_ns < first ? first : time_ns > last ? last : time_ns;
    top->marks_known = false;
}

void top_play(struct top *top, uint64_t passed_ns)
{
    if (!top->playing)
        return;
    top_go(top, top->time_ns + passed_ns * top->speed);
    if (top->time_ns >= top_last_ns(top)) {
        top->playing = false;
        top->follow = top->growing;
    }
}

/* ---- time ---- */

/* By the ticks of the recording: from the middle between two the next one is sure to be met. */
static uint64_t tick_of(const struct top *top)
{
    uint64_t interval = top->summary.interval_ns;
    return interval == SUMMARY_UNKNOWN ? STEP_DEFAULT_NS : interval;
}

static void step(struct top *top, bool back, uint64_t by_ns)
{
    uint64_t from =
        top->snapshot.time_ns != SNAPSHOT_UNKNOWN ? top->snapshot.time_ns : top->time_ns;
    top->playing = false;
    if (back) {
        top->follow = false;
        top_go(top, from > by_ns ? from - by_ns : 0);
    } else {
        top_go(top, from + by_ns);
        top->follow = top->growing && top->time_ns >= top_last_ns(top);
    }
}

static void step_hundredths(struct top *top, bool back, unsigned n)
{
    uint64_t by = (top_last_ns(top) - top_first_ns(top)) / HUNDREDTHS * n;
    uint64_t least = tick_of(top) * 3 / 2;
    step(top, back, by > least ? by : back ? least / 3 : least);
}

static bool take_time_key(struct top *top, uint32_t key)
{
    uint64_t tick = tick_of(top);
    switch (key) {
    case TOP_KEY_LEFT: step(top, true, tick / 2); return true;
    case TOP_KEY_RIGHT: step(top, false, tick * 3 / 2); return true;
    case '[': step_hundredths(top, true, 1); return true;
    case ']': step_hundredths(top, false, 1); return true;
    case TOP_KEY_PAGE_UP: step_hundredths(top, true, 10); return true;
    case TOP_KEY_PAGE_DOWN: step_hundredths(top, false, 10); return true;
    case TOP_KEY_HOME: step(top, true, UINT64_MAX); return true;
    case TOP_KEY_END:
        top->playing = false;
        top->follow = top->growing;
        top_go(top, UINT64_MAX);
        return true;
    case ' ':
        top->playing = !top->playing;
        if (top->playing && top->time_ns >= top_last_ns(top) && !top->growing)
            top_go(top, 0); /* at the end: again */
        top->follow = false;
        return true;
    case '+': top->speed *= top->speed < TOP_SPEED_MAX ? 2 : 1; return true;
    case '-': top->speed /= top->speed > 1 ? 2 : 1; return true;
    default: return false;
    }
}

/* ---- the table ---- */

static void choose(struct top *top, bool up, size_t by)
{
    struct top_row *rows;
    size_t count;
    if (top_rows(top, &rows, &count) != 0)
        return;
    size_t at = top->chosen_at < count ? top->chosen_at : count;
    at = up ? (at > by ? at - by : 0) : at + by;
    top->chosen_at = at < count ? at : count > 0 ? count - 1 : 0;
    top->chosen = count > 0 ? rows[top->chosen_at].process->process->entity : 0;
    free(rows);
}

static void sort_by(struct top *top, enum top_sort sort)
{
    top->sort = sort;
    top->chosen = 0;
    top->chosen_at = top->scrolled = 0;
}

static bool take_table_key(struct top *top, uint32_t key)
{
    size_t page = top->page > 1 ? top->page - 1 : 1;
    switch (key) {
    case TOP_KEY_UP:
    case 'k': choose(top, true, 1); return true;
    case TOP_KEY_DOWN:
    case 'j': choose(top, false, 1); return true;
    case 'u': choose(top, true, page); return true;
    case 'd': choose(top, false, page); return true;
    case 'g': choose(top, true, SIZE_MAX / 2); return true;
    case 'G': choose(top, false, SIZE_MAX / 2); return true;
    case 'c': sort_by(top, TOP_BY_CPU); return true;
    case 'm': sort_by(top, TOP_BY_MEMORY); return true;
    case 'i': sort_by(top, TOP_BY_IO); return true;
    case 't': sort_by(top, TOP_BY_THREADS); return true;
    case 'T': top->flat = !top->flat; return true;
    case '/': top->typing = true; return true;
    default: return false;
    }
}

/* ---- the filter ---- */

static void clear_filter(struct top *top)
{
    top->filter_bytes = 0;
    top->filter[0] = '\0';
}

static void take_filter_key(struct top *top, uint32_t key)
{
    struct buffer typed = {0};
    if (key == TOP_KEY_ENTER || key == TOP_KEY_ESCAPE) {
        top->typing = false;
        if (key == TOP_KEY_ESCAPE)
            clear_filter(top);
    } else if (key == TOP_KEY_BACKSPACE) {
        while (top->filter_bytes > 0 && (top->filter[--top->filter_bytes] & 0xC0) == 0x80)
            ;
        top->filter[top->filter_bytes] = '\0';
    } else if (key >= ' ' && key < TOP_KEY_LEFT && key != 0x7F) {
        utf8_put(&typed, key);
        if (!typed.failed && top->filter_bytes + typed.len <= TOP_FILTER_MAX) {
            memcpy(top->filter + top->filter_bytes, typed.data, typed.len);
            top->filter_bytes += typed.len;
            top->filter[top->filter_bytes] = '\0';
        }
        buffer_done(&typed);
    }
    top->chosen = 0;
    top->chosen_at = top->scrolled = 0;
}

bool top_take_key(struct top *top, uint32_t key)
{
    if (top->typing) {
        take_filter_key(top, key);
        return true;
    }
    if (key == 'q')
        return false;
    if (top->help) {
        top->help = false;
        return true;
    }
    if (key == '?' || key == 'h')
        top->help = true;
    else if (key == TOP_KEY_ESCAPE)
        clear_filter(top);
    else if (!take_time_key(top, key))
        take_table_key(top, key);
    return true;
}
