/* Several recordings side by side for programs: schema tacho.together/1, see docs/SUMMARY.md. */
#ifndef TACHO_REPORT_TOGETHER_JSON_H
#define TACHO_REPORT_TOGETHER_JSON_H

#include "analyse/together.h"
#include "report/json.h"

/*
 * Begins the object and its list of recordings, whose summaries the caller puts by json_put_summary
 * as it goes; ends both, with what all of them come to.
 */
void together_begin_json(struct json *json);
void together_end_json(struct json *json, const struct together *together);

#endif
