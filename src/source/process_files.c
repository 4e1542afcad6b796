#include "source/process_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char *const file_names[PROCESS_FILES] = {
    [FILE_STAT] = "stat",
    [FILE_STATM] = "statm",
    [FILE_IO] = "io",
    [FILE_STATUS] = "status",
};

int process_path_make(const struct source_root *root, const struct process_files *files,
                      const char *name, struct process_path *ret)
{
    if (files->dir_fd >= 0) {
        ret->dir_fd = files->dir_fd;
        ret->name = name;
        return 0;
    }
    char digits[16];
    size_t n_digits = 0, name_size = strlen(name) + 1;
    unsigned rest = (unsigned)files->pid;
    do
        digits[n_digits++] = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (n_digits + 1 + name_size > sizeof ret->bytes)
        return -ENAMETOOLONG;
    char *at = ret->bytes;
    while (n_digits > 0)
        *at++ = digits[--n_digits];
    *at++ = '/';
    memcpy(at, name, name_size);
    ret->dir_fd = root->proc_fd;
    ret->name = ret->bytes;
    return 0;
}

bool process_files_exist(const struct source_root *root, const struct process_files *files)
{
    struct process_path path;
    return process_path_make(root, files, "stat", &path) == 0 &&
           faccessat(path.dir_fd, path.name, F_OK, 0) == 0;
}

int process_files_error(const struct source_root *root, const struct process_files *files,
                        int error)
{
    return error == -ENOENT && !process_files_exist(root, files) ? -ESRCH : error;
}

int process_files_open_below(const struct source_root *root, const struct process_files *files,
                             const char *name, int flags)
{
    struct process_path path;
    int rc = process_path_make(root, files, name, &path);
    if (rc != 0)
        return rc;
    int fd = openat(path.dir_fd, path.name, flags | O_CLOEXEC);
    return fd >= 0 ? fd : process_files_error(root, files, -errno);
}

int process_files_open(const struct source_root *root, pid_t pid, bool keep,
                       struct process_files *ret)
{
    struct process_files files = process_files_unkept(pid);
    files.keep = keep;
    if (pid <= 0)
        return -ESRCH;
    if (keep) {
        /* An empty name leaves "PID/". */
        files.dir_fd = process_files_open_below(root, &files, "", O_PATH | O_DIRECTORY);
        if (files.dir_fd < 0)
            return files.dir_fd;
    } else if (!process_files_exist(root, &files)) {
        return -ESRCH;
    }
    *ret = files;
    return 0;
}

int process_files_release(struct process_files *files)
{
    int closed = 0;
    for (size_t i = 0; i < PROCESS_FILES; i++) {
        if (files->fd[i] >= 0) {
            close(files->fd[i]);
            closed++;
        }
        files->fd[i] = -1;
    }
    if (files->dir_fd >= 0) {
        close(files->dir_fd);
        closed++;
    }
    files->dir_fd = -1;
    files->keep = false;
    return closed;
}

void process_files_close(struct process_files *files)
{
    process_files_release(files);
}

ssize_t process_files_read(const struct source_root *root, struct process_files *files,
                           enum process_file which, void *bytes, size_t cap)
{
    _close_ int once = -1;
    int fd = files->fd[which];
    if (fd < 0) {
        fd = process_files_open_below(root, files, file_names[which], O_RDONLY);
        if (fd < 0)
            return fd;
        if (files->keep)
            files->fd[which] = fd;
        else
            once = fd;
    }
    ssize_t n = pread(fd, bytes, cap, 0);
    return n >= 0 ? n : -errno;
}
