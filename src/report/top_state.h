/*
 * What `tacho top` shows and how its keys change that: no terminal is needed for either. The caller
 * brings the recording up to date, takes what is due, and draws (top_frame.h).
 */
#ifndef TACHO_REPORT_TOP_STATE_H
#define TACHO_REPORT_TOP_STATE_H

#include "analyse/snapshot.h"
#include "analyse/summary.h"

/* Keys that are no characters. */
enum top_key {
    TOP_KEY_LEFT = 0x200000, /* past all characters */
    TOP_KEY_RIGHT,
    TOP_KEY_UP,
    TOP_KEY_DOWN,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_ESCAPE,
    TOP_KEY_BACKSPACE,
};

enum top_sort { TOP_BY_CPU, TOP_BY_MEMORY, TOP_BY_IO, TOP_BY_THREADS };

#define TOP_FILTER_MAX 64 /* bytes */
#define TOP_SPEED_MAX 1024

struct top {
    /* What is there; the summary's recording. */
    struct summary summary;
    struct snapshot snapshot;
    struct snapshot_marks marks;
    bool marks_known; /* they are of the moment shown */
    bool growing;     /* the recording has not ended */
    bool live;        /* it is made for us, of what goes on now */
    bool whole;       /* of all of the machine's processes */

    /* What of it is shown. */
    uint64_t time_ns; /* the moment, by the recording's clock */
    bool follow;      /* it is the last there is */
    bool playing;
    unsigned speed; /* times as fast as it went */
    enum top_sort sort;
    bool flat; /* no tree */
    bool help;
    uint32_t chosen;            /* entity of the row that is marked; 0: the first */
    size_t chosen_at, scrolled; /* its row, and how many are above the first shown */
    size_t page;                /* rows that the last frame had room for */
    bool typing;                /* a filter */
    char filter[TOP_FILTER_MAX + 1];
    size_t filter_bytes;
};

/* The moments that there are. */
uint64_t top_first_ns(const struct top *top);
uint64_t top_last_ns(const struct top *top);

/* Whether no processes were sampled, since the recording is of the machine alone. */
bool top_is_of_machine(const struct top *top);

/* Goes to a moment, as far as there is one. */
void top_go(struct top *top, uint64_t time_ns);

/* Playing, `passed_ns` have passed. */
void top_play(struct top *top, uint64_t passed_ns);

/* What a key does. False: it ends. */
bool top_take_key(struct top *top, uint32_t key);

/* One row of the table of processes. */
struct top_row {
    const struct snapshot_process *process;
    unsigned depth;
};

/*
 * Those that the filter lets through, in the order asked for. *ret is the caller's to free. 0 or
 * -ENOMEM.
 */
int top_rows(const struct top *top, struct top_row **ret, size_t *ret_count);

#endif
