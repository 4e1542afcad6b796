#include "import/line_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int line_stream_open(int fd, struct line_stream *ret)
{
    char *bytes = malloc(LINE_STREAM_MAX);
    if (bytes == NULL)
        return -ENOMEM;
    *ret = (struct line_stream){.fd = fd, .bytes = bytes};
    return 0;
}

void line_stream_close(struct line_stream *s)
{
    free(s->bytes);
    s->bytes = NULL;
}

/* Reads on behind what there is. 0 or -errno; at the end of the file `ended` is set. */
static int fill(struct line_stream *s)
{
    ssize_t n;
    memmove(s->bytes, s->bytes + s->at, s->end - s->at);
    s->end -= s->at;
    s->at = 0;
    do
        n = read(s->fd, s->bytes + s->end, LINE_STREAM_MAX - s->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    s->ended = n == 0;
    s->end += (size_t)n;
    return 0;
}

int line_stream_peek(struct line_stream *s, const char **ret, size_t *ret_n)
{
    int r = s->at == s->end && !s->ended ? fill(s) : 0;
    *ret = s->bytes + s->at;
    *ret_n = s->end - s->at;
    return r;
}

static void hand_out(struct line_stream *s, size_t n, size_t taken, const char **ret, size_t *ret_n)
{
    *ret = s->bytes + s->at;
    *ret_n = n;
    s->at += taken;
    s->line++;
}

int line_stream_next(struct line_stream *s, const char **ret, size_t *ret_n)
{
    size_t searched = 0;
    for (;;) {
        size_t have = s->end - s->at;
        const char *newline =
            have > searched ? memchr(s->bytes + s->at + searched, '\n', have - searched) : NULL;
        if (newline != NULL && s->skipping) {
            s->at = (size_t)(newline - s->bytes) + 1;
            s->skipping = false;
            searched = 0;
            continue;
        }
        if (newline != NULL) {
            size_t n = (size_t)(newline - (s->bytes + s->at));
            hand_out(s, n, n + 1, ret, ret_n);
            return 1;
        }
        if (s->skipping)
            s->at = s->end;
        if (s->ended && (s->skipping || have == 0))
            return 0;
        if (!s->skipping && (s->ended || have == LINE_STREAM_MAX)) {
            hand_out(s, have, have, ret, ret_n);
            s->skipping = !s->ended;
            return 1;
        }
        searched = s->skipping ? 0 : have;
        int r = fill(s);
        if (r != 0)
            return r;
    }
}
