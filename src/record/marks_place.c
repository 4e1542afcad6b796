#include "record/marks_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mark/shared.h"
#include "mark/tick_clock.h"

/* tmpfs first: a file on a disk would be written back every few seconds. */
static const char *const bases[] = {"/dev/shm", "/run/shm", "/tmp"};

static int open_directory(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void empty(int fd)
{
    int own = open_directory(fd, ".");
    _closedir_ DIR *dir = own < 0 ? NULL : fdopendir(own);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            unlinkat(fd, entry->d_name, 0);
}

/* Whose lock nobody holds: its recorder is dead. */
static void sweep_one(int base, const char *name)
{
    struct stat st;
    _close_ int fd = open_directory(base, name);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
        flock(fd, LOCK_EX | LOCK_NB) != 0)
        return;
    empty(fd);
    unlinkat(base, name, AT_REMOVEDIR);
}

static void sweep(const char *base)
{
    char prefix[32];
    int n = snprintf(prefix, sizeof prefix, "tacho-%u-", (unsigned)geteuid());
    _closedir_ DIR *dir = opendir(base);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, prefix, (size_t)n) == 0)
            sweep_one(dirfd(dir), entry->d_name);
}

/* Another recorder may have swept it before it was locked. */
static int make_in(const char *base, struct marks_place *place)
{
    struct stat st;
    snprintf(place->path, sizeof place->path, "%s/tacho-%u-%d-XXXXXX", base, (unsigned)geteuid(),
             (int)getpid());
    if (mkdtemp(place->path) == NULL)
        return -errno;
    place->fd = open_directory(AT_FDCWD, place->path);
    if (place->fd >= 0 && flock(place->fd, LOCK_EX | LOCK_NB) == 0 && fstat(place->fd, &st) == 0 &&
        st.st_nlink > 0)
        return 0;
    int r = place->fd < 0 ? -errno : -EAGAIN;
    rmdir(place->path);
    closep(&place->fd);
    return r;
}

int marks_place_make(struct marks_place *ret)
{
    struct marks_place place = {.fd = -1, .ticks = tick_clock_usable()};
    int r = -ENOENT;
    for (size_t i = 0; r != 0 && i < ARRAY_LEN(bases); i++) {
        sweep(bases[i]);
        r = make_in(bases[i], &place);
        if (r == -EAGAIN)
            r = make_in(bases[i], &place);
    }
    if (r != 0)
        return r;
    int n = snprintf(place.variable, sizeof place.variable, "%s%s",
                     place.ticks ? MARKS_TSC : MARKS_MONO, place.path);
    if (n < 0 || n >= (int)sizeof place.variable) {
        marks_place_remove(&place);
        return -ENAMETOOLONG;
    }
    *ret = place;
    return 0;
}

void marks_place_remove(struct marks_place *place)
{
    if (place->fd < 0)
        return;
    empty(place->fd);
    rmdir(place->path);
    closep(&place->fd);
    place->fd = -1;
}

/* Who reads there holds the lock. */
bool marks_place_is_read(const char *variable)
{
    const char *path = strchr(variable, ':');
    _close_ int fd = path == NULL ? -1 : open_directory(AT_FDCWD, path + 1);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}
