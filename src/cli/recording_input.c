#include "cli/recording_input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/log_input.h"

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

int recording_input_open_logs(char *const *path, size_t n, struct tacho_recording **ret)
{
    struct gathered gathered = {0};
    struct tacho_error error;
    int status = log_input_read(path, n, NULL, &gathered);
    int r = status == 0 ? import_into_memory(&gathered, ret, &error) : 0;
    gathered_done(&gathered);
    return r != 0 ? cli_failed("%s: %s", path[0], strerror(-r)) : status;
}

int recording_input_open(const char *path, struct tacho_recording **ret)
{
    struct tacho_error error;
    struct stat st;
    /* A pipe can be a log's alone; to open it twice could cost its writer a signal. */
    bool pipe = stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
    int r = pipe ? -EPROTO : tacho_recording_open(path, ret, &error);
    bool no_file = r == -ENOENT || r == -EISDIR || r == -EINVAL;
    if (r == -EPROTO || (no_file && import_form_of(path) != NULL)) {
        char *named = (char *)path; /* only read */
        return recording_input_open_logs(&named, 1, ret);
    }
    if (r != 0)
        return cli_failed("%s", error.message);
    tacho_name_functions(*ret); /* where it fails they are called what they were recorded as */
    return 0;
}
