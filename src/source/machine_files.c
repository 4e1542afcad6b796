#include "source/machine_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MIN ((size_t)64 * 1024)
#define TEXT_MAX ((size_t)64 * 1024 * 1024)

static const char *const file_names[MACHINE_FILES] = {
    [MACHINE_STAT] = "stat",
    [MACHINE_LOADAVG] = "loadavg",
    [MACHINE_UPTIME] = "uptime",
    [MACHINE_MEMINFO] = "meminfo",
    [MACHINE_VMSTAT] = "vmstat",
    [MACHINE_PRESSURE_CPU] = "pressure/cpu",
    [MACHINE_PRESSURE_MEMORY] = "pressure/memory",
    [MACHINE_PRESSURE_IO] = "pressure/io",
    [MACHINE_DISKSTATS] = "diskstats",
    [MACHINE_NET_DEV] = "net/dev",
};

static int text_grow(struct machine_files *files, size_t cap)
{
    char *text = realloc(files->text, cap);
    if (text == NULL)
        return -ENOMEM;
    files->text = text;
    files->cap = cap;
    return 0;
}

/* A text that fills the buffer may go on: it is read again into a larger one, which then stays. */
ssize_t machine_text_read(struct machine_files *files, enum machine_file which)
{
    if (files->fd[which] < 0)
        return files->fd[which];
    for (;;) {
        ssize_t n = source_read_kept(files->fd[which], files->text, files->cap);
        if (n < 0 || (size_t)n < files->cap || files->cap >= TEXT_MAX)
            return n;
        int rc = text_grow(files, files->cap * 2);
        if (rc != 0)
            return rc;
    }
}

int machine_files_new(const struct source_root *root, struct machine_files **ret)
{
    struct machine_files *files = calloc(1, sizeof *files);
    if (files == NULL)
        return -ENOMEM;
    files->root = root;
    files->has_block = root->sys_fd >= 0 && faccessat(root->sys_fd, "block", F_OK, 0) == 0;
    for (size_t i = 0; i < MACHINE_FILES; i++)
        files->fd[i] = -ENOENT;
    int rc = text_grow(files, TEXT_MIN);
    for (size_t i = 0; i < MACHINE_FILES && rc == 0; i++) {
        int fd = openat(root->proc_fd, file_names[i], O_RDONLY | O_CLOEXEC);
        files->fd[i] = fd >= 0 ? fd : -errno;
        if (files->fd[i] == -EMFILE || files->fd[i] == -ENFILE)
            rc = files->fd[i];
    }
    if (rc == 0 && machine_text_read(files, MACHINE_STAT) == -ENOMEM)
        rc = -ENOMEM;
    if (rc != 0) {
        machine_files_free(files);
        return rc;
    }
    *ret = files;
    return 0;
}

void machine_files_free(struct machine_files *files)
{
    if (files == NULL)
        return;
    for (size_t i = 0; i < MACHINE_FILES; i++)
        if (files->fd[i] >= 0)
            close(files->fd[i]);
    free(files->disks);
    free(files->text);
    free(files);
}

void instance_name_put(char ret[INSTANCE_NAME_CAP], const char *name, size_t n)
{
    if (n >= INSTANCE_NAME_CAP)
        n = INSTANCE_NAME_CAP - 1;
    for (size_t i = 0; i < n; i++)
        ret[i] = '!' <= name[i] && name[i] <= '~' ? name[i] : '?';
    memset(ret + n, 0, INSTANCE_NAME_CAP - n);
}
