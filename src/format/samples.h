/*
 * The payload of a sample block: about a second of values, entity by entity, column by column.
 *
 *   interval (ns), number of ticks (1..TICKS_MAX), for each tick after the first: zigzag of its
 * distance from the one before, less the interval. The first tick is at the block's first_ns.
 *   number of patterns; each: length in bytes, then runs of (ticks, mask) that cover all ticks
 *   kind of all entities, or 0: then each names its own
 *   number of entities; each:
 *     id less the id before (ids ascend); [kind]; pattern;
 *     in a keyframe: mask of the metrics known before the block's first tick, and their values
 *     mask of the metrics that have a column; each column: length in bytes, tokens
 *
 * All of these are varints. A pattern's mask says what was done at a tick: 0 the entity was not
 * there; else PATTERN_PRESENT, with PATTERN_IDLE when it did not run since the tick before (so that
 * what was not sampled is known to be unchanged), and from bit PATTERN_GROUP_SHIFT the groups that
 * were sampled.
 *
 * A column speaks of the ticks at which its metric's group was sampled. A metric without one was as
 * before at all of them: the same value, or still missing. Tokens, t a varint:
 *   t = 0          the next varint says for how many ticks the value was missing
 *   t even         for t / 2 ticks as before
 *   t odd          z = t >> 1: the last value plus unzigzag(z); z = 0: the value follows, 8 bytes
 * After the last token everything is as before.
 */
#ifndef TACHO_FORMAT_SAMPLES_H
#define TACHO_FORMAT_SAMPLES_H

#include "format/metric.h"
#include "format/varint.h"

#define TICKS_MAX 256
#define PATTERN_PRESENT 1u
#define PATTERN_IDLE 2u
#define PATTERN_GROUP_SHIFT 2

/* ---- writing ---- */

/* What an entity's metrics were when last encoded, and what was staged since. Made by stage_add. */
struct track;

/*
 * Takes samples tick by tick and encodes them entity by entity. One thread. Memory: the values
 * staged since the last stage_encode, and METRICS x 8 bytes per entity.
 */
struct stage;

#define QUIET_UNKNOWN UINT32_MAX

/*
 * `kind` of all entities, or 0 for a mixed stage. `quiet_groups`: at ticks without a stage_put,
 * from its first to its removal, an entity is idle with these groups sampled and unchanged; 0: it
 * was not there; QUIET_UNKNOWN: it was there, and nothing is known of it. NULL without memory.
 */
struct stage *stage_new(unsigned kind, uint64_t interval_ns, uint32_t quiet_groups);
void stage_free(struct stage *stage);

/* A new entity; ids must ascend. NULL without memory. The stage owns it. */
struct track *stage_add(struct stage *stage, uint32_t entity, unsigned kind);

/* The entity has ended: it is freed once what was staged for it is encoded. */
void stage_remove(struct stage *stage, struct track *track);

/* Begins a tick. Not more than TICKS_MAX between two encodes: -EOVERFLOW. */
int stage_tick(struct stage *stage, uint64_t time_ns);

/*
 * What was sampled of an entity at the current tick: `groups` is a mask of groups, `value` is
 * indexed by the kind's positions and read only there, `known` has a bit for each position that is
 * valid. At most one call per entity and tick. 0, -EINVAL before the first tick, or -ENOMEM: then
 * the next stage_encode fails with it, for the block would be wrong. 20 ns for an idle one.
 */
int stage_put(struct stage *stage, struct track *track, uint32_t groups, bool idle,
              const uint64_t *value, uint64_t known);

/* Bytes staged, for the caller to bound; and ticks. */
size_t stage_bytes(const struct stage *stage);
unsigned stage_ticks(const struct stage *stage);

/*
 * Appends the payload to `ret` and forgets what was staged. `ret_first_ns` and `ret_last_ns` are
 * for the block's header. 0, -ENODATA when no tick was staged (nothing appended), -ENOMEM.
 */
int stage_encode(struct stage *stage, bool keyframe, struct buffer *ret, uint64_t *ret_first_ns,
                 uint64_t *ret_last_ns);

/* ---- reading ---- */

/* The head of a payload. `pattern` entries borrow from the payload. */
struct samples {
    unsigned ticks;
    uint64_t time_ns[TICKS_MAX];
    unsigned patterns;
    struct cursor *pattern; /* of runs; freed by samples_done */
    unsigned kind;          /* 0: mixed */
    uint64_t entities;
    bool keyframe;
    struct cursor rest; /* the entities */
    uint64_t last_entity;
};

/* One entity of a block; all pointers borrow from the payload. */
struct samples_entity {
    uint32_t entity;
    unsigned kind;
    unsigned pattern;
    uint64_t snapshot_known; /* keyframes: state before the block's first tick */
    struct cursor snapshot;  /* a varint per bit of snapshot_known */
    uint64_t columns;        /* mask of metrics with a column */
    struct cursor column;    /* per bit of `columns`: length, tokens */
};

/* Checks the whole head. 0, -EPROTO, -ENOMEM. Allocates 24 bytes per pattern, each of which took 2
 * or more. */
int samples_open(const uint8_t *payload, size_t n, uint64_t first_ns, bool keyframe,
                 struct samples *ret);
void samples_done(struct samples *s);

/* 1, 0 after the last entity, -EPROTO. Ids ascend strictly. */
int samples_next(struct samples *s, struct samples_entity *ret);

/* Walks the runs of a pattern tick by tick. */
struct pattern_walk {
    struct cursor runs;
    uint64_t left;
    uint32_t mask;
};

static inline uint32_t pattern_next(struct pattern_walk *w)
{
    while (w->left == 0 && cursor_left(&w->runs) > 0) {
        w->left = cursor_varint(&w->runs);
        w->mask = (uint32_t)cursor_varint(&w->runs);
    }
    if (w->left == 0)
        return 0;
    w->left--;
    return w->mask;
}

/* Decodes one column, a value per sampled tick. Begin with `value` and `known` as before the block.
 */
struct column_walk {
    struct cursor tokens;
    uint64_t same, missing; /* ticks left of a run */
    uint64_t value;         /* the last known value */
    bool known;
};

/* Steps to the next sampled tick. False when the tokens are broken (`tokens.bad`). */
bool column_next(struct column_walk *w);

#endif
