/*
 * The samples of one stream of blocks, tick by tick. Columns are decoded as the ticks go by, so
 * that memory is what the payload takes, not what it stands for.
 */
#ifndef TACHO_READ_BLOCK_STREAM_H
#define TACHO_READ_BLOCK_STREAM_H

#include "format/samples.h"
#include "read/opened.h"
#include "read/payload.h"

/* A column of the block under way. */
struct column {
    struct column_walk walk;
    uint8_t position;
};

/* An entity of the stream: what it was last, and where it stands in the block under way. */
struct member {
    uint32_t entity;
    uint32_t mask;    /* the pattern's, for which `sampled` was worked out */
    uint64_t sampled; /* metrics of the groups in it */
    uint64_t known;
    uint64_t *value; /* where `known`; else the last that was, or 0 */
    uint32_t pattern;
    uint32_t column; /* its first in the block */
    uint8_t columns;
    uint8_t values; /* room at `value` */
    uint8_t kind;
    bool listed; /* in this block; else only kept for the next */
};

/* What was done at the ticks with all entities that share it. */
struct pattern {
    struct pattern_walk walk;
    uint32_t mask; /* at the current tick */
};

struct stream {
    struct tacho_recording *rec;
    enum stream_name name;
    size_t next, end; /* blocks of the index */
    uint64_t to_ns;
    unsigned kinds; /* wanted, a bit each */
    uint32_t only;  /* the one wanted entity, or 0 */
    bool broken;    /* a block was lost: nothing to be understood before the next keyframe */
    struct payload payload;
    bool loaded;
    struct samples samples;
    unsigned tick;
    size_t at; /* the next member to be stepped */
    bool any;
    uint64_t last_ns; /* the last tick's */
    struct member *member, *spare;
    size_t members, member_cap, spare_cap;
    struct column *column;
    size_t columns, column_cap;
    struct pattern *pattern;
    size_t pattern_cap;
};

/* Begins at the last keyframe that does not lie after from_ns. `only` 0 for all of the kinds. */
void stream_init(struct stream *s, struct tacho_recording *rec, enum stream_name name,
                 uint64_t from_ns, uint64_t to_ns, unsigned kinds, uint32_t only);
void stream_done(struct stream *s);

/* On to the next tick, stepping over blocks that cannot be decoded. 1, 0 at the end, or -errno. */
int stream_tick(struct stream *s);

/* Of the tick where stream_tick arrived. */
static inline uint64_t stream_time(const struct stream *s)
{
    return s->samples.time_ns[s->tick];
}

/* Steps to the next entity that was there: 1 with `ret` but for its `tick`, or 0 after the last. */
int stream_next(struct stream *s, struct tacho_sample *ret);

#endif
