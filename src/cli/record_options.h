/* The options of `tacho record`. */
#ifndef TACHO_CLI_RECORD_OPTIONS_H
#define TACHO_CLI_RECORD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/record_gpu.h"

#define ROOTS_MAX 4096

enum record_target { TARGET_LAUNCH, TARGET_ATTACH, TARGET_MACHINE };

struct follow_mechanism;
struct export_format;

struct record_options {
    enum record_target target;
    char **command; /* TARGET_LAUNCH: NULL-terminated */
    pid_t *roots;   /* TARGET_ATTACH */
    size_t root_count;
    const char *output; /* NULL: default name, or stdout for a stream */
    bool into;          /* an open file, which is taken over, instead */
    int into_fd;
    uint64_t interval_ns;
    uint64_t duration_ns; /* 0: until the end */
    bool wait_root; /* finished with the launched command itself, not with its last descendant */
    bool force, quiet;
    unsigned repeat; /* how often a command is run, 0 unasked; of one run of them the same */
    bool status;     /* the live line also where the recorded processes have the terminal */
    const struct follow_mechanism *follow; /* NULL: the best that works */
    const struct export_format *stream;    /* rows instead of a recording */
    struct gpu_choice gpu;
};

/*
 * 0; -1 when all is said and `*ret_status` is the exit status (--help, or a usage error told on
 * stderr).
 */
int record_options_parse(int argc, char **argv, struct record_options *ret, int *ret_status);
void record_options_done(struct record_options *options);

/* Each named process must exist before a file is made for it. An exit status; 0 to go on. */
int record_options_check_roots(const struct record_options *options);

#endif
