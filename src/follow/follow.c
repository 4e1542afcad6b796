#include "follow/follow.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int follow_fail(struct follow_reason *ret, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(ret->text, sizeof ret->text, format, args);
    va_end(args);
    return error;
}

/* One that is asked for stands for itself "+more", too: the better one comes first. */
static bool is_meant(const struct follow_mechanism *m, const struct follow_mechanism *asked_for)
{
    size_t n = strlen(asked_for->name);
    return m == asked_for || (strncmp(m->name, asked_for->name, n) == 0 && m->name[n] == '+');
}

int follow_open(const struct follow_mechanism *const *among,
                const struct follow_mechanism *mechanism, const struct follow_config *config,
                const struct follow_sink *sink, const struct follow_mechanism **ret_mechanism,
                struct follow **ret, struct follow_reason *ret_why)
{
    int r = follow_fail(ret_why, -ENOTSUP, "no mechanism of this build works here");
    for (size_t i = 0; among[i] != NULL; i++) {
        const struct follow_mechanism *m = among[i];
        if (mechanism != NULL ? !is_meant(m, mechanism) : m->only_when_asked)
            continue;
        if (config->machine && (m->tells & FOLLOW_SEES_MACHINE) == 0) {
            if (mechanism != NULL)
                return follow_fail(ret_why, -ENOTSUP, "it does not see the whole machine");
            continue;
        }
        r = m->open(config, sink, ret, ret_why);
        if (r == 0)
            *ret_mechanism = m;
        if (r == 0 || r == -ESRCH)
            return r;
    }
    return r;
}
