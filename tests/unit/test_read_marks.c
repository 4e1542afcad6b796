/* What programs marked, as a reader has it: sites, threads, labels, totals, losses, and the walk. */
#include "test_marks_build.h"

static struct tacho_recording *open_and_free(struct made *m)
{
    made_journal(m);
    struct tacho_recording *rec = open_made(m);
    made_done(m);
    return rec;
}

static void test_sites(void **state)
{
    struct made m;
    made_init(&m, NULL);
    made_site(&m, 1, "solve", "Core");
    made_site(&m, 7, "", "");
    made_site(&m, 7, "another", "owner"); /* the first stays */
    made_site(&m, 0, "no id", "");
    made_site(&m, MARK_SITES_MAX, "beyond", "");
    struct tacho_recording *rec = open_and_free(&m);
    assert_int_equal(tacho_site_count(rec), 2);
    assert_string_equal(tacho_site(rec, 0)->name, "solve");
    assert_string_equal(tacho_site_of(rec, 1)->category, "Core");
    assert_string_equal(tacho_site_of(rec, 7)->name, "");
    assert_string_equal(tacho_site_of(rec, 7)->category, "");
    assert_null(tacho_site(rec, 2));
    assert_null(tacho_site_of(rec, 0));
    assert_null(tacho_site_of(rec, 2));
    tacho_recording_close(rec);
}

static void test_threads(void **state)
{
    struct made m;
    made_init(&m, NULL);
    made_thread(&m, 1, 10, 1010, 5);
    made_thread_end(&m, 2, 9); /* of which nothing else came */
    MADE(&m, RECORD_THREAD, thread, .thread = 1, .name = span_text("worker"), .time_ns = 6);
    made_thread_end(&m, 1, 8);
    made_thread_end(&m, 1, 99);
    made_thread(&m, UINT64_C(1) << 32, 10, 1, 5);
    struct tacho_recording *rec = open_and_free(&m);
    assert_int_equal(tacho_marking_thread_count(rec), 2);
    const struct tacho_marking_thread *t = tacho_marking_thread_of(rec, 1);
    assert_int_equal(t->entity, 10);
    assert_int_equal(t->tid, 1010);
    assert_int_equal(t->begin_ns, 5);
    assert_int_equal(t->end_ns, 8);
    assert_string_equal(t->name, "worker");
    t = tacho_marking_thread(rec, 1);
    assert_true(t->begin_ns == TACHO_TIME_UNKNOWN);
    assert_int_equal(t->end_ns, 9);
    assert_string_equal(t->name, "");
    assert_null(tacho_marking_thread_of(rec, 3));
    tacho_recording_close(rec);
}

static void test_labels_totals_and_losses(void **state)
{
    struct made m;
    made_init(&m, NULL);
    MADE(&m, RECORD_LABEL, label, .entity = 10, .thread = 1, .time_ns = 5, .text = span_text("a"));
    MADE(&m, RECORD_LABEL, label, .time_ns = 6, .text = span_text(""));
    for (uint64_t i = 1; i <= 3000; i++)
        MADE(&m, RECORD_TOTAL, total, .entity = 10 + i % 3, .site = i, .count = 1, .total_ns = i);
    MADE(&m, RECORD_TOTAL, total, .entity = 11, .site = 1, .count = 5, .total_ns = 50);
    MADE(&m, RECORD_LOST, lost, .entity = 10, .scopes = 1, .others = 2, .unbalanced = 3);
    MADE(&m, RECORD_LOST, lost, .entity = 11, .scopes = 10, .others = 20, .unbalanced = 30);
    MADE(&m, RECORD_LOST, lost, .entity = 10, .scopes = 100, .others = 2, .unbalanced = 3);
    struct tacho_recording *rec = open_and_free(&m);
    assert_int_equal(tacho_label_count(rec), 2);
    assert_string_equal(tacho_label_at(rec, 0)->text, "a");
    assert_int_equal(tacho_label_at(rec, 0)->entity, 10);
    assert_int_equal(tacho_label_at(rec, 1)->entity, 0);
    assert_null(tacho_label_at(rec, 2));
    assert_int_equal(tacho_total_count(rec), 3000);
    assert_int_equal(tacho_total(rec, 0)->count, 5);
    assert_int_equal(tacho_total(rec, 0)->total_ns, 50);
    assert_int_equal(tacho_total(rec, 2999)->total_ns, 3000);
    assert_null(tacho_total(rec, 3000));
    assert_int_equal(tacho_lost_marks(rec, 10)->scopes, 100);
    assert_null(tacho_lost_marks(rec, 12));
    assert_int_equal(tacho_lost_marks(rec, 0)->scopes, 110);
    assert_int_equal(tacho_lost_marks(rec, 0)->others, 22);
    assert_int_equal(tacho_lost_marks(rec, 0)->unbalanced, 33);
    tacho_recording_close(rec);
}

/* ---- the walk ---- */

static void assert_next(struct tacho_marks *walk, uint32_t thread, uint64_t time_ns,
                        enum tacho_mark_kind kind, uint32_t site)
{
    struct tacho_mark mark;
    assert_int_equal(tacho_marks_next(walk, &mark), 1);
    assert_int_equal(mark.thread, thread);
    assert_int_equal(mark.time_ns, time_ns);
    assert_int_equal(mark.kind, kind);
    assert_int_equal(mark.site, site);
}

static void assert_end(struct tacho_marks *walk, uint64_t missing)
{
    struct tacho_mark mark;
    assert_int_equal(tacho_marks_next(walk, &mark), 0);
    assert_int_equal(tacho_marks_next(walk, &mark), 0);
    assert_int_equal(tacho_marks_missing(walk), missing);
    tacho_marks_close(walk);
}

static const struct mark steps[] = {
    {.time_ns = 100, .site = 1, .kind = MARK_BEGIN}, {.time_ns = 101, .kind = MARK_END},
    {.time_ns = 102, .site = 2, .kind = MARK_BEGIN}, {.time_ns = 103, .kind = MARK_END},
    {.time_ns = 104, .site = 3, .kind = MARK_BEGIN}, {.time_ns = 105, .kind = MARK_END},
};

static void test_values(void **state)
{
    const struct mark marks[] = {
        {.time_ns = 1, .site = 1, .kind = MARK_BEGIN_CPU, .value = 70},
        {.time_ns = 2, .site = 2, .kind = MARK_COUNTER, .value = double_bits(-0.25)},
        {.time_ns = 3, .site = 1, .kind = MARK_END_CPU, .value = 75},
        {.time_ns = 4, .site = 1, .kind = MARK_BEGIN},
    };
    struct made m;
    struct made_marks k = {0};
    struct tacho_marks *walk;
    struct tacho_mark mark;
    made_init(&m, NULL);
    made_thread(&m, 5, 1, 1, 1);
    made_section(&k, 5, 0, marks, 4);
    made_marks_block(&m, &k);
    made_marks_done(&k);
    struct tacho_recording *rec = open_and_free(&m);
    assert_int_equal(tacho_recording_blocks(rec, 4)->blocks, 1);
    assert_int_equal(tacho_marks_open(rec, &walk), 0);
    assert_int_equal(tacho_marks_next(walk, &mark), 1);
    assert_int_equal(mark.kind, TACHO_MARK_BEGIN);
    assert_int_equal(mark.cpu_ns, 70);
    assert_int_equal(tacho_marks_next(walk, &mark), 1);
    assert_int_equal(mark.kind, TACHO_MARK_COUNTER);
    assert_true(mark.value == -0.25);
    assert_int_equal(tacho_marks_next(walk, &mark), 1);
    assert_int_equal(mark.kind, TACHO_MARK_END);
    assert_int_equal(mark.cpu_ns, 75);
    assert_int_equal(tacho_marks_next(walk, &mark), 1);
    assert_true(mark.cpu_ns == TACHO_TIME_UNKNOWN);
    assert_end(walk, 0);
    tacho_recording_close(rec);
}

static void test_repeated_and_missing_marks(void **state)
{
    struct made m;
    struct made_marks k = {0};
    struct tacho_marks *walk;
    made_init(&m, NULL);
    made_thread(&m, 1, 1, 1, 1);
    made_thread(&m, 2, 1, 2, 1);
    made_section(&k, 1, 0, steps, 3);
    made_section(&k, 2, 4, steps, 1); /* four are missing */
    made_section(&k, 3, 0, steps, 6); /* a thread that nobody knows: six */
    made_marks_block(&m, &k);
    made_section(&k, 1, 1, steps + 1, 3); /* one of them is new */
    made_section(&k, 1, 0, steps, 4);     /* none is */
    made_section(&k, 1, 5, steps + 5, 1); /* one is missing */
    made_marks_block(&m, &k);
    made_marks_done(&k);
    struct tacho_recording *rec = open_and_free(&m);
    assert_int_equal(tacho_marks_open(rec, &walk), 0);
    assert_next(walk, 1, 100, TACHO_MARK_BEGIN, 1);
    assert_next(walk, 1, 101, TACHO_MARK_END, 0);
    assert_next(walk, 1, 102, TACHO_MARK_BEGIN, 2);
    assert_next(walk, 2, 100, TACHO_MARK_BEGIN, 1);
    assert_next(walk, 1, 103, TACHO_MARK_END, 0);
    assert_next(walk, 1, 105, TACHO_MARK_END, 0);
    assert_end(walk, 11);
    tacho_recording_close(rec);
}

static void test_time_does_not_go_back(void **state)
{
    struct made m;
    struct made_marks k = {0};
    struct tacho_marks *walk;
    made_init(&m, NULL);
    made_thread(&m, 1, 1, 1, 1);
    made_section(&k, 1, 0, steps + 4, 2);
    made_section(&k, 1, 2, steps, 2);
    made_marks_block(&m, &k);
    made_marks_done(&k);
    struct tacho_recording *rec = open_and_free(&m);
    assert_int_equal(tacho_marks_open(rec, &walk), 0);
    assert_next(walk, 1, 104, TACHO_MARK_BEGIN, 3);
    assert_next(walk, 1, 105, TACHO_MARK_END, 0);
    assert_next(walk, 1, 105, TACHO_MARK_BEGIN, 1);
    assert_next(walk, 1, 105, TACHO_MARK_END, 0);
    assert_end(walk, 0);
    tacho_recording_close(rec);
}

static void test_corrupt_blocks(void **state)
{
    struct made m;
    struct made_marks k = {0};
    struct tacho_marks *walk;
    made_init(&m, NULL);
    made_thread(&m, 1, 1, 1, 1);
    made_section(&k, 1, 0, steps, 2);
    made_marks_block(&m, &k);
    made_section(&k, 1, 2, steps + 2, 2); /* its checksum will be wrong */
    made_marks_block(&m, &k);
    size_t second = m.file.len;
    made_section(&k, 1, 4, steps + 4, 1);
    buffer_put_text(&k.payload, "\x01\xff"); /* no section */
    made_marks_block(&m, &k);
    made_section(&k, 1, 5, steps + 5, 1);
    made_marks_block(&m, &k);
    made_marks_done(&k);
    m.file.data[second - 1] ^= 1;
    struct tacho_recording *rec = open_and_free(&m);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(tacho_marks_open(rec, &walk), 0);
        assert_next(walk, 1, 100, TACHO_MARK_BEGIN, 1);
        assert_next(walk, 1, 101, TACHO_MARK_END, 0);
        assert_next(walk, 1, 104, TACHO_MARK_BEGIN, 3);
        assert_next(walk, 1, 105, TACHO_MARK_END, 0);
        assert_end(walk, 2);
        assert_int_equal(tacho_recording_salvage(rec)->undecodable_blocks, 2);
    }
    tacho_recording_close(rec);
}

#ifdef HAVE_ZSTD
#define CODEC &codec_zstd
#else
#define CODEC NULL
#endif

/* Two walks at once, over blocks that are compressed, and one that goes on after a refresh. */
static void test_growing(void **state)
{
    struct made m;
    struct made_marks k = {0};
    struct tacho_marks *walk, *other;
    struct tacho_recording *rec;
    struct tacho_error error;
    struct mark *mark = calloc(20000, sizeof *mark);
    for (uint64_t i = 0; i < 20000; i++)
        mark[i] = (struct mark){.time_ns = 1 + 100 * i, .site = 1, .kind = i % 2};
    made_init(&m, CODEC);
    made_thread(&m, 1, 1, 1, 1);
    made_section(&k, 1, 0, mark, 10000);
    made_marks_block(&m, &k);
    int fd = file_of(m.file.data, m.file.len);
    assert_int_equal(tacho_recording_open_fd(fd, &rec, &error), 0);
    assert_int_equal(tacho_marks_open(rec, &walk), 0);
    assert_int_equal(tacho_marks_open(rec, &other), 0);
    for (uint64_t i = 0; i < 10000; i++)
        assert_next(walk, 1, 1 + 100 * i, (enum tacho_mark_kind)(i % 2), 1);
    assert_next(other, 1, 1, TACHO_MARK_BEGIN, 1);
    struct tacho_mark none;
    assert_int_equal(tacho_marks_next(walk, &none), 0);
    made_thread(&m, 2, 1, 2, 1);
    made_section(&k, 1, 10000, mark + 10000, 10000);
    made_section(&k, 2, 0, mark, 1);
    made_marks_block(&m, &k);
    assert_int_equal(pwrite(fd, m.file.data, m.file.len, 0), m.file.len);
    assert_int_equal(tacho_recording_refresh(rec, &error), 2);
    for (uint64_t i = 10000; i < 20000; i++)
        assert_next(walk, 1, 1 + 100 * i, (enum tacho_mark_kind)(i % 2), 1);
    assert_next(walk, 2, 1, TACHO_MARK_BEGIN, 1);
    assert_end(walk, 0);
    tacho_marks_close(other);
    tacho_marks_close(NULL);
    tacho_recording_close(rec);
    made_marks_done(&k);
    made_done(&m);
    free(mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sites),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_labels_totals_and_losses),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_repeated_and_missing_marks),
        cmocka_unit_test(test_time_does_not_go_back),
        cmocka_unit_test(test_corrupt_blocks),
        cmocka_unit_test(test_growing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
