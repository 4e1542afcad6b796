#include "cli/recording_input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"

void recording_input_say_wrong(const char *path, const struct import_result *result)
{
    struct buffer words = {0};
    for (size_t i = 0; i < result->wrong && i < IMPORT_WRONG_SHOWN; i++)
        buffer_printf(&words, "%s%" PRIu64 " (%s)", i > 0 ? ", " : "", result->first_wrong[i].line,
                      result->first_wrong[i].why);
    buffer_put_byte(&words, '\0');
    if (result->wrong > 0 && !words.failed)
        cli_say("%s: %" PRIu64 " line%s not understood: %s%s", path, result->wrong,
                result->wrong == 1 ? "" : "s", (const char *)words.data,
                result->wrong > IMPORT_WRONG_SHOWN ? ", …" : "");
    buffer_done(&words);
}

/* Into a file without a name. 0 or -errno; the recording then owns the descriptor. */
static int import_into_memory(struct gathered *gathered, struct tacho_recording **ret,
                              struct tacho_error *error)
{
    _close_ int fd = memfd_create("tacho-import", MFD_CLOEXEC);
    int written = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (written < 0)
        return -errno;
    int r = gathered_write(gathered, &(struct recording_options){.fd = written});
    if (r != 0)
        return r;
    r = tacho_recording_open_fd(fd, ret, error);
    if (r == 0)
        fd = -1;
    return r;
}

static int open_log(const char *path, struct tacho_recording **ret)
{
    struct gathered gathered = {0};
    struct import_result result = {0};
    struct tacho_error error;
    _close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 ? -errno : import_read(fd, path, &gathered, &result);
    recording_input_say_wrong(path, &result);
    if (r == 0)
        r = import_into_memory(&gathered, ret, &error);
    gathered_done(&gathered);
    if (r == -ENODATA)
        return cli_failed("%s: neither a tacho recording nor a log with process data in it; "
                          "man tacho-import says which are read",
                          path);
    if (r == -EPROTO)
        return cli_failed("%s: a recording is read from a file, not from a pipe", path);
    return r != 0 ? cli_failed("%s: %s", path, strerror(-r)) : 0;
}

int recording_input_open(const char *path, struct tacho_recording **ret)
{
    struct tacho_error error;
    struct stat st;
    /* A pipe can be a log's alone; to open it twice could cost its writer a signal. */
    bool pipe = stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
    int r = pipe ? -EPROTO : tacho_recording_open(path, ret, &error);
    if (r == -EPROTO)
        return open_log(path, ret);
    if (r != 0)
        return cli_failed("%s", error.message);
    tacho_name_functions(*ret); /* where it fails they are called what they were recorded as */
    return 0;
}
