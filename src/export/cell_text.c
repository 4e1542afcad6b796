#include "export/cell_text.h"

#include "base/text.h"

static const char replacement[] = "\xEF\xBF\xBD";

/* C1 too: an 8-bit escape to some terminals. */
static bool is_unwanted(uint32_t c)
{
    return c == UTF8_INVALID || (c < 0x20 && c != '\t' && c != '\n' && c != '\r') ||
           (c >= 0x7F && c < 0xA0);
}

struct cell_character cell_character(const char *text, size_t left)
{
    uint32_t c;
    size_t n = utf8_next((const uint8_t *)text, (const uint8_t *)text + left, &c);
    if (is_unwanted(c))
        return (struct cell_character){n, replacement, sizeof replacement - 1};
    return (struct cell_character){n, text, n};
}
