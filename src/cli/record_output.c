#include "cli/record_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "config.h"
#include "format/block.h"
#include "record/recording_name.h"

static void default_path(const struct record_options *o, char *ret, size_t cap)
{
    char of[32] = "machine", name[256];
    struct rank rank;
    rank_of_this_process(0, 0, &rank);
    if (o->target == TARGET_ATTACH)
        snprintf(of, sizeof of, "pid%d", (int)o->roots[0]);
    recording_name(o->target == TARGET_LAUNCH ? o->command[0] : of, &rank, name, sizeof name);
    snprintf(ret, cap, "./%s", name);
}

static void absolute_of(const char *path, char ret[PATH_MAX])
{
    char here[PATH_MAX];
    if (path[0] == '/')
        snprintf(ret, PATH_MAX, "%s", path);
    else if (getcwd(here, sizeof here) == NULL ||
             snprintf(ret, PATH_MAX, "%s/%s", here,
                      strncmp(path, "./", 2) == 0 ? path + 2 : path) >= PATH_MAX)
        ret[0] = '\0';
}

static int create_failed(const char *path, int error)
{
    if (error == -EEXIST)
        return cli_failed("%s exists: choose another name with -o, or --force to replace it", path);
    return cli_failed("cannot create %s: %s", path, strerror(-error));
}

static void on_trouble(void *user, int error)
{
    const struct record_output *output = user;
    if (error != 0)
        cli_say("cannot write %s: %s; the job goes on, what follows is missing until it can be "
                "written again",
                output->path, strerror(-error));
    else
        cli_say("writing %s again", output->path);
}

/* A folder that cannot be written is better known of before there is a job. 0 or -errno. */
static int try_folder(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return r;
}

static int open_stream(struct record_output *output, const struct record_options *o,
                       uint64_t now_ns)
{
    int fd = STDOUT_FILENO;
    bool folder = o->stream->makes_files;
    if (folder) {
        int r = try_folder(output->path);
        if (r < 0)
            return create_failed(output->path, r);
    } else if (o->output != NULL && strcmp(o->output, "-") != 0) {
        int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (o->force ? O_TRUNC : O_EXCL);
        fd = output->stream_fd = open(output->path, flags, 0600);
    } else {
        output->path[0] = output->absolute[0] = '\0';
    }
    if (fd < 0)
        return create_failed(output->path, -errno);
    int r = stream_new(&(struct stream_options){.format = o->stream,
                                                .machine = o->target == TARGET_MACHINE,
                                                .fd = fd,
                                                .folder = output->path,
                                                .overwrite = o->force,
                                                .start_ns = now_ns},
                       &output->stream);
    if (r != 0)
        return cli_failed("cannot begin the stream: %s", strerror(-r));
    output->sink = stream_sink(output->stream);
    return 0;
}

int record_output_open(struct record_output *output, const struct record_options *o,
                       uint64_t now_ns)
{
    *output = (struct record_output){.stream_fd = -1};
    if (o->output == NULL)
        default_path(o, output->path, sizeof output->path);
    else if (snprintf(output->path, sizeof output->path, "%s", o->output) >= PATH_MAX)
        return cli_failed("the name of the output file is too long");
    absolute_of(output->path, output->absolute);
    if (o->stream != NULL)
        return open_stream(output, o, now_ns);
    struct recording_options options = {
        .path = o->into ? NULL : output->path,
        .fd = o->into_fd,
        .replace = o->force,
        .interval_ns = o->interval_ns,
#ifdef HAVE_ZSTD
        .codec = &codec_zstd,
#endif
        .on_trouble = on_trouble,
        .user = output,
    };
    int r = recording_create(&options, &output->recording);
    if (r != 0)
        return create_failed(output->path, r);
    output->sink = recording_sink(output->recording);
    return 0;
}

void record_output_discard(struct record_output *output)
{
    if (output->recording != NULL && !recording_unlinked(output->recording))
        unlink(output->path);
    output->discarded = true;
}

bool record_output_close(struct record_output *output)
{
    int r = 0;
    if (output->recording != NULL) {
        bool unlinked = recording_unlinked(output->recording);
        r = recording_close(output->recording);
        if (output->discarded)
            r = 0;
        else if (r != 0)
            cli_say("%s is not complete: %s", output->path, strerror(-r));
        else if (unlinked)
            cli_say("%s was removed while it was written: the recording is lost", output->path);
    } else if (output->stream != NULL) {
        r = stream_free(output->stream);
        if (output->stream_fd >= 0 && close(output->stream_fd) != 0 && r == 0)
            r = -errno;
        if (r != 0 && r != -EPIPE)
            cli_say("cannot write %s: %s; it ends there",
                    output->path[0] != '\0' ? output->path : "stdout", strerror(-r));
    }
    output->recording = NULL;
    output->stream = NULL;
    return r == 0;
}

void record_output_say_where(const struct record_output *output,
                             const struct record_options *options)
{
    if (!options->quiet && options->stream == NULL && options->repeat == 0 && isatty(STDERR_FILENO))
        cli_say("recorded in %s; see it with: tacho report %s", output->path, output->path);
}
