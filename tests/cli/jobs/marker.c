/* Marks in all the ways that tests of marking need. Usage: marker WHAT [ARGUMENT...] */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tacho/tacho.h>
#include <unistd.h>

static volatile double burnt;

static void burn(int rounds)
{
    for (int i = 0; i < rounds; i++)
        burnt = burnt + i;
}

static void loop(const char *name, int times)
{
    for (int i = 0; i < times; i++) {
        tacho_begin(name, "Core");
        burn(1000);
        tacho_end();
    }
}

/* loop NAME TIMES */
static int run_loop(char **arg)
{
    loop(arg[0], atoi(arg[1]));
    return 0;
}

static int run_fork(char **arg)
{
    (void)arg;
    TACHO_SCOPE("parent", "I/O");
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            loop("child", 10);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    return 0;
}

/* exec PROGRAM ARGUMENT...: with a scope open that ends with this image */
static int run_exec(char **arg)
{
    tacho_begin("before exec", NULL);
    loop("old image", 10);
    execvp(arg[0], arg);
    return 1;
}

static void *in_thread(void *argument)
{
    tacho_thread_name("worker");
    loop("in thread", 100);
    return argument;
}

static int run_threads(char **arg)
{
    int n = atoi(arg[0]);
    for (int i = 0; i < n; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, in_thread, NULL) != 0)
            return 1;
        pthread_join(thread, NULL);
    }
    return 0;
}

/* each: scopes in scopes, threads, values, a label, names that need quoting, one scope left open */
static int run_each(char **arg)
{
    (void)arg;
    pthread_t thread;
    tacho_begin("outer \"quoted\"\n\xff", "I/O");
    loop("inner", 5);
    for (int i = 0; i < 4; i++)
        tacho_counter("residual", i == 2 ? (double)NAN : 1.0 / (1 << i));
    tacho_label("half, \"way\"");
    tacho_end();
    if (pthread_create(&thread, NULL, in_thread, NULL) != 0)
        return 1;
    pthread_join(thread, NULL);
    tacho_begin("left open", NULL);
    usleep(300000); /* long enough to be sampled */
    return 0;
}

/* end HOW: with a scope open */
static int run_end(char **arg)
{
    TACHO_SCOPE("open");
    loop("closed", 100);
    TACHO_LABEL("last words");
    if (strcmp(arg[0], "abort") == 0)
        abort();
    if (strcmp(arg[0], "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(arg[0], "_exit") == 0)
        _exit(0);
    if (strcmp(arg[0], "exit") == 0)
        exit(0);
    return 0;
}

static void print_line(void *user, const char *line)
{
    printf("%s %s\n", (const char *)user, line);
    fflush(stdout);
}

/* own FILE: records itself twice, the second time with lines */
static int run_own(char **arg)
{
    struct tacho_options o = {.size = sizeof o, .path = arg[0], .interval_s = 0.02};
    char second[4096];
    snprintf(second, sizeof second, "%s.2", arg[0]);
    loop("unheard", 10);
    if (tacho_flush() != -ENOENT || tacho_stop() != -ENOENT)
        return 2;
    if (tacho_start(&o) != 0 || tacho_start(&o) != -EALREADY)
        return 3;
    loop("first", 50);
    tacho_label("in the first");
    if (tacho_flush() != 0 || tacho_stop() != 0)
        return 4;
    loop("unheard", 10);
    if (tacho_start(&o) != -EEXIST)
        return 5;
    o.path = second;
    o.log_interval_s = 0.05;
    o.log = print_line;
    o.log_user = "2024-01-01 app INFO";
    if (tacho_start(&o) != 0)
        return 6;
    loop("second", 70);
    tacho_label("in the second");
    usleep(200000);
    return tacho_stop() != 0 ? 7 : 0;
}

/* log FILE: lines only, into a file */
static int run_log(char **arg)
{
    struct tacho_options o = {.size = sizeof o,
                              .no_recording = 1,
                              .log_interval_s = 0.05,
                              .log_file = fopen(arg[0], "w"),
                              .log_prefix = "app: "};
    if (o.log_file == NULL || tacho_start(&o) != 0)
        return 2;
    TACHO_LABEL("one");
    loop("unheard", 10);
    TACHO_LABEL("two\nlines");
    return tacho_stop() != 0 || fclose(o.log_file) != 0 ? 3 : 0;
}

/* ranked: two recordings in the working directory, of rank 7 of 12, and by a program older than ranks */
static int run_ranked(char **arg)
{
    (void)arg;
    struct tacho_options o = {.size = sizeof o, .rank = 7, .ranks = 12};
    if (tacho_start(&o) != 0 || tacho_stop() != 0)
        return 2;
    o.size = offsetof(struct tacho_options, rank);
    o.path = "older.tacho";
    return tacho_start(&o) != 0 || tacho_stop() != 0 ? 3 : 0;
}

/* wrong: what tacho_start refuses */
static int run_wrong(char **arg)
{
    struct tacho_options o = {.size = sizeof o, .path = arg[0], .interval_s = -1};
    if (tacho_start(&o) != -EINVAL)
        return 2;
    o.interval_s = 1e300;
    if (tacho_start(&o) != -EINVAL)
        return 3;
    o.interval_s = 0;
    o.log_interval_s = NAN;
    if (tacho_start(&o) != -EINVAL)
        return 7;
    o.log_interval_s = 0;
    o.interval_s = 0;
    for (o.rank = -1; o.rank <= 2; o.rank++)
        for (o.ranks = -1; o.ranks <= 2; o.ranks++)
            if ((o.rank < 0 || (o.rank > 0 && o.rank >= o.ranks) || o.ranks < 0) &&
                tacho_start(&o) != -EINVAL)
                return 8;
    o.rank = o.ranks = 0;
    o.size = 1;
    if (tacho_start(&o) != -EINVAL)
        return 4;
    o.size = sizeof o;
    o.path = "/proc/nonexistent/x.tacho";
    if (tacho_start(&o) != -ENOENT || tacho_marking != 0)
        return 5;
    o.path = arg[0];
    return tacho_start(&o) != 0 || tacho_stop() != 0 ? 6 : 0;
}

/* closed FILE OTHER: closes every descriptor after the start, and opens its own */
static int run_closed(char **arg)
{
    struct tacho_options o = {.size = sizeof o, .path = arg[0], .interval_s = 0.01};
    if (tacho_start(&o) != 0)
        return 2;
    loop("before", 10);
    for (int fd = 3; fd < 256; fd++)
        close(fd);
    for (int i = 0; i < 40; i++)
        if (open(arg[1], O_RDWR | O_CREAT, 0600) < 0)
            return 3;
    loop("after", 10);
    usleep(1200000);
    return tacho_stop() == -EBADF ? 0 : 4;
}

/* plugin LIBRARY TIMES: loads and unloads what marks */
static int run_plugin(char **arg)
{
    for (int i = 0; i < atoi(arg[1]); i++) {
        void *plugin = dlopen(arg[0], RTLD_NOW | RTLD_LOCAL);
        if (plugin == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 2;
        }
        void (*mark)(void);
        *(void **)&mark = dlsym(plugin, "plugin_mark");
        mark();
        dlclose(plugin);
    }
    return 0;
}

/* wait ANYTHING: marks until it is killed, every ms */
static int run_wait(char **arg)
{
    (void)arg;
    for (;;) {
        TACHO_SCOPE("waiting");
        usleep(1000);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(char **arg);
    } all[] = {{"loop", run_loop},       {"fork", run_fork},     {"exec", run_exec},
               {"threads", run_threads}, {"end", run_end},       {"own", run_own},
               {"wrong", run_wrong},     {"ranked", run_ranked}, {"closed", run_closed},
               {"wait", run_wait},       {"plugin", run_plugin}, {"log", run_log},
               {"each", run_each}};
    for (size_t i = 0; argc > 1 && i < sizeof all / sizeof all[0]; i++)
        if (strcmp(argv[1], all[i].name) == 0)
            return all[i].run(argv + 2);
    return 64;
}
