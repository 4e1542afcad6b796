/*
 * Signals while recording. Those of the terminal reach the job by themselves, since it is in the
 * same process group; those another process sends to tacho are passed on to the job.
 */
#ifndef TACHO_CLI_JOB_SIGNALS_H
#define TACHO_CLI_JOB_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * A descriptor from which signals are read: SIGCHLD, and of INT TERM HUP QUIT USR1 USR2, and with
 * `stops` TSTP TTIN TTOU, those that were not ignored when tacho began (nohup stays nohup). They are
 * blocked from now on. -errno on failure.
 */
int job_signals_open(bool stops);

struct job_signal {
    int number;
    pid_t sender;       /* 0: the kernel, for the terminal */
    bool from_terminal; /* the whole process group has it already */
};

/* 1 with the next signal, 0 when there is none now. */
int job_signals_next(int fd, struct job_signal *ret);

/* Those of the terminal that stop a job. */
bool job_signal_stops(int number);

/* Lets the terminal stop tacho (`stops`), or leaves that to who reads the descriptor. */
void job_signals_let_stop(bool stops);

/* Stops tacho until it is continued, as this signal does. */
void job_signals_stop(int number);

/* Signals that ask tacho to end, where there is no job to pass them to. */
bool job_signal_ends(int number);

#endif
