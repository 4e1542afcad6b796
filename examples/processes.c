/*
 * Lists the processes of a recording with their CPU time, as one's own program would:
 *
 *     cc -o processes processes.c $(pkg-config --cflags --libs tacho-read)
 *     ./processes run.tacho
 */
#include <inttypes.h>
#include <stdio.h>
#include <tacho/recording.h>

/* The last value of a metric of a process; 0 where it was never sampled. */
static double last_seconds(struct tacho_recording *rec, uint32_t entity, int position)
{
    struct tacho_series series;
    if (position < 0 ||
        tacho_series_read(rec, entity, (unsigned)position, 0, UINT64_MAX, &series) != 0)
        return 0;
    double seconds = series.count > 0 ? (double)series.value[series.count - 1] / 1e9 : 0;
    tacho_series_done(&series);
    return seconds;
}

int main(int argc, char **argv)
{
    struct tacho_recording *rec;
    struct tacho_error error;
    if (argc != 2) {
        fputs("usage: processes FILE\n", stderr);
        return 2;
    }
    if (tacho_recording_open(argv[1], &rec, &error) != 0) {
        fprintf(stderr, "processes: %s: %s\n", argv[1], error.message);
        return 1;
    }
    int cpu = tacho_metric_find(rec, TACHO_PROCESS, "cpu");
    for (size_t i = 0; i < tacho_process_count(rec); i++) {
        const struct tacho_process *process = tacho_process(rec, i);
        printf("%8d %10.3f s  %s\n", process->pid, last_seconds(rec, process->entity, cpu),
               process->comm);
    }
    tacho_recording_close(rec);
    return 0;
}
