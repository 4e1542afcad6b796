/*
 * The places (struct tacho_place) of functions, by their addresses.
 *
 * A place's name is not the function's: to find that would take time and memory in the program. It says
 * where a reader finds it, whatever addresses the program was loaded at:
 *
 *     @0x1139 6f0c2b1d94a35e77 /usr/bin/prog
 *
 * the address that the module's own symbols have for it, the first 8 bytes of the module's build id, `-`
 * where it has none, and the module's path. Of code that lies in no module the address is as it was in
 * the process, and the path is empty.
 *
 * For any threads and signal handlers at once: no locks, no allocation. Memory: what is touched of 6 MiB
 * of zeroed pages. Nothing is ever taken away, so that of a module that is unloaded and another one at
 * its addresses the functions count as those of the first.
 */
#ifndef TACHO_FUNCTIONS_FUNCTION_PLACES_H
#define TACHO_FUNCTIONS_FUNCTION_PLACES_H

#include <tacho/tacho.h>

/*
 * Never NULL: functions that there is no room for, about the 60,000th and further ones, share one,
 * "(too many functions)". About 2 ns, and a few µs for a function not seen before. Hidden, but in a static
 * archive its name must not be one of a program's.
 */
struct tacho_place *tacho_function_place(const void *function);

#endif
