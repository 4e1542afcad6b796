#include "record/own_arrival.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tacho/tacho.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "mark/own_file.h"
#include "mark/shared.h"
#include "record/marks_place.h"
#include "record/own_recording.h"
#include "record/own_session.h"
#include "record/recording_name.h"

#define NAMES_TRIED 1000 /* FILE.2.tacho and so on */

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The name itself, or with a number before its last dot. */
static bool numbered(const char *path, int number, char ret[PATH_MAX])
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t stem =
        dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - path) : strlen(path);
    int n = number == 1
                ? snprintf(ret, PATH_MAX, "%s", path)
                : snprintf(ret, PATH_MAX, "%.*s.%d%s", (int)stem, path, number, path + stem);
    return n > 0 && n < PATH_MAX;
}

static int start_into(const char *where, const char *program, struct tacho_options *o)
{
    char path[PATH_MAX], name[256];
    struct rank rank;
    o->path = path;
    if (!is_directory(where)) {
        int r = -EEXIST;
        for (int i = 1; r == -EEXIST && i <= NAMES_TRIED; i++)
            r = numbered(where, i, path) ? tacho_start(o) : -ENAMETOOLONG;
        return r;
    }
    rank_of_this_process((uint64_t)o->rank, (uint64_t)o->ranks, &rank);
    recording_name(program, &rank, name, sizeof name);
    if (snprintf(path, sizeof path, "%s/%s", where, name) >= (int)sizeof path)
        return -ENAMETOOLONG;
    return tacho_start(o);
}

static double seconds_of(const char *variable)
{
    const char *text = secure_getenv(variable);
    uint64_t ns = 0;
    if (text != NULL && !parse_duration_ns(text, &ns))
        dprintf(STDERR_FILENO, "tacho: %s=%s is no number of seconds\n", variable, text);
    return (double)ns / (double)NS_PER_S;
}

/* There is nobody else to tell when it cannot be done; the program runs all the same. */
static void start_as_asked(const char *where, const char *program, int rank, int ranks)
{
    struct tacho_options o = {.size = sizeof o,
                              .interval_s = seconds_of("TACHO_INTERVAL"),
                              .log_interval_s = seconds_of("TACHO_LOG"),
                              .no_recording = where == NULL,
                              .rank = rank,
                              .ranks = ranks};
    if (where == NULL && o.log_interval_s == 0)
        return;
    int r = where == NULL ? tacho_start(&o) : start_into(where, program, &o);
    if (r != 0)
        dprintf(STDERR_FILENO, "tacho: cannot record into %s: %s\n",
                where != NULL ? where : "stderr", strerror(-r));
    else if (where != NULL)
        setenv(MARKS_VARIABLE, own_recording_variable(), 1); /* for programs it starts */
}

void own_arrival(const char *program, int rank, int ranks)
{
    static bool arrived;
    const char *marks = secure_getenv(MARKS_VARIABLE), *where = secure_getenv("TACHO");
    if (__atomic_exchange_n(&arrived, true, __ATOMIC_RELAXED))
        return;
    bool joins = marks != NULL && marks_place_is_read(marks) && own_file_place(marks);
    if (joins)
        own_session_join();
    start_as_asked(where != NULL && where[0] != '\0' && !joins ? where : NULL, program, rank,
                   ranks);
}
