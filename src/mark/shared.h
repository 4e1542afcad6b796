/*
 * What a marking process and its recorder share: one file in memory (tmpfs) for each process, written
 * by the process, read by the recorder, and there after either is killed.
 *
 *        offset  what
 *             0  struct shared_head, a page
 *      SITES_AT  SITES_MAX struct shared_site: names, and scopes for which a ring had no room
 *       TEXT_AT  TEXT_BYTES of names, not terminated
 *      RINGS_AT  rings, RING_STRIDE apart: each a page with struct shared_ring, and its cells
 *
 * The file is as long as its rings need, and sparse: what is used is allocated before it is touched, so
 * that a full file system cannot kill the process. Each ring has one writer, the thread that has taken
 * it, and one reader. `head` and `tail` count cells from the ring's beginning and never wrap; a cell
 * lies at its number modulo `cells`, which doubles while `head` is not beyond it.
 *
 * The recorder trusts nothing in here.
 */
#ifndef TACHO_MARK_SHARED_H
#define TACHO_MARK_SHARED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SHARED_MAGIC UINT64_C(0x314b524d4f484354) /* "TCHOMRK1" */
#define SHARED_VERSION 1
#define SHARED_PAGE 4096

#define SITES_MAX 65536            /* names a process may give, with their categories; 0 is none */
#define TEXT_BYTES (4u << 20)      /* of them together */
#define NAME_BYTES_MAX 1023        /* a longer name is cut */
#define LABEL_BYTES_MAX 4095       /* likewise a label */
#define RING_CELLS_FIRST 4096      /* 64 KiB */
#define RING_CELLS_MAX (64 * 1024) /* 1 MiB */
#define RINGS_MAX 1024             /* threads that mark at once; a ring is taken again by others */

enum shared_clock { SHARED_CLOCK_MONO = 0, SHARED_CLOCK_TSC = 1 };

struct shared_head {
    uint64_t magic;
    uint32_t version, clock;
    int32_t pid;         /* in its own namespace */
    uint32_t for_parent; /* labels are the parent process's: `tacho label` */
    uint64_t image;      /* differs when the process has become another program */
    uint64_t created_ns; /* CLOCK_MONOTONIC */
    _Atomic uint32_t ready;
    _Atomic uint32_t ring_count;  /* taken at least once */
    _Atomic uint32_t site_count;  /* ids below it may be ready */
    _Atomic uint32_t closed;      /* the reader's: nobody reads any more */
    _Atomic uint32_t resumed;     /* the reader's: another one has read before it */
    _Atomic uint64_t lost_scopes; /* counted here and, but for a few, at their sites */
    _Atomic uint64_t lost_others; /* labels and counters */
    _Atomic uint64_t unbalanced;  /* ends without a begin */
};

struct shared_site {
    uint32_t name_at, category_at; /* in the text */
    uint16_t name_bytes, category_bytes;
    _Atomic uint32_t ready;
    _Atomic uint64_t lost,
        lost_ticks; /* scopes that were only counted; ticks of the head's clock */
};

enum shared_ring_state { RING_FREE = 0, RING_TAKEN = 1 };

/* Scopes of one site that this ring had no room for: its writer's alone, so no locked operation. */
struct shared_total {
    _Atomic uint64_t site; /* 0: none yet; then for ever */
    _Atomic uint64_t lost, lost_ticks;
};

#define RING_TOTALS 128 /* sites by number modulo it; others count at shared_site */

struct shared_ring {
    _Atomic uint64_t head; /* the writer's */
    _Atomic uint32_t cells;
    _Atomic uint32_t state;
    _Atomic uint32_t tid; /* of the thread that has taken it */
    uint8_t apart[44];
    _Atomic uint64_t tail; /* the reader's */
    uint8_t apart2[56];
    struct shared_total total[RING_TOTALS];
};

/* The lowest byte of a cell's word is its kind, the upper half its site, or a length in bytes. */
enum cell_kind {
    CELL_BEGIN = 1,
    CELL_END = 2,       /* site 0: of the innermost */
    CELL_BEGIN_CPU = 3, /* a second cell's stamp is the thread's CPU clock, ns */
    CELL_END_CPU = 4,
    CELL_COUNTER = 5,     /* a second cell's stamp is the bits of a double */
    CELL_LABEL = 6,       /* as many bytes of text in the cells behind */
    CELL_THREAD = 7,      /* a thread takes the ring: its tid in place of the site */
    CELL_THREAD_END = 8,  /* and gives it back */
    CELL_THREAD_NAME = 9, /* as a label */
};

struct shared_cell {
    uint64_t stamp, word;
};

static inline uint64_t cell_word(enum cell_kind kind, uint32_t high)
{
    return (uint64_t)high << 32 | (uint64_t)kind;
}

static inline uint32_t cells_of_text(uint32_t bytes)
{
    return (uint32_t)((bytes + sizeof(struct shared_cell) - 1) / sizeof(struct shared_cell));
}

#define SITES_AT ((size_t)SHARED_PAGE)
#define TEXT_AT (SITES_AT + SITES_MAX * sizeof(struct shared_site))
#define RINGS_AT (TEXT_AT + TEXT_BYTES)
#define RING_STRIDE (SHARED_PAGE + RING_CELLS_MAX * sizeof(struct shared_cell))

static inline size_t ring_at(size_t ring)
{
    return RINGS_AT + ring * RING_STRIDE;
}

/* What TACHO_MARKS holds: one of these, and the directory that the files are in. */
#define MARKS_VARIABLE "TACHO_MARKS"
#define MARKS_TSC "tsc:"
#define MARKS_MONO "mono:"

/* Of the files: the process's id, in its own namespace, and which of those that have it, or had it. */
#define MARKS_FILE_NAME "%d-%d"
#define FILES_OF_PID_MAX 1024

/* For conditions of the ways that millions of marks take. */
#define RARELY(x) __builtin_expect(!!(x), 0)

#if defined __x86_64__
#define HAVE_TSC 1
/* About 16 ns. May be reordered with what stands around it by some ns. */
static inline uint64_t tsc_now(void)
{
    return __builtin_ia32_rdtsc();
}
#else
#define HAVE_TSC 0
static inline uint64_t tsc_now(void)
{
    return 0;
}
#endif

#endif
