/* Where `tacho record` writes to: a recording or a stream, behind one sink. */
#ifndef TACHO_CLI_RECORD_OUTPUT_H
#define TACHO_CLI_RECORD_OUTPUT_H

#include <limits.h>

#include "cli/record_options.h"
#include "cli/stream_sink.h"
#include "record/recording_sink.h"

struct record_output {
    char path[PATH_MAX];     /* of the file; "" for stdout */
    char absolute[PATH_MAX]; /* the same from /, "" when unknown */
    struct recording *recording;
    struct stream *stream;
    int stream_fd; /* -1 none of ours */
    struct sample_sink sink;
    bool discarded;
};

/* 0, or an exit status after a line on stderr. */
int record_output_open(struct record_output *output, const struct record_options *options,
                       uint64_t now_ns);

/* Removes what was created: the command never ran. Then record_output_close. */
void record_output_discard(struct record_output *output);

/* Writes the rest and closes; tells what failed. Whether all of it is written; again: true. */
bool record_output_close(struct record_output *output);

/* On a terminal, which is asked for no more: where the recording is. Who repeats runs says so itself. */
void record_output_say_where(const struct record_output *output,
                             const struct record_options *options);

#endif
