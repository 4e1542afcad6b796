/* What changed between two sets of runs, in a terminal. */
#ifndef TACHO_REPORT_COMPARISON_TEXT_H
#define TACHO_REPORT_COMPARISON_TEXT_H

#include "analyse/comparison.h"
#include "report/json.h"
#include "report/page.h"

/* What of a comparison is to be said. */
struct comparison_view {
    const char *label[2]; /* what the sides were called by who asked */
    unsigned shown;       /* COMPARE_BITs */
    struct comparison_limit limit;
};

/* Appends the whole; its comparison is finished. */
void comparison_put_text(const struct page *page, const struct comparison *c,
                         const struct comparison_view *view);

/* The same for programs, schema tacho.diff/1: docs/DIFF.md. */
void comparison_put_json(struct buffer *out, const struct comparison *c,
                         const struct comparison_view *view);

#endif
