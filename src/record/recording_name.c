#include "record/recording_name.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OF_MAX 64

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

void recording_name(const char *of, char *ret, size_t cap)
{
    char name[OF_MAX], stamp[32] = "";
    const char *slash = strrchr(of, '/');
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local) != NULL)
        strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &local);
    snprintf(name, sizeof name, "%s", slash != NULL && slash[1] != '\0' ? slash + 1 : of);
    for (char *c = name; *c != '\0'; c++)
        if (strchr(plain, *c) == NULL)
            *c = '_';
    snprintf(ret, cap, "tacho-%s-%s-%d.tacho", name, stamp, (int)getpid());
}
