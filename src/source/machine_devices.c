/* /proc/diskstats and net/dev. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "source/key_lines.h"
#include "source/machine_files.h"

#define SECTOR_BYTES 512 /* in diskstats, whatever the device's own */
#define DISKS_MAX 65536

/* A word, blanks before it skipped. Length 0 at the line's end. */
static size_t take_word(struct text *t, const char **ret)
{
    text_skip_blanks(t);
    *ret = t->at;
    while (t->at < t->end && *t->at != ' ' && *t->at != '\t' && *t->at != '\n')
        t->at++;
    return (size_t)(t->at - *ret);
}

/* One column into one field, or added to it. */
struct column {
    uint8_t number, field;
    uint32_t scale;
};

/*
 * The numbers from the cursor on; columns in ascending order, those of one field side by side.
 * Returns the mask of the fields that are complete.
 */
static uint32_t columns_take(struct text t, const struct column *columns, size_t n, uint64_t *value)
{
    uint32_t valid = 0;
    uint64_t number = 0, scaled;
    unsigned at = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned field = columns[i].field;
        uint32_t bit = UINT32_C(1) << field;
        bool taken = true;
        for (; taken && at < columns[i].number; at++)
            taken = text_take_column(&t, &number);
        uint64_t before = valid & bit ? value[field] : 0;
        if (!taken || __builtin_mul_overflow(number, columns[i].scale, &scaled) ||
            __builtin_add_overflow(before, scaled, &value[field]))
            return valid & ~bit;
        valid |= bit;
    }
    return valid;
}

/* "254 0 vda 28961 6829 2509570 10185 7598 6214 529720 1847 0 8260 …", Documentation/iostats */
static bool disk_take(struct text t, machine_each *each, void *user)
{
    static const struct column columns[] = {
        {1, DISK_READ_COUNT, 1},
        {3, DISK_READ_BYTES, SECTOR_BYTES},
        {5, DISK_WRITE_COUNT, 1},
        {7, DISK_WRITE_BYTES, SECTOR_BYTES},
        {10, DISK_BUSY, (uint32_t)NS_PER_MS},
    };
    uint64_t major, minor, value[DISK_FIELDS];
    const char *word;
    char name[INSTANCE_NAME_CAP];
    if (!text_take_column(&t, &major) || !text_take_column(&t, &minor))
        return false;
    size_t length = take_word(&t, &word);
    if (length == 0)
        return false;
    instance_name_put(name, word, length);
    uint32_t valid = columns_take(t, columns, ARRAY_LEN(columns), value);
    if (valid == 0)
        return false;
    each(user, name, value, valid);
    return true;
}

int machine_disks_parse(const char *text, size_t n, machine_each *each, void *user)
{
    struct text t = text_of(text, n);
    bool any = n == 0; /* a machine without block devices */
    do
        any |= disk_take(t, each, user);
    while (text_skip_past_newline(&t));
    return any ? 0 : -EPROTO;
}

/* ---- which devices are whole disks ---- */

/* Whether sys/block has an entry of this name; it writes `!` for the `/` of "cciss/c0d0". */
static bool is_in_block(int sys_fd, const char *name)
{
    char path[INSTANCE_NAME_CAP + 8] = "block/";
    struct stat st;
    size_t at = strlen(path);
    for (; *name != '\0'; name++)
        path[at++] = *name == '/' ? '!' : *name;
    path[at] = '\0';
    return fstatat(sys_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * From the cache, where entry `at` is the one in the usual order; a new name is looked up and kept.
 * Where there is no sys/block every device counts as whole.
 */
static bool is_whole(struct machine_files *files, const char *name, size_t at)
{
    if (!files->has_block)
        return true;
    if (at < files->n_disks && strcmp(files->disks[at].name, name) == 0)
        return files->disks[at].whole;
    for (size_t i = 0; i < files->n_disks; i++)
        if (strcmp(files->disks[i].name, name) == 0)
            return files->disks[i].whole;
    struct disk_name disk = {.whole = is_in_block(files->root->sys_fd, name)};
    memcpy(disk.name, name, sizeof disk.name);
    if (files->n_disks == files->cap_disks && files->cap_disks < DISKS_MAX) {
        size_t cap = files->cap_disks == 0 ? 64 : 2 * files->cap_disks;
        struct disk_name *grown = realloc(files->disks, cap * sizeof *grown);
        if (grown != NULL) {
            files->disks = grown;
            files->cap_disks = cap;
        }
    }
    if (files->n_disks < files->cap_disks)
        files->disks[files->n_disks++] = disk;
    return disk.whole;
}

static bool is_idle_pseudo_disk(const char *name, const uint64_t value[DISK_FIELDS], uint32_t valid)
{
    if (strncmp(name, "loop", 4) != 0 && strncmp(name, "ram", 3) != 0 &&
        strncmp(name, "zram", 4) != 0)
        return false;
    for (unsigned i = 0; i < DISK_FIELDS; i++)
        if ((valid & UINT32_C(1) << i) && value[i] != 0)
            return false;
    return true;
}

struct disk_filter {
    struct machine_files *files;
    size_t at;
    machine_each *each;
    void *user;
};

static void filter_disk(void *user, const char *name, const uint64_t *value, uint32_t valid)
{
    struct disk_filter *filter = user;
    if (is_whole(filter->files, name, filter->at++) && !is_idle_pseudo_disk(name, value, valid))
        filter->each(filter->user, name, value, valid);
}

int machine_disks_read(struct machine_files *files, machine_each *each, void *user)
{
    struct disk_filter filter = {.files = files, .each = each, .user = user};
    ssize_t n = machine_text_read(files, MACHINE_DISKSTATS);
    return n < 0 ? (int)n : machine_disks_parse(files->text, (size_t)n, filter_disk, &filter);
}

/* ---- the network ---- */

/* "  eth0: 27815077 664 0 …": bytes, packets, errors and drops received, from column 9 on sent. */
static bool interface_take(struct text t, machine_each *each, void *user)
{
    static const struct column columns[] = {
        {1, NET_RECEIVED_BYTES, 1},  {2, NET_RECEIVED_PACKETS, 1}, {3, NET_RECEIVED_ERRORS, 1},
        {4, NET_RECEIVED_ERRORS, 1}, {9, NET_SENT_BYTES, 1},       {10, NET_SENT_PACKETS, 1},
        {11, NET_SENT_ERRORS, 1},    {12, NET_SENT_ERRORS, 1},
    };
    const char *newline = memchr(t.at, '\n', (size_t)(t.end - t.at));
    if (newline != NULL)
        t.end = newline + 1;
    text_skip_blanks(&t);
    const char *colon = memrchr(t.at, ':', (size_t)(t.end - t.at));
    if (colon == NULL || colon == t.at)
        return false;
    char name[INSTANCE_NAME_CAP];
    uint64_t value[NET_FIELDS];
    instance_name_put(name, t.at, (size_t)(colon - t.at));
    t.at = colon + 1;
    uint32_t valid = columns_take(t, columns, ARRAY_LEN(columns), value);
    if (valid == 0)
        return false;
    each(user, name, value, valid);
    return true;
}

int machine_net_parse(const char *text, size_t n, machine_each *each, void *user)
{
    struct text t = text_of(text, n);
    if (!text_take_literal(&t, "Inter-|") || !text_skip_past_newline(&t) ||
        !text_skip_past_newline(&t))
        return -EPROTO;
    do
        interface_take(t, each, user);
    while (text_skip_past_newline(&t));
    return 0;
}

int machine_net_read(struct machine_files *files, machine_each *each, void *user)
{
    ssize_t n = machine_text_read(files, MACHINE_NET_DEV);
    return n < 0 ? (int)n : machine_net_parse(files->text, (size_t)n, each, user);
}
