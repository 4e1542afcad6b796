/*
 * A marking process's file (shared.h), as the recorder reads it. Nothing in it is trusted: what makes no
 * sense is left out and counted.
 *
 * One thread.
 */
#ifndef TACHO_MARK_MARKS_FILE_H
#define TACHO_MARK_MARKS_FILE_H

#include "format/marks.h"
#include "mark/tick_clock.h"

/* What is told of a file's marks. Ids are the receiver's. */
struct marks_sink {
    void *user;
    /* A name; the texts are borrowed. Its id, 0: no room for more. */
    uint32_t (*site)(void *user, const char *name, size_t name_bytes, const char *category,
                     size_t category_bytes);
    /* A thread has begun to mark: its id, 0: no room for more. */
    uint32_t (*thread)(void *user, int tid, uint64_t time_ns);
    void (*thread_end)(void *user, uint32_t thread, uint64_t time_ns);
    void (*thread_name)(void *user, uint32_t thread, uint64_t time_ns, const char *name, size_t n);
    void (*label)(void *user, uint32_t thread, uint64_t time_ns, const char *text, size_t n);
    /* At most MARKS_AT_ONCE of a thread, the first being its `first_index`th. */
    void (*marks)(void *user, uint32_t thread, uint64_t first_index, const struct mark *mark,
                  size_t n);
    /* Scopes of a site that were only counted, since it was told the last time. */
    void (*total)(void *user, uint32_t site, uint64_t count, uint64_t total_ns);
    /* Likewise; see struct record_lost. */
    void (*lost)(void *user, uint64_t scopes, uint64_t others, uint64_t unbalanced);
};

#define MARKS_AT_ONCE 4096

struct marks_file;

struct marks_file_facts {
    int pid; /* in its own namespace */
    bool for_parent;
    uint64_t image, created_ns;
};

/*
 * Opens `name` in the directory. Where another reader has stopped before, this one goes on. 0, -EAGAIN: the process has not finished making it; -EPROTO: no such
 * file, or of another version; or another -errno.
 */
int marks_file_open(int dir_fd, const char *name, struct marks_file **ret);

/* `last`: tells the process that nobody reads any more. NULL is allowed. */
void marks_file_close(struct marks_file *file, bool last);

struct marks_file_facts marks_file_facts(const struct marks_file *file);

/*
 * Tells all that has been marked since the last call, thread by thread; `room` is for MARKS_AT_ONCE marks.
 * 0, or -ENOMEM or -EPROTO: no more can be read. `*fill` is raised to how full the fullest ring was, in
 * 1/256. About 5 ns a mark and 0.2 µs a file.
 */
int marks_file_drain(struct marks_file *file, const struct tick_clock *clock,
                     const struct marks_sink *sink, struct mark *room, unsigned *fill);

/* Tells the ends of threads that have begun and not ended: the program is gone since then. */
void marks_file_end_threads(struct marks_file *file, const struct marks_sink *sink,
                            uint64_t time_ns);

/*
 * Tells of what was counted instead, `total` and `lost`. About 1 ns a name, and only if something was.
 */
void marks_file_tell_lost(struct marks_file *file, const struct tick_clock *clock,
                          const struct marks_sink *sink);

#endif
