#include "cli/log_input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/terminal.h"

/* A line about what of a log could not be understood, if there is anything. */
static void say_wrong(const char *name, const struct import_result *result)
{
    struct buffer words = {0};
    for (size_t i = 0; i < result->wrong && i < IMPORT_WRONG_SHOWN; i++) {
        const char *file = result->first_wrong[i].file;
        buffer_put_text(&words, i > 0 ? ", " : "");
        text_put_terminal(&words, file, strlen(file), terminal_utf8());
        buffer_printf(&words, "%s%" PRIu64 " (%s)", file[0] != '\0' ? ":" : "",
                      result->first_wrong[i].line, result->first_wrong[i].why);
    }
    buffer_put_byte(&words, '\0');
    if (result->wrong > 0 && !words.failed)
        cli_say("%s: %" PRIu64 " line%s not understood: %s%s", name, result->wrong,
                result->wrong == 1 ? "" : "s", (const char *)words.data,
                result->wrong > IMPORT_WRONG_SHOWN ? ", …" : "");
    buffer_done(&words);
}

static int say_what_is_understood(const char *name)
{
    struct buffer names = {0};
    for (size_t i = 0; import_format(i) != NULL; i++)
        buffer_printf(&names, "%s%s", i > 0 ? ", " : "", import_format(i)->name);
    buffer_put_byte(&names, '\0');
    int status =
        cli_failed("%s: neither a recording nor a log that is understood: %s (see tacho import "
                   "--list-formats)",
                   name, names.failed ? "" : (const char *)names.data);
    buffer_done(&names);
    return status;
}

static int say_why(const char *name, int error, bool importing)
{
    switch (error) {
    case -ENODATA: return say_what_is_understood(name);
    case -EPROTO:
        return importing ? cli_failed("%s is a recording already", name)
                         : cli_failed("%s: a recording is read from a file, not from a pipe", name);
    case -EISDIR: return cli_failed("%s: a directory without recordings and logs", name);
    case -EXDEV:
        return cli_failed(
            "%s: its clock and that of the log before have nothing in common: import it "
            "alone",
            name);
    default: return cli_failed("%s: %s", name, strerror(-error));
    }
}

/* --force must not cost the log itself. */
static bool is_output(int fd, const char *output)
{
    struct stat log, written;
    return output != NULL && fstat(fd, &log) == 0 && stat(output, &written) == 0 &&
           log.st_dev == written.st_dev && log.st_ino == written.st_ino;
}

static int read_one(const char *path, const char *output, struct gathered *ret)
{
    struct import_result result = {0};
    bool from_stdin = strcmp(path, "-") == 0;
    const char *name = from_stdin ? "stdin" : path;
    char *found = NULL;
    int fd = from_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : import_open(path, &found),
        status;
    if (fd >= 0 && is_output(fd, output)) {
        status = cli_failed("%s is the log itself: choose another name with -o", output);
    } else {
        if (found != NULL)
            path = found;
        int r = fd < 0 ? fd : import_read(fd, from_stdin ? NULL : path, ret, &result);
        say_wrong(name, &result);
        status = r != 0 ? say_why(name, from_stdin && fd < 0 ? -errno : r, output != NULL) : 0;
    }
    if (fd >= 0)
        close(fd);
    free(found);
    return status;
}

int log_input_read(char *const *path, size_t n, const char *output, struct gathered *ret)
{
    int status = 0;
    for (int adding = 0; adding < 2; adding++)
        for (size_t i = 0; i < n && status == 0; i++) {
            const struct import_format *format = n > 1 ? import_form_of(path[i]) : NULL;
            if ((format != NULL && format->adds) == (adding != 0))
                status = read_one(path[i], output, ret);
        }
    if (status == 0 && !gathered_any(ret))
        status = cli_failed("%s: it says nothing of processes over time", path[0]);
    return status;
}
