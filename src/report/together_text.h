/* Several recordings side by side, for people. */
#ifndef TACHO_REPORT_TOGETHER_TEXT_H
#define TACHO_REPORT_TOGETHER_TEXT_H

#include "analyse/together.h"
#include "report/page.h"

/* Appends it; as summary_put_text. */
void together_put_text(const struct page *page, const struct together *together);

/* Appends "rank 3", or "pid 123" of another. */
void together_put_who_in_words(struct buffer *ret, const struct together *together, size_t member);

#endif
