/* zstd behind format's codec interface. Level 1: the delta columns leave little for a higher one.
 */
#include <errno.h>
#include <zstd.h>

#include "format/block.h"

static void *compressor_new(void)
{
    return ZSTD_createCCtx();
}

static void compressor_free(void *context)
{
    ZSTD_freeCCtx(context);
}

static int compress(void *context, const uint8_t *raw, size_t n, struct buffer *ret)
{
    size_t bound = ZSTD_compressBound(n);
    if (context == NULL || buffer_reserve(ret, bound) != 0)
        return -ENOMEM;
    size_t stored = ZSTD_compressCCtx(context, ret->data + ret->len, bound, raw, n, 1);
    if (ZSTD_isError(stored))
        return -EIO;
    ret->len += stored;
    return 0;
}

static int decompress(const uint8_t *stored, size_t n, uint8_t *raw, size_t raw_bytes)
{
    size_t got = ZSTD_decompress(raw, raw_bytes, stored, n);
    return ZSTD_isError(got) || got != raw_bytes ? -EPROTO : 0;
}

const struct codec codec_zstd = {
    .id = 1,
    .name = "zstd",
    .compressor_new = compressor_new,
    .compressor_free = compressor_free,
    .compress = compress,
    .decompress = decompress,
};
