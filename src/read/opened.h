/* What an open recording is made of; for the files of read/ only. */
#ifndef TACHO_READ_OPENED_H
#define TACHO_READ_OPENED_H

#include <tacho/recording.h>

#include "base/map.h"
#include "format/block.h"
#include "format/metric.h"
#include "format/records.h"
#include "read/chunks.h"
#include "read/texts.h"

#define KINDS_MAX 32       /* of which samples are read: a walk's kinds are 32 bits */
#define FACTS_MAX 1024     /* keys; what comes after is left out */
#define MISSING_MAX 256    /* causes */
#define WINDOW_BYTES 65536 /* of the file, read at once */
#define NOTHING_LOST UINT64_MAX

/* Where the payload of a sample block lies. */
struct block_entry {
    uint64_t offset, first_ns, last_ns;
    uint32_t raw_bytes, stored_bytes, payload_crc;
    uint8_t codec;
    bool keyframe;
    bool orphan;  /* a block between it and its keyframe is missing */
    bool counted; /* in salvage.undecodable_blocks */
};

/* Items by a number that the file gives them. */
struct keyed {
    struct chunks items;
    struct map place; /* number * scatter -> place among the items */
};

/* Blocks of one type follow on one another: each but a keyframe needs the one before it. */
enum stream_name { STREAM_OVERVIEW, STREAM_PROCESSES, STREAMS };

/* The start is kept as it was recorded: the anchor to place it by may come later. */
struct process_entry {
    struct tacho_process process;
    uint64_t start_boot_ns;
};

struct entity_entry {
    struct tacho_entity entity;
    uint32_t process; /* its place among the processes + 1, or 0 */
};

struct fact {
    const char *key, *text; /* text: NULL for numbers */
    size_t bytes;
    uint64_t number;
};

/* The metrics of a kind: those at the positions in `defined`; the others below `count` are gaps. */
struct kind_metrics {
    unsigned count;
    uint64_t defined;
    uint64_t of_group[GROUPS_MAX]; /* masks of positions */
    struct tacho_metric metric[METRICS_MAX];
};

/* The sequence numbers so far. */
struct sequence {
    bool any;
    uint64_t last, missing;
    bool broken[STREAMS]; /* no keyframe yet, or a block lost since the last */
};

struct tacho_recording {
    int fd;
    char *path; /* for messages; NULL when it was opened by descriptor */
    struct allowance allowance;
    struct texts texts;

    /* salvage.c */
    uint64_t next;         /* after the last valid block */
    int failed;            /* 0, or the error in the middle of a journal block */
    uint64_t first_lost;   /* offset, or NOTHING_LOST */
    uint64_t reread_bytes; /* of blocks that proved corrupt */
    struct sequence sequence;
    struct tacho_salvage salvage;
    struct tacho_block_count blocks[TACHO_BLOCK_TYPES];
    struct chunks stream[STREAMS]; /* of struct block_entry */
    struct chunks marks;           /* likewise: each can be understood alone */
    uint64_t first_ns, last_ns;
    uint64_t window_offset;
    size_t window_bytes;
    uint8_t *window;

    /* journal_read.c */
    uint32_t scatter; /* odd, by chance: no file can choose ids that collide in the map */
    struct map by_id; /* entity id * scatter -> place among the entities */
    struct chunks entities, processes, happenings, anchors;
    uint32_t first_of_kind[KINDS_MAX];
    size_t facts, causes;
    struct fact *fact;
    uint32_t *fact_hash;
    struct tacho_missing *missing;
    struct kind_metrics *kind[KINDS_MAX];

    /* journal_marks.c */
    struct keyed sites, threads, losts; /* the last by entity */
    struct chunks labels, totals;
    struct map total_of; /* scattered entity and site -> place of the first such total */
    struct tacho_lost_marks lost_sum;
};

/* Fills in `error` (may be NULL) with the recording's name before the message; returns `code`. */
__attribute__((format(printf, 5, 6))) int recording_fail(const char *path,
                                                         struct tacho_error *error, int code,
                                                         uint64_t offset, const char *format, ...);

/* NULL where there is no such entity. */
struct entity_entry *entity_find(const struct tacho_recording *rec, uint64_t entity);
struct process_entry *process_find(const struct tacho_recording *rec, uint64_t entity);

/* The item of that number, NULL for none. */
void *keyed_find(const struct tacho_recording *rec, const struct keyed *k, uint64_t number);

/* Counts a block of samples or marks that cannot be decoded, once. */
void count_undecodable(struct tacho_recording *rec, struct block_entry *entry);

#endif
