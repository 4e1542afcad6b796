#include "export/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int refused(struct folder *folder)
{
    folder->refused = true;
    return -errno;
}

#define FILE_GATHERS (UINT64_C(64) << 10)
#define FOLDER_GATHERS (UINT64_C(8) << 20)

int folder_open(struct folder *folder, int at, const char *path, bool overwrite)
{
    *folder = (struct folder){.overwrite = overwrite};
    if (mkdirat(at, path, 0700) != 0 && errno != EEXIST)
        return folder->fd = -1, refused(folder);
    folder->fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder->fd < 0 ? refused(folder) : 0;
}

int folder_make(struct folder *folder, const char *name)
{
    if (strchr(name, '/') != NULL || name[0] == '\0')
        return -EINVAL;
    if (folder->files == folder->cap) {
        size_t cap = folder->cap == 0 ? 16 : folder->cap * 2;
        struct folder_file *grown = reallocarray(folder->file, cap, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        folder->file = grown;
        folder->cap = cap;
    }
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(folder->fd, name, flags | (folder->overwrite ? O_TRUNC : O_EXCL), 0600);
    if (fd < 0)
        return refused(folder);
    close(fd);
    struct folder_file file = {.name = strdup(name)};
    if (file.name == NULL)
        return -ENOMEM;
    folder->file[folder->files] = file;
    return (int)folder->files++;
}

struct buffer *folder_out(struct folder *folder, int file)
{
    return &folder->file[file].out;
}

static int append(int fd, const uint8_t *at, size_t n)
{
    while (n > 0) {
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

static int write_out(struct folder *folder, struct folder_file *file)
{
    if (file->out.failed)
        return -ENOMEM;
    if (file->out.len == 0)
        return 0;
    int fd = openat(folder->fd, file->name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return refused(folder);
    int r = append(fd, file->out.data, file->out.len);
    if (close(fd) != 0 && r == 0)
        r = -errno;
    folder->refused |= r < 0;
    buffer_clear(&file->out);
    folder->gathered -= file->counted;
    file->counted = 0;
    return r;
}

static int write_all(struct folder *folder)
{
    int r = 0;
    for (size_t i = 0; i < folder->files && r == 0; i++) {
        r = write_out(folder, &folder->file[i]);
        buffer_done(&folder->file[i].out);
    }
    return r;
}

int folder_put(struct folder *folder, int file)
{
    struct folder_file *f = &folder->file[file];
    folder->gathered += f->out.len - f->counted;
    f->counted = f->out.len;
    int r = f->out.failed || f->out.len >= FILE_GATHERS ? write_out(folder, f) : 0;
    return r == 0 && folder->gathered >= FOLDER_GATHERS ? write_all(folder) : r;
}

int folder_finish(struct folder *folder, int file)
{
    int r = write_out(folder, &folder->file[file]);
    buffer_done(&folder->file[file].out);
    return r;
}

int folder_close(struct folder *folder)
{
    int r = write_all(folder);
    for (size_t i = 0; i < folder->files; i++) {
        buffer_done(&folder->file[i].out);
        free(folder->file[i].name);
    }
    free(folder->file);
    if (folder->fd >= 0)
        close(folder->fd);
    return r;
}
