/* Reading sample payloads; every byte may be hostile. See samples.h for the layout. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/samples.h"

static bool take_times(struct cursor *c, uint64_t first_ns, struct samples *s)
{
    uint64_t interval = cursor_varint(c);
    uint64_t ticks = cursor_varint(c);
    if (c->bad || ticks == 0 || ticks > TICKS_MAX)
        return false;
    s->ticks = (unsigned)ticks;
    s->time_ns[0] = first_ns;
    for (unsigned i = 1; i < s->ticks; i++) {
        uint64_t distance = interval + (uint64_t)unzigzag(cursor_varint(c));
        uint64_t now = s->time_ns[i - 1] + distance;
        if (c->bad || distance > INT64_MAX || now < s->time_ns[i - 1])
            return false;
        s->time_ns[i] = now;
    }
    return true;
}

/* The runs of a pattern must cover the block's ticks exactly. */
static bool pattern_valid(struct cursor runs, unsigned ticks)
{
    uint64_t covered = 0;
    while (cursor_left(&runs) > 0) {
        uint64_t run = cursor_varint(&runs);
        uint64_t mask = cursor_varint(&runs);
        if (runs.bad || run == 0 || run > ticks - covered || mask > UINT32_MAX)
            return false;
        covered += run;
    }
    return covered == ticks;
}

static int take_patterns(struct cursor *c, struct samples *s)
{
    uint64_t count = cursor_varint(c);
    if (c->bad || count > cursor_left(c) / 3) /* a length and one run */
        return -EPROTO;
    s->pattern = calloc(count + 1, sizeof *s->pattern);
    if (s->pattern == NULL)
        return -ENOMEM;
    s->patterns = (unsigned)count;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t n = cursor_varint(c);
        const uint8_t *runs = cursor_bytes(c, n);
        if (c->bad)
            return -EPROTO;
        s->pattern[i] = (struct cursor){runs, runs + n, false};
        if (!pattern_valid(s->pattern[i], s->ticks))
            return -EPROTO;
    }
    return 0;
}

int samples_open(const uint8_t *payload, size_t n, uint64_t first_ns, bool keyframe,
                 struct samples *ret)
{
    struct cursor c = {payload, payload + n, false};
    *ret = (struct samples){.keyframe = keyframe};
    if (!take_times(&c, first_ns, ret))
        return -EPROTO;
    int r = take_patterns(&c, ret);
    if (r == 0) {
        uint64_t kind = cursor_varint(&c);
        ret->entities = cursor_varint(&c);
        ret->kind = kind < 256 ? (unsigned)kind : 0;
        if (c.bad || kind >= 256 || ret->entities > cursor_left(&c) / 3)
            r = -EPROTO;
    }
    if (r != 0)
        samples_done(ret);
    ret->rest = c;
    return r;
}

void samples_done(struct samples *s)
{
    free(s->pattern);
    s->pattern = NULL;
}

/* Passes over a varint for each bit of the mask and returns what was passed. */
static struct cursor pass_snapshot(struct cursor *c, uint64_t mask)
{
    struct cursor passed = {c->at, c->at, false};
    for (; mask != 0 && !c->bad; mask &= mask - 1)
        cursor_varint(c);
    passed.end = c->at;
    return passed;
}

static struct cursor pass_columns(struct cursor *c, uint64_t mask)
{
    struct cursor passed = {c->at, c->at, false};
    for (; mask != 0 && !c->bad; mask &= mask - 1)
        cursor_bytes(c, cursor_varint(c));
    passed.end = c->at;
    return passed;
}

int samples_next(struct samples *s, struct samples_entity *ret)
{
    if (s->entities == 0)
        return cursor_left(&s->rest) == 0 ? 0 : -EPROTO;
    struct cursor *c = &s->rest;
    *ret = (struct samples_entity){.kind = s->kind};
    uint64_t step = cursor_varint(c);
    if (c->bad || step == 0 || step > UINT32_MAX - s->last_entity)
        return -EPROTO;
    s->last_entity += step;
    ret->entity = (uint32_t)s->last_entity;
    if (s->kind == 0) {
        uint64_t kind = cursor_varint(c);
        if (kind >= 256)
            return -EPROTO;
        ret->kind = (unsigned)kind;
    }
    uint64_t pattern = cursor_varint(c);
    if (c->bad || pattern >= s->patterns)
        return -EPROTO;
    ret->pattern = (unsigned)pattern;
    if (s->keyframe) {
        ret->snapshot_known = cursor_varint(c);
        ret->snapshot = pass_snapshot(c, ret->snapshot_known);
    }
    ret->columns = cursor_varint(c);
    ret->column = pass_columns(c, ret->columns);
    if (c->bad)
        return -EPROTO;
    s->entities--;
    return 1;
}

/* A literal after its token: z has the tag bit removed. */
static bool take_literal(struct column_walk *w, uint64_t z)
{
    if (z == 0) {
        const uint8_t *bytes = cursor_bytes(&w->tokens, 8);
        if (bytes == NULL)
            return false;
        w->value = load_u64(bytes);
    } else {
        w->value += (uint64_t)unzigzag(z);
    }
    w->known = true;
    return true;
}

bool column_next(struct column_walk *w)
{
    if (w->same > 0) {
        w->same--;
        return true;
    }
    if (w->missing > 0) {
        w->missing--;
        return true;
    }
    if (cursor_left(&w->tokens) == 0)
        return true;
    uint64_t t = cursor_varint(&w->tokens);
    if (w->tokens.bad)
        return false;
    if ((t & 1) != 0)
        return take_literal(w, t >> 1);
    if (t > 0) {
        w->same = t / 2 - 1;
        return true;
    }
    uint64_t missing = cursor_varint(&w->tokens);
    if (w->tokens.bad || missing == 0) {
        w->tokens.bad = true;
        return false;
    }
    w->missing = missing - 1;
    w->known = false;
    return true;
}
