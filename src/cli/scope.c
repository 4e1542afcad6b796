/* tacho scope: a command as a scope of the enclosing recording. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tacho/tacho.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/enclosing.h"
#include "cli/launch.h"

static const char help[] =
    "Usage: tacho scope [OPTION...] NAME -- COMMAND [ARGUMENT...]\n"
    "Runs COMMAND as a scope of the recording that the script is under: the report says\n"
    "what it took and used. Outside of a recording the command runs all the same. Exits as\n"
    "the command did, with 128 and the signal's number when a signal ended it.\n"
    "\n"
    "  -c, --category NAME  the kind of work: \"I/O\", \"Communication\", ...\n"
    "  -q, --quiet          outside of a recording: say nothing\n"
    "  -h, --help           this text\n"
    "\n"
    "  tacho scope -c I/O \"unpack\" -- tar xf data.tar\n";

static const struct option longs[] = {{"category", required_argument, NULL, 'c'},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"help", no_argument, NULL, 'h'},
                                      {0}};

static volatile sig_atomic_t child;

static void pass_on(int number)
{
    if (child > 0)
        kill(child, number);
}

/* What the terminal sends reaches the command too; it decides. What is sent to us alone is passed on. */
static void take_signals(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN}, pass = {.sa_handler = pass_on};
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGQUIT, &ignore, NULL);
    sigaction(SIGTERM, &pass, NULL);
    sigaction(SIGHUP, &pass, NULL);
    sigaction(SIGUSR1, &pass, NULL);
    sigaction(SIGUSR2, &pass, NULL);
}

static _Noreturn void run_command(char *const command[])
{
    execvp(command[0], command);
    int error = errno;
    cli_failed("cannot run %s: %s", command[0], error == ENOENT ? "not found" : strerror(error));
    _exit(launch_failure_status(error));
}

/* Signals stay blocked until there is a handler, or the command, to take them. */
static int run_within(const char *name, const char *category, char *const command[])
{
    sigset_t all, before;
    int status = 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    tacho_begin(name, category);
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        run_command(command);
    }
    if (pid < 0)
        return cli_failed("cannot fork: %s", strerror(errno));
    child = pid;
    take_signals();
    sigprocmask(SIG_SETMASK, &before, NULL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    child = 0;
    tacho_end();
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int command_scope(int argc, char **argv)
{
    const char *category = NULL;
    bool quiet = false;
    int option;
    while ((option = cli_getopt(argc, argv, "+c:qh", longs)) != -1) {
        switch (option) {
        case 'c': category = optarg; break;
        case 'q': quiet = true; break;
        case 'h': return cli_help(help);
        default: return EXIT_USAGE;
        }
    }
    if (optind == argc)
        return cli_usage("no name for the scope");
    const char *name = argv[optind++];
    if (optind < argc && strcmp(argv[optind], "--") == 0)
        optind++;
    if (optind == argc)
        return cli_usage("no command named");
    if (enclosing_join(false))
        return run_within(name, category, argv + optind);
    if (!quiet)
        cli_say("not under tacho record: %s runs, and is no scope of anything", argv[optind]);
    run_command(argv + optind);
}
