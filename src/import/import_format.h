/* A form of log that can be read. One file per form; import_log.c holds the table of them. */
#ifndef TACHO_IMPORT_IMPORT_FORMAT_H
#define TACHO_IMPORT_IMPORT_FORMAT_H

#include "import/gathered.h"
#include "import/line_stream.h"

#define IMPORT_WRONG_SHOWN 3

/* What became of a log. */
struct import_result {
    const struct import_format *format;
    uint64_t lines, taken;
    uint64_t wrong; /* lines that should say something and cannot be understood */
    struct {
        uint64_t line;
        const char *why; /* static */
    } first_wrong[IMPORT_WRONG_SHOWN];
};

struct import_format {
    const char *name;  /* a word */
    const char *title; /* for people: "lines of …" */
    /* Whether a log that begins with these bytes may be of this form. */
    bool (*recognises)(const char *first, size_t n);
    /* Reads to the end. 0 or -errno; what cannot be understood is counted and passed over. */
    int (*read)(struct line_stream *stream, struct gathered *ret, struct import_result *result);
};

extern const struct import_format import_log_lines;

void import_count_wrong(struct import_result *result, uint64_t line, const char *why);

#endif
