#include "sample/sink.h"

#include <string.h>

static struct span span_of(const void *bytes, size_t n)
{
    return (struct span){bytes, n};
}

void sink_fact_number(const struct sample_sink *sink, const char *key, uint64_t number)
{
    struct record r = {
        .type = RECORD_FACT,
        .fact = {.key = span_of(key, strlen(key)), .type = FACT_NUMBER, .number = number}};
    sink->record(sink->user, &r);
}

void sink_fact_bytes(const struct sample_sink *sink, const char *key, const void *text, size_t n)
{
    struct record r = {
        .type = RECORD_FACT,
        .fact = {.key = span_of(key, strlen(key)), .type = FACT_TEXT, .text = span_of(text, n)}};
    sink->record(sink->user, &r);
}

void sink_fact_text(const struct sample_sink *sink, const char *key, const char *text)
{
    sink_fact_bytes(sink, key, text, strlen(text));
}

void sink_note(const struct sample_sink *sink, uint64_t time_ns, const char *text)
{
    struct record r = {.type = RECORD_NOTE,
                       .note = {.time_ns = time_ns, .text = span_of(text, strlen(text))}};
    sink->record(sink->user, &r);
}
