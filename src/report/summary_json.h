/* The summary for programs: schema tacho.summary/1, see docs/SUMMARY.md. */
#ifndef TACHO_REPORT_SUMMARY_JSON_H
#define TACHO_REPORT_SUMMARY_JSON_H

#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "base/buffer.h"

/* Appends one JSON object and a newline. Failure shows in `ret->failed`. */
void summary_put_json(struct buffer *ret, const struct summary *summary,
                      const struct scopes *scopes);

#endif
