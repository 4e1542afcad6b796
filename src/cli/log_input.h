/* Other tools' logs, as arguments name them, read into what a recording is made of. */
#ifndef TACHO_CLI_LOG_INPUT_H
#define TACHO_CLI_LOG_INPUT_H

#include "import/import_log.h"

/*
 * Reads logs: files, folders, "-" for stdin, or what the names of a log's files begin with. `output` is the file
 * that will be written, and must be none of them; NULL: there is none. What could not be understood is told on
 * stderr. 0, or an exit status after a line on stderr.
 */
int log_input_read(char *const *path, size_t n, const char *output, struct gathered *ret);

#endif
