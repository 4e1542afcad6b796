/* How tables tell time: one choice for all columns that hold a moment. */
#ifndef TACHO_EXPORT_MOMENT_H
#define TACHO_EXPORT_MOMENT_H

#include "export/cell.h"

enum moment_style {
    MOMENT_ELAPSED, /* seconds since the start of the recording, negative before */
    MOMENT_EPOCH,   /* seconds since 1970-01-01 UTC */
    MOMENT_RFC3339, /* wall clock in UTC */
};

/* False for a name that is none of "elapsed", "epoch", "rfc3339". */
bool moment_style_parse(const char *name, enum moment_style *ret);

/*
 * The cell for a moment: `mono_ns` on the recording's clock, of which `start_ns` is the start, and
 * `real_ns` on the wall clock, 0 where that is unknown. Each style needs only its own clock.
 */
struct cell moment_cell(enum moment_style style, uint64_t start_ns, uint64_t mono_ns,
                        uint64_t real_ns);

#endif
