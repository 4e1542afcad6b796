#include "sample/missing.h"

void missing_count(struct missing *missing, unsigned kind, unsigned group, int error)
{
    unsigned i = 0;
    for (; i < missing->count; i++)
        if (missing->cause[i].kind == kind && missing->cause[i].group == group &&
            missing->cause[i].error == -error)
            break;
    if (i == missing->count) {
        if (missing->count == MISSING_CAUSES)
            i = MISSING_CAUSES - 1;
        else
            missing->count++;
        missing->cause[i].kind = kind;
        missing->cause[i].group = group;
        missing->cause[i].error = -error;
    }
    missing->cause[i].count++;
}

void missing_tell(struct missing *missing, const struct sample_sink *sink)
{
    for (unsigned i = 0; i < missing->count; i++) {
        if (missing->cause[i].count == missing->cause[i].told)
            continue;
        missing->cause[i].told = missing->cause[i].count;
        sink->record(sink->user,
                     &(struct record){.type = RECORD_MISSING,
                                      .missing = {.kind = missing->cause[i].kind,
                                                  .group = missing->cause[i].group,
                                                  .error = (uint64_t)missing->cause[i].error,
                                                  .count = missing->cause[i].count}});
    }
}
