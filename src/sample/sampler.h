/*
 * The sampler: each tick it reads what is due of every recorded process and hands it to a sink.
 *
 * What is read when, per process:
 *   each tick     the CPU clock. Where it stands still the process did not run: nothing else is read
 *   when it ran   stat, I/O, memory: all while at most SAMPLER_FEW_RAN processes ran in the tick
 *                 before; with more RSS every other tick, stat and I/O every fourth, and what is
 *                 left when it stands still again
 *   each second   resident memory of those that did not run: others can take pages from them (a
 *                 second less often for every 256 processes);
 *                 of those that ran status, context switches, descriptors (with few each tick, with
 *                 many every other second)
 *   slow schedule PSS, TCP, the threads' processors (detail.h)
 * With intervals of a second and more everything but the slow schedule is read each tick.
 *
 * One thread, and the detail thread it owns. Memory: about 1.5 KB a process, its kept descriptors
 * (6, some 4 KB each in the kernel) and the process's texts while a birth is recorded.
 */
#ifndef TACHO_SAMPLE_SAMPLER_H
#define TACHO_SAMPLE_SAMPLER_H

#include <sys/resource.h>

#include "follow/follow.h"
#include "sample/sink.h"
#include "source/host.h"

#define SAMPLER_FEW_RAN 32

struct sampler;
struct sampler_guest;

struct sampler_config {
    const struct source_root *root;
    const struct host_facts *facts; /* outlives the sampler */
    const struct sample_sink *sink; /* copied */
    uint64_t interval_ns;
    bool reaps;     /* descendants end as our children: RUSAGE_CHILDREN counts them */
    bool processes; /* false: the machine alone */
    /*
     * We are a thread of the program that is recorded: what the recorder costs is this thread's, the
     * machine is sampled a quarter as often, and the slow schedule, which would take its own, is left out.
     */
    bool in_program;
    uint64_t descriptors;              /* how many kept ones are affordable */
    const struct sampler_guest *guest; /* outlives the sampler; NULL: none */
};

/*
 * What the program plugs in and libtacho must not link: it looks at the recorded processes before they
 * are put at a tick, and puts what it has itself. See gpu_sampler.h.
 */
struct sampler_guest {
    void *user;
    void (*tick)(void *user, struct sampler *sampler);
};

/* 0 or -errno. */
int sampler_new(const struct sampler_config *config, struct sampler **ret);
void sampler_free(struct sampler *sampler);

/* What a follow mechanism reports to: give it as its sink. */
struct follow_sink sampler_follow_sink(struct sampler *sampler);

/* Follows from now on with `mechanism`, NULL: the best of `among` that works. 0 or as follow_open. */
int sampler_follow(struct sampler *sampler, const struct follow_mechanism *const *among,
                   const struct follow_mechanism *mechanism, const struct follow_config *config,
                   struct follow_reason *ret_why);

/*
 * Without a mechanism: a process that the caller knows to belong is sampled from now on. `since_ns`: when it
 * was there for sure, for it may be gone by now; 0: it was there before the recording.
 */
void sampler_found(struct sampler *sampler, pid_t pid, uint64_t since_ns);

/* Whether execs are recorded with the kernel's time of them. */
bool sampler_knows_execs(const struct sampler *sampler);

/* When this is readable sampler_hear is to be called before the next tick. -1: none. */
int sampler_follow_fd(const struct sampler *sampler);

/* So soon sampler_look_at_young is to be called again, in ms; -1: not before the next tick. */
int sampler_patience_ms(const struct sampler *sampler);
void sampler_look_at_young(struct sampler *sampler, uint64_t now_ns);

/*
 * The signal that has stopped the launched root since the last call, 0 none; -1 where the mechanism does
 * not trace, and waitid(2) tells.
 */
int sampler_stopped_by(struct sampler *sampler);

/* Takes in what the mechanism has to tell. */
void sampler_hear(struct sampler *sampler, uint64_t now_ns);

/* One tick. `late_ns` and `skipped` are recorded when a tick did not come when it should. */
void sampler_tick(struct sampler *sampler, uint64_t now_ns, uint64_t late_ns, uint64_t skipped);

/*
 * The last tick: energy is taken up to here, and the control group looked at once more, for why the target
 * has ended may show there.
 */
void sampler_last_tick(struct sampler *sampler, uint64_t now_ns);

/*
 * Tells the limits of the control group of `pid`, the target's root, and samples it from now on; see
 * cgroup_sampler.h. 0, or as cgroup_sampler_new: then there is nothing to sample.
 */
int sampler_watch_cgroup(struct sampler *sampler, pid_t pid);

/*
 * A child of ours is a zombie and about to be waited for: takes its final values while they can be
 * read. Then, with what wait4 said, its end. A child never seen before is recorded as born and
 * ended.
 */
void sampler_before_reap(struct sampler *sampler, pid_t pid);
void sampler_reaped(struct sampler *sampler, pid_t pid, int status, const struct rusage *usage);

/* How things stand, for somebody who looks on; what is not known yet is 0. */
struct sampler_now {
    uint64_t processes; /* alive */
    uint64_t rss_bytes;
    uint64_t
        cpu_ns; /* of all that were sampled so far: it only grows but for new ones with a past */
};
/* About 1 ns a process. */
void sampler_look(const struct sampler *sampler, struct sampler_now *ret);

/* Processes alive as far as is known. Zombies do not count. */
size_t sampler_alive(const struct sampler *sampler);

/* Whether a process of that pid is recorded and has not ended. */
bool sampler_has(const struct sampler *sampler, pid_t pid);

/* Records what is only known at the end: facts on following and on the recorder. */
void sampler_finish(struct sampler *sampler);

#endif
