/* A recording tick by tick, for formats that show a job as one. */
#ifndef TACHO_EXPORT_TREE_TICKS_H
#define TACHO_EXPORT_TREE_TICKS_H

#include "export/tree_pass.h"

/*
 * 0, what a function returned, or why the recording could not be read on. `place` is that of
 * tacho_process(). 60 bytes a process.
 */
int tree_ticks_run(struct export *export, const struct tree_listener *listener);

/* All of the recording to a writer. */
int tree_ticks_write(struct export *export, const struct tree_writer *writer);

#endif
