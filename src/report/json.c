#include "report/json.h"

#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/text.h"
#include "report/quantity.h"

static void new_line(struct json *j)
{
    if (j->flat) {
        if (j->filled)
            buffer_put_byte(j->out, ' ');
        return;
    }
    buffer_put_byte(j->out, '\n');
    for (unsigned i = 0; i < j->depth; i++)
        buffer_put_text(j->out, "  ");
}

static void put_key(struct json *j, const char *key)
{
    if (j->filled)
        buffer_put_byte(j->out, ',');
    if (j->depth > 0)
        new_line(j);
    j->filled = true;
    if (key != NULL)
        buffer_printf(j->out, "\"%s\": ", key);
}

void json_begin(struct json *j, const char *key, char bracket)
{
    put_key(j, key);
    buffer_put_byte(j->out, (uint8_t)bracket);
    j->depth++;
    j->filled = false;
}

void json_end(struct json *j, char bracket)
{
    j->depth--;
    if (j->filled && !j->flat)
        new_line(j);
    buffer_put_byte(j->out, (uint8_t)bracket);
    j->filled = true;
    if (j->depth == 0)
        buffer_put_byte(j->out, '\n');
}

void json_null(struct json *j, const char *key)
{
    put_key(j, key);
    buffer_put_text(j->out, "null");
}

void json_bool(struct json *j, const char *key, bool value)
{
    put_key(j, key);
    buffer_put_text(j->out, value ? "true" : "false");
}

void json_number(struct json *j, const char *key, uint64_t value)
{
    put_key(j, key);
    if (value == UINT64_MAX)
        buffer_put_text(j->out, "null");
    else
        buffer_printf(j->out, "%" PRIu64, value);
}

void json_signed(struct json *j, const char *key, int64_t value)
{
    put_key(j, key);
    buffer_printf(j->out, "%" PRId64, value);
}

static void put_seconds(struct json *j, uint64_t ns)
{
    buffer_printf(j->out, "%" PRIu64, ns / NS_PER_S);
    uint64_t fraction = ns % NS_PER_S;
    int digits = 9;
    for (; fraction != 0 && fraction % 10 == 0; digits--)
        fraction /= 10;
    if (fraction != 0)
        buffer_printf(j->out, ".%0*" PRIu64, digits, fraction);
}

void json_seconds(struct json *j, const char *key, uint64_t ns)
{
    put_key(j, key);
    if (ns == UINT64_MAX)
        buffer_put_text(j->out, "null");
    else
        put_seconds(j, ns);
}

void json_signed_seconds(struct json *j, const char *key, int64_t ns)
{
    put_key(j, key);
    if (ns < 0)
        buffer_put_byte(j->out, '-');
    put_seconds(j, ns < 0 ? -(uint64_t)ns : (uint64_t)ns);
}

void json_real(struct json *j, const char *key, double value)
{
    put_key(j, key);
    if (fabs(value) < 1e12)
        put_decimal(j->out, value, 6);
    else
        buffer_put_text(j->out, "null");
}

void json_bytes(struct json *j, const char *key, const void *text, size_t n)
{
    put_key(j, key);
    text_put_json(j->out, text, n);
}

void json_power(struct json *j, const char *key, int exponent)
{
    put_key(j, key);
    buffer_printf(j->out, "1e%d", exponent);
}

void json_text(struct json *j, const char *key, const char *text)
{
    if (text == NULL)
        json_null(j, key);
    else
        json_bytes(j, key, text, strlen(text));
}

void json_list(struct json *j, const char *key, const char *list, size_t n)
{
    if (list == NULL) {
        json_null(j, key);
        return;
    }
    json_begin(j, key, '[');
    bool outer = j->flat;
    j->flat = true;
    for (const char *at = list, *end = list + n; at < end;) {
        const char *stop = memchr(at, 0, (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        json_bytes(j, NULL, at, (size_t)(stop - at));
        at = stop < end ? stop + 1 : end;
    }
    json_end(j, ']');
    j->flat = outer;
}
