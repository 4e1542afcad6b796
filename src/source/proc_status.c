/*
 * /proc/PID/status: the kernel escapes newlines in the Name line, so that a comm cannot forge
 * lines.
 */
#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "source/key_lines.h"
#include "source/proc_process.h"

/*
 * Usual is 1.5 KB, and up to 6 KB with thousands of processors; but a user in 65,536 groups has 700
 * KB of them, before the memory lines. Then, and only then, is memory allocated.
 */
#define STATUS_CAP 8192
#define STATUS_CAP_LARGE (1024 * 1024)

static const struct key_line status_lines[] = {
    KEY_LINE("VmHWM:", STATUS_PEAK_RSS, 1024),
    KEY_LINE("RssAnon:", STATUS_RSS_ANON, 1024),
    KEY_LINE("RssFile:", STATUS_RSS_FILE, 1024),
    KEY_LINE("RssShmem:", STATUS_RSS_SHMEM, 1024),
    KEY_LINE("VmSwap:", STATUS_SWAP, 1024),
    KEY_LINE("voluntary_ctxt_switches:", STATUS_VOLUNTARY_SWITCHES, 1),
    KEY_LINE("nonvoluntary_ctxt_switches:", STATUS_INVOLUNTARY_SWITCHES, 1),
};

int proc_status_parse(const char *text, size_t n, uint64_t value[STATUS_FIELDS], uint32_t *valid)
{
    uint32_t read = key_lines_parse(text_of(text, n), status_lines, ARRAY_LEN(status_lines), value);
    if (read == 0)
        return -EPROTO;
    *valid = read;
    return 0;
}

static __attribute__((noinline)) int status_read_large(const struct source_root *root,
                                                       struct process_files *files,
                                                       uint64_t value[STATUS_FIELDS],
                                                       uint32_t *valid)
{
    _free_ char *text = malloc(STATUS_CAP_LARGE);
    if (text == NULL)
        return -ENOMEM;
    ssize_t n = process_files_read(root, files, FILE_STATUS, text, STATUS_CAP_LARGE);
    return n < 0 ? (int)n : proc_status_parse(text, (size_t)n, value, valid);
}

int proc_status_read(const struct source_root *root, struct process_files *files,
                     uint64_t value[STATUS_FIELDS], uint32_t *valid)
{
    char text[STATUS_CAP];
    ssize_t n = process_files_read(root, files, FILE_STATUS, text, sizeof text);
    if (n == sizeof text)
        return status_read_large(root, files, value, valid);
    return n < 0 ? (int)n : proc_status_parse(text, (size_t)n, value, valid);
}

/* The cursor behind `key` on the line that begins with it. */
static bool find_line(struct text *t, const char *key)
{
    do
        if (text_take_literal(t, key))
            return true;
    while (text_skip_past_newline(t));
    return false;
}

static pid_t inner_pid_parse(struct text t)
{
    uint64_t number, last = 0;
    if (find_line(&t, "NSpid:"))
        while (text_take_column(&t, &number))
            last = number;
    return t.at < t.end && *t.at == '\n' && last <= INT_MAX ? (pid_t)last : 0;
}

/* The lines come in this order. */
int proc_owner_parse(const char *text, size_t n, struct proc_owner *ret)
{
    struct text t = text_of(text, n);
    uint64_t group, uid, euid;
    if (!find_line(&t, "Tgid:") || !text_take_column(&t, &group) || !find_line(&t, "Uid:") ||
        !text_take_column(&t, &uid) || !text_take_column(&t, &euid) || group > INT_MAX ||
        uid > UINT32_MAX || euid > UINT32_MAX)
        return -EPROTO;
    *ret = (struct proc_owner){.thread_group = (pid_t)group,
                               .inner_pid = inner_pid_parse(t),
                               .uid = (uint32_t)uid,
                               .euid = (uint32_t)euid};
    return 0;
}

int proc_owner_read(const struct source_root *root, struct process_files *files,
                    struct proc_owner *ret)
{
    char text[STATUS_CAP]; /* what is wanted stands near its begin, NSpid behind the groups */
    ssize_t n = process_files_read(root, files, FILE_STATUS, text, sizeof text);
    return n < 0 ? (int)n : proc_owner_parse(text, (size_t)n, ret);
}
