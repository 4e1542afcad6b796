#include "record/own_recording.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"
#include "mark/marking.h"
#include "mark/own_file.h"
#include "record/marks_collector.h"
#include "record/recording_name.h"
#include "record/session_facts.h"
#include "sample/sampler.h"

#define DESCRIPTORS_KEPT 64 /* of the program's; six for a process */

struct own_recording {
    char path[PATH_MAX];
    struct recording *recording;
    struct sample_sink sink;
    struct marks_collector *marks;
    struct source_root root;
    struct host_facts facts;
    struct sampler *sampler;
    uint64_t interval_ns, started_ns;
    struct rank rank;
};

/*
 * Where this process and those it forks put their marks, once it has recorded itself: threads keep their
 * rings from one recording to the next.
 */
static struct marks_place place = {.fd = -1};
static pid_t place_of;

static int find_place(void)
{
    if (place.fd >= 0 && place_of == getpid())
        return 0;
    if (place.fd >= 0)
        close(place.fd); /* a forked child's: its parent reads there */
    place.fd = -1;
    int r = marks_place_make(&place);
    place_of = getpid();
    return r == 0 && !own_file_place(place.variable) ? -EINVAL : r;
}

void own_recording_leave(void)
{
    if (place.fd >= 0 && place_of == getpid())
        marks_place_remove(&place);
}

const char *own_recording_variable(void)
{
    return place.variable;
}

/* ---- whom it records ---- */

/* One that marks belongs: it got the place from us, or from one that did. */
static void admit(void *user, int pid, uint64_t since_ns)
{
    struct own_recording *o = user;
    sampler_found(o->sampler, pid, since_ns);
}

/* ---- beginning ---- */

static int create(struct own_recording *o, const struct own_recording_options *options)
{
    extern char *program_invocation_short_name;
    if (options->path == NULL)
        recording_name(program_invocation_short_name, &o->rank, o->path, sizeof o->path);
    else if (snprintf(o->path, sizeof o->path, "%s", options->path) >= (int)sizeof o->path)
        return -ENAMETOOLONG;
    const struct recording_options recording = {
        .path = o->path, .replace = options->replace, .interval_ns = options->interval_ns};
    int r = recording_create(&recording, &o->recording);
    if (r != 0)
        return r;
    o->sink = recording_sink(o->recording);
    const struct marks_collector_config config = {.recording = o->recording,
                                                  .place = &place,
                                                  .place_stays = true,
                                                  .unknown = admit,
                                                  .user = o};
    return marks_collector_new(&config, &o->marks);
}

int own_recording_new(const struct own_recording_options *options, struct own_recording **ret)
{
    struct own_recording *o = calloc(1, sizeof *o);
    if (o == NULL)
        return -ENOMEM;
    o->root.proc_fd = -1;
    o->interval_ns = options->interval_ns;
    o->started_ns = clock_mono_ns();
    rank_of_this_process(options->rank, options->ranks, &o->rank);
    int r = source_root_open(&o->root, "/");
    if (r == 0)
        r = find_place();
    if (r == 0)
        r = create(o, options);
    if (r != 0) {
        if (o->recording != NULL)
            unlink(o->path);
        own_recording_close(o, NULL);
        return r;
    }
    marking_begin();
    *ret = o;
    return 0;
}

static void put_command(struct own_recording *o)
{
    char text[4096];
    ssize_t n = source_read_at(o->root.proc_fd, "self/cmdline", text, sizeof text);
    if (n > 0)
        sink_fact_bytes(&o->sink, "command", text, (size_t)n);
}

static void put_facts(struct own_recording *o)
{
    char cwd[PATH_MAX];
    sink_fact_text(&o->sink, "recorder_version", TACHO_VERSION);
    sink_fact_number(&o->sink, "recorder_pid", (uint64_t)getpid());
    sink_fact_number(&o->sink, "uid", getuid());
    if (getcwd(cwd, sizeof cwd) != NULL)
        sink_fact_text(&o->sink, "cwd", cwd);
    sink_fact_text(&o->sink, "target", "self");
    sink_fact_number(&o->sink, "root_pids", (uint64_t)getpid());
    put_command(o);
    sink_fact_number(&o->sink, "interval_ns", o->interval_ns);
    sink_fact_number(&o->sink, "started_ns", o->started_ns);
    sink_fact_number(&o->sink, "started_real_ns",
                     clock_real_ns() - (clock_mono_ns() - o->started_ns));
    session_facts_host(&o->sink, &o->root, &o->facts);
    sampler_watch_cgroup(o->sampler, getpid());
    session_facts_rank(&o->sink, &o->rank);
}

int own_recording_begin(struct own_recording *o)
{
    host_facts_read(&o->root, &o->facts);
    const struct sampler_config config = {.root = &o->root,
                                          .facts = &o->facts,
                                          .sink = &o->sink,
                                          .interval_ns = o->interval_ns,
                                          .processes = true,
                                          .in_program = true,
                                          .descriptors = DESCRIPTORS_KEPT};
    int r = sampler_new(&config, &o->sampler);
    if (r != 0)
        return r;
    put_facts(o);
    sampler_found(o->sampler, getpid(), 0);
    sampler_tick(o->sampler, clock_mono_ns(), 0, 0);
    recording_flush(o->recording); /* who it is stands there, if it ends at once */
    return 0;
}

/* ---- its time ---- */

void own_recording_collect(struct own_recording *o)
{
    marks_collector_poll(o->marks);
}

void own_recording_tick(struct own_recording *o, uint64_t now_ns)
{
    own_recording_collect(o);
    sampler_tick(o->sampler, now_ns, 0, 0);
}

uint64_t own_recording_patience_ns(const struct own_recording *o)
{
    return marks_collector_patience_ns(o->marks);
}

int own_recording_flush(struct own_recording *o)
{
    own_recording_tick(o, clock_mono_ns());
    return recording_flush(o->recording);
}

/* ---- its end ---- */

static void finish(struct own_recording *o, const char *reason)
{
    uint64_t now_ns = clock_mono_ns();
    own_recording_collect(o);
    sampler_last_tick(o->sampler, now_ns);
    sampler_finish(o->sampler);
    marks_collector_free(o->marks);
    o->marks = NULL;
    sink_fact_text(&o->sink, "end_reason", reason);
    sink_fact_number(&o->sink, "wall_ns", now_ns - o->started_ns);
    sink_fact_number(&o->sink, "bytes_written", recording_bytes(o->recording));
    sink_fact_number(&o->sink, "ended_ns", now_ns);
}

int own_recording_close(struct own_recording *o, const char *reason)
{
    if (o == NULL)
        return 0;
    marking_end();
    if (o->sampler != NULL)
        finish(o, reason);
    sampler_free(o->sampler);
    marks_collector_free(o->marks);
    int r = recording_close(o->recording);
    host_facts_done(&o->facts);
    if (o->root.proc_fd >= 0)
        source_root_close(&o->root);
    free(o);
    return r;
}
