/* What the environment asks for as a process that marks arrives. */
#ifndef TACHO_RECORD_OWN_ARRIVAL_H
#define TACHO_RECORD_OWN_ARRIVAL_H

/*
 * Joins the recorder that TACHO_MARKS names, or begins what TACHO, TACHO_INTERVAL and TACHO_LOG ask for;
 * what cannot be done is told on stderr. In a directory the recording is called after `program`. `rank`,
 * `ranks`: as in struct tacho_options. Of several calls in a process the first one counts.
 */
void own_arrival(const char *program, int rank, int ranks);

#endif
