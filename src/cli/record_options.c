#include "cli/record_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/record_repeat.h"
#include "export/export_format.h"
#include "follow/follow.h"
#include "source/proc_process.h"

static const char help[] =
    "usage: tacho record [options] [--] COMMAND [ARG...]\n"
    "       tacho record [options] -p PID[,PID...]\n"
    "       tacho record [options] -a\n"
    "\n"
    "Records what a command and all its descendants use, or running processes and their\n"
    "descendants, or the machine. Exits as the command did (128+n for signal n).\n"
    "\n"
    "  -o, --output FILE       default ./tacho-COMMAND-YYYYmmddTHHMMSS-PID.tacho\n"
    "      --force             replace FILE where it exists\n"
    "  -i, --interval SECONDS  time between samples, default 0.1 (also 500ms, 2m, ...)\n"
    "  -d, --duration SECONDS  stop recording after\n"
    "  -p, --pid PID[,PID...]  record running processes and their descendants\n"
    "  -a, --all               record the machine alone\n"
    "      --wait root|tree    finished when the command has ended, or (default) when all\n"
    "                          its descendants have\n"
    "      --follow auto|bpf|connector|perf|poll|ptrace\n"
    "                          how descendants are found; auto: the best that works here\n"
    "                          (tacho doctor says which do)\n"
    "      --gpu auto|none|I,J  NVIDIA's GPUs: all there are (default), none, or those\n"
    "      --repeat N          run the command N times, one after the other: a recording each in\n"
    "                          the directory of -o, for tacho diff\n"
    "      --stream FORMAT     instead of a recording, as it is sampled: csv, tsv, jsonl or rows\n"
    "                          to stdout or -o FILE; directory to -o FOLDER\n"
    "      --status            the live status line also where the command has the terminal,\n"
    "                          too: only for one that writes nothing there\n"
    "  -q, --quiet             say nothing but errors; no status line\n"
    "  -h, --help              this text; more in tacho-record(1)\n"
    "\n"
    "  tacho record -- make -j8\n"
    "  tacho record -i 1 -o run.tacho -p 4711\n";

enum {
    OPTION_WAIT = 256,
    OPTION_FOLLOW,
    OPTION_STREAM,
    OPTION_FORCE,
    OPTION_STATUS,
    OPTION_REPEAT,
    OPTION_GPU
};

static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
                                      {"interval", required_argument, NULL, 'i'},
                                      {"duration", required_argument, NULL, 'd'},
                                      {"pid", required_argument, NULL, 'p'},
                                      {"all", no_argument, NULL, 'a'},
                                      {"wait", required_argument, NULL, OPTION_WAIT},
                                      {"follow", required_argument, NULL, OPTION_FOLLOW},
                                      {"gpu", required_argument, NULL, OPTION_GPU},
                                      {"stream", required_argument, NULL, OPTION_STREAM},
                                      {"repeat", required_argument, NULL, OPTION_REPEAT},
                                      {"force", no_argument, NULL, OPTION_FORCE},
                                      {"status", no_argument, NULL, OPTION_STATUS},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"help", no_argument, NULL, 'h'},
                                      {0}};

/* Adds the pids of "12,34". An exit status; 0 to go on. */
static int take_pids(struct record_options *o, const char *list)
{
    struct text t = text_of(list, strlen(list));
    if (o->roots == NULL)
        o->roots = calloc(ROOTS_MAX, sizeof *o->roots);
    if (o->roots == NULL)
        return cli_failed("no memory");
    for (;;) {
        uint64_t pid;
        if (!text_take_u64(&t, &pid) || pid == 0 || pid > INT32_MAX)
            return cli_usage("'%s' is not a list of process ids: give numbers with commas between",
                             list);
        if (o->root_count == ROOTS_MAX)
            return cli_usage("more than %d process ids", ROOTS_MAX);
        o->roots[o->root_count++] = (pid_t)pid;
        if (t.at == t.end)
            return 0;
        if (!text_take_literal(&t, ","))
            return cli_usage("'%s' is not a list of process ids: give numbers with commas between",
                             list);
    }
}

static int take_interval(struct record_options *o, const char *text)
{
    if (!parse_duration_ns(text, &o->interval_ns) || o->interval_ns < NS_PER_MS ||
        o->interval_ns > 3600 * NS_PER_S)
        return cli_usage("'%s' is no interval: give seconds from 0.001 to 3600, such as 0.1 or "
                         "500ms",
                         text);
    return 0;
}

static int take_repeat(struct record_options *o, const char *text)
{
    uint64_t runs;
    if (!parse_u64(text, &runs) || runs == 0 || runs > REPEAT_MAX)
        return cli_usage("--repeat takes a number from 1 to %d, not '%s'", REPEAT_MAX, text);
    o->repeat = (unsigned)runs;
    return 0;
}

static int take_choice(struct record_options *o, int option, const char *text)
{
    if (option == OPTION_WAIT) {
        if (strcmp(text, "root") != 0 && strcmp(text, "tree") != 0)
            return cli_usage("--wait takes 'root' or 'tree', not '%s'", text);
        o->wait_root = strcmp(text, "root") == 0;
    } else if (option == OPTION_FOLLOW) {
        o->follow = follow_mechanism_find(text);
        if (o->follow == NULL && strcmp(text, "auto") != 0)
            return cli_usage("--follow takes auto, bpf, connector, perf, poll or ptrace, not '%s'",
                             text);
    } else {
        o->stream = export_format_find(text);
        if (o->stream == NULL || (o->stream->row == NULL && o->stream->tree == NULL))
            return cli_usage("--stream takes csv, tsv, jsonl, rows or directory, not '%s'", text);
    }
    return 0;
}

static int take_option(struct record_options *o, int option, const char *value)
{
    switch (option) {
    case 'o': o->output = value; return 0;
    case 'i': return take_interval(o, value);
    case 'd':
        if (!parse_duration_ns(value, &o->duration_ns) || o->duration_ns == 0)
            return cli_usage("'%s' is no duration: give seconds, such as 10 or 1.5h", value);
        return 0;
    case 'p': return take_pids(o, value);
    case 'a': o->target = TARGET_MACHINE; return 0;
    case OPTION_REPEAT: return take_repeat(o, value);
    case OPTION_FORCE: o->force = true; return 0;
    case OPTION_STATUS: o->status = true; return 0;
    case OPTION_GPU: return gpu_choice_parse(value, &o->gpu);
    case 'q': o->quiet = true; return 0;
    case 'h': return -1;
    case '?': return EXIT_USAGE;
    default: return take_choice(o, option, value);
    }
}

static int check_stream(const struct record_options *o)
{
    if (o->stream == NULL || !o->stream->makes_files)
        return 0;
    if (o->target == TARGET_MACHINE)
        return cli_usage("a %s is of processes: give a command or -p PID, not -a", o->stream->name);
    if (o->output == NULL || strcmp(o->output, "-") == 0)
        return cli_usage("a %s is a folder: name it with -o", o->stream->name);
    return 0;
}

/* That exactly one target was named. */
static int check_target(struct record_options *o, int argc, char **argv)
{
    bool command = optind < argc;
    int named = command + (o->root_count > 0) + (o->target == TARGET_MACHINE);
    if (named == 0)
        return cli_usage("nothing to record: give a command, -p PID or -a");
    if (named > 1)
        return cli_usage("give one of a command, -p PID and -a");
    if (command) {
        o->target = TARGET_LAUNCH;
        o->command = argv + optind;
        if (o->command[0][0] == '\0')
            return cli_usage("the command is empty");
    } else if (o->root_count > 0) {
        o->target = TARGET_ATTACH;
    }
    if (o->repeat > 0 && (!command || o->stream != NULL))
        return cli_usage("--repeat is for a command, and for recordings: not with %s",
                         command ? "--stream" : "-p or -a");
    if (o->output != NULL && o->output[0] == '\0')
        return cli_usage("the name of the output file is empty");
    return check_stream(o);
}

int record_options_parse(int argc, char **argv, struct record_options *ret, int *ret_status)
{
    *ret = (struct record_options){.interval_ns = NS_PER_S / 10};
    int status = 0;
    /* '+': what follows the command is its own. */
    for (int option; status == 0 && (option = cli_getopt(argc, argv, "+o:i:d:p:aqh", longs)) != -1;)
        status = take_option(ret, option, optarg);
    if (status == -1) {
        *ret_status = cli_help(help);
        return -1;
    }
    if (status == 0)
        status = check_target(ret, argc, argv);
    *ret_status = status;
    return status == 0 ? 0 : -1;
}

void record_options_done(struct record_options *options)
{
    free(options->roots);
}

int record_options_check_roots(const struct record_options *o)
{
    for (size_t i = 0; i < o->root_count; i++) {
        uint64_t cpu_ns;
        if (cpu_clock_read(o->roots[i], &cpu_ns) != 0)
            return cli_failed("no process %d: it has ended, or never was", (int)o->roots[i]);
        if (o->roots[i] == getpid())
            return cli_failed("process %d is tacho itself", (int)o->roots[i]);
    }
    return 0;
}
