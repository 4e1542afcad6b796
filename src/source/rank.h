/*
 * Which rank of a parallel job this process is, as its launcher tells it in the environment: known
 * before MPI_Init, and without MPI. Where no launcher tells, the program may.
 */
#ifndef TACHO_SOURCE_RANK_H
#define TACHO_SOURCE_RANK_H

#include <stdbool.h>
#include <stdint.h>

#define RANK_UNKNOWN UINT64_MAX
#define RANK_JOB_CAP 128

struct rank {
    uint64_t rank, size, local_rank, local_size; /* RANK_UNKNOWN */
    char job[RANK_JOB_CAP];                      /* any bytes, cut when longer; empty unknown */
    const char *launcher; /* openmpi, pmi, pmix, pals, jsm, flux, slurm; NULL: it has not told */
};

/* As getenv(3). */
typedef const char *rank_variable(const char *name);

/*
 * Whether there is a rank; else all of it is unknown. MPI's own variables are asked before those of
 * batch systems: mpirun inside of a batch job inherits the rank of the script. Under 1 µs.
 */
bool rank_read(rank_variable *variable, struct rank *ret);

/*
 * What the program itself knows by MPI: it is `rank` of `size`, 0 of 0 where it knows nothing. The
 * environment still gives the job's name. Whether there is a rank; else *ret stays as it is.
 */
bool rank_told(rank_variable *variable, uint64_t rank, uint64_t size, struct rank *ret);

/* Of this process, by rank_read, else by rank_told; of one with raised privileges no variable is read. */
bool rank_of_this_process(uint64_t rank, uint64_t size, struct rank *ret);

#endif
