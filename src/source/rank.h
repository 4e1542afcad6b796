/*
 * Which rank of a parallel job this process is, as its launcher tells it in the environment: known
 * before MPI_Init, and without MPI.
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
    const char *launcher; /* openmpi, pmi, pmix, pals, jsm, flux, slurm; NULL: no rank */
};

/* As getenv(3). */
typedef const char *rank_variable(const char *name);

/*
 * Whether there is a rank; else all of it is unknown. MPI's own variables are asked before those of
 * batch systems: mpirun inside of a batch job inherits the rank of the script. Under 1 µs.
 */
bool rank_read(rank_variable *variable, struct rank *ret);

/* Of this process; of a program with raised privileges nothing. */
bool rank_of_this_process(struct rank *ret);

#endif
