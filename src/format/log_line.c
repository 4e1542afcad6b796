#include "format/log_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

static void put_timestamp(struct buffer *ret, uint64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm local = {0};
    localtime_r(&seconds, &local);
    buffer_printf(ret, "\"%04d-%02d-%02d %02d:%02d:%02d.%06u\"", local.tm_year + 1900,
                  local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                  (unsigned)(time_ns % NS_PER_S / NS_PER_US));
}

/* Seconds as a number that stays a fraction in every reader: 2.0, 0.25. */
static void put_seconds(struct buffer *ret, uint64_t ns)
{
    char text[40];
    int n = snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
    while (text[n - 1] == '0' && text[n - 2] != '.')
        n--;
    buffer_put(ret, text, (size_t)n);
}

static const struct layout {
    const char *name;
    enum log_line_field field;
    bool seconds;
} memory_info[] = {{"rss", LOG_LINE_RSS, false},
                   {"vms", LOG_LINE_VMS, false},
                   {"pfaults", LOG_LINE_FAULTS, false},
                   {"pageins", LOG_LINE_MAJOR_FAULTS, false}},
  cpu_times[] = {{"user", LOG_LINE_USER, true},
                 {"system", LOG_LINE_SYSTEM, true},
                 {"children_user", LOG_LINE_CHILDREN_USER, true},
                 {"children_system", LOG_LINE_CHILDREN_SYSTEM, true},
                 {"iowait", LOG_LINE_IOWAIT, true}},
  rest[] = {{"elapsed_time", LOG_LINE_ELAPSED, true}, {"pid", LOG_LINE_PID, false}};

/* Members that are known; `between` goes before the first of them. */
static void put_members(struct buffer *ret, const struct log_line *line,
                        const struct layout *layout, size_t n, const char *between)
{
    for (size_t i = 0; i < n; i++) {
        if ((line->known >> layout[i].field & 1) == 0)
            continue;
        buffer_printf(ret, "%s\"%s\": ", between, layout[i].name);
        between = ", ";
        if (layout[i].seconds)
            put_seconds(ret, line->value[layout[i].field]);
        else
            buffer_printf(ret, "%" PRIu64, line->value[layout[i].field]);
    }
}

void log_line_put(struct buffer *ret, const struct log_line *line)
{
    static const char *const suffix[] = {
        [LOG_LINE_NEXT] = "", [LOG_LINE_FIRST] = "-START", [LOG_LINE_LAST] = "-STOP"};
    buffer_printf(ret, LOG_LINE_MARKER "%s {\"timestamp\": ", suffix[line->kind]);
    put_timestamp(ret, line->time_ns);
    buffer_put_text(ret, ", \"memory_info\": {");
    put_members(ret, line, memory_info, sizeof memory_info / sizeof memory_info[0], "");
    buffer_put_text(ret, "}, \"cpu_times\": {");
    put_members(ret, line, cpu_times, sizeof cpu_times / sizeof cpu_times[0], "");
    buffer_put_text(ret, "}");
    put_members(ret, line, rest, sizeof rest / sizeof rest[0], ", ");
    if (line->label.n > 0) {
        buffer_put_text(ret, ", \"label\": ");
        text_put_json(ret, line->label.bytes, line->label.n);
    }
    buffer_put_byte(ret, '}');
}
