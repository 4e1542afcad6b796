/* tacho report --html: the file that the page is written to. */
#ifndef TACHO_CLI_REPORT_PAGE_H
#define TACHO_CLI_REPORT_PAGE_H

#include "analyse/charts_together.h"
#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "analyse/together.h"

/*
 * Writes the page of a recording to `path`, "-" for stdout. A file that is there already is replaced
 * if it is a page of ours, and as a whole or not at all; any other only with `force`. An exit status.
 */
int report_page(const char *path, bool force, const struct summary *summary,
                const struct scopes *scopes);

/* That of several. */
int report_page_together(const char *path, bool force, const struct together *together,
                         struct charts_together *charts);

#endif
