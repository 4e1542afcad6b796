/* Walks over marks: blocks one after another, in each its sections as they stand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/marks.h"
#include "read/opened.h"
#include "read/payload.h"

#define DECODER_BYTES (UINT64_C(6) << 20) /* what a decoder may take */

/* How far a thread came. */
struct progress {
    uint64_t index;   /* of its next mark */
    uint64_t last_ns; /* of its last */
};

struct tacho_marks {
    struct tacho_recording *rec;
    struct marks_decoder *decoder;
    struct payload payload;
    struct block_entry *entry; /* of the block under way, or NULL */
    struct cursor rest;        /* of its payload */
    size_t next;               /* the next block */
    uint32_t block;
    const struct mark *mark; /* of the section under way */
    size_t at, count;
    uint32_t thread;
    struct progress *progress; /* by place among the threads */
    struct progress *now;      /* of the section's thread */
    size_t threads;
    uint64_t missing;
};

int tacho_marks_open(struct tacho_recording *rec, struct tacho_marks **ret)
{
    struct tacho_marks *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return -ENOMEM;
    walk->rec = rec;
    if (allowance_take(&rec->allowance, DECODER_BYTES) != 0) {
        free(walk);
        return -ENOMEM;
    }
    walk->decoder = marks_decoder_new();
    if (walk->decoder == NULL) {
        tacho_marks_close(walk);
        return -ENOMEM;
    }
    *ret = walk;
    return 0;
}

void tacho_marks_close(struct tacho_marks *walk)
{
    if (walk == NULL)
        return;
    struct allowance *a = &walk->rec->allowance;
    payload_done(walk->rec, &walk->payload);
    marks_decoder_free(walk->decoder);
    allowance_free(a, walk->progress, walk->threads * sizeof *walk->progress);
    allowance_give(a, DECODER_BYTES);
    free(walk);
}

uint64_t tacho_marks_missing(const struct tacho_marks *walk)
{
    return walk->missing;
}

/* Room for all threads of the journal: there may be more of them since the last time. */
static int make_progress(struct tacho_marks *walk)
{
    size_t n = walk->rec->threads.items.count;
    if (n <= walk->threads)
        return 0;
    struct progress *grown = allowance_realloc(&walk->rec->allowance, walk->progress,
                                               walk->threads * sizeof *grown, n * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    memset(grown + walk->threads, 0, (n - walk->threads) * sizeof *grown);
    walk->progress = grown;
    walk->threads = n;
    return 0;
}

/* Opens the next block that can be read. 1, 0 after the last, or -errno. */
static int next_block(struct tacho_marks *walk)
{
    struct tacho_recording *rec = walk->rec;
    while (walk->next < rec->marks.count) {
        struct block_entry *entry = chunks_at(&rec->marks, walk->next);
        int r = payload_load(rec, entry, &walk->payload);
        if (r == 0)
            r = payload_decode(rec, entry, walk->payload.stored, &walk->payload);
        if (r != 0 && r != -EPROTO && r != -E2BIG)
            return r;
        walk->block = (uint32_t)walk->next++;
        if (r != 0) {
            count_undecodable(rec, entry);
            continue;
        }
        const uint8_t *bytes = walk->payload.bytes;
        walk->entry = entry;
        walk->rest = (struct cursor){bytes, bytes + walk->payload.n, false};
        return make_progress(walk) == 0 ? 1 : -ENOMEM;
    }
    return 0;
}

/* Takes up what is new in a section. Marks of a thread of which nothing is known are missing. */
static void begin_section(struct tacho_marks *walk, const struct marks_section *section,
                          const struct mark *mark)
{
    const struct keyed *threads = &walk->rec->threads;
    const uint64_t *place = NULL;
    if (section->thread > 0 && section->thread <= UINT32_MAX)
        place = map_get(&threads->place, (uint32_t)section->thread * walk->rec->scatter);
    walk->at = walk->count = 0;
    if (place == NULL) {
        walk->missing += section->count;
        return;
    }
    struct progress *now = &walk->progress[*place];
    uint64_t first = section->first_index, end = first + section->count;
    if (end <= now->index)
        return;
    if (first > now->index)
        walk->missing += first - now->index;
    walk->at = first < now->index ? now->index - first : 0;
    walk->count = section->count;
    walk->mark = mark;
    walk->thread = (uint32_t)section->thread;
    walk->now = now;
    now->index = end;
}

static int next_section(struct tacho_marks *walk)
{
    struct marks_section section;
    const struct mark *mark;
    if (walk->entry == NULL) {
        int r = next_block(walk);
        if (r <= 0)
            return r;
    }
    int r = marks_next(walk->decoder, &walk->rest, &section, &mark);
    if (r == 1) {
        begin_section(walk, &section, mark);
        return 1;
    }
    if (r == -EPROTO)
        count_undecodable(walk->rec, walk->entry);
    else if (r != 0)
        return r;
    walk->entry = NULL;
    return 1;
}

static double double_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

int tacho_marks_next(struct tacho_marks *walk, struct tacho_mark *ret)
{
    while (walk->at == walk->count) {
        int r = next_section(walk);
        if (r <= 0)
            return r;
    }
    static const enum tacho_mark_kind kinds[MARK_KINDS] = {
        [MARK_BEGIN] = TACHO_MARK_BEGIN,     [MARK_END] = TACHO_MARK_END,
        [MARK_COUNTER] = TACHO_MARK_COUNTER, [MARK_BEGIN_CPU] = TACHO_MARK_BEGIN,
        [MARK_END_CPU] = TACHO_MARK_END,
    };
    const struct mark *m = &walk->mark[walk->at++];
    struct progress *now = walk->now;
    /* Within a section times ascend; between two a file can say anything. */
    if (m->time_ns > now->last_ns)
        now->last_ns = m->time_ns;
    ret->time_ns = now->last_ns;
    ret->thread = walk->thread;
    ret->site = m->site;
    ret->block = walk->block;
    ret->kind = kinds[m->kind];
    ret->cpu_ns = m->kind > MARK_COUNTER ? m->value : TACHO_TIME_UNKNOWN;
    ret->value = m->kind == MARK_COUNTER ? double_of(m->value) : 0;
    return 1;
}
