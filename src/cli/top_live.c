#include "cli/top_live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/record_session.h"
#include "source/proc_process.h"

#define LOOK_EVERY_MS 10 /* for the first block of the recording */

static _Noreturn void record(struct record_options *options, int errors_fd, pid_t parent)
{
    int null_fd = open("/dev/null", O_RDWR);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_FAILED);
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    dup2(errors_fd, STDERR_FILENO);
    setpgid(0, 0); /* what is typed is not for it */
    _exit(record_session_run(options));
}

/* Passes on what the recorder said before it failed. */
static int failed(struct top_live *live)
{
    char text[4096];
    ssize_t n = read(live->errors_fd, text, sizeof text);
    if (n > 0)
        fwrite(text, 1, (size_t)n, stderr);
    else
        cli_failed("cannot record what goes on");
    top_live_end(live);
    return EXIT_FAILED;
}

/* Waits for the first block; the recorder either writes it soon or says why it cannot. */
static int open_when_there(struct top_live *live, int fd, struct tacho_recording **ret)
{
    for (;;) {
        struct pollfd ended = {.fd = live->errors_fd, .events = POLLIN};
        _close_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (own >= 0 && tacho_recording_open_fd(own, ret, NULL) == 0) {
            own = -1;
            return 0;
        }
        if (poll(&ended, 1, LOOK_EVERY_MS) > 0)
            return failed(live);
    }
}

int top_live_begin(struct record_options *options, struct top_live *ret,
                   struct tacho_recording **ret_rec)
{
    int errors[2];
    pid_t parent = getpid();
    *ret = (struct top_live){.errors_fd = -1};
    _close_ int fd = memfd_create("tacho-top", MFD_CLOEXEC);
    if (fd < 0 || pipe2(errors, O_CLOEXEC) != 0)
        return cli_failed("cannot begin: %s", strerror(errno));
    options->into = true;
    options->into_fd = fd;
    fflush(NULL);
    ret->recorder = fork();
    if (ret->recorder == 0) {
        close(errors[0]);
        options->into_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* taken over */
        record(options, errors[1], parent);
    }
    close(errors[1]);
    ret->errors_fd = errors[0];
    if (ret->recorder < 0) {
        ret->recorder = 0;
        return cli_failed("cannot fork: %s", strerror(errno));
    }
    return open_when_there(ret, fd, ret_rec);
}

bool top_live_over(struct top_live *live)
{
    if (live->recorder > 0 && waitpid(live->recorder, NULL, WNOHANG) == live->recorder)
        live->recorder = 0;
    return live->recorder == 0;
}

void top_live_end(struct top_live *live)
{
    if (live->recorder > 0) {
        kill(live->recorder, SIGTERM);
        while (waitpid(live->recorder, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    closep(&live->errors_fd);
    *live = (struct top_live){.errors_fd = -1};
}

/* ---- the whole machine ---- */

static bool is_root(const struct source_root *root, pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    return proc_stat_read(root, &files, &stat) == 0 && stat.parent_pid == 0 &&
           strcmp(stat.comm, "kthreadd") != 0;
}

int top_live_roots(struct buffer *ret)
{
    struct source_root root = {.proc_fd = -1, .sys_fd = -1};
    int r = source_root_open(&root, "/");
    DIR *directory = opendir("/proc");
    if (r == 0 && directory == NULL)
        r = -errno;
    for (struct dirent *entry; r == 0 && (entry = readdir(directory)) != NULL;) {
        uint64_t pid;
        if (parse_u64(entry->d_name, &pid) && pid <= INT32_MAX && is_root(&root, (pid_t)pid))
            buffer_printf(ret, "%s%d", ret->len > 0 ? "," : "", (int)pid);
    }
    if (directory != NULL)
        closedir(directory);
    if (root.proc_fd >= 0)
        source_root_close(&root);
    buffer_put_byte(ret, '\0');
    return ret->failed ? -ENOMEM : r;
}
