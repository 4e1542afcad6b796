/*
 * For other languages: a label without variable arguments, which some cannot pass, and a function in place
 * of the variable, of which compilers make a second one that is never set.
 */
#include <tacho/tacho.h>

#include "mark/shared.h"

int tacho_is_marking(void)
{
    return __atomic_load_n(&tacho_marking, __ATOMIC_RELAXED);
}

void tacho_label_text(const char *text, size_t bytes)
{
    if (tacho_is_marking() != 0)
        tacho_label("%.*s", (int)(bytes < LABEL_BYTES_MAX ? bytes : LABEL_BYTES_MAX), text);
}
