/*
 * The reference recording of the format's measurements: 1,000 processes x 20 metrics x 600 samples,
 * of which 4.7 % change from one to the next. Writes it through the recorder's own path, reads it
 * back, and prints CPU and bytes per value. usage: reference FILE [zstd|none [SAMPLES]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tacho/recording.h>

#include "base/clock.h"
#include "record/recording_sink.h"

#define PROCESSES 1000
#define TICKS 600 /* samples of each process, unless said otherwise */
#define GROUPS (1u << GROUP_CLOCK | 1u << GROUP_MEMORY | 1u << GROUP_STAT | 1u << GROUP_IO)
#define CHANGING_PER_MILLE 47

static int ticks = TICKS;
static uint64_t state = 20261121;

static uint64_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Steps of the size that such a metric makes. */
static uint64_t step_of(unsigned metric)
{
    switch (metric) {
    case PROCESS_VMS:
    case PROCESS_RSS: return 4096 * (chance() % 256 - 128);
    case PROCESS_CPU: return chance() % 100000000;
    case PROCESS_USER:
    case PROCESS_SYSTEM:
    case PROCESS_CHILDREN_USER:
    case PROCESS_CHILDREN_SYSTEM: return 10000000 * (1 + chance() % 9);
    case PROCESS_READ_BYTES:
    case PROCESS_WRITE_BYTES: return 4096 * (1 + chance() % 64);
    case PROCESS_READ_CHARS:
    case PROCESS_WRITE_CHARS: return 1 + chance() % 65536;
    default: return 1 + chance() % 20;
    }
}

static uint64_t mask_of_groups(void)
{
    uint64_t mask = 0;
    for (unsigned g = 0; g < PROCESS_GROUPS; g++)
        if ((GROUPS >> g & 1) != 0)
            mask |= kind_group_mask(ENTITY_PROCESS, g);
    return mask;
}

static void *born(const struct sample_sink *sink, uint32_t id)
{
    struct record r = {.type = RECORD_BIRTH, .birth = {.entity = id, .pid = 1000 + id}};
    sink->record(sink->user, &r);
    return sink->add(sink->user, id, ENTITY_PROCESS);
}

static int write_all(const char *path, const struct codec *codec, uint64_t *ret_bytes)
{
    static uint64_t value[PROCESSES][PROCESS_METRICS];
    static void *handle[PROCESSES];
    const uint64_t known = mask_of_groups(), interval = NS_PER_S / 10;
    struct recording *recording;
    struct recording_options options = {
        .path = path, .replace = true, .interval_ns = interval, .codec = codec};
    int r = recording_create(&options, &recording);
    if (r != 0)
        return r;
    struct sample_sink sink = recording_sink(recording);
    for (uint32_t p = 0; p < PROCESSES; p++)
        handle[p] = born(&sink, p + 1);
    uint64_t now = clock_mono_ns();
    for (int t = 0; t < ticks; t++, now += interval) {
        sink.tick(sink.user, now);
        for (int p = 0; p < PROCESSES; p++) {
            for (uint64_t left = known; left != 0; left &= left - 1)
                if (chance() % 1000 < CHANGING_PER_MILLE)
                    value[p][__builtin_ctzll(left)] += step_of((unsigned)__builtin_ctzll(left));
            sink.put(sink.user, handle[p], ENTITY_PROCESS, GROUPS, false, value[p], known);
        }
        sink.tick_end(sink.user);
    }
    recording_flush(recording);
    *ret_bytes = recording_bytes(recording);
    return recording_close(recording);
}

/* The sum of all values, so that nothing is left out. */
static int read_all(const char *path, uint64_t *ret_values)
{
    struct tacho_recording *rec;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    uint64_t values = 0;
    int r = tacho_recording_open(path, &rec, NULL);
    if (r == 0)
        r = tacho_walk_open(rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk);
    if (r != 0)
        return r;
    while ((r = tacho_walk_next(walk, &sample)) == 1)
        values += (uint64_t)__builtin_popcountll(sample.fresh);
    tacho_walk_close(walk);
    tacho_recording_close(rec);
    *ret_values = values;
    return r;
}

static volatile uint64_t sink; /* where results go that nobody wants */

/* What making the numbers costs, to be taken off. */
static void make_only(void)
{
    const uint64_t known = mask_of_groups();
    for (int t = 0; t < ticks * PROCESSES; t++)
        for (uint64_t left = known; left != 0; left &= left - 1)
            if (chance() % 1000 < CHANGING_PER_MILLE)
                sink += step_of((unsigned)__builtin_ctzll(left));
}

int main(int argc, char **argv)
{
    const struct codec *codec = NULL;
    if (argc < 2) {
        fputs("usage: reference FILE [zstd|none [SAMPLES]]\n", stderr);
        return 2;
    }
    if (argc > 3)
        ticks = atoi(argv[3]);
#ifdef HAVE_ZSTD
    if (argc < 3 || strcmp(argv[2], "zstd") == 0)
        codec = &codec_zstd;
#endif
    uint64_t bytes = 0, values = 0, t0 = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    make_only();
    uint64_t t1 = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int r = write_all(argv[1], codec, &bytes);
    uint64_t t2 = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (r == 0)
        r = read_all(argv[1], &values);
    uint64_t t3 = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (r != 0) {
        fprintf(stderr, "reference: %s: %s\n", argv[1], strerror(-r));
        return 1;
    }
    uint64_t wrote = t2 - t1 > t1 - t0 ? t2 - t1 - (t1 - t0) : 0;
    printf("%-5s %10.1f MB %8.3f B/value   write %6.1f ms %6.2f ns/value   read %6.1f ms %6.2f "
           "ns/value   (%llu values)\n",
           codec != NULL ? codec->name : "none", (double)bytes / 1e6,
           (double)bytes / (double)values, (double)wrote / 1e6, (double)wrote / (double)values,
           (double)(t3 - t2) / 1e6, (double)(t3 - t2) / (double)values, (unsigned long long)values);
    return 0;
}
