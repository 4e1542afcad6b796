#include "source/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/key_lines.h"
#include "source/proc_process.h"
#include "source/processors.h"

#define CGROUP_CAP 16384
#define EVENTS_CAP 4096
#define FLAG_EXITING 0x4u            /* PF_EXITING: also of one that is no zombie yet */
#define NO_LIMIT (UINT64_C(1) << 62) /* what v1 shows for none is a little below 2^63 */

/* What is found on the way up: limits, and the directories in which to look on. -1: none. */
struct found {
    struct cgroup_limits limits;
    int memory_own, memory_limiting, cpu_limiting;
    int memory_version, cpu_version;
};

static bool tighten(uint64_t *limit, uint64_t to)
{
    if (to >= *limit || to >= NO_LIMIT)
        return false;
    *limit = to;
    return true;
}

static bool tighten_cpu(double *limit, uint64_t quota_us, uint64_t period_us)
{
    if (quota_us == 0 || period_us == 0)
        return false;
    double processors = (double)quota_us / (double)period_us;
    if (*limit != 0 && processors >= *limit)
        return false;
    *limit = processors;
    return true;
}

static void keep_dir(int *kept, int dir_fd)
{
    closep(kept);
    *kept = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
}

/* ---- one group's files; what is "max" or -1 is no number and limits nothing ---- */

/* The group that is charged is the first on the way up that has the controller. */
static void memory_take(int dir_fd, struct found *f, int version, const char *usage,
                        const char *limit)
{
    uint64_t bytes;
    if (f->memory_own < 0 && faccessat(dir_fd, usage, F_OK, 0) == 0) {
        keep_dir(&f->memory_own, dir_fd);
        f->memory_version = version;
    }
    if (source_number_at(dir_fd, limit, &bytes) == 0 && tighten(&f->limits.memory_max_bytes, bytes))
        keep_dir(&f->memory_limiting, dir_fd);
}

static void cpu_take(int dir_fd, struct found *f, int version, uint64_t quota_us,
                     uint64_t period_us)
{
    if (!tighten_cpu(&f->limits.cpu_max, quota_us, period_us))
        return;
    keep_dir(&f->cpu_limiting, dir_fd);
    f->cpu_version = version;
}

/* The first on the way up: what its ancestors lack is taken out already. */
static void cpuset_take(int dir_fd, struct found *f, const char *name)
{
    char text[4096];
    struct processor_place *places;
    size_t count;
    if (f->limits.cpuset_processors != 0)
        return;
    ssize_t n = source_read_at(dir_fd, name, text, sizeof text);
    if (n <= 1 || n == (ssize_t)sizeof text ||
        processor_list_parse(text, (size_t)n, &places, &count) != 0)
        return;
    f->limits.cpuset_processors = (uint32_t)count;
    free(places);
}

static void memory_v1_take(int dir_fd, struct found *f)
{
    memory_take(dir_fd, f, 1, "memory.usage_in_bytes", "memory.limit_in_bytes");
}

static void cpu_v1_take(int dir_fd, struct found *f)
{
    uint64_t quota_us, period_us;
    if (source_number_at(dir_fd, "cpu.cfs_quota_us", &quota_us) == 0 &&
        source_number_at(dir_fd, "cpu.cfs_period_us", &period_us) == 0)
        cpu_take(dir_fd, f, 1, quota_us, period_us);
}

static void cpuset_v1_take(int dir_fd, struct found *f)
{
    cpuset_take(dir_fd, f, "cpuset.effective_cpus");
    cpuset_take(dir_fd, f, "cpuset.cpus"); /* before Linux 3.17 */
}

static void pids_take(int dir_fd, struct found *f)
{
    uint64_t pids;
    if (source_number_at(dir_fd, "pids.max", &pids) == 0)
        tighten(&f->limits.pids_max, pids);
}

static void v2_take(int dir_fd, struct found *f)
{
    uint64_t bytes, quota_us, period_us;
    memory_take(dir_fd, f, 2, "memory.current", "memory.max");
    if (source_number_at(dir_fd, "memory.high", &bytes) == 0)
        tighten(&f->limits.memory_high_bytes, bytes);
    pids_take(dir_fd, f);
    cpuset_take(dir_fd, f, "cpuset.cpus.effective");
    char text[64]; /* "50000 100000\n" */
    ssize_t n = source_read_at(dir_fd, "cpu.max", text, sizeof text);
    struct text t = text_of(text, n > 0 ? (size_t)n : 0);
    if (text_take_column(&t, &quota_us) && text_take_column(&t, &period_us))
        cpu_take(dir_fd, f, 2, quota_us, period_us);
}

/* ---- from a group up to where its hierarchy is mounted ---- */

typedef void group_take(int dir_fd, struct found *found);

/*
 * Inside a container the path may be the host's and not be found below the mount, whose top is then
 * the container's group: levels that do not exist are passed over. A path with ".." is a group
 * outside the reader's cgroup namespace, whose limits cannot be seen.
 */
static void take_upwards(const struct source_root *root, const char *mount, struct text path,
                         group_take *take, struct found *found)
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
            take(fd, found);
        char *slash = strrchr(name + top, '/');
        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

static const struct {
    const char *controller;
    const char *mounts[3];
    group_take *take;
    bool is_shown; /* its path is the one that is told */
} v1_controllers[] = {
    {"memory", {"fs/cgroup/memory"}, memory_v1_take, true},
    {"cpu", {"fs/cgroup/cpu", "fs/cgroup/cpu,cpuacct", "fs/cgroup/cpuacct,cpu"}, cpu_v1_take, true},
    {"pids", {"fs/cgroup/pids"}, pids_take, true},
    {"cpuset", {"fs/cgroup/cpuset"}, cpuset_v1_take, false},
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

static void v1_line_take(const struct source_root *root, struct text list, struct text path,
                         struct found *found)
{
    struct cgroup_limits *limits = &found->limits;
    for (size_t i = 0; i < ARRAY_LEN(v1_controllers); i++) {
        if (!list_has(list, v1_controllers[i].controller))
            continue;
        for (size_t j = 0; j < ARRAY_LEN(v1_controllers[i].mounts); j++)
            if (v1_controllers[i].mounts[j] != NULL)
                take_upwards(root, v1_controllers[i].mounts[j], path, v1_controllers[i].take,
                             found);
        if (!v1_controllers[i].is_shown)
            continue;
        /* A job's memory is what it is put into a group for: that one's before the others'. */
        if (limits->version != 1 || i == 0)
            path_put(limits, path);
        limits->version = 1;
    }
}

/* "4:memory:/user.slice", or "0::/user.slice" for v2. */
static void line_take(const struct source_root *root, struct text line, struct found *found)
{
    uint64_t hierarchy;
    if (!text_take_u64(&line, &hierarchy) || !text_take_literal(&line, ":"))
        return;
    const char *colon = memchr(line.at, ':', (size_t)(line.end - line.at));
    if (colon == NULL || colon + 1 == line.end || colon[1] != '/')
        return;
    struct text list = {line.at, colon}, path = {colon + 1, line.end};
    if (hierarchy != 0) {
        v1_line_take(root, list, path, found);
        return;
    }
    take_upwards(root, "fs/cgroup", path, v2_take, found);
    take_upwards(root, "fs/cgroup/unified", path, v2_take, found);
    if (found->limits.version == 0) {
        found->limits.version = 2;
        path_put(&found->limits, path);
    }
}

static ssize_t places_read(const struct source_root *root, pid_t pid, char text[CGROUP_CAP])
{
    struct process_files files = process_files_unkept(pid);
    _close_ int fd = process_files_open_below(root, &files, "cgroup", O_RDONLY);
    return fd < 0 ? fd : source_read_kept(fd, text, CGROUP_CAP);
}

static void find(const struct source_root *root, struct text t, struct found *ret)
{
    *ret = (struct found){
        .limits = {.memory_max_bytes = UINT64_MAX,
                   .memory_high_bytes = UINT64_MAX,
                   .pids_max = UINT64_MAX},
        .memory_own = -1,
        .memory_limiting = -1,
        .cpu_limiting = -1,
    };
    for (;;) {
        struct text line = {t.at, t.at};
        if (!text_skip_past_newline(&t))
            break;
        line.end = t.at - 1;
        line_take(root, line, ret);
    }
}

static void found_done(struct found *found)
{
    closep(&found->memory_own);
    closep(&found->memory_limiting);
    closep(&found->cpu_limiting);
}

int cgroup_limits_read(const struct source_root *root, pid_t pid, struct cgroup_limits *ret)
{
    char text[CGROUP_CAP];
    struct found found;
    ssize_t n = places_read(root, pid, text);
    if (n < 0)
        return (int)n;
    find(root, text_of(text, (size_t)n), &found);
    *ret = found.limits;
    found_done(&found);
    return 0;
}

/* ---- watching ---- */

/* FNV-1a. */
static uint64_t hash_of(const char *text, size_t n)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (uint8_t)text[i]) * UINT64_C(1099511628211);
    return hash;
}

static int open_file(int dir_fd, const char *name)
{
    return dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
}

static void open_files(const struct found *f, struct cgroup_watch *w)
{
    bool v1 = f->memory_version == 1;
    int limiting = f->memory_limiting >= 0 ? f->memory_limiting : f->memory_own;
    w->memory_version = f->memory_version;
    w->cpu_version = f->cpu_version;
    w->fd[CGROUP_FILE_USAGE] = open_file(limiting, v1 ? "memory.usage_in_bytes" : "memory.current");
    w->fd[CGROUP_FILE_PEAK] = open_file(limiting, v1 ? "memory.max_usage_in_bytes" : "memory.peak");
    w->fd[CGROUP_FILE_HITS] = open_file(limiting, v1 ? "memory.failcnt" : "memory.events");
    w->fd[CGROUP_FILE_KILLS] =
        open_file(f->memory_own, v1 ? "memory.oom_control" : "memory.events");
    w->fd[CGROUP_FILE_CPU] = open_file(f->cpu_limiting, "cpu.stat");
}

int cgroup_watch_open(const struct source_root *root, pid_t pid, struct cgroup_watch *ret)
{
    char text[CGROUP_CAP];
    struct found found;
    ssize_t n = places_read(root, pid, text);
    if (n < 0)
        return (int)n;
    find(root, text_of(text, (size_t)n), &found);
    *ret = (struct cgroup_watch){
        .limits = found.limits, .pid = pid, .places = hash_of(text, (size_t)n)};
    open_files(&found, ret);
    found_done(&found);
    return 0;
}

void cgroup_watch_close(struct cgroup_watch *w)
{
    for (size_t i = 0; i < CGROUP_FILES; i++) {
        closep(&w->fd[i]);
        w->fd[i] = -1;
    }
}

bool cgroup_watch_moved(const struct source_root *root, const struct cgroup_watch *w)
{
    char text[CGROUP_CAP];
    ssize_t n = places_read(root, w->pid, text);
    if (n <= 0 || hash_of(text, (size_t)n) == w->places)
        return false;
    struct process_files files = process_files_unkept(w->pid);
    struct proc_stat stat;
    return proc_stat_read(root, &files, &stat) == 0 && (stat.flags & FLAG_EXITING) == 0;
}

/* ---- one reading ---- */

struct reading {
    const struct cgroup_watch *watch;
    uint64_t *value;
    uint32_t valid;
    int error;
};

/* A whole file's text; the first error is kept. */
static struct text read_file(struct reading *r, enum cgroup_file which, char text[EVENTS_CAP])
{
    int fd = r->watch->fd[which];
    ssize_t n = fd < 0 ? -ENOENT : source_read_kept(fd, text, EVENTS_CAP);
    if (n < 0 && (r->error == 0 || r->error == -ENOENT))
        r->error = (int)n;
    return text_of(text, n > 0 ? (size_t)n : 0);
}

static void take_number(struct reading *r, enum cgroup_file which, enum cgroup_field field)
{
    char bytes[EVENTS_CAP];
    struct text t = read_file(r, which, bytes);
    if (text_take_column(&t, &r->value[field]))
        r->valid |= 1u << field;
}

static void take_lines(struct reading *r, enum cgroup_file which, const struct key_line *lines,
                       size_t n)
{
    char bytes[EVENTS_CAP];
    r->valid |= key_lines_parse(read_file(r, which, bytes), lines, n, r->value);
}

static void take_memory(struct reading *r)
{
    static const struct key_line hits[] = {KEY_LINE("max ", CGROUP_LIMIT_HITS, 1),
                                           KEY_LINE("oom ", CGROUP_OOMS, 1)};
    static const struct key_line kills[] = {KEY_LINE("oom_kill ", CGROUP_OOM_KILLS, 1)};
    take_number(r, CGROUP_FILE_USAGE, CGROUP_MEMORY);
    take_number(r, CGROUP_FILE_PEAK, CGROUP_MEMORY_PEAK);
    if (r->watch->memory_version == 1)
        take_number(r, CGROUP_FILE_HITS, CGROUP_LIMIT_HITS);
    else
        take_lines(r, CGROUP_FILE_HITS, hits, ARRAY_LEN(hits));
    take_lines(r, CGROUP_FILE_KILLS, kills, ARRAY_LEN(kills));
}

static void take_cpu(struct reading *r)
{
    static const struct key_line v1[] = {KEY_LINE("nr_periods ", CGROUP_PERIODS, 1),
                                         KEY_LINE("nr_throttled ", CGROUP_THROTTLED_PERIODS, 1),
                                         KEY_LINE("throttled_time ", CGROUP_THROTTLED, 1)};
    static const struct key_line v2[] = {KEY_LINE("nr_periods ", CGROUP_PERIODS, 1),
                                         KEY_LINE("nr_throttled ", CGROUP_THROTTLED_PERIODS, 1),
                                         KEY_LINE("throttled_usec ", CGROUP_THROTTLED, 1000)};
    take_lines(r, CGROUP_FILE_CPU, r->watch->cpu_version == 1 ? v1 : v2, 3);
}

int cgroup_watch_read(const struct cgroup_watch *w, uint64_t value[CGROUP_FIELDS], uint32_t *valid)
{
    struct reading r = {.watch = w, .value = value};
    if (w->memory_version != 0)
        take_memory(&r);
    if (w->cpu_version != 0)
        take_cpu(&r);
    if (r.valid == 0)
        return r.error != 0 ? r.error : -ENOENT;
    *valid = r.valid;
    return 0;
}
