#include "import/import_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "format/block.h"

#define FIRST_BYTES 4096 /* by which a form is recognised */

/* The first that recognises a log reads it: the one that takes anything comes last. */
static const struct import_format *const formats[] = {
    &import_resource_log, &import_event_log,     &import_execution_folder, &import_rank_log,
    &import_psrecord_log, &import_mprof_log,     &import_duct_usage,       &import_duct_info,
    &import_prmon_log,    &import_prmon_summary, &import_nextflow_trace,   &import_log_lines,
};

const struct import_format *import_format(size_t i)
{
    return i < ARRAY_LEN(formats) ? formats[i] : NULL;
}

void import_count_wrong(struct import_log *log, const char *why)
{
    struct import_result *result = log->result;
    if (result->wrong < IMPORT_WRONG_SHOWN) {
        result->first_wrong[result->wrong].line = log->stream->line;
        result->first_wrong[result->wrong].why = why;
        snprintf(result->first_wrong[result->wrong].file, sizeof result->first_wrong[0].file, "%s",
                 log->file != NULL ? log->file : "");
    }
    result->wrong++;
}

int import_next_line(struct import_log *log, struct text *ret)
{
    const char *line;
    size_t n;
    int r = line_stream_next(log->stream, &line, &n);
    if (r == 1)
        *ret = text_of(line, n > 0 && line[n - 1] == '\r' ? n - 1 : n);
    return r;
}

int import_read_text(struct import_log *log, struct buffer *ret)
{
    struct text line;
    int r;
    while ((r = import_next_line(log, &line)) == 1) {
        size_t n = (size_t)(line.end - line.at);
        if (ret->len + n >= LINE_STREAM_MAX)
            return -EFBIG;
        if (buffer_put(ret, line.at, n) != 0)
            return -ENOMEM;
        buffer_put_byte(ret, '\n');
    }
    return r < 0 ? r : ret->failed ? -ENOMEM : 0;
}

/* ---- which form ---- */

static bool is_recording(const char *first, size_t n)
{
    return n >= sizeof(uint32_t) && load_u32(first) == BLOCK_MAGIC;
}

static const struct import_format *form_of_bytes(const char *first, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i]->recognises != NULL && formats[i]->recognises(first, n))
            return formats[i];
    return NULL;
}

static const struct import_format *form_of_folder(int folder)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i]->recognises_folder != NULL && formats[i]->recognises_folder(folder))
            return formats[i];
    return NULL;
}

const struct import_format *import_form_of(const char *path)
{
    struct stat st;
    char first[FIRST_BYTES];
    char *named = NULL;
    _close_ int fd = -1;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return NULL;
    fd = import_open(path, &named);
    free(named);
    if (fd < 0 || fstat(fd, &st) != 0)
        return NULL;
    if (S_ISDIR(st.st_mode))
        return form_of_folder(fd);
    ssize_t n = pread(fd, first, sizeof first, 0);
    return n <= 0 || is_recording(first, (size_t)n) ? NULL : form_of_bytes(first, (size_t)n);
}

bool import_are_one_job(char *const *path, size_t n)
{
    const struct import_format *format[ARRAY_LEN(formats)];
    if (n < 2 || n > ARRAY_LEN(formats))
        return false;
    for (size_t i = 0; i < n; i++) {
        format[i] = import_form_of(path[i]);
        if (format[i] == NULL || format[i]->job == NULL ||
            strcmp(format[i]->job, format[0]->job) != 0)
            return false;
        for (size_t j = 0; j < i; j++)
            if (format[j] == format[i])
                return false; /* two of the same form are two jobs */
    }
    return true;
}

/* ---- files that belong together ---- */

/* A path that is `before` and an ending, opened: the descriptor or -errno; *ret_path is then to be freed. */
static int open_ending(const char *before, size_t n, const char *ending, char **ret_path)
{
    char *path;
    if (asprintf(&path, "%.*s%s", (int)n, before, ending) < 0)
        return -ENOMEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int error = -errno;
        free(path);
        return error;
    }
    *ret_path = path;
    return fd;
}

static int open_any_ending(const char *before, char **ret_path)
{
    int fd = -ENOENT;
    for (size_t i = 0; i < ARRAY_LEN(formats) && fd == -ENOENT; i++)
        for (const char *const *e = formats[i]->endings; e != NULL && *e != NULL && fd == -ENOENT;
             e++)
            fd = open_ending(before, strlen(before), *e, ret_path);
    return fd;
}

/* A folder that is no log itself may be what the names of a log's files begin with. */
static int open_in_folder(int folder, const char *path, char **ret_path)
{
    char *before;
    size_t n = strlen(path);
    if (asprintf(&before, "%s%s", path, n > 0 && path[n - 1] == '/' ? "" : "/") < 0)
        return folder;
    int fd = open_any_ending(before, ret_path);
    free(before);
    if (fd < 0)
        return folder;
    close(folder);
    return fd;
}

int import_open(const char *path, char **ret_path)
{
    struct stat st;
    *ret_path = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return open_any_ending(path, ret_path);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && form_of_folder(fd) == NULL)
        return open_in_folder(fd, path, ret_path);
    return fd;
}

/* The ending of a path among those of a form, or NULL. */
static const char *ending_of(const struct import_format *format, const char *path)
{
    size_t n = strlen(path);
    for (const char *const *e = format->endings; e != NULL && *e != NULL; e++)
        if (n >= strlen(*e) && strcmp(path + n - strlen(*e), *e) == 0)
            return *e;
    return NULL;
}

static int read_file(int fd, const char *path, struct gathered *ret, struct import_result *result);

static int read_companions(const struct import_format *format, const char *path,
                           struct gathered *ret, struct import_result *result)
{
    const char *own = path == NULL ? NULL : ending_of(format, path);
    int r = 0;
    if (own == NULL)
        return 0;
    for (const char *const *e = format->endings; *e != NULL && r == 0; e++) {
        char *other;
        int fd = *e == own ? -ENOENT : open_ending(path, strlen(path) - strlen(own), *e, &other);
        if (fd < 0)
            continue;
        struct import_result more = {0};
        r = read_file(fd, other, ret, &more);
        result->taken += more.taken;
        if (r == -ENODATA)
            r = 0;
        close(fd);
        free(other);
    }
    return r;
}

/* ---- reading ---- */

/* Whether the file was read before; from now on it was. -ENOMEM. */
static int seen_before(struct gathered *g, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    struct gathered_file *files = g->files.items;
    for (size_t i = 0; i < g->files.count && S_ISREG(st.st_mode); i++)
        if (files[i].device == st.st_dev && files[i].inode == st.st_ino)
            return 1;
    struct gathered_file *file = array_add(&g->files, sizeof *file);
    if (file == NULL)
        return -ENOMEM;
    *file = (struct gathered_file){.device = st.st_dev, .inode = st.st_ino};
    return 0;
}

static int read_stream(struct line_stream *stream, const char *path, struct gathered *ret,
                       struct import_result *result)
{
    struct import_log log = {
        .path = path, .stream = stream, .folder = -1, .gathered = ret, .result = result};
    const char *first;
    size_t n;
    int r = line_stream_peek(stream, &first, &n);
    if (r != 0)
        return r;
    if (is_recording(first, n))
        return -EPROTO;
    result->format = form_of_bytes(first, n);
    if (result->format != NULL)
        r = result->format->read(&log);
    result->lines = stream->line;
    return r == 0 && result->taken == 0 ? -ENODATA : r;
}

static int read_file(int fd, const char *path, struct gathered *ret, struct import_result *result)
{
    struct line_stream stream;
    int r = seen_before(ret, fd);
    result->again = r == 1;
    if (r != 0)
        return r < 0 ? r : 0;
    r = line_stream_open(fd, &stream);
    if (r != 0)
        return r;
    r = read_stream(&stream, path, ret, result);
    line_stream_close(&stream);
    return r;
}

static int read_folder(int fd, const char *path, struct gathered *ret, struct import_result *result)
{
    struct import_log log = {.path = path, .folder = fd, .gathered = ret, .result = result};
    result->format = form_of_folder(fd);
    if (result->format == NULL)
        return -EISDIR;
    int r = result->format->read(&log);
    return r == 0 && result->taken == 0 ? -ENODATA : r;
}

int import_read(int fd, const char *path, struct gathered *ret, struct import_result *result)
{
    struct stat st;
    const char *name = path == NULL ? "stdin" : path;
    *result = (struct import_result){0};
    if (fstat(fd, &st) != 0)
        return -errno;
    int r =
        S_ISDIR(st.st_mode) ? read_folder(fd, path, ret, result) : read_file(fd, path, ret, result);
    if ((r == 0 || r == -ENODATA) && result->format != NULL && !result->again) {
        int more = read_companions(result->format, path, ret, result);
        r = more != 0 ? more : result->taken > 0 ? 0 : r;
    }
    if (r == 0 && !result->again && buffer_put(&ret->names, name, strlen(name) + 1) != 0)
        r = -ENOMEM;
    return r;
}
