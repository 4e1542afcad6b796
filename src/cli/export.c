/* tacho export: a recording as a table, or as a whole, for another program. */
#include "export/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tacho/recording.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/recording_input.h"

static const char help[] =
    "Usage: tacho export FILE [OPTION...]\n"
    "Writes a recording for another program.\n"
    "\n"
    "  -t, --to FORMAT        tables: csv (default), tsv, jsonl\n"
    "                         all of it: sqlite (a database)\n"
    "                         rows, log, directory, ranks (as other tools have it)\n"
    "                         openmetrics, snakemake, nextflow, prmon, duct (likewise)\n"
    "                         for viewers: chrome (trace events as JSON), perfetto, speedscope\n"
    "  -o, --output OUT       file to write instead of stdout, or folder for files (directory, "
    "ranks,\n"
    "                         duct); never overwrites without --force\n"
    "      --table TABLE      samples (default): a row for each process and tick\n"
    "                         processes: a row for each process\n"
    "                         machine: the machine, the tree as a whole, and the recorder\n"
    "                         scopes, counters, labels: what the code marked\n"
    "      --fields A,B,...   columns, in this order; 'default' and 'all' stand for sets of them\n"
    "      --list-fields      say which there are, with units (also: --fields help)\n"
    "      --time STYLE       elapsed (default): seconds since the start; epoch; or rfc3339\n"
    "      --fill             repeat the last known value where none was taken\n"
    "      --force            overwrite OUT\n"
    "  -h, --help             this text\n"
    "\n"
    "A field that is empty (null in jsonl) was not sampled or not known; it is never 0.\n"
    "\n"
    "  tacho export run.tacho > samples.csv\n"
    "  tacho export run.tacho --table processes --to jsonl -o processes.jsonl\n"
    "  tacho export run.tacho --fields time,pid,cpu_percent,rss --time rfc3339\n";

enum { OPTION_TABLE = 256, OPTION_FIELDS, OPTION_LIST, OPTION_TIME, OPTION_FILL, OPTION_FORCE };

static const struct option longs[] = {
    {"to", required_argument, NULL, 't'},
    {"output", required_argument, NULL, 'o'},
    {"table", required_argument, NULL, OPTION_TABLE},
    {"fields", required_argument, NULL, OPTION_FIELDS},
    {"list-fields", no_argument, NULL, OPTION_LIST},
    {"time", required_argument, NULL, OPTION_TIME},
    {"fill", no_argument, NULL, OPTION_FILL},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct request {
    struct export_options options;
    const char *file;   /* NULL: none named */
    const char *output; /* NULL: stdout */
    bool list_fields, force, help;
};

static int unknown_format(const char *name)
{
    char names[512] = "";
    for (size_t i = 0, n = 0; export_format_name(i) != NULL && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s",
                              i == 0                              ? ""
                              : export_format_name(i + 1) == NULL ? " and "
                                                                  : ", ",
                              export_format_name(i));
    return cli_usage("unknown format '%s': there are %s", name, names);
}

/* One option. 0 or the exit status. */
static int take_option(struct request *request, int option, const char *argument)
{
    struct export_options *options = &request->options;
    switch (option) {
    case 't':
        options->format = export_format_find(argument);
        if (options->format == NULL)
            return unknown_format(argument);
        if (options->format->absent != NULL)
            return cli_failed("no %s in this build: configure with %s", argument,
                              options->format->absent);
        return 0;
    case 'o': request->output = strcmp(argument, "-") == 0 ? NULL : argument; return 0;
    case OPTION_TABLE:
        options->table = export_table_find(argument);
        if (options->table == NULL)
            return cli_usage("unknown table '%s': there are samples, processes, machine, "
                             "scopes, counters and labels",
                             argument);
        return 0;
    case OPTION_FIELDS:
        options->fields = argument;
        if (strcmp(argument, "help") == 0)
            request->list_fields = true;
        return 0;
    case OPTION_LIST: request->list_fields = true; return 0;
    case OPTION_TIME:
        if (!moment_style_parse(argument, &options->time))
            return cli_usage("unknown style of time '%s': there are elapsed, epoch and rfc3339",
                             argument);
        return 0;
    case OPTION_FILL: options->fill = true; return 0;
    case OPTION_FORCE: request->force = true; return 0;
    case 'h': request->help = true; return 0;
    default: return EXIT_USAGE;
    }
}

static int read_arguments(int argc, char **argv, struct request *request)
{
    int option;
    while ((option = cli_getopt(argc, argv, "t:o:h", longs)) != -1) {
        int status = take_option(request, option, optarg);
        if (status != 0)
            return status;
    }
    if (request->help)
        return 0;
    if (optind < argc)
        request->file = argv[optind++];
    if (optind < argc)
        return cli_usage("one recording at a time: '%s' is too many", argv[optind]);
    if (request->file == NULL && !request->list_fields)
        return cli_usage("no recording named");
    const struct export_format *format = request->options.format;
    if ((format->makes_file || format->makes_files) && request->output == NULL &&
        !request->list_fields)
        return cli_usage("%s is a %s: name it with -o", format->name,
                         format->makes_files ? "folder" : "file");
    return 0;
}

static void list_fields_of(const struct export_table *table, const char *name,
                           const struct tacho_recording *rec)
{
    struct field_list fields;
    export_table_fields(table, rec, &fields);
    printf("Fields of --table %s (* by default):\n", name);
    for (size_t i = 0; i < fields.n; i++) {
        const struct field *field = &fields.fields[i];
        printf("%c %-31s %-6s %s\n", field->by_default ? '*' : ' ', field->name, field->unit,
               field->help);
    }
}

static int list_fields(const struct request *request, const struct tacho_recording *rec)
{
    for (size_t i = 0; export_table_name(i) != NULL; i++) {
        const struct export_table *table = export_table_find(export_table_name(i));
        if (request->options.table == NULL || request->options.table == table)
            list_fields_of(table, export_table_name(i), rec);
    }
    return cli_finish();
}

/* Empties an existing OUT, but never the recording itself. 0 or the exit status. */
static int empty_output(int fd, const struct request *request)
{
    struct stat out, in;
    if (fstat(fd, &out) != 0 || stat(request->file, &in) != 0)
        return cli_failed("%s: %s", request->output, strerror(errno));
    if (out.st_dev == in.st_dev && out.st_ino == in.st_ino)
        return cli_failed("%s is the recording itself", request->output);
    if (S_ISREG(out.st_mode) && ftruncate(fd, 0) != 0)
        return cli_failed("%s: %s", request->output, strerror(errno));
    return 0;
}

/* Command lines hold secrets: what is made is for its owner alone. */
static int open_output(const struct request *request, int *ret_fd)
{
    if (request->output == NULL || request->options.format->makes_files) {
        *ret_fd = STDOUT_FILENO;
        return 0;
    }
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (request->force ? 0 : O_EXCL);
    int fd = open(request->output, flags, 0600);
    if (fd < 0 && errno == EEXIST)
        return cli_failed("%s exists; --force overwrites it", request->output);
    if (fd < 0)
        return cli_failed("cannot write %s: %s", request->output, strerror(errno));
    int status = request->force ? empty_output(fd, request) : 0;
    if (status != 0)
        close(fd);
    else
        *ret_fd = fd;
    return status;
}

struct way_out {
    int fd;
    const struct export *export;
    struct progress progress;
};

static void wait_on(void *context)
{
    struct way_out *out = context;
    progress_show(&out->progress, export_progress(out->export));
}

static int write_all(void *context, const void *bytes, size_t n)
{
    struct way_out *out = context;
    int fd = out->fd;
    wait_on(out);
    for (const char *at = bytes; n > 0;) {
        ssize_t written = write(fd, at, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        at += written;
        n -= (size_t)written;
    }
    return 0;
}

/* What ended it early. A partial OUT is kept: it may be all there is room for. */
static int say_why_it_ended(const struct request *request, const struct export *export, int error)
{
    const char *where = request->output == NULL ? "stdout" : request->output;
    const char *kept = request->output == NULL ? "" : "; it holds only a part";
    unsigned long long rows = export_rows(export);
    if (error == ENOMEM)
        return cli_failed("out of memory after %llu rows", rows);
    if (error == EEXIST)
        return cli_failed("%s has files of that recording; --force overwrites them", where);
    if (!export_write_failed(export))
        return cli_failed("%s: cannot be read on after %llu rows: %s", request->file, rows,
                          strerror(error));
    if (request->output == NULL && error == EPIPE)
        return EXIT_FAILED; /* the reader had enough */
    return cli_failed("cannot write %s: %s%s", where, strerror(error), kept);
}

/* What the recording has lost is missing from the table too. */
static void say_what_is_lost(const struct tacho_recording *rec)
{
    const struct tacho_salvage *salvage = tacho_recording_salvage(rec);
    if (salvage->lost_stretches > 0 || salvage->missing_blocks > 0 ||
        salvage->undecodable_blocks > 0)
        cli_say("the recording is damaged: some rows are missing; see tacho info");
}

static int run(const struct request *request, struct tacho_recording *rec)
{
    struct tacho_error error;
    struct export *export;
    struct way_out out = {.fd = -1};
    struct export_options options = request->options;
    options.output = request->output;
    options.overwrite = request->force;
    options.waiting = wait_on;
    options.waiting_user = &out;
    int r = export_open(rec, &options, &export, &error);
    if (r == -ENOMEM)
        return cli_failed("out of memory");
    if (r < 0)
        return r == -EINVAL ? cli_usage("%s", error.message) : cli_failed("%s", error.message);
    out.export = export;
    int status = open_output(request, &out.fd);
    if (status == 0) {
        progress_begin(&out.progress, request->output == NULL);
        r = export_run(export, write_all, &out);
        progress_end(&out.progress);
        if (out.fd != STDOUT_FILENO && close(out.fd) != 0 && r == 0)
            r = -errno;
        if (r < 0)
            status = say_why_it_ended(request, export, -r);
        else
            say_what_is_lost(rec);
    }
    export_free(export);
    return status;
}

int command_export(int argc, char **argv)
{
    struct request request = {.options = {.format = export_format_find("csv")}};
    int status = read_arguments(argc, argv, &request);
    if (status != 0)
        return status;
    if (request.help)
        return cli_help(help);
    struct tacho_recording *rec = NULL;
    if (request.file != NULL && (status = recording_input_open(request.file, &rec)) != 0)
        return status;
    status = request.list_fields ? list_fields(&request, rec) : run(&request, rec);
    tacho_recording_close(rec);
    return status;
}
