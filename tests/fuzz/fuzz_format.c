/*
 * The decoders of format/ on any bytes, and its encoder on any script of samples: what it encodes must
 * come back. The first byte says which.
 */
#undef NDEBUG
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/block.h"
#include "format/marks.h"
#include "format/records.h"
#include "format/samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t touched; /* what is read must be there to be read */

/* What was decoded, encoded and decoded again, is the same. */
static void fuzz_records(const uint8_t *data, size_t size)
{
    struct cursor c = {data, data + size, false};
    struct record record, again;
    int r;
    while ((r = record_next(&c, &record)) == 1) {
        struct buffer b = {0}, b2 = {0};
        record_put(&b, &record);
        if (b.len > 0) { /* of a type that is known */
            struct cursor back = {b.data, b.data + b.len, false};
            assert(record_next(&back, &again) == 1 && again.type == record.type);
            record_put(&b2, &again);
            assert(b2.len == b.len && memcmp(b.data, b2.data, b.len) == 0);
        }
        buffer_done(&b);
        buffer_done(&b2);
    }
    assert(r == 0 || c.at <= c.end);
}

static void fuzz_header(const uint8_t *data, size_t size)
{
    uint8_t bytes[BLOCK_HEADER_BYTES] = {0}, again[BLOCK_HEADER_BYTES];
    struct block_header header, back;
    memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
    if (block_header_decode(bytes, &header) != BLOCK_OK) {
        header = (struct block_header){.version = 1, .type = bytes[5], .flags = bytes[7]};
        memcpy(&header.sequence, bytes + 16, 8);
    }
    block_header_encode(&header, again);
    assert(block_header_decode(again, &back) == BLOCK_OK);
    assert(back.sequence == header.sequence && back.raw_bytes == header.raw_bytes);
}

static void decode_entity(const struct samples *s, const struct samples_entity *e)
{
    struct cursor c = e->column;
    struct pattern_walk pattern = {.runs = s->pattern[e->pattern]};
    for (unsigned i = 0; i < s->ticks; i++)
        touched += pattern_next(&pattern);
    for (uint64_t left = e->columns; left != 0; left &= left - 1) {
        uint64_t n = cursor_varint(&c);
        const uint8_t *tokens = cursor_bytes(&c, n);
        struct column_walk w = {.tokens = {tokens, tokens + n, false}};
        for (unsigned i = 0; i < s->ticks && column_next(&w); i++)
            touched += w.known ? w.value : 0;
    }
}

static void fuzz_samples(const uint8_t *data, size_t size)
{
    struct samples s;
    struct samples_entity e;
    uint32_t last = 0;
    if (size == 0 || samples_open(data + 1, size - 1, data[0], (data[0] & 1) != 0, &s) != 0)
        return;
    while (samples_next(&s, &e) == 1) {
        assert(e.entity > last && e.pattern < s.patterns);
        last = e.entity;
        decode_entity(&s, &e);
    }
    samples_done(&s);
}

/* What was decoded, encoded and decoded again, is the same. */
static void fuzz_marks(const uint8_t *data, size_t size)
{
    static struct marks_decoder *decoder, *back;
    static struct marks_encoder *encoder;
    if (decoder == NULL) {
        decoder = marks_decoder_new();
        back = marks_decoder_new();
        encoder = marks_encoder_new();
    }
    assert(decoder != NULL && back != NULL && encoder != NULL);
    struct cursor c = {data, data + size, false};
    struct marks_section section, again;
    const struct mark *mark, *mark2;
    while (marks_next(decoder, &c, &section, &mark) == 1) {
        struct buffer b = {0};
        assert(section.count > 0 && section.count <= MARKS_MAX);
        marks_put(encoder, &b, section.thread, section.first_index, mark, section.count);
        struct cursor c2 = {b.data, b.data + b.len, false};
        assert(marks_next(back, &c2, &again, &mark2) == 1);
        assert(memcmp(&section, &again, sizeof section) == 0);
        assert(memcmp(mark, mark2, section.count * sizeof *mark) == 0);
        assert(marks_next(back, &c2, &again, &mark2) == 0);
        buffer_done(&b);
    }
}

/* ---- encode, decode, compare ---- */

#define TRACKS 4
#define SCRIPT_TICKS 64

struct put {
    bool there, idle;
    uint32_t groups;
    uint64_t known; /* among the sampled */
    uint64_t value[PROCESS_METRICS];
};

struct script {
    struct cursor c;
    unsigned ticks;
    uint64_t time_ns[SCRIPT_TICKS];
    struct put put[TRACKS][SCRIPT_TICKS];
    /* Before the block. */
    uint64_t known[TRACKS], value[TRACKS][PROCESS_METRICS];
};

static uint64_t take(struct script *s)
{
    return cursor_left(&s->c) > 0 ? cursor_varint(&s->c) : 0;
}

static uint64_t metrics_of(uint32_t groups)
{
    uint64_t metrics = 0;
    for (; groups != 0; groups &= groups - 1)
        metrics |= kind_group_mask(ENTITY_PROCESS, (unsigned)__builtin_ctz(groups));
    return metrics;
}

static void take_put(struct script *s, struct put *put, const uint64_t *before)
{
    uint64_t what = take(s);
    *put = (struct put){.there = (what & 1) != 0, .idle = (what & 2) != 0};
    memcpy(put->value, before, sizeof put->value);
    if (!put->there)
        return;
    put->groups = (uint32_t)(what >> 3) & ((1u << PROCESS_GROUPS) - 1);
    uint64_t metrics = metrics_of(put->groups);
    put->known = (what & 4) != 0 ? metrics & ~take(s) : metrics;
    for (uint64_t left = metrics & (what >> 14); left != 0; left &= left - 1)
        put->value[__builtin_ctzll(left)] += take(s);
}

static void stage_script(struct script *s, struct stage *stage, struct track *const *track)
{
    uint64_t now[TRACKS][PROCESS_METRICS];
    memcpy(now, s->value, sizeof now);
    s->ticks = 1 + (unsigned)(take(s) % SCRIPT_TICKS);
    for (unsigned t = 0; t < s->ticks; t++) {
        s->time_ns[t] = (t > 0 ? s->time_ns[t - 1] : 1) + (take(s) & UINT32_MAX);
        assert(stage_tick(stage, s->time_ns[t]) == 0);
        for (unsigned i = 0; i < TRACKS; i++) {
            struct put *put = &s->put[i][t];
            take_put(s, put, now[i]);
            memcpy(now[i], put->value, sizeof now[i]);
            if (put->there)
                assert(stage_put(stage, track[i], put->groups, put->idle, put->value, put->known) ==
                       0);
        }
    }
}

/* Plays one entity of the block against the script and moves its state to after the block. */
static void compare_entity(struct script *s, unsigned i, const struct samples *samples,
                           const struct samples_entity *e)
{
    struct column_walk walk[PROCESS_METRICS] = {0};
    struct cursor c = e->column, snapshot = e->snapshot;
    struct pattern_walk pattern = {.runs = samples->pattern[e->pattern]};
    if (samples->keyframe) {
        assert(e->snapshot_known == s->known[i]);
        for (unsigned m = 0; m < PROCESS_METRICS; m++) {
            if ((s->known[i] >> m & 1) != 0)
                assert(cursor_varint(&snapshot) == s->value[i][m]);
            else
                s->value[i][m] = 0;
        }
    }
    for (unsigned m = 0; m < PROCESS_METRICS; m++) {
        walk[m].value = s->value[i][m];
        walk[m].known = (s->known[i] >> m & 1) != 0;
        if ((e->columns >> m & 1) != 0) {
            uint64_t n = cursor_varint(&c);
            const uint8_t *tokens = cursor_bytes(&c, n);
            walk[m].tokens = (struct cursor){tokens, tokens + n, false};
        }
    }
    for (unsigned t = 0; t < samples->ticks; t++) {
        const struct put *put = &s->put[i][t];
        uint32_t mask = pattern_next(&pattern);
        uint32_t expected =
            PATTERN_PRESENT | (put->idle ? PATTERN_IDLE : 0) | put->groups << PATTERN_GROUP_SHIFT;
        assert(mask == (put->there ? expected : 0));
        for (uint64_t left = metrics_of(put->groups); left != 0; left &= left - 1) {
            unsigned m = (unsigned)__builtin_ctzll(left);
            if ((e->columns >> m & 1) != 0)
                assert(column_next(&walk[m]));
            assert(walk[m].known == ((put->known >> m & 1) != 0));
            assert(!walk[m].known || walk[m].value == put->value[m]);
        }
    }
    s->known[i] = 0;
    for (unsigned m = 0; m < PROCESS_METRICS; m++) {
        assert(walk[m].same == 0 && walk[m].missing == 0 && cursor_left(&walk[m].tokens) == 0);
        s->known[i] |= (uint64_t)walk[m].known << m;
        s->value[i][m] = walk[m].value;
    }
}

static void fuzz_stage(const uint8_t *data, size_t size)
{
    static struct script s;
    struct stage *stage = stage_new(ENTITY_PROCESS, 100, 0);
    struct track *track[TRACKS];
    s = (struct script){.c = {data, data + size, false}};
    for (unsigned i = 0; i < TRACKS; i++)
        track[i] = stage_add(stage, i * 1000 + 1, ENTITY_PROCESS);
    while (cursor_left(&s.c) > 0) {
        struct buffer payload = {0};
        struct samples samples;
        struct samples_entity e;
        uint64_t first_ns, last_ns;
        bool keyframe = (take(&s) & 1) != 0;
        stage_script(&s, stage, track);
        assert(stage_encode(stage, keyframe, &payload, &first_ns, &last_ns) == 0);
        assert(samples_open(payload.data, payload.len, first_ns, keyframe, &samples) == 0);
        assert(samples.ticks == s.ticks && samples.kind == ENTITY_PROCESS);
        assert(memcmp(samples.time_ns, s.time_ns, s.ticks * sizeof s.time_ns[0]) == 0);
        unsigned seen = 0;
        while (samples_next(&samples, &e) == 1) {
            unsigned i = e.entity / 1000;
            compare_entity(&s, i, &samples, &e);
            seen |= 1u << i;
        }
        for (unsigned i = 0; i < TRACKS; i++)
            for (unsigned t = 0; t < s.ticks; t++)
                assert((seen >> i & 1) != 0 || !s.put[i][t].there);
        samples_done(&samples);
        buffer_done(&payload);
    }
    stage_free(stage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 'M') {
        fuzz_marks(data + 1, size - 1);
        return 0;
    }
    switch (data[0] & 3) {
    case 0: fuzz_records(data + 1, size - 1); break;
    case 1: fuzz_header(data + 1, size - 1); break;
    case 2: fuzz_samples(data + 1, size - 1); break;
    default: fuzz_stage(data + 1, size - 1); break;
    }
    return 0;
}
