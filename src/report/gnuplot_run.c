#include "report/gnuplot_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

extern char **environ;

#define SAID_MAX 65536
#define VERSION_LIMIT_MS 10000

/* gnuplot -d NAME.plt …, to be freed. */
static char **arguments_of(const struct plot_scripts *scripts)
{
    const size_t room = PLOT_NAME_MAX + 8;
    char **argv = calloc(1, (scripts->count + 3) * sizeof *argv + scripts->count * room);
    if (argv == NULL)
        return NULL;
    char *text = (char *)(argv + scripts->count + 3);
    argv[0] = (char *)(uintptr_t) "gnuplot";
    argv[1] = (char *)(uintptr_t) "-d";
    for (size_t i = 0; i < scripts->count; i++) {
        argv[i + 2] = text + i * room;
        snprintf(argv[i + 2], room, "%s.plt", scripts->script[i].name);
    }
    return argv;
}

/* `told_fd` takes the place of what it writes to `of_fd`, stdout or stderr. 0 or -errno. */
static int start(int folder_fd, char *const argv[], int told_fd, int of_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    if (folder_fd >= 0)
        r = posix_spawn_file_actions_addfchdir_np(&actions, folder_fd);
    for (int fd = 0; fd <= 2 && r == 0; fd++)
        r = fd == of_fd ? posix_spawn_file_actions_adddup2(&actions, told_fd, fd)
                        : posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    if (r == 0)
        r = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* What it says until it ends, or the time is up: 0, or -ETIMEDOUT. */
static int listen(int fd, int limit_ms, struct buffer *said)
{
    uint64_t end_ns = clock_mono_ns() + (uint64_t)limit_ms * 1000000;
    for (;;) {
        uint64_t now_ns = clock_mono_ns();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint8_t piece[4096];
        if (now_ns >= end_ns)
            return -ETIMEDOUT;
        if (poll(&p, 1, (int)((end_ns - now_ns) / 1000000) + 1) <= 0)
            continue;
        ssize_t n = read(fd, piece, sizeof piece);
        if (n == 0 || (n < 0 && errno != EINTR))
            return 0;
        if (n > 0 && said->len < SAID_MAX)
            buffer_put(said, piece, (size_t)n);
    }
}

/* The line that tells most: of several the last that is not blank. */
static void keep_words(struct buffer *said, char ret[GNUPLOT_WORDS_MAX])
{
    size_t end = said->len;
    while (end > 0 && (said->data[end - 1] == '\n' || said->data[end - 1] == ' '))
        end--;
    size_t begin = end;
    while (begin > 0 && said->data[begin - 1] != '\n')
        begin--;
    snprintf(ret, GNUPLOT_WORDS_MAX, "%.*s", (int)(end - begin),
             said->data == NULL ? "" : (const char *)said->data + begin);
}

/* As gnuplot_run, of any arguments. */
static int run(int folder_fd, char *const argv[], int of_fd, int limit_ms,
               char ret_words[GNUPLOT_WORDS_MAX])
{
    struct buffer said = {0};
    int words[2], status = 0;
    pid_t pid;
    ret_words[0] = '\0';
    if (pipe2(words, O_CLOEXEC) != 0)
        return -errno;
    int r = start(folder_fd, argv, words[1], of_fd, &pid);
    close(words[1]);
    if (r == 0) {
        r = listen(words[0], limit_ms, &said);
        if (r != 0)
            kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        keep_words(&said, ret_words);
        if (r == 0 && status != 0)
            r = -EIO;
    }
    close(words[0]);
    buffer_done(&said);
    return r;
}

int gnuplot_run(int folder_fd, const struct plot_scripts *scripts, int limit_ms,
                char ret_words[GNUPLOT_WORDS_MAX])
{
    _free_ char **argv = arguments_of(scripts);
    return argv == NULL ? -ENOMEM : run(folder_fd, argv, STDERR_FILENO, limit_ms, ret_words);
}

int gnuplot_version(char ret_words[GNUPLOT_WORDS_MAX])
{
    char *const argv[] = {(char *)(uintptr_t) "gnuplot", (char *)(uintptr_t) "--version", NULL};
    return run(-1, argv, STDOUT_FILENO, VERSION_LIMIT_MS, ret_words);
}
