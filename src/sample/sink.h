/*
 * Where samples go: a recording (record/), or rows on a stream. The sampler calls these in the
 * order tick, put…, tick_end; records (births, exits, …) may come at any time, a birth always
 * before the entity's first put.
 */
#ifndef TACHO_SAMPLE_SINK_H
#define TACHO_SAMPLE_SINK_H

#include "format/metric.h"
#include "format/records.h"

struct sample_sink {
    void *user;
    /* Something to keep in order: births, execs, exits, late ticks, facts, …. */
    void (*record)(void *user, const struct record *record);
    /* A new entity; ids of processes ascend, ids of others too. The handle is given back to put. */
    void *(*add)(void *user, uint32_t entity, unsigned kind);
    void (*remove)(void *user, void *handle, unsigned kind);
    void (*tick)(void *user, uint64_t now_ns);
    /* See stage_put: `value` is indexed by position, read only where `groups` say. */
    void (*put)(void *user, void *handle, unsigned kind, uint32_t groups, bool idle,
                const uint64_t *value, uint64_t known);
    /*
     * A process stood still since the tick before, and nothing but its CPU clock was read. NULL: a process
     * that is neither put nor removed at a tick is taken to have stood still.
     */
    void (*idle)(void *user, void *handle, const uint64_t *value, uint64_t known);
    void (*tick_end)(void *user);
    uint64_t (*bytes_written)(void *user);
};

/* Something about the session, by key; a later one replaces it. */
void sink_fact_number(const struct sample_sink *sink, const char *key, uint64_t number);
void sink_fact_text(const struct sample_sink *sink, const char *key, const char *text);
void sink_fact_bytes(const struct sample_sink *sink, const char *key, const void *text, size_t n);
void sink_note(const struct sample_sink *sink, uint64_t time_ns, const char *text);

#endif
