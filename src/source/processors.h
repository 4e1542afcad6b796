/* The processors of the host: their model, and where each sits. */
#ifndef TACHO_SOURCE_PROCESSORS_H
#define TACHO_SOURCE_PROCESSORS_H

#include "source/host.h"

/* Fills processors, cores, packages, place and cpu_model, as far as known. 0 or -ENOMEM. */
int processors_read(const struct source_root *root, struct host_facts *facts);

/* The model in a text of /proc/cpuinfo; empty when it names none. */
void processor_model_parse(const char *text, size_t n, char ret[HOST_TEXT_CAP]);

/*
 * A list as in sys/devices/system/cpu/online, "0-3,8\n": ascending, at most 65,536. `*ret` goes to
 * the caller to free. 0, -EPROTO, -ENOMEM.
 */
int processor_list_parse(const char *text, size_t n, struct processor_place **ret, size_t *ret_n);

#endif
