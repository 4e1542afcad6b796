/*
 * Process data in a program's own log: every interval one line that contains
 *
 *     ProcessLoggingThread-JSON {"timestamp": "2024-05-06 07:08:09.123456",
 *       "memory_info": {"rss": …, "vms": …, "pfaults": …, "pageins": …},
 *       "cpu_times": {"user": …, "system": …, "children_user": …, "children_system": …},
 *       "elapsed_time": …, "pid": …, "label": …}
 *
 * on one line, -START or -STOP behind the marker on the first and the last. docs/LOGS.md describes
 * each key. What is not known is left out; what stands before the marker is the program's.
 */
#ifndef TACHO_FORMAT_LOG_LINE_H
#define TACHO_FORMAT_LOG_LINE_H

#include "format/records.h"

#define LOG_LINE_MARKER "ProcessLoggingThread-JSON"

enum log_line_kind { LOG_LINE_NEXT, LOG_LINE_FIRST, LOG_LINE_LAST };

/* Times in nanoseconds, memory in bytes; all but ELAPSED and PID as the catalogue has them. */
enum log_line_field {
    LOG_LINE_RSS,
    LOG_LINE_VMS,
    LOG_LINE_FAULTS,       /* all of them */
    LOG_LINE_MAJOR_FAULTS, /* those of them that read a disk */
    LOG_LINE_USER,
    LOG_LINE_SYSTEM,
    LOG_LINE_CHILDREN_USER,
    LOG_LINE_CHILDREN_SYSTEM,
    LOG_LINE_IOWAIT,
    LOG_LINE_ELAPSED, /* since the process began */
    LOG_LINE_PID,
    LOG_LINE_FIELDS
};

struct log_line {
    enum log_line_kind kind;
    uint64_t time_ns; /* since the epoch */
    uint32_t known;   /* bit per field */
    uint64_t value[LOG_LINE_FIELDS];
    /* What the program said since the line before: one message, or several with '\n' between. */
    struct span label; /* empty: nothing */
};

/*
 * Appends the line from its marker on, without a newline. Valid JSON in UTF-8 whatever the label:
 * control characters are escaped, bytes that are no UTF-8 become U+FFFD. The timestamp is local
 * time in steps of a microsecond, for that is what readers of such logs expect. Failure shows in
 * `ret->failed`. Not for signal handlers: it asks the C library for the time zone.
 */
void log_line_put(struct buffer *ret, const struct log_line *line);

struct log_line_error {
    size_t offset;       /* in the line */
    const char *message; /* static */
};

/*
 * Looks for such data in a line of a log, and reads it. Keys that it does not know, and what
 * follows the object, are passed over. `scratch` is cleared; the label lies there until it is used
 * again. 1; 0 when it is a line of another kind; -EPROTO with `error` for one that has the marker
 * and an object that is cut, no JSON, without a time, or holds what cannot be (a negative time,
 * text for a number, a date before 1970); -ENOMEM.
 *
 * The timestamp is read as local time. Of the two moments that an hour names which comes twice, the
 * earlier is taken: see calendar_later_ns.
 */
int log_line_parse(const char *line, size_t n, struct buffer *scratch, struct log_line *ret,
                   struct log_line_error *error);

#endif
