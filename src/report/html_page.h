/*
 * The page: one file that opens from anywhere, without a network. Words and tables are HTML, and read
 * without script; the charts' numbers are packed (pack.h), and drawn by web/.
 *
 * Nothing that was recorded can become markup or script: texts are escaped for where they stand, and a
 * Content-Security-Policy lets nothing run but the program's own script, by its hash.
 */
#ifndef TACHO_REPORT_HTML_PAGE_H
#define TACHO_REPORT_HTML_PAGE_H

#include "analyse/charts_together.h"
#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "analyse/together.h"
#include "base/buffer.h"

/* What each page begins with: by this it is known again as one of ours. */
#define HTML_PAGE_BEGIN "<!doctype html>\n<!-- tacho page -->\n"

/* Appends the page of a recording. 0, -ENOMEM, or why it could not be read. */
int html_put_page(struct buffer *ret, const struct summary *summary, const struct scopes *scopes);

/* That of several, side by side. As html_put_page. */
int html_put_together(struct buffer *ret, const struct together *together,
                      struct charts_together *charts);

#endif
