/*
 * follow/follow_connector on real processes: who belongs, execs and ends.
 */
#include "test_connector_told.h"

#define SHORT_LIVES 5000

/* ---- who belongs ---- */

static void children_and_grandchildren(void **state)
{
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    assert_told(1);
    assert_true(only(BIRTH, puppets[0].pid)->root && only(BIRTH, puppets[0].pid)->forked);
    assert_int_equal(only(BIRTH, puppets[0].pid)->parent, getpid());
    uint64_t since_ns = clock_mono_ns();
    act(0, ACT_FORK, 1);
    look();
    assert_born(puppets[1].pid, puppets[0].pid, since_ns);
    act(1, ACT_FORK, 2);
    act(2, ACT_FORK, 3);
    act(0, ACT_FORK, 4);
    look();
    assert_born(puppets[2].pid, puppets[1].pid, since_ns);
    assert_born(puppets[3].pid, puppets[2].pid, since_ns);
    assert_born(puppets[4].pid, puppets[0].pid, since_ns);
    assert_true(only(BIRTH, puppets[2].pid) < only(BIRTH, puppets[3].pid));
    assert_told(5);
    pid_t pid = puppets[3].pid;
    end_puppet(3);
    assert_true(only(END, pid)->time_ns >= only(BIRTH, pid)->time_ns);
    assert_true(only(END, pid)->time_ns <= clock_mono_ns());
    assert_int_equal(only(END, pid)->status, 0);
    look();
    assert_told_but_accounts(6);
    assert_nothing_lost(4);
}

/* Whatever becomes of parent and session; and he who was there for no time at all. */
static void orphans_belong(void **state)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    act(0, ACT_FORK, 1);
    act(1, ACT_SETSID, 0);
    act(1, ACT_FORK, 2);
    act(2, ACT_SETSID, 0);
    pid_t middle = puppets[1].pid, first = puppets[0].pid;
    end(1);
    act(2, ACT_FORK, 3);
    end(0);
    act(3, ACT_FORK, 4);
    look_for(END, first, 1);
    look_for(END, middle, 1);
    assert_int_equal(only(BIRTH, middle)->parent, first);
    assert_int_equal(only(END, middle)->status, 0);
    assert_int_equal(only(BIRTH, puppets[2].pid)->parent, middle);
    assert_int_equal(only(BIRTH, puppets[3].pid)->parent, puppets[2].pid);
    assert_int_equal(only(BIRTH, puppets[4].pid)->parent, puppets[3].pid);
    assert_told_but_accounts(5 + 2);
    assert_nothing_lost(4);
}

static void an_orphan_of_nobody_of_ours(void **state)
{
    start_elsewhere(0);
    attach_to(puppets[0].pid);
    act(0, ACT_FORK, 1);
    act(1, ACT_FORK, 2);
    act(2, ACT_SETSID, 0);
    end_puppet(1);
    act(2, ACT_FORK, 3);
    end_puppet(0);
    end_puppet(2);
    act(3, ACT_FORK, 4);
    look();
    assert_int_equal(count_of(BIRTH, puppets[4].pid), 1);
    assert_told_but_accounts(5 + 3);
    assert_nothing_lost(4);
}

static void threads_are_no_processes(void **state)
{
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    act(0, ACT_FORK, 1);
    act(1, ACT_THREADS, 5);
    act(1, ACT_FORK_FROM_THREAD, 2);
    look();
    assert_int_equal(only(BIRTH, puppets[1].pid)->parent, puppets[0].pid);
    assert_int_equal(only(BIRTH, puppets[2].pid)->parent, puppets[1].pid);
    assert_told(3);
    act(2, ACT_THREADS, 5);
    look();
    assert_told(3);
    pid_t pid = puppets[1].pid;
    end_puppet(1); /* with all its threads */
    assert_int_equal(only(END, pid)->status, 0);
    assert_told_but_accounts(4);
    assert_nothing_lost(2);
}

static void strangers_never_belong(void **state)
{
    start_elsewhere(10);
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    act(10, ACT_FORK, 11);
    act(11, ACT_THREADS, 2);
    act(11, ACT_SETSID, 0);
    act(11, ACT_FORK, 12);
    end(11);
    act(12, ACT_FORK, 13);
    end(13);
    act(0, ACT_FORK, 1);
    look();
    assert_int_equal(count_of(BIRTH, puppets[1].pid), 1);
    assert_told(2);
    assert_nothing_lost(1);
}

static void the_recorder_never_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    act(0, ACT_FORK, 2);
    open_connector(&(struct follow_config){
        .roots = &puppets[0].pid, .root_count = 1, .recorder = puppets[1].pid});
    act(1, ACT_THREADS, 2);
    act(2, ACT_FORK, 3);
    look();
    assert_int_equal(count_of(BIRTH, puppets[1].pid), 0);
    assert_int_equal(count_of(BIRTH, puppets[3].pid), 1);
    assert_told(3);
}

static int make_sibling(void *arg)
{
    while (pause() != 0)
        ;
    return 0;
}

static void body_with_sibling(int number)
{
    static _Alignas(16) char stack[65536];
    puppets[number + 1].pid =
        clone(make_sibling, stack + sizeof stack, CLONE_PARENT | SIGCHLD, NULL);
    pause_in_body(number);
}

/* Made with CLONE_PARENT: by a child of a member, and by our own. */
static void siblings_of_their_makers(void **state)
{
    pid_t pid = child_of_body(0, body_with_sibling);
    launch_pid(pid);
    let_go(0);
    await_pause(0);
    look();
    assert_born(puppets[1].pid, getpid(), 0);
    assert_told(2);
}

static void a_root_that_is_gone(void **state)
{
    struct follow *untouched = follow;
    puppet_fork(0);
    pid_t dead = puppets[0].pid;
    end(0);
    int r = try_to_open(&(struct follow_config){.roots = &dead, .root_count = 1});
    assert_int_equal(r, -ESRCH);
    assert_ptr_equal(follow, untouched);
    assert_told(0);
}

/* ---- attaching ---- */

static void what_was_there_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_FORK, 2);
    act(1, ACT_FORK, 3);
    act(3, ACT_SETSID, 0);
    start_elsewhere(10);
    act(10, ACT_FORK, 11);
    const pid_t roots[] = {puppets[0].pid, puppets[10].pid, puppets[0].pid};
    open_connector(&(struct follow_config){.roots = roots, .root_count = 3, .recorder = getpid()});
    for (int i = 0; i < 4; i++) {
        const struct told *t = only(BIRTH, puppets[i].pid);
        assert_int_equal(t->root, i == 0);
        assert_false(t->forked || t->fresh);
    }
    assert_true(only(BIRTH, puppets[10].pid)->root);
    assert_int_equal(only(BIRTH, puppets[11].pid)->parent, puppets[10].pid);
    assert_told(6);
    act(3, ACT_FORK, 4);
    look();
    assert_born(puppets[4].pid, puppets[3].pid, 0);
    end_puppet(3);
    end_puppet(0);
    end_puppet(4);
    assert_told_but_accounts(7 + 3);
    assert_nothing_lost(1);
}

/*
 * One forks as fast as it can while we begin. All its children live, so that each is either there
 * when we look, or told of, and many are both.
 */
static void a_tree_that_grows_while_we_attach(void **state)
{
    const int n = 600;
    struct puppet *p = &puppets[1];
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    p->act = ACT_FORK_MANY;
    p->arg = n;
    sem_post(&p->go);
    while (__atomic_load_n(&list[20], __ATOMIC_RELAXED) == 0)
        ;
    attach_to(puppets[0].pid);
    size_t there = told_count;
    while (sem_trywait(&p->done) != 0)
        look();
    assert_int_equal(p->error, 0);
    look();
    assert_in_range(there, 2 + 20, 2 + n);
    for (int i = 0; i < n; i++)
        assert_int_equal(count_of(BIRTH, list[i]), 1);
    assert_told(2 + (size_t)n);
    struct follow_receipt receipt = receipt_now();
    assert_int_equal(receipt.missed + receipt.lost_events + receipt.resyncs, 0);
    assert_true(receipt.births < (uint64_t)n);
    assert_true(receipt.births >= 2 + (uint64_t)n - there);
}

static void *until_told(void *arg)
{
    pause_in_body(*(int *)arg);
    return NULL;
}

static void body_without_main_thread(int number)
{
    pthread_t thread;
    pthread_create(&thread, NULL, until_told, &number);
    syscall(SYS_exit, 0);
}

/* It looks like a zombie, but lives. */
static void one_whose_main_thread_has_ended_before(void **state)
{
    pid_t pid = child_of_body(0, body_without_main_thread);
    let_go(0);
    await_pause(0);
    await_zombie(pid);
    attach_to(pid);
    look();
    assert_told(1);
    let_go(0);
    look_for(END, pid, 1);
    assert_int_equal(only(END, pid)->status, reap(0, NULL));
}

static void body_that_leaves(int number)
{
    _exit(7);
}

/* A zombie has ended before we could be told; one of several is told of as ended, too. */
static void a_zombie_is_there(void **state)
{
    pid_t pid = child_of_body(0, body_that_leaves);
    let_go(0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    attach_to(pid);
    assert_int_equal(only(END, pid)->status, 7 << 8);
    assert_told_but_accounts(2);
    assert_int_equal(reap(0, NULL), 7 << 8);
    look();
    assert_told(2);
}

/* ---- execs ---- */

static void body_that_execs(int number)
{
    execl("/bin/sleep", "sleep", "60", (char *)NULL);
}

static void an_exec_is_told(void **state)
{
    pid_t pid = child_of_body(0, body_that_execs);
    launch_pid(pid);
    struct pollfd fd = {.fd = mechanism->fd(follow), .events = POLLIN};
    uint64_t since_ns = clock_mono_ns();
    let_go(0);
    do {
        assert_int_equal(poll(&fd, 1, PATIENCE_S * 1000), 1);
        look();
    } while (count_of(EXEC, pid) == 0);
    const struct told *t = only(EXEC, pid);
    assert_string_equal(t->comm, "sleep");
    assert_true(since_ns <= t->time_ns && t->time_ns <= clock_mono_ns());
    assert_told(2);
}

#define EXEC_AGAIN "exec sh -c \"$0\" \"$0\""

static void body_that_execs_on_and_on(int number)
{
    execl("/bin/sh", "sh", "-c", EXEC_AGAIN, EXEC_AGAIN, (char *)NULL);
}

/* What it was when it was found, its birth tells; only what it became then is told as an exec. */
static void execs_from_before_are_not_told(void **state)
{
    int early = 0;
    for (int i = 0; i < 20; i++) {
        pid_t pid = child_of_body(0, body_that_execs_on_and_on);
        let_go(0);
        usleep(2000 + 100 * (useconds_t)i);
        attach_to(pid);
        look_for(EXEC, pid, 3);
        uint64_t found_ns = only(BIRTH, pid)->heard_ns;
        const struct told *t = told;
        while (t->kind != EXEC)
            t++;
        early += t->time_ns < found_ns - NS_PER_MS / 10;
        mechanism->close(follow);
        follow = NULL;
        kill(pid, SIGKILL);
        reap(0, NULL);
    }
    assert_in_range(early, 0, 9); /* we may be kept from a processor while we hear of its birth */
}

/* And then there is silence, but for what others do. */
static void a_look_quiets_it(void **state)
{
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    struct pollfd fd = {.fd = mechanism->fd(follow), .events = POLLIN};
    act(0, ACT_FORK_MANY, 600);
    int ringing = 1;
    for (int i = 0; i < 1000 && ringing != 0; i++) {
        look();
        ringing = poll(&fd, 1, 0);
    }
    assert_int_equal(ringing, 0);
}

/* Births wait for the next look, but not in any number: their room is bounded. */
static void many_events_ring(void **state)
{
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    look();
    struct pollfd fd = {.fd = mechanism->fd(follow), .events = POLLIN};
    act(0, ACT_FORK_MANY, 600);
    assert_int_equal(poll(&fd, 1, 0), 1);
    look();
    assert_told(1 + 600);
}

static void *exec_in_thread(void *arg)
{
    execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
    return arg;
}

static void body_with_exec_in_thread(int number)
{
    pthread_t threads[5];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, wait_in_thread, NULL);
    pthread_create(&threads[4], NULL, exec_in_thread, NULL);
    pause();
}

/* All other threads exit, the main one too, and the process goes on. */
static void a_thread_execs(void **state)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = child_of_body(0, body_with_exec_in_thread);
        launch_pid(pid);
        let_go(0);
        look_for(END, pid, 1);
        assert_int_equal(reap(0, NULL), 9 << 8);
        look();
        assert_int_equal(only(END, pid)->status, 9 << 8);
        assert_true(only(EXEC, pid) < only(END, pid));
        assert_told_but_accounts(3);
        assert_nothing_lost(0);
        mechanism->close(follow);
        follow = NULL;
    }
}

/* ---- ends ---- */

/* The main thread's exit is told, and the process lives. */
static void the_main_thread_ends_first(void **state)
{
    pid_t pid = child_of_body(0, body_without_main_thread);
    launch_pid(pid);
    let_go(0);
    await_pause(0);
    await_zombie(pid);
    for (int i = 0; i < 10; i++) {
        look();
        usleep(1000);
    }
    assert_told(1);
    let_go(0);
    look_for(END, pid, 1);
    assert_int_equal(only(END, pid)->status, reap(0, NULL));
    assert_told_but_accounts(2);
}

static void *leave_by_thread(void *arg)
{
    if (*(int *)arg >= 4)
        syscall(SYS_exit_group, 40 + *(int *)arg);
    return arg;
}

/* Ways to end, by number. */
static void body_that_ends(int number)
{
    pthread_t thread;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    switch (number) {
    case 0: _exit(0);
    case 1: _exit(255);
    case 2: kill(getpid(), SIGKILL); break;
    case 3:
        signal(SIGSEGV, SIG_DFL);
        kill(getpid(), SIGSEGV);
        break;
    case 4: pthread_create(&thread, NULL, leave_by_thread, &number); break;
    case 5: /* the main thread has gone before */
        pthread_create(&thread, NULL, leave_by_thread, &number);
        syscall(SYS_exit, 0);
        break;
    case 6: /* a thread has gone before, well */
        number = 0;
        pthread_create(&thread, NULL, leave_by_thread, &number);
        pthread_join(thread, NULL);
        _exit(6);
    case 7:
        for (int i = 0; i < 8; i++)
            pthread_create(&thread, NULL, wait_in_thread, NULL);
        _exit(77);
    default: break;
    }
    pause();
}

#define WAYS 8

static void ends_have_the_status_that_wait_gives(void **state)
{
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < WAYS; i++)
            child_of_body(i, body_that_ends);
        pid_t roots[WAYS];
        for (int i = 0; i < WAYS; i++)
            roots[i] = puppets[i].pid;
        open_connector(&(struct follow_config){
            .roots = roots, .root_count = WAYS, .launched = round % 2 == 0, .recorder = getpid()});
        for (int i = 0; i < WAYS; i++)
            let_go(i);
        for (int i = 0; i < WAYS; i++)
            look_for(END, roots[i], 1);
        for (int i = 0; i < WAYS; i++)
            assert_int_equal(only(END, roots[i])->status, reap(i, NULL));
        assert_told_but_accounts(2 * WAYS);
        mechanism->close(follow);
        follow = NULL;
    }
}

/* Every one, in order, and each with its status; looked for when told to, and now and then. */
static void thousands_of_short_lives(void **state)
{
    static int number_of[TOLD_MAX];
    pid_t pid = child_of_body(0, body_of_short_lives);
    puppets[0].arg = SHORT_LIVES;
    launch_pid(pid);
    let_go(0);
    struct pollfd fd = {.fd = mechanism->fd(follow), .events = POLLIN};
    uint64_t until = clock_mono_ns() + 2 * PATIENCE_S * NS_PER_S;
    while (ends < 1 + SHORT_LIVES && clock_mono_ns() < until) {
        poll(&fd, 1, 10);
        look();
    }
    assert_int_equal(reap(0, NULL), 0);
    int births = 0;
    for (size_t i = 0; i < told_count; i++) {
        const struct told *t = &told[i];
        if (t->pid == pid || t->kind == ACCOUNT)
            continue;
        if (t->kind == BIRTH) {
            assert_int_equal(t->parent, pid);
            number_of[i] = births++;
        } else {
            assert_int_equal(t->kind, END);
            assert_int_equal(told[t->entity - 1].pid, t->pid);
            assert_int_equal(t->status, (number_of[t->entity - 1] % 251) << 8);
            number_of[t->entity - 1] = -1; /* no second one */
        }
    }
    assert_int_equal(births, SHORT_LIVES);
    assert_int_equal(ends, 1 + SHORT_LIVES);
    assert_nothing_lost(SHORT_LIVES);
}

/* ---- all of it ---- */

static int all_tests(const char *name)
{
    const struct CMUnitTest tests[] = {
        TEST(children_and_grandchildren),
        TEST(orphans_belong),
        TEST(an_orphan_of_nobody_of_ours),
        TEST(threads_are_no_processes),
        TEST(strangers_never_belong),
        TEST(the_recorder_never_belongs),
        TEST(siblings_of_their_makers),
        TEST(a_root_that_is_gone),
        TEST(what_was_there_belongs),
        TEST(a_tree_that_grows_while_we_attach),
        TEST(one_whose_main_thread_has_ended_before),
        TEST(a_zombie_is_there),
        TEST(an_exec_is_told),
        TEST(execs_from_before_are_not_told),
        TEST(many_events_ring),
        TEST(a_look_quiets_it),
        TEST(a_thread_execs),
        TEST(the_main_thread_ends_first),
        TEST(ends_have_the_status_that_wait_gives),
        TEST(thousands_of_short_lives),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_everywhere(all_tests);
}
