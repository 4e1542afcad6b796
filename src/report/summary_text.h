/* The summary for people: what a terminal shows of a recording, read in ten seconds. */
#ifndef TACHO_REPORT_SUMMARY_TEXT_H
#define TACHO_REPORT_SUMMARY_TEXT_H

#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "report/page.h"

/*
 * Appends the summary. No line is wider than the page, and none holds anything that a terminal
 * obeys but colours. Failure shows in `page->out->failed`.
 */
void summary_put_text(const struct page *page, const struct summary *summary,
                      const struct scopes *scopes);

#endif
