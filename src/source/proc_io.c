/* /proc/PID/io: of the whole thread group, dead threads included. */
#include <errno.h>

#include "base/cleanup.h"
#include "source/key_lines.h"
#include "source/proc_process.h"

static const struct key_line io_lines[] = {
    KEY_LINE("rchar:", IO_READ_CHARS, 1),      KEY_LINE("wchar:", IO_WRITE_CHARS, 1),
    KEY_LINE("syscr:", IO_READ_COUNT, 1),      KEY_LINE("syscw:", IO_WRITE_COUNT, 1),
    KEY_LINE("read_bytes:", IO_READ_BYTES, 1), KEY_LINE("write_bytes:", IO_WRITE_BYTES, 1),
};

int proc_io_parse(const char *text, size_t n, uint64_t value[IO_FIELDS], uint32_t *valid)
{
    uint32_t read = key_lines_parse(text_of(text, n), io_lines, ARRAY_LEN(io_lines), value);
    if (read == 0)
        return -EPROTO;
    *valid = read;
    return 0;
}

int proc_io_read(const struct source_root *root, struct process_files *files,
                 uint64_t value[IO_FIELDS], uint32_t *valid)
{
    char text[384]; /* seven lines */
    ssize_t n = process_files_read(root, files, FILE_IO, text, sizeof text);
    return n < 0 ? (int)n : proc_io_parse(text, (size_t)n, value, valid);
}
