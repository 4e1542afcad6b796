/* report/: summary and info for terminals: what they say, how wide, and nothing to obey. */
#include "test_analyse_build.h"

#include <time.h>

#include "base/text.h"
#include "report/columns.h"
#include "report/recording_info.h"
#include "report/summary_json.h"
#include "report/summary_text.h"

static struct story story;
static struct buffer out;

static int clean_up(void **state)
{
    buffer_done(&out);
    return 0;
}

/* Each rendering of what was told. */
enum rendering { SUMMARY_TEXT, SUMMARY_JSON, INFO_TEXT, INFO_JSON, RENDERINGS };

static struct summary summary;
static struct scopes scopes;
static struct contents contents;

static void read_story(struct tacho_recording *rec)
{
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(summary_make_scopes(&summary, &scopes), 0);
    assert_int_equal(contents_count(rec, &contents), 0);
}

static void close_story(struct tacho_recording *rec)
{
    scopes_done(&scopes);
    summary_done(&summary);
    tacho_recording_close(rec);
    story_done(&story);
}

static void render(struct tacho_recording *rec, enum rendering rendering, unsigned width, bool utf8,
                   bool colour)
{
    buffer_clear(&out);
    struct page page = page_of(&out, width, utf8, colour);
    switch (rendering) {
    case SUMMARY_TEXT: summary_put_text(&page, &summary, &scopes); break;
    case SUMMARY_JSON: summary_put_json(&out, &summary, &scopes); break;
    case INFO_TEXT: info_put_text(&page, "run\x1B.tacho", &summary, &contents); break;
    case INFO_JSON: info_put_json(&out, "run\x1B.tacho", &summary, &contents); break;
    case RENDERINGS: break;
    }
    buffer_put_byte(&out, 0);
    assert_false(out.failed);
    out.len--;
}

#define HOSTILE_ARGV "/bin/\x1B]0;owned\a\0a\nb\0\xE2\x80\xAEtxt.exe\0\xFF\xFE\0it's\0"

/* 20 ticks of 100 ms: a job with one long child, which fails, and another that is killed. */
static struct tacho_recording *tell(void)
{
    struct story *s = &story;
    story_begin(s, "launch");
    record_put_text(&s->journal, "command", "make\0-j2\0all targets", 20);
    struct actor *make = story_birth(s, 10, NULL, BIRTH_ROOT | BIRTH_FORKED, "make");
    struct actor *cc =
        story_birth_argv(s, 11, make, BIRTH_FORKED, "cc1", "/usr/lib/gcc/cc1\0-O2\0x.c", 25);
    struct actor *evil = story_birth_argv(s, 12, make, BIRTH_FORKED, "\x1B[31mevil", HOSTILE_ARGV,
                                          sizeof HOSTILE_ARGV - 1);
    for (uint64_t i = 1; i <= 20; i++) {
        story_tick(s);
        actor_cpu(make, i, 0);
        actor_set(make, PROCESS_RSS, 2 * MIB);
        actor_set(make, PROCESS_READ_CHARS, 2000 * i);
        actor_set(make, PROCESS_READ_COUNT, 2 * i);
        actor_set(make, PROCESS_READ_BYTES, 0);
        actor_set(make, PROCESS_WRITE_CHARS, 3 * i);
        actor_set(make, PROCESS_WRITE_COUNT, 1);
        actor_set(make, PROCESS_WRITE_BYTES, 4096);
        actor_cpu(cc, i <= 10 ? 10 * i : 100 + 80 * (i - 10), 0);
        actor_set(cc, PROCESS_RSS, 10 * i * MIB);
        actor_cpu(evil, 3 * i, 0);
        actor_set(evil, PROCESS_RSS, 5 * MIB);
        story_put(s, make);
        story_put(s, cc);
        story_put(s, evil);
        actor_set(&s->tree, TREE_RSS, (7 + 10 * i) * MIB);
        actor_set(&s->tree, TREE_PROCESSES, 3);
        actor_set(&s->tree, TREE_THREADS, 3);
        actor_set(&s->tree, TREE_TCP_ESTABLISHED, 1);
        story_reaped(s, 0, 0);
        story_put(s, &s->tree);
    }
    story_exit(s, cc, &(struct record_exit){.flags = EXIT_STATUS, .status = 1 << 8});
    story_exit(s, evil, &(struct record_exit){.flags = EXIT_STATUS, .status = 9});
    story_exit(s, make,
               &(struct record_exit){.flags = EXIT_STATUS | EXIT_RUSAGE,
                                     .status = 2 << 8,
                                     .user_ns = 900 * MS,
                                     .system_ns = 90 * MS});
    record_put(&s->journal, &(struct record){.type = RECORD_MISSING,
                                             .missing = {ENTITY_PROCESS, GROUP_IO, 13, 1234}});
    story_number(s, "pids_given_out", 5);
    story_number(s, "root_wait_status", 2 << 8);
    story_end(s, 900, 90);
    return story_open(s);
}

static const char golden_80[] =
    "make -j2 'all targets'\n"
    "exit 2 after 2.00 s\n"
    "on node-07, from 2023-11-14 22:13:20 +0000, sampled every 100 ms\n"
    "\n"
    "  CPU        0.99 s     0.50 of 2 cores on average, 0.85 at most\n"
    "                        0.90 s user, 90.0 ms system\n"
    "  Memory     207 MiB    resident (RSS) at the peak, 2.00 s in; 200 MiB of it cc1\n"
    "                        (pid 11)\n"
    "  Read       0 B        from storage; 39.1 KiB by 40 calls\n"
    "  Written    4.00 KiB   to storage; 60 B by 1 call\n"
    "  Processes  3          3 at once at most, 3 threads, 1 TCP connection\n"
    "\n"
    "  CPU       1 core ┤                                          ⣀⣀⣀⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤\n"
    "                   │                                 ⣀⣀⣀⣶⣶⣶⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿\n"
    "                   │                     ⣀⣀⣀⣤⣤⣤⣶⣶⣶⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿\n"
    "                 0 ┤⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿\n"
    "  Memory   256 MiB ┤                                                           ⢀\n"
    "                   │                                         ⢀⣀⣀⣠⣤⣤⣤⣤⣤⣴⣶⣶⣾⣿⣿⣿⣿⣿⣿\n"
    "                   │                    ⢀⣀⣀⣀⣀⣀⣠⣤⣤⣴⣶⣶⣶⣶⣶⣾⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿\n"
    "                 0 ┤     ⢠⣤⣤⣤⣤⣤⣴⣶⣶⣶⣶⣶⣾⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿\n"
    "                   └┬──────────────┬──────────────┬──────────────┬──────────────\n"
    "                    0 s            500 ms         1 s            1.50 s\n"
    "\n"
    "Processes\n"
    "      CPU  peak RSS  from     for  pid  command\n"
    "   0.90 s   200 MiB   0 s  2.00 s   11  cc1 -O2 x.c\n"
    "  60.0 ms  5.00 MiB   0 s  2.00 s   12  $'\\x1b]0;owned\\a' $'a\\nb' $'\\u202etxt.e…\n"
    "  20.0 ms  2.00 MiB   0 s  2.00 s   10  make\n"
    "\n"
    "Failed\n"
    "  ended by      at  pid  command\n"
    "  exit 1    2.00 s   11  cc1 -O2 x.c\n"
    "  SIGKILL   2.00 s   12  $'\\x1b]0;owned\\a' $'a\\nb' $'\\u202etxt.exe' $'\\xff\\xfe'…\n"
    "\n"
    "Not known\n"
    "  • 10.0 ms (1.0 %) of the CPU was used between two samples, by processes that\n"
    "    came and went or in last moments; it is in the total\n"
    "  • up to 3 more processes may have come and gone between two samples; the bound\n"
    "    counts threads and others' processes too\n"
    "  • read_chars, write_chars, read_count, …: 1,234 times Permission denied\n"
    "\n"
    "Followed by poll: 3 processes seen, 1 with the kernel's final account, 2 as last\n"
    "sampled, at most 3 not seen; they account for 0.98 s of 0.99 s of CPU (99 %)\n"
    "Recording took 12.0 ms of CPU (0.6 % of a core), 3.00 MiB of memory and 15.0 KiB\n"
    "of disk\n";

static const char golden_40_ascii[] = "make -j2 'all targets'\n"
                                      "exit 2 after 2.00 s\n"
                                      "on node-07, from 2023-11-14 22:13:20\n"
                                      "+0000, sampled every 100 ms\n"
                                      "\n"
                                      "  CPU        0.99 s\n"
                                      "    0.50 of 2 cores on average, 0.85 at\n"
                                      "    most\n"
                                      "    0.90 s user, 90.0 ms system\n"
                                      "  Memory     207 MiB\n"
                                      "    resident (RSS) at the peak, 2.00 s\n"
                                      "    in; 200 MiB of it cc1 (pid 11)\n"
                                      "  Read       0 B\n"
                                      "    from storage; 39.1 KiB by 40 calls\n"
                                      "  Written    4.00 KiB\n"
                                      "    to storage; 60 B by 1 call\n"
                                      "  Processes  3\n"
                                      "    3 at once at most, 3 threads, 1 TCP\n"
                                      "    connection\n"
                                      "\n"
                                      "  CPU .......:--=++*######  0.85 cores\n"
                                      "  Mem  _...:::--===++***##  207 MiB\n"
                                      "      0             2.00 s\n"
                                      "\n"
                                      "Processes\n"
                                      "      CPU  peak RSS  pid  command\n"
                                      "   0.90 s   200 MiB   11  cc1 -O2 x.c\n"
                                      "  60.0 ms  5.00 MiB   12  $'\\x1b]0;ow...\n"
                                      "  20.0 ms  2.00 MiB   10  make\n";

/* The recorder's size in the file differs with the format; what is before is golden. */
static void check_golden(const char *golden)
{
    const char *text = (const char *)out.data;
    for (size_t line = 1; *golden != '\0'; line++) {
        size_t n = strcspn(golden, "\n"), m = strcspn(text, "\n");
        bool sized = strncmp(golden, "Recording took", 14) == 0;
        if (sized ? strncmp(text, golden, 60) != 0 : n != m || memcmp(golden, text, n) != 0)
            fail_msg("line %zu is\n%.*s\nnot\n%.*s", line, (int)m, text, (int)n, golden);
        if (sized)
            return;
        golden += n + 1;
        text += m + 1;
    }
}

static void looks_as_it_should(void **state)
{
    setenv("TZ", "UTC", 1);
    tzset();
    struct tacho_recording *rec = tell();
    read_story(rec);
    render(rec, SUMMARY_TEXT, 80, true, false);
    check_golden(golden_80);
    render(rec, SUMMARY_TEXT, 40, false, false);
    check_golden(golden_40_ascii);
    render(rec, SUMMARY_TEXT, 200, true, false);
    const char *text = (const char *)out.data;
    assert_non_null(
        strstr(text, "resident (RSS) at the peak, 2.00 s in; 200 MiB of it cc1 (pid 11)\n"));
    assert_non_null(
        strstr(text, "$'\\x1b]0;owned\\a' $'a\\nb' $'\\u202etxt.exe' $'\\xff\\xfe' 'it'\\''s'\n"));
    close_story(rec);
}

/* Whatever was recorded: lines fit, and all a terminal gets is text, newlines and colours. */
static void check_lines(unsigned width, bool utf8, bool colour)
{
    const char *text = (const char *)out.data, *end = text + out.len;
    assert_true(out.len > 0 && end[-1] == '\n');
    assert_true(utf8_valid(text, out.len));
    struct buffer line = {0};
    for (; text < end; text++) {
        if (*text == '\n') {
            size_t cells = text_width(line.data, line.len);
            if (cells > width)
                fail_msg("%zu cells of %u: %.*s", cells, width, (int)line.len, (char *)line.data);
            buffer_clear(&line);
        } else if (*text == '\x1B' && colour) {
            size_t n = strspn(text + 2, "0123456789;");
            assert_true(text[1] == '[' && text[2 + n] == 'm');
            text += 2 + n;
        } else {
            assert_true((uint8_t)*text >= 0x20 && *text != 0x7F);
            assert_true(utf8 || (uint8_t)*text < 0x80);
            buffer_put_byte(&line, (uint8_t)*text);
        }
    }
    buffer_done(&line);
}

static void check_all(struct tacho_recording *rec)
{
    for (enum rendering how = 0; how < RENDERINGS; how++) {
        bool text = how == SUMMARY_TEXT || how == INFO_TEXT;
        for (unsigned width = PAGE_WIDTH_MIN; width < 140; width += text ? 1 : 200)
            for (unsigned mode = 0; mode < 4; mode++) {
                bool utf8 = !text || (mode & 1) != 0, colour = text && (mode & 2) != 0;
                render(rec, how, width, utf8, colour);
                check_lines(text ? width : UINT32_MAX, utf8, colour);
            }
    }
}

static void fits_every_width(void **state)
{
    struct tacho_recording *rec = tell();
    read_story(rec);
    check_all(rec);
    close_story(rec);
}

static void put_random_text(struct buffer *text)
{
    static const char *const pieces[] = {
        "\x1B[2J",          "\n", "\u202E",    "\xFF", "日本語", "e\u0301\u0301", "'", "\\", " ",
        "longer-than-many", "\t", "</script>", "%s",   "\u200B", "\U0001F600"};
    for (int i = rand() % 12; i > 0; i--)
        buffer_put_text(text, pieces[(size_t)rand() % (sizeof pieces / sizeof pieces[0])]);
}

static void random_fact(struct story *s, const char *key)
{
    struct buffer text = {0};
    put_random_text(&text);
    record_put_text(&s->journal, key, text.data, text.len);
    buffer_done(&text);
}

static void random_exit(struct story *s, struct actor *a)
{
    story_exit(s, a,
               &(struct record_exit){.flags = (uint64_t)rand() % 4,
                                     .status = (uint64_t)rand(),
                                     .user_ns = (uint64_t)rand() << (rand() % 33),
                                     .system_ns = (uint64_t)rand() << (rand() % 33),
                                     .peak_rss_bytes = (uint64_t)rand() << (rand() % 33)});
}

/* Values of any size and texts of any bytes: figures may be nonsense, lines may not. */
static void random_story(struct story *s)
{
    static const char *const targets[] = {"launch", "attach", "machine", "else"};
    story_begin(s, targets[rand() % 4]);
    random_fact(s, "hostname");
    random_fact(s, "command");
    random_fact(s, "follow");
    random_fact(s, "end_reason");
    struct buffer text = {0};
    put_random_text(&text);
    buffer_put_byte(&text, 0);
    random_fact(s, (const char *)text.data);
    buffer_done(&text);
    story_number(s, "pids_given_out", (uint64_t)rand() << (rand() % 33));
    story_number(s, "wall_ns", (uint64_t)rand() << (rand() % 33));
    story_number(s, "root_wait_status", (uint64_t)rand() << (rand() % 33));
    story_number(s, "processors", (uint64_t)rand() << (rand() % 33));
    for (unsigned i = 0; i < (unsigned)rand() % 12; i++) {
        struct buffer comm = {0}, argv = {0};
        put_random_text(&comm);
        buffer_put_byte(&comm, 0);
        put_random_text(&argv);
        story_birth_argv(s, (uint32_t)rand() % 20, i == 0 ? NULL : &s->actor[(unsigned)rand() % i],
                         (uint64_t)rand() % 8, (const char *)comm.data,
                         argv.data == NULL ? "" : (const char *)argv.data, argv.len);
        buffer_done(&comm);
        buffer_done(&argv);
    }
    for (int tick = rand() % 30; tick > 0; tick--) {
        story_tick(s);
        for (unsigned i = 0; i < s->actors; i++) {
            struct actor *a = &s->actor[i];
            if (a->track == NULL || rand() % 4 == 0)
                continue;
            for (unsigned m = 0; m < PROCESS_METRICS; m++)
                if (rand() % 3 != 0)
                    actor_set(a, m, (uint64_t)rand() << (rand() % 34));
            story_put(s, a);
            if (rand() % 20 == 0)
                random_exit(s, a);
        }
        struct actor *others[] = {&s->tree, &s->recorder, &s->machine};
        for (int k = 0; k < 3; k++) {
            for (unsigned m = 0; m < kind_info(others[k]->kind)->metric_count; m++)
                if (rand() % 3 != 0)
                    actor_set(others[k], m, (uint64_t)rand() << (rand() % 34));
            story_put(s, others[k]);
        }
    }
    for (int i = rand() % 4; i > 0; i--)
        record_put(&s->journal,
                   &(struct record){.type = RECORD_MISSING,
                                    .missing = {(uint64_t)rand() % 9, (uint64_t)rand() % 20,
                                                (uint64_t)rand() % 300, (uint64_t)rand()}});
}

static void survives_nonsense(void **state)
{
    for (unsigned seed = 1; seed <= 150; seed++) {
        srand(seed);
        random_story(&story);
        struct tacho_recording *rec = story_open(&story);
        read_story(rec);
        for (enum rendering how = 0; how < RENDERINGS; how++) {
            bool text = how == SUMMARY_TEXT || how == INFO_TEXT;
            unsigned width = PAGE_WIDTH_MIN + seed % 100;
            bool utf8 = !text || seed % 2 == 0;
            render(rec, how, width, utf8, seed % 3 == 0);
            check_lines(text ? width : UINT32_MAX, utf8, text && seed % 3 == 0);
        }
        close_story(rec);
    }
}

static void wraps_at_blanks(void **state)
{
    static const char text[] = "one two three-four-five-six-seven eight";
    buffer_clear(&out);
    struct page page = page_of(&out, 20, true, false);
    page_blank(&page, 4);
    page_wrap(&page, INK_PLAIN, 4, 4, text, sizeof text - 1);
    buffer_put_byte(&out, 0);
    assert_string_equal((char *)out.data, "    one two\n    three-four-five…\n    eight\n");
}

static void colours_only_when_asked(void **state)
{
    buffer_clear(&out);
    struct page page = page_of(&out, 40, true, true);
    page_line(&page, INK_BAD, 2, "x\x1B[0my", 6);
    buffer_put_byte(&out, 0);
    assert_string_equal((char *)out.data, "  \x1B[1;31mx\\x1b[0my\x1B[0m\n");
}

static void tables_leave_out_what_matters_least(void **state)
{
    static const struct columns kind = {
        .count = 4,
        .column = {{"CPU", false, 0}, {"from", false, 2}, {"pid", false, 1}, {"command", true, 0}}};
    static const struct {
        unsigned width;
        const char *text;
    } cases[] = {
        {40, "   CPU  from  pid  command\n  12 s   1 s   77  cc1 -O2 x.c and more\n"},
        {28, "   CPU  pid  command\n  12 s   77  cc1 -O2 x.c an…\n"},
        {22, "   CPU  command\n  12 s  cc1 -O2 x.c a…\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct columns table = kind;
        struct buffer *cell = columns_add(&table, INK_PLAIN);
        buffer_put_text(&cell[0], "12 s");
        buffer_put_text(&cell[1], "1 s");
        buffer_put_text(&cell[2], "77");
        buffer_put_text(&cell[3], "cc1 -O2 x.c and more");
        buffer_clear(&out);
        struct page page = page_of(&out, cases[i].width, true, false);
        columns_put(&page, &table, 2);
        buffer_put_byte(&out, 0);
        assert_string_equal((char *)out.data, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_as_it_should),
        cmocka_unit_test(fits_every_width),
        cmocka_unit_test(survives_nonsense),
        cmocka_unit_test(wraps_at_blanks),
        cmocka_unit_test(colours_only_when_asked),
        cmocka_unit_test(tables_leave_out_what_matters_least),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
