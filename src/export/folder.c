#include "export/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

/* A number: one that is free again, or a new one. */
static int number(struct folder *folder)
{
    if (folder->vacant > 0) {
        int file = folder->vacant - 1;
        folder->vacant = folder->file[file].next_vacant;
        return file;
    }
    if (folder->files == folder->cap) {
        size_t cap = folder->cap == 0 ? 16 : folder->cap * 2;
        struct folder_file *grown = reallocarray(folder->file, cap, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        folder->file = grown;
        folder->cap = cap;
    }
    return (int)folder->files++;
}

static void free_number(struct folder *folder, int file)
{
    folder->file[file] = (struct folder_file){.next_vacant = folder->vacant};
    folder->vacant = file + 1;
}

static int create(struct folder *folder, const char *name, bool replace)
{
    if (strchr(name, '/') != NULL || name[0] == '\0')
        return -EINVAL;
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(folder->fd, name, flags | (replace ? O_TRUNC : O_EXCL), 0600);
    return fd < 0 ? refused(folder) : fd;
}

int folder_make(struct folder *folder, const char *name)
{
    int fd = create(folder, name, folder->overwrite);
    if (fd < 0)
        return fd;
    close(fd);
    char *kept = strdup(name);
    int file = kept == NULL ? -ENOMEM : number(folder);
    if (file < 0)
        free(kept);
    else
        folder->file[file] = (struct folder_file){.name = kept};
    return file;
}

struct buffer *folder_out(struct folder *folder, int file)
{
    return &folder->file[file].out;
}

/* All of it, or where that is refused, if possible, nothing: what follows a torn line reads wrong. */
static int append(int fd, const struct buffer *out)
{
    size_t done = 0;
    int error = 0;
    while (done < out->len && error == 0) {
        ssize_t written = write(fd, out->data + done, out->len - done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            error = written < 0 ? -errno : -EIO;
    }
    off_t end = error == 0 || done == 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (end >= (off_t)done && ftruncate(fd, end - (off_t)done) != 0)
        error = error == 0 ? -errno : error;
    return error;
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
    int r = append(fd, &file->out);
    if (close(fd) != 0 && r == 0)
        r = -errno;
    folder->refused |= r < 0;
    buffer_clear(&file->out);
    folder->gathered -= file->counted;
    file->counted = 0;
    return r;
}

int folder_flush(struct folder *folder)
{
    int r = 0;
    for (size_t i = 0; i < folder->files && r == 0; i++)
        r = write_out(folder, &folder->file[i]);
    return r;
}

static int write_all(struct folder *folder)
{
    int r = folder_flush(folder);
    for (size_t i = 0; i < folder->files && r == 0; i++)
        buffer_done(&folder->file[i].out);
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
    struct folder_file *f = &folder->file[file];
    int r = write_out(folder, f);
    folder->gathered -= f->counted;
    buffer_done(&f->out);
    free(f->name);
    free_number(folder, file);
    return r;
}

int folder_write(struct folder *folder, const char *name, const struct buffer *content, bool again)
{
    static const char unfinished[] = "unfinished";
    if (content->failed)
        return -ENOMEM;
    int fd = create(folder, again ? unfinished : name, again || folder->overwrite);
    if (fd < 0)
        return fd;
    int r = append(fd, content);
    if (close(fd) != 0 && r == 0)
        r = -errno;
    if (r == 0 && again && renameat(folder->fd, unfinished, folder->fd, name) != 0)
        r = -errno;
    folder->refused |= r < 0;
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
