#include "record/block_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int block_file_create(struct block_file *file, const char *path, bool replace)
{
    struct stat st;
    if (replace && lstat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return -EISDIR;
        if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
            return -EEXIST;
        if (unlink(path) != 0)
            return -errno;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = block_file_adopt(file, fd);
    if (r != 0)
        close(fd);
    return r;
}

int block_file_adopt(struct block_file *file, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    *file = (struct block_file){.fd = fd, .device = st.st_dev, .inode = st.st_ino};
    return 0;
}

static bool is_still_ours(const struct block_file *file)
{
    struct stat st;
    return fstat(file->fd, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode;
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

/* Back to the last whole block. Where that fails readers find the next block by its magic. */
static void take_back(struct block_file *file)
{
    off_t end = (off_t)file->bytes;
    file->torn = ftruncate(file->fd, end) != 0 || lseek(file->fd, end, SEEK_SET) < 0;
}

int block_file_append(struct block_file *file, const void *bytes, size_t n, uint64_t now_ns)
{
    if (!is_still_ours(file)) {
        if (file->error == 0)
            file->error_ns = now_ns;
        return file->error = -EBADF;
    }
    if (file->torn) {
        off_t end = lseek(file->fd, 0, SEEK_END);
        if (end >= 0)
            file->bytes = (uint64_t)end;
        file->torn = false;
    }
    int r = write_all(file->fd, bytes, n);
    if (r == 0) {
        file->bytes += n;
        file->error = 0;
        return 0;
    }
    if (file->error == 0)
        file->error_ns = now_ns;
    file->error = r;
    take_back(file);
    return r;
}

int block_file_close(struct block_file *file)
{
    int r = is_still_ours(file) ? file->error : -EBADF;
    if (r != -EBADF && close(file->fd) != 0 && r == 0)
        r = -errno;
    file->fd = -1;
    return r;
}
