/* The receipt of completeness: how processes were followed, and how much of them is known. */
#ifndef TACHO_REPORT_RECEIPT_H
#define TACHO_REPORT_RECEIPT_H

#include "analyse/summary.h"
#include "report/json.h"

/* One sentence, without an end of line; nothing where nobody followed. */
void put_receipt(struct buffer *ret, const struct summary *summary);

/* The same as the members "processes" and "completeness" of an object that is begun. */
void json_put_receipt(struct json *j, const struct summary *summary);

#endif
