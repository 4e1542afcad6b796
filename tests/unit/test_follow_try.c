/*
 * Where tracing is refused, and follow/follow_try: whether a mechanism does here what it promises.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "test_follow_ptraced.h"

/* ---- where it is refused ---- */

static void one_that_is_traced_already(void **state)
{
    start_elsewhere(0);
    assert_int_equal(ptrace(PTRACE_SEIZE, puppets[0].pid, 0, 0), 0);
    int r = try_trace(&(struct follow_config){.roots = &puppets[0].pid, .root_count = 1});
    assert_int_equal(r, -EPERM);
    assert_null(follow);
    assert_non_null(strstr(why.text, "is traced already"));
    assert_int_equal(told_count, 0);
}

/* Without the right to: the reason names it, and nothing is left traced. */
static int tries_as_nobody(void)
{
    start_elsewhere(1);
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        return 2;
    const pid_t roots[] = {shared->number[0]};
    if (try_trace(&(struct follow_config){.roots = roots, .root_count = 1}) != -EPERM)
        return 1;
    return strstr(why.text, "another user") != NULL ? 0 : 3;
}

static int status_apart(int (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(body());
    return wait_of(pid);
}

static void another_users(void **state)
{
    if (getuid() != 0) {
        print_message("# only root can be another user\n");
        skip();
    }
    start_elsewhere(0);
    shared->number[0] = puppets[0].pid;
    assert_int_equal(status_apart(tries_as_nobody), 0);
    assert_int_equal(traced_threads(puppets[0].pid), 0);
}

static int tries_filtered(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 2;
    const pid_t roots[] = {shared->number[0]};
    if (try_trace(&(struct follow_config){.roots = roots, .root_count = 1}) != -EPERM)
        return 1;
    return strstr(why.text, "seccomp") != NULL ? 0 : 3;
}

static void a_seccomp_filter(void **state)
{
    start_elsewhere(0);
    shared->number[0] = puppets[0].pid;
    assert_int_equal(status_apart(tries_filtered), 0);
}

/* ---- whether a mechanism works is tried ---- */

static void assert_nothing_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void what_works_is_found_to(void **state)
{
    for (int i = 0; i < 5; i++) {
        if (follow_try(&follow_ptrace, &root, &why) != 0 ||
            follow_try(&follow_poll, &root, &why) != 0)
            fail_msg("%s", why.text);
        assert_nothing_left();
    }
}

/* One that opens, and then does not tell what it says it does. */
static void who_promises_too_much(void **state)
{
    struct follow_mechanism lying = follow_poll;
    lying.tells |= FOLLOW_TELLS_ENDS;
    assert_int_not_equal(follow_try(&lying, &root, &why), 0);
    assert_true(strstr(why.text, "ends") != NULL || strstr(why.text, "birth") != NULL);
    assert_nothing_left();
}

static int never_polls(struct follow *untouched, uint64_t now_ns)
{
    return 0;
}

static void who_tells_nothing(void **state)
{
    struct follow_mechanism deaf = follow_poll;
    deaf.poll = never_polls;
    assert_int_not_equal(follow_try(&deaf, &root, &why), 0);
    assert_non_null(strstr(why.text, "birth"));
    assert_nothing_left();
}

static int does_not_open(const struct follow_config *config, const struct follow_sink *sink,
                         struct follow **ret, struct follow_reason *ret_why)
{
    return follow_fail(ret_why, -EPERM, "ask your administrator");
}

static void who_does_not_open_says_why(void **state)
{
    struct follow_mechanism refused = follow_poll;
    refused.open = does_not_open;
    assert_int_equal(follow_try(&refused, &root, &why), -EPERM);
    assert_string_equal(why.text, "ask your administrator");
    assert_nothing_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_is_traced_already), TEST(another_users),         TEST(a_seccomp_filter),
        TEST(what_works_is_found_to),     TEST(who_promises_too_much), TEST(who_tells_nothing),
        TEST(who_does_not_open_says_why),
    };
    return run_traced("follow_try", tests, sizeof tests / sizeof *tests);
}
