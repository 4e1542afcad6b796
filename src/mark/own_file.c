#include "mark/own_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "mark/site_names.h"

#define PLACE_BYTES 224
#define RESERVE_STEP (64u << 10) /* bytes of names or texts that are allocated at once */
#define WAITS_MAX 100000         /* turns to wait for another thread's making of the file */

enum state { NOT_MADE, MAKING, READY, FAILED };

/* In memory that a fork wipes: a child begins with zeros, NOT_MADE. */
struct own_file {
    _Atomic int state;
    _Atomic pid_t pid;
    uint8_t *_Atomic base; /* head, sites and text */
    _Atomic size_t sites_reserved, text_reserved;
    char path[PLACE_BYTES + 32];
    dev_t device;
    ino_t inode;
    uint8_t *_Atomic ring[RINGS_MAX];
};

#define OWN_BYTES_FIRST (16u << 10)
static_assert(sizeof(struct own_file) <= OWN_BYTES_FIRST, "what a fork wipes");

/* What a fork keeps. */
static char place[PLACE_BYTES];
static uint8_t *_Atomic memory;
static bool is_for_parent;
int own_file_tsc;

/* ---- memory ---- */

static struct own_file *own(void)
{
    return (struct own_file *)atomic_load_explicit(&memory, memory_order_acquire);
}

void *own_file_memory(uint32_t ring)
{
    return (uint8_t *)own() + OWN_BYTES_FIRST + (size_t)ring * OWN_BYTES_A_RING;
}

#define OWN_BYTES (OWN_BYTES_FIRST + RINGS_MAX * (size_t)OWN_BYTES_A_RING)

static bool memory_made(void)
{
    if (own() != NULL)
        return true;
    uint8_t *fresh = mmap(NULL, OWN_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fresh == MAP_FAILED)
        return false;
    madvise(fresh, OWN_BYTES, MADV_WIPEONFORK);
    uint8_t *none = NULL;
    if (!atomic_compare_exchange_strong(&memory, &none, fresh))
        munmap(fresh, OWN_BYTES);
    return true;
}

void own_file_begin(void)
{
    if (memory_made())
        atomic_store(&own()->pid, getpid());
}

void own_file_forget(void)
{
    struct own_file *file = own();
    if (file == NULL || atomic_load(&file->pid) == 0)
        return;
    madvise(file, OWN_BYTES, MADV_DONTNEED);
}

bool own_file_place(const char *value)
{
    bool tsc = strncmp(value, MARKS_TSC, strlen(MARKS_TSC)) == 0;
    if (!tsc && strncmp(value, MARKS_MONO, strlen(MARKS_MONO)) != 0)
        return false;
    const char *path = strchr(value, ':') + 1;
    if (path[0] != '/' || strlen(path) >= PLACE_BYTES || (tsc && !HAVE_TSC))
        return false;
    own_file_tsc = tsc;
    strcpy(place, path);
    return true;
}

void own_file_for_parent(void)
{
    is_for_parent = true;
}

/* ---- the file ---- */

/* Opened anew each time: a descriptor that is kept would be closed, and taken, by programs that close all. */
static int open_again(const struct own_file *file)
{
    struct stat st;
    int fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_dev != file->device || st.st_ino != file->inode)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/*
 * Allocates, and lengthens the file as needed, so that touching it cannot fail. A file longer than allowed
 * would bring a signal.
 */
static bool reserve_at(int fd, size_t at, size_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || at + bytes > limit.rlim_cur)
        return false;
    int r;
    do
        r = fallocate(fd, 0, (off_t)at, (off_t)bytes);
    while (r != 0 && errno == EINTR);
    return r == 0;
}

static bool reserve(const struct own_file *file, size_t at, size_t bytes)
{
    int fd = open_again(file);
    bool done = fd >= 0 && reserve_at(fd, at, bytes);
    if (fd >= 0)
        close(fd);
    return done;
}

/* Allocates the region at `at` up to `end` bytes of it. */
static bool reserve_up_to(struct own_file *file, size_t at, _Atomic size_t *reserved, size_t end)
{
    size_t before = atomic_load(reserved);
    if (end <= before)
        return true;
    size_t upto = (end + RESERVE_STEP - 1) / RESERVE_STEP * RESERVE_STEP;
    if (!reserve(file, at + before, upto - before))
        return false;
    while (before < upto && !atomic_compare_exchange_weak(reserved, &before, upto))
        ;
    return true;
}

/* Tells a program from the one that had this pid before it: the kernel draws it anew at each exec. */
static uint64_t image(void)
{
    uint64_t ret = 0;
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random != NULL)
        memcpy(&ret, random, sizeof ret);
    return ret;
}

static int create(struct own_file *file)
{
    int fd = -1, pid = atomic_load(&file->pid);
    if (pid == 0)
        atomic_store(&file->pid, pid = getpid());
    for (int i = 0; fd < 0 && i < FILES_OF_PID_MAX; i++) {
        snprintf(file->path, sizeof file->path, "%s/" MARKS_FILE_NAME, place, pid, i);
        fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno != EEXIST && errno != EINTR)
            return -1;
    }
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && reserve_at(fd, 0, SITES_AT + RESERVE_STEP) &&
        reserve_at(fd, TEXT_AT, RESERVE_STEP)) {
        file->device = st.st_dev;
        file->inode = st.st_ino;
        atomic_store(&file->sites_reserved, RESERVE_STEP);
        atomic_store(&file->text_reserved, RESERVE_STEP);
        return fd;
    }
    if (fd >= 0) {
        unlink(file->path);
        close(fd);
    }
    return -1;
}

static void *map_shared(int fd, size_t at, size_t bytes)
{
    void *ret = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)at);
    if (ret == MAP_FAILED)
        return NULL;
    madvise(ret, bytes, MADV_DONTFORK); /* a child makes its own */
    return ret;
}

static void head_begin(struct shared_head *head, pid_t pid)
{
    head->magic = SHARED_MAGIC;
    head->version = SHARED_VERSION;
    head->clock = own_file_tsc ? SHARED_CLOCK_TSC : SHARED_CLOCK_MONO;
    head->pid = pid;
    head->for_parent = is_for_parent;
    head->image = image();
    head->created_ns = clock_mono_ns();
    atomic_store(&head->site_count, 1);
}

static bool make(struct own_file *file)
{
    int fd = create(file);
    if (fd < 0)
        return false;
    uint8_t *base = map_shared(fd, 0, RINGS_AT);
    close(fd);
    if (base == NULL) {
        unlink(file->path);
        return false;
    }
    struct shared_head *head = (struct shared_head *)base;
    head_begin(head, atomic_load(&file->pid));
    /* Who makes a name ready after this puts it here; what was ready before is put now. */
    atomic_store(&file->base, base);
    for (uint32_t id = 1, n = site_name_count(); id < n; id++)
        own_file_put_site(id);
    atomic_store_explicit(&head->ready, 1, memory_order_release);
    return true;
}

bool own_file_ready(void)
{
    if (!memory_made())
        return false;
    struct own_file *file = own();
    int state = NOT_MADE;
    if (atomic_compare_exchange_strong(&file->state, &state, MAKING)) {
        state = make(file) ? READY : FAILED;
        atomic_store(&file->state, state);
    }
    for (int i = 0; state == MAKING && i < WAITS_MAX; i++) {
        sched_yield();
        state = atomic_load(&file->state);
    }
    return state == READY;
}

struct shared_head *own_file_head(void)
{
    struct own_file *file = own();
    return file == NULL ? NULL : (struct shared_head *)atomic_load(&file->base);
}

/* ---- names ---- */

static struct shared_site *sites_of(uint8_t *base)
{
    return (struct shared_site *)(base + SITES_AT);
}

static void raise_to(_Atomic uint32_t *of, uint32_t to)
{
    uint32_t now = atomic_load(of);
    while (now < to && !atomic_compare_exchange_weak(of, &now, to))
        ;
}

void own_file_put_site(uint32_t id)
{
    struct own_file *file = own();
    uint8_t *base = file == NULL ? NULL : atomic_load(&file->base);
    const struct site_name *name = site_name_of(id);
    if (base == NULL || name == NULL)
        return;
    size_t text_end = (size_t)name->category_at + name->category_bytes;
    if (!reserve_up_to(file, SITES_AT, &file->sites_reserved,
                       (id + 1) * sizeof(struct shared_site)) ||
        !reserve_up_to(file, TEXT_AT, &file->text_reserved, text_end))
        return;
    struct shared_site *site = &sites_of(base)[id];
    memcpy(base + TEXT_AT + name->name_at, site_text(name->name_at), text_end - name->name_at);
    site->name_at = name->name_at;
    site->category_at = name->category_at;
    site->name_bytes = name->name_bytes;
    site->category_bytes = name->category_bytes;
    atomic_store_explicit(&site->ready, 1, memory_order_release);
    raise_to(&((struct shared_head *)base)->site_count, id + 1);
}

struct shared_site *own_file_site(uint32_t id)
{
    struct own_file *file = own();
    uint8_t *base = file == NULL ? NULL : atomic_load(&file->base);
    if (base == NULL || (id + 1) * sizeof(struct shared_site) > atomic_load(&file->sites_reserved))
        return NULL;
    struct shared_site *site = &sites_of(base)[id];
    return atomic_load_explicit(&site->ready, memory_order_acquire) != 0 ? site : NULL;
}

/* ---- rings ---- */

bool own_file_reserve_cells(uint32_t ring, uint32_t cells)
{
    return reserve(own(), ring_at(ring) + SHARED_PAGE, cells * sizeof(struct shared_cell));
}

static struct shared_ring *ring_make(struct own_file *file, uint32_t number)
{
    size_t at = ring_at(number), first = RING_CELLS_FIRST * sizeof(struct shared_cell);
    int fd = open_again(file);
    if (fd < 0)
        return NULL;
    struct shared_ring *ring = NULL;
    if (reserve_at(fd, at, SHARED_PAGE + first))
        ring = map_shared(fd, at, RING_STRIDE);
    close(fd);
    if (ring != NULL)
        atomic_store(&ring->cells, RING_CELLS_FIRST);
    return ring;
}

struct shared_ring *own_file_take_ring(uint32_t *ret_number)
{
    struct own_file *file = own();
    struct shared_head *head = own_file_head();
    for (uint32_t i = 0, n = atomic_load(&head->ring_count); i < n; i++) {
        struct shared_ring *ring = (struct shared_ring *)atomic_load(&file->ring[i]);
        uint32_t state = RING_FREE;
        if (ring != NULL && atomic_load(&ring->state) == RING_FREE &&
            atomic_compare_exchange_strong(&ring->state, &state, RING_TAKEN)) {
            *ret_number = i;
            return ring;
        }
    }
    uint32_t number = atomic_load(&head->ring_count);
    do
        if (number >= RINGS_MAX)
            return NULL;
    while (!atomic_compare_exchange_weak(&head->ring_count, &number, number + 1));
    struct shared_ring *ring = ring_make(file, number);
    if (ring == NULL)
        return NULL;
    atomic_store(&ring->state, RING_TAKEN);
    atomic_store(&file->ring[number], (uint8_t *)ring);
    *ret_number = number;
    return ring;
}

void own_file_give_ring(struct shared_ring *ring)
{
    atomic_store_explicit(&ring->state, RING_FREE, memory_order_release);
}
