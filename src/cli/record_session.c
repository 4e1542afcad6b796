#include "cli/record_session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/job_signals.h"
#include "cli/launch.h"
#include "cli/lost_memory.h"
#include "cli/record_output.h"
#include "cli/status_line.h"
#include "config.h"
#include "mark/shared.h"
#include "record/marks_collector.h"
#include "record/session_facts.h"
#include "sample/sampler.h"

#define STOP_PATIENCE_MS 100    /* for a traced job to stop by what stops us */
#define HIDDEN_MS 1             /* a child in a stop of the tracer's hides others from waitid */
#define DESCRIPTORS_RESERVED 64 /* for all but the kept files of processes */

struct session {
    const struct record_options *options;
    struct inherited inherited;
    struct source_root root;
    struct host_facts facts;
    struct record_output output;
    struct sampler *sampler;
    struct gpu_sampler *gpus;      /* NULL: none */
    struct marks_place place;      /* fd -1: none */
    struct marks_collector *marks; /* NULL: none are recorded */
    struct launch launch;
    int signal_fd, timer_fd;
    uint64_t started_ns, due_ns; /* when the next tick should come */
    uint64_t collected_ns;       /* when the marks were collected last */
    bool recording;              /* false once the recording is closed and only the job goes on */
    bool root_ended, childless, asked_to_end;
    bool traced;       /* the mechanism traces: see follow.h */
    bool hidden;       /* a child may have ended that waitid does not show yet */
    int root_status;   /* as waitpid(2) */
    uint64_t ended_ns; /* of what was waited for */
    const char *end_reason;
};

static bool launched(const struct session *s)
{
    return s->options->target == TARGET_LAUNCH;
}

/* ---- beginning ---- */

static void put_command(struct session *s)
{
    struct buffer text = {0};
    for (char **arg = s->options->command; arg != NULL && *arg != NULL; arg++)
        buffer_put(&text, *arg, strlen(*arg) + 1);
    if (text.len > 0 && !text.failed)
        sink_fact_bytes(&s->output.sink, "command", text.data, text.len);
    buffer_clear(&text);
    for (size_t i = 0; i < s->options->root_count; i++)
        buffer_printf(&text, "%s%d", i > 0 ? " " : "", (int)s->options->roots[i]);
    if (launched(s))
        buffer_printf(&text, "%d", (int)s->launch.pid);
    if (text.len > 0 && !text.failed)
        sink_fact_bytes(&s->output.sink, "root_pids", text.data, text.len);
    buffer_done(&text);
}

static void put_start(struct session *s)
{
    s->started_ns = clock_mono_ns();
    sink_fact_number(&s->output.sink, "started_ns", s->started_ns);
    sink_fact_number(&s->output.sink, "started_real_ns", clock_real_ns());
}

static void put_rank(const struct sample_sink *sink)
{
    struct rank rank;
    if (rank_of_this_process(0, 0, &rank))
        session_facts_rank(sink, &rank);
}

static void put_session(struct session *s)
{
    static const char *const targets[] = {"launch", "attach", "machine"};
    const struct sample_sink *sink = &s->output.sink;
    char cwd[PATH_MAX];
    sink_fact_text(sink, "recorder_version", TACHO_VERSION);
    sink_fact_number(sink, "recorder_pid", (uint64_t)getpid());
    sink_fact_number(sink, "uid", getuid());
    if (getcwd(cwd, sizeof cwd) != NULL)
        sink_fact_text(sink, "cwd", cwd);
    sink_fact_text(sink, "target", targets[s->options->target]);
    if (launched(s))
        sink_fact_text(sink, "wait", s->options->wait_root ? "root" : "tree");
    put_command(s);
    sink_fact_number(sink, "interval_ns", s->options->interval_ns);
    sink_fact_number(sink, "started_ns", s->started_ns);
    sink_fact_number(sink, "started_real_ns", clock_real_ns());
    session_facts_host(sink, &s->root, &s->facts);
    if (s->options->target != TARGET_MACHINE)
        sampler_watch_cgroup(s->sampler, launched(s) ? s->launch.pid : s->options->roots[0]);
    if (s->options->target != TARGET_ATTACH) { /* who attaches is not of its job */
        put_rank(sink);
        session_facts_job(sink);
    }
}

static int begin_following(struct session *s)
{
    const struct record_options *o = s->options;
    struct follow_config config = {
        .root = &s->root,
        .roots = launched(s) ? &s->launch.pid : o->roots,
        .root_count = launched(s) ? 1 : o->root_count,
        .subreaper = launched(s) ? getpid() : 0,
        .launched = launched(s),
        .machine = o->target == TARGET_MACHINE,
        .recorder = getpid(),
    };
    struct follow_reason why;
    int r = sampler_follow(s->sampler, follow_mechanisms, o->follow, &config, &why);
    if (r == -ESRCH)
        return cli_failed("no such process: check the ids with ps");
    if (r != 0 && config.machine && o->follow == NULL)
        return 0; /* the machine's figures do not need it */
    if (r != 0 && o->follow != NULL)
        return cli_failed("cannot follow by %s: %s", o->follow->name, why.text);
    if (r != 0)
        return cli_failed("cannot follow processes: %s", why.text);
    if (s->marks != NULL && sampler_knows_execs(s->sampler))
        marks_collector_execs_are_told(s->marks);
    return 0;
}

static int begin_sampling(struct session *s)
{
    uint64_t descriptors = s->inherited.descriptors.rlim_max;
    struct sampler_guest guest;
    int status = record_gpu_begin(&s->options->gpu, &s->root, s->options->interval_ns,
                                  s->options->stream != NULL, &s->gpus);
    if (status != 0)
        return status;
    if (s->gpus != NULL)
        guest = gpu_sampler_guest(s->gpus);
    struct sampler_config config = {
        .root = &s->root,
        .facts = &s->facts,
        .sink = &s->output.sink,
        .interval_ns = s->options->interval_ns,
        .reaps = launched(s),
        .processes = s->options->target != TARGET_MACHINE,
        .descriptors = descriptors > DESCRIPTORS_RESERVED ? descriptors - DESCRIPTORS_RESERVED : 0,
        .guest = s->gpus != NULL ? &guest : NULL,
    };
    int r = sampler_new(&config, &s->sampler);
    if (r != 0)
        return cli_failed("cannot begin to sample: %s", strerror(-r));
    put_session(s);
    if (s->gpus != NULL)
        gpu_sampler_announce(s->gpus, s->sampler);
    return begin_following(s);
}

static int start_timer(struct session *s)
{
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    s->due_ns = s->started_ns + s->options->interval_ns;
    struct itimerspec spec = {.it_value = timespec_from_ns(s->due_ns),
                              .it_interval = timespec_from_ns(s->options->interval_ns)};
    if (s->timer_fd < 0 || timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) != 0)
        return cli_failed("cannot set a timer: %s", strerror(errno));
    return 0;
}

static void flush(struct session *s)
{
    if (s->output.recording != NULL)
        recording_flush(s->output.recording);
}

/* The job runs from here on. An exit status when it could not be started. */
static int start_job(struct session *s)
{
    if (s->traced)
        job_signals_let_stop(true); /* a command stopped now would have us wait for ever */
    int error = launch_go(&s->launch);
    if (s->traced)
        job_signals_let_stop(false);
    if (error == 0)
        return 0;
    cli_failed("cannot run %s: %s", s->options->command[0],
               error == ENOENT ? "not found" : strerror(error));
    record_output_discard(&s->output);
    return launch_failure_status(error);
}

/* Without it the job runs as well, and marks nothing. */
static void begin_collecting(struct session *s)
{
    if (s->output.recording == NULL)
        return;
    const struct marks_collector_config config = {.recording = s->output.recording,
                                                  .place = &s->place};
    int r = marks_place_make(&s->place);
    if (r == 0)
        r = marks_collector_new(&config, &s->marks);
    if (r != 0)
        cli_say("no marks are recorded: cannot make a directory in /dev/shm or /tmp: %s",
                strerror(-r));
}

static int launch_job(struct session *s)
{
    const char *recording = s->output.absolute[0] != '\0' ? s->output.absolute : NULL;
    const char *marks = s->marks != NULL ? s->place.variable : NULL;
    const struct launch_variable variables[] = {
        {"TACHO_RECORDING", recording}, {MARKS_VARIABLE, marks}, {NULL, NULL}};
    return launch_fork(s->options->command, &s->inherited, variables, &s->launch);
}

static int begin(struct session *s)
{
    int status = record_options_check_roots(s->options);
    if (status != 0)
        return status;
    if (source_root_open(&s->root, "/") != 0)
        return cli_failed("cannot open /proc: is it mounted?");
    s->traced = launched(s) && s->options->follow != NULL && s->options->follow->stopped_by != NULL;
    s->signal_fd = job_signals_open(s->traced);
    if (s->signal_fd < 0)
        return cli_failed("cannot take signals: %s", strerror(-s->signal_fd));
    host_facts_read(&s->root, &s->facts);
    s->started_ns = clock_mono_ns();
    if ((status = record_output_open(&s->output, s->options, s->started_ns)) != 0)
        return status;
    if (launched(s)) {
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        begin_collecting(s);
        int r = launch_job(s);
        if (r != 0)
            return cli_failed("cannot fork: %s", strerror(-r));
        lost_memory_reads_as_zeros();
    }
    status = begin_sampling(s);
    if (status != 0 && launched(s)) {
        launch_cancel(&s->launch);
        record_output_discard(&s->output);
    }
    if (status == 0 && launched(s)) {
        put_start(s); /* what beginning to follow took is not the job's */
        status = start_job(s);
    }
    if (status != 0)
        return status;
    s->recording = true;
    status_line_begin(s->options);
    sampler_tick(s->sampler, clock_mono_ns(), 0, 0);
    flush(s);
    return start_timer(s);
}

/* ---- children and signals ---- */

static void reap(struct session *s, pid_t pid)
{
    struct rusage usage;
    int status;
    if (s->recording)
        sampler_before_reap(s->sampler, pid);
    if (wait4(pid, &status, WNOHANG | __WNOTHREAD, &usage) != pid)
        return;
    if (s->recording)
        sampler_reaped(s->sampler, pid, status, &usage);
    if (pid == s->launch.pid) {
        s->root_ended = true;
        s->root_status = status;
        s->ended_ns = clock_mono_ns();
    }
    if (!s->options->wait_root)
        s->ended_ns = clock_mono_ns();
}

/* The signal that has stopped the job since the last call, 0 none. */
static int job_stopped_by(struct session *s)
{
    siginfo_t info = {0};
    int by = s->recording ? sampler_stopped_by(s->sampler) : -1;
    if (by < 0 && waitid(P_PID, (id_t)s->launch.pid, &info, WSTOPPED | WNOHANG) == 0 &&
        info.si_pid != 0)
        by = info.si_status;
    return by < 0 ? 0 : by;
}

static bool job_stands_still(const struct session *s)
{
    struct process_files files = process_files_unkept(s->launch.pid);
    struct proc_stat stat;
    return proc_stat_read(&s->root, &files, &stat) == 0 &&
           stat.value[STAT_STATE] == (s->traced && s->recording ? 't' : 'T');
}

/*
 * A job that the terminal stopped stops us with it, so that the shell sees its job stopped. Where
 * the whole group got the signal we were stopped already and the job goes on by now.
 */
static void stop_with_job(struct session *s)
{
    int by = s->root_ended ? 0 : job_stopped_by(s);
    if (!job_signal_stops(by) || !job_stands_still(s))
        return;
    flush(s);
    status_line_erase();
    job_signals_stop(by);
    if (s->traced)
        job_stopped_by(s); /* what was told of it before is over */
}

/* A traced job stops only as long as we run: it is given a little time to. */
static void stop_after_job(struct session *s, int by)
{
    int follow_fd = s->recording ? sampler_follow_fd(s->sampler) : -1;
    for (int i = 0; i < STOP_PATIENCE_MS && s->recording && !s->root_ended; i++) {
        if (job_stopped_by(s) != 0)
            break;
        poll(&(struct pollfd){.fd = follow_fd, .events = POLLIN}, 1, 1);
        sampler_hear(s->sampler, clock_mono_ns());
    }
    if (s->recording)
        flush(s);
    status_line_erase();
    job_signals_stop(by);
    job_stopped_by(s);
}

static bool has_ended(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED || info->si_code == CLD_KILLED ||
           info->si_code == CLD_DUMPED;
}

/* A traced child in a stop is shown too, in front of others; that stop is for the tracer to take. */
static void reap_all(struct session *s)
{
    s->hidden = false;
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD) != 0) {
            s->childless = errno == ECHILD;
            return;
        }
        s->hidden = info.si_pid != 0 && !has_ended(&info);
        if (info.si_pid == 0 || s->hidden)
            break;
        reap(s, info.si_pid);
    }
    stop_with_job(s);
}

static void take_signal(struct session *s, const struct job_signal *signal)
{
    if (signal->number == SIGCHLD) {
        if (launched(s))
            reap_all(s);
        return;
    }
    if (s->traced && job_signal_stops(signal->number)) {
        stop_after_job(s, signal->number);
        return;
    }
    if (s->recording)
        flush(s); /* what sent it may kill us next */
    if (launched(s) && !s->root_ended) {
        /* A job that signals its own process group means itself, not us. */
        if (!signal->from_terminal && !(s->recording && sampler_has(s->sampler, signal->sender)))
            kill(s->launch.pid, signal->number);
        return;
    }
    if (job_signal_ends(signal->number)) {
        s->asked_to_end = true;
        s->end_reason = "signal";
    }
}

/* ---- the loop ---- */

static void collect(struct session *s)
{
    if (s->marks == NULL)
        return;
    sampler_hear(s->sampler, clock_mono_ns()); /* whose they are */
    marks_collector_poll(s->marks);
    s->collected_ns = clock_mono_ns();
}

/* When the marks are to be collected before the next tick; -1: not before. */
static int marks_patience(const struct session *s)
{
    uint64_t patience_ns = s->marks == NULL ? UINT64_MAX : marks_collector_patience_ns(s->marks);
    if (patience_ns == UINT64_MAX)
        return -1;
    uint64_t gone_ns = clock_mono_ns() - s->collected_ns;
    return gone_ns >= patience_ns ? 0 : (int)((patience_ns - gone_ns) / NS_PER_MS) + 1;
}

static void tick(struct session *s)
{
    uint64_t expired = 0;
    if (read(s->timer_fd, &expired, sizeof expired) != (ssize_t)sizeof expired || expired == 0)
        return;
    uint64_t now_ns = clock_mono_ns();
    uint64_t due_ns = s->due_ns + (expired - 1) * s->options->interval_ns;
    s->due_ns = due_ns + s->options->interval_ns;
    collect(s);
    sampler_tick(s->sampler, now_ns, now_ns > due_ns ? now_ns - due_ns : 0, expired - 1);
}

static void show_status(const struct session *s)
{
    uint64_t now_ns = clock_mono_ns();
    struct sampler_now now;
    if (!status_line_due(now_ns))
        return;
    sampler_look(s->sampler, &now);
    const struct status status = {
        .elapsed_ns = now_ns - s->started_ns,
        .now = s->options->target == TARGET_MACHINE ? NULL : &now,
        .written_bytes = s->output.sink.bytes_written(s->output.sink.user),
        .label = s->marks != NULL ? marks_collector_last_label(s->marks) : NULL,
    };
    status_line_draw(now_ns, &status);
}

/* Whether what was to be waited for has ended; says why. */
static bool finished(struct session *s)
{
    if (s->asked_to_end)
        return true;
    s->end_reason = "ended";
    if (launched(s))
        return s->root_ended && (s->options->wait_root || s->childless);
    return s->options->target == TARGET_ATTACH && sampler_alive(s->sampler) == 0;
}

/* Marks are not left without the births they belong to. */
static void end_collecting(struct session *s)
{
    marks_collector_free(s->marks);
    marks_place_remove(&s->place);
    s->marks = NULL;
}

static void end_recording(struct session *s)
{
    const struct sample_sink *sink = &s->output.sink;
    uint64_t now_ns = clock_mono_ns();
    status_line_erase();
    if (s->ended_ns == 0 || !launched(s))
        s->ended_ns = now_ns;
    stream_ending(s->output.stream);
    sampler_last_tick(s->sampler, now_ns);
    sampler_finish(s->sampler);
    end_collecting(s);
    if (s->root_ended)
        sink_fact_number(sink, "root_wait_status", (uint64_t)s->root_status);
    sink_fact_text(sink, "end_reason", s->end_reason);
    sink_fact_number(sink, "wall_ns", s->ended_ns - s->started_ns);
    sink_fact_number(sink, "bytes_written", sink->bytes_written(sink->user));
    sink_fact_number(sink, "ended_ns", s->ended_ns);
    sampler_free(s->sampler);
    s->sampler = NULL;
    gpu_sampler_free(s->gpus);
    s->recording = false;
}

static bool duration_over(const struct session *s)
{
    return s->options->duration_ns != 0 &&
           clock_mono_ns() - s->started_ns >= s->options->duration_ns;
}

/* Of two waits in milliseconds, -1 being for ever. */
static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Milliseconds that poll may sleep: the duration's end and the young wake it, all else has a
 * descriptor. */
static int patience(const struct session *s)
{
    if (s->hidden)
        return HIDDEN_MS;
    if (!s->recording)
        return -1;
    int soon = sooner(sampler_patience_ms(s->sampler), marks_patience(s));
    soon = sooner(soon, status_line_patience_ms(clock_mono_ns()));
    if (s->options->duration_ns == 0)
        return soon;
    uint64_t gone = clock_mono_ns() - s->started_ns;
    uint64_t left = s->options->duration_ns > gone ? s->options->duration_ns - gone : 0;
    uint64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
    return sooner(soon, ms > 60000 ? 60000 : (int)ms);
}

static void wait_for_something(struct session *s)
{
    int follow_fd = s->recording ? sampler_follow_fd(s->sampler) : -1;
    struct pollfd fds[3] = {{.fd = s->signal_fd, .events = POLLIN},
                            {.fd = s->recording ? s->timer_fd : -1, .events = POLLIN},
                            {.fd = follow_fd, .events = POLLIN}};
    if (poll(fds, 3, patience(s)) < 0)
        return;
    if ((fds[2].revents & POLLIN) != 0) {
        sampler_hear(s->sampler, clock_mono_ns());
        if (s->traced)
            stop_with_job(s);
    }
    if (s->recording && sampler_patience_ms(s->sampler) >= 0)
        sampler_look_at_young(s->sampler, clock_mono_ns());
    if (s->recording && marks_patience(s) == 0)
        collect(s);
    if (s->hidden)
        reap_all(s);
    bool signalled = (fds[0].revents & POLLIN) != 0;
    for (struct job_signal signal; signalled && job_signals_next(s->signal_fd, &signal);)
        take_signal(s, &signal);
    if (s->recording && (fds[1].revents & POLLIN) != 0)
        tick(s);
    if (s->recording)
        show_status(s);
}

static void run(struct session *s)
{
    while (!finished(s)) {
        wait_for_something(s);
        bool reader_gone = s->output.stream != NULL && stream_error(s->output.stream) != 0;
        if (!s->recording || (!duration_over(s) && !reader_gone))
            continue;
        s->end_reason = reader_gone ? "stream" : "duration";
        end_recording(s);
        record_output_close(&s->output);
        if (!launched(s))
            return;
        /* The job goes on, and its exit status is still ours to pass on. */
    }
    if (s->recording)
        end_recording(s);
}

static int exit_status(const struct session *s, bool written)
{
    if (launched(s) && s->root_ended)
        return WIFSIGNALED(s->root_status) ? 128 + WTERMSIG(s->root_status)
                                           : WEXITSTATUS(s->root_status);
    return written ? 0 : EXIT_FAILED;
}

int record_session_run(const struct record_options *options)
{
    struct session s = {.options = options,
                        .signal_fd = -1,
                        .timer_fd = -1,
                        .place = {.fd = -1},
                        .root = {.proc_fd = -1, .sys_fd = -1}};
    inherited_save(&s.inherited);
    int status = begin(&s);
    bool written = true;
    if (status == 0) {
        run(&s);
        written = record_output_close(&s.output);
        record_output_say_where(&s.output, options);
        status = exit_status(&s, written);
    } else {
        sampler_free(s.sampler);
        gpu_sampler_free(s.gpus);
        end_collecting(&s);
        record_output_close(&s.output);
    }
    host_facts_done(&s.facts);
    closep(&s.signal_fd);
    closep(&s.timer_fd);
    if (s.root.proc_fd >= 0)
        source_root_close(&s.root);
    return status;
}
