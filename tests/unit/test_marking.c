/* What programs mark is what a recorder reads. */
#include "test_marking_play.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

/* ---- all there is to mark ---- */

static volatile double burnt;

static void burn(void)
{
    for (int i = 0; i < 100000; i++)
        burnt = burnt + i;
}

static void mark_one_of_each(void)
{
    tacho_thread_name("main thread");
    {
        TACHO_SCOPE("outer", "I/O");
        TACHO_LABEL("label %d of %s", 7, "mine");
        TACHO_FUNCTION("Core");
        for (int i = 0; i < 3; i++) {
            TACHO_SCOPE("inner");
            TACHO_COUNTER("residual", 0.5 * i);
        }
        TACHO_SCOPE_CPU("burning");
        burn();
    }
    tacho_begin("dynamic", "I/O");
    tacho_counter("other", -1);
    tacho_end();
}

static void test_one_of_each(void **state)
{
    struct seen *s = play(mark_one_of_each, NULL);
    assert_int_equal(s->files, 1);
    assert_int_equal(s->threads, 1);
    assert_string_equal(s->thread[1].name, "main thread");
    assert_int_equal(s->thread[1].deepest, 3);
    assert_int_equal(s->thread[1].depth, 0);
    assert_int_equal(s->labels, 1);
    assert_string_equal(s->label[0], "label 7 of mine");
    assert_int_equal(seen_site(s, "inner")->ended, 3);
    assert_string_equal(seen_site(s, "inner")->category, "");
    assert_string_equal(seen_site(s, "outer")->category, "I/O");
    assert_string_equal(seen_site(s, "mark_one_of_each")->category, "Core");
    assert_int_equal(seen_site(s, "dynamic")->ended, 1);
    assert_true(seen_site(s, "residual")->value == 1.0);
    assert_true(seen_site(s, "other")->value == -1.0);
    assert_true(seen_site(s, "burning")->kept_ns <= seen_site(s, "outer")->kept_ns);
    assert_int_equal(s->lost_scopes + s->lost_others + s->unbalanced, 0);
    seen_free(s);
}

static void test_without_a_tick_counter(void **state)
{
    play_without_ticks = true;
    test_one_of_each(state);
    play_without_ticks = false;
}

static void mark_cpu(void)
{
    {
        TACHO_SCOPE_CPU("busy");
        burn();
    }
}

static void test_the_threads_cpu_clock(void **state)
{
    struct seen *s = play(mark_cpu, NULL);
    assert_true(s->thread[1].cpu_ns > 0);
    /* Another clock than that of the time: they may differ by what reading them takes. */
    assert_true(s->thread[1].cpu_ns <= seen_site(s, "busy")->kept_ns + 100 * NS_PER_US);
    seen_free(s);
}

/* ---- names ---- */

static void mark_changing_names(void)
{
    char name[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 100; i++) {
            snprintf(name, sizeof name, "step %d", i % 10);
            tacho_begin(name, i % 2 == 0 ? "even" : NULL);
            tacho_end();
        }
}

static void test_names_are_told_apart_by_what_they_say(void **state)
{
    struct seen *s = play(mark_changing_names, NULL);
    assert_int_equal(s->sites, 10);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "step %d", i);
        assert_int_equal(seen_site(s, name)->ended, 20);
        assert_string_equal(seen_site(s, name)->category, i % 2 == 0 ? "even" : "");
    }
    seen_free(s);
}

static void mark_odd_names(void)
{
    static char longer[3000];
    memset(longer, 'x', sizeof longer - 1);
    tacho_begin(longer, longer);
    tacho_end();
    tacho_begin(NULL, NULL);
    tacho_end();
    tacho_begin("", "");
    tacho_end();
    tacho_begin("\xff\x01\n<b>", NULL);
    tacho_end();
    tacho_thread_name(NULL);
    tacho_label("%s", longer);
    static char longest[6000];
    memset(longest, 'y', sizeof longest - 1);
    tacho_label("%s", longest);
    tacho_label("%s", "");
}

static void test_odd_names(void **state)
{
    struct seen *s = play(mark_odd_names, NULL);
    assert_int_equal(s->sites, 3);
    assert_int_equal(strspn(s->site[1].name, "x"), sizeof s->site[1].name - 1);
    assert_int_equal(seen_site(s, "")->ended, 2);
    assert_int_equal(seen_site(s, "\xff\x01\n<b>")->ended, 1);
    assert_int_equal(strlen(s->label[0]), 2999);
    assert_int_equal(strlen(s->label[1]), LABEL_BYTES_MAX);
    assert_string_equal(s->label[2], "");
    assert_int_equal(s->labels, 3);
    seen_free(s);
}

#define NAMES 66000

static void mark_too_many_names(void)
{
    char name[32];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "name %d", i);
        tacho_begin(name, NULL);
        tacho_end();
    }
}

static void test_names_beyond_number(void **state)
{
    struct seen *s = play(mark_too_many_names, NULL);
    uint64_t all = 0;
    for (uint32_t i = 1; i <= s->sites; i++)
        all += s->site[i].ended + s->site[i].counted;
    assert_int_equal(all, NAMES);
    struct seen_site *rest = seen_site(s, "(too many names)");
    assert_int_equal(rest->ended + rest->counted, NAMES - (SITES_MAX - 2));
    seen_free(s);
}

/* ---- rings that are full ---- */

#define LOOPS 300000

static void mark_more_than_there_is_room_for(void)
{
    TACHO_SCOPE("all");
    for (int i = 0; i < LOOPS; i++) {
        TACHO_SCOPE("pair", "a");
        TACHO_SCOPE("in pair");
    }
    TACHO_LABEL("no room");
    TACHO_COUNTER("no room either", 1);
}

/* Nobody reads: what fits is recorded, the rest is counted, the first scopes still end. */
static void test_a_full_ring_counts(void **state)
{
    struct seen *s = play(mark_more_than_there_is_room_for, NULL);
    static const char *const pairs[] = {"pair", "in pair"};
    for (int i = 0; i < 2; i++) {
        struct seen_site *site = seen_site(s, pairs[i]);
        assert_int_equal(site->ended + site->counted, LOOPS);
        assert_true(site->ended > RING_CELLS_MAX / 4 - 10);
        assert_true(site->counted_ns > 0);
    }
    struct seen_site *all = seen_site(s, "all"), *outer = seen_site(s, "pair");
    assert_int_equal(all->ended, 1);
    assert_true(outer->kept_ns + outer->counted_ns <= all->kept_ns);
    assert_int_equal(s->lost_scopes, 2 * LOOPS - outer->ended - seen_site(s, "in pair")->ended);
    assert_int_equal(s->lost_others, 2);
    assert_int_equal(s->unbalanced, 0);
    seen_free(s);
}

/* Skips more than it can remember the begins of, and more deeply than a ring has cells. */
#define DEPTH 100000

static void mark_deeply(void)
{
    for (int i = 0; i < DEPTH; i++)
        tacho_begin("deep", NULL);
    for (int i = 0; i < DEPTH; i++)
        tacho_end();
    TACHO_SCOPE("after");
}

static void test_nesting_without_end(void **state)
{
    struct seen *s = play(mark_deeply, NULL);
    struct seen_site *deep = seen_site(s, "deep");
    assert_true(deep->begun > 1000 && deep->begun == deep->ended);
    assert_true(deep->ended + deep->counted <= DEPTH);
    assert_int_equal(deep->ended + s->lost_scopes, DEPTH);
    assert_int_equal(seen_site(s, "after")->ended, 1);
    assert_int_equal(s->unbalanced, 0);
    seen_free(s);
}

static void mark_unbalanced(void)
{
    tacho_end();
    tacho_end();
    tacho_begin("a", NULL);
    tacho_end();
    tacho_end();
    tacho_begin("open at the end", NULL);
}

static void test_ends_without_begins(void **state)
{
    struct seen *s = play(mark_unbalanced, NULL);
    assert_int_equal(seen_site(s, "a")->ended, 1);
    assert_int_equal(seen_site(s, "open at the end")->begun, 1);
    /* The first two came before anything was marked: there was nothing to count them in. */
    assert_int_equal(s->unbalanced, 1);
    seen_free(s);
}

/* ---- threads ---- */

static void *mark_in_thread(void *argument)
{
    tacho_thread_name(argument);
    for (int i = 0; i < 1000; i++) {
        TACHO_SCOPE("threaded");
    }
    return NULL;
}

static void mark_in_threads(void)
{
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, mark_in_thread, "one of four");
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
}

static void test_threads(void **state)
{
    struct seen *s = play(mark_in_threads, NULL);
    assert_int_equal(s->threads, 4);
    assert_int_equal(s->ended_threads, 4);
    assert_int_equal(seen_site(s, "threaded")->ended, 4000);
    for (int i = 1; i <= 4; i++) {
        assert_string_equal(s->thread[i].name, "one of four");
        assert_int_equal(s->thread[i].next_index, 2000);
    }
    seen_free(s);
}

#define SHORT_THREADS 3000

static void *mark_shortly(void *argument)
{
    TACHO_SCOPE("short");
    return argument;
}

static void mark_in_short_threads(void)
{
    for (int i = 0; i < SHORT_THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, mark_shortly, NULL);
        pthread_join(thread, NULL);
    }
}

static void test_rings_are_used_again(void **state)
{
    struct play p = play_open();
    pid_t pid = fork();
    if (pid == 0) {
        play_join(&p);
        mark_in_short_threads();
        _exit(atomic_load(&own_file_head()->ring_count) == 1 ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    struct seen *s = play_read(&p);
    assert_int_equal(s->threads, SHORT_THREADS);
    assert_int_equal(s->ended_threads, SHORT_THREADS);
    assert_int_equal(seen_site(s, "short")->ended, SHORT_THREADS);
    seen_free(s);
    play_close(&p);
}

/* ---- a place with little room, or none ---- */

static void mark_without_room(void)
{
    struct rlimit none = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &none);
    TACHO_SCOPE("nowhere");
    TACHO_LABEL("nowhere");
    if (tacho_marking != 0)
        _exit(1);
}

static void test_no_room_for_a_file(void **state)
{
    struct seen *s = play(mark_without_room, NULL);
    assert_int_equal(s->files, 0);
    seen_free(s);
}

/* Room for one ring of the first size. */
static void mark_with_little_room(void)
{
    struct rlimit little = {ring_at(0) + SHARED_PAGE + (128 << 10), RLIM_INFINITY};
    little.rlim_max = little.rlim_cur;
    setrlimit(RLIMIT_FSIZE, &little);
    for (int i = 0; i < LOOPS; i++) {
        TACHO_SCOPE("pair");
    }
    mark_in_threads(); /* that get no ring at all */
}

static void test_little_room(void **state)
{
    struct seen *s = play(mark_with_little_room, NULL);
    struct seen_site *pair = seen_site(s, "pair"), *threaded = seen_site(s, "threaded");
    assert_true(pair->ended >= 2000 && pair->ended < 5000);
    assert_int_equal(pair->ended + pair->counted, LOOPS);
    assert_int_equal(threaded->ended, 0);
    assert_int_equal(threaded->counted, 4000);
    seen_free(s);
}

static void mark_to(const char *place)
{
    if (!own_file_place(place))
        _exit(2);
    marking_begin();
    TACHO_SCOPE("nowhere");
    _exit(tacho_marking);
}

static void test_places_that_are_none(void **state)
{
    static const char *const wrong[] = {"",        "tsc", "tsc:", "mono:relative", "clock:/dev/shm",
                                        "/dev/shm"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(own_file_place(wrong[i]));
    char longer[600] = "mono:/";
    memset(longer + 6, 'x', sizeof longer - 7);
    assert_false(own_file_place(longer));
    pid_t pid = fork();
    if (pid == 0)
        mark_to("mono:/nonexistent/directory");
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_each),
        cmocka_unit_test(test_without_a_tick_counter),
        cmocka_unit_test(test_the_threads_cpu_clock),
        cmocka_unit_test(test_names_are_told_apart_by_what_they_say),
        cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_names_beyond_number),
        cmocka_unit_test(test_a_full_ring_counts),
        cmocka_unit_test(test_nesting_without_end),
        cmocka_unit_test(test_ends_without_begins),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_rings_are_used_again),
        cmocka_unit_test(test_no_room_for_a_file),
        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_places_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
