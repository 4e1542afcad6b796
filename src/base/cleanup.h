/* Release at scope exit: `_cleanup_(closep) int fd = open(…);`. */
#ifndef TACHO_BASE_CLEANUP_H
#define TACHO_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Every cleanup keeps errno, so that `return -errno` after a failed call stays right. */
static inline void freep(void *p)
{
    int saved = errno;
    free(*(void **)p);
    errno = saved;
}

static inline void closep(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
}

static inline void closedirp(DIR **dir)
{
    if (*dir != NULL) {
        int saved = errno;
        closedir(*dir);
        errno = saved;
    }
}

#define _free_ _cleanup_(freep)
#define _close_ _cleanup_(closep)
#define _closedir_ _cleanup_(closedirp)

/* Takes the value out of `p`, leaving NULL: hands ownership to the caller past a cleanup. */
#define STEAL(p)                     \
    __extension__({                  \
        __typeof__(p) stolen_ = (p); \
        (p) = NULL;                  \
        stolen_;                     \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
