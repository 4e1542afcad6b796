/*
 * follow/follow_connector on real processes: what is dropped or forged, the whole machine,
 * accounts, and where it does not work.
 */
#include "test_connector_told.h"

/* ---- losses ---- */

/* Calls `each` for every netlink socket of ours of that protocol. */
static size_t each_socket(int protocol, void (*each)(int fd))
{
    DIR *fds = opendir("/proc/self/fd");
    size_t n = 0;
    assert_non_null(fds);
    for (struct dirent *entry; (entry = readdir(fds)) != NULL;) {
        int fd = atoi(entry->d_name), domain = 0, of = 0;
        socklen_t size = sizeof domain;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_NETLINK ||
            getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &of, &size) != 0 || of != protocol)
            continue;
        each(fd);
        n++;
    }
    closedir(fds);
    return n;
}

static void make_narrow(int fd)
{
    int bytes = 16 * 1024; /* some 40 events */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

/* Before others' events fill what is left. */
static void make_wide(int fd)
{
    int bytes = 16 * MIB;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

/* Once dropping, the kernel goes on until all was read; others' events come all the time. */
static void look_until_none_are_dropped(void)
{
    uint64_t lost;
    int looks = 0;
    do {
        lost = receipt_now().lost_events;
        look();
        look(); /* what came while all were looked at */
        assert_true(++looks < 50);
    } while (receipt_now().lost_events != lost);
}

/*
 * The first events have room, the others are dropped: births of those who live and who do not, and
 * ends. Whoever lives is found.
 */
static void what_is_dropped_is_looked_for(void **state)
{
    const int n = 300;
    losses_expected = true;
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    act(0, ACT_FORK, 1);
    act(0, ACT_FORK, 2);
    act(0, ACT_FORK, 3);
    look();
    assert_told(4);
    assert_true(each_socket(NETLINK_CONNECTOR, make_narrow) >= 1);
    act(1, ACT_FORK_MANY, n);
    pid_t gone = puppets[2].pid, killed = list[n - 1];
    end(2);
    kill(killed, SIGKILL);
    await_end(killed);
    list[n - 1] = 0;
    each_socket(NETLINK_CONNECTOR, make_wide);
    look_until_none_are_dropped();
    for (int i = 0; i < n - 1; i++)
        assert_int_equal(count_of(BIRTH, list[i]), 1);
    assert_int_equal(count_of(END, gone), 1);
    assert_int_equal(only(END, gone)->status, -1);
    struct follow_receipt receipt = receipt_now();
    size_t unseen = count_of(BIRTH, killed) == 0;
    assert_int_equal(receipt.births, 3 + n - (int)unseen);
    assert_true(receipt.lost_events >= (uint64_t)n - 100);
    assert_true(receipt.missed >= unseen);
    assert_true(receipt.missed < receipt.lost_events);
    assert_true(receipt.missed_is_bound == (receipt.missed > 0));
    assert_true(receipt.resyncs >= 1);
    /* And on it goes. */
    act(3, ACT_FORK, 4);
    act(4, ACT_FORK, 5);
    look();
    assert_born(puppets[5].pid, puppets[4].pid, 0);
    end_puppet(3);
    end_puppet(5);
    assert_int_equal(count_of(END, list[0]), 0);
    if (geteuid() != 0)
        return; /* others' events fill what room we get */
    assert_int_equal(receipt_now().resyncs, receipt.resyncs);
    assert_int_equal(receipt_now().lost_events, receipt.lost_events);
}

static void body_of_zombie(int number)
{
    signal(SIGCHLD, SIG_DFL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sem_wait(&puppets[number + 1].go);
        _exit(5);
    }
    puppets[number + 1].pid = pid;
    for (;;)
        pause_in_body(number);
}

/* Its exit was dropped, and nobody waits for it: that it has ended shows all the same. */
static void a_zombie_whose_exit_was_dropped(void **state)
{
    losses_expected = true;
    pid_t pid = child_of_body(0, body_of_zombie);
    puppet_fork(2);
    const pid_t roots[] = {pid, puppets[2].pid};
    open_connector(&(struct follow_config){
        .roots = roots, .root_count = 2, .launched = true, .recorder = getpid()});
    let_go(0);
    await_pause(0);
    look();
    pid_t zombie = puppets[1].pid;
    assert_told(3);
    each_socket(NETLINK_CONNECTOR, make_narrow);
    act(2, ACT_FORK_MANY, 200);
    let_go(1);
    await_zombie(zombie);
    each_socket(NETLINK_CONNECTOR, make_wide);
    look();
    assert_int_equal(only(END, zombie)->status, 5 << 8);
    puppets[1].pid = 0; /* its parent's death is what it waits for */
}

static void *wait_for_its_turn(void *arg)
{
    sem_wait(&puppets[*(int *)arg + 1].go);
    return arg;
}

static void body_of_threads(int number)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, wait_for_its_turn, &number);
    pause_in_body(number);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    pause_in_body(number);
}

/* Its threads can no longer be counted, as their exits were dropped; that it has ended is told. */
static void threads_whose_exits_were_dropped(void **state)
{
    losses_expected = true;
    pid_t pid = child_of_body(0, body_of_threads);
    puppet_fork(2);
    const pid_t roots[] = {pid, puppets[2].pid};
    open_connector(&(struct follow_config){
        .roots = roots, .root_count = 2, .launched = true, .recorder = getpid()});
    let_go(0);
    await_pause(0);
    look();
    each_socket(NETLINK_CONNECTOR, make_narrow);
    act(2, ACT_FORK_MANY, 200);
    for (int i = 0; i < 4; i++)
        sem_post(&puppets[1].go);
    let_go(0);
    await_pause(0);
    each_socket(NETLINK_CONNECTOR, make_wide);
    look();
    look();
    assert_int_equal(count_of(END, pid), 0);
    let_go(0);
    look_for(END, pid, 1);
    assert_int_equal(only(END, pid)->status, reap(0, NULL));
}

static void leave_group(int fd)
{
    int group = 1;
    setsockopt(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
}

/* Nothing comes any more, as when another listener's farewell silences all. */
static void deafness_is_noticed(void **state)
{
    losses_expected = true;
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    look();
    assert_true(each_socket(NETLINK_CONNECTOR, leave_group) >= 1);
    for (int i = 1; i < 10; i++) {
        act(0, ACT_FORK, i);
        look();
    }
    struct follow_receipt receipt = receipt_now();
    assert_int_equal(receipt.resyncs, 1);
    for (int i = 1; i < 10; i++)
        assert_int_equal(count_of(BIRTH, puppets[i].pid), 1);
    assert_int_equal(receipt.births, 9);
    assert_true(receipt.lost_events >= 3);
    uint64_t lost = receipt.lost_events;
    act(9, ACT_FORK, 10);
    look();
    assert_born(puppets[10].pid, puppets[9].pid, 0);
    assert_int_equal(receipt_now().lost_events, lost);
}

static uint32_t portids[8];
static size_t portid_count;

static void note_portid(int fd)
{
    struct sockaddr_nl own;
    socklen_t size = sizeof own;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    if (portid_count < 8)
        portids[portid_count++] = own.nl_pid;
}

/* A birth and an end, as the kernel would tell, from a process that may send to our socket. */
static void what_others_send_is_not_believed(void **state)
{
    puppet_fork(0);
    launch_pid(puppets[0].pid);
    portid_count = 0;
    assert_true(each_socket(NETLINK_CONNECTOR, note_portid) >= 1);
    uint32_t pid = (uint32_t)puppets[0].pid;
    uint32_t message[19] = {sizeof message, NLMSG_DONE, 0, 0, 1, 1, 99, 0, 40, 1};
    message[9] = 1; /* PROC_EVENT_FORK */
    message[13] = pid;
    message[14] = pid;
    message[15] = message[16] = 4000000;
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR), sent = 0;
    assert_true(fd >= 0);
    for (size_t i = 0; i < portid_count; i++) {
        struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = portids[i]};
        for (int kind = 0; kind < 2; kind++) {
            sent += sendto(fd, message, sizeof message, 0, (struct sockaddr *)&to, sizeof to) ==
                    (ssize_t)sizeof message;
            message[9] = 0x80000000; /* PROC_EVENT_EXIT */
            message[13] = message[14] = pid;
        }
    }
    close(fd);
    assert_true(sent > 0 || geteuid() != 0);
    look();
    assert_told(1);
    act(0, ACT_FORK, 1);
    look();
    assert_told(2);
    assert_nothing_lost(1);
}

/* ---- pids given out again ---- */

static size_t children_of(pid_t pid)
{
    size_t n = 0;
    for (size_t i = 0; i < told_count; i++)
        n += told[i].kind == BIRTH && told[i].parent == pid;
    return n;
}

/* To another member, and to a stranger. */
static void a_pid_that_is_given_out_again(void **state)
{
    if (!write_last_pid(proc_pid_max(&root) > 20000 ? 20000 : 5000)) {
        print_message("# pids cannot be chosen here\n");
        skip();
    }
    puppet_fork(0);
    start_elsewhere(10);
    launch_pid(puppets[0].pid);
    for (int of = 0; of <= 10; of += 10) {
        act(0, ACT_FORK, 1);
        pid_t pid = puppets[1].pid;
        look();
        end_puppet(1);
        size_t births = count_of(BIRTH, pid), children = children_of(pid);
        puppets[of + 2].pid = pid;
        if (try_act(of, ACT_FORK_AS, of + 2) != 0) {
            puppets[of + 2].pid = 0;
            print_message("# somebody else has the pid\n");
            skip();
        }
        act(of + 2, ACT_FORK, of + 3);
        look();
        assert_int_equal(count_of(BIRTH, pid), births + (of == 0));
        assert_int_equal(children_of(pid), children + (of == 0));
        assert_int_equal(count_of(END, pid), births);
    }
}

/* ---- the whole machine ---- */

static void the_machine(void **state)
{
    losses_expected = true;
    start_elsewhere(10);
    uint64_t since_ns = clock_mono_ns();
    open_connector(&(struct follow_config){.machine = true, .recorder = getpid()});
    assert_told(0);
    act(10, ACT_FORK, 11);
    act(11, ACT_FORK, 12);
    act(12, ACT_THREADS, 1);
    pid_t pid = puppets[12].pid;
    look();
    assert_born(puppets[11].pid, puppets[10].pid, since_ns);
    assert_born(pid, puppets[11].pid, since_ns);
    end_puppet(12);
    assert_int_equal(only(END, pid)->status, 0);
    assert_int_equal(count_of(BIRTH, getpid()), 0);
    assert_int_equal(receipt_now().missed, 0);
    /* Where something was dropped, all that is younger than the recording is found. */
    usleep(20000); /* start times have the resolution of the kernel's tick */
    each_socket(NETLINK_CONNECTOR, make_narrow);
    act(11, ACT_FORK_MANY, 100);
    each_socket(NETLINK_CONNECTOR, make_wide);
    look();
    look();
    for (int i = 0; i < 100; i++)
        assert_int_equal(count_of(BIRTH, list[i]), 1);
    assert_int_equal(count_of(BIRTH, puppets[10].pid), 0);
    assert_int_equal(count_of(BIRTH, puppets[11].pid), 1);
    assert_true(receipt_now().resyncs >= 1);
}

/* ---- accounts ---- */

static void burn(uint64_t cpu_ns)
{
    uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + cpu_ns;
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        ;
}

static void *burn_in_thread(void *arg)
{
    burn(30 * NS_PER_MS);
    return arg;
}

/* 0: one thread; 1: four, three of which end before; 2: four, all end at once. */
static void body_that_works(int number)
{
    pthread_t threads[3];
    size_t n = 32 * MIB;
    char *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < n; i += 4096)
        memory[i] = 1;
    munmap(memory, n);
    for (int i = 0; i < 20; i++)
        usleep(100);
    for (int i = 0; i < 3 && number > 0; i++)
        pthread_create(&threads[i], NULL, burn_in_thread, NULL);
    for (int i = 0; i < 3 && number == 1; i++)
        pthread_join(threads[i], NULL);
    burn(30 * NS_PER_MS);
    if (number == 2)
        burn(120 * NS_PER_MS); /* so that the others burn too, even on one processor */
}

static const struct record_account *account_of(pid_t pid)
{
    look_for(ACCOUNT, pid, 1);
    const struct told *t = only(ACCOUNT, pid);
    assert_int_equal(t->entity, only(END, pid)->entity);
    return &t->account;
}

static void accounts_come_after_ends(void **state)
{
    for (int i = 0; i < 3; i++) {
        struct rusage usage;
        pid_t pid = child_of_body(i, body_that_works);
        launch_pid(pid);
        let_go(i);
        look_for(END, pid, 1);
        assert_int_equal(reap(i, &usage), 0);
        const struct record_account *a = account_of(pid);
        const uint64_t wanted = ACCOUNT_CPU | ACCOUNT_SPLIT | ACCOUNT_PEAK_RSS | ACCOUNT_FAULTS |
                                ACCOUNT_SWITCHES | ACCOUNT_EARLY;
        assert_int_equal(a->known, wanted);
        uint64_t used_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
        uint64_t burnt_ns = (i == 1 ? 120 : i == 2 ? 150 : 30) * NS_PER_MS;
        uint64_t ticks_ns = 10 * NS_PER_MS * (i == 0 ? 1 : 4); /* of each thread the last one */
        assert_in_range(a->cpu_ns, burnt_ns - ticks_ns, used_ns + ticks_ns);
        assert_int_equal(a->user_ns + a->system_ns, a->cpu_ns);
        assert_in_range(a->peak_rss_bytes, 31 * MIB, usage.ru_maxrss * 1024 + MIB);
        assert_in_range(a->minor_faults, 1, usage.ru_minflt);
        assert_in_range(a->major_faults, 0, usage.ru_majflt);
        assert_in_range(a->voluntary_switches, 20, usage.ru_nvcsw);
        assert_in_range(a->involuntary_switches, 0, usage.ru_nivcsw);
        mechanism->close(follow);
        follow = NULL;
    }
}

/* Threads may have ended before we came: what is known is what its clock says, and the peak. */
static void an_account_of_one_that_was_there(void **state)
{
    struct rusage usage;
    pid_t pid = child_of_body(1, body_that_works);
    attach_to(pid);
    let_go(1);
    look_for(END, pid, 1); /* not reaped before: its clock can be read */
    assert_int_equal(reap(1, &usage), 0);
    const struct record_account *a = account_of(pid);
    assert_int_equal(a->known, ACCOUNT_CPU | ACCOUNT_PEAK_RSS | ACCOUNT_EARLY);
    uint64_t used_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
    assert_in_range(a->cpu_ns, 4 * 30 * NS_PER_MS, used_ns + NS_PER_MS);
}

/* Of a process that nobody has reaped yet its clock knows all, with or without taskstats. */
static void a_zombies_clock_is_read(void **state)
{
    struct rusage usage;
    pid_t pid = child_of_body(0, body_that_works);
    launch_pid(pid);
    let_go(0);
    look_for(END, pid, 1);
    const struct record_account *a = account_of(pid);
    assert_int_equal(a->known & (ACCOUNT_CPU | ACCOUNT_EARLY), ACCOUNT_CPU | ACCOUNT_EARLY);
    reap(0, &usage);
    uint64_t used_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
    assert_in_range(a->cpu_ns, 30 * NS_PER_MS, used_ns + NS_PER_MS);
}

static void body_that_execs_for_a_moment(int number)
{
    execl("/bin/true", "true", (char *)NULL);
}

/* When it is heard of /proc has nothing of it any more. */
static void one_that_is_gone_has_a_name(void **state)
{
    pid_t pid = child_of_body(0, body_that_execs_for_a_moment);
    launch_pid(pid);
    let_go(0);
    assert_int_equal(reap(0, NULL), 0);
    look_for(END, pid, 1);
    assert_string_equal(only(EXEC, pid)->comm, "true");
    assert_true(only(EXEC, pid) < only(END, pid));
    assert_int_equal(account_of(pid)->known & ACCOUNT_FAULTS, ACCOUNT_FAULTS);
}

/* That of a root which was reaped before its exit was told, too. */
static void every_short_life_has_its_account(void **state)
{
    pid_t pid = child_of_body(0, body_of_short_lives);
    puppets[0].arg = 500;
    launch_pid(pid);
    let_go(0);
    assert_int_equal(reap(0, NULL), 0);
    mechanism->settle(follow, PATIENCE_S * NS_PER_S);
    size_t accounts = 0;
    for (size_t i = 0; i < told_count; i++) {
        const struct record_account *a = &told[i].account;
        if (told[i].kind != ACCOUNT || told[i].pid == pid)
            continue;
        assert_int_equal(count_of(ACCOUNT, told[i].pid), 1);
        assert_true((a->known & ACCOUNT_FAULTS) != 0 && (a->known & ACCOUNT_EARLY) != 0);
        accounts++;
    }
    assert_int_equal(accounts, 500);
    assert_int_equal(count_of(ACCOUNT, pid), 1);
    assert_nothing_lost(500);
}

/* ---- what it leaves behind ---- */

static size_t open_descriptors(void)
{
    DIR *fds = opendir("/proc/self/fd");
    size_t n = 0;
    assert_non_null(fds);
    while (readdir(fds) != NULL)
        n++;
    closedir(fds);
    return n;
}

/* The test fork is nobody's: no child to wait for, no signal, no descriptor. */
static void nothing_is_left_behind(void **state)
{
    sigset_t child, before, pending;
    siginfo_t info = {0};
    puppet_fork(0);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    size_t descriptors = open_descriptors();
    launch_pid(puppets[0].pid);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    assert_int_equal(info.si_pid, 0);
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGCHLD));
    mechanism->close(follow);
    follow = NULL;
    assert_int_equal(open_descriptors(), descriptors);
    mechanism->close(NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* ---- where it does not work ---- */

static const struct {
    int flags;
    bool works;
} places[] = {
    {CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET, false},
    {CLONE_NEWUSER | CLONE_NEWNET, false},
    {CLONE_NEWPID, false},
};

/* As the first process there. 0: it is refused with a reason; 1: it is not; 2: no such place. */
static int try_in(int flags)
{
    if (unshare(flags) != 0)
        return 2;
    pid_t first = fork();
    if (first != 0)
        return first > 0 ? wait_for(first) : 2;
    pid_t self = getpid();
    int r = try_to_open(&(struct follow_config){.roots = &self, .root_count = 1, .launched = true});
    bool explained = strlen(why.text) > 20 && strchr(why.text, '\n') == NULL;
    _exit(r < 0 && r != -ESRCH && explained && told_count == 0 ? 0 : 1);
}

static void in_a_container_it_says_why_not(void **state)
{
    bool any = false;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        why.text[0] = '\0';
        pid_t pid = fork();
        if (pid == 0)
            _exit(try_in(places[i].flags));
        int r = wait_for(pid);
        if (r == 2)
            continue;
        assert_int_equal(r, 0);
        any = true;
    }
    if (!any) {
        print_message("# no namespaces can be made here\n");
        skip();
    }
}

/* ---- asked for by name ---- */

static void the_better_one_is_taken(void **state)
{
    const struct follow_mechanism *asked = follow_mechanism_find("connector"), *got = NULL;
    assert_ptr_equal(asked, &follow_connector);
    assert_ptr_equal(follow_mechanism_find("connector+taskstats"), &follow_connector_taskstats);
    assert_null(follow_mechanism_find("connect"));
    puppet_fork(0);
    struct follow_sink sink = {.user = told,
                               .birth = take_birth,
                               .exec = take_exec,
                               .ended = take_ended,
                               .account = take_account};
    struct follow_config config = {
        .root = &root, .roots = &puppets[0].pid, .root_count = 1, .launched = true};
    assert_int_equal(follow_open(follow_mechanisms, asked, &config, &sink, &got, &follow, &why), 0);
    assert_ptr_equal(got, taskstats ? &follow_connector_taskstats : &follow_connector);
    assert_told(1);
}

/* ---- all of it ---- */

static int all_tests(const char *name)
{
    /* clang-format off */
    const struct CMUnitTest tests[] = {
        TEST(what_is_dropped_is_looked_for),
        TEST(a_zombie_whose_exit_was_dropped),
        TEST(threads_whose_exits_were_dropped),
        TEST(deafness_is_noticed),
        TEST(what_others_send_is_not_believed),
        TEST(a_pid_that_is_given_out_again),
        TEST(the_machine),
        TEST(a_zombies_clock_is_read),
        TEST(nothing_is_left_behind),
        TEST(in_a_container_it_says_why_not),
        TEST(the_better_one_is_taken),
    };
    const struct CMUnitTest with_accounts[] = {
        TEST(accounts_come_after_ends),
        TEST(an_account_of_one_that_was_there),
        TEST(one_that_is_gone_has_a_name),
        TEST(every_short_life_has_its_account),
    };
    /* clang-format on */
    int failed = cmocka_run_group_tests_name(name, tests, NULL, NULL);
    if ((mechanism->tells & FOLLOW_TELLS_ACCOUNTS) != 0)
        failed += cmocka_run_group_tests_name("accounts", with_accounts, NULL, NULL);
    return failed;
}

int main(void)
{
    return run_everywhere(all_tests);
}
