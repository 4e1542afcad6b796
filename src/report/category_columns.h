/* Columns of time per category: a column for each of the largest, one for the rest, and "Others". */
#ifndef TACHO_REPORT_CATEGORY_COLUMNS_H
#define TACHO_REPORT_CATEGORY_COLUMNS_H

#include "report/columns.h"

#define CATEGORY_COLUMNS_SHOWN 5

struct category_columns {
    struct columns *columns; /* the caller's */
    size_t shown;            /* categories with a column of their own: the columns 1, 2, … */
    unsigned rest, others;   /* columns; rest 0: there is none */
    struct buffer heading[CATEGORY_COLUMNS_SHOWN]; /* names are as long as programs like */
};

/*
 * Adds them after the first column; `named` categories have a name, the largest first. Of several the
 * largest stays where the page is narrow, and who it is.
 */
void category_columns_add(const struct page *page, struct category_columns *c, size_t named,
                          const char *(*name)(const void *of, size_t i), const void *of);

void category_columns_done(struct category_columns *c);

#endif
