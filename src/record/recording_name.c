#include "record/recording_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define OF_MAX 64
#define JOB_MAX 48
#define HOST_MAX 48

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

static void put_plain(char *ret, size_t cap, const char *text)
{
    size_t n = strnlen(text, cap - 1);
    for (size_t i = 0; i < n; i++)
        ret[i] = strchr(plain, text[i]) != NULL ? text[i] : '_';
    ret[n] = '\0';
}

static void put_stamp(char *ret, size_t cap)
{
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local) == NULL || strftime(ret, cap, "%Y%m%dT%H%M%S", &local) == 0)
        ret[0] = '\0';
}

/* With as many digits as the last rank has, so that names stand in the order of ranks. */
static int digits_of(const struct rank *rank)
{
    char last[24];
    return rank->size == RANK_UNKNOWN ? 1 : snprintf(last, sizeof last, "%" PRIu64, rank->size - 1);
}

void recording_name_on(const char *of, const struct rank *rank, const char *host, char *ret,
                       size_t cap)
{
    char name[OF_MAX], stamp[32], job[JOB_MAX], on[HOST_MAX];
    const char *slash = strrchr(of, '/');
    put_plain(name, sizeof name, slash != NULL && slash[1] != '\0' ? slash + 1 : of);
    put_stamp(stamp, sizeof stamp);
    if (rank->rank == RANK_UNKNOWN) {
        snprintf(ret, cap, "tacho-%s-%s-%d.tacho", name, stamp, (int)getpid());
        return;
    }
    put_plain(job, sizeof job, rank->job);
    put_plain(on, sizeof on, host);
    on[strcspn(on, ".")] = '\0';
    snprintf(ret, cap, "tacho-%s-%s-%s%s%s-r%0*" PRIu64 "-%d.tacho", name, stamp, job,
             job[0] != '\0' ? "-" : "", on, digits_of(rank), rank->rank, (int)getpid());
}

void recording_name(const char *of, const struct rank *rank, char *ret, size_t cap)
{
    struct utsname names = {.nodename = ""};
    uname(&names);
    recording_name_on(of, rank, names.nodename, ret, cap);
}
