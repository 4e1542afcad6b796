/* /proc/PID/statm and smaps_rollup. */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "source/key_lines.h"
#include "source/proc_process.h"

int proc_statm_parse(const struct source_root *root, const char *text, size_t n,
                     uint64_t value[STATM_FIELDS], uint32_t *valid)
{
    struct text t = text_of(text, n);
    uint64_t pages[STATM_FIELDS], bytes[STATM_FIELDS];
    if (!text_take_column(&t, &pages[STATM_VMS]) || !text_take_column(&t, &pages[STATM_RSS]))
        return -EPROTO;
    uint32_t mask = 0;
    for (unsigned i = 0; i < STATM_FIELDS; i++)
        if (!__builtin_mul_overflow(pages[i], root->page_bytes, &bytes[i])) {
            value[i] = bytes[i];
            mask |= UINT32_C(1) << i;
        }
    *valid = mask;
    return 0;
}

int proc_statm_read(const struct source_root *root, struct process_files *files,
                    uint64_t value[STATM_FIELDS], uint32_t *valid)
{
    char text[192]; /* seven numbers */
    ssize_t n = process_files_read(root, files, FILE_STATM, text, sizeof text);
    return n < 0 ? (int)n : proc_statm_parse(root, text, (size_t)n, value, valid);
}

/* The lines of smaps_rollup; USS is the sum of the last two. */
enum { LINE_PSS, LINE_CLEAN, LINE_DIRTY, LINE_SWAP_PSS, SMAPS_LINES };

static const struct key_line smaps_lines[] = {
    KEY_LINE("Pss:", LINE_PSS, 1024),
    KEY_LINE("Private_Clean:", LINE_CLEAN, 1024),
    KEY_LINE("Private_Dirty:", LINE_DIRTY, 1024),
    KEY_LINE("SwapPss:", LINE_SWAP_PSS, 1024),
};

int proc_smaps_parse(const char *text, size_t n, uint64_t value[SMAPS_FIELDS], uint32_t *valid)
{
    struct text t = text_of(text, n);
    text_skip_past_newline(&t); /* the address range */
    uint64_t line[SMAPS_LINES], uss;
    uint32_t read = key_lines_parse(t, smaps_lines, ARRAY_LEN(smaps_lines), line);
    const uint32_t private = 1 << LINE_CLEAN | 1 << LINE_DIRTY;
    if (read == 0)
        return -EPROTO;

    uint32_t mask = 0;
    if (read & 1 << LINE_PSS) {
        value[SMAPS_PSS] = line[LINE_PSS];
        mask |= 1 << SMAPS_PSS;
    }
    if ((read & private) == private &&
        !__builtin_add_overflow(line[LINE_CLEAN], line[LINE_DIRTY], &uss)) {
        value[SMAPS_USS] = uss;
        mask |= 1 << SMAPS_USS;
    }
    if (read & 1 << LINE_SWAP_PSS) {
        value[SMAPS_SWAP_PSS] = line[LINE_SWAP_PSS];
        mask |= 1 << SMAPS_SWAP_PSS;
    }
    *valid = mask;
    return 0;
}

int proc_smaps_read(const struct source_root *root, const struct process_files *files,
                    uint64_t value[SMAPS_FIELDS], uint32_t *valid)
{
    char text[2048]; /* some 25 lines of 30 bytes */
    ssize_t n;
    _close_ int fd = process_files_open_below(root, files, "smaps_rollup", O_RDONLY);
    n = fd < 0 ? fd : source_read_kept(fd, text, sizeof text);
    if (n == -ESRCH && process_files_exist(root, files)) {
        *valid = 0; /* no memory of its own */
        return 0;
    }
    return n < 0 ? (int)n : proc_smaps_parse(text, (size_t)n, value, valid);
}
