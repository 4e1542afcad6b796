/*
 * The lines of a file of any size and content, in bounded memory: of a line longer than
 * LINE_STREAM_MAX only the beginning is handed out. Needs no seeking, so that pipes will do.
 */
#ifndef TACHO_IMPORT_LINE_STREAM_H
#define TACHO_IMPORT_LINE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_STREAM_MAX (1u << 20) /* bytes of a line */

struct line_stream {
    int fd; /* borrowed */
    char *bytes;
    size_t at, end; /* of what was read and not handed out */
    bool ended, skipping;
    uint64_t line; /* number of the last line handed out, from 1 */
};

/* 0 or -ENOMEM. */
int line_stream_open(int fd, struct line_stream *ret);
void line_stream_close(struct line_stream *stream);

/* What comes next, as much as was read at once, nothing of it taken. 0 or -errno. */
int line_stream_peek(struct line_stream *stream, const char **ret, size_t *ret_n);

/*
 * The next line without its newline, borrowed until the next call. 1, 0 at the end, or -errno. The
 * last one need not end with a newline.
 */
int line_stream_next(struct line_stream *stream, const char **ret, size_t *ret_n);

#endif
