#include "source/rank.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

#define RANK_MOST INT32_MAX /* MPI's ranks are C's int */

struct convention {
    const char *launcher, *rank, *size, *local_rank, *local_size, *job, *step;
};

/* In the order in which they are asked. */
static const struct convention conventions[] = {
    {"openmpi", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE", "PMIX_NAMESPACE", NULL},
    {"pmi", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", NULL, NULL},
    {"pmix", "PMIX_RANK", NULL, NULL, NULL, "PMIX_NAMESPACE", NULL},
    {"pals", "PALS_RANKID", "PALS_SIZE", "PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE", NULL, NULL},
    {"jsm", "JSM_NAMESPACE_RANK", "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_LOCAL_RANK", NULL,
     "LSB_JOBID", NULL},
    {"flux", "FLUX_TASK_RANK", "FLUX_JOB_SIZE", "FLUX_TASK_LOCAL_ID", NULL, "FLUX_JOB_ID", NULL},
    {"slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE",
     "SLURM_JOB_ID", "SLURM_STEP_ID"},
};

/* Whose name for the job is taken where the launcher has none of its own. */
static const char *const jobs[] = {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID"};

static const char *value_of(rank_variable *variable, const char *name)
{
    const char *text = name != NULL ? variable(name) : NULL;
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static uint64_t number_of(rank_variable *variable, const char *name)
{
    const char *text = value_of(variable, name);
    uint64_t number;
    return text != NULL && parse_u64(text, &number) && number <= RANK_MOST ? number : RANK_UNKNOWN;
}

/* Slurm writes "4", or "4(x2)" for two nodes alike; of "4,2" it is not known which is ours. */
static uint64_t local_size_of(rank_variable *variable, const char *name)
{
    const char *text = value_of(variable, name);
    uint64_t number;
    if (text == NULL)
        return RANK_UNKNOWN;
    struct text t = {text, text + strlen(text)};
    return text_take_u64(&t, &number) && number <= RANK_MOST &&
                   (t.at == t.end || (*t.at == '(' && strchr(t.at, ',') == NULL))
               ? number
               : RANK_UNKNOWN;
}

/* Ranks are below the number of them; a size that says otherwise is of something else. */
static uint64_t above(uint64_t size, uint64_t rank)
{
    return size != RANK_UNKNOWN && rank != RANK_UNKNOWN && size <= rank ? RANK_UNKNOWN : size;
}

static void read_job(rank_variable *variable, const struct convention *c, struct rank *ret)
{
    const char *job = value_of(variable, c->job), *step = value_of(variable, c->step);
    for (size_t i = 0; job == NULL && i < sizeof jobs / sizeof jobs[0]; i++)
        job = value_of(variable, jobs[i]);
    if (job != NULL)
        snprintf(ret->job, sizeof ret->job, "%s%s%s", job, step != NULL ? "." : "",
                 step != NULL ? step : "");
}

bool rank_read(rank_variable *variable, struct rank *ret)
{
    *ret = (struct rank){RANK_UNKNOWN, RANK_UNKNOWN, RANK_UNKNOWN, RANK_UNKNOWN, "", NULL};
    for (size_t i = 0; i < sizeof conventions / sizeof conventions[0]; i++) {
        const struct convention *c = &conventions[i];
        uint64_t rank = number_of(variable, c->rank);
        if (rank == RANK_UNKNOWN)
            continue;
        ret->rank = rank;
        ret->launcher = c->launcher;
        ret->size = above(number_of(variable, c->size), rank);
        ret->local_rank = number_of(variable, c->local_rank);
        ret->local_size = above(local_size_of(variable, c->local_size), ret->local_rank);
        read_job(variable, c, ret);
        return true;
    }
    return false;
}

bool rank_told(rank_variable *variable, uint64_t rank, uint64_t size, struct rank *ret)
{
    if (rank >= size)
        return false;
    *ret = (struct rank){rank, size, RANK_UNKNOWN, RANK_UNKNOWN, "", NULL};
    read_job(variable, &(const struct convention){0}, ret);
    return true;
}

static const char *own_variable(const char *name)
{
    return secure_getenv(name);
}

bool rank_of_this_process(uint64_t rank, uint64_t size, struct rank *ret)
{
    return rank_read(own_variable, ret) || rank_told(own_variable, rank, size, ret);
}
