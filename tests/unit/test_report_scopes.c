/* report/: what the summary says of marks, for people and for programs. */
#include <fcntl.h>

#include "analyse/summary.h"
#include "base/text.h"
#include "report/summary_json.h"
#include "report/summary_text.h"
#include "test_marks_build.h"
#include "test_says.h"

/* Both renderings, one after the other, terminated. */
static struct buffer render(struct scene *scene, unsigned width)
{
    struct buffer out = {0};
    struct summary summary;
    struct scopes scopes;
    struct tacho_recording *rec = scene_end(scene);
    struct page page = page_of(&out, width, true, false);
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(summary_make_scopes(&summary, &scopes), 0);
    summary_put_text(&page, &summary, &scopes);
    for (uint8_t *at = out.data, *end; at < out.data + out.len; at = end + 1) {
        end = memchr(at, '\n', out.len - (size_t)(at - out.data));
        assert_non_null(end);
        assert_true(text_width(at, (size_t)(end - at)) <= width);
    }
    summary_put_json(&out, &summary, &scopes);
    scopes_done(&scopes);
    summary_done(&summary);
    tacho_recording_close(rec);
    assert_false(out.failed);
    buffer_put_byte(&out, 0);
    return out;
}

static void test_the_example(void **state)
{
    struct scene scene;
    scene_example(&scene);
    MADE(&scene.m, RECORD_LABEL, label, .entity = 1, .time_ns = scene.m.now_ns,
         .text = span_text("half way"));
    struct buffer out = render(&scene, 100);
    assert_says(&out, "\nScopes\n");
    assert_says(&out, "  60 ns  24 ns      2  32 ns  60 ns    -  Core      solve\n");
    assert_says(&out, "\nCategories\n");
    assert_says(&out, "45 %    -  Core\n");
    assert_says(&out, "40 %    -  Others\n");
    assert_says(&out, "2 begins and ends did not match");
    assert_says(&out, "\nLabels\n");
    assert_says(&out, "1001  half way\n");
    assert_silent(&out, "only counted");
    assert_says(&out, "\"name\": \"solve\"");
    assert_says(&out, "\"total_s\": 0.00000006,\n      \"share\": 0.6");
    assert_says(&out, "\"self_s\": 0.000000024,");
    assert_says(&out, "\"share\": 0.45");
    assert_says(&out, "\"text\": \"half way\", \"pid\": 1001");
    assert_says(&out, "\"lost_marks\": 0");
    buffer_done(&out);
}

static void test_started_inside(void **state)
{
    struct scene scene;
    scene_shell(&scene);
    struct buffer out = render(&scene, 110);
    assert_says(&out, "   CPU  started  their CPU  category  scope\n");
    assert_says(&out, "44.0 ms        3    28.0 ms  Core      build\n");
    assert_says(&out, "19.0 ms        2    14.0 ms            compile\n");
    assert_says(&out, " 52 %  34.0 ms  Core\n");
    assert_says(&out,
                "\"count\": 3, \"cpu_s\": 0.034, \"children_cpu_s\": 0.014, \"processes\": 2,");
    assert_says(&out, "\"cpu_s\": 0.019,");
    assert_says(&out, "\"children_cpu_s\": 0.014,");
    assert_says(&out, "\"processes\": 2,");
    assert_says(&out, "\"children_rss_peak_bytes\": 30000000");
    buffer_done(&out);
}

/* At 300 ms, where scene_samples has the most memory, as a sampled sum or near the kernel's peak. */
static struct buffer render_peak(uint64_t kernel_peak_bytes)
{
    const struct mark main_thread[] = {BEGIN(150 * MS, 1), BEGIN(160 * MS, 2), END(300 * MS, 2),
                                       BEGIN(300 * MS, 3), END(450 * MS, 3)};
    const struct mark worker[] = {BEGIN(299 * MS, 2)};
    struct scene scene;
    scene_begin(&scene);
    scene_samples(&scene, kernel_peak_bytes);
    made_site(&scene.m, 1, "train", "");
    made_site(&scene.m, 2, "epoch", "");
    made_site(&scene.m, 3, "load\x1B batch", "");
    MADE(&scene.m, RECORD_THREAD, thread, .thread = 2, .entity = 1, .tid = 1002,
         .time_ns = scene.base_ns, .name = span_text("pool"), .flags = 0);
    scene_marks(&scene, 1, 0, main_thread, 5);
    scene_marks(&scene, 2, 0, worker, 1);
    MADE(&scene.m, RECORD_LABEL, label, .entity = 1, .time_ns = scene.base_ns + 250 * MS,
         .text = span_text("epoch 3"));
    MADE(&scene.m, RECORD_LABEL, label, .entity = 1, .time_ns = scene.base_ns + 350 * MS,
         .text = span_text("epoch 4"));
    return render(&scene, 100);
}

static void test_where_the_peak_lay(void **state)
{
    struct buffer out = render_peak(0);
    assert_says(&out, "then in train > load\\x1b batch\n");
    assert_says(&out, " its thread pool (1002) in epoch\n");
    assert_says(&out, " after \"epoch 3\", 0.25 s in\n");
    assert_says(&out, "\"at_s\": 0.3,");
    assert_says(&out, "\"threads_in_scopes\": 2,");
    assert_says(&out, "{\"tid\": 1001, \"thread\": null, \"depth\": 2, "
                      "\"scopes\": [\"train\", \"load\\u001b batch\"]}");
    assert_says(&out, "{\"tid\": 1002, \"thread\": \"pool\", \"depth\": 1, "
                      "\"scopes\": [\"epoch\"]}");
    assert_says(&out, "\"text\": \"epoch 3\",");
    assert_says(&out,
                "                    0 s             100 ms          200 ms  "
                "        300 ms          400 ms\n"
                "  Labels                                                    a               b\n"
                "\n"
                "Labels\n"
                "         at   pid  label\n"
                "  a  0.25 s  1001  epoch 3\n"
                "  b  0.35 s  1001  epoch 4\n");
    buffer_done(&out);
    out = render_peak(20000);
    assert_says(&out, "9.76 KiB when sampled at 0.30 s, in train > load\\x1b batch\n");
    assert_says(&out, "\"peak_at_s\": null,");
    assert_says(&out, "\"at_s\": 0.3,");
    buffer_done(&out);
}

/* Two ranks, and a process that says nothing; a category for each of many sites. */
static void test_processes(void **state)
{
    static const char *const others[] = {"C3", "C4", "C5", "C6", "C7"};
    const struct mark first[] = {BEGIN(10, 1), BEGIN(30, 2), END(70, 2), END(80, 1)};
    const struct mark second[] = {BEGIN(60, 2), END(70, 2), BEGIN(70, 3), END(71, 3),
                                  BEGIN(71, 4), END(73, 4), BEGIN(73, 5), END(76, 5),
                                  BEGIN(76, 6), END(80, 6), BEGIN(80, 7), END(81, 7)};
    struct scene scene;
    scene_begin(&scene);
    made_site(&scene.m, 1, "solve", "Core");
    made_site(&scene.m, 2, "send", "\x1B[31mCommunication with all others");
    for (unsigned i = 0; i < 5; i++)
        made_site(&scene.m, 3 + i, "other", others[i]);
    made_journal(&scene.m);
    scene.m.now_ns += 50;
    made_birth(&scene.m, 2, "rank 1");
    made_birth(&scene.m, 3, "silent");
    made_thread(&scene.m, 2, 2, 1002, scene.m.now_ns);
    scene_marks(&scene, 1, 0, first, 4);
    scene_marks(&scene, 2, 0, second, 12);
    made_marks_block(&scene.m, &scene.k);
    scene.m.now_ns += 50;
    made_exit(&scene.m, 1);
    made_exit(&scene.m, 2);
    struct buffer out = render(&scene, 130);
    assert_says(&out, "\nTime per category by process\n");
    assert_says(&out,
                "    wall  \\x1b[31mCommuni…   Core    C6    C5    C4  the rest  Others   pid");
    assert_says(&out,
                "  100 ns             40 ns  30 ns   0 s   0 s   0 s       0 s   30 ns  1001");
    assert_says(&out,
                "   50 ns             10 ns    0 s  4 ns  3 ns  2 ns      2 ns   29 ns  1002");
    assert_says(&out, "\"marking_processes\": 2,");
    assert_says(&out, "\"wall_s\": 0.00000005,\n      \"categories\": [\n"
                      "        {\"name\": \"\\u001b[31mCommunication with all others\", "
                      "\"total_s\": 0.00000001, \"share\": 0.200000, \"cpu_s\": null},");
    assert_says(&out, "{\"name\": \"Others\", \"total_s\": 0.000000029, \"share\": 0.580000, "
                      "\"cpu_s\": null}\n      ]");
    buffer_done(&out);
}

/* Of very many only so many are told of, and no time is lost. */
static void test_many_processes(void **state)
{
    struct mark all[140];
    struct scene scene;
    char name[16];
    scene_begin(&scene);
    for (uint32_t i = 0; i < 70; i++) {
        snprintf(name, sizeof name, "c%u", i);
        made_site(&scene.m, i + 1, name, name);
        all[2 * i] = (struct mark)BEGIN(10 * i, i + 1);
        all[2 * i + 1] = (struct mark)END(10 * i + 1 + i / 10, i + 1);
    }
    scene_marks(&scene, 1, 0, all, 140);
    for (uint32_t e = 2; e <= 300; e++) {
        const struct mark marks[] = {BEGIN(0, 1 + e % 70), END(10, 1 + e % 70)};
        made_birth(&scene.m, e, "rank");
        made_thread(&scene.m, e, e, 1000 + e, scene.base_ns);
        scene_marks(&scene, e, 0, marks, 2);
    }
    struct buffer out = render(&scene, 80);
    assert_says(&out, "Time per category by process, the longest 16 of 300\n");
    assert_says(&out, "\"marking_processes\": 300,");
    assert_says(&out, "{\"name\": null, \"total_s\": 0.000000006,");
    buffer_done(&out);
}

static void test_losses(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    made_site(&scene.m, 1, "counted", "");
    MADE(&scene.m, RECORD_TOTAL, total, .entity = 1, .site = 1, .count = 9, .total_ns = 190);
    MADE(&scene.m, RECORD_LOST, lost, .entity = 1, .scopes = 9, .others = 7, .unbalanced = 3);
    struct buffer out = render(&scene, 80);
    assert_says(&out, "9 scopes were only counted");
    assert_says(&out, "7 labels and values of counters were dropped");
    assert_says(&out, "3 begins and ends did not match");
    assert_says(&out, "\"lost_marks\": 16");
    assert_says(&out, "\"max_s\": null");
    buffer_done(&out);
}

/* What cannot be read is said as what it is, and not as lack of memory, nor as nothing marked. */
static void test_unreadable(void **state)
{
    struct scene scene;
    struct summary summary;
    struct scopes scopes;
    scene_example(&scene);
    made_journal(&scene.m);
    int file = file_of(scene.m.file.data, scene.m.file.len);
    int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct tacho_recording *rec;
    assert_int_equal(tacho_recording_open_fd(file, &rec, NULL), 0);
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(dup2(directory, file), file); /* pread now says EISDIR */
    assert_int_equal(summary_make_scopes(&summary, &scopes), -EISDIR);
    summary_done(&summary);
    tacho_recording_close(rec);
    close(directory);
    made_marks_done(&scene.k);
    made_done(&scene.m);
}

static void test_nobody_marked(void **state)
{
    struct scene scene = {0};
    made_init(&scene.m, NULL);
    made_birth(&scene.m, 1, "program");
    struct buffer out = render(&scene, 80);
    assert_silent(&out, "Scopes");
    assert_silent(&out, "Categories");
    assert_silent(&out, "Labels");
    assert_says(&out, "\"scopes\": []");
    assert_says(&out, "\"categories\": []");
    assert_says(&out, "\"labels\": []");
    assert_says(&out, "\"lost_marks\": null");
    buffer_done(&out);
}

#define HOSTILE "\x1B]0;owned\a\n\xE2\x80\xAEtxt\xFF<script>"

/* Names come from the recorded program: nothing of them may reach a terminal as it is. */
static void test_hostile_names(void **state)
{
    for (unsigned width = PAGE_WIDTH_MIN; width < 140; width += 7) {
        struct mark marks[200], open[40];
        struct scene scene;
        char name[64];
        scene_begin(&scene);
        scene_samples(&scene, 0); /* with a peak of memory, in scopes that nobody ended */
        made_birth(&scene.m, 2, HOSTILE);
        for (uint32_t i = 0; i < 40; i++)
            open[i] = (struct mark)BEGIN(i, i + 1);
        for (uint64_t t = 2; t < 8; t++) {
            MADE(&scene.m, RECORD_THREAD, thread, .thread = t, .entity = t == 2 ? 2 : 1,
                 .tid = 1000 + t, .time_ns = scene.base_ns, .name = span_text(HOSTILE));
            scene_marks(&scene, t, 0, open, 40);
        }
        for (unsigned i = 0; i < 100; i++) {
            snprintf(name, sizeof name, HOSTILE "%u", i);
            made_site(&scene.m, i + 1, name, name);
            marks[2 * i] = (struct mark)BEGIN(10 * i, i + 1);
            marks[2 * i + 1] = (struct mark)END(10 * i + 5, i + 1);
            MADE(&scene.m, RECORD_LABEL, label, .time_ns = 1, .text = span_text(name));
        }
        scene_marks(&scene, 1, 0, marks, 200);
        struct buffer out = render(&scene, width);
        assert_null(memchr(out.data, 0x1B, out.len));
        assert_null(memchr(out.data, '\a', out.len));
        char *json = strstr((char *)out.data, "\n{\n");
        assert_non_null(json);
        char *bidi = strstr((char *)out.data, "\xE2\x80\xAE");
        assert_true(bidi == NULL || bidi > json); /* JSON may hold it; no terminal shows that */
        if (width >= 70)
            assert_says(&out, "and 2 more of its threads in scopes");
        if (width >= 40)
            assert_says(&out, "(32");
        if (width >= 40)
            assert_says(&out, "Labels, 20 of 100 over the time");
        buffer_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example),        cmocka_unit_test(test_started_inside),
        cmocka_unit_test(test_where_the_peak_lay), cmocka_unit_test(test_losses),
        cmocka_unit_test(test_processes),          cmocka_unit_test(test_many_processes),
        cmocka_unit_test(test_unreadable),         cmocka_unit_test(test_nobody_marked),
        cmocka_unit_test(test_hostile_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
