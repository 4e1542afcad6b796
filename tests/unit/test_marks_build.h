/* Recordings with marks, for the tests of what reads them. */
#ifndef TEST_MARKS_BUILD_H
#define TEST_MARKS_BUILD_H

#include "format/marks.h"
#include "test_read_build.h"

static inline void made_record(struct made *m, const struct record *record)
{
    record_put(&m->journal, record);
}

#define MADE(m, TYPE, field, ...) \
    made_record(m, &(struct record){.type = TYPE, .field = {__VA_ARGS__}})

static inline void made_site(struct made *m, uint64_t site, const char *name, const char *category)
{
    MADE(m, RECORD_SITE, site, .site = site, .name = span_text(name),
         .category = span_text(category));
}

static inline void made_thread(struct made *m, uint64_t thread, uint64_t entity, uint64_t tid,
                               uint64_t time_ns)
{
    MADE(m, RECORD_THREAD, thread, .thread = thread, .entity = entity, .tid = tid,
         .time_ns = time_ns);
}

static inline void made_thread_end(struct made *m, uint64_t thread, uint64_t time_ns)
{
    MADE(m, RECORD_THREAD, thread, .thread = thread, .time_ns = time_ns, .flags = THREAD_ENDED);
}

/* Sections gather in `payload` until they become a block. */
struct made_marks {
    struct marks_encoder *encoder;
    struct buffer payload;
    uint64_t first_ns, last_ns;
};

static inline void made_section(struct made_marks *k, uint64_t thread, uint64_t first_index,
                                const struct mark *mark, size_t n)
{
    if (k->encoder == NULL)
        k->encoder = marks_encoder_new();
    assert_non_null(k->encoder);
    if (k->payload.len == 0 || mark[0].time_ns < k->first_ns)
        k->first_ns = mark[0].time_ns;
    if (k->payload.len == 0 || mark[n - 1].time_ns > k->last_ns)
        k->last_ns = mark[n - 1].time_ns;
    marks_put(k->encoder, &k->payload, thread, first_index, mark, n);
}

/* What stands in the journal comes before. */
static inline void made_marks_block(struct made *m, struct made_marks *k)
{
    made_journal(m);
    made_block(m, BLOCK_MARKS, 0, k->first_ns, k->last_ns, k->payload.data, k->payload.len);
    buffer_clear(&k->payload);
}

static inline void made_marks_done(struct made_marks *k)
{
    marks_encoder_free(k->encoder);
    buffer_done(&k->payload);
    *k = (struct made_marks){0};
}

static inline uint64_t double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

#endif
