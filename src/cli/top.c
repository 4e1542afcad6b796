/* tacho top: a recording, or what goes on now, as a picture that moves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/recording_input.h"
#include "cli/terminal.h"
#include "cli/top_live.h"
#include "cli/top_screen.h"
#include "report/top_frame.h"

#define PLAY_EVERY_MS 100
#define REFRESH_EVERY_NS (NS_PER_S / 2)
#define REFRESH_SHARE 10 /* bringing it up to date takes one part in so many of the time */
#define MARKS_QUICK_NS (30 * NS_PER_MS) /* a walk over the marks that nobody notices */
#define MARKS_REST_MS 200               /* a slower one waits until nobody has typed for so long */

static const char help[] =
    "Usage: tacho top FILE\n"
    "       tacho top [-p PID[,PID...]] [-i SECONDS]\n"
    "Shows a recording moment by moment, also one that is still being written; or what\n"
    "processes and their descendants do now, without -p all of the machine's.\n"
    "\n"
    "  -p, --pid PID[,PID...]  these processes\n"
    "  -i, --interval SECONDS  time between samples, default 1\n"
    "  -h, --help              this text; more in tacho-top(1)\n"
    "\n"
    "Keys: Left and Right go through time, Space plays, ? lists all, q quits.\n";

static const struct option longs[] = {
    {"pid", required_argument, NULL, 'p'},
    {"interval", required_argument, NULL, 'i'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct request {
    const char *pids, *interval, *file;
    bool help;
};

static int read_options(int argc, char **argv, struct request *request)
{
    int option;
    while ((option = cli_getopt(argc, argv, "p:i:h", longs)) != -1) {
        switch (option) {
        case 'p': request->pids = optarg; break;
        case 'i': request->interval = optarg; break;
        case 'h': request->help = true; return 0;
        default: return EXIT_USAGE;
        }
    }
    if (argc - optind > 1)
        return cli_usage("one recording at a time");
    request->file = optind < argc ? argv[optind] : NULL;
    if (request->file != NULL && request->pids != NULL)
        return cli_usage("give a recording or -p, not both");
    if (request->file != NULL && request->interval != NULL)
        return cli_usage("a recording has its own interval: leave out -i");
    return 0;
}

/* ---- bringing it up to date ---- */

struct viewer {
    struct top top;
    struct tacho_recording *rec;
    struct top_live live;
    uint64_t refresh_due_ns, play_ns;
    uint64_t marks_took_ns; /* the last walk over them */
};

/* What was taken of the recording points into it, so all of it is taken anew. */
static int take_all(struct viewer *v)
{
    struct summary summary;
    int r = summary_make(v->rec, &summary);
    if (r != 0)
        return r;
    summary_done(&v->top.summary);
    v->top.summary = summary;
    v->top.growing = !tacho_recording_salvage(v->rec)->ended;
    v->top.follow &= v->top.growing;
    v->top.marks = (struct snapshot_marks){0};
    v->top.marks_known = false;
    return 0;
}

static int take_snapshot(struct viewer *v)
{
    struct snapshot snapshot;
    uint64_t interval_ns = v->top.summary.interval_ns, first_ns = top_first_ns(&v->top);
    int r = snapshot_take(v->rec, v->top.time_ns, interval_ns, &snapshot);
    /* The first tick comes a little after the beginning, and that is what is shown of it. */
    if (r == 0 && snapshot.count == 0 && interval_ns != SUMMARY_UNKNOWN &&
        v->top.time_ns - first_ns < interval_ns)
        r = snapshot_take(v->rec, first_ns + interval_ns, interval_ns, &snapshot);
    if (r != 0)
        return r;
    snapshot_done(&v->top.snapshot);
    v->top.snapshot = snapshot;
    return 0;
}

static int take_marks(struct viewer *v)
{
    uint64_t began_ns = clock_mono_ns();
    int r = snapshot_take_marks(v->rec, v->top.time_ns, &v->top.marks);
    v->marks_took_ns = clock_mono_ns() - began_ns;
    v->top.marks_known = r == 0;
    return r;
}

/* Takes in what was recorded since. The longer that takes, the less often it is done. */
static int refresh_recording(struct viewer *v)
{
    uint64_t began_ns = clock_mono_ns();
    if (!v->top.growing || began_ns < v->refresh_due_ns)
        return 0;
    bool last = v->top.live && top_live_over(&v->live);
    int r = tacho_recording_refresh(v->rec, NULL);
    if (r == 0 && last)
        v->top.growing = v->top.follow = false; /* its recorder did not come to the end */
    if (r > 0) {
        tacho_name_functions(v->rec);
        bool follow = v->top.follow;
        r = take_all(v);
        if (r == 0 && follow)
            top_go(&v->top, UINT64_MAX);
        if (r == 0)
            r = take_snapshot(v);
    }
    uint64_t took_ns = clock_mono_ns() - began_ns;
    uint64_t every_ns = took_ns * REFRESH_SHARE;
    v->refresh_due_ns =
        began_ns + took_ns + (every_ns > REFRESH_EVERY_NS ? every_ns : REFRESH_EVERY_NS);
    return r;
}

/* ---- the loop ---- */

static int draw(struct viewer *v)
{
    struct grid grid;
    int r = grid_init(&grid, screen_rows(), screen_columns(), terminal_utf8());
    if (r != 0)
        return r;
    r = top_draw(&grid, &v->top);
    if (r == 0)
        screen_show(&grid);
    grid_done(&grid);
    return r;
}

/* Milliseconds until something is due; -1: nothing is. */
static int patience(const struct viewer *v)
{
    if (v->top.playing)
        return PLAY_EVERY_MS;
    if (!v->top.marks_known)
        return MARKS_REST_MS;
    if (!v->top.growing)
        return -1;
    uint64_t now_ns = clock_mono_ns();
    return now_ns >= v->refresh_due_ns ? 0 : (int)((v->refresh_due_ns - now_ns) / NS_PER_MS) + 1;
}

/* All that was typed. False: it ends. */
static bool take_keys(struct viewer *v, bool *ret_any)
{
    *ret_any = false;
    for (uint32_t key; (key = screen_key()) != 0;) {
        *ret_any = true;
        if (!top_take_key(&v->top, key))
            return false;
    }
    return true;
}

static void play(struct viewer *v)
{
    uint64_t now_ns = clock_mono_ns();
    if (v->top.playing && v->play_ns != 0)
        top_play(&v->top, now_ns - v->play_ns);
    v->play_ns = v->top.playing ? now_ns : 0;
}

/* The signal that ended it, 0 for the key, or -errno. */
static int run(struct viewer *v)
{
    for (bool typed = false;;) {
        uint64_t shown_ns = v->top.time_ns;
        int r = 0;
        if (!v->top.marks_known && (v->marks_took_ns < MARKS_QUICK_NS || !typed))
            r = take_marks(v);
        if (r == 0)
            r = draw(v);
        if (r != 0)
            return r;
        int signal = screen_wait(patience(v));
        if (signal != 0)
            return signal;
        if (!take_keys(v, &typed))
            return 0;
        play(v);
        r = refresh_recording(v);
        if (r == 0 && v->top.time_ns != shown_ns)
            r = take_snapshot(v);
        if (r != 0)
            return r;
    }
}

static int begin(struct viewer *v)
{
    int r = take_all(v);
    if (r == 0) {
        v->top.follow = v->top.growing;
        top_go(&v->top, v->top.growing ? UINT64_MAX : 0);
        r = take_snapshot(v);
    }
    return r;
}

static int view(struct viewer *v, const char *name)
{
    v->top.speed = 1;
    int r = begin(v);
    if (r == 0) {
        int status = screen_open(terminal_colour());
        if (status != 0)
            return status;
        r = run(v);
        screen_close();
    }
    if (r > 0) {
        top_live_end(&v->live);
        signal(r, SIG_DFL); /* whoever waits for us is to know */
        raise(r);
        return 128 + r;
    }
    return r == 0 ? 0 : cli_failed("%s: %s", name, r == -ENOMEM ? "out of memory" : strerror(-r));
}

/* ---- beginnings ---- */

/* -p and -i mean what they mean to record. */
static int begin_live(struct viewer *v, const struct request *request)
{
    struct buffer roots = {0};
    struct record_options options;
    int status = 0;
    if (request->pids == NULL && top_live_roots(&roots) != 0)
        return cli_failed("cannot list processes: is /proc mounted?");
    const char *pids = request->pids != NULL ? request->pids : (const char *)roots.data;
    const char *interval = request->interval != NULL ? request->interval : "1";
    char *argv[] = {"top", "-q", "-i", (char *)interval, "-p", (char *)pids, NULL};
    optind = 0; /* from the beginning: these are others */
    if (record_options_parse(6, argv, &options, &status) == 0)
        status = top_live_begin(&options, &v->live, &v->rec);
    record_options_done(&options);
    buffer_done(&roots);
    v->top.live = true;
    v->top.whole = request->pids == NULL;
    return status;
}

int command_top(int argc, char **argv)
{
    struct request request = {0};
    struct viewer v = {.live = {.errors_fd = -1}, .top.snapshot.time_ns = SNAPSHOT_UNKNOWN};
    int status = read_options(argc, argv, &request);
    if (status != 0)
        return status;
    if (request.help)
        return cli_help(help);
    if (!screen_built())
        return cli_failed("this tacho was built without ncurses: configure it with "
                          "-Dncurses=enabled; tacho report needs none");
    status = request.file != NULL ? recording_input_open(request.file, &v.rec)
                                  : begin_live(&v, &request);
    if (status == 0)
        status = view(&v, request.file != NULL ? request.file : "top");
    top_live_end(&v.live);
    snapshot_done(&v.top.snapshot);
    summary_done(&v.top.summary);
    tacho_recording_close(v.rec);
    return status;
}
