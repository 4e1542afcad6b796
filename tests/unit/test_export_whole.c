/* export/: formats of whole recordings, and what they are made with. */
#include "test_marks_build.h"

#include "base/text.h"
#include "export/protobuf.h"
#include "export/spool.h"
#include "export/tables.h"

static struct buffer out;

static int take(void *context, const void *bytes, size_t n)
{
    return buffer_put(&out, bytes, n);
}

static const char *exported(struct tacho_recording *rec, const char *format)
{
    struct export *export;
    struct tacho_error error;
    const struct export_options options = {.format = export_format_find(format)};
    assert_int_equal(export_open(rec, &options, &export, &error), 0);
    buffer_clear(&out);
    assert_int_equal(export_run(export, take, NULL), 0);
    assert_int_equal(export_progress(export) <= 1000, 1);
    buffer_put_byte(&out, 0);
    export_free(export);
    return (const char *)out.data;
}

static size_t times(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        n++;
    return n;
}

/* The pid and tid of the first process come again in another one: viewers must tell them apart. */
static void test_a_pid_comes_again(void **state)
{
    const struct mark marks[] = {BEGIN(10, 1), END(20, 1)};
    struct scene scene;
    scene_begin(&scene);
    made_site(&scene.m, 1, "work", "");
    scene_marks(&scene, 1, 0, marks, 2);
    made_exit(&scene.m, 1);
    MADE(&scene.m, RECORD_BIRTH, birth, .entity = 7, .time_ns = scene.base_ns + 15, .pid = 1001,
         .comm = span_text("another"));
    made_thread(&scene.m, 2, 7, 1001, scene.base_ns);
    scene_marks(&scene, 2, 0, marks, 2);
    struct tacho_recording *rec = scene_end(&scene);
    const char *text = exported(rec, "chrome");
    assert_int_equal(times(text, "{\"ph\":\"X\",\"pid\":1001,\"tid\":1001,"),
                     2); /* life and scope */
    assert_int_equal(times(text, "{\"ph\":\"X\",\"pid\":536870919,\"tid\":536870919,"), 2);
    assert_int_equal(times(text, "\"name\":\"work\""), 2);
    tacho_recording_close(rec);
}

static void test_events_number_entrances(void **state)
{
    struct scene scene;
    scene_example(&scene);
    struct tacho_recording *rec = scene_end(&scene);
    struct export *export;
    const struct export_options options = {.format = export_format_find("rows"),
                                           .table = export_table_find("scopes")};
    assert_int_equal(export_open(rec, &options, &export, NULL), 0);
    buffer_clear(&out);
    assert_int_equal(export_run(export, take, NULL), 0);
    buffer_put_byte(&out, 0);
    export_free(export);
    const char *text = (const char *)out.data;
    /* "solve" inside of "solve": each end has the number of its own start. */
    const char *outer = strstr(text, "start,solve,0"), *inner = strstr(text, "start,solve,1");
    const char *inner_end = strstr(text, "end,solve,1"), *outer_end = strstr(text, "end,solve,0");
    assert_true(outer != NULL && outer < inner && inner < inner_end && inner_end < outer_end);
    assert_int_equal(times(text, ",start,"), times(text, ",end,"));
    tacho_recording_close(rec);
}

/* The examples of protobuf.dev: 150 as field 1, "testing" as field 2, a message inside as field 3. */
static void test_protobuf(void **state)
{
    static const uint8_t expected[] = {0x08, 0x96, 0x01, 0x12, 7,    't',  'e',  's',  't',
                                       'i',  'n',  'g',  0x1a, 0x03, 0x08, 0x96, 0x01, 0x21,
                                       0,    0,    0,    0,    0,    0,    0xf8, 0x3f};
    struct buffer b = {0};
    protobuf_put_number(&b, 1, 150);
    protobuf_put_text(&b, 2, "testing");
    size_t opened = protobuf_open(&b, 3);
    protobuf_put_number(&b, 1, 150);
    protobuf_close(&b, opened);
    protobuf_put_double(&b, 4, 1.5);
    assert_int_equal(b.len, sizeof expected);
    assert_memory_equal(b.data, expected, sizeof expected);
    buffer_done(&b);
}

/* A length that takes more than the byte that was kept for it; and text that is no UTF-8. */
static void test_protobuf_moves_what_is_long(void **state)
{
    char text[301] = "";
    struct buffer b = {0};
    memset(text, 'x', 300);
    size_t outer = protobuf_open(&b, 1), inner = protobuf_open(&b, 2);
    protobuf_put_text(&b, 3, text);
    protobuf_close(&b, inner);
    protobuf_close(&b, outer);
    const uint8_t head[] = {0x0a, 0xb2, 0x02, 0x12, 0xaf, 0x02, 0x1a, 0xac, 0x02, 'x'};
    assert_memory_equal(b.data, head, sizeof head);
    assert_int_equal(b.len, 9 + 300);
    assert_int_equal(b.data[b.len - 1], 'x');
    buffer_clear(&b);
    protobuf_put_text(&b, 1, "a\xff");
    assert_memory_equal(b.data,
                        "\x0a\x04"
                        "a\xEF\xBF\xBD",
                        6);
    buffer_done(&b);
}

static void test_spool(void **state)
{
    struct spool spool = {.fd = -1};
    struct buffer expected[3] = {0};
    uint64_t seed = 5;
    for (size_t i = 0; i < 20000; i++) {
        char word[24];
        size_t stream = below(&seed, 3);
        int n = snprintf(word, sizeof word, "%zu of %zu;", i, stream);
        assert_int_equal(spool_put(&spool, stream * 5, word, (size_t)n), 0);
        buffer_put(&expected[stream], word, (size_t)n);
    }
    assert_true(spool.fd >= 0);
    for (size_t stream = 0; stream < 3; stream++) {
        buffer_clear(&out);
        assert_int_equal(spool_read(&spool, stream * 5, NULL, take), 0);
        assert_int_equal(out.len, expected[stream].len);
        assert_memory_equal(out.data, expected[stream].data, out.len);
        buffer_done(&expected[stream]);
    }
    buffer_clear(&out);
    assert_int_equal(spool_read(&spool, 1, NULL, take), 0);
    assert_int_equal(spool_read(&spool, 99999, NULL, take), 0);
    assert_int_equal(out.len, 0);
    spool_done(&spool);
}

static int clean_up(void **state)
{
    buffer_done(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pid_comes_again),
        cmocka_unit_test(test_events_number_entrances),
        cmocka_unit_test(test_protobuf),
        cmocka_unit_test(test_protobuf_moves_what_is_long),
        cmocka_unit_test(test_spool),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
