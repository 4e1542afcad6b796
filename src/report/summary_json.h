/* The summary for programs: schema tacho.summary/1, see docs/SUMMARY.md. */
#ifndef TACHO_REPORT_SUMMARY_JSON_H
#define TACHO_REPORT_SUMMARY_JSON_H

#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "report/json.h"

/* Appends one JSON object and a newline. Failure shows in `ret->failed`. */
void summary_put_json(struct buffer *ret, const struct summary *summary,
                      const struct scopes *scopes);

/* The same as an element of an array that is open. */
void json_put_summary(struct json *json, const struct summary *summary,
                      const struct scopes *scopes);

#endif
