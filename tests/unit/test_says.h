/* For the tests of report/: what a text says, and what it does not. */
#ifndef TACHO_TEST_SAYS_H
#define TACHO_TEST_SAYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

/* `out` ends with a NUL. */
static inline void assert_says(const struct buffer *out, const char *what)
{
    if (strstr((const char *)out->data, what) == NULL)
        fail_msg("does not say '%s':\n%s", what, (const char *)out->data);
}

static inline void assert_silent(const struct buffer *out, const char *what)
{
    if (strstr((const char *)out->data, what) != NULL)
        fail_msg("says '%s':\n%s", what, (const char *)out->data);
}

#endif
