/* Whether a mechanism works here: by having it follow a child of our own. */
#ifndef TACHO_FOLLOW_FOLLOW_TRY_H
#define TACHO_FOLLOW_FOLLOW_TRY_H

#include "follow/follow.h"

/*
 * Launches a child that forks one itself, and follows it: 0 when all was seen that the mechanism
 * claims to tell (the birth, and the end, its status and account), else -errno with the reason. The
 * children are gone when it returns. Takes some 10 to 100 ms, half a second when something does not come.
 * SIGCHLD must not be ignored.
 */
int follow_try(const struct follow_mechanism *mechanism, const struct source_root *root,
               struct follow_reason *ret_why);

#endif
