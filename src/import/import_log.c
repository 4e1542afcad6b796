#include "import/import_log.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "format/block.h"

/* The first that recognises a log reads it: the one that takes anything comes last. */
static const struct import_format *const formats[] = {&import_log_lines};

const struct import_format *import_format(size_t i)
{
    return i < ARRAY_LEN(formats) ? formats[i] : NULL;
}

void import_count_wrong(struct import_result *result, uint64_t line, const char *why)
{
    if (result->wrong < IMPORT_WRONG_SHOWN) {
        result->first_wrong[result->wrong].line = line;
        result->first_wrong[result->wrong].why = why;
    }
    result->wrong++;
}

static const struct import_format *format_of(const char *first, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i]->recognises(first, n))
            return formats[i];
    return NULL;
}

static int read_stream(struct line_stream *stream, struct gathered *ret,
                       struct import_result *result)
{
    const char *first;
    size_t n;
    int r = line_stream_peek(stream, &first, &n);
    if (r != 0)
        return r;
    if (n >= sizeof(uint32_t) && load_u32(first) == BLOCK_MAGIC)
        return -EPROTO;
    result->format = format_of(first, n);
    if (result->format != NULL)
        r = result->format->read(stream, ret, result);
    result->lines = stream->line;
    return r == 0 && result->taken == 0 ? -ENODATA : r;
}

int import_read(int fd, const char *name, struct gathered *ret, struct import_result *result)
{
    struct line_stream stream;
    *result = (struct import_result){0};
    int r = line_stream_open(fd, &stream);
    if (r != 0)
        return r;
    r = read_stream(&stream, ret, result);
    line_stream_close(&stream);
    if (r == 0 && buffer_put(&ret->names, name, strlen(name) + 1) != 0)
        r = -ENOMEM;
    return r;
}
