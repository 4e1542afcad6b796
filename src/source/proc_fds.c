/* How many descriptors a process has open, and where they lead. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "source/numbered_entries.h"
#include "source/proc_process.h"

static int count_entries(const struct source_root *root, const struct process_files *files,
                         uint64_t *ret)
{
    _close_ int fd = process_files_open_below(root, files, "fd", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    struct numbered_entries entries;
    numbered_entries_init(&entries, fd);
    uint64_t count = 0, number;
    int rc;
    while ((rc = numbered_entries_next(&entries, &number)) == 1)
        count++;
    if (rc == 0)
        *ret = count;
    return process_files_error(root, files, rc);
}

int proc_open_fds(const struct source_root *root, struct process_files *files, uint64_t *ret)
{
    struct process_path path;
    struct stat st;
    if (!root->sized_fds)
        return count_entries(root, files, ret);
    int rc = process_path_make(root, files, "fd", &path);
    if (rc != 0)
        return rc;
    if (fstatat(path.dir_fd, path.name, &st, 0) != 0)
        return process_files_error(root, files, -errno);
    *ret = st.st_size > 0 ? (uint64_t)st.st_size : 0;
    return 0;
}

int proc_links_each(const struct source_root *root, const struct process_files *files,
                    const struct link_listener *listener)
{
    _close_ int fd = process_files_open_below(root, files, "fd", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    struct numbered_entries entries;
    numbered_entries_init(&entries, fd);
    uint64_t number;
    int rc;
    while ((rc = numbered_entries_next(&entries, &number)) == 1) {
        char name[24], target[32];
        char *digit = name + sizeof name;
        uint64_t rest = number;
        *--digit = '\0';
        do
            *--digit = (char)('0' + rest % 10);
        while ((rest /= 10) != 0);
        ssize_t n = readlinkat(fd, digit, target, sizeof target);
        if (n > 0) /* else closed since */
            listener->each(listener->user, number, target, (size_t)n);
    }
    return process_files_error(root, files, rc);
}
