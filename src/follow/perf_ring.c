#include "follow/perf_ring.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "source/processors.h"

/*
 * 256 KB hold 2,000 processes that come and go, and are half of what a user is granted for each
 * processor by default.
 */
#define RING_BYTES ((size_t)256 << 10)
#define PROCESSORS_ASSUMED_MAX 4096 /* where nobody lists them */
#define SMALLEST_RECORD 32          /* of those that we ask for */
#define PID_LIMIT (4 * 1024 * 1024)
#define FORMAT_LOST (1u << 4) /* PERF_FORMAT_LOST, Linux 6.0 */

/* ---- one record ---- */

/* What we ask for, as perf_event_open(2) has it, with sample_id_all and PERF_SAMPLE_TIME behind. */
struct task_record {
    struct perf_event_header header;
    uint32_t pid, parent_pid, tid, parent_tid;
    uint64_t time_ns, sample_time_ns;
};

struct comm_record {
    struct perf_event_header header;
    uint32_t pid, tid;
    char comm[PERF_COMM_CAP]; /* or 8 of them */
    uint64_t sample_time_ns;
};

struct lost_record {
    struct perf_event_header header;
    uint64_t id, lost, sample_time_ns;
};

union any_record {
    struct perf_event_header header;
    struct task_record task;
    struct comm_record comm;
    struct lost_record lost;
    uint8_t bytes[sizeof(struct task_record)];
};

_Static_assert(sizeof(union any_record) == 40, "records have no gaps");

static bool is_id(uint32_t id)
{
    return 0 < id && id <= PID_LIMIT;
}

/* False when it is malformed. *ret_told: whether it tells of somebody. */
static bool decode_task(const union any_record *any, struct perf_record *ret, bool *ret_told)
{
    const struct task_record *task = &any->task;
    if (task->header.size != sizeof *task)
        return false;
    /* 0 is a task of another pid namespace, -1 one whose pid the kernel has let go already. */
    *ret_told = is_id(task->pid) && is_id(task->tid);
    *ret = (struct perf_record){
        .kind = task->header.type == PERF_RECORD_FORK ? PERF_FORK : PERF_EXIT,
        .pid = (pid_t)task->pid,
        .tid = (pid_t)task->tid,
        .parent_pid = is_id(task->parent_pid) ? (pid_t)task->parent_pid : 0,
        .parent_tid = is_id(task->parent_tid) ? (pid_t)task->parent_tid : 0,
        .time_ns = task->time_ns,
    };
    return true;
}

static bool decode_comm(const union any_record *any, struct perf_record *ret, bool *ret_told)
{
    const struct comm_record *comm = &any->comm;
    const size_t fixed = offsetof(struct comm_record, comm) + sizeof comm->sample_time_ns;
    size_t size = comm->header.size;
    if (size <= fixed || size > sizeof *comm)
        return false;
    *ret_told = (comm->header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0 && is_id(comm->pid) &&
                is_id(comm->tid);
    *ret =
        (struct perf_record){.kind = PERF_EXEC, .pid = (pid_t)comm->pid, .tid = (pid_t)comm->tid};
    memcpy(&ret->time_ns, any->bytes + size - sizeof ret->time_ns, sizeof ret->time_ns);
    memcpy(ret->comm, comm->comm, size - fixed);
    ret->comm[PERF_COMM_CAP - 1] = '\0';
    return true;
}

static bool decode_lost(struct perf_ring *ring, const union any_record *any)
{
    if (any->header.size < offsetof(struct lost_record, sample_time_ns))
        return false;
    ring->lost += any->lost.lost;
    return true;
}

/* False when it is malformed. */
static bool decode(struct perf_ring *ring, const union any_record *any, struct perf_record *ret,
                   bool *ret_told)
{
    *ret_told = false;
    switch (any->header.type) {
    case PERF_RECORD_FORK:
    case PERF_RECORD_EXIT: return decode_task(any, ret, ret_told);
    case PERF_RECORD_COMM: return decode_comm(any, ret, ret_told);
    case PERF_RECORD_LOST: return decode_lost(ring, any);
    default: return true;
    }
}

/* ---- one ring ---- */

static struct perf_event_mmap_page *page_of(const struct perf_ring *ring)
{
    return ring->map;
}

void perf_ring_lay(struct perf_ring *ring, void *map, size_t page, size_t size)
{
    *ring = (struct perf_ring){.map = map, .map_bytes = page + size, .size = size};
    ring->data = (const uint8_t *)map + page;
    ring->tail = ring->released = ring->head = ring->mark =
        __atomic_load_n(&page_of(ring)->data_tail, __ATOMIC_RELAXED);
}

/* The kernel refuses a record when it does not fit, and nobody hears of that before the next. */
static uint64_t head_of(struct perf_ring *ring)
{
    uint64_t head = __atomic_load_n(&page_of(ring)->data_head, __ATOMIC_ACQUIRE);
    if (head - ring->released > ring->size - ring->size / 8)
        ring->tight = true;
    return head;
}

void perf_ring_look(struct perf_ring *ring)
{
    ring->head = head_of(ring);
}

void perf_ring_mark(struct perf_ring *ring)
{
    perf_ring_look(ring);
    ring->mark = ring->head;
}

void perf_ring_release(struct perf_ring *ring)
{
    if (ring->released == ring->tail)
        return;
    head_of(ring); /* what is refused from now on is refused no more */
    ring->released = ring->tail;
    __atomic_store_n(&page_of(ring)->data_tail, ring->tail, __ATOMIC_RELEASE);
}

/* Copies from the ring, where a record may lie across the end. */
static void copy_out(const struct perf_ring *ring, void *to, size_t n)
{
    size_t at = (size_t)(ring->tail & (ring->size - 1)), first = (size_t)ring->size - at;
    if (first > n)
        first = n;
    memcpy(to, ring->data + at, first);
    memcpy((uint8_t *)to + first, ring->data, n - first);
}

/* Where one record ends is known from its head alone: nothing after a wrong one can be read. */
static void skip_to_head(struct perf_ring *ring)
{
    uint64_t bytes = ring->head - ring->tail;
    if (bytes > ring->size)
        bytes = ring->size;
    ring->lost += bytes / SMALLEST_RECORD + 1;
    ring->tail = ring->head;
}

static void read_ahead(struct perf_ring *ring)
{
    union any_record any = {0};
    uint64_t left = ring->head - ring->tail;
    if (left < sizeof any.header || left > ring->size) {
        skip_to_head(ring);
        return;
    }
    copy_out(ring, &any.header, sizeof any.header);
    size_t size = any.header.size;
    if (size < sizeof any.header || size > left || size % 8 != 0) {
        skip_to_head(ring);
        return;
    }
    struct perf_event_header header = any.header;
    copy_out(ring, any.bytes, size < sizeof any ? size : sizeof any);
    any.header = header;
    ring->next_at = ring->tail;
    ring->tail += size;
    if (!decode(ring, &any, &ring->next, &ring->has_next))
        ring->lost++;
}

const struct perf_record *perf_ring_peek(struct perf_ring *ring)
{
    while (!ring->has_next && ring->tail != ring->head)
        read_ahead(ring);
    return ring->has_next ? &ring->next : NULL;
}

/* ---- all rings ---- */

static int assume_processors(struct perf_rings *rings)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (n < 1 || n > PROCESSORS_ASSUMED_MAX)
        return -ENOTSUP;
    rings->processors = malloc((size_t)n * sizeof *rings->processors);
    if (rings->processors == NULL)
        return -ENOMEM;
    for (long i = 0; i < n; i++)
        rings->processors[i] = (uint32_t)i;
    rings->count = (size_t)n;
    return 0;
}

static int list_processors(struct perf_rings *rings, const struct source_root *root)
{
    char text[4096];
    _free_ struct processor_place *places = NULL;
    size_t n_places;
    ssize_t n = root->sys_fd < 0
                    ? -ENOENT
                    : source_read_at(root->sys_fd, "devices/system/cpu/online", text, sizeof text);
    int r = n < 0 ? (int)n : processor_list_parse(text, (size_t)n, &places, &n_places);
    if (r != 0)
        return assume_processors(rings);
    rings->processors = malloc(n_places * sizeof *rings->processors);
    if (rings->processors == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n_places; i++)
        rings->processors[i] = places[i].processor;
    rings->count = n_places;
    return 0;
}

int perf_rings_init(struct perf_rings *rings, const struct source_root *root)
{
    *rings = (struct perf_rings){.can_count_lost = true, .epoll_fd = -1};
    struct rlimit limit;
    rings->event_limit = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (size_t)limit.rlim_cur / 4 : 256;
    int r = list_processors(rings, root);
    if (r != 0)
        return r;
    rings->ring = calloc(rings->count, sizeof *rings->ring);
    if (rings->ring == NULL)
        return -ENOMEM;
    rings->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return rings->epoll_fd < 0 ? -errno : 0;
}

static void unmap_rings(struct perf_rings *rings)
{
    for (size_t i = 0; rings->ring != NULL && i < rings->count; i++) {
        if (rings->ring[i].map != NULL)
            munmap(rings->ring[i].map, rings->ring[i].map_bytes);
        rings->ring[i] = (struct perf_ring){0};
    }
}

static void close_events(struct perf_rings *rings, size_t from)
{
    while (rings->event_count > from)
        close(rings->events[--rings->event_count]);
}

void perf_rings_done(struct perf_rings *rings)
{
    unmap_rings(rings);
    close_events(rings, 0);
    closep(&rings->epoll_fd);
    rings->epoll_fd = -1;
    free(rings->events);
    free(rings->ring);
    free(rings->processors);
    rings->events = NULL;
    rings->ring = NULL;
    rings->processors = NULL;
    rings->count = 0;
}

/* A descriptor or -errno. */
static int open_event(struct perf_rings *rings, pid_t tid, uint32_t processor)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attr,
        .config = PERF_COUNT_SW_DUMMY,
        .sample_type = PERF_SAMPLE_TIME,
        .sample_id_all = 1,
        .task = 1,
        .comm = 1,
        .comm_exec = 1,
        .inherit = tid != -1,
        .exclude_kernel = 1, /* changes nothing here; without it more privilege is wanted */
        .exclude_hv = 1,
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
        /* wakeup_events would count samples alone, of which there are none. */
        .watermark = 1,
        .wakeup_watermark = 1,
        .read_format = rings->can_count_lost ? FORMAT_LOST : 0,
    };
    int fd =
        (int)syscall(SYS_perf_event_open, &attr, tid, (int)processor, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0 && errno == EINVAL && rings->can_count_lost && rings->event_count == 0) {
        rings->can_count_lost = false;
        return open_event(rings, tid, processor);
    }
    return fd < 0 ? -errno : fd;
}

static int map_rings(struct perf_rings *rings, size_t pages)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (1 + pages) * page;
    for (size_t i = 0; i < rings->count; i++) {
        void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, rings->events[i], 0);
        if (map == MAP_FAILED) {
            int r = -errno;
            unmap_rings(rings);
            return r;
        }
        perf_ring_lay(&rings->ring[i], map, page, pages * page);
    }
    return 0;
}

/*
 * Edges, not levels: when the thread that the first events were opened on has ended with all its
 * descendants, they are readable for ever, while those of other threads go on writing to the rings.
 */
static int watch_rings(struct perf_rings *rings)
{
    for (size_t i = 0; i < rings->count; i++) {
        struct epoll_event interest = {.events = EPOLLIN | EPOLLET};
        if (epoll_ctl(rings->epoll_fd, EPOLL_CTL_ADD, rings->events[i], &interest) != 0)
            return -errno;
    }
    return 0;
}

static int make_rings(struct perf_rings *rings)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int r = -ENOBUFS;
    for (size_t pages = page < RING_BYTES ? RING_BYTES / page : 1; r != 0 && pages > 0; pages /= 2)
        r = map_rings(rings, pages);
    if (r != 0)
        return r == -EPERM || r == -ENOMEM ? -ENOBUFS : r;
    return watch_rings(rings);
}

/* The rings of the first events take the records of all. */
static int share_rings(struct perf_rings *rings, size_t from)
{
    for (size_t i = 0; i < rings->count; i++)
        if (ioctl(rings->events[from + i], PERF_EVENT_IOC_SET_OUTPUT, rings->events[i]) != 0)
            return -errno;
    return 0;
}

/* Whether the threads that these events were opened on have ended, and all their descendants. */
static bool all_ended(const struct perf_rings *rings, size_t from)
{
    for (size_t i = 0; i < rings->count; i++) {
        struct pollfd event = {.fd = rings->events[from + i]};
        if (poll(&event, 1, 0) != 1 || (event.revents & POLLHUP) == 0)
            return false;
    }
    return true;
}

/* All but the first, which own the rings. */
static void close_ended(struct perf_rings *rings)
{
    size_t kept = rings->count, each = rings->count;
    for (size_t from = kept; from < rings->event_count; from += each) {
        if (all_ended(rings, from)) {
            for (size_t i = 0; i < each; i++)
                close(rings->events[from + i]);
            continue;
        }
        memmove(&rings->events[kept], &rings->events[from], each * sizeof *rings->events);
        kept += each;
    }
    rings->event_count = kept;
}

static int reserve_events(struct perf_rings *rings)
{
    if (rings->event_count + rings->count > rings->event_limit && rings->event_count > 0)
        close_ended(rings);
    size_t wanted = rings->event_count + rings->count;
    if (wanted > rings->event_limit)
        return -EMFILE;
    if (wanted <= rings->event_cap)
        return 0;
    size_t cap = rings->event_cap * 2 > wanted ? rings->event_cap * 2 : wanted;
    int *grown = realloc(rings->events, cap * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    rings->events = grown;
    rings->event_cap = cap;
    return 0;
}

static int add(struct perf_rings *rings, pid_t tid)
{
    int r = reserve_events(rings);
    size_t before = rings->event_count;
    for (size_t i = 0; r == 0 && i < rings->count; i++) {
        int fd = open_event(rings, tid, rings->processors[i]);
        if (fd < 0)
            r = fd;
        else
            rings->events[rings->event_count++] = fd;
    }
    if (r == 0)
        r = before == 0 ? make_rings(rings) : share_rings(rings, before);
    if (r != 0) {
        if (before == 0)
            unmap_rings(rings);
        close_events(rings, before);
    }
    return r;
}

int perf_rings_add_machine(struct perf_rings *rings)
{
    int r = add(rings, -1);
    rings->whole_machine = r == 0;
    return r;
}

int perf_rings_add_thread(struct perf_rings *rings, pid_t tid)
{
    return tid <= 0 ? -ESRCH : add(rings, tid); /* 0 and -1 would be the caller and everybody */
}

int perf_rings_explain(const struct perf_rings *rings, const struct source_root *root, int error,
                       struct follow_reason *ret_why)
{
    uint64_t value = 0;
    switch (error) {
    case -ESRCH: return follow_fail(ret_why, error, "no such process");
    case -EPERM:
        return follow_fail(ret_why, error,
                           "perf_event_open is not allowed here: in a container it takes "
                           "--cap-add PERFMON or a seccomp profile that allows it");
    case -EACCES:
        if (source_number_at(root->proc_fd, "sys/kernel/perf_event_paranoid", &value) == 0 &&
            value > 2)
            return follow_fail(ret_why, error,
                               "perf events need kernel.perf_event_paranoid <= 2 (here it is %d) "
                               "or CAP_PERFMON",
                               (int)value);
        return follow_fail(ret_why, error,
                           "perf events of another user's process need CAP_PERFMON or "
                           "kernel.perf_event_paranoid <= 0");
    case -ENOBUFS:
        source_number_at(root->proc_fd, "sys/kernel/perf_event_mlock_kb", &value);
        return follow_fail(ret_why, error,
                           "no memory can be locked for the rings of perf events: "
                           "kernel.perf_event_mlock_kb (%d for each processor) and ulimit -l are "
                           "used up",
                           (int)value);
    case -EMFILE:
        return follow_fail(ret_why, error,
                           "perf events of each thread on each of %zu processors need more "
                           "descriptors: ulimit -n is %zu, and at most a quarter of it is taken",
                           rings->count, rings->event_limit * 4);
    case -ENOSYS: return follow_fail(ret_why, error, "this kernel has no perf events");
    case -EINVAL:
        return follow_fail(ret_why, error, "this kernel's perf events are too old: before 4.1");
    default: return follow_fail(ret_why, error, "perf_event_open: %s", strerror(-error));
    }
}

/* ---- reading ---- */

void perf_rings_look(struct perf_rings *rings)
{
    struct epoll_event ready[64];
    for (size_t i = 0; i <= rings->count; i += 64) /* the edges seen so far are this turn's */
        epoll_wait(rings->epoll_fd, ready, 64, 0);
    for (size_t i = 0; i < rings->count; i++)
        if (rings->ring[i].map != NULL)
            perf_ring_mark(&rings->ring[i]);
    for (size_t i = 0; i < rings->count; i++)
        if (rings->ring[i].map != NULL)
            perf_ring_look(&rings->ring[i]);
}

/* Positions go round. */
static bool is_due(const struct perf_ring *ring)
{
    return (int64_t)(ring->mark - ring->next_at) > 0;
}

bool perf_rings_take(struct perf_rings *rings, struct perf_record *ret)
{
    struct perf_ring *earliest = NULL;
    bool due = false;
    for (size_t i = 0; i < rings->count; i++) {
        struct perf_ring *ring = &rings->ring[i];
        if (perf_ring_peek(ring) == NULL)
            continue;
        due |= is_due(ring);
        if (earliest == NULL || ring->next.time_ns < earliest->next.time_ns)
            earliest = ring;
    }
    if (!due)
        return false;
    *ret = earliest->next;
    earliest->has_next = false;
    /* While we are at it the kernel goes on writing. */
    if (earliest->tail - earliest->released > earliest->size / 4)
        perf_ring_release(earliest);
    return true;
}

static bool hold(const struct perf_rings *rings, pid_t pid, bool birth)
{
    for (size_t i = 0; i < rings->count; i++) {
        struct perf_ring ahead = rings->ring[i]; /* reads on, and takes nothing */
        const struct perf_record *record;
        if (ahead.map == NULL)
            continue;
        for (perf_ring_look(&ahead); (record = perf_ring_peek(&ahead)) != NULL;
             ahead.has_next = false)
            if (record->pid == pid && birth == (record->kind == PERF_FORK && record->tid == pid))
                return true;
    }
    return false;
}

bool perf_rings_hold_birth_of(const struct perf_rings *rings, pid_t pid)
{
    return hold(rings, pid, true);
}

bool perf_rings_hold_more_of(const struct perf_rings *rings, pid_t pid)
{
    return hold(rings, pid, false);
}

/* How many the kernel says it lost, in all. */
static uint64_t count_lost(const struct perf_rings *rings)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < rings->event_count; i++) {
        uint64_t value[2]; /* the count, which is always 0; the lost ones */
        if (read(rings->events[i], value, sizeof value) == sizeof value)
            lost += value[1];
    }
    return lost;
}

uint64_t perf_rings_release(struct perf_rings *rings)
{
    uint64_t told = 0;
    bool tight = false;
    for (size_t i = 0; i < rings->count; i++) {
        struct perf_ring *ring = &rings->ring[i];
        if (ring->map != NULL)
            perf_ring_release(ring);
        told += ring->lost;
        tight |= ring->tight;
        ring->tight = false;
    }
    if (tight && rings->can_count_lost) {
        uint64_t counted = count_lost(rings);
        if (counted > rings->lost)
            rings->lost = counted;
    }
    if (told > rings->lost)
        rings->lost = told;
    return rings->lost;
}
