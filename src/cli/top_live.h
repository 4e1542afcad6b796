/*
 * What goes on now, as a recording that is made for `tacho top` by a child of ours: in memory, without a
 * name, gone with us.
 */
#ifndef TACHO_CLI_TOP_LIVE_H
#define TACHO_CLI_TOP_LIVE_H

#include <tacho/recording.h>

#include "base/buffer.h"
#include "cli/record_options.h"

struct top_live {
    pid_t recorder; /* 0: none */
    int errors_fd;  /* what it says on stderr; -1 */
};

/*
 * Begins to record the processes of `options`, and opens what is recorded. An exit status after a line
 * on stderr, 0 to go on.
 */
int top_live_begin(struct record_options *options, struct top_live *ret,
                   struct tacho_recording **ret_rec);

/* Whether the recorder has ended: nothing more comes than what can be read now. */
bool top_live_over(struct top_live *live);

/* Ends the recorder and waits for it. */
void top_live_end(struct top_live *live);

/*
 * The processes nobody started, as -p takes them: all others that can be seen are below. Those of the
 * kernel are left out. 0 or -errno.
 */
int top_live_roots(struct buffer *ret);

#endif
