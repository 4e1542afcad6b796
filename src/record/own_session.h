/* What own_arrival.c needs of tacho_start and its kin. */
#ifndef TACHO_RECORD_OWN_SESSION_H
#define TACHO_RECORD_OWN_SESSION_H

/* From now on marks are another process's, which records: tacho_start begins lines alone. */
void own_session_join(void);

#endif
