/*
 * The script and the style of the HTML page, put into the program when it is built: web/ holds them, and
 * web/embed.py makes the C file that defines these.
 */
#ifndef TACHO_REPORT_EMBEDDED_H
#define TACHO_REPORT_EMBEDDED_H

#include <stddef.h>

/*
 * A text that stands in a page byte for byte, since its hash is what lets it act: `<script>` directly before
 * it and `</script>` directly after. UTF-8, no NUL inside, one after it; nothing in it ends the element.
 */
struct embedded {
    const char *text;
    size_t bytes;     /* of the text, without the NUL */
    const char *hash; /* as a Content-Security-Policy names it, without quotes: "sha256-..." */
};

extern const struct embedded page_script;
extern const struct embedded page_style;

#endif
