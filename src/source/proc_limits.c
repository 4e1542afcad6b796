#include "source/proc_limits.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "source/key_lines.h"

#define LIMITS_CAP 4096

/* A number, or "unlimited", for which `*ret` stays. */
static bool take_limit(struct text *t, uint64_t *ret)
{
    text_skip_blanks(t);
    return text_take_literal(t, "unlimited") || text_take_column(t, ret);
}

/* "Max cpu time              10                   unlimited            seconds" */
int proc_limits_parse(const char *text, size_t n, struct proc_limits *ret)
{
    struct text t = text_of(text, n);
    struct proc_limits limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    bool any = false;
    do {
        struct text line = t;
        if (text_take_literal(&line, "Max cpu time "))
            any |= take_limit(&line, &limits.cpu_soft_s) && take_limit(&line, &limits.cpu_hard_s);
        else if (text_take_literal(&line, "Max file size "))
            any |= take_limit(&line, &limits.file_bytes);
    } while (text_skip_past_newline(&t));
    if (!any)
        return -EPROTO;
    *ret = limits;
    return 0;
}

int proc_limits_read(const struct source_root *root, const struct process_files *files,
                     struct proc_limits *ret)
{
    char text[LIMITS_CAP];
    _close_ int fd = process_files_open_below(root, files, "limits", O_RDONLY);
    ssize_t n = fd < 0 ? fd : source_read_kept(fd, text, sizeof text);
    return n < 0 ? (int)n : proc_limits_parse(text, (size_t)n, ret);
}
