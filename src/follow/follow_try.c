#include "follow/follow_try.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_NS (NS_PER_S / 2)
#define STEP_MS 1
#define STATUS_TO_SEE 7 /* the grandchild's exit code */
#define GRANDCHILD 2    /* as an entity; the root is 1 */

struct trial {
    pid_t child, grandchild; /* the latter once it was announced */
    bool born, ended, accounted;
    int status;
};

/* ---- the children ---- */

/*
 * Waits at the gate, forks one, and waits for it. Where no ends are told that one is there until the
 * gate is closed: on a busy machine it takes long until it is looked for.
 */
_Noreturn static void be_child(int gate_fd, bool ends)
{
    char byte;
    if (read(gate_fd, &byte, 1) != 1)
        _exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        if (ends)
            poll(NULL, 0, 20);
        else
            (void)!read(gate_fd, &byte, 1);
        _exit(STATUS_TO_SEE);
    }
    waitpid(pid, NULL, 0);
    _exit(0);
}

static int start_child(struct trial *t, bool ends, int *ret_gate_fd)
{
    int gate[2];
    if (pipe(gate) != 0)
        return -errno;
    t->child = fork();
    if (t->child == 0) {
        close(gate[1]);
        be_child(gate[0], ends);
    }
    int r = t->child < 0 ? -errno : 0;
    close(gate[0]);
    if (r != 0)
        close(gate[1]);
    *ret_gate_fd = gate[1];
    return r;
}

/* ---- what is announced ---- */

static void on_birth(void *user, const struct follow_birth *birth)
{
    struct trial *t = user;
    if (birth->root || birth->parent_pid != t->child)
        return;
    t->grandchild = birth->pid;
    t->born = true;
}

static void on_exec(void *user, const struct follow_exec *exec)
{
    (void)user;
    (void)exec;
}

static uint32_t on_ended(void *user, const struct follow_end *end)
{
    struct trial *t = user;
    if (end->pid == t->child)
        return 1;
    if (!t->born || end->pid != t->grandchild)
        return 0;
    t->ended = true;
    t->status = end->status;
    return GRANDCHILD;
}

static void on_account(void *user, const struct record_account *account)
{
    struct trial *t = user;
    t->accounted |= account->entity == GRANDCHILD && (account->known & ACCOUNT_CPU) != 0;
}

/* ---- the trial ---- */

static bool all_seen(const struct follow_mechanism *m, const struct trial *t)
{
    return t->born && (t->ended || (m->tells & FOLLOW_TELLS_ENDS) == 0) &&
           (t->accounted || (m->tells & FOLLOW_TELLS_ACCOUNTS) == 0);
}

/* One that is traced is found in its stops too: those are the tracer's to take, not ours. */
static bool reap(pid_t child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD) == 0 &&
           info.si_pid == child && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED &&
           waitpid(child, NULL, WNOHANG | __WNOTHREAD) == child;
}

static void watch(const struct follow_mechanism *m, struct follow *follow, struct trial *t)
{
    uint64_t until_ns = clock_mono_ns() + PATIENCE_NS;
    bool reaped = false;
    while (clock_mono_ns() < until_ns && !all_seen(m, t)) {
        m->poll(follow, clock_mono_ns());
        reaped = reaped || reap(t->child);
        if (reaped)
            t->child = 0;
        if (t->ended && m->settle != NULL)
            m->settle(follow, until_ns - clock_mono_ns());
        poll(NULL, 0, STEP_MS);
    }
}

static int judge(const struct follow_mechanism *m, const struct trial *t, struct follow_reason *why)
{
    if (!t->born)
        return follow_fail(why, -ENODATA, "it opens, but tells of no birth of a child of our own");
    if ((m->tells & FOLLOW_TELLS_ENDS) != 0 && !t->ended)
        return follow_fail(why, -ENODATA, "it tells of births, but not of ends");
    if ((m->tells & FOLLOW_TELLS_STATUS) != 0 && t->status != STATUS_TO_SEE << 8)
        return follow_fail(why, -ENODATA, "it tells of ends, but not the right exit status");
    if ((m->tells & FOLLOW_TELLS_ACCOUNTS) != 0 && !t->accounted)
        return follow_fail(why, -ENODATA, "it tells of ends, but the accounts do not come");
    return 0;
}

int follow_try(const struct follow_mechanism *m, const struct source_root *root,
               struct follow_reason *ret_why)
{
    struct trial trial = {.status = -1};
    struct follow_sink sink = {.user = &trial,
                               .birth = on_birth,
                               .exec = on_exec,
                               .ended = on_ended,
                               .account = on_account};
    struct follow *follow;
    bool ends = (m->tells & FOLLOW_TELLS_ENDS) != 0;
    int gate_fd = -1, r = start_child(&trial, ends, &gate_fd);
    if (r != 0)
        return follow_fail(ret_why, r, "cannot fork: %s", strerror(-r));
    struct follow_config config = {.root = root,
                                   .roots = &trial.child,
                                   .root_count = 1,
                                   .launched = true,
                                   .recorder = getpid()};
    pid_t child = trial.child;
    r = m->open(&config, &sink, &follow, ret_why);
    if (r == 0) {
        if (write(gate_fd, "x", 1) == 1)
            watch(m, follow, &trial);
        r = judge(m, &trial, ret_why);
        m->close(follow);
    }
    close(gate_fd); /* a child that never passed it ends */
    if (trial.child == child)
        waitpid(child, NULL, 0);
    return r;
}
