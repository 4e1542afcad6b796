/* `--stream`: samples as rows, written as they are taken, instead of a recording. */
#ifndef TACHO_CLI_STREAM_SINK_H
#define TACHO_CLI_STREAM_SINK_H

#include "export/export_format.h"
#include "sample/sink.h"

struct stream;

/*
 * Rows of processes, or with `machine` of the machine, to `fd`, which stays the caller's. 0 or
 * -errno. Memory: 300 bytes a process and one tick's rows.
 */
int stream_new(const struct export_format *format, bool machine, int fd, uint64_t start_ns,
               struct stream **ret);
struct sample_sink stream_sink(struct stream *stream);

/* 0, or the first write error (-EPIPE: the reader is gone). Nothing is written after one. */
int stream_error(const struct stream *stream);

/* Writes the end of the table. What stream_error says. NULL is allowed. */
int stream_free(struct stream *stream);

#endif
