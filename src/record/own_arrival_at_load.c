/*
 * Only in libtacho: a process arrives before constructors of the program, which may mark. Who knows more
 * of the program a little later, as Python's extension does, has no use of this file and calls it itself.
 */
#include <errno.h>

#include "record/own_arrival.h"

__attribute__((constructor(101))) static void arrive(void)
{
    own_arrival(program_invocation_short_name, 0, 0);
}
