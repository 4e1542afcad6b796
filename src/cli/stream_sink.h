/* `--stream`: what is sampled is written in another format as it is taken, instead of a recording. */
#ifndef TACHO_CLI_STREAM_SINK_H
#define TACHO_CLI_STREAM_SINK_H

#include "export/export_format.h"
#include "sample/sink.h"

struct stream;

struct stream_options {
    const struct export_format *format; /* with rows, or a tree_writer */
    bool machine;                       /* of the machine, not of processes */
    int fd;                             /* stays the caller's */
    const char *folder; /* of formats with makes_files, instead; outlives the stream */
    bool overwrite;     /* files in it that exist */
    uint64_t start_ns;
};

/* 0 or -errno. Memory: 500 bytes a process and its command line, and one tick. */
int stream_new(const struct stream_options *options, struct stream **ret);
struct sample_sink stream_sink(struct stream *stream);

/* The next tick is the last: what is only known at the end is still to come into it. NULL is allowed. */
void stream_ending(struct stream *stream);

/* 0, or the first write error (-EPIPE: the reader is gone). Nothing is written after one. */
int stream_error(const struct stream *stream);

/* Writes the end of the table. What stream_error says. NULL is allowed. */
int stream_free(struct stream *stream);

#endif
