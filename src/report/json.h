/*
 * JSON being written: objects and arrays, indented, commas where they belong. Nothing here depends
 * on the locale, and every text comes out valid (base/text.h).
 */
#ifndef TACHO_REPORT_JSON_H
#define TACHO_REPORT_JSON_H

#include "base/buffer.h"

struct json {
    struct buffer *out;
    unsigned depth;
    bool filled; /* the object or array that is open has something already */
    bool flat;   /* on one line */
};

/* `key` is NULL in arrays and at the top; else plain ASCII. `bracket` is '{' or '['. */
void json_begin(struct json *json, const char *key, char bracket);
void json_end(struct json *json, char bracket /* '}' or ']' */);

void json_null(struct json *json, const char *key);
void json_bool(struct json *json, const char *key, bool value);
/* UINT64_MAX is unknown: null. */
void json_number(struct json *json, const char *key, uint64_t value);
void json_signed(struct json *json, const char *key, int64_t value);
/* Nanoseconds as seconds, exact; UINT64_MAX: null. */
void json_seconds(struct json *json, const char *key, uint64_t ns);
void json_signed_seconds(struct json *json, const char *key, int64_t ns);
/* Six decimals; NAN: null. */
void json_real(struct json *json, const char *key, double value);
/* A power of ten, `1e9`. */
void json_power(struct json *json, const char *key, int exponent);
/* NULL: null. */
void json_text(struct json *json, const char *key, const char *text);
void json_bytes(struct json *json, const char *key, const void *text, size_t n);
/* A NUL-separated list as an array of texts; NULL: null. */
void json_list(struct json *json, const char *key, const char *list, size_t n);

#endif
