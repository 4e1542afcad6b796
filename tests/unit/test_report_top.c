/* report/top_*, analyse/snapshot: what is shown of which moment, and what keys do. No terminal. */
#include "test_analyse_build.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "report/top_frame.h"

static struct story story;
static struct top top;
static struct buffer out;

static int clean_up(void **state)
{
    buffer_done(&out);
    return 0;
}

static void take(void)
{
    snapshot_done(&top.snapshot);
    assert_int_equal(
        snapshot_take(top.summary.rec, top.time_ns, top.summary.interval_ns, &top.snapshot), 0);
    assert_int_equal(snapshot_take_marks(top.summary.rec, top.time_ns, &top.marks), 0);
    top.marks_known = true;
}

#define EVIL_ARGV "/bin/\x1B]0;owned\a\0a\nb\0\xE2\x80\xAEtxt.exe\0\xFF"

/* 40 ticks of 100 ms. cc1 works from the beginning, ld from the 21st tick on, evil ends after 30. */
static void tell(bool whole)
{
    struct story *s = &story;
    story_begin(s, "launch");
    record_put_text(&s->journal, "command", "make\0-j2", 8);
    struct actor *make = story_birth(s, 10, NULL, BIRTH_ROOT | BIRTH_FORKED, "make");
    struct actor *cc = story_birth(s, 11, make, BIRTH_FORKED, "cc1");
    struct actor *evil =
        story_birth_argv(s, 12, make, BIRTH_FORKED, "evil", EVIL_ARGV, sizeof EVIL_ARGV);
    struct actor *ld = NULL;
    for (uint64_t i = 1; i <= 40; i++) {
        if (i == 21)
            ld = story_birth(s, 13, cc, BIRTH_FORKED, "ld");
        story_tick(s);
        actor_cpu(make, i, 0);
        actor_set(make, PROCESS_RSS, 2 * MIB);
        actor_set(make, PROCESS_READ_BYTES, 10240 * i);
        actor_set(make, PROCESS_WRITE_BYTES, 0);
        story_put(s, make);
        actor_cpu(cc, 50 * i, 0);
        actor_set(cc, PROCESS_RSS, i * MIB);
        actor_set(cc, PROCESS_PSS, i * MIB / 2);
        actor_set(cc, PROCESS_STATE, 'R');
        story_put(s, cc);
        if (i <= 30) {
            actor_cpu(evil, 0, 0);
            actor_set(evil, PROCESS_RSS, 64 * MIB);
            story_put(s, evil);
        }
        if (i == 30)
            story_gone(s, evil);
        if (ld != NULL) {
            actor_cpu(ld, 80 * (i - 20), 0);
            actor_set(ld, PROCESS_RSS, MIB);
            story_put(s, ld);
        }
        actor_set(&s->tree, TREE_RSS, (3 + i) * MIB);
        actor_set(&s->tree, TREE_PROCESSES, 3);
        story_put(s, &s->tree);
    }
    if (whole) {
        story_number(s, "root_wait_status", 2 << 8);
        story_end(s, 0, 0);
    }
    top = (struct top){.speed = 1, .snapshot.time_ns = SNAPSHOT_UNKNOWN};
    assert_int_equal(summary_make(story_open(s), &top.summary), 0);
    top.growing = !whole;
    top_go(&top, 0);
    take();
}

static void end(void)
{
    struct tacho_recording *rec = top.summary.rec;
    snapshot_done(&top.snapshot);
    summary_done(&top.summary);
    tacho_recording_close(rec);
    story_done(&story);
}

static const char *draw(unsigned rows, unsigned columns, bool utf8)
{
    struct grid grid;
    struct page page = page_of(&out, columns, utf8, false);
    assert_int_equal(grid_init(&grid, rows, columns, utf8), 0);
    assert_int_equal(top_draw(&grid, &top), 0);
    buffer_clear(&out);
    grid_put_page(&grid, &page);
    grid_done(&grid);
    buffer_put_byte(&out, 0);
    assert_false(out.failed);
    return (const char *)out.data;
}

static void at_tick(unsigned n)
{
    top_go(&top, STORY_START_NS + n * 100 * MS);
    take();
}

static const struct snapshot_process *process(int pid)
{
    for (size_t i = 0; i < top.snapshot.count; i++)
        if (top.snapshot.process[i].process->pid == pid)
            return &top.snapshot.process[i];
    return NULL;
}

static void test_how_things_stood(void **state)
{
    tell(true);
    at_tick(20);
    assert_int_equal(top.snapshot.time_ns, STORY_START_NS + 2000 * MS);
    assert_int_equal(top.snapshot.count, 3);
    assert_null(process(13));
    const struct snapshot_process *cc = process(11), *make = process(10);
    assert_true(fabs(cc->cores - 0.5) < 1e-9);
    assert_int_equal(cc->rss_bytes, 20 * MIB);
    assert_int_equal(cc->pss_bytes, 10 * MIB);
    assert_int_equal(cc->cpu_ns, 1000 * MS);
    assert_int_equal(cc->state, 'R');
    assert_ptr_equal(&top.snapshot.process[cc->parent], make);
    assert_int_equal(make->parent, SNAPSHOT_NOBODY);
    assert_true(fabs(make->read_rate - 102400) < 1e-3);
    assert_true(isnan(cc->read_rate));
    assert_int_equal(make->pss_bytes, SNAPSHOT_UNKNOWN);
    end();
}

/* What it used since its birth counts in full; who has ended is gone. */
static void test_births_and_ends(void **state)
{
    tell(true);
    at_tick(22);
    assert_int_equal(top.snapshot.count, 4);
    assert_true(fabs(process(13)->cores - 0.8) < 1e-9);
    at_tick(30);
    assert_non_null(process(12));
    at_tick(31);
    assert_null(process(12));
    end();
}

static void test_between_before_and_after_ticks(void **state)
{
    tell(true);
    top_go(&top, STORY_START_NS + 2050 * MS);
    take();
    assert_int_equal(top.snapshot.time_ns, STORY_START_NS + 2000 * MS);
    top_go(&top, STORY_START_NS + 50 * MS);
    take();
    assert_int_equal(top.snapshot.count, 0);
    assert_non_null(strstr(draw(24, 80, true), "nothing was sampled at this moment"));
    top_go(&top, UINT64_MAX);
    assert_int_equal(top.time_ns, STORY_START_NS + 4000 * MS);
    end();
}

static const char frame[] =
    " make -j2                                                      2.50 s of 4.00 s\n"
    " 4 processes  4 threads  CPU 1.31 of 2 cores  memory 92.0 MiB  I/O 100 KiB/s\n";

static void test_frame(void **state)
{
    tell(true);
    at_tick(25);
    const char *text = draw(24, 80, true);
    assert_memory_equal(text, frame, sizeof frame - 1);
    assert_non_null(strstr(text, "  CPU    1.5 cores ┤"));
    assert_non_null(strstr(text, "  Memory  48.0 MiB ┤"));
    assert_non_null(strstr(text, "▲"));
    assert_non_null(strstr(
        text,
        "    PID *CPU %      RSS      PSS  THR S   I/O /s COMMAND\n"
        "     10    1.0 2.00 MiB             1    100 KiB make\n"
        "     11   50.0 25.0 MiB 12.5 MiB    1 R          └ cc1\n"
        "     13   80.0 1.00 MiB             1              └ ld\n"
        "     12    0.0 64.0 MiB             1            └ $'\\x1b]0;owned\\a' $'a\\nb' $'…\n"));
    end();
}

static void test_end_says_how_it_ended(void **state)
{
    tell(true);
    top_take_key(&top, TOP_KEY_END);
    take();
    assert_non_null(strstr(draw(24, 80, true), "  exit 2  4.00 s of 4.00 s\n"));
    assert_false(top.follow);
    end();
}

/* Of the machine alone: what it used then, and no processes. */
static void test_machine(void **state)
{
    struct story *s = &story;
    story_begin(s, "machine");
    for (uint64_t i = 1; i <= 40; i++) {
        story_tick(s);
        actor_set(&s->machine, MACHINE_USER, 150 * i * MS);
        actor_set(&s->machine, MACHINE_SYSTEM, 0);
        actor_set(&s->machine, MACHINE_IDLE, 50 * i * MS);
        actor_set(&s->machine, MACHINE_MEMORY_TOTAL, 8 * KIB * MIB);
        actor_set(&s->machine, MACHINE_MEMORY_AVAILABLE, 6 * KIB * MIB);
        story_put(s, &s->machine);
    }
    story_end(s, 0, 0);
    top = (struct top){.speed = 1, .snapshot.time_ns = SNAPSHOT_UNKNOWN};
    assert_int_equal(summary_make(story_open(s), &top.summary), 0);
    at_tick(20);
    const char *text = draw(24, 80, true);
    assert_non_null(strstr(text, " the machine node-07 "));
    assert_non_null(strstr(text, "\n CPU 1.50 of 2 cores  memory 2.00 GiB\n"));
    assert_non_null(strstr(text, "no process was sampled"));
    end();
}

/* ---- keys ---- */

static void press(const char *keys)
{
    for (; *keys != '\0'; keys++)
        assert_true(top_take_key(&top, (uint8_t)*keys));
}

static void test_a_key_is_a_tick(void **state)
{
    tell(true);
    at_tick(20);
    for (unsigned i = 21; i <= 40; i++) {
        assert_true(top_take_key(&top, TOP_KEY_RIGHT));
        take();
        assert_int_equal(top.snapshot.time_ns, STORY_START_NS + i * 100 * MS);
    }
    for (unsigned i = 39; i >= 1; i--) {
        assert_true(top_take_key(&top, TOP_KEY_LEFT));
        take();
        assert_int_equal(top.snapshot.time_ns, STORY_START_NS + i * 100 * MS);
    }
    end();
}

static void test_larger_steps_and_ends(void **state)
{
    tell(true);
    at_tick(20);
    top_take_key(&top, TOP_KEY_PAGE_DOWN);
    assert_int_equal(top.time_ns, STORY_START_NS + 2400 * MS);
    take();
    top_take_key(&top, TOP_KEY_PAGE_UP);
    assert_int_equal(top.time_ns, STORY_START_NS + 2000 * MS);
    take();
    press("]");
    take();
    assert_int_equal(top.snapshot.time_ns, STORY_START_NS + 2100 * MS); /* at least a tick */
    press("[");
    take();
    assert_int_equal(top.snapshot.time_ns, STORY_START_NS + 2000 * MS);
    top_take_key(&top, TOP_KEY_HOME);
    assert_int_equal(top.time_ns, STORY_START_NS);
    top_take_key(&top, TOP_KEY_END);
    assert_int_equal(top.time_ns, STORY_START_NS + 4000 * MS);
    end();
}

static void test_playing(void **state)
{
    tell(true);
    at_tick(10);
    top_play(&top, 500 * MS);
    assert_int_equal(top.time_ns, STORY_START_NS + 1000 * MS);
    press(" ");
    top_play(&top, 500 * MS);
    assert_int_equal(top.time_ns, STORY_START_NS + 1500 * MS);
    press("++");
    top_play(&top, 500 * MS);
    assert_int_equal(top.time_ns, STORY_START_NS + 3500 * MS);
    assert_non_null(strstr(draw(24, 80, true), "playing 4x  3.50 s of 4.00 s"));
    press("-");
    top_play(&top, 500 * MS);
    assert_false(top.playing); /* the end */
    press(" ");
    assert_true(top.playing);
    assert_int_equal(top.time_ns, STORY_START_NS); /* again */
    end();
}

/* One that is still written: its end is followed until somebody goes back. */
static void test_following(void **state)
{
    tell(false);
    top_take_key(&top, TOP_KEY_END);
    assert_true(top.follow);
    take();
    assert_non_null(strstr(draw(24, 80, true), "recording  4.00 s of 4.00 s"));
    top_take_key(&top, TOP_KEY_LEFT);
    assert_false(top.follow);
    take();
    top_take_key(&top, TOP_KEY_RIGHT);
    assert_true(top.follow);
    end();
}

static const char *commands(void)
{
    static char text[256];
    struct top_row *rows;
    size_t count, used = 0;
    assert_int_equal(top_rows(&top, &rows, &count), 0);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%u%s ", rows[i].depth,
                                 rows[i].process->process->comm);
    free(rows);
    return text;
}

static void test_order(void **state)
{
    tell(true);
    at_tick(25);
    assert_string_equal(commands(), "0make 1cc1 2ld 1evil ");
    press("m");
    assert_string_equal(commands(), "0make 1evil 1cc1 2ld ");
    press("T");
    assert_string_equal(commands(), "0evil 0cc1 0make 0ld ");
    press("c");
    assert_string_equal(commands(), "0ld 0cc1 0make 0evil ");
    press("i");
    assert_string_equal(commands(), "0make 0cc1 0evil 0ld ");
    end();
}

static void test_filter(void **state)
{
    tell(true);
    at_tick(25);
    press("/qCC1");
    assert_non_null(strstr(draw(24, 80, true), "\n /qCC1_\n"));
    for (int i = 0; i < 4; i++)
        top_take_key(&top, TOP_KEY_BACKSPACE);
    press("CC");
    assert_string_equal(commands(), "0cc1 ");
    top_take_key(&top, TOP_KEY_ENTER);
    assert_non_null(strstr(draw(24, 80, true), "only 'CC'; Esc: all"));
    top_take_key(&top, TOP_KEY_ESCAPE);
    assert_string_equal(commands(), "0make 1cc1 2ld 1evil ");
    press("/");
    for (int i = 0; i < 1000; i++)
        top_take_key(&top, 0x20AC);
    assert_true(top.filter_bytes <= TOP_FILTER_MAX);
    assert_true(utf8_valid(top.filter, top.filter_bytes));
    assert_string_equal(commands(), "");
    end();
}

static void test_marked_row_follows_its_process(void **state)
{
    tell(true);
    at_tick(25);
    draw(24, 80, true);
    press("jj");
    assert_int_equal(top.chosen, process(13)->process->entity);
    press("T");
    draw(24, 80, true);
    assert_int_equal(top.chosen_at, 0);
    press("G");
    assert_int_equal(top.chosen_at, 3);
    draw(6, 80, true); /* room for two */
    assert_int_equal(top.scrolled, 2);
    press("g");
    draw(6, 80, true);
    assert_int_equal(top.scrolled, 0);
    end();
}

static void test_help_and_quitting(void **state)
{
    tell(true);
    press("?");
    const char *text = draw(24, 80, true);
    assert_non_null(strstr(text, "play from here, stop"));
    assert_non_null(strstr(text, "quit\n"));
    press("x");
    assert_false(top.help);
    assert_false(top_take_key(&top, 'q'));
    end();
}

/* ---- any size, any text ---- */

static void check_size(unsigned rows, unsigned columns, bool utf8)
{
    const char *text = draw(rows, columns, utf8), *at = text;
    unsigned lines = 0;
    assert_true(utf8_valid(text, strlen(text)));
    for (const char *stop; (stop = strchr(at, '\n')) != NULL; at = stop + 1, lines++) {
        assert_true(text_width(at, (size_t)(stop - at)) <= columns);
        for (const char *c = at; c < stop; c++)
            assert_true((uint8_t)*c >= 0x20 && *c != 0x7F && (utf8 || (uint8_t)*c < 0x80));
    }
    assert_int_equal(lines, rows);
}

static void test_every_size(void **state)
{
    tell(true);
    at_tick(25);
    for (unsigned rows = 1; rows < 60; rows += rows < 30 ? 1 : 7)
        for (unsigned columns = 20; columns < 250; columns += 11)
            check_size(rows, columns, columns % 2 == 0);
    check_size(24, 1000, true);
    for (unsigned columns = 0; columns < 20; columns++) {
        struct grid grid;
        assert_int_equal(grid_init(&grid, 1 + columns, columns, true), 0);
        assert_int_equal(top_draw(&grid, &top), 0);
        grid_done(&grid);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_things_stood),
        cmocka_unit_test(test_births_and_ends),
        cmocka_unit_test(test_between_before_and_after_ticks),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_end_says_how_it_ended),
        cmocka_unit_test(test_machine),
        cmocka_unit_test(test_a_key_is_a_tick),
        cmocka_unit_test(test_larger_steps_and_ends),
        cmocka_unit_test(test_playing),
        cmocka_unit_test(test_following),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_marked_row_follows_its_process),
        cmocka_unit_test(test_help_and_quitting),
        cmocka_unit_test(test_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
