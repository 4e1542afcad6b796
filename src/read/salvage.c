#include "read/salvage.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "read/journal_read.h"
#include "read/payload.h"

#define REREAD_BYTES (UINT64_C(64) << 20)

/* ---- the window ---- */

/*
 * At least `n` bytes of the file from `offset`: 1 with `ret`, 0 when the file ends before, or
 * negative errno. Valid until the next call. `ret_n` may be NULL.
 */
static int window_at(struct tacho_recording *rec, uint64_t offset, size_t n, const uint8_t **ret,
                     size_t *ret_n)
{
    uint64_t skip = offset - rec->window_offset;
    if (offset < rec->window_offset || skip > rec->window_bytes || n > rec->window_bytes - skip) {
        rec->window_bytes = 0;
        uint64_t left = rec->salvage.file_bytes - offset;
        int64_t got =
            read_fully(rec->fd, rec->window, left < WINDOW_BYTES ? left : WINDOW_BYTES, offset);
        if (got < 0)
            return (int)got;
        rec->window_offset = offset;
        rec->window_bytes = (size_t)got;
        skip = 0;
        if ((size_t)got < n)
            return 0;
    }
    *ret = rec->window + skip;
    if (ret_n != NULL)
        *ret_n = rec->window_bytes - (size_t)skip;
    return 1;
}

/* 1 with a verdict, 0 when the file ends before a whole header, or negative errno. */
static int header_at(struct tacho_recording *rec, uint64_t offset, struct block_header *ret,
                     enum block_verdict *ret_verdict)
{
    const uint8_t *bytes;
    *ret_verdict = BLOCK_NOT_A_BLOCK;
    if (rec->salvage.file_bytes - offset < BLOCK_HEADER_BYTES)
        return 0;
    int r = window_at(rec, offset, BLOCK_HEADER_BYTES, &bytes, NULL);
    if (r == 1)
        *ret_verdict = block_header_decode(bytes, ret);
    return r;
}

/* The next header that checks out at or after `at`, or the end of the file. */
static int find_header(struct tacho_recording *rec, uint64_t at, uint64_t *ret)
{
    *ret = rec->salvage.file_bytes;
    while (at < *ret && *ret - at >= BLOCK_HEADER_BYTES) {
        const uint8_t *bytes;
        size_t n;
        int r = window_at(rec, at, BLOCK_HEADER_BYTES, &bytes, &n);
        if (r <= 0)
            return r;
        size_t starts = n - (BLOCK_HEADER_BYTES - 1);
        for (size_t i = 0; i < starts; i++) {
            const uint8_t *hit = memchr(bytes + i, (uint8_t)BLOCK_MAGIC, starts - i);
            if (hit == NULL)
                break;
            i = (size_t)(hit - bytes);
            struct block_header header;
            if (block_header_decode(hit, &header) == BLOCK_OK) {
                *ret = at + i;
                return 0;
            }
        }
        at += starts;
    }
    return 0;
}

/* ---- sequence numbers ---- */

static int stream_of(uint8_t type)
{
    return type == BLOCK_PROCESSES  ? STREAM_PROCESSES
           : type == BLOCK_OVERVIEW ? STREAM_OVERVIEW
                                    : -1;
}

/* Notes the number of a block that came, or of which only the header did. */
static void sequence_note(struct sequence *s, const struct block_header *header, bool lost)
{
    uint64_t expected = s->any ? s->last + 1 : 0;
    if (header->sequence != expected) {
        /* What is missing may have been of any type. */
        s->broken[STREAM_OVERVIEW] = s->broken[STREAM_PROCESSES] = true;
        s->missing += header->sequence - expected;
    }
    if (lost) {
        s->missing++;
        if (stream_of(header->type) >= 0)
            s->broken[stream_of(header->type)] = true;
    }
    s->any = true;
    s->last = header->sequence;
}

static bool sequence_old(const struct sequence *s, const struct block_header *header)
{
    return s->any && header->sequence <= s->last;
}

/* ---- blocks ---- */

void count_undecodable(struct tacho_recording *rec, struct block_entry *entry)
{
    rec->salvage.undecodable_blocks += !entry->counted;
    entry->counted = true;
}

static void count_block(struct tacho_recording *rec, const struct block_header *header)
{
    struct tacho_block_count *count = &rec->blocks[header->type <= BLOCK_MARKS ? header->type : 0];
    count->blocks++;
    count->raw_bytes += header->raw_bytes;
    count->stored_bytes += header->stored_bytes;
    if (header->last_ns < header->first_ns || header->last_ns == 0)
        return;
    if (rec->last_ns == 0 || header->first_ns < rec->first_ns)
        rec->first_ns = header->first_ns;
    if (header->last_ns > rec->last_ns)
        rec->last_ns = header->last_ns;
}

static int note_marks(struct tacho_recording *rec, const struct block_entry *found)
{
    struct block_entry *entry = chunks_add(&rec->marks, &rec->allowance);
    if (entry == NULL)
        return rec->allowance.error;
    *entry = *found;
    return 0;
}

static int note_samples(struct tacho_recording *rec, const struct block_entry *found, int stream,
                        bool broken)
{
    struct block_entry *entry = chunks_add(&rec->stream[stream], &rec->allowance);
    if (entry == NULL)
        return rec->allowance.error;
    *entry = *found;
    entry->orphan = broken && !found->keyframe;
    if (entry->orphan)
        count_undecodable(rec, entry);
    return 0;
}

/* ---- the scan ---- */

/* Where a scan stands. `trial` becomes the recording's own when a valid block follows. */
struct scan {
    struct tacho_recording *rec;
    struct sequence trial;
    struct payload payload;
    struct block_header header;
    struct block_entry entry;
    const uint8_t *stored; /* the payload of a journal block, in the window or in `payload` */
    uint64_t at, end;      /* of the block */
};

static int payload_valid(struct scan *s)
{
    const struct block_entry *entry = &s->entry;
    if (entry->stored_bytes <= WINDOW_BYTES) {
        int r = window_at(s->rec, entry->offset, entry->stored_bytes, &s->stored, NULL);
        if (r != 1)
            return r;
        return payload_sound(entry, s->stored);
    }
    int r = payload_load(s->rec, entry, &s->payload);
    s->stored = s->payload.stored;
    return r == -EPROTO ? 0 : r == 0 ? 1 : r;
}

/* Whether the next block begins where this one ends: then its length is right, at least. */
static int next_follows(struct scan *s)
{
    struct block_header header;
    enum block_verdict verdict;
    int r = header_at(s->rec, s->end, &header, &verdict);
    if (r != 1)
        return r;
    return verdict != BLOCK_NOT_A_BLOCK && header.sequence == s->header.sequence + 1;
}

static int block_valid(struct scan *s)
{
    if (s->header.type != BLOCK_JOURNAL) {
        int r = next_follows(s);
        if (r != 0)
            return r;
    }
    return payload_valid(s);
}

/*
 * Where to search on after a block whose payload is corrupt: behind it when the next one follows
 * there. Else inside, since whole blocks may follow one that was cut off; but not over and over.
 */
static int after_corrupt(struct scan *s, uint64_t *ret)
{
    if (!sequence_old(&s->trial, &s->header))
        sequence_note(&s->trial, &s->header, true);
    s->rec->reread_bytes += s->entry.stored_bytes;
    int r = next_follows(s);
    if (r > 0 || s->rec->reread_bytes > s->rec->salvage.file_bytes + REREAD_BYTES)
        *ret = s->end;
    return r < 0 ? r : 0;
}

/* 1 for a valid block at s->at; 0 for none, with where to search on; or negative errno. */
static int find_block(struct scan *s, uint64_t *ret_search)
{
    uint64_t file_bytes = s->rec->salvage.file_bytes;
    enum block_verdict verdict;
    *ret_search = s->at + 1;
    int r = header_at(s->rec, s->at, &s->header, &verdict);
    if (r == 0)
        *ret_search = file_bytes;
    if (r <= 0 || verdict != BLOCK_OK)
        return r < 0 ? r : 0;
    s->entry = (struct block_entry){.offset = s->at + BLOCK_HEADER_BYTES,
                                    .first_ns = s->header.first_ns,
                                    .last_ns = s->header.last_ns,
                                    .raw_bytes = s->header.raw_bytes,
                                    .stored_bytes = s->header.stored_bytes,
                                    .payload_crc = s->header.payload_crc,
                                    .codec = s->header.codec,
                                    .keyframe = (s->header.flags & BLOCK_KEYFRAME) != 0};
    s->end = s->entry.offset + s->entry.stored_bytes;
    if (s->end > file_bytes)
        return 0;
    r = block_valid(s);
    return r == 0 ? after_corrupt(s, ret_search) : r;
}

static void note_lost(struct tacho_recording *rec, uint64_t offset)
{
    rec->salvage.lost_stretches++;
    if (rec->first_lost == NOTHING_LOST)
        rec->first_lost = offset;
}

static int take_journal(struct scan *s)
{
    int r = payload_decode(s->rec, &s->entry, s->stored, &s->payload);
    if (r == 0)
        r = journal_take(s->rec, s->payload.bytes, s->payload.n);
    if (r != -EPROTO)
        return r;
    /* Sound, yet not what a recorder writes: what was understood of it stays. */
    note_lost(s->rec, s->at);
    s->rec->salvage.read_bytes -= s->end - s->at;
    return 0;
}

/* Takes the block that find_block found. 0 or negative errno. */
static int take_block(struct scan *s)
{
    struct tacho_recording *rec = s->rec;
    int stream = stream_of(s->header.type);
    bool old = sequence_old(&s->trial, &s->header);
    bool wanted = stream >= 0 || s->header.type == BLOCK_JOURNAL || s->header.type == BLOCK_MARKS;
    if (wanted && !payload_codec_known(s->header.codec))
        return -EPROTONOSUPPORT;
    if (!old)
        sequence_note(&s->trial, &s->header, false);
    int r = 0;
    if (!old && stream >= 0) {
        r = note_samples(rec, &s->entry, stream, s->trial.broken[stream]);
        s->trial.broken[stream] = s->trial.broken[stream] && !s->entry.keyframe;
    }
    if (!old && s->header.type == BLOCK_MARKS)
        r = note_marks(rec, &s->entry);
    if (s->at > rec->next)
        note_lost(rec, rec->next);
    rec->salvage.read_bytes += s->end - s->at;
    if (!old)
        count_block(rec, &s->header);
    if (!old && s->header.type == BLOCK_JOURNAL)
        r = take_journal(s);
    rec->sequence = s->trial;
    rec->next = s->end;
    rec->failed = r; /* the block is half taken: nothing can go on from here */
    return r;
}

static int scan_failed(const struct scan *s, int r, struct tacho_error *error)
{
    const char *path = s->rec->path;
    if (r == -E2BIG)
        return recording_fail(path, error, -EPROTO, s->at,
                              "holds more than a file of its size may");
    if (r == -EPROTONOSUPPORT)
        return recording_fail(path, error, r, s->at,
                              s->header.codec == 1
                                  ? "compressed with zstd, which this build lacks"
                                  : "compressed in a way that this tacho does not know");
    return recording_fail(path, error, r, s->at, "%s", strerror(-r));
}

static int measure(struct tacho_recording *rec, struct tacho_error *error)
{
    struct stat st;
    if (fstat(rec->fd, &st) != 0)
        return recording_fail(rec->path, error, -errno, 0, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return recording_fail(rec->path, error, S_ISDIR(st.st_mode) ? -EISDIR : -ESPIPE, 0,
                              "not a file");
    if ((uint64_t)st.st_size < rec->next)
        return recording_fail(rec->path, error, -EPROTO, (uint64_t)st.st_size,
                              "became shorter while it was read");
    rec->salvage.file_bytes = (uint64_t)st.st_size;
    rec->window_bytes = 0;
    allowance_set(&rec->allowance, rec->salvage.file_bytes);
    return 0;
}

int salvage_scan(struct tacho_recording *rec, struct tacho_error *error)
{
    struct scan s = {.rec = rec, .trial = rec->sequence, .at = rec->next};
    if (rec->failed != 0)
        return scan_failed(&s, rec->failed, error);
    int r = measure(rec, error);
    if (r != 0)
        return r;
    uint64_t blocks = 0;
    while (r >= 0 && s.at < rec->salvage.file_bytes) {
        uint64_t search;
        r = find_block(&s, &search);
        if (r > 0) {
            r = take_block(&s);
            blocks++;
            s.at = s.end;
        } else if (r == 0) {
            r = find_header(rec, search, &s.at);
        }
    }
    payload_done(rec, &s.payload);
    struct tacho_salvage *salvage = &rec->salvage;
    salvage->lost_bytes = salvage->file_bytes - salvage->read_bytes;
    salvage->lost_offset = rec->first_lost != NOTHING_LOST ? rec->first_lost : rec->next;
    salvage->missing_blocks = rec->sequence.missing;
    if (r < 0)
        return scan_failed(&s, r, error);
    return blocks < INT_MAX ? (int)blocks : INT_MAX;
}

int salvage_check_start(struct tacho_recording *rec, struct tacho_error *error)
{
    int r = measure(rec, error);
    if (r != 0)
        return r;
    if (rec->salvage.file_bytes == 0)
        return recording_fail(rec->path, error, -ENODATA, 0, "empty: nothing was recorded");
    const uint8_t *bytes;
    struct block_header header;
    enum block_verdict verdict;
    r = window_at(rec, 0, sizeof(uint32_t), &bytes, NULL);
    if (r == 0 || (r == 1 && load_u32(bytes) != BLOCK_MAGIC))
        return recording_fail(rec->path, error, -EPROTO, 0, "not a tacho recording");
    if (r == 1)
        r = header_at(rec, 0, &header, &verdict);
    if (r < 0)
        return recording_fail(rec->path, error, r, 0, "%s", strerror(-r));
    if (r == 1 && verdict == BLOCK_NEWER)
        return recording_fail(rec->path, error, -EPROTONOSUPPORT, 0,
                              "made by a newer tacho (format %u; this one reads up to %u)",
                              header.version, BLOCK_VERSION);
    return 0;
}
