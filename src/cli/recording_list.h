/*
 * The files that arguments name: a directory stands for the recordings in it; without any, for the log of another tool
 * that it is, or for logs in it of jobs that ran side by side.
 */
#ifndef TACHO_CLI_RECORDING_LIST_H
#define TACHO_CLI_RECORDING_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct recording_list {
    char **path;
    size_t count, room;
    bool of_directory; /* an argument is a directory of several */
};

/*
 * A directory's *.tacho come in the order of their names; those below it are not looked for. 0, or
 * an exit status after a line on stderr for each directory that has none or cannot be read: what
 * else was named is in the list then too.
 */
int recording_list_make(char **argument, size_t n, struct recording_list *ret);
void recording_list_done(struct recording_list *list);

#endif
