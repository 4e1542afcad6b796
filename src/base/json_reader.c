#include "base/json_reader.h"

#include <errno.h>

#include "base/text.h"

/* The byte at the cursor, 0 at the end: no JSON has it outside of strings, nor in them. */
static char peek(const struct text *t)
{
    return t->at < t->end ? *t->at : '\0';
}

static void skip_blanks(struct text *t)
{
    while (t->at < t->end && memchr(" \t\n\r", *t->at, 4) != NULL)
        t->at++;
}

static struct text since(const char *from, const struct text *t)
{
    return (struct text){from, t->at};
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        return (c | 0x20) - 'a' + 10;
    return -1;
}

static bool take_hex4(struct text *t, uint32_t *ret)
{
    *ret = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(peek(t));
        if (digit < 0)
            return false;
        *ret = *ret << 4 | (uint32_t)digit;
        t->at++;
    }
    return true;
}

/* What stands behind a backslash. */
static bool take_escape(struct text *t, uint32_t *ret)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = peek(t);
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    if (letter == NULL && c != 'u')
        return false;
    t->at++;
    if (letter == NULL)
        return take_hex4(t, ret);
    *ret = (unsigned char)meant[letter - letters];
    return true;
}

static bool take_string(struct text *t, struct text *ret)
{
    uint32_t ignored;
    if (peek(t) != '"')
        return false;
    const char *from = ++t->at;
    while (t->at < t->end && *t->at != '"') {
        if ((unsigned char)*t->at < 0x20)
            return false;
        if (*t->at++ == '\\' && !take_escape(t, &ignored))
            return false;
    }
    if (t->at == t->end)
        return false;
    *ret = since(from, t);
    t->at++;
    return true;
}

/* The character of a high surrogate and the low one that must follow, or U+FFFD. */
static uint32_t joined(uint32_t high, struct text *t)
{
    struct text ahead = *t;
    uint32_t low;
    if (!text_take_literal(&ahead, "\\u") || !take_hex4(&ahead, &low) || low < 0xDC00 ||
        low > 0xDFFF)
        return UTF8_REPLACEMENT;
    *t = ahead;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

void json_string_put(struct buffer *ret, struct text string)
{
    while (string.at < string.end) {
        uint32_t character;
        if (*string.at != '\\') {
            buffer_put_byte(ret, (uint8_t)*string.at++);
            continue;
        }
        string.at++;
        if (!take_escape(&string, &character))
            return;
        if (character >= 0xD800 && character <= 0xDBFF)
            character = joined(character, &string);
        utf8_put(ret, character == 0 ? UTF8_REPLACEMENT : character);
    }
}

/* ---- numbers ---- */

static bool take_digits(struct text *t)
{
    const char *from = t->at;
    while (peek(t) >= '0' && peek(t) <= '9')
        t->at++;
    return t->at > from;
}

static bool take_number(struct text *t, struct text *ret)
{
    const char *from = t->at;
    if (peek(t) == '-')
        t->at++;
    if (peek(t) == '0')
        t->at++;
    else if (!take_digits(t))
        return false;
    if (peek(t) == '.') {
        t->at++;
        if (!take_digits(t))
            return false;
    }
    if (peek(t) == 'e' || peek(t) == 'E') {
        t->at++;
        if (peek(t) == '+' || peek(t) == '-')
            t->at++;
        if (!take_digits(t))
            return false;
    }
    *ret = since(from, t);
    return true;
}

#define DIGITS_KEPT 19     /* of the mantissa: with a scale of 10^9 they fit in 128 bits */
#define EXPONENT_FAR 10000 /* beyond it a number is 0 or too large, whatever its digits */

/* The first digits as a number, and by how many powers of ten it is too small or too large. */
static uint64_t take_mantissa(struct text *t, int64_t *ret_exponent)
{
    uint64_t mantissa = 0;
    int64_t exponent = 0;
    bool fraction = false;
    for (int kept = 0; t->at < t->end && (*t->at | 0x20) != 'e'; t->at++) {
        if (*t->at == '.') {
            fraction = true;
        } else if (kept < DIGITS_KEPT) {
            mantissa = mantissa * 10 + (uint64_t)(*t->at - '0');
            kept += mantissa > 0;
            exponent -= fraction;
        } else {
            exponent += !fraction;
        }
    }
    *ret_exponent = exponent;
    return mantissa;
}

static int64_t take_exponent(struct text *t)
{
    uint64_t exponent = 0;
    if (t->at == t->end)
        return 0;
    t->at++;
    bool negative = peek(t) == '-';
    if (negative || peek(t) == '+')
        t->at++;
    if (!text_take_u64(t, &exponent) || exponent > EXPONENT_FAR)
        exponent = EXPONENT_FAR;
    return negative ? -(int64_t)exponent : (int64_t)exponent;
}

bool json_scaled(struct text number, uint64_t scale, uint64_t *ret)
{
    __extension__ typedef unsigned __int128 wide;
    bool negative = peek(&number) == '-';
    number.at += negative;
    int64_t exponent;
    uint64_t mantissa = take_mantissa(&number, &exponent);
    exponent += take_exponent(&number);
    if (mantissa == 0) {
        *ret = 0;
        return true;
    }
    wide value = (wide)mantissa * scale, rest = 0, power = 1;
    for (; exponent > 0 && value <= UINT64_MAX; exponent--)
        value *= 10;
    for (; exponent < 0 && power <= value; exponent++)
        power *= 10;
    rest = value % power;
    value = exponent < 0 ? 0 : value / power + (rest >= power - rest);
    if (negative || value > UINT64_MAX)
        return false;
    *ret = (uint64_t)value;
    return true;
}

/* ---- values ---- */

struct json_reader json_read(struct text text)
{
    return (struct json_reader){.text = text};
}

bool json_is(struct text key, const char *name)
{
    size_t n = (size_t)(key.end - key.at);
    return strlen(name) == n && memcmp(key.at, name, n) == 0;
}

static bool in_array(const struct json_reader *r)
{
    return (r->arrays >> r->depth & 1) != 0;
}

/* Whether an object or array begins here. */
static bool open_one(struct json_reader *r)
{
    char c = peek(&r->text);
    if ((c != '{' && c != '[') || r->depth == JSON_DEPTH_MAX)
        return false;
    r->text.at++;
    r->depth++;
    r->arrays = (r->arrays & ~(1u << r->depth)) | (uint32_t)(c == '[') << r->depth;
    r->key[r->depth] = text_of("", 0);
    r->state = JSON_BEGUN;
    return true;
}

static bool close_one(struct json_reader *r)
{
    if (peek(&r->text) != (in_array(r) ? ']' : '}'))
        return false;
    r->text.at++;
    r->depth--;
    r->state = JSON_VALUE_OVER;
    return true;
}

static bool take_key(struct json_reader *r)
{
    if (in_array(r))
        return true;
    if (!take_string(&r->text, &r->key[r->depth]))
        return false;
    skip_blanks(&r->text);
    if (!text_take_literal(&r->text, ":"))
        return false;
    skip_blanks(&r->text);
    return true;
}

static bool take_scalar(struct json_reader *r, struct json_value *ret)
{
    const char *from = r->text.at;
    *ret = (struct json_value){
        .depth = r->depth, .outer = r->key[r->depth - 1], .key = r->key[r->depth]};
    r->state = JSON_VALUE_OVER;
    if (take_string(&r->text, &ret->text)) {
        ret->type = JSON_STRING;
        return true;
    }
    if (text_take_literal(&r->text, "true") || text_take_literal(&r->text, "false") ||
        text_take_literal(&r->text, "null")) {
        ret->type = JSON_WORD;
        ret->text = since(from, &r->text);
        return true;
    }
    ret->type = JSON_NUMBER;
    return take_number(&r->text, &ret->text);
}

int json_next(struct json_reader *r, struct json_value *ret)
{
    if (r->depth == 0) {
        if (r->state == JSON_VALUE_OVER)
            return 0;
        skip_blanks(&r->text);
        r->key[0] = text_of("", 0);
        if (!open_one(r))
            return -EPROTO;
    }
    while (r->depth > 0) {
        skip_blanks(&r->text);
        if (r->state != JSON_VALUE_NEXT && close_one(r))
            continue;
        if (r->state == JSON_VALUE_OVER) {
            if (!text_take_literal(&r->text, ","))
                return -EPROTO;
            r->state = JSON_VALUE_NEXT;
            continue;
        }
        if (!take_key(r))
            return -EPROTO;
        if (!open_one(r))
            return take_scalar(r, ret) ? 1 : -EPROTO;
    }
    return 0;
}
