/*
 * Any bytes as a program's log, and as a label in a line of it. Beyond the sanitizers: what was
 * gathered makes a recording that a summary can be made of, the moments of a process ascend, and a
 * line that is put is one line of UTF-8 that is read back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyse/summary.h"
#include "base/text.h"
#include "format/log_line.h"
#include "import/import_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_log: %s\n", what);
    abort();
}

static int file_of(const uint8_t *bytes, size_t n)
{
    int fd = memfd_create("fuzz_log", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, bytes, n) == (ssize_t)n, "no file");
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void check_moments(const struct gathered *g)
{
    uint64_t *last_ns = calloc(g->entities.count + 1, sizeof *last_ns);
    const struct gathered_point *points = g->points.items;
    for (size_t i = 0; i < g->points.count; i++) {
        check(points[i].time_ns > last_ns[points[i].entity], "moments do not ascend");
        last_ns[points[i].entity] = points[i].time_ns;
    }
    free(last_ns);
}

/* As `tacho report` does. */
static void check_recording(struct gathered *g)
{
    struct tacho_recording *rec;
    struct tacho_error error;
    struct summary summary;
    int fd = memfd_create("fuzz_log", MFD_CLOEXEC);
    check(gathered_write(g, &(struct recording_options){.fd = dup(fd)}) == 0, "not written");
    check(tacho_recording_open_fd(fd, &rec, &error) == 0, "not opened");
    check(tacho_recording_salvage(rec)->lost_bytes == 0, "bytes lost");
    check(tacho_process_count(rec) == g->entities.count, "processes lost");
    check(tacho_label_count(rec) == g->labels.count, "labels lost");
    check(summary_make(rec, &summary) == 0, "no summary");
    check(summary.completeness.ticks <= g->points.count, "too many ticks");
    summary_done(&summary);
    tacho_recording_close(rec);
}

static void fuzz_log(const uint8_t *bytes, size_t n)
{
    struct gathered gathered = {0};
    struct import_result result;
    int fd = file_of(bytes, n);
    int r = import_read(fd, NULL, &gathered, &result);
    check(r == 0 || r == -ENODATA || r == -EPROTO, "reading failed");
    if (result.format != &import_log_lines) { /* fuzz_import has those */
        gathered_done(&gathered);
        close(fd);
        return;
    }
    check(result.taken == gathered.points.count, "points lost");
    check(result.taken + result.wrong <= result.lines, "more taken than there are lines");
    if (r == 0) {
        check_moments(&gathered);
        check_recording(&gathered);
    }
    gathered_done(&gathered);
    close(fd);
}

static void fuzz_label(const uint8_t *bytes, size_t n)
{
    struct log_line line = {.time_ns = UINT64_C(1700000000123456000), .label = {bytes, n}}, back;
    struct buffer text = {0}, scratch = {0};
    struct log_line_error error;
    log_line_put(&text, &line);
    check(utf8_valid(text.data, text.len), "not UTF-8");
    check(memchr(text.data, '\n', text.len) == NULL, "not one line");
    check(log_line_parse((const char *)text.data, text.len, &scratch, &back, &error) == 1,
          "not read back");
    check(back.time_ns == line.time_ns, "another time");
    check((back.label.n == 0) == (n == 0), "label lost");
    if (utf8_valid(bytes, n) && memchr(bytes, '\0', n) == NULL)
        check(back.label.n == n && (n == 0 || memcmp(back.label.bytes, bytes, n) == 0),
              "another label");
    buffer_done(&text);
    buffer_done(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    fuzz_log(bytes, n);
    fuzz_label(bytes, n);
    return 0;
}
