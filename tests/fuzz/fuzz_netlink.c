/*
 * The same bytes to every reader of the kernel's messages about processes: as a datagram, as a
 * message's payload, and as a series of events that processes are made of. Beyond the sanitizers: a
 * failure leaves the outputs as they were, and what is counted stays within what came.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "follow/thread_groups.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_netlink: %s\n", what);
    abort();
}

static bool parse_event(struct span payload, struct task_event *ret)
{
    struct task_event e, before;
    memset(&e, 0xA5, sizeof e);
    memcpy(&before, &e, sizeof e);
    if (task_event_parse(payload, &e) != 0) {
        check(memcmp(&e, &before, sizeof e) == 0, "event touched");
        return false;
    }
    check(e.kind == TASK_SOMETHING || (e.tid > 0 && e.process > 0), "ids");
    check(e.parent >= 0 && e.status >= 0, "parent and status");
    *ret = e;
    return true;
}

static bool parse_account(struct span payload, struct task_account *ret)
{
    struct task_account a, before;
    memset(&a, 0xA5, sizeof a);
    memcpy(&before, &a, sizeof a);
    if (task_account_parse(payload, &a) != 0) {
        check(memcmp(&a, &before, sizeof a) == 0, "account touched");
        return false;
    }
    check(a.tid > 0 && a.process >= 0, "ids of an account");
    *ret = a;
    return true;
}

static void settle(void *user, const struct thread_group *g)
{
    struct record_account account;
    (void)user;
    thread_group_account(g, &account);
    check(account.user_ns + account.system_ns == account.cpu_ns, "parts of the CPU");
    check(account.known == 0 || (account.known & ACCOUNT_EARLY) != 0, "early");
}

static void take_event(struct thread_groups *groups, const struct task_event *e)
{
    struct thread_group *g = thread_groups_find(groups, e->process);
    if (e->kind == TASK_FORKED && g != NULL)
        thread_group_grows(g);
    else if (e->kind == TASK_FORKED)
        check(thread_groups_add(groups, e->process, e->time_ns & 1) != NULL, "no memory");
    else if (e->kind == TASK_EXITED && g != NULL && thread_group_shrinks(g, e) == GROUP_ENDED) {
        check(thread_group_status(g) >= -1, "status");
        thread_groups_await(groups, g, 1 + (uint32_t)e->tid);
    } else if (e->kind == TASK_SESSION)
        thread_groups_settle(groups, settle, NULL);
    else if (e->kind == TASK_EXECED)
        thread_groups_doubt(groups);
}

static void take_datagram(struct span datagram)
{
    struct thread_groups groups = {0};
    struct event_numbers numbers = {0};
    struct netlink_part part;
    struct task_event e;
    struct task_account a;
    while (netlink_next_message(&datagram, &part)) {
        if (parse_event(part.payload, &e)) {
            event_numbers_take(&numbers, &e);
            take_event(&groups, &e);
        }
        if (parse_account(part.payload, &a))
            thread_groups_take_account(&groups, &a);
    }
    thread_groups_settle(&groups, settle, NULL);
    check(groups.awaiting.count == 0, "somebody still waits");
    check(groups.by_pid.count + groups.vacant_count == groups.count, "places");
    thread_groups_done(&groups);
    event_numbers_done(&numbers);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct span all = {bytes, n};
    struct task_event e;
    struct task_account a;
    parse_event(all, &e);
    parse_account(all, &a);
    take_datagram(all);
    return 0;
}
