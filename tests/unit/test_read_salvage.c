/* What is left of damaged, cut, growing and foreign files. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "test_read_build.h"

#ifdef HAVE_ZSTD
#define CODEC &codec_zstd
#else
#define CODEC NULL
#endif

/* Small, with births in several journal blocks and keyframes on the way. */
static void make_small(struct made *m, const struct codec *codec, uint64_t seed)
{
    made_init(m, codec);
    play(m, seed, 9, 3, 3, 3);
}

static size_t whole_bytes(const struct made *m, size_t bytes)
{
    size_t end = 0;
    for (size_t i = 0; i < m->blocks && m->block_end[i] <= bytes; i++)
        end = m->block_end[i];
    return end;
}

static size_t count_births(const struct made *m, size_t bytes)
{
    struct tacho_recording *rec;
    if (open_bytes(m->file.data, whole_bytes(m, bytes), &rec) != 0)
        return 0;
    size_t n = tacho_process_count(rec);
    tacho_recording_close(rec);
    return n;
}

static void assert_prefix(struct tacho_recording *rec, const struct made *m, size_t bytes)
{
    const struct tacho_salvage *salvage = tacho_recording_salvage(rec);
    size_t whole = whole_bytes(m, bytes);
    assert_int_equal(salvage->file_bytes, bytes);
    assert_int_equal(salvage->read_bytes, whole);
    assert_int_equal(salvage->lost_bytes, bytes - whole);
    assert_int_equal(salvage->lost_offset, whole);
    assert_int_equal(salvage->lost_stretches, 0);
    assert_int_equal(salvage->missing_blocks, 0);
    assert_walk(rec, m, 0, UINT64_MAX, ALL_KINDS, bytes);
    assert_int_equal(salvage->undecodable_blocks, 0);
    assert_int_equal(tacho_process_count(rec), count_births(m, bytes));
}

static void cut_everywhere(const struct codec *codec)
{
    struct made m;
    make_small(&m, codec, 2);
    assert_true(m.blocks > 15);
    for (size_t n = 0; n <= m.file.len; n++) {
        struct tacho_recording *rec;
        int r = open_bytes(m.file.data, n, &rec);
        assert_int_equal(r, n == 0 ? -ENODATA : n < m.block_end[0] ? -EPROTO : 0);
        if (r == 0)
            assert_prefix(rec, &m, n);
        tacho_recording_close(rec);
    }
    made_done(&m);
}

static void test_cut_everywhere(void **state)
{
    cut_everywhere(NULL);
}

static void test_cut_everywhere_compressed(void **state)
{
    cut_everywhere(CODEC);
}

static void test_grows_while_read(void **state)
{
    struct made m;
    struct tacho_recording *rec;
    uint64_t chances = 6;
    make_small(&m, CODEC, 5);
    size_t n = m.block_end[0] + 20;
    int fd = file_of(m.file.data, n);
    assert_int_equal(tacho_recording_open_fd(fd, &rec, NULL), 0);
    while (n < m.file.len) {
        size_t blocks = 0, piece = 1 + below(&chances, below(&chances, 4) == 0 ? 900 : 60);
        piece = piece < m.file.len - n ? piece : m.file.len - n;
        for (size_t i = 0; i < m.blocks; i++)
            blocks += m.block_end[i] > n && m.block_end[i] <= n + piece;
        assert_int_equal(pwrite(fd, m.file.data + n, piece, (off_t)n), piece);
        n += piece;
        assert_int_equal(tacho_recording_refresh(rec, NULL), blocks);
        assert_prefix(rec, &m, n);
    }
    assert_int_equal(tacho_recording_refresh(rec, NULL), 0);
    tacho_recording_close(rec);
    made_done(&m);
}

/* ---- one block damaged ---- */

/* Whether a sample survives that block `bad` is lost, and with it the knowledge of its type or not. */
static bool survives(const struct made *m, const struct expected *e, size_t bad, bool type_known)
{
    unsigned type = e->kind == ENTITY_PROCESS ? BLOCK_PROCESSES : BLOCK_OVERVIEW;
    if (e->block_end < m->block_end[bad])
        return true;
    if (e->block_end == m->block_end[bad])
        return false;
    if (type_known && m->block_type[bad] != type)
        return true;
    for (size_t i = bad + 1; i < m->blocks && m->block_end[i] <= e->block_end; i++)
        if (m->block_type[i] == type && (m->block_flags[i] & BLOCK_KEYFRAME) != 0)
            return true;
    return false;
}

static void assert_survivors(struct tacho_recording *rec, const struct made *m, size_t bad,
                             bool type_known)
{
    struct tacho_walk *walk;
    struct tacho_sample sample;
    assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, ALL_KINDS, &walk), 0);
    for (size_t i = 0; i < m->expected_count; i++) {
        if (!survives(m, &m->expected[i], bad, type_known))
            continue;
        assert_int_equal(tacho_walk_next(walk, &sample), 1);
        assert_sample(&sample, &m->expected[i]);
    }
    assert_int_equal(tacho_walk_next(walk, &sample), 0);
    tacho_walk_close(walk);
    const struct tacho_salvage *salvage = tacho_recording_salvage(rec);
    assert_int_equal(salvage->read_bytes + salvage->lost_bytes, salvage->file_bytes);
}

static void flip_everywhere(const struct codec *codec, uint8_t bits)
{
    struct made m;
    make_small(&m, codec, 3);
    size_t block = 0, start = 0;
    for (size_t at = 0; at < m.file.len; at++) {
        struct tacho_recording *rec;
        while (m.block_end[block] <= at)
            start = m.block_end[block++];
        m.file.data[at] ^= bits;
        int r = open_bytes(m.file.data, m.file.len, &rec);
        m.file.data[at] ^= bits;
        bool type_known = at >= start + BLOCK_HEADER_BYTES;
        assert_int_equal(r, at < 4 ? -EPROTO : 0); /* no magic, no recording */
        if (r == 0 && block > 0)
            assert_survivors(rec, &m, block, type_known);
        if (r == 0 && block == 0) /* nobody knows the metrics any more: nothing is invented */
            for (unsigned kind = 0; kind < 8; kind++)
                assert_int_equal(tacho_metric_count(rec, kind), 0);
        tacho_recording_close(rec);
    }
    made_done(&m);
}

static void test_flip_everywhere(void **state)
{
    flip_everywhere(NULL, 0x01);
    flip_everywhere(NULL, 0xff);
}

static void test_flip_everywhere_compressed(void **state)
{
    flip_everywhere(CODEC, 0x10);
}

static size_t find_sample_block(const struct made *m, size_t from, unsigned type, unsigned flags)
{
    for (size_t i = from; i < m->blocks; i++)
        if (m->block_type[i] == type && m->block_flags[i] == flags)
            return i;
    fail_msg("no such block");
    return 0;
}

static void test_counts_of_a_corrupt_block(void **state)
{
    struct made m;
    struct tacho_recording *rec;
    make_small(&m, NULL, 4);
    size_t bad = find_sample_block(&m, 4, BLOCK_PROCESSES, 0), expected = 0;
    for (size_t i = bad; i < m.blocks; i++) {
        if (m.block_type[i] == BLOCK_PROCESSES && (m.block_flags[i] & BLOCK_KEYFRAME) != 0)
            break;
        expected += m.block_type[i] == BLOCK_PROCESSES;
    }
    m.file.data[m.block_end[bad] - 1] ^= 1;
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), 0);
    const struct tacho_salvage *salvage = tacho_recording_salvage(rec);
    assert_int_equal(salvage->undecodable_blocks, 0); /* nobody looked yet */
    for (int i = 0; i < 3; i++)
        assert_survivors(rec, &m, bad, true);
    assert_int_equal(salvage->undecodable_blocks, expected);
    tacho_recording_close(rec);

    /* Its header too: now it never came. */
    m.file.data[m.block_end[bad - 1] + 20] ^= 1;
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), 0);
    salvage = tacho_recording_salvage(rec);
    assert_int_equal(salvage->missing_blocks, 1);
    assert_int_equal(salvage->lost_stretches, 1);
    assert_int_equal(salvage->lost_offset, m.block_end[bad - 1]);
    assert_int_equal(salvage->lost_bytes, m.block_end[bad] - m.block_end[bad - 1]);
    assert_survivors(rec, &m, bad, false);
    tacho_recording_close(rec);
    made_done(&m);
}

static void test_garbage_between_blocks(void **state)
{
    struct made m;
    struct tacho_recording *rec;
    struct buffer file = {0};
    uint64_t chances = 17;
    make_small(&m, CODEC, 6);
    size_t start = 0, garbage = 0;
    for (size_t i = 0; i < m.blocks; i++) {
        buffer_put(&file, m.file.data + start, m.block_end[i] - start);
        start = m.block_end[i];
        for (size_t n = below(&chances, 200); n > 0; n--, garbage++)
            buffer_put_byte(&file, below(&chances, 9) == 0 ? 0x89 : (uint8_t)chance(&chances));
        if (i == 2) { /* longer than any window */
            static const uint8_t long_garbage[300000] = {0x89, 'T', 'C', 'H', 1};
            buffer_put(&file, long_garbage, sizeof long_garbage);
            garbage += sizeof long_garbage;
        }
    }
    assert_int_equal(open_bytes(file.data, file.len, &rec), 0);
    assert_walk(rec, &m, 0, UINT64_MAX, ALL_KINDS, m.file.len);
    assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, garbage);
    assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 0);
    assert_true(tacho_recording_salvage(rec)->lost_stretches >= m.blocks - 3);
    tacho_recording_close(rec);
    buffer_done(&file);
    made_done(&m);
}

/* The search reads the file in pieces; a header may lie across two. */
static void test_garbage_of_any_length(void **state)
{
    static const uint8_t garbage[200000];
    struct made m;
    make_small(&m, NULL, 15);
    for (size_t end = 65536 - 120; end < 65536 + 60; end++) {
        size_t n = end - m.block_end[0];
        struct buffer file = {0};
        struct tacho_recording *rec;
        buffer_put(&file, m.file.data, m.block_end[0]);
        buffer_put(&file, garbage, n);
        buffer_put(&file, m.file.data + m.block_end[0], m.file.len - m.block_end[0]);
        assert_int_equal(open_bytes(file.data, file.len, &rec), 0);
        assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, n);
        assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 0);
        tacho_recording_close(rec);
        buffer_done(&file);
    }
    made_done(&m);
}

/* A failed write that could not be taken back: half a block, then the writer went on behind it. */
static void test_torn_block_in_the_middle(void **state)
{
    struct made m;
    make_small(&m, NULL, 8);
    size_t torn = find_sample_block(&m, 5, BLOCK_PROCESSES, 0);
    size_t start = m.block_end[torn - 1], next = m.block_end[torn];
    for (size_t n = 1; n < next - start; n++) {
        struct buffer file = {0};
        struct tacho_recording *rec;
        buffer_put(&file, m.file.data, start + n);
        buffer_put(&file, m.file.data + next, m.file.len - next);
        assert_int_equal(open_bytes(file.data, file.len, &rec), 0);
        assert_survivors(rec, &m, torn, n >= BLOCK_HEADER_BYTES);
        assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 1);
        assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, n);
        tacho_recording_close(rec);
        buffer_done(&file);
    }
    made_done(&m);
}

static void test_missing_blocks(void **state)
{
    struct made m;
    struct buffer file = {0};
    struct tacho_recording *rec;
    make_small(&m, NULL, 9);
    buffer_put(&file, m.file.data, m.block_end[3]);
    buffer_put(&file, m.file.data + m.block_end[5], m.file.len - m.block_end[5]);
    assert_int_equal(open_bytes(file.data, file.len, &rec), 0);
    assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 2);
    assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, 0);
    tacho_recording_close(rec);
    buffer_done(&file);
    made_done(&m);
}

static void test_repeated_blocks_are_ignored(void **state)
{
    struct made m;
    struct buffer file = {0};
    struct tacho_recording *rec, *once;
    make_small(&m, CODEC, 10);
    size_t start = 0;
    for (size_t i = 0; i < m.blocks; i++) {
        for (int k = 0; k < 3; k++)
            buffer_put(&file, m.file.data + start, m.block_end[i] - start);
        if (i > 2)
            buffer_put(&file, m.file.data, m.block_end[0]);
        start = m.block_end[i];
    }
    once = open_made(&m);
    assert_int_equal(open_bytes(file.data, file.len, &rec), 0);
    assert_walk(rec, &m, 0, UINT64_MAX, ALL_KINDS, m.file.len);
    assert_int_equal(tacho_happening_count(rec), tacho_happening_count(once));
    assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 0);
    assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, 0);
    for (unsigned type = 0; type < 20; type++)
        assert_int_equal(tacho_recording_blocks(rec, type)->blocks,
                         tacho_recording_blocks(once, type)->blocks);
    tacho_recording_close(rec);
    tacho_recording_close(once);
    buffer_done(&file);
    made_done(&m);
}

/* ---- foreign files ---- */

/* Changes fields of the block at `start` and makes its header's checksum right again. */
static void forge(struct made *m, size_t start, size_t offset, uint8_t value)
{
    uint8_t *header = m->file.data + start;
    header[offset] = value;
    store_u32(header + 44, crc32c(0, header, 44));
}

static void test_newer_version(void **state)
{
    struct made m;
    struct tacho_recording *rec = NULL;
    struct tacho_error error;
    make_small(&m, NULL, 11);
    forge(&m, m.block_end[4], 4, BLOCK_VERSION + 1);
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), 0);
    assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 1);
    assert_survivors(rec, &m, 5, false);
    tacho_recording_close(rec);

    forge(&m, 0, 4, 7);
    int fd = file_of(m.file.data, m.file.len);
    assert_int_equal(tacho_recording_open_fd(fd, &rec, &error), -EPROTONOSUPPORT);
    assert_non_null(
        strstr(error.message, "made by a newer tacho (format 7; this one reads up to 1)"));
    close(fd);
    made_done(&m);
}

static void test_unknown_types_and_codecs(void **state)
{
    struct made m;
    struct tacho_recording *rec;
    static const uint8_t bytes[] = "from the future";
    make_small(&m, NULL, 12);
    made_block(&m, 9, 0, 7, m.now_ns + 5, bytes, sizeof bytes);
    made_block(&m, 200, 0, 7, m.now_ns + 5, bytes, sizeof bytes);
    made_journal(&m);
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), 0);
    assert_walk(rec, &m, 0, UINT64_MAX, ALL_KINDS, m.file.len);
    assert_int_equal(tacho_recording_blocks(rec, 0)->blocks, 2);
    assert_int_equal(tacho_recording_blocks(rec, 9)->blocks, 0);
    assert_int_equal(tacho_recording_blocks(rec, 0)->raw_bytes, 2 * sizeof bytes);
    assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, 0);
    assert_int_equal(tacho_first_ns(rec), 7);
    assert_int_equal(tacho_last_ns(rec), m.now_ns + 5);
    tacho_recording_close(rec);
    /* A codec that no build knows: harmless in a type nobody reads, else the end. */
    forge(&m, m.block_end[m.blocks - 2], 6, 99);
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), 0);
    tacho_recording_close(rec);
    forge(&m, m.block_end[1], 6, 99);
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), -EPROTONOSUPPORT);
    made_done(&m);
}

static void assert_refused(const char *bytes, size_t n, int code, const char *message)
{
    char path[] = "/tmp/tacho-test-XXXXXX";
    struct tacho_error error;
    struct tacho_recording *rec = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    int r = tacho_recording_open(path, &rec, &error);
    unlink(path);
    assert_int_equal(r, code);
    assert_int_equal(error.code, code);
    assert_int_equal(strncmp(error.message, path, strlen(path)), 0);
    assert_non_null(strstr(error.message, message));
    assert_null(rec);
}

static void test_not_recordings(void **state)
{
    static const char text[] = "time,rss\n0,1\n1,2\n";
    static const char magic[4096] = "\x89TCH";
    assert_refused("", 0, -ENODATA, "empty");
    assert_refused(text, sizeof text - 1, -EPROTO, "not a tacho recording");
    assert_refused("\x89", 1, -EPROTO, "not a tacho recording");
    assert_refused(magic, 4, -EPROTO, "no whole block");
    assert_refused(magic, sizeof magic, -EPROTO, "no whole block");
}

static void test_paths(void **state)
{
    struct tacho_error error;
    struct tacho_recording *rec = NULL;
    char long_path[600], dir[] = "/tmp/tacho-test-XXXXXX", fifo[64];
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(tacho_recording_open("/nonexistent.tacho", &rec, &error), -ENOENT);
    assert_string_equal(error.message, "/nonexistent.tacho: No such file or directory");
    assert_int_equal(tacho_recording_open("/nonexistent.tacho", &rec, NULL), -ENOENT);
    assert_int_equal(tacho_recording_open(long_path, &rec, &error), -ENAMETOOLONG);
    assert_non_null(strstr(error.message, "xxx: File name too long"));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(tacho_recording_open(dir, &rec, &error), -EISDIR);
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(tacho_recording_open(fifo, &rec, &error), -ESPIPE);
    assert_null(rec);
    unlink(fifo);
    rmdir(dir);
    tacho_recording_close(NULL);
}

/* ---- a file that changes behind the reader's back ---- */

static void test_cut_while_read(void **state)
{
    struct made m;
    struct tacho_recording *rec;
    struct tacho_error error;
    make_small(&m, NULL, 13);
    int fd = file_of(m.file.data, m.file.len);
    assert_int_equal(tacho_recording_open_fd(fd, &rec, NULL), 0);
    size_t cut = m.block_end[m.blocks / 2] + 60;
    assert_int_equal(ftruncate(fd, (off_t)cut), 0);
    assert_walk(rec, &m, 0, UINT64_MAX, ALL_KINDS, cut);
    assert_true(tacho_recording_salvage(rec)->undecodable_blocks > 0);
    assert_int_equal(tacho_recording_refresh(rec, &error), -EPROTO);
    assert_non_null(strstr(error.message, "shorter"));
    tacho_recording_close(rec);
    made_done(&m);
}

/* After a power cut the file may have its length, but zeros for content. */
static void test_zeros_at_the_end(void **state)
{
    struct made m;
    struct tacho_recording *rec;
    make_small(&m, NULL, 14);
    size_t last = m.blocks - 1, start = m.block_end[last - 1];
    memset(m.file.data + start + BLOCK_HEADER_BYTES, 0,
           m.block_end[last] - start - BLOCK_HEADER_BYTES);
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), 0);
    assert_int_equal(tacho_recording_salvage(rec)->lost_offset, start);
    assert_int_equal(tacho_recording_salvage(rec)->lost_stretches, 0);
    assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 0);
    assert_survivors(rec, &m, last, true);
    tacho_recording_close(rec);
    made_done(&m);
}

static void test_big_blocks(void **state)
{
    struct made m;
    struct tacho_recording *rec;
    made_init(&m, NULL);
    made_metrics(&m);
    uint8_t *note = calloc(1, 1000000);
    for (int i = 0; i < 5; i++) {
        memset(note, 'a' + i, 1000000);
        record_put(&m.journal, &(struct record){.type = RECORD_NOTE,
                                                .note = {.time_ns = 1, .text = {note, 1000000}}});
        made_journal(&m);
    }
    free(note);
    rec = open_made(&m);
    assert_int_equal(tacho_happening_count(rec), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(strlen(tacho_happening(rec, i)->text), 1000000);
        assert_int_equal(tacho_happening(rec, i)->text[999999], 'a' + i);
    }
    tacho_recording_close(rec);
    m.file.data[m.block_end[2] - 1] ^= 1;
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), 0);
    assert_int_equal(tacho_happening_count(rec), 4);
    assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 1);
    tacho_recording_close(rec);
    made_done(&m);
}

#ifdef HAVE_ZSTD

#define BOMB_BYTES (15u << 20)
#define NOISE_BYTES 66000 /* does not compress, so that the rest may as much as a block can */

static void put_noise(struct buffer *b)
{
    uint64_t chances = 1;
    for (unsigned i = 0; i < NOISE_BYTES / 8; i++) {
        uint64_t noise = chance(&chances);
        buffer_put(b, &noise, sizeof noise);
    }
}

/* Millions of happenings in a file of 70 kB. */
static void test_journal_bomb(void **state)
{
    struct made m;
    struct buffer noise = {0};
    struct tacho_error error;
    struct tacho_recording *rec = NULL;
    made_init(&m, &codec_zstd);
    put_noise(&noise);
    record_put(&m.journal,
               &(struct record){.type = RECORD_NOTE, .note = {.text = {noise.data, noise.len}}});
    while (m.journal.len < BOMB_BYTES)
        record_put(&m.journal, &(struct record){.type = RECORD_NOTE});
    made_journal(&m);
    assert_true(m.file.len < 100000);
    int fd = file_of(m.file.data, m.file.len);
    assert_int_equal(tacho_recording_open_fd(fd, &rec, &error), -EPROTO);
    assert_non_null(strstr(error.message, "holds more than a file of its size may"));
    close(fd);
    buffer_done(&noise);
    made_done(&m);
}

/* Entities that nobody bore, each of four bytes, in the millions. */
static void test_samples_bomb(void **state)
{
    struct made m;
    struct buffer bomb = {0}, noise = {0};
    struct tacho_recording *rec;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    made_init(&m, &codec_zstd);
    made_metrics(&m);
    made_journal(&m);
    put_noise(&noise);
    /* interval, one tick, one pattern: there; processes; the first has a column of noise; of all
     * nothing was known before */
    buffer_put(&bomb, "\x0a\x01\x01\x02\x01\x01\x01", 7);
    varint_put(&bomb, 1 + BOMB_BYTES / 4);
    buffer_put(&bomb, "\x01\x00\x00\x01", 4);
    varint_put(&bomb, noise.len);
    buffer_put(&bomb, noise.data, noise.len);
    for (unsigned i = 0; i < BOMB_BYTES / 4; i++)
        buffer_put(&bomb, "\x01\x00\x00\x00", 4);
    made_block(&m, BLOCK_PROCESSES, BLOCK_KEYFRAME, 1, 1, bomb.data, bomb.len);
    assert_true(m.file.len < 100000);
    assert_int_equal(open_bytes(m.file.data, m.file.len, &rec), 0);
    assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, ALL_KINDS, &walk), 0);
    assert_int_equal(tacho_walk_next(walk, &sample), 0);
    assert_int_equal(tacho_recording_salvage(rec)->undecodable_blocks, 1);
    tacho_walk_close(walk);
    tacho_recording_close(rec);
    buffer_done(&bomb);
    buffer_done(&noise);
    made_done(&m);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_cut_everywhere_compressed),
        cmocka_unit_test(test_grows_while_read),
        cmocka_unit_test(test_flip_everywhere),
        cmocka_unit_test(test_flip_everywhere_compressed),
        cmocka_unit_test(test_counts_of_a_corrupt_block),
        cmocka_unit_test(test_garbage_between_blocks),
        cmocka_unit_test(test_garbage_of_any_length),
        cmocka_unit_test(test_torn_block_in_the_middle),
        cmocka_unit_test(test_missing_blocks),
        cmocka_unit_test(test_repeated_blocks_are_ignored),
        cmocka_unit_test(test_newer_version),
        cmocka_unit_test(test_unknown_types_and_codecs),
        cmocka_unit_test(test_not_recordings),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_cut_while_read),
        cmocka_unit_test(test_zeros_at_the_end),
        cmocka_unit_test(test_big_blocks),
#ifdef HAVE_ZSTD
        cmocka_unit_test(test_journal_bomb),
        cmocka_unit_test(test_samples_bomb),
#endif
    };
    return cmocka_run_group_tests_name("read_salvage", tests, NULL, NULL);
}
