/* Keeps what a machine's reader hands out, instance by instance. */
#ifndef TACHO_TEST_SOURCE_INSTANCES_H
#define TACHO_TEST_SOURCE_INSTANCES_H

#include <string.h>

#include "source/machine.h"

struct instances {
    unsigned n_values; /* of each, to be kept */
    unsigned n;
    struct {
        char name[INSTANCE_NAME_CAP];
        uint64_t value[16];
        uint32_t valid;
    } at[300];
};

static inline void collect(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    struct instances *instances = user;
    assert_true(instances->n < 300);
    strcpy(instances->at[instances->n].name, name);
    memcpy(instances->at[instances->n].value, value, instances->n_values * sizeof *value);
    instances->at[instances->n++].valid = valid;
}

#endif
