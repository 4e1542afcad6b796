/*
 * /proc/PID/stat: one line, "PID (comm) S 1 2 …", where the comm may hold blanks, `)` and
 * newlines.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/number.h"
#include "source/proc_process.h"

enum unit { UNIT_ONE, UNIT_TICK, UNIT_PAGE };

/* The columns wanted, ascending. */
enum {
    PARENT,
    GROUP,
    SESSION,
    FLAGS,
    MINOR_FAULTS,
    MAJOR_FAULTS,
    USER,
    SYSTEM,
    CHILDREN_USER,
    CHILDREN_SYSTEM,
    THREADS,
    START,
    VMS,
    RSS,
    START_STACK,
    PROCESSOR,
    IOWAIT,
    EXIT_CODE,
    COLUMNS
};

static const struct {
    uint8_t number; /* in proc_pid_stat(5) */
    uint8_t field;  /* STAT_FIELDS: not among the values */
    uint8_t unit;
} columns[COLUMNS] = {
    [PARENT] = {4, STAT_PARENT_PID, UNIT_ONE},
    [GROUP] = {5, STAT_FIELDS, UNIT_ONE},
    [SESSION] = {6, STAT_FIELDS, UNIT_ONE},
    [FLAGS] = {9, STAT_FIELDS, UNIT_ONE},
    [MINOR_FAULTS] = {10, STAT_MINOR_FAULTS, UNIT_ONE},
    [MAJOR_FAULTS] = {12, STAT_MAJOR_FAULTS, UNIT_ONE},
    [USER] = {14, STAT_USER, UNIT_TICK},
    [SYSTEM] = {15, STAT_SYSTEM, UNIT_TICK},
    [CHILDREN_USER] = {16, STAT_CHILDREN_USER, UNIT_TICK},
    [CHILDREN_SYSTEM] = {17, STAT_CHILDREN_SYSTEM, UNIT_TICK},
    [THREADS] = {20, STAT_THREADS, UNIT_ONE},
    [START] = {22, STAT_FIELDS, UNIT_ONE},
    [VMS] = {23, STAT_VMS, UNIT_ONE},
    [RSS] = {24, STAT_RSS, UNIT_PAGE},
    [START_STACK] = {28, STAT_FIELDS, UNIT_ONE},
    [PROCESSOR] = {39, STAT_PROCESSOR, UNIT_ONE},
    [IOWAIT] = {42, STAT_IOWAIT, UNIT_TICK},
    [EXIT_CODE] = {52, STAT_FIELDS, UNIT_ONE},
};

#define BIT(column) (UINT32_C(1) << (column))
#define IDENTITY (BIT(PARENT) | BIT(GROUP) | BIT(SESSION) | BIT(FLAGS) | BIT(START))

/*
 * Behind the `n`th blank from here, eight bytes at a time: most columns are addresses that nobody
 * wants. False when there are fewer.
 */
static bool skip_columns(struct text *t, unsigned n)
{
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F), blanks = UINT64_C(0x2020202020202020);
    while (t->end - t->at >= 8) {
        uint64_t other = load_u64(t->at) ^ blanks; /* 0 in the bytes that are blanks */
        uint64_t found = ~(((other & low) + low) | other | low);
        unsigned count = (unsigned)((found >> 7) * UINT64_C(0x0101010101010101) >> 56);
        if (count >= n) {
            for (; n > 1; n--)
                found &= found - 1;
            t->at += __builtin_ctzll(found) / 8 + 1;
            return true;
        }
        n -= count;
        t->at += 8;
    }
    while (t->at < t->end)
        if (*t->at++ == ' ' && --n == 0)
            return true;
    return false;
}

/*
 * Digits at `p`, where some byte that is none follows for certain. Behind them, or `p` itself where
 * there is no number or one too large. 19 digits always fit in 64 bits.
 */
static inline const char *take_number(const char *p, const char *end, uint64_t *ret)
{
    const char *begin = p;
    uint64_t v = 0;
    for (unsigned digit; (digit = (unsigned char)(*p - '0')) <= 9; p++)
        v = v * 10 + digit;
    *ret = v;
    if (p - begin <= 19)
        return p;
    struct text t = {begin, end};
    return text_take_u64(&t, ret) ? t.at : begin;
}

/*
 * The columns from the blank before the fourth on. Returns the mask of those read; `negative` gets
 * the mask of those with a sign, whose value is then the amount. What has neither a blank nor the
 * newline behind it may be cut and does not count.
 */
static uint32_t columns_take(struct text t, uint64_t value[COLUMNS], uint32_t *negative)
{
    uint32_t read = 0;
    unsigned number = 3;
    *negative = 0;
    while (t.end > t.at && t.end[-1] != '\n' && t.end[-1] != ' ')
        t.end--;
    for (unsigned i = 0; i < COLUMNS; i++) {
        unsigned further = columns[i].number - number;
        number = columns[i].number;
        if (further == 1 && t.at < t.end && *t.at == ' ')
            t.at++;
        else if (!skip_columns(&t, further))
            break;
        if (t.at == t.end)
            break;
        bool minus = *t.at == '-';
        const char *begin = t.at + minus;
        t.at = take_number(begin, t.end, &value[i]);
        if (t.at == begin || (*t.at != ' ' && *t.at != '\n'))
            continue;
        read |= UINT32_C(1) << i;
        *negative |= (uint32_t)minus << i;
    }
    return read;
}

/* The kernel prints -1 for ids that it could not look up any more. */
static bool id_of(uint64_t value, bool negative, pid_t *ret)
{
    if (value > INT_MAX)
        return false;
    *ret = negative ? -(pid_t)value : (pid_t)value;
    return true;
}

/*
 * Once the whole process is a zombie: the state letter alone is that of the main thread, which may
 * have ended before the others. Column 52 is a wait status, since Linux 3.5.
 */
static int exit_code_of(char state, const uint64_t value[COLUMNS], uint32_t read, uint32_t negative)
{
    if (state != 'Z' && state != 'X')
        return -1;
    if (!(read & BIT(THREADS)) || value[THREADS] > 1)
        return -1;
    if (!(read & ~negative & BIT(EXIT_CODE)) || value[EXIT_CODE] > INT_MAX)
        return -1;
    return (int)value[EXIT_CODE];
}

static void fields_take(const struct source_root *root, const uint64_t value[COLUMNS],
                        uint32_t usable, struct proc_stat *ret)
{
    const uint64_t scale[] = {
        [UNIT_ONE] = 1, [UNIT_TICK] = root->tick_ns, [UNIT_PAGE] = root->page_bytes};
    if (!root->delay_accounting)
        usable &= ~BIT(IOWAIT);
    for (unsigned i = 0; i < COLUMNS; i++)
        if ((usable & BIT(i)) && columns[i].field < STAT_FIELDS &&
            !__builtin_mul_overflow(value[i], scale[columns[i].unit],
                                    &ret->value[columns[i].field]))
            ret->valid |= UINT32_C(1) << columns[i].field;
}

int proc_stat_parse(const struct source_root *root, const char *text, size_t n,
                    struct proc_stat *ret)
{
    const char *open = memchr(text, '(', n);
    const char *close = memrchr(text, ')', n); /* a comm may hold more of them */
    struct text t = text_of(text, n);
    if (open == NULL || close < open || t.end - close < 4 || close[1] != ' ')
        return -EPROTO;
    char state = close[2];
    t.at = close + 3;

    uint64_t value[COLUMNS];
    uint32_t negative, read = columns_take(t, value, &negative);
    struct proc_stat stat = {.exit_code = exit_code_of(state, value, read, negative)};
    if ((read & IDENTITY) != IDENTITY || (negative & BIT(START)) || value[FLAGS] > UINT32_MAX ||
        !id_of(value[PARENT], negative & BIT(PARENT), &stat.parent_pid) ||
        !id_of(value[GROUP], negative & BIT(GROUP), &stat.process_group) ||
        !id_of(value[SESSION], negative & BIT(SESSION), &stat.session))
        return -EPROTO;
    stat.start_ticks = value[START];
    stat.flags = (uint32_t)value[FLAGS];
    stat.start_stack = read & BIT(START_STACK) ? value[START_STACK] : 0;
    fields_take(root, value, read & ~negative, &stat);
    stat.value[STAT_STATE] = (unsigned char)state;
    stat.valid |= UINT32_C(1) << STAT_STATE;
    size_t length = (size_t)(close - open - 1);
    memcpy(stat.comm, open + 1, length < COMM_CAP ? length : COMM_CAP - 1);
    *ret = stat;
    return 0;
}

/*
 * Whether the kernel would show this process's exit code to the caller: the same ptrace check
 * guards the links in ns/ and `io`, for zombies too. A zombie's `io` is root's to open, so that it
 * comes second.
 */
static bool exit_code_is_shown(const struct source_root *root, const struct process_files *files)
{
    char byte;
    struct process_path path;
    if (process_path_make(root, files, "ns/user", &path) != 0)
        return false;
    if (readlinkat(path.dir_fd, path.name, &byte, 1) == 1)
        return true;
    return process_path_make(root, files, "io", &path) == 0 &&
           source_read_at(path.dir_fd, path.name, &byte, 1) == 1;
}

int proc_stat_read(const struct source_root *root, struct process_files *files,
                   struct proc_stat *ret)
{
    char text[2048]; /* 52 numbers of at most 20 digits, and the comm */
    ssize_t n = process_files_read(root, files, FILE_STAT, text, sizeof text);
    if (n < 0)
        return (int)n;
    struct proc_stat stat;
    int rc = proc_stat_parse(root, text, (size_t)n, &stat);
    if (rc != 0)
        return rc;
    if (stat.exit_code == 0 && !exit_code_is_shown(root, files))
        stat.exit_code = -1;
    *ret = stat;
    return 0;
}
