/*
 * Recordings of every released form, as files in tests/recordings: each must read as the .txt beside it says.
 * With TACHO_WRITE_RECORDINGS=1 it writes them (of the newest form) and the fuzzers' seeds instead: to
 * be looked at and committed, since a change there is a change of the format.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "test_read_build.h"

/* ---- dumps ---- */

static void dump_text(struct buffer *b, const char *text, size_t n)
{
    buffer_put_byte(b, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= ' ' && c < 127 && c != '"' && c != '\\')
            buffer_put_byte(b, c);
        else
            buffer_printf(b, "\\x%02x", c);
    }
    buffer_put_byte(b, '"');
}

static void dump_tables(struct buffer *b, struct tacho_recording *rec)
{
    const struct tacho_salvage *s = tacho_recording_salvage(rec);
    buffer_printf(b, "file %ju bytes, %ju lost in %ju stretches at %ju, %ju blocks missing%s\n",
                  s->file_bytes, s->lost_bytes, s->lost_stretches, s->lost_offset,
                  s->missing_blocks, s->ended ? ", ended" : "");
    buffer_printf(b, "from %ju to %ju\n", tacho_first_ns(rec), tacho_last_ns(rec));
    for (unsigned type = 0; type < TACHO_BLOCK_TYPES; type++)
        if (tacho_recording_blocks(rec, type)->blocks > 0)
            buffer_printf(b, "type %u: %ju blocks, %ju bytes\n", type,
                          tacho_recording_blocks(rec, type)->blocks,
                          tacho_recording_blocks(rec, type)->raw_bytes);
    for (size_t i = 0; i < tacho_fact_count(rec); i++) {
        const char *text;
        size_t n;
        uint64_t number;
        buffer_printf(b, "fact %s ", tacho_fact(rec, i, &text, &n, &number));
        if (text != NULL)
            dump_text(b, text, n);
        else
            buffer_printf(b, "%ju", number);
        buffer_put_text(b, "\n");
    }
    for (unsigned kind = 0; kind < 32; kind++)
        for (unsigned i = 0; i < tacho_metric_count(rec, kind); i++) {
            const struct tacho_metric *m = tacho_metric(rec, kind, i);
            buffer_printf(b, "metric %u.%u %s %s group %u%s\n", kind, i, m->name, m->unit, m->group,
                          m->cumulative ? " cumulative" : "");
        }
    for (size_t i = 0; i < tacho_entity_count(rec); i++) {
        const struct tacho_entity *e = tacho_entity(rec, i);
        buffer_printf(b, "entity %u kind %u ", e->id, e->kind);
        dump_text(b, e->name, strlen(e->name));
        buffer_put_text(b, "\n");
    }
}

static void dump_processes(struct buffer *b, struct tacho_recording *rec)
{
    for (size_t i = 0; i < tacho_process_count(rec); i++) {
        const struct tacho_process *p = tacho_process(rec, i);
        buffer_printf(b, "process %u parent %u flags %u pid %d/%d/%d/%d/%d uid %u ", p->entity,
                      p->parent_entity, p->flags, p->pid, p->inner_pid, p->parent_pid,
                      p->process_group, p->session, p->uid);
        buffer_printf(b, "start %ju/%ju seen %ju end %ju status %d execs %u ", p->start_ns,
                      p->start_real_ns, p->seen_ns, p->end_ns, p->wait_status, p->execs);
        dump_text(b, p->comm, strlen(p->comm));
        dump_text(b, p->exe, strlen(p->exe));
        dump_text(b, p->cwd, strlen(p->cwd));
        dump_text(b, p->argv, p->argv_bytes);
        buffer_printf(b, " cpu %ju+%ju peak %ju\n", p->exact.user_ns, p->exact.system_ns,
                      p->exact.peak_rss_bytes);
    }
    for (size_t i = 0; i < tacho_happening_count(rec); i++) {
        const struct tacho_happening *h = tacho_happening(rec, i);
        buffer_printf(b, "happening %d entity %u at %ju %ju %ju ", h->type, h->entity, h->time_ns,
                      h->a, h->b);
        if (h->text != NULL)
            dump_text(b, h->text, strlen(h->text));
        buffer_put_text(b, "\n");
    }
    for (size_t i = 0; i < tacho_missing_count(rec); i++) {
        const struct tacho_missing *m = tacho_missing(rec, i);
        buffer_printf(b, "missing kind %u group %u errno %d: %ju\n", m->kind, m->group, m->error,
                      m->count);
    }
}

static void dump_samples(struct buffer *b, struct tacho_recording *rec)
{
    struct tacho_walk *walk;
    struct tacho_sample s;
    assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, ALL_KINDS, &walk), 0);
    while (tacho_walk_next(walk, &s) == 1) {
        buffer_printf(b, "sample %ju at %ju entity %u kind %u%s:", s.tick, s.time_ns, s.entity,
                      s.kind, s.idle ? " idle" : "");
        for (uint64_t left = s.known; left != 0; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctzll(left);
            buffer_printf(b, " %u%c%ju", i, (s.fresh >> i & 1) != 0 ? '=' : '~', s.value[i]);
        }
        buffer_put_text(b, "\n");
    }
    tacho_walk_close(walk);
    buffer_printf(b, "%ju blocks undecodable\n", tacho_recording_salvage(rec)->undecodable_blocks);
}

/* ---- files ---- */

static void path_of(char path[512], const char *name)
{
    snprintf(path, 512, "%s/%s", TESTS_DIR, name);
}

static struct buffer file_read(const char *name)
{
    struct buffer b = {0};
    char path[512];
    path_of(path, name);
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        fail_msg("%s: %s", path, strerror(errno));
    while (buffer_reserve(&b, 4096) == 0) {
        size_t n = fread(b.data + b.len, 1, 4096, f);
        b.len += n;
        if (n == 0)
            break;
    }
    fclose(f);
    return b;
}

static void file_write(const char *name, const void *bytes, size_t n)
{
    char path[512];
    path_of(path, name);
    FILE *f = fopen(path, "wbe");
    if (f == NULL)
        fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static bool writing(void)
{
    return getenv("TACHO_WRITE_RECORDINGS") != NULL;
}

static struct buffer dump_of(const void *bytes, size_t n)
{
    struct tacho_recording *rec;
    struct buffer dump = {0};
    assert_int_equal(open_bytes(bytes, n, &rec), 0);
    dump_tables(&dump, rec);
    dump_processes(&dump, rec);
    dump_samples(&dump, rec);
    tacho_recording_close(rec);
    return dump;
}

static void reads_as_written(const char *name)
{
    char recording[128], text[128];
    snprintf(recording, sizeof recording, "recordings/%s.tacho", name);
    snprintf(text, sizeof text, "recordings/%s.txt", name);
    struct buffer file = file_read(recording), dump = dump_of(file.data, file.len);
    if (writing())
        file_write(text, dump.data, dump.len);
    struct buffer expected = file_read(text);
    if (dump.len != expected.len || memcmp(dump.data, expected.data, dump.len) != 0)
        fail_msg("%s does not read as %s says:\n%.*s", recording, text, (int)dump.len, dump.data);
    buffer_done(&file);
    buffer_done(&dump);
    buffer_done(&expected);
}

/* ---- what is written ---- */

#define PUT(m, TYPE, field, ...) \
    record_put(&(m)->journal, &(struct record){.type = TYPE, .field = {__VA_ARGS__}})

static void put_metric(struct made *m, unsigned kind, unsigned position)
{
    const struct metric *metric = &kind_info(kind)->metrics[position];
    PUT(m, RECORD_METRIC, metric, .kind = kind, .position = position, .group = metric->group,
        .cumulative = metric->cumulative, .name = span_text(metric->name),
        .unit = span_text(metric->unit));
}

static void put_sample(struct made *m, struct track *track, unsigned kind, uint32_t groups,
                       bool idle, uint64_t known, const uint64_t *value)
{
    struct stage *stage = kind == ENTITY_PROCESS ? m->processes : m->overview;
    assert_int_equal(stage_put(stage, track, groups, idle, value, known), 0);
}

/* The example of docs/FORMAT.md: one process, three ticks. */
static void make_tiny(struct made *m)
{
    uint64_t value[METRICS_MAX] = {0};
    const uint64_t rss = UINT64_C(1) << PROCESS_RSS;
    made_init(m, NULL);
    put_metric(m, ENTITY_PROCESS, PROCESS_VMS);
    put_metric(m, ENTITY_PROCESS, PROCESS_RSS);
    record_put_number(&m->journal, "interval_ns", m->interval_ns);
    PUT(m, RECORD_BIRTH, birth, .entity = 1, .time_ns = m->now_ns, .pid = 42, .flags = BIRTH_ROOT,
        .comm = span_text("sh"), .argv = {(const uint8_t *)"sh", 3});
    made_journal(m);
    struct track *track = stage_add(m->processes, 1, ENTITY_PROCESS);
    for (unsigned t = 0; t < 3; t++) {
        made_tick(m, m->now_ns + m->interval_ns + (t == 1 ? 5000 : 0));
        value[PROCESS_RSS] = t == 0 ? 1048576 : 1052672;
        put_sample(m, track, ENTITY_PROCESS, 1u << GROUP_MEMORY, t == 2, rss, value);
    }
    made_samples(m, true, true);
}

static void put_journal(struct made *m)
{
    made_metrics(m);
    record_put_text(&m->journal, "command", "sh\0-c\0make\0", 11);
    record_put_text(&m->journal, "hostname", "lorry", 5);
    record_put_number(&m->journal, "interval_ns", m->interval_ns);
    PUT(m, RECORD_ANCHOR, anchor, .mono_ns = m->now_ns, .real_ns = UINT64_C(1700000000000000000),
        .boot_ns = m->now_ns + 1000000000);
    made_entity(m, 1, ENTITY_TREE, "");
    made_entity(m, 2, ENTITY_PROCESSOR, "0");
    PUT(m, RECORD_BIRTH, birth, .entity = 3, .time_ns = m->now_ns, .pid = 42, .inner_pid = 2,
        .parent_pid = 1, .process_group = 42, .session = 40, .uid = 1000,
        .start_boot_ns = m->now_ns + 990000000, .flags = BIRTH_ROOT | BIRTH_FORKED,
        .comm = span_text("sh"), .exe = span_text("/bin/sh"), .cwd = span_text("/home/me"),
        .argv = {(const uint8_t *)"sh\0-c\0make", 11});
}

static void put_happenings(struct made *m)
{
    PUT(m, RECORD_EXEC, exec, .entity = 3, .time_ns = m->now_ns, .comm = span_text("make"),
        .exe = span_text("/usr/bin/make"), .argv = {(const uint8_t *)"make", 5});
    PUT(m, RECORD_LATE, late, .time_ns = m->now_ns, .late_ns = 5000000, .skipped = 1);
    PUT(m, RECORD_GAP, gap, .from_ns = m->now_ns, .to_ns = m->now_ns + 7, .error = 28);
    PUT(m, RECORD_NOTE, note, .time_ns = m->now_ns, .text = span_text("a note"));
    PUT(m, RECORD_MISSING, missing, .kind = 1, .group = 7, .error = 13, .count = 4);
}

static void put_end(struct made *m)
{
    PUT(m, RECORD_EXIT, exit, .entity = 3, .time_ns = m->now_ns, .flags = 3, .status = 256,
        .user_ns = 10000000, .system_ns = 4000000, .peak_rss_bytes = 1 << 20, .minor_faults = 99);
    record_put_number(&m->journal, "ended_ns", m->now_ns);
    made_journal(m);
}

/* Something of everything. */
static void make_whole(struct made *m, const struct codec *codec)
{
    static const unsigned kinds[3] = {ENTITY_TREE, ENTITY_PROCESSOR, ENTITY_PROCESS};
    struct track *track[3];
    uint64_t state = 1, value[3][METRICS_MAX] = {{0}};
    made_init(m, codec);
    put_journal(m);
    for (unsigned i = 0; i < 3; i++)
        track[i] =
            stage_add(kinds[i] == ENTITY_PROCESS ? m->processes : m->overview, i + 1, kinds[i]);
    for (unsigned t = 0; t < 20; t++) {
        made_tick(m, m->now_ns + m->interval_ns + below(&state, 1000));
        for (unsigned i = 0; i < 3; i++) {
            const struct kind_info *info = kind_info(kinds[i]);
            for (unsigned k = 0; k < info->metric_count; k++)
                value[i][k] += below(&state, 4) == 0 ? below(&state, 5000) : 0;
            if (t % 7 != i + 2) /* sometimes it could not be seen */
                put_sample(m, track[i], kinds[i], t % 4 == 0 ? 0x3ff : 3, i == 2 && t % 3 == 2,
                           ~(below(&state, 3) << (t % 30)), value[i]);
        }
        if (t == 7)
            put_happenings(m);
        if (t % 5 == 4)
            made_flush(m, t % 10 == 4);
    }
    put_end(m);
}

static void write_recording(const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "recordings/%s.tacho", name);
    file_write(path, bytes, n);
    snprintf(path, sizeof path, "fuzz/corpus/recording/%s", name);
    file_write(path, bytes, n);
}

/* As fuzz_recording.c assembles them, from a recording's own blocks. */
static void write_script(const struct made *m, const char *name)
{
    struct buffer script = {0};
    size_t start = 0;
    for (size_t i = 0; i < m->blocks; i++) {
        size_t n = m->block_end[i] - start - BLOCK_HEADER_BYTES;
        unsigned first =
            m->block_type[i] | (m->block_flags[i] & 1u) << 2 | (i % 3 == 1 ? 8u : 0) | 0x80;
        buffer_put_byte(&script, (uint8_t)first);
        buffer_put_byte(&script, 50);
        buffer_put_byte(&script, (uint8_t)n);
        buffer_put_byte(&script, (uint8_t)(n >> 8));
        buffer_put(&script, m->file.data + start + BLOCK_HEADER_BYTES, n);
        start = m->block_end[i];
    }
    file_write(name, script.data, script.len);
    buffer_done(&script);
}

/* Seeds of fuzz_format.c: a payload of each kind behind its selecting byte, and scripts. */
static void write_format_seeds(const struct made *m)
{
    static const char *const names[] = {[BLOCK_JOURNAL] = "records",
                                        [BLOCK_PROCESSES] = "processes",
                                        [BLOCK_OVERVIEW] = "overview"};
    struct buffer seed = {0};
    uint64_t state = 5;
    char name[128];
    size_t start = 0;
    for (size_t i = 0; i < m->blocks && i < 7; i++) {
        unsigned type = m->block_type[i];
        buffer_clear(&seed);
        buffer_put_byte(&seed, type == BLOCK_JOURNAL ? 0 : 2);
        if (type != BLOCK_JOURNAL)
            buffer_put_byte(&seed, m->block_flags[i] & 1);
        buffer_put(&seed, m->file.data + start + BLOCK_HEADER_BYTES,
                   m->block_end[i] - start - BLOCK_HEADER_BYTES);
        start = m->block_end[i];
        snprintf(name, sizeof name, "fuzz/corpus/format/%s-%zu", names[type], i);
        file_write(name, seed.data, seed.len);
    }
    buffer_clear(&seed);
    buffer_put_byte(&seed, 1);
    buffer_put(&seed, m->file.data, BLOCK_HEADER_BYTES);
    file_write("fuzz/corpus/format/header", seed.data, seed.len);
    buffer_clear(&seed);
    buffer_put_byte(&seed, 3);
    for (unsigned i = 0; i < 600; i++)
        varint_put(&seed, below(&state, 3) == 0 ? chance(&state) : below(&state, 1u << 17));
    file_write("fuzz/corpus/format/script", seed.data, seed.len);
    buffer_done(&seed);
}

static void test_write(void **state)
{
    struct made tiny, whole;
    if (!writing())
        return;
    make_tiny(&tiny);
    write_recording("tiny-1", tiny.file.data, tiny.file.len);
    make_whole(&whole, NULL);
    write_recording("whole-1", whole.file.data, whole.file.len);
    write_recording("cut-1", whole.file.data, whole.block_end[5] + 100);
    write_script(&whole, "fuzz/corpus/recording/script");
    write_format_seeds(&whole);
    /* A hole in a journal block, and a block of samples damaged. */
    memset(whole.file.data + whole.block_end[2] + 10, 0, 300);
    whole.file.data[whole.block_end[7] - 2] ^= 0x40;
    write_recording("corrupt-1", whole.file.data, whole.file.len);
#ifdef HAVE_ZSTD
    struct made packed;
    make_whole(&packed, &codec_zstd);
    write_recording("zstd-1", packed.file.data, packed.file.len);
    made_done(&packed);
#endif
    made_done(&tiny);
    made_done(&whole);
}

static void test_tiny(void **state)
{
    reads_as_written("tiny-1");
}

static void test_whole(void **state)
{
    reads_as_written("whole-1");
}

static void test_cut(void **state)
{
    reads_as_written("cut-1");
}

static void test_corrupt(void **state)
{
    reads_as_written("corrupt-1");
}

static void test_zstd(void **state)
{
#ifdef HAVE_ZSTD
    reads_as_written("zstd-1");
#else
    struct tacho_recording *rec;
    struct buffer file = file_read("recordings/zstd-1.tacho");
    assert_int_equal(open_bytes(file.data, file.len, &rec), -EPROTONOSUPPORT);
    buffer_done(&file);
#endif
}

/* Compressed or not, it says the same. */
static void test_zstd_says_the_same(void **state)
{
    struct buffer plain = file_read("recordings/whole-1.txt");
    struct buffer packed = file_read("recordings/zstd-1.txt");
    /* But for the first line, with the size of the file. */
    const char *a = memchr(plain.data, '\n', plain.len), *b = memchr(packed.data, '\n', packed.len);
    size_t n = plain.len - (size_t)(a - (const char *)plain.data);
    assert_int_equal(packed.len - (size_t)(b - (const char *)packed.data), n);
    assert_memory_equal(a, b, n);
    buffer_done(&plain);
    buffer_done(&packed);
}

/* The dump in docs/FORMAT.md is the file. */
static void test_documented_example(void **state)
{
    struct buffer tiny = file_read("recordings/tiny-1.tacho");
    struct buffer doc = file_read("../docs/FORMAT.md");
    buffer_put_byte(&doc, '\0');
    size_t n = 0;
    for (char *line = (char *)doc.data; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        char offset[16];
        snprintf(offset, sizeof offset, "%08zx  ", n);
        if (strncmp(line, offset, 10) != 0)
            continue;
        const char *at = line + 10;
        unsigned byte;
        int used;
        for (int i = 0; i < 16 && *at != '|' && sscanf(at, "%2x%n", &byte, &used) == 1; i++) {
            assert_true(n < tiny.len);
            assert_int_equal(byte, tiny.data[n++]);
            at += used;
            at += strspn(at, " ");
        }
    }
    assert_int_equal(n, tiny.len);
    buffer_done(&tiny);
    buffer_done(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_tiny),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_zstd),
        cmocka_unit_test(test_zstd_says_the_same),
        cmocka_unit_test(test_documented_example),
    };
    return cmocka_run_group_tests_name("read_recordings", tests, NULL, NULL);
}
