/* Marking through forks, signals and sudden ends, and while it is read. */
#include "test_marking_play.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

/* ---- forks ---- */

static void mark_and_fork(void)
{
    TACHO_SCOPE("around the fork");
    {
        TACHO_SCOPE("before");
    }
    pid_t pid = fork();
    {
        TACHO_SCOPE("both");
    }
    if (pid == 0)
        return; /* the scope around ends here as well: it is the parent's */
    waitpid(pid, NULL, 0);
    TACHO_SCOPE("after");
}

static void test_a_fork_marks_for_itself(void **state)
{
    struct seen *s = play(mark_and_fork, NULL);
    assert_int_equal(s->files, 2);
    assert_int_not_equal(s->pid[0], s->pid[1]);
    assert_int_equal(s->threads, 2);
    assert_int_equal(seen_site(s, "before")->ended, 1);
    assert_int_equal(seen_site(s, "both")->ended, 2);
    assert_int_equal(seen_site(s, "after")->ended, 1);
    assert_int_equal(seen_site(s, "around the fork")->ended, 1);
    assert_int_equal(s->unbalanced, 0);
    seen_free(s);
}

static void *mark_until_killed(void *argument)
{
    for (;;) {
        TACHO_SCOPE("other thread");
    }
    return argument;
}

/* While others mark, and from a thread that is not the first. */
static void *fork_often(void *argument)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            TACHO_SCOPE("in child");
            _exit(0);
        }
        int status;
        waitpid(pid, &status, 0);
        if (status != 0)
            _exit(1);
    }
    return argument;
}

static void mark_while_forking(void)
{
    pthread_t marks, forks;
    pthread_create(&marks, NULL, mark_until_killed, NULL);
    pthread_create(&forks, NULL, fork_often, NULL);
    pthread_join(forks, NULL);
}

static void test_forks_while_others_mark(void **state)
{
    struct seen *s = play(mark_while_forking, NULL);
    assert_true(s->files >= 20);
    struct seen_site *child = seen_site(s, "in child");
    assert_int_equal(child->begun, 20);
    assert_int_equal(s->unbalanced, 0);
    seen_free(s);
}

static void mark_in_vfork(void)
{
    TACHO_SCOPE("around");
    volatile pid_t pid = vfork();
    if (pid == 0) {
        tacho_begin("in vfork", NULL);
        tacho_end();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    TACHO_SCOPE("after");
}

static void test_vfork_marks_as_its_parent(void **state)
{
    struct seen *s = play(mark_in_vfork, NULL);
#ifndef __SANITIZE_THREAD__ /* makes a fork of it */
    assert_int_equal(s->files, 1);
#endif
    assert_int_equal(seen_site(s, "in vfork")->ended, 1);
    assert_int_equal(seen_site(s, "after")->ended, 1);
    seen_free(s);
}

/* ---- signals ---- */

static volatile uint64_t handled;

static void mark_in_handler(int number)
{
    tacho_begin("handler", NULL);
    tacho_end();
    handled++;
}

#define ROUNDS 400000

static void mark_under_signals(void)
{
    struct sigaction action = {.sa_handler = mark_in_handler};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {.it_interval = {.tv_usec = 50}, .it_value = {.tv_usec = 50}};
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        TACHO_SCOPE("interrupted");
        TACHO_SCOPE("inside");
    }
    struct itimerval never = {0};
    setitimer(ITIMER_REAL, &never, NULL);
    if (handled == 0)
        _exit(1);
    tacho_counter("handled", (double)handled);
    tacho_label("%llu", (unsigned long long)handled);
}

/* The ring fills up meanwhile: also while scopes are skipped. */
static void test_handlers_that_mark(void **state)
{
    struct seen *s = play(mark_under_signals, NULL);
    struct seen_site *outer = seen_site(s, "interrupted"), *inner = seen_site(s, "inside");
    assert_int_equal(outer->ended + outer->counted, ROUNDS);
    assert_int_equal(inner->ended + inner->counted, ROUNDS);
    assert_int_equal(s->unbalanced, 0);
    assert_true(seen_site(s, "handler")->ended + seen_site(s, "handler")->counted > 0);
    seen_free(s);
}

/* ---- read meanwhile ---- */

#define WRITERS 4
#define SCOPES 200000

static _Atomic int writers_done;

static void *write_scopes(void *argument)
{
    for (int i = 0; i < SCOPES; i++) {
        TACHO_SCOPE("outer");
        TACHO_SCOPE("inner");
        if (i % 1000 == 0)
            tacho_label("%d of %s", i, "many");
    }
    writers_done++;
    return argument;
}

static struct marks_file *open_own(const struct play *p)
{
    char name[32];
    struct marks_file *file = NULL;
    snprintf(name, sizeof name, MARKS_FILE_NAME, (int)getpid(), 0);
    while (marks_file_open(p->fd, name, &file) != 0)
        usleep(100);
    return file;
}

static void check_sums(struct seen *s)
{
    static const char *const names[] = {"outer", "inner"};
    uint64_t kept = 0;
    for (int i = 0; i < 2; i++) {
        struct seen_site *site = seen_site(s, names[i]);
        assert_int_equal(site->begun, site->ended);
        assert_int_equal(site->ended + site->counted, WRITERS * SCOPES);
        kept += site->ended;
    }
    assert_int_equal(kept + s->lost_scopes, 2 * WRITERS * SCOPES);
    assert_int_equal(s->labels + s->lost_others, WRITERS * (SCOPES / 1000));
    assert_int_equal(s->unbalanced, 0);
}

/* In one process, so that a thread sanitizer sees both sides. */
static void test_read_while_it_is_written(void **state)
{
    struct play p = play_open();
    pthread_t thread[WRITERS];
    struct seen *s = seen_new();
    struct marks_sink sink = seen_sink(s);
    static struct mark room[MARKS_AT_ONCE];
    play_join(&p);
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&thread[i], NULL, write_scopes, NULL);
    struct marks_file *file = open_own(&p);
    unsigned fill = 0;
    for (bool done = false; !done;) {
        done = writers_done == WRITERS;
        tick_clock_take(&p.clock);
        assert_int_equal(marks_file_drain(file, &p.clock, &sink, room, &fill), 0);
        marks_file_tell_lost(file, &p.clock, &sink);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(thread[i], NULL);
    marking_end();
    marks_file_drain(file, &p.clock, &sink, room, &fill);
    check_sums(s);
    assert_int_equal(s->ended_threads, WRITERS);
    marks_file_close(file, true);
    seen_free(s);
    play_close(&p);
}

/* ---- sudden ends ---- */

struct kept {
    volatile uint64_t begun, ended;
};

static void mark_and_count(struct kept *kept)
{
    for (uint64_t i = 0; i < RING_CELLS_MAX / 2 - 100; i++) {
        kept->begun = i + 1;
        TACHO_SCOPE("counted");
        for (volatile int k = 0; k < 50; k++)
            ;
        kept->ended = i + 1;
    }
    pause();
}

/* The ends of scopes come after `ended` is counted: one may be on its way. */
static void killed_once(useconds_t after)
{
    struct kept *kept =
        mmap(NULL, sizeof *kept, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct play p = play_open();
    pid_t pid = fork();
    if (pid == 0) {
        play_join(&p);
        mark_and_count(kept);
    }
    while (kept->ended == 0) /* there is no file before the first mark */
        usleep(10);
    usleep(after);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct seen *s = play_read(&p);
    struct seen_site *site = seen_site(s, "counted");
    assert_in_range(site->begun, kept->begun - 1, kept->begun);
    assert_in_range(site->ended, kept->ended - 1, kept->ended);
    seen_free(s);
    play_close(&p);
    munmap(kept, sizeof *kept);
}

static void test_at_most_one_mark_is_lost(void **state)
{
    for (useconds_t i = 0; i < 30; i++)
        killed_once(i * 67);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fork_marks_for_itself),
        cmocka_unit_test(test_forks_while_others_mark),
        cmocka_unit_test(test_vfork_marks_as_its_parent),
        cmocka_unit_test(test_handlers_that_mark),
        cmocka_unit_test(test_at_most_one_mark_is_lost),
        cmocka_unit_test(test_read_while_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
