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

#define BEGIN(t, s)                                     \
    {                                                   \
        .time_ns = (t), .site = (s), .kind = MARK_BEGIN \
    }
#define END(t, s)                                     \
    {                                                 \
        .time_ns = (t), .site = (s), .kind = MARK_END \
    }

struct scene {
    struct made m;
    struct made_marks k;
    uint64_t base_ns;
};

/* One process of entity 1, pid 1001, seen at the base; the recording ends at the last mark. */
static inline void scene_begin(struct scene *scene)
{
    *scene = (struct scene){0};
    made_init(&scene->m, NULL);
    scene->base_ns = scene->m.now_ns;
    made_birth(&scene->m, 1, "program");
    made_thread(&scene->m, 1, 1, 1001, scene->base_ns);
}

static inline void scene_marks(struct scene *scene, uint64_t thread, uint64_t first,
                               const struct mark *mark, size_t n)
{
    struct mark *moved = calloc(n, sizeof *moved);
    for (size_t i = 0; i < n; i++) {
        moved[i] = mark[i];
        moved[i].time_ns += scene->base_ns;
    }
    made_section(&scene->k, thread, first, moved, n);
    free(moved);
}

static inline struct tacho_recording *scene_end(struct scene *scene)
{
    if (scene->k.payload.len > 0)
        made_marks_block(&scene->m, &scene->k);
    made_journal(&scene->m);
    struct tacho_recording *rec = open_made(&scene->m);
    made_marks_done(&scene->k);
    made_done(&scene->m);
    return rec;
}

#define MS UINT64_C(1000000)

/*
 * At 0, 100, … 500 ms: CPU 50 ms a tick, 1000 bytes read, RSS 0, 1000, … but 9999 at 300 ms. The
 * kernel's own peak of RSS is known where it is not 0.
 */
static inline void scene_samples(struct scene *scene, uint64_t kernel_peak_bytes)
{
    struct made *m = &scene->m;
    uint64_t value[METRICS_MAX] = {0}, known = 0;
    uint32_t groups = (1u << kind_info(ENTITY_PROCESS)->group_count) - 1;
    made_metrics(m);
    struct track *track = stage_add(m->processes, 1, ENTITY_PROCESS);
    known |= UINT64_C(1) << PROCESS_CPU | UINT64_C(1) << PROCESS_RSS;
    known |= UINT64_C(1) << PROCESS_READ_BYTES;
    known |= kernel_peak_bytes > 0 ? UINT64_C(1) << PROCESS_PEAK_RSS : 0;

    for (uint64_t i = 0; i <= 5; i++) {
        made_tick(m, scene->base_ns + i * 100 * MS);
        value[PROCESS_CPU] = i * 50 * MS;
        value[PROCESS_READ_BYTES] = i * 1000;
        value[PROCESS_RSS] = i == 3 ? 9999 : i * 1000;
        value[PROCESS_PEAK_RSS] = i < 3 ? 2000 : kernel_peak_bytes;
        assert_int_equal(stage_put(m->processes, track, groups, false, value, known), 0);
    }
    made_flush(m, true);
}

/* The first example of docs/SCOPES.md. */
static inline void scene_example(struct scene *scene)
{
    const struct mark marks[] = {
        BEGIN(10, 1), BEGIN(20, 2), BEGIN(30, 1), END(34, 0), BEGIN(40, 3), BEGIN(50, 4),
        END(55, 3),   END(60, 0),   END(70, 0),   END(80, 0), BEGIN(90, 5),
    };
    scene_begin(scene);
    made_site(&scene->m, 1, "solve", "Core");
    made_site(&scene->m, 2, "inner", "");
    made_site(&scene->m, 3, "load", "I/O");
    made_site(&scene->m, 4, "parse", "");
    made_site(&scene->m, 5, "tail", "");
    scene_marks(scene, 1, 0, marks, sizeof marks / sizeof marks[0]);
    made_marks_block(&scene->m, &scene->k);
    scene->m.now_ns += 100;
    made_exit(&scene->m, 1);
}

/* Puts CPU in ms and RSS in MB of an entity at the tick under way. */
static inline void scene_sample(struct scene *scene, struct track *track, uint64_t cpu_ms,
                                uint64_t rss_mb)
{
    uint32_t groups = (1u << kind_info(ENTITY_PROCESS)->group_count) - 1;
    uint64_t value[METRICS_MAX] = {[PROCESS_CPU] = cpu_ms * MS, [PROCESS_RSS] = rss_mb * 1000000};
    uint64_t known = UINT64_C(1) << PROCESS_CPU | UINT64_C(1) << PROCESS_RSS;
    assert_int_equal(stage_put(scene->m.processes, track, groups, false, value, known), 0);
}

/* The second example: A is entity 1, with the threads 1 and 2; B is entity 2, with thread 3. */
static inline void scene_overlap_samples(struct scene *scene)
{
    static const uint64_t a[6][2] = {{0, 10}, {24, 20}, {48, 40}, {64, 20}, {80, 14}, {96, 10}};
    static const uint64_t b[6][2] = {{0}, {0, 6}, {8, 30}, {24, 34}, {24, 10}};
    struct made *m = &scene->m;
    struct track *track_a = stage_add(m->processes, 1, ENTITY_PROCESS), *track_b = NULL;
    for (uint64_t i = 0; i < 6; i++) {
        made_tick(m, scene->base_ns + i * 20 * MS);
        if (i == 1) {
            made_birth(m, 2, "B");
            track_b = stage_add(m->processes, 2, ENTITY_PROCESS);
        }
        scene_sample(scene, track_a, a[i][0], a[i][1]);
        if (track_b != NULL)
            scene_sample(scene, track_b, b[i][0], b[i][1]);
        if (i == 4) {
            made_exit(m, 2);
            stage_remove(m->processes, track_b);
            track_b = NULL;
        }
    }
    made_exit(m, 1);
}

static inline void scene_overlap(struct scene *scene)
{
    const struct mark main_thread[] = {BEGIN(10 * MS, 1), BEGIN(30 * MS, 2), END(40 * MS, 0),
                                       END(70 * MS, 0)};
    const struct mark second[] = {BEGIN(20 * MS, 1), BEGIN(25 * MS, 1), END(35 * MS, 0),
                                  END(60 * MS, 0)};
    const struct mark b[] = {BEGIN(30 * MS, 1), END(50 * MS, 0)};
    scene_begin(scene);
    made_metrics(&scene->m);
    scene_overlap_samples(scene);
    made_thread(&scene->m, 2, 1, 1005, scene->base_ns);
    made_thread(&scene->m, 3, 2, 1002, scene->base_ns + 20 * MS);
    made_site(&scene->m, 1, "step", "Core");
    made_site(&scene->m, 2, "send", "Net");
    MADE(&scene->m, RECORD_LABEL, label, .entity = 1, .time_ns = scene->base_ns + 35 * MS,
         .text = span_text("half"));
    MADE(&scene->m, RECORD_LABEL, label, .entity = 2, .time_ns = scene->base_ns + 36 * MS,
         .text = span_text("ready"));
    made_flush(&scene->m, true);
    scene_marks(scene, 1, 0, main_thread, 4);
    scene_marks(scene, 2, 0, second, 4);
    scene_marks(scene, 3, 0, b, 2);
}

/* A process that another started, some ms after the base; its end with the kernel's account. */
static inline void scene_start(struct scene *scene, uint64_t at_ms, uint32_t entity,
                               uint32_t parent)
{
    MADE(&scene->m, RECORD_BIRTH, birth, .entity = entity, .time_ns = scene->base_ns + at_ms * MS,
         .pid = 1000 + entity, .parent_entity = parent, .parent_pid = 1000 + parent,
         .flags = BIRTH_FORKED, .comm = span_text("child"));
}

static inline void scene_account(struct scene *scene, uint64_t at_ms, uint32_t entity,
                                 uint64_t cpu_ms, uint64_t read_bytes, uint64_t peak_mb)
{
    MADE(&scene->m, RECORD_ACCOUNT, account, .entity = entity,
         .known = ACCOUNT_CPU | ACCOUNT_IO | ACCOUNT_PEAK_RSS, .cpu_ns = cpu_ms * MS,
         .read_bytes = read_bytes, .peak_rss_bytes = peak_mb * 1000000);
    MADE(&scene->m, RECORD_EXIT, exit, .entity = entity, .time_ns = scene->base_ns + at_ms * MS);
}

/* The third example of docs/SCOPES.md: P is entity 1, S 2, C 3 and D 4. */
static inline void scene_shell(struct scene *scene)
{
    static const uint64_t p[6][3] = {{0, 0, 8},      {10, 0, 8},     {12, 0, 10},
                                     {16, 6000, 12}, {26, 10000, 9}, {36, 10000, 9}};
    const struct mark of_p[] = {BEGIN(10 * MS, 1), BEGIN(20 * MS, 2), END(55 * MS, 0),
                                END(70 * MS, 0)};
    const struct mark of_d[] = {BEGIN(80 * MS, 1), END(90 * MS, 0)};
    struct made *m = &scene->m;
    scene_begin(scene);
    made_metrics(m);
    struct track *track = stage_add(m->processes, 1, ENTITY_PROCESS);
    uint32_t groups = (1u << kind_info(ENTITY_PROCESS)->group_count) - 1;
    uint64_t known =
        UINT64_C(1) << PROCESS_CPU | UINT64_C(1) << PROCESS_RSS | UINT64_C(1) << PROCESS_READ_BYTES;
    for (uint64_t i = 0; i < 6; i++) {
        uint64_t value[METRICS_MAX] = {[PROCESS_CPU] = p[i][0] * MS,
                                       [PROCESS_READ_BYTES] = p[i][1],
                                       [PROCESS_RSS] = p[i][2] * 1000000};
        made_tick(m, scene->base_ns + i * 20 * MS);
        assert_int_equal(stage_put(m->processes, track, groups, false, value, known), 0);
    }
    scene_start(scene, 25, 2, 1);
    scene_start(scene, 30, 3, 2);
    scene_account(scene, 45, 3, 12, 5000, 30);
    scene_account(scene, 50, 2, 2, 6000, 3);
    scene_start(scene, 60, 4, 1);
    made_thread(m, 2, 4, 1004, scene->base_ns + 60 * MS);
    scene_account(scene, 95, 4, 14, 0, 7);
    made_exit(m, 1);
    made_site(m, 1, "build", "Core");
    made_site(m, 2, "compile", "");
    made_flush(m, true);
    scene_marks(scene, 1, 0, of_p, 4);
    scene_marks(scene, 2, 0, of_d, 2);
}

#endif
