/* Marks payloads, both ways. See marks.h and docs/FORMAT.md for the layout. */
#include "format/marks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"

#define NO_WORD UINT32_MAX
#define WORD_KIND_BITS 3
#define SLOTS (2 * MARKS_MAX) /* of the encoder's hash: never more than half full */

/* How the values of counters stand in the third column. */
enum values_layout { VALUES_RAW = 0, VALUES_CHANGED = 1 };

/*
 * Where a mark can stand: as a word, or as the end of the scope that a word began. An end that names no
 * site is the same word whatever it ends; what follows it, and when, depends on what it ended.
 */
struct place {
    uint32_t next;     /* the word that followed the last time */
    uint64_t distance; /* in time, the last */
    uint64_t value;    /* of counters: the bits; of CPU clocks: the last distance */
};

/* What both sides learn on their way through a section. Words are numbered as they appear. */
struct learnt {
    uint32_t *word;      /* site and kind */
    struct place *place; /* of word n: 2n as such, 2n + 1 as the end of what it began */
    uint32_t *open;      /* numbers of the words that began what is open in this section */
    uint32_t words, depth;
    uint32_t first; /* the word that is foreseen before any: none */
};

static bool learnt_new(struct learnt *l)
{
    /* Touched only as far as a section has words. */
    l->word = malloc(MARKS_MAX * sizeof *l->word);
    l->place = malloc(2 * MARKS_MAX * sizeof *l->place);
    l->open = malloc(MARKS_MAX * sizeof *l->open);
    return l->word != NULL && l->place != NULL && l->open != NULL;
}

static void learnt_free(struct learnt *l)
{
    free(l->word);
    free(l->place);
    free(l->open);
}

static void learnt_clear(struct learnt *l)
{
    l->words = l->depth = 0;
    l->first = NO_WORD;
}

static uint32_t learn(struct learnt *l, uint32_t word)
{
    l->word[l->words] = word;
    l->place[2 * l->words] = l->place[2 * l->words + 1] = (struct place){.next = NO_WORD};
    return l->words++;
}

/* Where a mark of that word stands. An end always ends one scope here, whatever its site says. */
static uint32_t arrive(struct learnt *l, uint32_t number)
{
    uint32_t kind = l->word[number] & ((1u << WORD_KIND_BITS) - 1);
    if (kind == MARK_BEGIN || kind == MARK_BEGIN_CPU)
        l->open[l->depth++] = number; /* each takes a mark, so there is room */
    else if ((kind == MARK_END || kind == MARK_END_CPU) && l->depth > 0)
        return 2 * l->open[--l->depth] + 1;
    return 2 * number;
}

static uint32_t *foreseen_after(struct learnt *l, uint32_t place)
{
    return place == NO_WORD ? &l->first : &l->place[place].next;
}

static uint64_t swap_bytes(uint64_t v)
{
    return __builtin_bswap64(v);
}

/* ---- encoding ---- */

struct marks_encoder {
    struct learnt learnt;
    uint32_t *slot;  /* number of a word + 1, or 0 */
    uint32_t *home;  /* of each word, among the slots */
    uint32_t *stand; /* the place of each mark */
    struct buffer words, times, values;
};

struct marks_encoder *marks_encoder_new(void)
{
    struct marks_encoder *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->slot = calloc(SLOTS, sizeof *e->slot);
    e->home = malloc(MARKS_MAX * sizeof *e->home);
    e->stand = malloc(MARKS_MAX * sizeof *e->stand);
    if (learnt_new(&e->learnt) && e->slot != NULL && e->home != NULL && e->stand != NULL)
        return e;
    marks_encoder_free(e);
    return NULL;
}

void marks_encoder_free(struct marks_encoder *e)
{
    if (e == NULL)
        return;
    buffer_done(&e->words);
    buffer_done(&e->times);
    buffer_done(&e->values);
    learnt_free(&e->learnt);
    free(e->slot);
    free(e->home);
    free(e->stand);
    free(e);
}

/* The slot that holds the word, or the empty one where it would go. */
static uint32_t slot_of(const struct marks_encoder *e, uint32_t word)
{
    uint32_t i = (uint32_t)((word * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (SLOTS - 1);
    while (e->slot[i] != 0 && e->learnt.word[e->slot[i] - 1] != word)
        i = (i + 1) & (SLOTS - 1);
    return i;
}

/* A word that was not foreseen: by its number, or with 0 before it when it is new. */
static uint32_t put_word(struct marks_encoder *e, uint32_t word)
{
    uint32_t slot = slot_of(e, word);
    if (e->slot[slot] != 0) {
        varint_put(&e->words, e->slot[slot]);
        return e->slot[slot] - 1;
    }
    uint32_t number = learn(&e->learnt, word);
    e->home[number] = slot;
    e->slot[slot] = number + 1;
    varint_put(&e->words, 0);
    varint_put(&e->words, word);
    return number;
}

static void put_words(struct marks_encoder *e, const struct mark *mark, size_t n)
{
    uint32_t before = NO_WORD;
    uint64_t run = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = mark[i].site << WORD_KIND_BITS | mark[i].kind;
        uint32_t *foreseen = foreseen_after(&e->learnt, before);
        if (*foreseen != NO_WORD && e->learnt.word[*foreseen] == word) {
            run++;
        } else {
            varint_put(&e->words, run);
            run = 0;
            *foreseen = put_word(e, word);
        }
        before = e->stand[i] = arrive(&e->learnt, *foreseen);
    }
    if (run > 0)
        varint_put(&e->words, run);
}

static void put_times(struct marks_encoder *e, const struct mark *mark, size_t n)
{
    if (buffer_reserve(&e->times, n * VARINT_MAX) != 0)
        return;
    uint8_t *p = varint_write(e->times.data, mark[0].time_ns);
    for (size_t i = 1; i < n; i++) {
        struct place *place = &e->learnt.place[e->stand[i]];
        uint64_t distance = mark[i].time_ns - mark[i - 1].time_ns;
        p = varint_write(p, zigzag((int64_t)(distance - place->distance)));
        place->distance = distance;
    }
    e->times.len = (size_t)(p - e->times.data);
}

static void put_value(struct marks_encoder *e, struct place *place, const struct mark *mark,
                      enum values_layout layout, uint64_t *cpu_ns)
{
    if (mark->kind != MARK_COUNTER) {
        uint64_t distance = mark->value - *cpu_ns;
        varint_put(&e->values, zigzag((int64_t)(distance - place->value)));
        place->value = distance;
        *cpu_ns = mark->value;
    } else if (layout == VALUES_CHANGED) {
        /* Of round numbers only the top bytes differ: swapped they are a small number. */
        varint_put(&e->values, swap_bytes(mark->value ^ place->value));
        place->value = mark->value;
    } else {
        uint8_t bytes[8];
        store_u64(bytes, mark->value);
        buffer_put(&e->values, bytes, sizeof bytes);
    }
}

static void put_values(struct marks_encoder *e, const struct mark *mark, size_t n,
                       enum values_layout layout)
{
    uint64_t cpu_ns = 0;
    buffer_clear(&e->values);
    for (uint32_t p = 0; p < 2 * e->learnt.words; p++)
        e->learnt.place[p].value = 0;
    for (size_t i = 0; i < n; i++) {
        if (!mark_has_value(mark[i].kind))
            continue;
        if (e->values.len == 0)
            buffer_put_byte(&e->values, (uint8_t)layout);
        put_value(e, &e->learnt.place[e->stand[i]], &mark[i], layout, &cpu_ns);
    }
}

static void put_column(struct buffer *ret, const struct buffer *column)
{
    varint_put(ret, column->len);
    buffer_put(ret, column->data, column->len);
    ret->failed |= column->failed;
}

void marks_put(struct marks_encoder *e, struct buffer *ret, uint64_t thread, uint64_t first_index,
               const struct mark *mark, size_t n)
{
    size_t counters = 0, before;
    if (n == 0 || n > MARKS_MAX)
        return;
    learnt_clear(&e->learnt);
    buffer_clear(&e->words);
    buffer_clear(&e->times);
    put_words(e, mark, n);
    put_times(e, mark, n);
    for (size_t i = 0; i < n; i++)
        counters += mark[i].kind == MARK_COUNTER;
    put_values(e, mark, n, VALUES_CHANGED);
    before = e->values.len;
    if (counters > 0 && before > counters * 8) { /* it may not have paid */
        put_values(e, mark, n, VALUES_RAW);
        if (e->values.len > before)
            put_values(e, mark, n, VALUES_CHANGED);
    }
    varint_put(ret, thread);
    varint_put(ret, first_index);
    varint_put(ret, n);
    put_column(ret, &e->words);
    put_column(ret, &e->times);
    put_column(ret, &e->values);
    for (uint32_t w = 0; w < e->learnt.words; w++)
        e->slot[e->home[w]] = 0;
}

/* ---- decoding: every byte may be hostile ---- */

struct marks_decoder {
    struct learnt learnt;
    uint32_t *stand; /* the place of each mark */
    struct mark *mark;
};

struct marks_decoder *marks_decoder_new(void)
{
    struct marks_decoder *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->stand = malloc(MARKS_MAX * sizeof *d->stand);
    d->mark = malloc(MARKS_MAX * sizeof *d->mark);
    if (learnt_new(&d->learnt) && d->stand != NULL && d->mark != NULL)
        return d;
    marks_decoder_free(d);
    return NULL;
}

void marks_decoder_free(struct marks_decoder *d)
{
    if (d == NULL)
        return;
    learnt_free(&d->learnt);
    free(d->stand);
    free(d->mark);
    free(d);
}

static struct cursor take_column(struct cursor *c)
{
    uint64_t n = cursor_varint(c);
    const uint8_t *bytes = cursor_bytes(c, n);
    return (struct cursor){bytes, bytes != NULL ? bytes + n : bytes, bytes == NULL};
}

/* A word by its number, or a new one; NO_WORD for what is none. */
static uint32_t take_word(struct learnt *l, struct cursor *c)
{
    uint64_t token = cursor_varint(c);
    if (token > 0)
        return token <= l->words ? (uint32_t)token - 1 : NO_WORD;
    uint64_t word = cursor_varint(c);
    uint64_t kind = word & ((1u << WORD_KIND_BITS) - 1);
    if (c->bad || kind >= MARK_KINDS || word >> WORD_KIND_BITS >= MARK_SITES_MAX)
        return NO_WORD;
    return learn(l, (uint32_t)word); /* each takes a mark, so there is room */
}

/* Returns where the mark stands. */
static uint32_t set_word(struct marks_decoder *d, size_t i, uint32_t number)
{
    uint32_t word = d->learnt.word[number];
    d->mark[i].site = word >> WORD_KIND_BITS;
    d->mark[i].kind = word & ((1u << WORD_KIND_BITS) - 1);
    d->mark[i].value = 0;
    return d->stand[i] = arrive(&d->learnt, number);
}

static bool take_words(struct marks_decoder *d, struct cursor c, size_t n)
{
    uint32_t before = NO_WORD;
    for (size_t i = 0; i < n;) {
        uint64_t run = cursor_varint(&c);
        if (c.bad || run > n - i)
            return false;
        for (; run > 0; run--) {
            uint32_t number = *foreseen_after(&d->learnt, before);
            if (number == NO_WORD)
                return false;
            before = set_word(d, i++, number);
        }
        if (i == n)
            break;
        uint32_t number = take_word(&d->learnt, &c);
        if (number == NO_WORD)
            return false;
        *foreseen_after(&d->learnt, before) = number;
        before = set_word(d, i++, number);
    }
    return !c.bad && cursor_left(&c) == 0;
}

static bool take_times(struct marks_decoder *d, struct cursor c, size_t n)
{
    uint64_t now = d->mark[0].time_ns = cursor_varint(&c);
    for (size_t i = 1; i < n; i++) {
        struct place *place = &d->learnt.place[d->stand[i]];
        place->distance += (uint64_t)unzigzag(cursor_varint(&c));
        if (place->distance > UINT64_MAX - now)
            return false;
        d->mark[i].time_ns = now += place->distance;
    }
    return !c.bad && cursor_left(&c) == 0;
}

static bool take_value(struct cursor *c, struct place *place, struct mark *mark, uint64_t layout,
                       uint64_t *cpu_ns)
{
    if (mark->kind != MARK_COUNTER) {
        place->value += (uint64_t)unzigzag(cursor_varint(c));
        mark->value = *cpu_ns += place->value;
    } else if (layout == VALUES_CHANGED) {
        mark->value = place->value ^= swap_bytes(cursor_varint(c));
    } else {
        const uint8_t *bytes = cursor_bytes(c, 8);
        if (bytes == NULL)
            return false;
        mark->value = load_u64(bytes);
    }
    return !c->bad;
}

static bool take_values(struct marks_decoder *d, struct cursor c, size_t n)
{
    uint64_t layout = VALUES_RAW, cpu_ns = 0;
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (!mark_has_value(d->mark[i].kind))
            continue;
        if (!any)
            layout = cursor_varint(&c);
        any = true;
        if (layout > VALUES_CHANGED ||
            !take_value(&c, &d->learnt.place[d->stand[i]], &d->mark[i], layout, &cpu_ns))
            return false;
    }
    return !c.bad && cursor_left(&c) == 0;
}

int marks_next(struct marks_decoder *d, struct cursor *payload, struct marks_section *ret,
               const struct mark **ret_marks)
{
    if (payload->bad)
        return -EPROTO;
    if (cursor_left(payload) == 0)
        return 0;
    struct marks_section section = {.thread = cursor_varint(payload)};
    section.first_index = cursor_varint(payload);
    section.count = cursor_varint(payload);
    struct cursor words = take_column(payload);
    struct cursor times = take_column(payload);
    struct cursor values = take_column(payload);
    if (payload->bad || section.count == 0 || section.count > MARKS_MAX ||
        section.count > cursor_left(&times) || section.first_index > UINT64_MAX - section.count)
        return -EPROTO;
    learnt_clear(&d->learnt);
    if (!take_words(d, words, section.count) || !take_times(d, times, section.count) ||
        !take_values(d, values, section.count))
        return -EPROTO;
    *ret = section;
    *ret_marks = d->mark;
    return 1;
}
