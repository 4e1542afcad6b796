/* The rank of a process, by the environment that launchers make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/rank.h"

/* NAME, VALUE, …, NULL */
static const char *const *environment;

static const char *variable(const char *name)
{
    for (const char *const *v = environment; *v != NULL; v += 2)
        if (strcmp(v[0], name) == 0)
            return v[1];
    return NULL;
}

#define READ(...) (environment = (const char *const[]){__VA_ARGS__, NULL}, rank_read(variable, &r))

static void assert_rank(const struct rank *r, const char *launcher, uint64_t rank, uint64_t size,
                        uint64_t local_rank, uint64_t local_size, const char *job)
{
    assert_string_equal(r->launcher, launcher);
    assert_true(r->rank == rank && r->size == size);
    assert_true(r->local_rank == local_rank && r->local_size == local_size);
    assert_string_equal(r->job, job);
}

static void reads_every_launcher(void **state)
{
    struct rank r;
    assert_true(READ("OMPI_COMM_WORLD_RANK", "3", "OMPI_COMM_WORLD_SIZE", "8",
                     "OMPI_COMM_WORLD_LOCAL_RANK", "1", "OMPI_COMM_WORLD_LOCAL_SIZE", "2",
                     "PMIX_NAMESPACE", "prterun-a@1", "PMIX_RANK", "3"));
    assert_rank(&r, "openmpi", 3, 8, 1, 2, "prterun-a@1");
    assert_true(
        READ("PMI_RANK", "0", "PMI_SIZE", "1", "MPI_LOCALRANKID", "0", "MPI_LOCALNRANKS", "1"));
    assert_rank(&r, "pmi", 0, 1, 0, 1, "");
    assert_true(READ("PMIX_RANK", "7", "PMIX_NAMESPACE", "n"));
    assert_rank(&r, "pmix", 7, RANK_UNKNOWN, RANK_UNKNOWN, RANK_UNKNOWN, "n");
    assert_true(READ("PALS_RANKID", "1", "PALS_SIZE", "2", "PALS_LOCAL_RANKID", "1",
                     "PALS_LOCAL_SIZE", "2", "PBS_JOBID", "9.pbs"));
    assert_rank(&r, "pals", 1, 2, 1, 2, "9.pbs");
    assert_true(READ("JSM_NAMESPACE_RANK", "1", "JSM_NAMESPACE_SIZE", "2",
                     "JSM_NAMESPACE_LOCAL_RANK", "0", "LSB_JOBID", "55"));
    assert_rank(&r, "jsm", 1, 2, 0, RANK_UNKNOWN, "55");
    assert_true(READ("FLUX_TASK_RANK", "1", "FLUX_JOB_SIZE", "2", "FLUX_TASK_LOCAL_ID", "0",
                     "FLUX_JOB_ID", "f3"));
    assert_rank(&r, "flux", 1, 2, 0, RANK_UNKNOWN, "f3");
    assert_true(READ("SLURM_PROCID", "5", "SLURM_NTASKS", "8", "SLURM_LOCALID", "1",
                     "SLURM_STEP_TASKS_PER_NODE", "4(x2)", "SLURM_JOB_ID", "12", "SLURM_STEP_ID",
                     "0"));
    assert_rank(&r, "slurm", 5, 8, 1, 4, "12.0");
}

/* A script that Slurm runs is its task 0, and mpirun hands that on to all ranks. */
static void mpi_goes_before_slurm(void **state)
{
    struct rank r;
    assert_true(READ("SLURM_PROCID", "0", "SLURM_NTASKS", "4", "SLURM_JOB_ID", "12", "PMI_RANK",
                     "2", "PMI_SIZE", "4"));
    assert_rank(&r, "pmi", 2, 4, RANK_UNKNOWN, RANK_UNKNOWN, "12");
    assert_true(READ("SLURM_PROCID", "0", "OMPI_COMM_WORLD_RANK", "1"));
    assert_rank(&r, "openmpi", 1, RANK_UNKNOWN, RANK_UNKNOWN, RANK_UNKNOWN, "");
}

static void knows_no_rank_without_a_number(void **state)
{
    struct rank r;
    static const char *const wrong[] = {"",    " 1",  "1 ",  "-1",         "+1",
                                        "0x1", "1.0", "one", "2147483648", "99999999999999999999"};
    assert_false(READ("SLURM_JOB_ID", "12", "OMPI_COMM_WORLD_SIZE", "4"));
    assert_null(r.launcher);
    assert_true(r.rank == RANK_UNKNOWN && r.size == RANK_UNKNOWN && r.job[0] == '\0');
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(READ("OMPI_COMM_WORLD_RANK", wrong[i]));
        assert_true(READ("OMPI_COMM_WORLD_RANK", wrong[i], "SLURM_PROCID", "1"));
        assert_string_equal(r.launcher, "slurm");
    }
}

static void doubts_sizes(void **state)
{
    struct rank r;
    static const char *const unlike[] = {"4,2", "2(x3),1", "x", "", "4x"};
    assert_true(
        READ("PMI_RANK", "4", "PMI_SIZE", "4", "MPI_LOCALRANKID", "2", "MPI_LOCALNRANKS", "0"));
    assert_rank(&r, "pmi", 4, RANK_UNKNOWN, 2, RANK_UNKNOWN, "");
    for (size_t i = 0; i < sizeof unlike / sizeof unlike[0]; i++) {
        assert_true(READ("SLURM_PROCID", "0", "SLURM_STEP_TASKS_PER_NODE", unlike[i]));
        assert_true(r.local_size == RANK_UNKNOWN);
    }
}

static void cuts_long_jobs(void **state)
{
    struct rank r;
    char job[1000];
    memset(job, 'j', sizeof job - 1);
    job[sizeof job - 1] = '\0';
    assert_true(READ("PMIX_RANK", "0", "PMIX_NAMESPACE", job));
    assert_int_equal(strlen(r.job), RANK_JOB_CAP - 1);
}

/* The environment goes before what the program says of itself; it has the job in any case. */
static void a_program_may_tell(void **state)
{
    struct rank r;
    assert_false(READ("SLURM_JOB_ID", "12", "HOME", "/"));
    assert_true(rank_told(variable, 2, 4, &r));
    assert_null(r.launcher);
    assert_true(r.rank == 2 && r.size == 4);
    assert_true(r.local_rank == RANK_UNKNOWN && r.local_size == RANK_UNKNOWN);
    assert_string_equal(r.job, "12");
    assert_false(rank_told(variable, 4, 4, &r));
    assert_false(rank_told(variable, 0, 0, &r));
    assert_true(r.rank == 2);

    assert_true(setenv("OMPI_COMM_WORLD_RANK", "3", 1) == 0);
    assert_true(rank_of_this_process(1, 2, &r));
    assert_string_equal(r.launcher, "openmpi");
    assert_true(r.rank == 3);
    assert_true(unsetenv("OMPI_COMM_WORLD_RANK") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_launcher),
        cmocka_unit_test(mpi_goes_before_slurm),
        cmocka_unit_test(knows_no_rank_without_a_number),
        cmocka_unit_test(doubts_sizes),
        cmocka_unit_test(cuts_long_jobs),
        cmocka_unit_test(a_program_may_tell),
    };
    return cmocka_run_group_tests_name("rank", tests, NULL, NULL);
}
