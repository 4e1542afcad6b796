/* Any bytes as a recording (fuzz_file.h): opened, walked, grown, and never more memory than promised. */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tacho/recording.h>

#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what is allocated ---- */

/* AddressSanitizer's; without it nothing is counted. */
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(
    void (*on_malloc)(const volatile void *, size_t), void (*on_free)(const volatile void *));
__attribute__((weak)) size_t __sanitizer_get_allocated_size(const volatile void *p);

static bool counting;
static int64_t allocated, peak;

static void on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    if (!counting)
        return;
    allocated += (int64_t)n;
    if (allocated > peak)
        peak = allocated;
}

static void on_free(const volatile void *p)
{
    if (counting && p != NULL)
        allocated -= (int64_t)__sanitizer_get_allocated_size(p);
}

static void begin_counting(void)
{
    static bool installed;
    if (!installed && __sanitizer_install_malloc_and_free_hooks != NULL)
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    installed = true;
    allocated = peak = 0;
    counting = true;
}

static void end_counting(size_t file_bytes)
{
    counting = false;
    assert(allocated == 0);
    assert(peak <= (int64_t)file_bytes * TACHO_RECORDING_MEMORY_RATIO + (32 << 20));
}

/* ---- reading all there is ---- */

static volatile uint64_t touched; /* what is read must be there to be read */

static void read_walk(struct tacho_recording *rec, uint64_t from_ns, uint64_t to_ns, unsigned kinds)
{
    struct tacho_walk *walk;
    struct tacho_sample s, last = {0};
    int r = tacho_walk_open(rec, from_ns, to_ns, kinds, &walk);
    if (r != 0) {
        assert(r == -ENOMEM);
        return;
    }
    for (bool first = true; (r = tacho_walk_next(walk, &s)) == 1; first = false) {
        assert(s.time_ns >= from_ns && s.time_ns <= to_ns && s.entity != 0);
        assert(s.kind < 32 && (kinds >> s.kind & 1) != 0);
        assert((s.fresh & ~s.known) == 0);
        assert(first || s.time_ns >= last.time_ns);
        assert(s.tick >= last.tick);
        for (uint64_t left = s.known; left != 0; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctzll(left);
            assert(i < tacho_metric_count(rec, s.kind));
            touched += s.value[i];
        }
        last = s;
    }
    assert(r == 0 || r == -ENOMEM);
    tacho_walk_close(walk);
}

static void read_marks(struct tacho_recording *rec)
{
    struct tacho_marks *walk;
    struct tacho_mark mark;
    uint64_t last_ns[4] = {0};
    uint32_t block = 0;
    int r = tacho_marks_open(rec, &walk);
    if (r != 0) {
        assert(r == -ENOMEM);
        return;
    }
    while ((r = tacho_marks_next(walk, &mark)) == 1) {
        assert(tacho_marking_thread_of(rec, mark.thread) != NULL && mark.block >= block);
        block = mark.block;
        if (mark.thread >= 4)
            continue;
        assert(mark.time_ns >= last_ns[mark.thread]);
        last_ns[mark.thread] = mark.time_ns;
    }
    assert(r == 0 || r == -ENOMEM);
    touched += tacho_marks_missing(walk);
    tacho_marks_close(walk);
}

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

static void read_tables(struct tacho_recording *rec)
{
    for (size_t i = 0; i < tacho_process_count(rec); i++) {
        const struct tacho_process *p = tacho_process(rec, i);
        assert(tacho_process_of(rec, p->entity) == p);
        touched +=
            strlen(p->comm) + strlen(p->exe) + strlen(p->cwd) + (size_t)p->argv[p->argv_bytes];
    }
    for (size_t i = 0; i < tacho_happening_count(rec); i++)
        touched += text_bytes(tacho_happening(rec, i)->text);
    for (size_t i = 0; i < tacho_fact_count(rec); i++) {
        const char *text;
        size_t n;
        uint64_t number;
        const char *key = tacho_fact(rec, i, &text, &n, &number);
        assert(text == NULL || tacho_fact_text(rec, key, NULL) == text);
        touched += text != NULL ? (size_t)text[n] : 0;
    }
    for (unsigned kind = 0; kind < 40; kind++)
        for (unsigned i = 0; i < tacho_metric_count(rec, kind); i++)
            touched += strlen(tacho_metric(rec, kind, i)->name);
    for (size_t i = 0; i < tacho_missing_count(rec); i++)
        touched += tacho_missing(rec, i)->group;
    touched += tacho_real_ns(rec, tacho_first_ns(rec)) + tacho_real_ns(rec, tacho_last_ns(rec));
    const struct tacho_salvage *s = tacho_recording_salvage(rec);
    assert(s->read_bytes <= s->file_bytes && s->lost_bytes == s->file_bytes - s->read_bytes);
    assert(s->lost_offset <= s->file_bytes);
}

static void read_series(struct tacho_recording *rec)
{
    for (size_t i = 0; i < tacho_entity_count(rec) && i < 4; i++) {
        const struct tacho_entity *e = tacho_entity(rec, i);
        unsigned position = (unsigned)(i * 3 + strlen(e->name)) % 8;
        struct tacho_series series;
        uint64_t value, time_ns;
        counting = false; /* a series is its caller's memory */
        int r = tacho_series_read(rec, e->id, position, 0, UINT64_MAX, &series);
        assert(r == 0 || r == -ENOENT || r == -ENOMEM);
        if (r == 0)
            tacho_series_done(&series);
        counting = true;
        r = tacho_peak(rec, e->id, position, &value, &time_ns);
        assert(r == 0 || r == -ENOENT || r == -ENODATA || r == -ENOMEM);
    }
}

static void read_all(struct tacho_recording *rec)
{
    read_tables(rec);
    read_walk(rec, 0, UINT64_MAX, UINT32_MAX);
    uint64_t first = tacho_first_ns(rec), last = tacho_last_ns(rec);
    read_walk(rec, first + (last - first) / 2, last, 1u << TACHO_PROCESS);
    read_walk(rec, 0, first + (last - first) / 2, ~(1u << TACHO_PROCESS));
    read_series(rec);
    read_marks(rec);
}

static void read_file(int fd, size_t n)
{
    struct tacho_recording *rec;
    struct tacho_error error = {.code = 1};
    begin_counting();
    int own = dup(fd);
    int r = tacho_recording_open_fd(own, &rec, &error);
    if (r == 0) {
        read_all(rec);
        tacho_recording_close(rec);
    } else {
        assert(error.code == r && error.message[0] != '\0');
        assert(r == -ENODATA || r == -EPROTO || r == -EPROTONOSUPPORT);
        close(own);
    }
    end_counting(n);
}

/* The same file, of which only `first` bytes were there when it was opened. */
static void read_growing(int fd, const struct buffer *file, size_t first)
{
    struct tacho_recording *rec;
    struct tacho_walk *walk = NULL;
    struct tacho_sample sample;
    put_file(fd, file, first);
    begin_counting();
    int own = dup(fd);
    if (tacho_recording_open_fd(own, &rec, NULL) != 0) {
        close(own);
        end_counting(file->len);
        return;
    }
    if (tacho_walk_open(rec, 0, UINT64_MAX, UINT32_MAX, &walk) == 0)
        tacho_walk_next(walk, &sample);
    put_file(fd, file, file->len);
    int r = tacho_recording_refresh(rec, NULL);
    assert(r >= 0 || r == -EPROTO || r == -EPROTONOSUPPORT);
    if (walk != NULL)
        while (tacho_walk_next(walk, &sample) == 1)
            ;
    tacho_walk_close(walk);
    read_all(rec);
    /* Cut by somebody behind our back. */
    put_file(fd, file, first);
    read_walk(rec, 0, UINT64_MAX, UINT32_MAX);
    tacho_recording_refresh(rec, NULL);
    tacho_recording_close(rec);
    end_counting(file->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct buffer file = {0};
    if (fd < 0)
        fd = memfd_create("recording", MFD_CLOEXEC);
    file_of(data, size, &file);
    put_file(fd, &file, file.len);
    read_file(fd, file.len);
    if (file.len > 0)
        read_growing(fd, &file, file.len - file.len / (2 + size % 5));
    buffer_done(&file);
    return 0;
}
