/*
 * Stands in for NVIDIA's libnvidia-ml.so.1: GPUs made of the lines of the file $NVML_STANDIN names,
 * read anew when it changes. Declares NVML's interface by itself, so that a wrong declaration of the
 * program's shows. Lines:
 *
 *   gpus N               how many there are (default 1)
 *   driver TEXT          driver version
 *   name I TEXT          name of GPU I
 *   set I FIELD VALUE    util memutil used total reserved power temperature sm memory throttle
 *                        rx tx corrected uncorrected energy (mJ; else power times time)
 *   process I PID BYTES [PERCENT [LIST]]    LIST: c compute (default), g graphics, b both, m MPS
 *   bytes N              of a process entry: 16, 24, 32
 *   mig I N              GPU I is divided into N instances; process GPU is then I + 100 * (1 + instance)
 *   fail CALL STATUS     CALL answers STATUS: a call's name without "nvml" and version
 *   lost I               GPU I answers that it is lost
 *   slow CALL MS         CALL takes so long
 *   hang CALL            CALL never returns
 *
 * OLD: built without the calls that drivers of 2014 lack.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef int nvmlReturn_t;
typedef struct {
    unsigned index, instance; /* instance 0: the whole */
} * nvmlDevice_t;

enum { OK, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
enum { GPUS = 64, PROCESSES = 2048, RULES = 32, FIELDS = 16 };

static const char *const field_names[FIELDS] = {
    "util",   "memutil",  "used", "total", "reserved",  "power",       "temperature", "sm",
    "memory", "throttle", "rx",   "tx",    "corrected", "uncorrected", "energy",      ""};
enum {
    UTIL,
    MEMUTIL,
    USED,
    TOTAL,
    RESERVED,
    POWER,
    TEMPERATURE,
    SM,
    MEMORY,
    THROTTLE,
    RX,
    TX,
    CORRECTED,
    UNCORRECTED,
    ENERGY
};

static struct {
    struct stat seen;
    unsigned gpus, bytes, processes, rules;
    char driver[200], name[GPUS][200];
    long long set[GPUS][FIELDS]; /* -1: not set */
    int lost[GPUS], instances[GPUS];
    struct {
        unsigned gpu, pid, percent;
        unsigned long long bytes;
        char list;
    } process[PROCESSES];
    struct {
        char what, call[40]; /* f, s, h */
        int value;
    } rule[RULES];
} now;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct timespec loaded;

static void take_line(char *line)
{
    char word[40], list[8] = "c";
    unsigned i, pid, percent = 0, n;
    long long value;
    unsigned long long bytes;
    int text;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "gpus %u", &n) == 1)
        now.gpus = n;
    else if (strncmp(line, "driver ", 7) == 0)
        snprintf(now.driver, sizeof now.driver, "%.199s", line + 7);
    else if (sscanf(line, "name %u %n", &i, &text) == 1 && i < GPUS)
        snprintf(now.name[i], sizeof now.name[i], "%.199s", line + text);
    else if (sscanf(line, "set %u %39s %lld", &i, word, &value) == 3 && i < GPUS) {
        for (int f = 0; f < FIELDS; f++)
            if (strcmp(word, field_names[f]) == 0)
                now.set[i][f] = value;
    } else if (sscanf(line, "process %u %u %llu %u %7s", &i, &pid, &bytes, &percent, list) >= 3 &&
               now.processes < PROCESSES) {
        now.process[now.processes].gpu = i;
        now.process[now.processes].pid = pid;
        now.process[now.processes].bytes = bytes;
        now.process[now.processes].percent = percent;
        now.process[now.processes++].list = list[0];
    } else if (sscanf(line, "bytes %u", &n) == 1)
        now.bytes = n;
    else if (sscanf(line, "mig %u %u", &i, &n) == 2 && i < GPUS)
        now.instances[i] = (int)n;
    else if (sscanf(line, "lost %u", &i) == 1 && i < GPUS)
        now.lost[i] = 1;
    else if (now.rules < RULES && (sscanf(line, "fail %39s %d", now.rule[now.rules].call,
                                          &now.rule[now.rules].value) == 2 ||
                                   sscanf(line, "slow %39s %d", now.rule[now.rules].call,
                                          &now.rule[now.rules].value) == 2 ||
                                   sscanf(line, "hang %39s", now.rule[now.rules].call) == 1))
        now.rule[now.rules++].what = line[0];
}

static void read_file(void)
{
    const char *path = getenv("NVML_STANDIN");
    struct stat st = {0};
    char line[400];
    if (path != NULL && stat(path, &st) == 0 && now.gpus != 0 && st.st_ino == now.seen.st_ino &&
        st.st_mtim.tv_nsec == now.seen.st_mtim.tv_nsec &&
        st.st_mtim.tv_sec == now.seen.st_mtim.tv_sec)
        return;
    FILE *file = path == NULL ? NULL : fopen(path, "r");
    memset(&now, 0, sizeof now);
    memset(now.set, 0xff, sizeof now.set);
    now.gpus = 1;
    now.bytes = 24;
    now.seen = st;
    strcpy(now.driver, "550.54.15");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        take_line(line);
    if (file != NULL)
        fclose(file);
}

/* What the rules say of a call; 0: go on. */
static int enter(const char *call)
{
    int status = OK, ms = 0, hang = 0;
    pthread_mutex_lock(&lock);
    read_file();
    for (unsigned i = 0; i < now.rules; i++) {
        if (strcmp(now.rule[i].call, call) != 0)
            continue;
        if (now.rule[i].what == 'f')
            status = now.rule[i].value;
        if (now.rule[i].what == 's')
            ms = now.rule[i].value;
        hang |= now.rule[i].what == 'h';
    }
    pthread_mutex_unlock(&lock);
    while (hang)
        pause();
    if (ms > 0)
        usleep((useconds_t)ms * 1000);
    return status;
}

static int enter_device(const char *call, nvmlDevice_t device)
{
    int status = enter(call);
    return now.lost[device->index] ? GPU_IS_LOST : status;
}

static unsigned long long field(nvmlDevice_t device, int f, unsigned long long otherwise)
{
    long long set = now.set[device->index][f];
    return set >= 0 ? (unsigned long long)set : otherwise;
}

#pragma GCC visibility push(default)

/* ---- the library ---- */

nvmlReturn_t nvmlInit_v2(void)
{
    clock_gettime(CLOCK_MONOTONIC, &loaded);
    return enter("Init");
}

nvmlReturn_t nvmlShutdown(void)
{
    return enter("Shutdown");
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *text, unsigned n)
{
    int r = enter("SystemGetDriverVersion");
    snprintf(text, n, "%s", now.driver);
    return r;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    int r = enter("DeviceGetCount");
    *count = now.gpus;
    return r;
}

static struct {
    unsigned index, instance;
} devices[GPUS][9];

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned i, nvmlDevice_t *ret)
{
    int r = enter("DeviceGetHandleByIndex");
    devices[i][0].index = i;
    *ret = (nvmlDevice_t)&devices[i][0];
    return r == OK && now.lost[i] ? GPU_IS_LOST : r;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t d, char *text, unsigned n)
{
    int r = enter_device("DeviceGetName", d);
    snprintf(text, n, "%s", now.name[d->index][0] ? now.name[d->index] : "Stand-in GPU");
    return r;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t d, char *text, unsigned n)
{
    int r = enter_device("DeviceGetUUID", d);
    snprintf(text, n, "GPU-00000000-0000-0000-0000-%012u", d->index);
    return r;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t d, unsigned ret[2])
{
    int r = enter_device("DeviceGetUtilizationRates", d);
    ret[0] = (unsigned)field(d, UTIL, 10 * (d->index % 10));
    ret[1] = (unsigned)field(d, MEMUTIL, 5);
    return r;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t d, unsigned long long ret[3])
{
    int r = enter_device("DeviceGetMemoryInfo", d);
    unsigned long long reserved = field(d, RESERVED, 500ull << 20);
    ret[0] = field(d, TOTAL, 80ull << 30);
    ret[2] = field(d, USED, (d->index + 1ull) << 30) + reserved;
    ret[1] = ret[0] - ret[2];
    return r;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t d, unsigned *ret)
{
    int r = enter_device("DeviceGetPowerUsage", d);
    *ret = (unsigned)field(d, POWER, 100000);
    return r;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t d, int sensor, unsigned *ret)
{
    int r = enter_device("DeviceGetTemperature", d);
    *ret = (unsigned)field(d, TEMPERATURE, 40 + d->index);
    return sensor == 0 ? r : NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t d, int clock, unsigned *ret)
{
    int r = enter_device("DeviceGetClockInfo", d);
    *ret = (unsigned)(clock == 1 ? field(d, SM, 1410) : field(d, MEMORY, 1593));
    return clock == 1 || clock == 2 ? r : NOT_SUPPORTED;
}

static int list(nvmlDevice_t d, char which, unsigned *count, unsigned char *infos, unsigned bytes)
{
    unsigned n = 0, wanted = d->index + 100 * d->instance;
    for (int pass = 0; pass < 2; pass++) {
        n = 0;
        for (unsigned i = 0; i < now.processes; i++) {
            char of = now.process[i].list;
            if (now.process[i].gpu != wanted || (of != which && !(of == 'b' && which != 'm')))
                continue;
            if (pass == 1) {
                unsigned char *at = infos + (size_t)n * bytes;
                unsigned none = 0xffffffff;
                memset(at, 0, bytes);
                memcpy(at, &now.process[i].pid, 4);
                memcpy(at + 8, &now.process[i].bytes, 8);
                if (bytes > 16) {
                    memcpy(at + 16, &none, 4);
                    memcpy(at + 20, &none, 4);
                }
            }
            n++;
        }
        unsigned room = *count;
        if (pass == 0 && n > room) {
            *count = n;
            return INSUFFICIENT_SIZE;
        }
    }
    *count = n;
    return OK;
}

#define LISTS(kind, which, suffix, bytes)                                                       \
    nvmlReturn_t nvmlDeviceGet##kind##RunningProcesses##suffix(nvmlDevice_t d, unsigned *count, \
                                                               void *infos)                     \
    {                                                                                           \
        int r = enter_device("DeviceGet" #kind "RunningProcesses", d);                          \
        return r != OK ? r : list(d, which, count, infos, bytes);                               \
    }

#ifdef OLD
LISTS(Compute, 'c', , 16)
LISTS(Graphics, 'g', , 16)
#else
LISTS(Compute, 'c', _v3, now.bytes)
LISTS(Graphics, 'g', _v3, now.bytes)
LISTS(MPSCompute, 'm', _v3, now.bytes)

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t d, void *info)
{
    struct {
        unsigned version;
        unsigned long long total, reserved, free, used;
    } *ret = info;
    int r = enter_device("DeviceGetMemoryInfo", d);
    if (ret->version != (sizeof *ret | 2u << 24))
        return 25;
    ret->total = field(d, TOTAL, 80ull << 30);
    ret->reserved = field(d, RESERVED, 500ull << 20);
    ret->used = field(d, USED, (d->index + 1ull) << 30);
    ret->free = ret->total - ret->reserved - ret->used;
    return r;
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t d, unsigned long long *ret)
{
    int r = enter_device("DeviceGetTotalEnergyConsumption", d);
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    unsigned long long ms = (unsigned long long)((at.tv_sec - loaded.tv_sec) * 1000 +
                                                 (at.tv_nsec - loaded.tv_nsec) / 1000000);
    *ret = field(d, ENERGY, 5000000 + field(d, POWER, 100000) * ms / 1000);
    return r;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t d, unsigned long long *ret)
{
    int r = enter_device("DeviceGetCurrentClocksThrottleReasons", d);
    *ret = field(d, THROTTLE, 0);
    return r;
}

nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t d, int counter, unsigned *ret)
{
    int r = enter_device("DeviceGetPcieThroughput", d);
    *ret = (unsigned)(counter == 1 ? field(d, RX, 2000) : field(d, TX, 1000));
    return r;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t d, int error, int counter,
                                         unsigned long long *ret)
{
    int r = enter_device("DeviceGetTotalEccErrors", d);
    *ret = error == 0 ? field(d, CORRECTED, 0) : field(d, UNCORRECTED, 0);
    return counter == 0 ? r : NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t d, void *samples, unsigned *count,
                                             unsigned long long since)
{
    struct {
        unsigned pid;
        unsigned long long time;
        unsigned sm, memory, encoder, decoder;
    } *ret = samples;
    int r = enter_device("DeviceGetProcessUtilization", d);
    unsigned n = 0;
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    unsigned long long us =
        (unsigned long long)at.tv_sec * 1000000 + (unsigned long long)at.tv_nsec / 1000;
    if (r != OK)
        return r;
    if (d->instance != 0 || now.instances[d->index] > 0)
        return NOT_SUPPORTED;
    for (unsigned i = 0; i < now.processes && n < *count && us > since; i++)
        if (now.process[i].gpu == d->index && now.process[i].percent > 0) {
            memset(&ret[n], 0, sizeof ret[n]);
            ret[n].pid = now.process[i].pid;
            ret[n].time = us;
            ret[n++].sm = now.process[i].percent;
        }
    *count = n;
    return n > 0 ? OK : NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t d, unsigned *current, unsigned *pending)
{
    int r = enter_device("DeviceGetMigMode", d);
    *current = *pending = now.instances[d->index] > 0;
    return r;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t d, unsigned *count)
{
    (void)d;
    *count = 7;
    return OK;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t d, unsigned i, nvmlDevice_t *ret)
{
    if ((int)i >= now.instances[d->index])
        return NOT_FOUND;
    devices[d->index][i + 1].index = d->index;
    devices[d->index][i + 1].instance = i + 1;
    *ret = (nvmlDevice_t)&devices[d->index][i + 1];
    return OK;
}
#endif
