/*
 * Marks: the begins and ends of scopes and the values of counters, as a marks block holds them.
 *
 * The payload is a sequence of sections, one for each thread that marked: thread, the number of its
 * first mark (from 0, of all the thread's), how many marks, and three columns, each a length in bytes
 * and as many bytes. A regular loop costs 2 bytes a scope or less:
 *
 * - words: kind and site. A word that is what followed the last time after the word before costs
 *   nothing: runs of such are counted. After an end, what counts is which scope ended: an end of
 *   site 0 is as cheap as one that names its site, however scopes are nested.
 * - times: the distance to the mark before, as its difference from the last distance of the same
 *   word, or of an end of a scope that began with the same word.
 * - values: of marks that have one.
 *
 * Sections can be decoded alone: what words follow each other is learnt anew in each.
 */
#ifndef TACHO_FORMAT_MARKS_H
#define TACHO_FORMAT_MARKS_H

#include "format/varint.h"

enum mark_kind {
    MARK_BEGIN = 0,
    MARK_END = 1, /* of the innermost scope of its site; site 0: of the innermost one */
    MARK_COUNTER = 2,
    MARK_BEGIN_CPU = 3, /* as BEGIN and END, with the thread's CPU clock as its value */
    MARK_END_CPU = 4,
    MARK_KINDS
};

struct mark {
    uint64_t time_ns; /* CLOCK_MONOTONIC; not before the thread's mark before it */
    uint64_t value;   /* COUNTER: the bits of a double; *_CPU: ns; else 0 */
    uint32_t site;
    uint32_t kind;
};

static inline bool mark_has_value(uint32_t kind)
{
    return kind >= MARK_COUNTER;
}

/* Of one section, before its marks. */
struct marks_section {
    uint64_t thread, first_index, count;
};

/*
 * Appends a section with `n` marks (at most MARKS_MAX, n > 0) to a payload. Failure shows in
 * `ret->failed`. Costs about 10 ns a mark. Sites are below MARK_SITES_MAX.
 */
#define MARKS_MAX 65536
#define MARK_SITES_MAX (1u << 20)
struct marks_encoder;                          /* working memory, used again */
struct marks_encoder *marks_encoder_new(void); /* NULL without memory */
void marks_encoder_free(struct marks_encoder *encoder);
void marks_put(struct marks_encoder *encoder, struct buffer *ret, uint64_t thread,
               uint64_t first_index, const struct mark *mark, size_t n);

/*
 * Takes the next section off a payload: 1, 0 at the end, -EPROTO for bytes that are none, -ENOMEM. The
 * marks are at `*ret_marks` until the next call. Never more than MARKS_MAX, whatever the bytes say.
 */
struct marks_decoder;
struct marks_decoder *marks_decoder_new(void);
void marks_decoder_free(struct marks_decoder *decoder);
int marks_next(struct marks_decoder *decoder, struct cursor *payload, struct marks_section *ret,
               const struct mark **ret_marks);

#endif
