/*
 * What happens as libtacho is loaded, before main: a program that a recorder has launched marks from the
 * beginning. Only in the library: the program `tacho` does not take this object.
 */
#include <stdlib.h>

#include "mark/marking.h"
#include "mark/own_file.h"
#include "mark/shared.h"

/* Before constructors of the program, which may mark. */
__attribute__((constructor(101))) static void join(void)
{
    const char *marks = secure_getenv(MARKS_VARIABLE);
    if (marks != NULL && own_file_place(marks))
        marking_begin();
}
