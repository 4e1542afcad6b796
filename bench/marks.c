/*
 * What a scope costs the thread that marks it, beside the floor: two readings of the processor's tick
 * counter. CPU time of the thread, per scope, in bursts that fit a ring with a pause after each, as
 * programs mark that do something between; `tight` without a pause, as none does. usage:
 *
 *   marks burst THREADS BURSTS SCOPES PAUSE_US     ns of floor and scope, medians over bursts
 *   marks tight THREADS SCOPES                     the same, once
 *   marks jitter SCOPES                            scopes of uneven length, for the size on disk
 *   marks idle SECONDS                             nothing but the library
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tacho/tacho.h>
#include <time.h>
#include <unistd.h>

#if defined WITH_LTTNG
#include "marks_lttng.h"
#define SCOPE_BEGIN() lttng_ust_tracepoint(bench, begin)
#define SCOPE_END() lttng_ust_tracepoint(bench, end)
#define A_SCOPE()      \
    do {               \
        SCOPE_BEGIN(); \
        SCOPE_END();   \
    } while (0)
#elif defined WITH_SYSPROF
#include <sysprof-capture.h>
static SysprofCaptureWriter *writer; /* of one thread: it is not made for more */
#define A_SCOPE()                                                                                 \
    do {                                                                                          \
        long long began = SYSPROF_CAPTURE_CURRENT_TIME;                                           \
        sysprof_capture_writer_add_mark(writer, began, -1, getpid(),                              \
                                        (uint64_t)(SYSPROF_CAPTURE_CURRENT_TIME - began), "Core", \
                                        "step", "");                                              \
    } while (0)
#else
#define A_SCOPE()                    \
    do {                             \
        TACHO_SCOPE("step", "Core"); \
    } while (0)
#endif

static long bursts = 1, scopes, pause_us;

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static volatile unsigned long long sink;

static double floor_ns(void)
{
    double began = cpu_ns();
    for (long i = 0; i < scopes; i++) {
        sink = __builtin_ia32_rdtsc();
        sink = __builtin_ia32_rdtsc();
    }
    return (cpu_ns() - began) / (double)scopes;
}

static double scope_ns(void)
{
    double began = cpu_ns();
    for (long i = 0; i < scopes; i++)
        A_SCOPE();
    return (cpu_ns() - began) / (double)scopes;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct figures {
    double floor, scope;
};

static void *measure(void *user)
{
    struct figures *ret = user;
    double *floors = calloc((size_t)bursts, sizeof *floors),
           *all = calloc((size_t)bursts, sizeof *all);
    A_SCOPE(); /* the first takes the ring */
    for (long i = 0; i < bursts; i++) {
        floors[i] = floor_ns();
        all[i] = scope_ns();
        if (pause_us > 0)
            usleep((useconds_t)pause_us);
    }
    qsort(floors, (size_t)bursts, sizeof *floors, ascending);
    qsort(all, (size_t)bursts, sizeof *all, ascending);
    *ret = (struct figures){floors[bursts / 2], all[bursts / 2]};
    free(floors);
    free(all);
    return NULL;
}

static int measure_all(int threads)
{
    pthread_t thread[64];
    struct figures of[64], sum = {0};
    for (int i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, measure, &of[i]);
    for (int i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        sum.floor += of[i].floor / threads;
        sum.scope += of[i].scope / threads;
    }
    printf("%.2f %.2f\n", sum.floor, sum.scope);
    return 0;
}

static int jitter(void)
{
    unsigned long long state = 1;
    for (long i = 0; i < scopes; i++) {
        TACHO_SCOPE("step", "Core");
        state = state * 6364136223846793005u + 1442695040888963407u;
        for (unsigned long long k = state >> 56; k > 0; k--)
            sink = k;
    }
    return 0;
}

int main(int argc, char **argv)
{
#if defined WITH_SYSPROF
    writer = sysprof_capture_writer_new(getenv("SYSPROF_FILE"), 0);
    if (writer == NULL)
        return 1;
#endif
    if (argc == 6 && strcmp(argv[1], "burst") == 0) {
        bursts = atol(argv[3]);
        scopes = atol(argv[4]);
        pause_us = atol(argv[5]);
        return measure_all(atoi(argv[2]));
    }
    if (argc == 4 && strcmp(argv[1], "tight") == 0) {
        scopes = atol(argv[3]);
        return measure_all(atoi(argv[2]));
    }
    if (argc == 3 && strcmp(argv[1], "jitter") == 0) {
        scopes = atol(argv[2]);
        return jitter();
    }
    if (argc == 3 && strcmp(argv[1], "idle") == 0)
        return (int)sleep((unsigned)atoi(argv[2]));
    return 64;
}
