/* A form of log that can be read. One file per form; import_log.c holds the table of them. */
#ifndef TACHO_IMPORT_IMPORT_FORMAT_H
#define TACHO_IMPORT_IMPORT_FORMAT_H

#include "base/number.h"
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
        char file[64];   /* where a log is several files; else empty */
    } first_wrong[IMPORT_WRONG_SHOWN];
    bool again; /* it was read with another already */
};

/* A log while it is read. All is borrowed. */
struct import_log {
    const char *path; /* as it was named: some logs say things in their names. NULL: stdin */
    struct line_stream *stream; /* NULL for a folder */
    int folder;                 /* -1 for a file */
    const char *file;           /* of a folder, while it is read; NULL: the log is the file */
    struct gathered *gathered;
    struct import_result *result;
};

struct import_format {
    const char *name;  /* a word */
    const char *title; /* for people: "lines of …" */
    /* Forms of this word that are named together tell of one job; NULL: each log is a job of its own. */
    const char *job;
    bool adds;       /* it adds to what the job's other logs say, and is read after them */
    bool in_folders; /* a folder of such logs is several jobs side by side: ranks */
    /* Files whose names are one but for these endings are one log: naming one, or what is before, names all. */
    const char *const *endings;
    /* Whether a log that begins with these bytes may be of this form. NULL: no file is. */
    bool (*recognises)(const char *first, size_t n);
    /* Whether the folder is a log of this form. NULL: none is. */
    bool (*recognises_folder)(int folder);
    /* Reads to the end. 0 or -errno; what cannot be understood is counted and passed over. */
    int (*read)(struct import_log *log);
};

extern const struct import_format import_log_lines, import_resource_log, import_event_log,
    import_execution_folder, import_rank_log, import_psrecord_log, import_mprof_log,
    import_duct_usage, import_duct_info, import_prmon_log, import_prmon_summary,
    import_nextflow_trace;

/* The line that was read last cannot be understood. `why` is static. */
void import_count_wrong(struct import_log *log, const char *why);

/* The next line of the log, see line_stream_next; without the carriage return of other systems. */
int import_next_line(struct import_log *log, struct text *ret);

/* Reads the rest of a log that is one text, at most LINE_STREAM_MAX of it. 0, -EFBIG or -errno. */
int import_read_text(struct import_log *log, struct buffer *ret);

#endif
