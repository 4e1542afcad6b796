#include "export/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES 8192

static struct spool_stream *stream_of(struct spool *spool, size_t i)
{
    if (i >= spool->streams) {
        size_t n = i + 1 > spool->streams * 2 ? i + 1 : spool->streams * 2;
        struct spool_stream *grown = reallocarray(spool->stream, n, sizeof *grown);
        if (grown == NULL)
            return NULL;
        memset(grown + spool->streams, 0, (n - spool->streams) * sizeof *grown);
        spool->stream = grown;
        spool->streams = n;
    }
    struct spool_stream *s = &spool->stream[i];
    if (s->bytes == NULL)
        s->bytes = malloc(PIECE_BYTES);
    return s->bytes == NULL ? NULL : s;
}

/* Names are given by mkostemp and go at once: O_TMPFILE is not on every file system. */
static int open_file(void)
{
    const char *place = getenv("TMPDIR");
    char path[4096];
    if (place == NULL || place[0] != '/' || strlen(place) > sizeof path - 32)
        place = "/tmp";
    strcpy(stpcpy(path, place), "/tacho-export-XXXXXX");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

static int write_piece(struct spool *spool, struct spool_stream *s)
{
    if (spool->fd < 0 && (spool->fd = open_file()) < 0)
        return spool->fd;
    if (s->pieces == s->cap) {
        size_t cap = s->cap == 0 ? 16 : s->cap * 2;
        uint64_t *grown = reallocarray(s->piece, cap, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        s->piece = grown;
        s->cap = cap;
    }
    for (size_t done = 0; done < PIECE_BYTES;) {
        ssize_t n = pwrite(spool->fd, s->bytes + done, PIECE_BYTES - done,
                           (off_t)(spool->pieces * PIECE_BYTES + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    s->piece[s->pieces++] = spool->pieces++;
    s->used = 0;
    return 0;
}

int spool_put(struct spool *spool, size_t stream, const void *bytes, size_t n)
{
    struct spool_stream *s = stream_of(spool, stream);
    if (s == NULL)
        return -ENOMEM;
    for (const uint8_t *at = bytes; n > 0;) {
        size_t part = PIECE_BYTES - s->used < n ? PIECE_BYTES - s->used : n;
        memcpy(s->bytes + s->used, at, part);
        s->used += part;
        at += part;
        n -= part;
        int r = s->used == PIECE_BYTES ? write_piece(spool, s) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_piece(const struct spool *spool, uint64_t piece, uint8_t *bytes)
{
    for (size_t done = 0; done < PIECE_BYTES;) {
        ssize_t n =
            pread(spool->fd, bytes + done, PIECE_BYTES - done, (off_t)(piece * PIECE_BYTES + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

int spool_read(const struct spool *spool, size_t stream, void *user,
               int (*take)(void *user, const void *bytes, size_t n))
{
    uint8_t bytes[PIECE_BYTES];
    if (stream >= spool->streams)
        return 0;
    const struct spool_stream *s = &spool->stream[stream];
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->pieces; i++) {
        r = read_piece(spool, s->piece[i], bytes);
        if (r == 0)
            r = take(user, bytes, PIECE_BYTES);
    }
    return r == 0 && s->used > 0 ? take(user, s->bytes, s->used) : r;
}

void spool_done(struct spool *spool)
{
    for (size_t i = 0; i < spool->streams; i++) {
        free(spool->stream[i].bytes);
        free(spool->stream[i].piece);
    }
    free(spool->stream);
    if (spool->fd >= 0)
        close(spool->fd);
}
