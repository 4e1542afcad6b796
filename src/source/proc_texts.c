/* What a process says of itself: its arguments, and where its links point. Any bytes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "source/proc_process.h"

#define CHUNK 4096

/* Appends what `fd` holds, at most `cap`; *ret_cut whether there was more. Length or -errno. */
static ssize_t append_file(int fd, size_t cap, struct buffer *ret, bool *ret_cut)
{
    size_t length = 0;
    for (;;) {
        char chunk[CHUNK];
        ssize_t n = pread(fd, chunk, sizeof chunk, (off_t)length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        size_t room = cap - length, take = (size_t)n < room ? (size_t)n : room;
        if (buffer_put(ret, chunk, take) != 0)
            return -ENOMEM;
        length += take;
        *ret_cut = (size_t)n > room;
        if (n == 0 || *ret_cut)
            return (ssize_t)length;
    }
}

int proc_arguments_read(const struct source_root *root, const struct process_files *files,
                        size_t cap, struct buffer *ret, bool *ret_cut)
{
    _close_ int fd = process_files_open_below(root, files, "cmdline", O_RDONLY);
    if (fd < 0)
        return fd;
    size_t before = ret->len;
    bool cut = false;
    ssize_t length = append_file(fd, cap, ret, &cut);
    /*
     * A process that writes over its arguments (setproctitle) may leave the last without its
     * NUL.
     */
    if (length > 0 && !cut && ret->data[ret->len - 1] != '\0') {
        if ((size_t)length == cap)
            cut = true;
        else if (buffer_put(ret, "", 1) != 0)
            length = -ENOMEM;
    }
    if (length < 0) {
        ret->len = before;
        return process_files_error(root, files, (int)length);
    }
    if (ret_cut != NULL)
        *ret_cut = cut;
    return 0;
}

int proc_link_read(const struct source_root *root, const struct process_files *files,
                   const char *name, size_t cap, struct buffer *ret)
{
    struct process_path path;
    char target[PATH_MAX];
    int rc = process_path_make(root, files, name, &path);
    if (rc != 0)
        return rc;
    ssize_t n = readlinkat(path.dir_fd, path.name, target, sizeof target);
    if (n < 0)
        return process_files_error(root, files, -errno);
    return buffer_put(ret, target, (size_t)n < cap ? (size_t)n : cap);
}
