/*
 * Any bytes as a log of another tool. Beyond the sanitizers: no line is worse than left out, and what was gathered makes a
 * recording that a summary and its scopes can be made of. What begins as the metrics of a process do is the files of an
 * execution's folder, one after another, with a NUL between.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "import/import_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char *const names[] = {
    "metrics-7_1714979289.20.csv",  "metrics-8_1714979290.csv", "agg_metrics.tsv",
    "command-7_1714979289.20.json", "command-8_1714979290.txt", "reference_pid.txt",
    "core_affinity.json",           "cpu_details.json"};
#define NAMES (sizeof names / sizeof names[0])

static char folder[64];

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_import: %s\n", what);
    abort();
}

static void remove_folder(void)
{
    for (size_t i = 0; i < NAMES; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static int file_of(const uint8_t *bytes, size_t n)
{
    int fd = memfd_create("fuzz_import", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, bytes, n) == (ssize_t)n, "no file");
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* Pieces between NULs become the files, in their order. */
static int folder_of(const uint8_t *bytes, size_t n)
{
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "/tmp/fuzz-import-XXXXXX");
        check(mkdtemp(folder) != NULL, "no folder");
        atexit(remove_folder);
    }
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < NAMES; i++) {
        const uint8_t *end = n > 0 ? memchr(bytes, '\0', n) : NULL;
        size_t piece = end != NULL ? (size_t)(end - bytes) : n;
        int fd = openat(at, names[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        check(fd >= 0 && write(fd, bytes, piece) == (ssize_t)piece, "no file in the folder");
        close(fd);
        bytes += end != NULL ? piece + 1 : piece;
        n -= end != NULL ? piece + 1 : piece;
    }
    return at;
}

/* As `tacho report` does. */
static void check_recording(struct gathered *g)
{
    struct tacho_recording *rec;
    struct tacho_error error;
    struct summary summary;
    struct scopes scopes;
    int fd = memfd_create("fuzz_import", MFD_CLOEXEC);
    check(gathered_write(g, &(struct recording_options){.fd = dup(fd)}) == 0, "not written");
    check(tacho_recording_open_fd(fd, &rec, &error) == 0, "not opened");
    check(tacho_recording_salvage(rec)->lost_bytes == 0, "bytes lost");
    check(tacho_process_count(rec) <= g->entities.count, "too many processes");
    check(summary_make(rec, &summary) == 0, "no summary");
    check(summary.completeness.ticks <= g->points.count, "too many ticks");
    check(summary_make_scopes(&summary, &scopes) == 0, "no scopes");
    scopes_done(&scopes);
    summary_done(&summary);
    tacho_recording_close(rec);
}

static void read_it(int fd)
{
    struct gathered gathered = {0};
    struct import_result result;
    int r = import_read(fd, NULL, &gathered, &result);
    check(r == 0 || r == -ENODATA || r == -EPROTO || r == -EXDEV || r == -EFBIG, "reading failed");
    check(result.wrong <= result.lines, "more is wrong than there are lines");
    if (gathered_any(&gathered))
        check_recording(&gathered);
    gathered_done(&gathered);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char head[] = "Time,PID";
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    bool in_folder = n > sizeof head && memcmp(bytes, head, sizeof head - 1) == 0;
    read_it(in_folder ? folder_of(bytes, n) : file_of(bytes, n));
    return 0;
}
