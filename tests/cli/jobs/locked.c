/*
 * Runs a command as a container without privileges may: `locked COMMAND [ARG...]`. bpf(2), ptrace(2),
 * perf_event_open(2) and netlink sockets are refused with EPERM, for it and all it starts.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL offsetof(struct seccomp_data, nr)
#define FIRST_ARGUMENT offsetof(struct seccomp_data, args[0]) /* its lower half: little-endian */
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what)
#define IF_EQUAL(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)

int main(int argc, char **argv)
{
    struct sock_filter filter[] = {
        LOAD(CALL),
        IF_EQUAL(SYS_bpf, 6, 0),
        IF_EQUAL(SYS_perf_event_open, 5, 0),
        IF_EQUAL(SYS_ptrace, 4, 0),
        IF_EQUAL(SYS_socket, 0, 2),
        LOAD(FIRST_ARGUMENT),
        IF_EQUAL(AF_NETLINK, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    if (argc < 2)
        return 2;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("locked");
        return 3;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
