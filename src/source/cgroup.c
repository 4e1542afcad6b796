/* A process's control groups: /proc/PID/cgroup says which, sys/fs/cgroup holds their limits. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/host.h"
#include "source/key_lines.h"
#include "source/process_files.h"

#define CGROUP_CAP 16384
#define NO_LIMIT (UINT64_C(1) << 62) /* what v1 shows for none is a little below 2^63 */

static void tighten(uint64_t *limit, uint64_t to)
{
    if (to < *limit && to < NO_LIMIT)
        *limit = to;
}

static void tighten_cpu(double *limit, uint64_t quota_us, uint64_t period_us)
{
    if (quota_us == 0 || period_us == 0)
        return;
    double processors = (double)quota_us / (double)period_us;
    if (*limit == 0 || processors < *limit)
        *limit = processors;
}

/* ---- one group's files; what is "max" or -1 is no number and limits nothing ---- */

static void memory_v1_take(int dir_fd, struct cgroup_limits *limits)
{
    uint64_t bytes;
    if (source_number_at(dir_fd, "memory.limit_in_bytes", &bytes) == 0)
        tighten(&limits->memory_max_bytes, bytes);
}

static void cpu_v1_take(int dir_fd, struct cgroup_limits *limits)
{
    uint64_t quota_us, period_us;
    if (source_number_at(dir_fd, "cpu.cfs_quota_us", &quota_us) == 0 &&
        source_number_at(dir_fd, "cpu.cfs_period_us", &period_us) == 0)
        tighten_cpu(&limits->cpu_max, quota_us, period_us);
}

static void pids_take(int dir_fd, struct cgroup_limits *limits)
{
    uint64_t pids;
    if (source_number_at(dir_fd, "pids.max", &pids) == 0)
        tighten(&limits->pids_max, pids);
}

static void v2_take(int dir_fd, struct cgroup_limits *limits)
{
    uint64_t bytes, quota_us, period_us;
    if (source_number_at(dir_fd, "memory.max", &bytes) == 0)
        tighten(&limits->memory_max_bytes, bytes);
    pids_take(dir_fd, limits);
    char text[64]; /* "50000 100000\n" */
    ssize_t n = source_read_at(dir_fd, "cpu.max", text, sizeof text);
    struct text t = text_of(text, n > 0 ? (size_t)n : 0);
    if (text_take_column(&t, &quota_us) && text_take_column(&t, &period_us))
        tighten_cpu(&limits->cpu_max, quota_us, period_us);
}

/* ---- from a group up to where its hierarchy is mounted ---- */

typedef void group_take(int dir_fd, struct cgroup_limits *limits);

/*
 * Inside a container the path may be the host's and not be found below the mount, whose top is then
 * the container's group: levels that do not exist are passed over. A path with ".." is a group
 * outside the reader's cgroup namespace, whose limits cannot be seen.
 */
static void take_upwards(const struct source_root *root, const char *mount, struct text path,
                         group_take *take, struct cgroup_limits *limits)
{
    char name[PATH_MAX];
    size_t top = strlen(mount), n = (size_t)(path.end - path.at);
    if (root->sys_fd < 0 || top + n >= sizeof name)
        return;
    memcpy(name, mount, top);
    memcpy(name + top, path.at, n);
    name[top + n] = '\0';
    if (strstr(name, "/..") != NULL)
        return;
    for (;;) {
        _close_ int fd = openat(root->sys_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            take(fd, limits);
        char *slash = strrchr(name + top, '/');
        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

static const struct {
    const char *controller;
    const char *mounts[2];
    group_take *take;
} v1_controllers[] = {
    {"memory", {"fs/cgroup/memory"}, memory_v1_take},
    {"cpu", {"fs/cgroup/cpu", "fs/cgroup/cpu,cpuacct"}, cpu_v1_take},
    {"pids", {"fs/cgroup/pids"}, pids_take},
};

/* Whether a comma-separated list has this word. */
static bool list_has(struct text list, const char *word)
{
    for (;;) {
        if (text_take_literal(&list, word) && (list.at == list.end || *list.at == ','))
            return true;
        const char *comma = memchr(list.at, ',', (size_t)(list.end - list.at));
        if (comma == NULL)
            return false;
        list.at = comma + 1;
    }
}

static void path_put(struct cgroup_limits *limits, struct text path)
{
    size_t n = (size_t)(path.end - path.at);
    if (n >= sizeof limits->path)
        n = sizeof limits->path - 1;
    memcpy(limits->path, path.at, n);
    limits->path[n] = '\0';
}

/*
 * "4:memory:/user.slice", or "0::/user.slice" for v2. The path of the first v1 controller here
 * is shown.
 */
static void line_take(const struct source_root *root, struct text line,
                      struct cgroup_limits *limits)
{
    uint64_t hierarchy;
    if (!text_take_u64(&line, &hierarchy) || !text_take_literal(&line, ":"))
        return;
    const char *colon = memchr(line.at, ':', (size_t)(line.end - line.at));
    if (colon == NULL || colon + 1 == line.end || colon[1] != '/')
        return;
    struct text list = {line.at, colon}, path = {colon + 1, line.end};
    if (hierarchy == 0) {
        take_upwards(root, "fs/cgroup", path, v2_take, limits);
        take_upwards(root, "fs/cgroup/unified", path, v2_take, limits);
        if (limits->version == 0) {
            limits->version = 2;
            path_put(limits, path);
        }
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(v1_controllers); i++) {
        if (!list_has(list, v1_controllers[i].controller))
            continue;
        for (size_t j = 0; j < ARRAY_LEN(v1_controllers[i].mounts); j++)
            if (v1_controllers[i].mounts[j] != NULL)
                take_upwards(root, v1_controllers[i].mounts[j], path, v1_controllers[i].take,
                             limits);
        if (limits->version != 1)
            path_put(limits, path);
        limits->version = 1;
    }
}

int cgroup_limits_read(const struct source_root *root, pid_t pid, struct cgroup_limits *ret)
{
    char text[CGROUP_CAP];
    struct process_files files = process_files_unkept(pid);
    _close_ int fd = process_files_open_below(root, &files, "cgroup", O_RDONLY);
    ssize_t n = fd < 0 ? fd : source_read_kept(fd, text, sizeof text);
    if (n < 0)
        return (int)n;
    struct cgroup_limits limits = {.memory_max_bytes = UINT64_MAX, .pids_max = UINT64_MAX};
    struct text t = text_of(text, (size_t)n);
    for (;;) {
        struct text line = {t.at, t.at};
        if (!text_skip_past_newline(&t))
            break;
        line.end = t.at - 1;
        line_take(root, line, &limits);
    }
    *ret = limits;
    return 0;
}
