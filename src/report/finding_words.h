/* Findings (analyse/findings.h) in words: what was seen with its figures, and what may be done. */
#ifndef TACHO_REPORT_FINDING_WORDS_H
#define TACHO_REPORT_FINDING_WORDS_H

#include "analyse/findings.h"
#include "base/buffer.h"

/* Append to `ret`. Names are any bytes, as they were recorded. */
void put_finding(struct buffer *ret, const struct finding *finding, const struct summary *summary);

/* A sentence of what to do or to know; nothing where there is none. */
void put_finding_advice(struct buffer *ret, const struct finding *finding);

/* "bad", "warning", "note" */
const char *severity_name(enum severity severity);

#endif
