/* Memory of files that somebody cuts short while we read them. */
#ifndef TACHO_CLI_LOST_MEMORY_H
#define TACHO_CLI_LOST_MEMORY_H

/*
 * From now on what is mapped of a file, and is no longer there, reads as zeros. A job could end its recorder
 * otherwise, by cutting the files that its marks are in (mark/shared.h).
 */
void lost_memory_reads_as_zeros(void);

#endif
