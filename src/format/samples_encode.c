/* Staging samples tick by tick and encoding them entity by entity; see samples.h for the layout. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/samples.h"

#define NO_RECORD UINT32_MAX
#define ARENA_MAX_WORDS (UINT32_MAX - 1) /* offsets in the arena are 32-bit words of 8 bytes */
#define PATTERN_SLOTS 1024               /* hash slots, a power of two */

struct track {
    struct track *next;
    uint32_t entity;
    uint8_t kind;
    bool seen; /* something was staged before this block */
    bool removed;
    uint16_t removed_tick; /* of the block: from then on it is only there where it was staged */
    uint32_t first_record, last_record; /* offsets in the arena, NO_RECORD */
    uint64_t known;                     /* metrics whose last value was valid */
    uint64_t last[];                    /* per metric, as the decoder has it */
};

/* One staged sample in the arena, followed by the values of its groups in order of position. */
struct staged {
    uint32_t next;
    uint16_t tick;
    uint16_t idle;
    uint32_t groups;
    uint32_t reserved;
    uint64_t known;
};
#define STAGED_WORDS (sizeof(struct staged) / 8)

struct group_masks {
    uint64_t of_group[GROUPS_MAX];
    unsigned metric_count;
};

struct stage {
    unsigned kind;
    uint64_t interval_ns;
    uint32_t quiet; /* the pattern's mask for ticks at which nothing was staged */
    struct group_masks masks[ENTITY_KINDS];
    struct track *first, **end;
    size_t tracks;
    uint64_t *arena;
    size_t arena_words, arena_cap;
    bool lost; /* a sample found no memory: silence would pass for standing still */
    unsigned ticks;
    uint64_t time_ns[TICKS_MAX];
    /* The patterns of the block under way: encoded runs, found by hash. */
    struct buffer patterns;
    uint32_t slot_start[PATTERN_SLOTS], slot_bytes[PATTERN_SLOTS], slot_index[PATTERN_SLOTS];
    unsigned pattern_count;
    struct buffer entities, column;
};

struct stage *stage_new(unsigned kind, uint64_t interval_ns, uint32_t quiet_groups)
{
    struct stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL)
        return NULL;
    stage->kind = kind;
    stage->interval_ns = interval_ns;
    if (quiet_groups == QUIET_UNKNOWN)
        stage->quiet = PATTERN_PRESENT;
    else if (quiet_groups != 0)
        stage->quiet = PATTERN_PRESENT | PATTERN_IDLE | quiet_groups << PATTERN_GROUP_SHIFT;
    stage->end = &stage->first;
    for (unsigned k = kind_after(0); k != 0; k = kind_after(k)) {
        const struct kind_info *info = kind_info(k);
        stage->masks[k].metric_count = info->metric_count;
        for (unsigned g = 0; g < info->group_count; g++)
            stage->masks[k].of_group[g] = kind_group_mask(k, g);
    }
    return stage;
}

void stage_free(struct stage *stage)
{
    if (stage == NULL)
        return;
    for (struct track *t = stage->first, *next; t != NULL; t = next) {
        next = t->next;
        free(t);
    }
    free(stage->arena);
    buffer_done(&stage->patterns);
    buffer_done(&stage->entities);
    buffer_done(&stage->column);
    free(stage);
}

struct track *stage_add(struct stage *stage, uint32_t entity, unsigned kind)
{
    size_t values = stage->masks[kind].metric_count * sizeof(uint64_t);
    struct track *track = calloc(1, sizeof *track + values);
    if (track == NULL)
        return NULL;
    track->entity = entity;
    track->kind = (uint8_t)kind;
    track->first_record = track->last_record = NO_RECORD;
    *stage->end = track;
    stage->end = &track->next;
    stage->tracks++;
    return track;
}

void stage_remove(struct stage *stage, struct track *track)
{
    track->removed = true;
    track->removed_tick = (uint16_t)(stage->ticks > 0 ? stage->ticks - 1 : 0);
}

int stage_tick(struct stage *stage, uint64_t time_ns)
{
    if (stage->ticks == TICKS_MAX)
        return -EOVERFLOW;
    stage->time_ns[stage->ticks++] = time_ns;
    return 0;
}

static int arena_reserve(struct stage *stage, size_t words)
{
    if (words <= stage->arena_cap - stage->arena_words)
        return 0;
    size_t cap = stage->arena_cap < 4096 ? 4096 : stage->arena_cap * 2;
    while (cap < stage->arena_words + words)
        cap *= 2;
    if (cap > ARENA_MAX_WORDS)
        return -ENOMEM;
    uint64_t *grown = realloc(stage->arena, cap * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    stage->arena = grown;
    stage->arena_cap = cap;
    return 0;
}

static uint64_t metrics_of(const struct stage *stage, unsigned kind, uint32_t groups)
{
    uint64_t mask = 0;
    for (; groups != 0; groups &= groups - 1)
        mask |= stage->masks[kind].of_group[__builtin_ctz(groups)];
    return mask;
}

int stage_put(struct stage *stage, struct track *track, uint32_t groups, bool idle,
              const uint64_t *value, uint64_t known)
{
    uint64_t metrics = metrics_of(stage, track->kind, groups);
    size_t words = STAGED_WORDS + (size_t)__builtin_popcountll(metrics);
    if (stage->ticks == 0)
        return -EINVAL;
    if (arena_reserve(stage, words) != 0) {
        stage->lost = true;
        return -ENOMEM;
    }
    uint32_t at = (uint32_t)stage->arena_words;
    uint64_t *to = stage->arena + at;
    memcpy(to,
           &(struct staged){.next = NO_RECORD,
                            .tick = (uint16_t)(stage->ticks - 1),
                            .idle = idle,
                            .groups = groups,
                            .known = known},
           sizeof(struct staged));
    to += STAGED_WORDS;
    for (uint64_t left = metrics; left != 0; left &= left - 1) {
        unsigned m = (unsigned)__builtin_ctzll(left);
        *to++ = (known >> m & 1) != 0 ? value[m] : 0;
    }
    stage->arena_words += words;
    if (track->last_record == NO_RECORD)
        track->first_record = at;
    else
        memcpy(stage->arena + track->last_record, &at, sizeof at); /* its `next` */
    track->last_record = at;
    return 0;
}

size_t stage_bytes(const struct stage *stage)
{
    return stage->arena_words * sizeof(uint64_t);
}

unsigned stage_ticks(const struct stage *stage)
{
    return stage->ticks;
}

static struct staged staged_at(const struct stage *stage, uint32_t at)
{
    struct staged s;
    memcpy(&s, stage->arena + at, sizeof s);
    return s;
}

/* ---- patterns ---- */

static uint32_t bytes_hash(const uint8_t *bytes, size_t n)
{
    uint32_t h = UINT32_C(2166136261);
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * UINT32_C(16777619);
    return h;
}

/* The index of a pattern, entered into the block's list when it is new. */
static unsigned pattern_index(struct stage *stage, const uint8_t *runs, size_t n)
{
    uint32_t slot = bytes_hash(runs, n) & (PATTERN_SLOTS - 1);
    unsigned probes = 0;
    for (; stage->slot_bytes[slot] != 0 && probes < PATTERN_SLOTS; probes++) {
        if (stage->slot_bytes[slot] == n &&
            memcmp(stage->patterns.data + stage->slot_start[slot], runs, n) == 0)
            return stage->slot_index[slot];
        slot = (slot + 1) & (PATTERN_SLOTS - 1);
    }
    varint_put(&stage->patterns, n);
    uint32_t start = (uint32_t)stage->patterns.len;
    buffer_put(&stage->patterns, runs, n);
    if (probes < PATTERN_SLOTS) { /* a full table only costs repeated patterns */
        stage->slot_start[slot] = start;
        stage->slot_bytes[slot] = (uint32_t)n;
        stage->slot_index[slot] = stage->pattern_count;
    }
    return stage->pattern_count++;
}

static unsigned encode_pattern(struct stage *stage, struct track *track)
{
    uint8_t runs[TICKS_MAX * 2 * VARINT_MAX], *p = runs;
    uint32_t mask = 0, run = 0;
    uint32_t at = track->first_record;
    unsigned end = track->removed ? track->removed_tick : stage->ticks;
    struct staged s = {.tick = UINT16_MAX};
    if (at != NO_RECORD)
        s = staged_at(stage, at);
    for (unsigned tick = 0; tick < stage->ticks; tick++) {
        uint32_t now = track->seen && tick < end ? stage->quiet : 0;
        if (s.tick == tick) {
            track->seen = true;
            now = PATTERN_PRESENT | (s.idle ? PATTERN_IDLE : 0) | s.groups << PATTERN_GROUP_SHIFT;
            s = s.next != NO_RECORD ? staged_at(stage, s.next)
                                    : (struct staged){.tick = UINT16_MAX};
        }
        if (run > 0 && now != mask) {
            p = varint_write(varint_write(p, run), mask);
            run = 0;
        }
        mask = now;
        run++;
    }
    p = varint_write(varint_write(p, run), mask);
    return pattern_index(stage, runs, (size_t)(p - runs));
}

/* ---- columns ---- */

struct column_writer {
    struct buffer *out;
    uint64_t same, missing;
};

static void column_flush(struct column_writer *w)
{
    if (w->same > 0)
        varint_put(w->out, w->same << 1);
    if (w->missing > 0) {
        varint_put(w->out, 0);
        varint_put(w->out, w->missing);
    }
    w->same = w->missing = 0;
}

static void column_put_value(struct column_writer *w, uint64_t last, uint64_t value)
{
    column_flush(w);
    uint64_t z = zigzag((int64_t)(value - last));
    if (z != 0 && z < UINT64_C(1) << 63) {
        varint_put(w->out, z << 1 | 1);
        return;
    }
    uint8_t bytes[8];
    store_u64(bytes, value);
    varint_put(w->out, 1);
    buffer_put(w->out, bytes, sizeof bytes);
}

/* `ticks` more at which nothing changed: the same value, or still missing. */
static void column_put_same(struct column_writer *w, unsigned ticks)
{
    if (w->missing > 0)
        w->missing += ticks;
    else
        w->same += ticks;
}

/* What a staged sample says of one metric of a group that was sampled. */
static void column_put(struct column_writer *w, struct track *track, unsigned metric, bool known,
                       uint64_t value)
{
    const uint64_t bit = UINT64_C(1) << metric;
    bool before = (track->known & bit) != 0;
    if (known == before && (!known || value == track->last[metric])) {
        column_put_same(w, 1);
    } else if (!known) {
        column_flush(w);
        w->missing = 1;
        track->known &= ~bit;
    } else {
        column_put_value(w, track->last[metric], value);
        track->last[metric] = value;
        track->known |= bit;
    }
}

/*
 * Writes the tokens of one metric into stage->column. Where its group counts as sampled at ticks of
 * which nothing was staged, these are in the column too; `next` is the first tick that may be one.
 */
static void encode_column(struct stage *stage, struct track *track, unsigned metric, unsigned next)
{
    const uint64_t bit = UINT64_C(1) << metric;
    uint32_t quiet_groups = stage->quiet >> PATTERN_GROUP_SHIFT;
    bool quiet = (metrics_of(stage, track->kind, quiet_groups) & bit) != 0;
    struct column_writer w = {.out = &stage->column};
    buffer_clear(&stage->column);
    for (uint32_t at = track->first_record; at != NO_RECORD;) {
        struct staged s = staged_at(stage, at);
        uint64_t metrics = metrics_of(stage, track->kind, s.groups);
        if (quiet && s.tick > next)
            column_put_same(&w, s.tick - next);
        next = s.tick + 1u;
        if ((metrics & bit) != 0) {
            unsigned place = (unsigned)__builtin_popcountll(metrics & (bit - 1));
            uint64_t value = stage->arena[at + STAGED_WORDS + place];
            column_put(&w, track, metric, (s.known & bit) != 0, value);
        }
        at = s.next;
    }
    unsigned end = track->removed ? track->removed_tick : stage->ticks;
    if (quiet && w.missing > 0 && end > next)
        w.missing += end - next;
    w.same = 0; /* the rest is as before, and needs no words */
    column_flush(&w);
}

/* The metrics that any staged sample says something new about. Cheap for idle entities. */
static uint64_t changed_metrics(const struct stage *stage, const struct track *track)
{
    uint64_t changed = 0;
    for (uint32_t at = track->first_record; at != NO_RECORD;) {
        struct staged s = staged_at(stage, at);
        const uint64_t *value = stage->arena + at + STAGED_WORDS;
        for (uint64_t left = metrics_of(stage, track->kind, s.groups); left != 0;
             left &= left - 1) {
            unsigned m = (unsigned)__builtin_ctzll(left);
            uint64_t bit = UINT64_C(1) << m;
            bool moved = (s.known & bit) != 0 && *value != track->last[m];
            if (moved || ((s.known ^ track->known) & bit) != 0)
                changed |= bit;
            value++;
        }
        at = s.next;
    }
    return changed;
}

/* `next`: the first tick at which the entity may have been without anything being staged. */
static void encode_columns(struct stage *stage, struct track *track, unsigned next)
{
    struct buffer *out = &stage->entities;
    uint64_t columns = changed_metrics(stage, track);
    varint_put(out, columns);
    for (; columns != 0; columns &= columns - 1) {
        encode_column(stage, track, (unsigned)__builtin_ctzll(columns), next);
        varint_put(out, stage->column.len);
        buffer_put(out, stage->column.data, stage->column.len);
        out->failed |= stage->column.failed;
    }
}

/* The state before the block; what is unknown starts again from 0 for writer and reader alike. */
static void encode_snapshot(struct stage *stage, struct track *track)
{
    varint_put(&stage->entities, track->known);
    for (unsigned m = 0; m < stage->masks[track->kind].metric_count; m++) {
        if ((track->known >> m & 1) != 0)
            varint_put(&stage->entities, track->last[m]);
        else
            track->last[m] = 0;
    }
}

static bool worth_encoding(const struct stage *stage, const struct track *t, bool keyframe)
{
    bool quiet = stage->quiet != 0 && t->seen && (!t->removed || t->removed_tick > 0);
    return t->first_record != NO_RECORD || quiet || (keyframe && !t->removed);
}

static unsigned encode_entities(struct stage *stage, bool keyframe)
{
    unsigned count = 0;
    uint32_t before = 0;
    for (struct track *t = stage->first; t != NULL; t = t->next) {
        if (!worth_encoding(stage, t, keyframe))
            continue;
        varint_put(&stage->entities, t->entity - before);
        before = t->entity;
        if (stage->kind == 0)
            varint_put(&stage->entities, t->kind);
        unsigned quiet_from = t->seen ? 0 : stage->ticks;
        varint_put(&stage->entities, encode_pattern(stage, t));
        if (keyframe)
            encode_snapshot(stage, t);
        encode_columns(stage, t, quiet_from);
        t->first_record = t->last_record = NO_RECORD;
        count++;
    }
    return count;
}

static void encode_head(const struct stage *stage, struct buffer *out, unsigned entities)
{
    varint_put(out, stage->interval_ns);
    varint_put(out, stage->ticks);
    for (unsigned i = 1; i < stage->ticks; i++) {
        uint64_t distance = stage->time_ns[i] - stage->time_ns[i - 1];
        varint_put(out, zigzag((int64_t)(distance - stage->interval_ns)));
    }
    varint_put(out, stage->pattern_count);
    buffer_put(out, stage->patterns.data, stage->patterns.len);
    varint_put(out, stage->kind);
    varint_put(out, entities);
}

static void free_removed(struct stage *stage)
{
    struct track **link = &stage->first;
    while (*link != NULL) {
        struct track *t = *link;
        if (t->removed) {
            *link = t->next;
            free(t);
            stage->tracks--;
        } else {
            link = &t->next;
        }
    }
    stage->end = link;
}

int stage_encode(struct stage *stage, bool keyframe, struct buffer *ret, uint64_t *ret_first_ns,
                 uint64_t *ret_last_ns)
{
    if (stage->ticks == 0) {
        free_removed(stage);
        return -ENODATA;
    }
    buffer_clear(&stage->patterns);
    buffer_clear(&stage->entities);
    memset(stage->slot_bytes, 0, sizeof stage->slot_bytes);
    stage->pattern_count = 0;
    size_t start = ret->len;
    unsigned entities = encode_entities(stage, keyframe);
    encode_head(stage, ret, entities);
    buffer_put(ret, stage->entities.data, stage->entities.len);
    *ret_first_ns = stage->time_ns[0];
    *ret_last_ns = stage->time_ns[stage->ticks - 1];
    stage->ticks = 0;
    stage->arena_words = 0;
    free_removed(stage);
    bool lost = stage->lost;
    stage->lost = false;
    if (lost || ret->failed || stage->entities.failed || stage->patterns.failed) {
        ret->len = start;
        ret->failed = false;
        return -ENOMEM;
    }
    return 0;
}
