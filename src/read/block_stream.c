#include "read/block_stream.h"

#include <errno.h>
#include <string.h>

/* ---- members ---- */

static void member_done(struct stream *s, struct member *m)
{
    allowance_free(&s->rec->allowance, m->value, m->values * sizeof *m->value);
    m->value = NULL;
    m->values = 0;
}

static void forget_members(struct stream *s)
{
    for (size_t i = 0; i < s->members; i++)
        member_done(s, &s->member[i]);
    s->members = 0;
}

/* Room for values at all positions up to the highest of `metrics`; new ones are 0. */
static int member_grow(struct stream *s, struct member *m, uint64_t metrics)
{
    unsigned need = metrics != 0 ? 64 - (unsigned)__builtin_clzll(metrics) : 0;
    if (need <= m->values)
        return 0;
    struct allowance *a = &s->rec->allowance;
    uint64_t *grown =
        allowance_realloc(a, m->value, m->values * sizeof *grown, need * sizeof *grown);
    if (grown == NULL)
        return a->error;
    memset(grown + m->values, 0, (need - m->values) * sizeof *grown);
    m->value = grown;
    m->values = (uint8_t)need;
    return 0;
}

static void member_snapshot(struct member *m, const struct samples_entity *e, uint64_t defined)
{
    struct cursor c = e->snapshot;
    if (m->values > 0)
        memset(m->value, 0, m->values * sizeof *m->value);
    m->known = e->snapshot_known & defined;
    for (uint64_t left = e->snapshot_known; left != 0; left &= left - 1) {
        uint64_t value = cursor_varint(&c);
        if ((defined & left & -left) != 0)
            m->value[__builtin_ctzll(left)] = value;
    }
}

/* Room for `n` more columns. */
static int reserve_columns(struct stream *s, size_t n)
{
    if (n <= s->column_cap - s->columns)
        return 0;
    size_t cap = s->column_cap + s->column_cap / 2 + 64 + n;
    struct column *grown = allowance_realloc(&s->rec->allowance, s->column,
                                             s->column_cap * sizeof *grown, cap * sizeof *grown);
    if (grown == NULL)
        return s->rec->allowance.error;
    s->column = grown;
    s->column_cap = cap;
    return 0;
}

static int member_columns(struct stream *s, struct member *m, const struct samples_entity *e,
                          uint64_t defined)
{
    struct cursor c = e->column;
    int r = reserve_columns(s, (size_t)__builtin_popcountll(e->columns & defined));
    if (r != 0)
        return r;
    m->column = (uint32_t)s->columns;
    m->columns = 0;
    for (uint64_t left = e->columns; left != 0; left &= left - 1) {
        uint64_t n = cursor_varint(&c);
        const uint8_t *tokens = cursor_bytes(&c, n);
        unsigned position = (unsigned)__builtin_ctzll(left);
        if ((defined >> position & 1) == 0)
            continue;
        s->column[s->columns++] =
            (struct column){.walk = {.tokens = {tokens, tokens + n, false},
                                     .value = m->value[position],
                                     .known = (m->known >> position & 1) != 0},
                            .position = (uint8_t)position};
        m->columns++;
    }
    return 0;
}

/* Takes up what the block says of a member, which is as it was at the end of the block before. */
static int member_begin(struct stream *s, struct member *m, const struct samples_entity *e)
{
    const struct kind_metrics *k = s->rec->kind[e->kind];
    uint64_t defined = k != NULL ? k->defined : 0;
    m->kind = (uint8_t)e->kind;
    m->listed = true;
    m->pattern = e->pattern;
    m->mask = 0;
    int r = member_grow(s, m, (e->snapshot_known | e->columns) & defined);
    if (r != 0)
        return r;
    if (s->samples.keyframe)
        member_snapshot(m, e, defined);
    return member_columns(s, m, e, defined);
}

/* ---- blocks ---- */

static bool wanted(const struct stream *s, const struct samples_entity *e)
{
    if (e->kind >= KINDS_MAX || (s->kinds >> e->kind & 1) == 0)
        return false;
    if ((s->name == STREAM_PROCESSES) != (e->kind == TACHO_PROCESS))
        return false;
    return s->only == 0 || s->only == e->entity;
}

/* What is known of a member goes with it, unless the id has become something else's. */
static void move_member(struct stream *s, struct member *to, struct member *from, unsigned kind)
{
    if (from->kind != kind) {
        member_done(s, from);
        return;
    }
    *to = *from;
    from->value = NULL;
    from->values = 0;
}

/* A member that the block does not list: kept as long as a later block may go on from it. */
static void keep_unlisted(struct stream *s, struct member *old, size_t *n)
{
    const struct process_entry *p =
        s->name == STREAM_PROCESSES ? process_find(s->rec, old->entity) : NULL;
    bool ended = p != NULL && p->process.end_ns < s->samples.time_ns[0];
    if (s->samples.keyframe || ended) {
        member_done(s, old);
        return;
    }
    move_member(s, &s->spare[*n], old, old->kind);
    s->spare[*n].listed = false;
    ++*n;
}

/* Merges the entities of the block, in order of id, with the members so far, into `spare`. */
static int merge_members(struct stream *s, size_t *n)
{
    struct samples_entity e;
    size_t old = 0;
    int r;
    s->columns = 0;
    while ((r = samples_next(&s->samples, &e)) == 1) {
        if (!wanted(s, &e))
            continue;
        while (old < s->members && s->member[old].entity < e.entity)
            keep_unlisted(s, &s->member[old++], n);
        struct member *m = &s->spare[*n];
        *m = (struct member){.entity = e.entity};
        if (old < s->members && s->member[old].entity == e.entity)
            move_member(s, m, &s->member[old++], e.kind);
        ++*n;
        r = member_begin(s, m, &e);
        if (r != 0)
            return r;
    }
    while (r == 0 && old < s->members)
        keep_unlisted(s, &s->member[old++], n);
    return r;
}

static int load_members(struct stream *s)
{
    uint64_t listed = s->only != 0 && s->samples.entities > 1 ? 1 : s->samples.entities;
    size_t need = s->members + (size_t)listed;
    if (need > s->spare_cap) {
        struct allowance *a = &s->rec->allowance;
        size_t cap = need + need / 8;
        allowance_free(a, s->spare, s->spare_cap * sizeof *s->spare);
        s->spare_cap = 0;
        s->spare = allowance_alloc(a, cap * sizeof *s->spare);
        if (s->spare == NULL)
            return a->error;
        s->spare_cap = cap;
    }
    size_t n = 0, cap = s->member_cap;
    int r = merge_members(s, &n);
    forget_members(s);
    struct member *merged = s->spare;
    s->spare = s->member;
    s->member_cap = s->spare_cap;
    s->spare_cap = cap;
    s->member = merged;
    s->members = n;
    return r;
}

static int load_patterns(struct stream *s)
{
    size_t n = s->samples.patterns;
    if (n > s->pattern_cap) {
        struct allowance *a = &s->rec->allowance;
        allowance_free(a, s->pattern, s->pattern_cap * sizeof *s->pattern);
        s->pattern_cap = 0;
        s->pattern = allowance_alloc(a, (n + n / 8) * sizeof *s->pattern);
        if (s->pattern == NULL)
            return a->error;
        s->pattern_cap = n + n / 8;
    }
    for (size_t i = 0; i < n; i++)
        s->pattern[i] = (struct pattern){.walk = {.runs = s->samples.pattern[i]}};
    return 0;
}

/* What samples_open is going to allocate for patterns: their number stands behind the times. */
static uint64_t patterns_bytes(const struct payload *p)
{
    struct cursor c = {p->bytes, p->bytes + p->n, false};
    cursor_varint(&c);
    uint64_t ticks = cursor_varint(&c);
    for (uint64_t i = 1; i < ticks && !c.bad; i++)
        cursor_varint(&c);
    uint64_t patterns = cursor_varint(&c);
    return patterns <= p->n ? (patterns + 1) * sizeof(struct cursor) : 0;
}

static void unload(struct stream *s)
{
    if (s->loaded) {
        allowance_give(&s->rec->allowance, (s->samples.patterns + 1) * sizeof(struct cursor));
        samples_done(&s->samples);
    }
    s->loaded = false;
}

static int open_payload(struct stream *s, const struct block_entry *entry)
{
    struct allowance *a = &s->rec->allowance;
    int r = payload_load(s->rec, entry, &s->payload);
    if (r == 0)
        r = payload_decode(s->rec, entry, s->payload.stored, &s->payload);
    if (r != 0)
        return r;
    uint64_t patterns = patterns_bytes(&s->payload);
    r = allowance_take(a, patterns);
    if (r != 0)
        return r;
    r = samples_open(s->payload.bytes, s->payload.n, entry->first_ns, entry->keyframe, &s->samples);
    s->loaded = r == 0;
    if (r != 0)
        allowance_give(a, patterns);
    return r;
}

/* 0; -EPROTO or -E2BIG for a block that cannot be decoded; -ENOMEM, -EIO. */
static int load_block(struct stream *s, const struct block_entry *entry)
{
    int r = open_payload(s, entry);
    if (r == 0 && s->any && s->samples.time_ns[0] <= s->last_ns)
        r = -EPROTO;
    if (r == 0)
        r = load_patterns(s);
    return r == 0 ? load_members(s) : r;
}

/* What follows a block that broke off waits for a keyframe. */
static void drop_block(struct stream *s)
{
    unload(s);
    forget_members(s);
    s->broken = true;
}

static void give_up_block(struct stream *s)
{
    drop_block(s);
    count_undecodable(s->rec, chunks_at(&s->rec->stream[s->name], s->next - 1));
}

/* Loads the next block that can be decoded. 1, 0 at the end, or -errno. */
static int next_block(struct stream *s)
{
    unload(s);
    while (s->next < s->end) {
        const struct block_entry *entry = chunks_at(&s->rec->stream[s->name], s->next);
        if (entry->first_ns > s->to_ns)
            return 0;
        s->next++;
        s->broken = (s->broken || entry->orphan) && !entry->keyframe;
        int r = s->broken ? -EPROTO : load_block(s, entry);
        if (r == 0)
            return 1;
        if (r != -EPROTO && r != -E2BIG) {
            drop_block(s);
            return r;
        }
        give_up_block(s);
    }
    return 0;
}

void stream_init(struct stream *s, struct tacho_recording *rec, enum stream_name name,
                 uint64_t from_ns, uint64_t to_ns, unsigned kinds, uint32_t only)
{
    const struct chunks *index = &rec->stream[name];
    *s = (struct stream){.rec = rec,
                         .name = name,
                         .end = index->count,
                         .to_ns = to_ns,
                         .kinds = kinds,
                         .only = only};
    for (size_t i = 0; i < s->end; i++) {
        const struct block_entry *entry = chunks_at(index, i);
        if (entry->first_ns > from_ns)
            break;
        if (entry->keyframe)
            s->next = i;
    }
}

void stream_done(struct stream *s)
{
    struct allowance *a = &s->rec->allowance;
    unload(s);
    forget_members(s);
    allowance_free(a, s->member, s->member_cap * sizeof *s->member);
    allowance_free(a, s->spare, s->spare_cap * sizeof *s->spare);
    allowance_free(a, s->column, s->column_cap * sizeof *s->column);
    allowance_free(a, s->pattern, s->pattern_cap * sizeof *s->pattern);
    payload_done(s->rec, &s->payload);
}

/* ---- ticks ---- */

int stream_tick(struct stream *s)
{
    s->at = 0;
    if (s->loaded && s->tick + 1 < s->samples.ticks) {
        s->tick++;
    } else {
        int r = next_block(s);
        if (r != 1)
            return r;
        s->tick = 0;
    }
    for (size_t i = 0; i < s->samples.patterns; i++)
        s->pattern[i].mask = pattern_next(&s->pattern[i].walk);
    s->any = true;
    s->last_ns = stream_time(s);
    return 1;
}

static uint64_t sampled_metrics(const struct stream *s, const struct member *m)
{
    const struct kind_metrics *k = s->rec->kind[m->kind];
    uint32_t groups = m->mask >> PATTERN_GROUP_SHIFT;
    uint64_t metrics = 0;
    if (k == NULL)
        return 0;
    for (groups &= (1u << GROUPS_MAX) - 1; groups != 0; groups &= groups - 1)
        metrics |= k->of_group[__builtin_ctz(groups)];
    return metrics;
}

static bool step_columns(const struct stream *s, struct member *m)
{
    for (unsigned i = 0; i < m->columns; i++) {
        struct column *c = &s->column[m->column + i];
        uint64_t bit = UINT64_C(1) << c->position;
        if ((m->sampled & bit) == 0)
            continue;
        if (c->walk.same > 0) {
            c->walk.same--;
            continue;
        }
        if (!column_next(&c->walk))
            return false;
        if (cursor_left(&c->walk.tokens) == 0 && c->walk.same == 0 && c->walk.missing == 0)
            c->walk.same = TICKS_MAX; /* as before to the end of the block */
        if (c->walk.known) {
            m->value[c->position] = c->walk.value;
            m->known |= bit;
        } else {
            m->known &= ~bit;
        }
    }
    return true;
}

int stream_next(struct stream *s, struct tacho_sample *ret)
{
    for (; s->at < s->members; s->at++) {
        struct member *m = &s->member[s->at];
        uint32_t mask = m->listed ? s->pattern[m->pattern].mask : 0;
        if ((mask & PATTERN_PRESENT) == 0)
            continue;
        if (mask != m->mask) {
            m->mask = mask;
            m->sampled = sampled_metrics(s, m);
        }
        if (!step_columns(s, m)) {
            give_up_block(s);
            return 0;
        }
        s->at++;
        *ret = (struct tacho_sample){.time_ns = stream_time(s),
                                     .entity = m->entity,
                                     .kind = m->kind,
                                     .idle = (mask & PATTERN_IDLE) != 0,
                                     .known = m->known,
                                     .fresh = m->sampled & m->known,
                                     .value = m->value};
        return 1;
    }
    return 0;
}
