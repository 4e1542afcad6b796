/* TCP sockets: real ones of this test, and netlink messages as no kernel should send them. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "source/tcp.h"
#include "test_source_child.h"
#include "test_source_tree.h"

#define BOTH (1u << TCP_ESTABLISHED | 1u << TCP_LISTENING)
#define STATE_ESTABLISHED 1
#define STATE_LISTEN 10

static struct source_root root;
static struct tcp_table *table;

static int open_table(void **state)
{
    int rc = source_root_open(&root, "/");
    if (rc == 0 && tcp_table_new(&root, &table) != 0)
        table = NULL; /* no netlink in this sandbox */
    return rc;
}

static int close_table(void **state)
{
    tcp_table_free(table);
    source_root_close(&root);
    return 0;
}

static void needs_table(void)
{
    if (table == NULL) {
        print_message("# NETLINK_SOCK_DIAG is refused here\n");
        skip();
    }
}

static void needs_dump(void)
{
    needs_table();
    int rc = tcp_table_refresh(table);
    if (rc != 0) {
        print_message("# no dump of TCP sockets here: %s\n", strerror(-rc));
        skip();
    }
}

static void count_of(pid_t pid, uint64_t value[TCP_FIELDS])
{
    struct process_files files = process_files_unkept(pid);
    uint32_t valid = 0;
    assert_int_equal(tcp_table_count(table, &root, &files, NULL, value, &valid), 0);
    assert_int_equal(valid, BOTH);
}

/* ---- real sockets ---- */

struct connection {
    int listening, client, server;
};

/* False where this machine has no such loopback. */
static bool connect_to_self(int family, struct connection *ret)
{
    struct sockaddr_storage to = {.ss_family = (sa_family_t)family};
    socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (family == AF_INET)
        ((struct sockaddr_in *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&to)->sin6_addr = in6addr_loopback;
    *ret = (struct connection){-1, -1, -1};
    ret->listening = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ret->client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(ret->listening, (struct sockaddr *)&to, length) != 0 ||
        listen(ret->listening, 4) != 0 ||
        getsockname(ret->listening, (struct sockaddr *)&to, &length) != 0 ||
        connect(ret->client, (struct sockaddr *)&to, length) != 0)
        return false;
    ret->server = accept(ret->listening, NULL, NULL);
    return ret->server >= 0;
}

static void disconnect(const struct connection *connection)
{
    close(connection->client);
    close(connection->server);
    close(connection->listening);
}

static void counts_own_sockets_of(int family)
{
    needs_dump();
    uint64_t before[TCP_FIELDS], value[TCP_FIELDS];
    count_of(getpid(), before);
    struct connection connection;
    if (!connect_to_self(family, &connection)) {
        disconnect(&connection);
        print_message("# no loopback of this family\n");
        skip();
    }
    int twice = dup(connection.client), bound = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(tcp_table_refresh(table), 0);
    count_of(getpid(), value);
    assert_int_equal(value[TCP_ESTABLISHED] - before[TCP_ESTABLISHED], 2);
    assert_int_equal(value[TCP_LISTENING] - before[TCP_LISTENING], 1);
    assert_true(tcp_table_established(table) >= 2);
    assert_true(tcp_table_listening(table) >= 1);
    count_of(getpid(), value); /* counting changes nothing */
    assert_int_equal(value[TCP_ESTABLISHED] - before[TCP_ESTABLISHED], 2);
    close(connection.client); /* the other descriptor holds it */
    count_of(getpid(), value);
    assert_int_equal(value[TCP_ESTABLISHED] - before[TCP_ESTABLISHED], 2);
    close(twice);
    assert_int_equal(tcp_table_refresh(table), 0);
    count_of(getpid(), value); /* one side shut down: neither is established */
    assert_int_equal(value[TCP_ESTABLISHED] - before[TCP_ESTABLISHED], 0);
    assert_int_equal(value[TCP_LISTENING] - before[TCP_LISTENING], 1);
    close(connection.server);
    close(connection.listening);
    close(bound);
    assert_int_equal(tcp_table_refresh(table), 0);
    count_of(getpid(), value);
    assert_memory_equal(value, before, sizeof before);
}

static void sockets_of_ipv4(void **state)
{
    counts_own_sockets_of(AF_INET);
}

static void sockets_of_ipv6(void **state)
{
    counts_own_sockets_of(AF_INET6);
}

static void inherited_sockets_count_in_both(void **state)
{
    needs_dump();
    struct connection connection;
    if (!connect_to_self(AF_INET, &connection)) {
        disconnect(&connection);
        print_message("# no loopback here\n");
        skip();
    }
    struct child *child = child_start(child_sleeps);
    child_wait(child);
    uint64_t own[TCP_FIELDS], childs[TCP_FIELDS];
    assert_int_equal(tcp_table_refresh(table), 0);
    count_of(getpid(), own);
    count_of(child->pid, childs);
    kill(child->pid, SIGKILL);
    child_wait_zombie(child);
    uint64_t zombies[TCP_FIELDS];
    count_of(child->pid, zombies);
    child_reap(child);
    struct process_files gone = process_files_unkept(child->pid);
    uint32_t valid = 77;
    int rc = tcp_table_count(table, &root, &gone, NULL, zombies, &valid);
    child_free(child);
    disconnect(&connection);
    assert_true(own[TCP_ESTABLISHED] >= 2);
    assert_memory_equal(own, childs, sizeof own);
    assert_int_equal(zombies[TCP_ESTABLISHED], 0);
    assert_int_equal(rc, -ESRCH);
    assert_int_equal(valid, 77);
}

static void leaves_the_network(struct child *child)
{
    child->number[0] = unshare(CLONE_NEWNET);
    child_step(child);
}

static void another_networks_sockets_are_unknown(void **state)
{
    needs_dump();
    struct child *child = child_start(leaves_the_network);
    child_wait(child);
    struct process_files files = process_files_unkept(child->pid);
    uint64_t value[TCP_FIELDS];
    uint32_t valid = 77;
    int failed = (int)child->number[0];
    int rc = tcp_table_count(table, &root, &files, NULL, value, &valid);
    tcp_table_clear(table);
    int empty_rc = tcp_table_count(table, &root, &files, NULL, value, &valid);
    child_kill(child);
    if (failed) {
        print_message("# may not make a network namespace\n");
        skip();
    }
    assert_int_equal(rc, -EXDEV);
    assert_int_equal(empty_rc, -EXDEV); /* also when nobody here has a socket */
    assert_int_equal(valid, 77);
}

/* ---- messages ---- */

struct message {
    struct nlmsghdr header;
    struct inet_diag_msg socket;
};

static struct message message_of(uint32_t inode, uint8_t tcp_state)
{
    return (struct message){.header = {.nlmsg_len = sizeof(struct message),
                                       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                                       .nlmsg_seq = 5},
                            .socket = {.idiag_inode = inode, .idiag_state = tcp_state}};
}

static struct nlmsghdr done(void)
{
    return (struct nlmsghdr){
        .nlmsg_len = sizeof(struct nlmsghdr), .nlmsg_type = NLMSG_DONE, .nlmsg_seq = 5};
}

/* In memory of its own length. */
static int take(const void *bytes, size_t n)
{
    void *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    int rc = tcp_table_take(table, 5, copy, n);
    free(copy);
    return rc;
}

static uint64_t add(const char *target, enum tcp_field field)
{
    uint64_t value[TCP_FIELDS] = {0};
    tcp_table_add(table, target, strlen(target), value);
    return value[field];
}

static void messages_of_a_dump(void **state)
{
    needs_table();
    struct {
        struct message a, b, c, d, e;
        struct nlmsghdr end;
        struct message behind;
    } dump = {message_of(11, STATE_ESTABLISHED), message_of(12, STATE_LISTEN),
              message_of(13, 6 /* TIME_WAIT */), message_of(0, STATE_ESTABLISHED),
              message_of(14, STATE_ESTABLISHED), done(),
              message_of(15, STATE_LISTEN)};
    dump.e.header.nlmsg_seq = 4; /* of a request before */
    tcp_table_clear(table);
    assert_int_equal(take(&dump, offsetof(__typeof__(dump), end)), 0);
    assert_int_equal(tcp_table_established(table), 2);
    assert_int_equal(tcp_table_listening(table), 1);
    assert_int_equal(take(&dump.end, sizeof dump.end + sizeof dump.behind), 1);
    assert_int_equal(tcp_table_listening(table), 1);

    tcp_table_begin(table);
    assert_int_equal(add("socket:[11]", TCP_ESTABLISHED), 1);
    assert_int_equal(add("socket:[11]", TCP_ESTABLISHED), 0); /* again in the same process */
    assert_int_equal(add("socket:[12]", TCP_LISTENING), 1);
    static const char *const others[] = {"socket:[13]",
                                         "socket:[14]",
                                         "socket:[0]",
                                         "socket:[11",
                                         "socket:[11]x",
                                         "socket:11",
                                         "pipe:[11]",
                                         "socket:[]",
                                         "socket:[-11]",
                                         "",
                                         "socket:[4294967307]", /* 2^32 + 11 */
                                         "socket:[99999999999999999999999]"};
    tcp_table_begin(table);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(add(others[i], TCP_ESTABLISHED), 0);
        assert_int_equal(add(others[i], TCP_LISTENING), 0);
    }
    assert_int_equal(add("socket:[11]", TCP_ESTABLISHED), 1); /* in another process */
}

static void broken_messages(void **state)
{
    needs_table();
    struct message good = message_of(11, STATE_ESTABLISHED), bad;
    tcp_table_clear(table);
    assert_int_equal(take(&good, 0), 0);
    for (size_t cut = 1; cut < sizeof good; cut++)
        assert_int_equal(take(&good, cut), -EPROTO);
    static const uint32_t lengths[] = {
        0, 1, 15, 17, sizeof good - 1, sizeof good + 1, 0x7FFFFFFF, UINT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        bad = good;
        bad.header.nlmsg_len = lengths[i];
        assert_int_equal(take(&bad, sizeof bad), -EPROTO);
    }
    bad = good;
    bad.header.nlmsg_type = 99;
    assert_int_equal(take(&bad, sizeof bad), -EPROTO);
    assert_int_equal(tcp_table_established(table), 0);

    struct {
        struct nlmsghdr header;
        int32_t error;
    } failure = {{.nlmsg_len = sizeof failure, .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = 5}, -EPERM};
    assert_int_equal(take(&failure, sizeof failure), -EPERM);
    failure.error = 0;
    assert_int_equal(take(&failure, sizeof failure), -EPROTO);
    failure.error = INT32_MIN;
    assert_int_equal(take(&failure, sizeof failure), -EPROTO);
    failure.header.nlmsg_type = NLMSG_DONE; /* a dump that broke off */
    failure.error = -ENOMEM;
    assert_int_equal(take(&failure, sizeof failure), -ENOMEM);
    failure.header.nlmsg_len = sizeof failure.header + 2;
    assert_int_equal(take(&failure, sizeof failure.header + 2), 1);
}

static void many_sockets(void **state)
{
    needs_table();
    const uint32_t n = 100 * 1000;
    tcp_table_clear(table);
    for (uint32_t i = 1; i <= n; i++) {
        struct message message =
            message_of(i * 4096, i % 10 == 0 ? STATE_LISTEN : STATE_ESTABLISHED);
        assert_int_equal(tcp_table_take(table, 5, &message, sizeof message), 0);
    }
    assert_int_equal(tcp_table_listening(table), n / 10);
    tcp_table_begin(table);
    uint64_t value[TCP_FIELDS] = {0};
    for (uint32_t i = 1; i <= 2 * n; i++) {
        char target[32];
        int length = snprintf(target, sizeof target, "socket:[%u]", i * 4096);
        tcp_table_add(table, target, (size_t)length, value);
    }
    assert_int_equal(value[TCP_LISTENING], n / 10);
    assert_int_equal(value[TCP_ESTABLISHED], n - n / 10);
    tcp_table_clear(table);
    assert_int_equal(tcp_table_established(table), 0);
    tcp_table_begin(table);
    assert_int_equal(add("socket:[4096]", TCP_ESTABLISHED), 0);
}

/* The bound: what is kept stays right, but a process's count is then no longer known. */
static void too_many_sockets(void **state)
{
    needs_table();
    const uint32_t n = 1024 * 1024 + 5;
    tcp_table_clear(table);
    for (uint32_t i = 1; i <= n; i++) {
        struct message message = message_of(i, STATE_ESTABLISHED);
        if (tcp_table_take(table, 5, &message, sizeof message) != 0)
            fail();
    }
    assert_int_equal(tcp_table_established(table), n);
    struct process_files files = process_files_unkept(getpid());
    uint64_t value[TCP_FIELDS];
    uint32_t valid = 77;
    assert_int_equal(tcp_table_count(table, &root, &files, NULL, value, &valid), 0);
    assert_int_equal(valid, 0);
    tcp_table_clear(table);
}

/* ---- a tree with links as the kernel shows them ---- */

static void descriptors_of_a_tree(void **state)
{
    struct tree tree;
    struct tcp_table *own;
    tree_new(&tree, 0);
    tree_link(&tree, "proc/self/ns/net", "net:[1]");
    tree_put(&tree, "proc/7/stat", "");
    tree_link(&tree, "proc/7/ns/net", "net:[1]");
    tree_link(&tree, "proc/7/fd/0", "/dev/null");
    tree_link(&tree, "proc/7/fd/1", "pipe:[50]");
    tree_link(&tree, "proc/7/fd/3", "socket:[50]");
    tree_link(&tree, "proc/7/fd/4", "socket:[50]");
    tree_link(&tree, "proc/7/fd/1000000", "socket:[51]");
    tree_link(&tree, "proc/7/fd/17", "socket:[52]");
    tree_link(&tree, "proc/7/fd/18", "a long name of some file: socket:[50] is only a part of it");
    tree_put(&tree, "proc/8/stat", "");
    tree_link(&tree, "proc/8/ns/net", "net:[2]");
    if (tcp_table_new(&tree.root, &own) != 0) {
        tree_free(&tree);
        print_message("# NETLINK_SOCK_DIAG is refused here\n");
        skip();
    }
    struct message messages[] = {message_of(50, STATE_ESTABLISHED), message_of(51, STATE_LISTEN)};
    assert_int_equal(tcp_table_take(own, 5, messages, sizeof messages), 0);
    struct process_files files = process_files_unkept(7);
    uint64_t value[TCP_FIELDS];
    uint32_t valid = 0;
    assert_int_equal(tcp_table_count(own, &tree.root, &files, NULL, value, &valid), 0);
    assert_int_equal(valid, BOTH);
    assert_int_equal(value[TCP_ESTABLISHED], 1);
    assert_int_equal(value[TCP_LISTENING], 1);
    files = process_files_unkept(8);
    assert_int_equal(tcp_table_count(own, &tree.root, &files, NULL, value, &valid), -EXDEV);
    files = process_files_unkept(9);
    assert_int_equal(tcp_table_count(own, &tree.root, &files, NULL, value, &valid), -ESRCH);
    tcp_table_free(own);
    tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_of_ipv4),
        cmocka_unit_test(sockets_of_ipv6),
        cmocka_unit_test(inherited_sockets_count_in_both),
        cmocka_unit_test(another_networks_sockets_are_unknown),
        cmocka_unit_test(messages_of_a_dump),
        cmocka_unit_test(broken_messages),
        cmocka_unit_test(many_sockets),
        cmocka_unit_test(too_many_sockets),
        cmocka_unit_test(descriptors_of_a_tree),
    };
    return cmocka_run_group_tests_name("source_tcp", tests, open_table, close_table);
}
