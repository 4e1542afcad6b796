/* Records: each type there and back, and what later formats may add. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/records.h"

static struct span span_text(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

/* One of each type, every field different from the others'. */
static const struct record samples[] = {
    {.type = RECORD_FACT, .fact = {.type = FACT_NUMBER, .number = UINT64_MAX}},
    {.type = RECORD_FACT, .fact = {.type = FACT_TEXT, .number = 3}},
    {.type = RECORD_METRIC, .metric = {.kind = 1, .position = 200, .group = 300, .cumulative = 1}},
    {.type = RECORD_ENTITY, .entity = {.entity = UINT32_MAX, .kind = 7, .time_ns = 1}},
    {.type = RECORD_BIRTH,
     .birth = {.entity = 1,
               .time_ns = UINT64_MAX,
               .pid = 300,
               .inner_pid = 4,
               .parent_entity = 5,
               .parent_pid = 6,
               .process_group = 70000,
               .session = 8,
               .uid = 9,
               .start_boot_ns = UINT64_C(1) << 40,
               .flags = 7}},
    {.type = RECORD_EXEC, .exec = {.entity = 1, .time_ns = 200, .flags = 3}},
    {.type = RECORD_EXIT,
     .exit = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1000, 11, UINT64_C(1) << 63, UINT64_MAX}},
    {.type = RECORD_ANCHOR, .anchor = {1, UINT64_C(1700000000000000000), 3}},
    {.type = RECORD_LATE, .late = {1, 2, 300}},
    {.type = RECORD_GAP, .gap = {1, 200, 3}},
    {.type = RECORD_MISSING, .missing = {1, 2, 300, 4}},
    {.type = RECORD_NOTE, .note = {.time_ns = 5}},
    {.type = RECORD_LOOK,
     .look = {.entity = 1,
              .flags = 4,
              .inner_pid = 300,
              .process_group = 5,
              .session = 6,
              .uid = UINT32_MAX}},
    {.type = RECORD_ACCOUNT,
     .account = {1, 2, 3, 4, 5, 6, 7, 800, 9, 10, 11, 12, 13, 14, 15, 16, 17, UINT64_MAX}},
    {.type = RECORD_SITE, .site = {.site = 300}},
    {.type = RECORD_THREAD,
     .thread = {.thread = 1, .entity = 200, .tid = 70000, .time_ns = UINT64_MAX, .flags = 1}},
    {.type = RECORD_LABEL, .label = {.entity = 1, .thread = 200, .time_ns = 70000}},
    {.type = RECORD_TOTAL, .total = {1, 200, 70000, UINT64_MAX}},
    {.type = RECORD_LOST, .lost = {1, 200, 70000, UINT64_MAX}},
};
#define SAMPLES (sizeof samples / sizeof samples[0])

/* With texts, which no constant initializer can hold. */
static struct record sample(size_t i)
{
    struct record r = samples[i];
    switch (r.type) {
    case RECORD_FACT:
        r.fact.key = span_text("key");
        r.fact.text = (struct span){(const uint8_t *)"a\0b", r.fact.type == FACT_TEXT ? 3 : 0};
        break;
    case RECORD_METRIC:
        r.metric.name = span_text("rss");
        r.metric.unit = span_text("bytes");
        break;
    case RECORD_ENTITY: r.entity.name = span_text("eth0"); break;
    case RECORD_BIRTH:
        r.birth.comm = span_text("comm");
        r.birth.exe = span_text("");
        r.birth.cwd = span_text("/");
        r.birth.argv = (struct span){(const uint8_t *)"x\0y\0", 4};
        break;
    case RECORD_EXEC:
        r.exec.comm = span_text("c");
        r.exec.exe = span_text("/c");
        r.exec.argv = span_text("");
        break;
    case RECORD_NOTE: r.note.text = span_text("words"); break;
    case RECORD_LOOK:
        r.look.comm = span_text("name");
        r.look.exe = span_text("/bin/c");
        r.look.cwd = span_text("/");
        r.look.argv = span_text("c");
        break;
    case RECORD_SITE:
        r.site.name = span_text("solve");
        r.site.category = span_text("I/O");
        break;
    case RECORD_THREAD: r.thread.name = span_text("worker"); break;
    case RECORD_LABEL: r.label.text = span_text("step 3"); break;
    default: break;
    }
    return r;
}

static void assert_span(struct span a, struct span b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.bytes, b.bytes, a.n);
}

static void assert_record(const struct record *a, const struct record *b)
{
    struct record x = *a, y = *b;
    assert_int_equal(a->type, b->type);
    switch (a->type) {
    case RECORD_FACT:
        assert_span(a->fact.key, b->fact.key);
        assert_span(a->fact.text, b->fact.text);
        x.fact.key = y.fact.key = x.fact.text = y.fact.text = (struct span){0};
        break;
    case RECORD_METRIC:
        assert_span(a->metric.name, b->metric.name);
        assert_span(a->metric.unit, b->metric.unit);
        x.metric.name = y.metric.name = x.metric.unit = y.metric.unit = (struct span){0};
        break;
    case RECORD_ENTITY:
        assert_span(a->entity.name, b->entity.name);
        x.entity.name = y.entity.name = (struct span){0};
        break;
    case RECORD_BIRTH:
        assert_span(a->birth.comm, b->birth.comm);
        assert_span(a->birth.exe, b->birth.exe);
        assert_span(a->birth.cwd, b->birth.cwd);
        assert_span(a->birth.argv, b->birth.argv);
        x.birth.comm = x.birth.exe = x.birth.cwd = x.birth.argv = (struct span){0};
        y.birth.comm = y.birth.exe = y.birth.cwd = y.birth.argv = (struct span){0};
        break;
    case RECORD_EXEC:
        assert_span(a->exec.comm, b->exec.comm);
        assert_span(a->exec.exe, b->exec.exe);
        assert_span(a->exec.argv, b->exec.argv);
        x.exec.comm = x.exec.exe = x.exec.argv = (struct span){0};
        y.exec.comm = y.exec.exe = y.exec.argv = (struct span){0};
        break;
    case RECORD_LOOK:
        assert_span(a->look.comm, b->look.comm);
        assert_span(a->look.exe, b->look.exe);
        assert_span(a->look.cwd, b->look.cwd);
        assert_span(a->look.argv, b->look.argv);
        x.look.comm = x.look.exe = x.look.cwd = x.look.argv = (struct span){0};
        y.look.comm = y.look.exe = y.look.cwd = y.look.argv = (struct span){0};
        break;
    case RECORD_NOTE:
        assert_span(a->note.text, b->note.text);
        x.note.text = y.note.text = (struct span){0};
        break;
    case RECORD_SITE:
        assert_span(a->site.name, b->site.name);
        assert_span(a->site.category, b->site.category);
        x.site.name = y.site.name = x.site.category = y.site.category = (struct span){0};
        break;
    case RECORD_THREAD:
        assert_span(a->thread.name, b->thread.name);
        x.thread.name = y.thread.name = (struct span){0};
        break;
    case RECORD_LABEL:
        assert_span(a->label.text, b->label.text);
        x.label.text = y.label.text = (struct span){0};
        break;
    default: break;
    }
    assert_memory_equal(&x, &y, sizeof x);
}

static struct cursor cursor_of(const struct buffer *b)
{
    return (struct cursor){b->data, b->data + b->len, false};
}

static void test_every_type_comes_back(void **state)
{
    struct buffer b = {0};
    struct record got;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct record r = sample(i);
        record_put(&b, &r);
    }
    struct cursor c = cursor_of(&b);
    for (size_t i = 0; i < SAMPLES; i++) {
        struct record expected = sample(i);
        assert_int_equal(record_next(&c, &got), 1);
        assert_record(&got, &expected);
    }
    assert_int_equal(record_next(&c, &got), 0);
    buffer_done(&b);
}

static void test_cut_anywhere(void **state)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct record r = sample(i), got;
        struct buffer b = {0};
        record_put(&b, &r);
        for (size_t n = 0; n < b.len; n++) {
            struct cursor c = {b.data, b.data + n, false};
            assert_int_equal(record_next(&c, &got), n == 0 ? 0 : -EPROTO);
        }
        /* The length cut too: a field is missing. */
        struct cursor c = {b.data, b.data + b.len - 1, false};
        b.data[1]--;
        assert_int_equal(record_next(&c, &got), -EPROTO);
        buffer_done(&b);
    }
}

static void test_fields_added_later(void **state)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct record r = sample(i), got;
        struct buffer b = {0};
        record_put(&b, &r);
        b.data[1] = (uint8_t)(b.data[1] + 3); /* all lengths here fit one byte */
        buffer_put(&b, "new", 3);
        record_put_number(&b, "next", 1);
        struct cursor c = cursor_of(&b);
        assert_int_equal(record_next(&c, &got), 1);
        assert_record(&got, &r);
        assert_int_equal(record_next(&c, &got), 1);
        assert_span(got.fact.key, span_text("next"));
        assert_int_equal(record_next(&c, &got), 0);
        buffer_done(&b);
    }
}

static void test_unknown_types(void **state)
{
    const uint64_t types[] = {0, RECORD_LOST + 1, 127, 128, UINT64_MAX};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct buffer b = {0};
        struct record got;
        record_put(&b, &(struct record){.type = types[i]});
        assert_int_equal(b.len, 0);
        varint_put(&b, types[i]);
        varint_put(&b, 4);
        buffer_put(&b, "what", 4);
        record_put_text(&b, "key", "text", 4);
        struct cursor c = cursor_of(&b);
        assert_int_equal(record_next(&c, &got), 1);
        assert_true(got.type == types[i]);
        assert_int_equal(record_next(&c, &got), 1);
        assert_span(got.fact.text, span_text("text"));
        buffer_done(&b);
    }
}

static void test_facts(void **state)
{
    struct buffer b = {0};
    struct record got;
    record_put_number(&b, "n", 300);
    record_put_text(&b, "t", "x\0y", 3);
    struct cursor c = cursor_of(&b);
    assert_int_equal(record_next(&c, &got), 1);
    assert_int_equal(got.fact.type, FACT_NUMBER);
    assert_int_equal(got.fact.number, 300);
    assert_int_equal(record_next(&c, &got), 1);
    assert_int_equal(got.fact.type, FACT_TEXT);
    assert_span(got.fact.text, (struct span){(const uint8_t *)"x\0y", 3});
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_comes_back),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_fields_added_later),
        cmocka_unit_test(test_unknown_types),
        cmocka_unit_test(test_facts),
    };
    return cmocka_run_group_tests_name("format_record", tests, NULL, NULL);
}
