/* Block headers, their limits, and compression. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "config.h"
#include "format/block.h"

#ifdef HAVE_ZSTD
static const struct codec *const codec = &codec_zstd;
#else
static const struct codec *const codec;
#endif

static const struct block_header example = {.version = BLOCK_VERSION,
                                            .type = BLOCK_PROCESSES,
                                            .codec = 1,
                                            .flags = BLOCK_KEYFRAME,
                                            .raw_bytes = 70000,
                                            .stored_bytes = 1234,
                                            .sequence = UINT64_C(0x0123456789abcdef),
                                            .first_ns = UINT64_MAX - 1,
                                            .last_ns = UINT64_MAX,
                                            .payload_crc = 0xdeadbeef};

static enum block_verdict verdict_of(struct block_header header)
{
    uint8_t bytes[BLOCK_HEADER_BYTES];
    struct block_header back;
    block_header_encode(&header, bytes);
    return block_header_decode(bytes, &back);
}

static void test_header_comes_back(void **state)
{
    uint8_t bytes[BLOCK_HEADER_BYTES];
    struct block_header back;
    block_header_encode(&example, bytes);
    assert_memory_equal(bytes, "\x89TCH\x01\x02\x01\x01", 8);
    assert_memory_equal(bytes + 16, "\xef\xcd\xab\x89\x67\x45\x23\x01", 8);
    assert_int_equal(block_header_decode(bytes, &back), BLOCK_OK);
    assert_int_equal(back.version, example.version);
    assert_int_equal(back.type, example.type);
    assert_int_equal(back.codec, example.codec);
    assert_int_equal(back.flags, example.flags);
    assert_int_equal(back.raw_bytes, example.raw_bytes);
    assert_int_equal(back.stored_bytes, example.stored_bytes);
    assert_int_equal(back.sequence, example.sequence);
    assert_int_equal(back.first_ns, example.first_ns);
    assert_int_equal(back.last_ns, example.last_ns);
    assert_int_equal(back.payload_crc, example.payload_crc);
}

static void test_any_flipped_bit_shows(void **state)
{
    uint8_t bytes[BLOCK_HEADER_BYTES];
    struct block_header back;
    block_header_encode(&example, bytes);
    for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(block_header_decode(bytes, &back), BLOCK_NOT_A_BLOCK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_limits(void **state)
{
    struct block_header h = example;
    h.version = BLOCK_VERSION + 1;
    assert_int_equal(verdict_of(h), BLOCK_NEWER);
    h.stored_bytes = UINT32_MAX; /* who knows what it means there */
    assert_int_equal(verdict_of(h), BLOCK_NEWER);

    h = example;
    h.raw_bytes = 65536 + 256 * h.stored_bytes;
    assert_int_equal(verdict_of(h), BLOCK_OK);
    h.raw_bytes++;
    assert_int_equal(verdict_of(h), BLOCK_IMPOSSIBLE);

    h.raw_bytes = BLOCK_RAW_MAX;
    h.stored_bytes = BLOCK_STORED_MAX;
    assert_int_equal(verdict_of(h), BLOCK_OK);
    h.stored_bytes++;
    assert_int_equal(verdict_of(h), BLOCK_IMPOSSIBLE);
    h.stored_bytes--;
    h.raw_bytes++;
    assert_int_equal(verdict_of(h), BLOCK_IMPOSSIBLE);

    h = example;
    h.codec = 0;
    assert_int_equal(verdict_of(h), BLOCK_IMPOSSIBLE);
    h.raw_bytes = h.stored_bytes;
    assert_int_equal(verdict_of(h), BLOCK_OK);
    h.raw_bytes = h.stored_bytes = 0;
    assert_int_equal(verdict_of(h), BLOCK_OK);
}

static void test_raw_limit(void **state)
{
    assert_int_equal(block_raw_limit(0), 65536);
    assert_int_equal(block_raw_limit(100), 65536 + 25600);
    assert_int_equal(block_raw_limit(65279), BLOCK_RAW_MAX - 256);
    assert_int_equal(block_raw_limit(65280), BLOCK_RAW_MAX);
    assert_int_equal(block_raw_limit(UINT32_MAX), BLOCK_RAW_MAX);
}

/* Appends a payload and reads it back; the codec it was stored with. */
static unsigned stored_with(const uint8_t *payload, size_t n, const struct codec *with)
{
    struct buffer b = {0};
    struct block_header h = {.type = BLOCK_JOURNAL, .sequence = 7}, back;
    void *context = with != NULL ? with->compressor_new() : NULL;
    buffer_put(&b, "before", 6);
    assert_int_equal(block_append(&b, &h, payload, n, with, context), 0);
    assert_memory_equal(b.data, "before", 6);
    assert_int_equal(block_header_decode(b.data + 6, &back), BLOCK_OK);
    const uint8_t *stored = b.data + 6 + BLOCK_HEADER_BYTES;
    assert_int_equal(b.len, 6 + BLOCK_HEADER_BYTES + back.stored_bytes);
    assert_int_equal(back.raw_bytes, n);
    assert_int_equal(back.sequence, 7);
    assert_int_equal(back.payload_crc, crc32c(0, stored, back.stored_bytes));
    if (back.codec == 0) {
        assert_memory_equal(stored, payload, n);
    } else {
        uint8_t *raw = malloc(n + 1);
        assert_true(back.stored_bytes < n);
        assert_int_equal(with->decompress(stored, back.stored_bytes, raw, n), 0);
        assert_memory_equal(raw, payload, n);
        assert_int_equal(with->decompress(stored, back.stored_bytes, raw, n + 1), -EPROTO);
        assert_int_equal(with->decompress(stored, back.stored_bytes, raw, n - 1), -EPROTO);
        assert_int_equal(with->decompress(stored, back.stored_bytes - 1, raw, n), -EPROTO);
        free(raw);
    }
    if (with != NULL)
        with->compressor_free(context);
    buffer_done(&b);
    return back.codec;
}

static void test_append(void **state)
{
    uint8_t *payload = calloc(1, BLOCK_RAW_MAX + 1);
    struct buffer b = {0};
    struct block_header h = {.type = BLOCK_JOURNAL};
    assert_int_equal(stored_with(payload, 0, NULL), 0);
    assert_int_equal(stored_with(payload, 1000, NULL), 0);
    assert_int_equal(stored_with(payload, BLOCK_RAW_MAX, NULL), 0);
    assert_int_equal(block_append(&b, &h, payload, BLOCK_RAW_MAX + 1, NULL, NULL), -E2BIG);
    assert_int_equal(b.len, 0);
    if (codec != NULL) {
        assert_int_equal(stored_with(payload, 10, codec), 0); /* too short to gain */
        assert_int_equal(stored_with(payload, 1000, codec), 1);
        /* So well compressed that a reader would take it for a bomb: stored as it is. */
        assert_int_equal(stored_with(payload, BLOCK_RAW_MAX, codec), 0);
        uint64_t x = 1;
        for (size_t i = 0; i < 4096; i++, x = x * 6364136223846793005u + 1442695040888963407u)
            payload[i] = (uint8_t)(x >> 56);
        assert_int_equal(stored_with(payload, 4096, codec), 0); /* nothing to gain */
    }
    free(payload);
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_comes_back),
        cmocka_unit_test(test_any_flipped_bit_shows),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_raw_limit),
        cmocka_unit_test(test_append),
    };
    return cmocka_run_group_tests_name("format_block", tests, NULL, NULL);
}
