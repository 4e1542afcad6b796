#include "base/text.h"

#include "base/cleanup.h"

struct range {
    uint32_t first, last;
};

/* Combining marks. The variation selector U+FE0F is left out: it makes some characters wider. */
static const struct range zero_wide[] = {
    {0x0300, 0x036F},   {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},
    {0x06D6, 0x06DC},   {0x06DF, 0x06E4}, {0x0900, 0x0902}, {0x093C, 0x093C}, {0x0941, 0x0948},
    {0x094D, 0x094D},   {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1ACE},
    {0x1DC0, 0x1DFF},   {0x20D0, 0x20F0}, {0x3099, 0x309A}, {0xFE00, 0xFE0E}, {0xFE20, 0xFE2F},
    {0xE0100, 0xE01EF},
};

/* Wide and fullwidth by UAX #11, neighbours joined where nothing lies between. */
static const struct range double_wide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23F3},
    {0x25FD, 0x25FE},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267F, 0x267F},
    {0x2693, 0x2693},   {0x26A1, 0x26A1},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},
    {0x26C4, 0x26C5},   {0x26CE, 0x26CE},   {0x26D4, 0x26D4},   {0x26EA, 0x26EA},
    {0x26F2, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},
    {0x274C, 0x274E},   {0x2753, 0x2757},   {0x2795, 0x2797},   {0x27B0, 0x27BF},
    {0x2B1B, 0x2B1C},   {0x2B50, 0x2B55},   {0x2E80, 0x3098},   {0x309B, 0xA4CF},
    {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},
    {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18DFF},
    {0x1AFF0, 0x1B2FF}, {0x1F000, 0x1F0FF}, {0x1F18E, 0x1F64F}, {0x1F680, 0x1F6FF},
    {0x1F7E0, 0x1F7F0}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD},
};

/* Controls, and format characters (category Cf) that change or hide what surrounds them. */
static const struct range unseen[] = {
    {0x0000, 0x001F}, {0x007F, 0x009F}, {0x00AD, 0x00AD},   {0x061C, 0x061C},
    {0x180B, 0x180E}, {0x200B, 0x200F}, {0x2028, 0x202E},   {0x2060, 0x206F},
    {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFB}, {0xE0000, 0xE00FF},
};

static bool among(const struct range *ranges, size_t n, uint32_t c)
{
    size_t low = 0, high = n; /* the first range that does not end before c is in [low, high] */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && ranges[low].first <= c;
}

/* An empty text may be NULL, to which even 0 must not be added. */
static const uint8_t *end_of(const uint8_t *text, size_t n)
{
    return n == 0 ? text : text + n;
}

/* ---- UTF-8 ---- */

/* Table 3-7 of the Unicode standard: the first byte decides the length and the second one's range.
 */
static unsigned sequence_of(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
    *ret_low = 0x80;
    *ret_high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xE0)
            *ret_low = 0xA0;
        if (lead == 0xED)
            *ret_high = 0x9F;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (lead == 0xF0)
            *ret_low = 0x90;
        if (lead == 0xF4)
            *ret_high = 0x8F;
        return 4;
    }
    return 0;
}

size_t utf8_next(const uint8_t *p, const uint8_t *end, uint32_t *ret)
{
    if (*p < 0x80) {
        *ret = *p;
        return 1;
    }
    uint8_t low, high;
    unsigned n = sequence_of(*p, &low, &high);
    *ret = UTF8_INVALID;
    if (n == 0)
        return 1;
    uint32_t c = *p & (0x7Fu >> n);
    for (unsigned i = 1; i < n; i++, low = 0x80, high = 0xBF) {
        if (p + i >= end || p[i] < low || p[i] > high)
            return i;
        c = c << 6 | (p[i] & 0x3F);
    }
    *ret = c;
    return n;
}

bool utf8_valid(const void *text, size_t n)
{
    const uint8_t *p = text, *end = end_of(p, n);
    uint32_t c;
    while (p < end) {
        p += utf8_next(p, end, &c);
        if (c == UTF8_INVALID)
            return false;
    }
    return true;
}

void utf8_put(struct buffer *ret, uint32_t c)
{
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        c = UTF8_REPLACEMENT;
    if (c < 0x80) {
        buffer_put_byte(ret, (uint8_t)c);
    } else if (c < 0x800) {
        buffer_put(ret, (uint8_t[]){(uint8_t)(0xC0 | c >> 6), (uint8_t)(0x80 | (c & 0x3F))}, 2);
    } else if (c < 0x10000) {
        buffer_put(ret,
                   (uint8_t[]){(uint8_t)(0xE0 | c >> 12), (uint8_t)(0x80 | (c >> 6 & 0x3F)),
                               (uint8_t)(0x80 | (c & 0x3F))},
                   3);
    } else {
        buffer_put(ret,
                   (uint8_t[]){(uint8_t)(0xF0 | c >> 18), (uint8_t)(0x80 | (c >> 12 & 0x3F)),
                               (uint8_t)(0x80 | (c >> 6 & 0x3F)), (uint8_t)(0x80 | (c & 0x3F))},
                   4);
    }
}

unsigned utf8_width(uint32_t c)
{
    if (c < 0x300)
        return 1;
    if (among(zero_wide, ARRAY_LEN(zero_wide), c))
        return 0;
    return among(double_wide, ARRAY_LEN(double_wide), c) ? 2 : 1;
}

size_t text_width(const void *text, size_t n)
{
    const uint8_t *p = text, *end = end_of(p, n);
    size_t width = 0;
    while (p < end) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        width += c == UTF8_INVALID ? 1 : utf8_width(c);
    }
    return width;
}

/* ---- JSON ---- */

static void put_json_character(struct buffer *ret, uint32_t c)
{
    static const char short_names[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (const char *s = short_names; *s != '\0'; s += 2) {
        if (c == (uint8_t)s[0]) {
            buffer_put(ret, (char[]){'\\', s[1]}, 2);
            return;
        }
    }
    if (c < 0x20 || c == 0x7F || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029)
        buffer_printf(ret, "\\u%04x", c);
    else
        utf8_put(ret, c);
}

void text_put_json(struct buffer *ret, const void *text, size_t n)
{
    const uint8_t *p = text, *end = end_of(p, n);
    buffer_put_byte(ret, '"');
    while (p < end) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        put_json_character(ret, c);
    }
    buffer_put_byte(ret, '"');
}

/* ---- terminals ---- */

/* `\n`, `\x1b`, `\u202e`: as C, bash's $'…' and Python read them. */
static void put_escape(struct buffer *ret, uint32_t c)
{
    static const char letters[] = "\aa\bb\tt\nn\vv\ff\rr";
    for (const char *s = letters; *s != '\0'; s += 2) {
        if (c == (uint8_t)s[0]) {
            buffer_put(ret, (char[]){'\\', s[1]}, 2);
            return;
        }
    }
    if (c < 0x80)
        buffer_printf(ret, "\\x%02x", c);
    else if (c < 0x10000)
        buffer_printf(ret, "\\u%04x", c);
    else
        buffer_printf(ret, "\\U%08x", c);
}

/* Appends one character for a terminal; returns its cells. */
static size_t put_shown(struct buffer *ret, uint32_t c, bool utf8)
{
    size_t before = ret->len;
    if (c != UTF8_INVALID && among(unseen, ARRAY_LEN(unseen), c)) {
        put_escape(ret, c);
        return ret->len - before;
    }
    if (!utf8 && c >= 0x80) {
        buffer_put_byte(ret, '?');
        return 1;
    }
    utf8_put(ret, c);
    return c == UTF8_INVALID ? 1 : utf8_width(c);
}

void text_put_terminal(struct buffer *ret, const void *text, size_t n, bool utf8)
{
    const uint8_t *p = text, *end = end_of(p, n);
    while (p < end) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        put_shown(ret, c, utf8);
    }
}

#define PILE_MAX 4 /* combining marks on one character */

size_t text_put_fitted(struct buffer *ret, const void *text, size_t n, size_t width, bool utf8)
{
    const uint8_t *p = text, *end = end_of(p, n);
    size_t mark_width = utf8 ? 1 : 3;
    if (mark_width > width)
        mark_width = width;
    size_t used = 0, cut_at = ret->len, cut_used = 0;
    for (unsigned pile = 0; p < end;) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        size_t before = ret->len, cells = put_shown(ret, c, utf8);
        pile = cells == 0 ? pile + 1 : 0;
        if (pile > PILE_MAX)
            ret->len = before;
        used += cells;
        if (used > width) {
            ret->len = cut_at;
            buffer_put(ret, utf8 ? "…" : "...", utf8 && mark_width > 0 ? strlen("…") : mark_width);
            return cut_used + mark_width;
        }
        if (used <= width - mark_width) {
            cut_at = ret->len;
            cut_used = used;
        }
    }
    return used;
}

/* ---- shells ---- */

enum quoting { QUOTE_NONE, QUOTE_SINGLE, QUOTE_ESCAPES };

static enum quoting quoting_of(const uint8_t *p, const uint8_t *end)
{
    enum quoting worst = p == end ? QUOTE_SINGLE : QUOTE_NONE;
    if (p < end && *p == '~')
        worst = QUOTE_SINGLE;
    while (p < end) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        if (c == UTF8_INVALID || among(unseen, ARRAY_LEN(unseen), c))
            return QUOTE_ESCAPES;
        bool word = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                    (c >= 'a' && c <= 'z') || strchr("@%_-+=:,./~", (int)c) != NULL;
        if (!word)
            worst = QUOTE_SINGLE;
    }
    return worst;
}

static void put_single_quoted(struct buffer *ret, const uint8_t *p, const uint8_t *end)
{
    buffer_put_byte(ret, '\'');
    for (; p < end; p++) {
        if (*p == '\'')
            buffer_put_text(ret, "'\\''");
        else
            buffer_put_byte(ret, *p);
    }
    buffer_put_byte(ret, '\'');
}

static void put_escape_quoted(struct buffer *ret, const uint8_t *p, const uint8_t *end)
{
    buffer_put_text(ret, "$'");
    while (p < end) {
        uint32_t c;
        size_t n = utf8_next(p, end, &c);
        if (c == UTF8_INVALID) {
            for (size_t i = 0; i < n; i++)
                buffer_printf(ret, "\\x%02x", p[i]);
        } else if (among(unseen, ARRAY_LEN(unseen), c)) {
            put_escape(ret, c);
        } else {
            if (c == '\'' || c == '\\')
                buffer_put_byte(ret, '\\');
            utf8_put(ret, c);
        }
        p += n;
    }
    buffer_put_byte(ret, '\'');
}

void text_put_shell(struct buffer *ret, const void *argv, size_t n)
{
    const uint8_t *p = argv, *end = end_of(p, n);
    while (p < end) {
        const uint8_t *stop = memchr(p, 0, (size_t)(end - p));
        if (stop == NULL)
            stop = end;
        switch (quoting_of(p, stop)) {
        case QUOTE_NONE: buffer_put(ret, p, (size_t)(stop - p)); break;
        case QUOTE_SINGLE: put_single_quoted(ret, p, stop); break;
        case QUOTE_ESCAPES: put_escape_quoted(ret, p, stop); break;
        }
        p = stop < end ? stop + 1 : end;
        if (p < end)
            buffer_put_byte(ret, ' ');
    }
}
