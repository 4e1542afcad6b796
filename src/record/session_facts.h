/* What a recording says of the machine it was made on: facts, see docs/FORMAT.md for their keys. */
#ifndef TACHO_RECORD_SESSION_FACTS_H
#define TACHO_RECORD_SESSION_FACTS_H

#include "sample/sink.h"
#include "source/host.h"
#include "source/rank.h"

void session_facts_host(const struct sample_sink *sink, const struct source_root *root,
                        const struct host_facts *facts);

/* Until when the batch system lets the job run, where the environment of this process says. */
void session_facts_job(const struct sample_sink *sink);

/* Which rank of a parallel job the process is, where it is one. */
void session_facts_rank(const struct sample_sink *sink, const struct rank *rank);

#endif
