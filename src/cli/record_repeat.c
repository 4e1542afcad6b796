#include "cli/record_repeat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tacho/recording.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/job_signals.h"
#include "cli/launch.h"
#include "cli/record_session.h"
#include "record/recording_name.h"
#include "source/proc_process.h"

#define ANCESTORS_MAX 4096
#define ASKED_MAX 16
#define RUN_NAME_MAX 32 /* "/run-0001.tacho" */

static const char suffix[] = ".tacho";

struct series {
    const struct record_options *options;
    char directory[PATH_MAX - RUN_NAME_MAX];
    bool made; /* the directory, by us */
    struct inherited inherited;
    struct source_root root;
    int signal_fd;
    pid_t recorder;                     /* of the run under way; 0 between them */
    unsigned run;                       /* from 1 on */
    unsigned done;                      /* recorded, and over */
    int ended_by;                       /* the signal; 0: none */
    struct job_signal asked[ASKED_MAX]; /* to end, while the run was under way */
    size_t asks;
    int status; /* to exit with */
};

/* ---- where runs go ---- */

static bool ends_with_suffix(const char *name, size_t n)
{
    return n >= sizeof suffix - 1 && strcmp(name + n - (sizeof suffix - 1), suffix) == 0;
}

/* A name that a run of some series has. */
static bool is_run(const char *name)
{
    size_t digits = strncmp(name, "run-", 4) == 0 ? strspn(name + 4, "0123456789") : 0;
    return digits > 0 && strcmp(name + 4 + digits, suffix) == 0;
}

static int name_directory(struct series *s)
{
    struct rank rank;
    char name[256];
    const char *output = s->options->output;
    rank_of_this_process(0, 0, &rank);
    recording_name(s->options->command[0], &rank, name, sizeof name);
    name[strlen(name) - (sizeof suffix - 1)] = '\0';
    size_t n = strlen(output != NULL ? output : name);
    if (output != NULL && ends_with_suffix(output, n))
        return cli_usage("with --repeat, -o names a directory, such as '%.*s'",
                         (int)(n - (sizeof suffix - 1)), output);
    if ((size_t)snprintf(s->directory, sizeof s->directory, "%s", output != NULL ? output : name) >=
        sizeof s->directory)
        return cli_failed("the name of the output directory is too long");
    for (; n > 1 && s->directory[n - 1] == '/'; n--)
        s->directory[n - 1] = '\0';
    return 0;
}

/*
 * What lies in the directory already would pass for runs of this series. --force removes earlier
 * runs, of which there may have been more than there will be now; it removes nothing else.
 */
static int empty_directory(const struct series *s)
{
    _closedir_ DIR *dir = opendir(s->directory);
    if (dir == NULL)
        return cli_failed("%s: %s", s->directory, strerror(errno));
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (!ends_with_suffix(e->d_name, strlen(e->d_name)))
            continue;
        if (!s->options->force)
            return cli_failed("%s has recordings already: choose another directory with -o, or "
                              "--force to replace the runs in it",
                              s->directory);
        if (is_run(e->d_name) && unlinkat(dirfd(dir), e->d_name, 0) != 0)
            return cli_failed("cannot remove %s/%s: %s", s->directory, e->d_name, strerror(errno));
    }
    return 0;
}

static int make_directory(struct series *s)
{
    s->made = mkdir(s->directory, 0777) == 0;
    if (s->made)
        return 0;
    if (errno != EEXIST)
        return cli_failed("cannot make the directory %s: %s", s->directory, strerror(errno));
    return empty_directory(s);
}

/* ---- signals ---- */

/* Whether a process is below the recorder: of the job. */
static bool is_of_job(const struct series *s, pid_t pid)
{
    for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
        struct process_files files = process_files_unkept(pid);
        struct proc_stat stat;
        if (proc_stat_read(&s->root, &files, &stat) != 0)
            return false;
        pid = stat.parent_pid;
        if (pid == s->recorder)
            return true;
    }
    return false;
}

/*
 * What the terminal sends has reached the recorder and the job too; all else is passed on. A job
 * that signals its own process group, as `trap 'kill 0' EXIT` does, means itself: not us.
 */
static void take_signal(struct series *s, const struct job_signal *signal)
{
    if (signal->number == SIGCHLD)
        return;
    if (s->recorder > 0 && !signal->from_terminal) {
        if (is_of_job(s, signal->sender))
            return;
        kill(s->recorder, signal->number);
    }
    if (job_signal_ends(signal->number) && s->asks < ASKED_MAX)
        s->asked[s->asks++] = *signal;
}

static void take_signals(struct series *s)
{
    for (struct job_signal signal; job_signals_next(s->signal_fd, &signal);)
        take_signal(s, &signal);
}

static bool has_process(const struct tacho_recording *rec, pid_t pid)
{
    for (size_t i = 0; i < tacho_process_count(rec); i++)
        if (tacho_process(rec, i)->pid == pid)
            return true;
    return false;
}

/* Who was gone when it was looked for may have been of the job: its recording knows. */
static void decide(struct series *s, const char *path)
{
    struct tacho_recording *rec = NULL;
    struct tacho_error error;
    if (s->asks > 0 && tacho_recording_open(path, &rec, &error) != 0)
        rec = NULL;
    for (size_t i = 0; i < s->asks && s->ended_by == 0; i++)
        if (s->asked[i].sender <= 0 || rec == NULL || !has_process(rec, s->asked[i].sender))
            s->ended_by = s->asked[i].number;
    s->asks = 0;
    tacho_recording_close(rec);
}

/* ---- runs ---- */

static _Noreturn void record_one(const struct series *s, const char *path)
{
    struct record_options options = *s->options;
    options.output = path;
    options.force = false;
    inherited_give_back(&s->inherited);
    exit(record_session_run(&options));
}

/* Waits for the recorder; its exit status, or 128+n of what killed it. */
static int wait_for_recorder(struct series *s)
{
    int status;
    pid_t ended;
    while ((ended = waitpid(s->recorder, &status, WNOHANG)) == 0) {
        poll(&(struct pollfd){.fd = s->signal_fd, .events = POLLIN}, 1, -1);
        take_signals(s);
    }
    s->recorder = 0;
    if (ended < 0)
        return EXIT_FAILED;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void say_run(const struct series *s, const char *path, int status)
{
    unsigned of = s->options->repeat;
    if (s->options->quiet)
        return;
    if (status != 0)
        cli_say("run %u of %u, in %s, ended with status %d", s->run, of, path, status);
    else if (isatty(STDERR_FILENO))
        cli_say("run %u of %u is in %s", s->run, of, path);
}

/* Whether the next one may follow: a run that was not recorded would not be the next time either. */
static bool run_one(struct series *s)
{
    char path[PATH_MAX];
    int digits = snprintf(NULL, 0, "%u", s->options->repeat);
    snprintf(path, sizeof path, "%s/run-%0*u%s", s->directory, digits, s->run, suffix);
    take_signals(s);
    if (s->asks > 0) { /* between two runs nobody else can be meant */
        s->ended_by = s->asked[0].number;
        return false;
    }
    s->recorder = fork();
    if (s->recorder == 0)
        record_one(s, path);
    if (s->recorder < 0) {
        s->recorder = 0;
        s->status = cli_failed("cannot fork: %s", strerror(errno));
        return false;
    }
    int status = wait_for_recorder(s);
    bool recorded = access(path, F_OK) == 0;
    decide(s, path);
    if (s->status == 0)
        s->status = status;
    s->done += recorded;
    if (recorded)
        say_run(s, path, status);
    return recorded && s->ended_by == 0;
}

static void say_end(const struct series *s)
{
    unsigned of = s->options->repeat;
    if (s->options->quiet)
        return;
    if (s->ended_by != 0 && s->done < of)
        cli_say("ended by a signal (%s) after run %u of %u", strsignal(s->ended_by), s->done, of);
    else if (s->done == of && isatty(STDERR_FILENO))
        cli_say("compare with other runs: tacho diff %s/ -- OTHER/", s->directory);
}

static int run_all(struct series *s)
{
    s->run = 1;
    while (run_one(s) && s->run < s->options->repeat)
        s->run++;
    if (s->made)
        rmdir(s->directory); /* where nothing was recorded at all */
    say_end(s);
    return s->status == 0 && s->ended_by != 0 ? 128 + s->ended_by : s->status;
}

int record_repeat_run(const struct record_options *options)
{
    struct series s = {.options = options, .signal_fd = -1};
    int status = name_directory(&s);
    if (status == 0)
        status = make_directory(&s);
    if (status != 0)
        return status;
    if (source_root_open(&s.root, "/") != 0)
        return cli_failed("cannot open /proc: is it mounted?");
    inherited_save(&s.inherited);
    s.signal_fd = job_signals_open(false);
    status = s.signal_fd < 0 ? cli_failed("cannot take signals: %s", strerror(-s.signal_fd))
                             : run_all(&s);
    closep(&s.signal_fd);
    source_root_close(&s.root);
    return status;
}
