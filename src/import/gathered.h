/*
 * What was read from other tools' logs, until it is written as a recording: what has series (processes,
 * most of all), what was said of it at moments, scopes, values of counters, and labels. All of it may come in any
 * order; a recording wants it in that of time, and needs to know when it begins.
 *
 * Times are nanoseconds: since the epoch, or, where a log has no wall clock, on the log's own clock. Memory: 40
 * bytes a point and 8 a value, 32 a scope, 24 a counter's value.
 */
#ifndef TACHO_IMPORT_GATHERED_H
#define TACHO_IMPORT_GATHERED_H

#include "base/map.h"
#include "format/metric.h"
#include "format/records.h"
#include "record/recording_sink.h"

#define GATHERED_UNENDED UINT64_MAX

enum gathered_clock { GATHERED_NO_CLOCK, GATHERED_WALL_CLOCK, GATHERED_OWN_CLOCK };

/* Bytes in the buffer of texts. */
struct gathered_text {
    uint64_t at;
    uint32_t bytes;
};

struct gathered_entity {
    unsigned kind;              /* enum entity_kind */
    uint64_t pid;               /* 0: the log does not say */
    uint64_t start_ns;          /* 0: not known; its counters then begin anywhere */
    uint64_t first_ns, last_ns; /* of its points */
    uint64_t points;
    struct gathered_text name; /* of a process: comm */
    struct gathered_text argv; /* each argument ended by NUL */
    bool stopped;              /* the log says that it ends here */
    bool has_status;
    int status; /* as waitpid(2) gives it */
};

struct gathered_point {
    uint64_t time_ns;
    uint64_t known;  /* bit per metric of the entity's kind */
    uint64_t values; /* where they begin in the array of all, in the order of the catalogue */
    uint32_t entity;
    uint32_t number; /* in the order of reading */
};

struct gathered_label {
    uint32_t point;
    uint32_t bytes;
    uint64_t at; /* in the buffer of texts */
};

struct gathered_scope {
    uint64_t begin_ns, end_ns; /* end: GATHERED_UNENDED where none was told */
    uint32_t entity, site;
};

struct gathered_value {
    uint64_t time_ns;
    double value;
    uint32_t entity, site;
};

struct gathered_site {
    struct gathered_text name, category;
    uint32_t same_hash; /* place, plus 1, of another with this hash */
};

/* A file that was read: several names may be one's. */
struct gathered_file {
    uint64_t device, inode;
};

/* A growing array; see array_add. */
struct array {
    void *items;
    size_t count, cap;
};

struct gathered {
    struct array entities, points, values, labels, scopes, counts, sites, files;
    struct map site_at; /* by hash: the last such site's place, plus 1 */
    struct buffer texts;
    struct buffer names; /* of the logs, each ended by NUL */
    struct buffer facts; /* records of facts about the session */
    enum gathered_clock clock;
    uint32_t shared;           /* see gathered_shared; plus 1 */
    uint64_t rank, rank_size;  /* of the last that was told */
    unsigned ranks;            /* told so far */
    bool unrelated;            /* its processes are not each other's children */
    uint64_t begin_ns, end_ns; /* of the job by the wall clock, where a log says it; 0: not told */
    bool ended;                /* a log says that the job ended */
};

void gathered_done(struct gathered *g);

/* The clock of what follows. 0, or -EXDEV where what was gathered before is on the other one. */
int gathered_use_clock(struct gathered *g, enum gathered_clock clock);

/* A process of which points will come. `start_ns` 0: not known. 0 or -ENOMEM. */
int gathered_begin(struct gathered *g, uint64_t pid, uint64_t start_ns, uint32_t *ret_entity);

/* Something else with series, by its name. 0 or -ENOMEM. */
int gathered_begin_other(struct gathered *g, unsigned kind, const char *name, uint32_t *ret_entity);

/* The one process of which several logs of a job speak. 0 or -ENOMEM. */
int gathered_shared(struct gathered *g, uint32_t *ret_entity);

struct gathered_entity *gathered_entity(const struct gathered *g, uint32_t entity);

/* Keeps bytes for a name or arguments. 0 or -ENOMEM. */
int gathered_keep(struct gathered *g, const void *bytes, size_t n, struct gathered_text *ret);

/*
 * What was said of an entity at a moment; `value` is indexed by metric, read where `known` says; with
 * nothing known it was there. Of one entity and moment the last said holds. 0, -ENOMEM, or -EOVERFLOW
 * after 2^32 - 2 points.
 */
int gathered_add(struct gathered *g, uint32_t entity, uint64_t time_ns, uint64_t known,
                 const uint64_t *value);

/* A message of the process of the last point, at its moment. 0 or -ENOMEM. */
int gathered_say(struct gathered *g, const void *text, size_t n);

/* The number of a name and category (may be empty), from 1. 0, -ENOMEM, or -ENOSPC when there are too many. */
int gathered_site(struct gathered *g, struct span name, struct span category, uint32_t *ret_site);

/* A scope of a process, which need not lie inside others that it overlaps. 0 or -ENOMEM. */
int gathered_scope(struct gathered *g, uint32_t entity, uint32_t site, uint64_t begin_ns,
                   uint64_t end_ns);

/* The value of a counter of a process from now on. 0 or -ENOMEM. */
int gathered_count(struct gathered *g, uint32_t entity, uint32_t site, uint64_t time_ns,
                   double value);

/* The log is of this rank. A recording is of one, so with several it is of none. */
void gathered_rank(struct gathered *g, uint64_t rank, uint64_t size);

/* Whether there is anything of which a recording can be made. */
bool gathered_any(const struct gathered *g);

/*
 * Writes it all as a recording that begins with the earliest start of a process. Of `options` the
 * path or descriptor, `replace` and the codec are taken. 0; -ENODATA without points; -ENOMEM; what
 * recording_create says, or the last error of writing.
 */
int gathered_write(struct gathered *g, const struct recording_options *options);

/* A zeroed item at the end of an array of such items, or NULL. Pointers to others become stale. */
void *array_add(struct array *array, size_t item_bytes);

#endif
